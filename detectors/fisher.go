package detectors

import "math"

// FisherExact is Fisher's exact test of a 2 x 2 table of counts, rows (a, b) and
// (c, d) (Fisher, The logic of inductive inference, 1935): given the margins, a
// has a hypergeometric law. odds is the sample's ratio a d/(b c). Greater looks
// for a ratio above 1, Less for one below; TwoSided adds up all tables that are
// not more likely than this one. Probabilities are taken relative to the likeliest table,
// by ratios of neighbours: no logarithms, no loss in the tail.
//
// A margin of 0 tells nothing: odds is NaN, p 1. NaN for negative counts.
func FisherExact(a, b, c, d int, alt Alternative) (odds, p float64) {
	if min(a, b, c, d) < 0 {
		return math.NaN(), math.NaN()
	}
	if a+b == 0 || c+d == 0 || a+c == 0 || b+d == 0 {
		return math.NaN(), 1
	}
	odds = math.Inf(1)
	if b > 0 && c > 0 {
		odds = float64(a) / float64(b) * (float64(d) / float64(c))
	}
	h := hypergeometric(a+b+c+d, a+b, a+c)
	switch alt {
	case Less:
		return odds, h.sum(func(k int, _ float64) bool { return k <= a })
	case Greater:
		return odds, h.sum(func(k int, _ float64) bool { return k >= a })
	}
	// Tables as likely as this one count, whatever rounding says.
	most := h.at(a) * (1 + 1e-10)
	return odds, h.sum(func(_ int, w float64) bool { return w <= most })
}
