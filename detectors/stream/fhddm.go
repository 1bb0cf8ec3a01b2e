package stream

import (
	"math"
	"slices"
)

// FHDDM compares the mean of the last values with the greatest that this has been
// (Pesaranghader and Viktor, Fast Hoeffding drift detection method for evolving
// data streams, 2016, theorem 2); stacked, with a second, shorter window too
// (Pesaranghader, Viktor and Paquet, Reservoir of diverse adaptive learners and
// stacking fast Hoeffding drift detection methods for evolving data streams, 2018):
//
//	max mean - mean > sqrt(ln(1/c) / (2 n))
//
// for windows of n = SlidingWindowSize values, or of ShortWindowSize. So ones are
// good outcomes here, and a drift is a fall of their share, where DDM and HDDM
// take ones for errors: invert a stream of errors. As in River, the short
// window speaks only once the long one is full, and there is no warning.
type FHDDM struct {
	SlidingWindowSize int
	ConfidenceLevel   float64 // in (0, 1]
	ShortWindowSize   int     // 0: none; at most SlidingWindowSize

	window          []float64 // at most SlidingWindowSize - 1 between updates, the oldest first
	sum             float64
	most, mostShort float64
	drift           bool
	level
}

// Update takes values in [0, 1]. Level is the fall of the window's mean and its
// bound: of the short one where that has gone further.
func (f *FHDDM) Update(x float64) (drift, warning bool) {
	if !isShare(x) {
		return false, false
	}
	if f.drift {
		f.window, f.sum, f.most, f.mostShort, f.drift, f.level = f.window[:0], 0, 0, 0, false, level{}
	}
	f.window = append(f.window, x)
	f.sum += x
	if len(f.window) < f.SlidingWindowSize {
		return false, false
	}
	u := f.sum / float64(f.SlidingWindowSize)
	f.most = math.Max(f.most, u)
	f.drift = f.fell(f.most-u, f.SlidingWindowSize)
	if k := f.ShortWindowSize; k > 0 {
		s := 0.0
		for _, v := range f.window[len(f.window)-k:] {
			s += v
		}
		s /= float64(k)
		f.mostShort = math.Max(f.mostShort, s)
		long := f.level
		short := f.fell(f.mostShort-s, k)
		f.drift = f.drift || short
		if long.statistic/long.threshold > f.statistic/f.threshold {
			f.level = long
		}
	}
	f.sum -= f.window[0]
	f.window = slices.Delete(f.window, 0, 1)
	return f.drift, false
}

func (f *FHDDM) fell(by float64, n int) bool {
	eps := math.Sqrt(math.Log(1/f.ConfidenceLevel) / (2 * float64(n)))
	f.compare(by, eps)
	return by > eps
}

// AppendState implements Detector.
func (f *FHDDM) AppendState(b []byte) []byte {
	w := newWriter(b)
	w.boolean(f.drift)
	w.whole(len(f.window))
	w.float(f.window...)
	w.float(f.sum, f.most, f.mostShort)
	w.level(f.level)
	return w.b
}

// ReadState implements Detector.
func (f *FHDDM) ReadState(b []byte) error {
	n, r := *f, newReader(b)
	n.drift, n.window = r.boolean(), nil
	sum := 0.0
	for range r.whole(f.SlidingWindowSize - 1) {
		n.window = append(n.window, r.share())
		sum += n.window[len(n.window)-1]
	}
	n.sum, n.most, n.mostShort = r.float(), r.share(), r.share()
	if r.err == nil && math.Abs(n.sum-sum) > 1e-6 {
		r.err = errRing
	}
	n.level = r.level()
	if err := r.done("fhddm"); err != nil {
		return err
	}
	*f = n
	return nil
}
