package stream

import "math"

// ADWIN keeps a window of the last values for as long as no two parts of it
// differ in their means (Bifet and Gavalda, Learning from time-changing data with
// adaptive windowing, 2007, ADWIN2, theorem 3.1 and section 4):
//
//	|mean0 - mean1| > eps,   eps = sqrt(2 m var d) + 2/3 d m,
//	m = 1/(n0 - l + 1) + 1/(n1 - l + 1),   d = ln(2 ln(n) / delta)
//
// for a cut of the window's n values into n0 old and n1 new ones, l the least
// length of a part, var the window's variance. The window is kept in buckets of
// 1, 2, 4, ... values, so that memory grows with the logarithm of its length; cuts
// fall between buckets.
//
// River differs from the paper, and this from the paper as River does: d has ln n
// in the place of n; m has n0 - l + 1 for n0; the cuts are looked at each Clock
// values; oldest buckets go until no cut differs, and then, on the value after a
// drift, all that is left goes too. With MaxBuckets 1 the newest row may be
// empty, and River divides by 0; here a part without values is no part.
type ADWIN struct {
	Delta           float64 // in (0, 1]: the chance of a cut where there is none
	Clock           int     // looks at each Clock-th value, 1 or more
	MaxBuckets      int     // of each size before two are merged, 1 or more
	MinWindowLength int     // least length of a part
	GracePeriod     int     // no look while the window is not longer than this

	rows            []bucketRow // of 1, 2, 4, .. values; within a row the oldest bucket first
	width           float64
	total, variance float64 // variance: the sum of squared differences, not divided by width
	tick            int     // values since the last look
	drift           bool
	level
}

// bucketRow are the buckets of one size: sum of values, and of squared
// differences from the bucket's mean.
type bucketRow struct{ total, variance []float64 }

func (r *bucketRow) add(total, variance float64) {
	r.total, r.variance = append(r.total, total), append(r.variance, variance)
}

func (r *bucketRow) removeFirst(n int) {
	r.total, r.variance = append(r.total[:0], r.total[n:]...), append(r.variance[:0], r.variance[n:]...)
}

// Width is the number of values in the window.
func (a *ADWIN) Width() int { return int(a.width) }

// Total is the sum of the values in the window.
func (a *ADWIN) Total() float64 { return a.total }

// SquaredDeviations is the sum of squared differences from the window's mean;
// River calls it variance.
func (a *ADWIN) SquaredDeviations() float64 { return a.variance }

// Mean of the window; 0 when it is empty.
func (a *ADWIN) Mean() float64 {
	if a.width == 0 {
		return 0
	}
	return a.total / a.width
}

// Update takes any number; there is no warning. Level is the largest |mean0 -
// mean1| / eps of the last look, and 1.
func (a *ADWIN) Update(x float64) (drift, warning bool) {
	if !usable(x) {
		return false, false
	}
	if a.drift {
		a.rows, a.width, a.total, a.variance, a.tick, a.level = nil, 0, 0, 0, 0, level{}
	}
	a.insert(x)
	a.drift = a.look()
	return a.drift, false
}

func (a *ADWIN) insert(x float64) {
	if len(a.rows) == 0 {
		a.rows = make([]bucketRow, 1)
	}
	a.rows[0].add(x, 0)
	a.width++
	if a.width > 1 {
		d := x - a.total/(a.width-1)
		a.variance += float64((a.width - 1) * d * d / a.width)
	}
	a.total += x
	a.compress()
}

func bucketSize(row int) float64 { return float64(uint64(1) << row) }

// compress merges the two oldest buckets of a row that has one too many.
func (a *ADWIN) compress() {
	for i := 0; i < len(a.rows); i++ {
		r := &a.rows[i]
		if len(r.total) <= a.MaxBuckets {
			return
		}
		if i+1 == len(a.rows) {
			a.rows = append(a.rows, bucketRow{})
			r = &a.rows[i]
		}
		n := bucketSize(i)
		d := r.total[0]/n - r.total[1]/n
		a.rows[i+1].add(r.total[0]+r.total[1], r.variance[0]+r.variance[1]+float64(n*n*d*d/(n+n)))
		r.removeFirst(2)
	}
}

