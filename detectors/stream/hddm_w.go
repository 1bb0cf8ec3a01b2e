package stream

import "math"

// HDDMW compares exponentially weighted means before and after a cut
// (Frias-Blanco et al., Online and non-parametric drift detection methods based on
// Hoeffding's bounds, 2014, section 5, HDDM_W-test, by McDiarmid's bound):
//
//	after - before > sqrt((b_before + b_after) ln(1/c) / 2),
//	mean <- l x + (1 - l) mean,   b <- l^2 + (1 - l)^2 b,  b_0 = 1
//
// c DriftConfidence: drift; c WarningConfidence: warning. The cut is where mean +
// sqrt(b ln(1/c)/2) of all values was least; for a decrease, where mean - that was
// greatest. River differs from the paper, and this from the paper as River does:
// a weighted mean that is exactly 0 takes the next value whole.
type HDDMW struct {
	DriftConfidence, WarningConfidence float64 // in (0, 1]
	Lambda                             float64 // in [0, 1]: weight of the newest value
	TwoSidedTest                       bool    // a decrease is a drift as well

	all            weighted
	up, down       split
	begun          bool
	drift, warning bool
	level
}

// weighted is a mean and the sum b of its squared weights; any: it has values.
type weighted struct {
	mean, b float64
	any     bool
}

func (w *weighted) add(x, lambda float64) {
	if w.mean == 0 {
		w.mean = x
	} else {
		w.mean = float64(lambda*x) + float64((1-lambda)*w.mean)
	}
	w.b = float64(lambda*lambda) + float64((1-lambda)*(1-lambda)*w.b)
	w.any = true
}

// split is a cut and the values on its two sides. cut is the least mean + bound
// for an increase, the greatest mean - bound for a decrease.
type split struct {
	before, after weighted
	cut           float64
	any           bool // there is a cut
}

func (s *split) add(x, lambda, cut float64, all weighted, better bool) {
	if better {
		*s = split{before: all, after: weighted{b: 1}, cut: cut, any: true}
	} else {
		s.after.add(x, lambda)
	}
}

func (h *HDDMW) reset() {
	one := weighted{b: 1}
	h.all, h.up, h.down, h.begun, h.level = one, split{before: one, after: one}, split{before: one, after: one}, true, level{}
}

func mcDiarmid(b, confidence float64) float64 { return math.Sqrt(b * math.Log(1/confidence) / 2) }

// Update takes values in [0, 1]. Level is the greater of the differences and
// its bound of a drift.
func (h *HDDMW) Update(x float64) (drift, warning bool) {
	if !isShare(x) {
		return false, false
	}
	if h.drift || !h.begun {
		h.reset()
	}
	h.all.add(x, h.Lambda)
	eps := mcDiarmid(h.all.b, h.DriftConfidence)
	cut := h.all.mean + eps
	h.up.add(x, h.Lambda, cut, h.all, !h.up.any || cut < h.up.cut)
	up := h.up.after.mean - h.up.before.mean
	h.drift = h.up.beyond(up, h.DriftConfidence)
	h.warning = !h.drift && h.up.beyond(up, h.WarningConfidence)

	cut = h.all.mean - eps
	h.down.add(x, h.Lambda, cut, h.all, !h.down.any || cut > h.down.cut)
	down := h.down.before.mean - h.down.after.mean
	if h.TwoSidedTest {
		if h.down.beyond(down, h.DriftConfidence) {
			h.drift = true
		} else if h.down.beyond(down, h.WarningConfidence) {
			h.warning = true
		}
	}
	h.show(up, down)
	return h.drift, h.warning
}

func (s *split) both() bool { return s.before.any && s.after.any }

func (s *split) bound(confidence float64) float64 { return mcDiarmid(s.before.b+s.after.b, confidence) }

func (s *split) beyond(diff, confidence float64) bool {
	return s.both() && diff > s.bound(confidence)
}

func (h *HDDMW) show(up, down float64) {
	h.level = level{}
	if h.up.both() {
		h.compare(up, h.up.bound(h.DriftConfidence))
	}
	if h.TwoSidedTest && h.down.both() {
		if eps := h.down.bound(h.DriftConfidence); !h.ok || down-eps > h.statistic-h.threshold {
			h.compare(down, eps)
		}
	}
}

// AppendState implements Detector.
func (h *HDDMW) AppendState(b []byte) []byte {
	w := newWriter(b)
	w.boolean(h.begun)
	w.boolean(h.drift)
	w.boolean(h.warning)
	if h.begun {
		w.weighted(h.all)
		for _, s := range []*split{&h.up, &h.down} {
			w.weighted(s.before)
			w.weighted(s.after)
			w.boolean(s.any)
			w.float(s.cut)
		}
	}
	w.level(h.level)
	return w.b
}

func (w *writer) weighted(x weighted) {
	w.boolean(x.any)
	w.float(x.mean, x.b)
}

func (r *reader) weighted() weighted {
	any := r.boolean()
	return weighted{any: any, mean: r.share(), b: r.share()}
}

// ReadState implements Detector.
func (h *HDDMW) ReadState(b []byte) error {
	n, r := *h, newReader(b)
	n.begun, n.drift, n.warning = r.boolean(), r.boolean(), r.boolean()
	if n.begun {
		n.all = r.weighted()
		for _, s := range []*split{&n.up, &n.down} {
			s.before, s.after, s.any, s.cut = r.weighted(), r.weighted(), r.boolean(), r.float()
		}
	}
	n.level = r.level()
	if err := r.done("hddm_w"); err != nil {
		return err
	}
	*h = n
	return nil
}
