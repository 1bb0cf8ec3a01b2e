package stream

import "math"

// HDDMA compares the mean of all values with that of the values up to a cut
// (Frias-Blanco et al., Online and non-parametric drift detection methods based on
// Hoeffding's bounds, 2014, section 4, HDDM_A-test):
//
//	mean_n - mean_cut >= sqrt((n - cut)/(2 cut n) ln(2/c)),   corollary 3
//
// c DriftConfidence: drift; c WarningConfidence: warning. The cut is where mean +
// sqrt(ln(1/c)/(2 n)) was least; for a decrease, where mean - that was greatest.
// As in River, a drift begins anew on the value after it, and a warning may stand
// beside a drift where both sides are looked at.
type HDDMA struct {
	DriftConfidence, WarningConfidence float64 // in (0, 1]
	TwoSidedTest                       bool    // a decrease is a drift as well

	all, least, most mean // least, most: as it was at the cut
	drift, warning   bool
	level
}

func (h *HDDMA) bound(n float64) float64 {
	return math.Sqrt(1 / (2 * n) * math.Log(1/h.DriftConfidence))
}

// Update takes values in [0, 1]. Level is the greater of the differences and
// its bound of a drift.
func (h *HDDMA) Update(x float64) (drift, warning bool) {
	if !isShare(x) {
		return false, false
	}
	if h.drift {
		h.all, h.least, h.most = mean{}, mean{}, mean{}
	}
	h.all.add(x)
	if h.least.n == 0 {
		h.least = h.all
	}
	if h.most.n == 0 {
		h.most = h.all
	}
	eps := h.bound(h.all.n)
	if h.least.m+h.bound(h.least.n) >= h.all.m+eps {
		h.least = h.all
	}
	if h.most.m-h.bound(h.most.n) <= h.all.m-eps {
		h.most = h.all
	}
	up, down := h.all.m-h.least.m, h.most.m-h.all.m
	h.drift = h.beyond(up, &h.least, h.DriftConfidence)
	h.warning = !h.drift && h.beyond(up, &h.least, h.WarningConfidence)
	if h.TwoSidedTest {
		if h.beyond(down, &h.most, h.DriftConfidence) {
			h.drift = true
		} else if h.beyond(down, &h.most, h.WarningConfidence) {
			h.warning = true
		}
	}
	h.show(up, down)
	return h.drift, h.warning
}

func (h *HDDMA) beyond(diff float64, cut *mean, confidence float64) bool {
	return cut.n != h.all.n && diff >= h.epsilon(cut, confidence)
}

func (h *HDDMA) epsilon(cut *mean, confidence float64) float64 {
	m := (h.all.n - cut.n) / cut.n * (1 / h.all.n)
	return math.Sqrt(m / 2 * math.Log(2/confidence))
}

func (h *HDDMA) show(up, down float64) {
	h.level = level{}
	if h.least.n != h.all.n {
		h.compare(up, h.epsilon(&h.least, h.DriftConfidence))
	}
	if h.TwoSidedTest && h.most.n != h.all.n {
		if eps := h.epsilon(&h.most, h.DriftConfidence); !h.ok || down/eps > h.statistic/h.threshold {
			h.compare(down, eps)
		}
	}
}

// AppendState implements Detector.
func (h *HDDMA) AppendState(b []byte) []byte {
	w := newWriter(b)
	w.boolean(h.drift)
	w.boolean(h.warning)
	w.mean(h.all)
	w.mean(h.least)
	w.mean(h.most)
	w.level(h.level)
	return w.b
}

// ReadState implements Detector.
func (h *HDDMA) ReadState(b []byte) error {
	n, r := *h, newReader(b)
	n.drift, n.warning = r.boolean(), r.boolean()
	n.all, n.least, n.most = r.meanShare(), r.meanShare(), r.meanShare()
	n.level = r.level()
	if r.err == nil && (n.least.n > n.all.n || n.most.n > n.all.n) {
		r.err = errCut
	}
	if err := r.done("hddm_a"); err != nil {
		return err
	}
	*h = n
	return nil
}