// look drops the oldest bucket for as long as some cut differs.
func (a *ADWIN) look() (changed bool) {
	a.tick = (a.tick + 1) % a.Clock
	if a.tick != 0 || a.width <= float64(a.GracePeriod) {
		return false
	}
	a.level = level{}
	for a.differs() {
		a.dropOldest()
		changed = true
	}
	return changed
}

// differs goes through the cuts from the oldest to the newest, up to the first
// that differs.
func (a *ADWIN) differs() bool {
	n0, n1, u0, u1, least := 0.0, a.width, 0.0, a.total, float64(a.MinWindowLength)
	for i := len(a.rows) - 1; i >= 0; i-- {
		r, n := &a.rows[i], bucketSize(i)
		for k, u := range r.total {
			if i == 0 && k == len(r.total)-1 {
				return false // the newest value is no part to compare with nothing
			}
			n0, n1, u0, u1 = n0+n, n1-n, u0+u, u1-u
			if n0 < least || n1 < least || n1 <= 0 {
				continue
			}
			diff, eps := math.Abs(u0/n0-u1/n1), a.epsilon(n0, n1)
			if r := diff / eps; r > a.statistic || !a.ok {
				a.compare(r, 1)
			}
			if diff > eps { // false where the variance has been rounded to below 0
				return true
			}
		}
	}
	return false
}

func (a *ADWIN) epsilon(n0, n1 float64) float64 {
	least := float64(a.MinWindowLength)
	d := math.Log(2 * math.Log(a.width) / a.Delta)
	m := 1/(n0-least+1) + 1/(n1-least+1)
	return math.Sqrt(2*m*(a.variance/a.width)*d) + float64(2.0/3*d*m)
}

func (a *ADWIN) dropOldest() {
	last := len(a.rows) - 1
	r, n := &a.rows[last], bucketSize(last)
	u, v := r.total[0], r.variance[0]
	a.width -= n
	a.total -= u
	d := u/n - a.total/a.width
	a.variance -= v + float64(n*a.width*d*d/(n+a.width))
	r.removeFirst(1)
	if len(r.total) == 0 {
		a.rows = a.rows[:last]
	}
}

// AppendState implements Detector.
func (a *ADWIN) AppendState(b []byte) []byte {
	w := newWriter(b)
	w.boolean(a.drift)
	w.whole(a.tick)
	w.float(a.total, a.variance)
	w.whole(len(a.rows))
	for i := range a.rows {
		w.whole(len(a.rows[i].total))
		w.float(a.rows[i].total...)
		w.float(a.rows[i].variance...)
	}
	w.level(a.level)
	return w.b
}

// maxRows is more than any stream fills: 2^52 values.
const maxRows = 52

// ReadState implements Detector.
func (a *ADWIN) ReadState(b []byte) error {
	n, r := *a, newReader(b)
	n.drift, n.tick = r.boolean(), r.whole(a.Clock-1)
	n.total, n.variance = r.float(), r.float()
	n.rows, n.width = make([]bucketRow, r.whole(maxRows)), 0
	for i := range n.rows {
		k := r.whole(a.MaxBuckets)
		for range k {
			n.rows[i].total = append(n.rows[i].total, r.float())
		}
		for range k {
			n.rows[i].variance = append(n.rows[i].variance, r.float())
		}
		n.width += float64(k) * bucketSize(i)
		if k == 0 && i == len(n.rows)-1 && r.err == nil {
			r.err = errEmptyRow
		}
	}
	n.level = r.level()
	if err := r.done("adwin"); err != nil {
		return err
	}
	*a = n
	return nil
}
