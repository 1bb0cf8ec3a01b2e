package stream

import "math"

// EDDM watches the distances between errors, which ought to grow (Baena-Garcia
// et al., Early drift detection method, 2006, section 3):
//
//	(p'_i + 2 s'_i) / max (p' + 2 s') < alpha: warning,  < beta: drift
//
// p' and s' are mean and standard deviation of the number of values from one
// error to the next. River differs from the paper: the maximum counts from more
// than WarmStart values on, the comparison from more than WarmStart errors on (the
// paper: 30 errors for both), and a warning holds between errors, and beside the
// drift that follows it.
type EDDM struct {
	WarmStart   int
	Alpha, Beta float64 // Alpha >= Beta

	n, last, errors int
	distance        mean
	squares         float64 // of differences from the mean distance
	most            float64 // max p' + 2 s'
	drift, warning  bool
	level
}

// Update takes errors (1); all else counts as none. Level is the ratio, and Beta:
// it speaks below.
func (e *EDDM) Update(x float64) (drift, warning bool) {
	if !isShare(x) {
		return false, false
	}
	if e.drift {
		*e = EDDM{WarmStart: e.WarmStart, Alpha: e.Alpha, Beta: e.Beta}
	}
	e.n++
	if x == 1 {
		e.failed()
	}
	return e.drift, e.warning
}

func (e *EDDM) failed() {
	e.errors++
	x := float64(e.n - e.last)
	e.last = e.n
	before := e.distance.m
	e.distance.add(x)
	e.squares += float64((x - before) * (x - e.distance.m))
	if e.n <= e.WarmStart {
		return
	}
	sd := 0.0
	if e.distance.n > 1 {
		sd = math.Sqrt(math.Max(0, e.squares/(e.distance.n-1)))
	}
	now := e.distance.m + float64(2*sd)
	switch {
	case now > e.most: // distances are 1 or more: the first is above 0
		e.most = now
	case e.errors > e.WarmStart:
		ratio := now / e.most
		e.compare(ratio, e.Beta)
		if e.drift = ratio < e.Beta; !e.drift {
			e.warning = ratio < e.Alpha
		}
	}
}

// AppendState implements Detector.
func (e *EDDM) AppendState(b []byte) []byte {
	w := newWriter(b)
	w.boolean(e.drift)
	w.boolean(e.warning)
	w.whole(e.n)
	w.whole(e.last)
	w.whole(e.errors)
	w.mean(e.distance)
	w.float(e.squares, e.most)
	w.level(e.level)
	return w.b
}

// ReadState implements Detector.
func (e *EDDM) ReadState(b []byte) error {
	n, r := *e, newReader(b)
	n.drift, n.warning = r.boolean(), r.boolean()
	n.n = r.whole(1 << 53)
	n.last = r.whole(n.n)
	n.errors = r.whole(n.n)
	n.distance = r.mean(0, 1<<53)
	n.squares, n.most = r.within(0, maxState), r.within(0, maxState)
	n.level = r.level()
	if err := r.done("eddm"); err != nil {
		return err
	}
	*e = n
	return nil
}
