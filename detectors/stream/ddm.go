package stream

import "math"

// DDM watches a share of errors, which ought to fall (Gama, Medas, Castillo and
// Rodrigues, Learning with drift detection, 2004, section 3):
//
//	s_i = sqrt(p_i (1 - p_i) / i),   p_i the share so far
//	warning: p_i + s_i > p_min + 2 s_min,   drift: > p_min + 3 s_min
//
// p_min and s_min are those of the least p_i + s_i since more than WarmStart
// values were there.
type DDM struct {
	WarmStart        int
	WarningThreshold float64 // the 2
	DriftThreshold   float64 // the 3

	p              mean
	seen           bool // pMin and sMin are there
	pMin, sMin     float64
	drift, warning bool
	level
}

// Update takes errors (1) and successes (0), or shares of errors between. Level
// is p_i + s_i and the bound of a drift.
func (d *DDM) Update(x float64) (drift, warning bool) {
	if !isShare(x) {
		return false, false
	}
	if d.drift {
		d.p, d.seen, d.drift, d.warning, d.level = mean{}, false, false, false, level{}
	}
	d.p.add(x)
	p := math.Min(1, math.Max(0, d.p.m)) // rounding may carry a mean of ones past 1
	s := math.Sqrt(p * (1 - p) / d.p.n)
	if d.p.n > float64(d.WarmStart) {
		if !d.seen || p+s <= d.pMin+d.sMin {
			d.seen, d.pMin, d.sMin = true, p, s
		}
		bound := d.pMin + float64(d.DriftThreshold*d.sMin)
		d.drift = p+s > bound
		d.warning = !d.drift && p+s > d.pMin+float64(d.WarningThreshold*d.sMin)
		d.compare(p+s, bound)
	}
	return d.drift, d.warning
}

// AppendState implements Detector.
func (d *DDM) AppendState(b []byte) []byte {
	w := newWriter(b)
	w.boolean(d.drift)
	w.boolean(d.warning)
	w.mean(d.p)
	w.boolean(d.seen)
	if d.seen {
		w.float(d.pMin, d.sMin)
	}
	w.level(d.level)
	return w.b
}

// ReadState implements Detector.
func (d *DDM) ReadState(b []byte) error {
	n, r := *d, newReader(b)
	n.drift, n.warning = r.boolean(), r.boolean()
	n.p = r.meanShare()
	if n.seen, n.pMin, n.sMin = r.boolean(), 0, 0; n.seen {
		n.pMin, n.sMin = r.share(), r.share()
	}
	n.level = r.level()
	if err := r.done("ddm"); err != nil {
		return err
	}
	*d = n
	return nil
}
