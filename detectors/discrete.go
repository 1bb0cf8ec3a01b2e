package detectors

import (
	"math"

	"gonum.org/v1/gonum/mathext"
)

// weights is a law on the whole numbers from first on, up to a factor.
type weights struct {
	first int
	w     []float64
}

// hypergeometric is the law of the number of marked ones among drawn of total
// with marked, without those less likely than 1e-320 of the likeliest.
func hypergeometric(total, marked, drawn int) weights {
	lo, hi := max(0, drawn-(total-marked)), min(marked, drawn)
	mode := int((float64(drawn) + 1) * (float64(marked) + 1) / (float64(total) + 2))
	mode = min(max(mode, lo), hi)
	up := func(k int) float64 { // of k+1 over k
		return float64(marked-k) / float64(k+1) * (float64(drawn-k) / float64(total-marked-drawn+k+1))
	}
	var down []float64
	first := mode
	for w := 1.0; first > lo; first-- {
		if w /= up(first - 1); w == 0 {
			break
		}
		down = append(down, w)
	}
	h := weights{first: mode - len(down)}
	for i := len(down) - 1; i >= 0; i-- {
		h.w = append(h.w, down[i])
	}
	h.w = append(h.w, 1)
	for k, w := mode, 1.0; k < hi; k++ {
		if w *= up(k); w == 0 {
			break
		}
		h.w = append(h.w, w)
	}
	return h
}

func (h weights) at(k int) float64 {
	if k < h.first || k >= h.first+len(h.w) {
		return 0
	}
	return h.w[k-h.first]
}

// sum is the share of the numbers for which pick says yes.
func (h weights) sum(pick func(k int, w float64) bool) float64 {
	in, out := 0.0, 0.0
	for i, w := range h.w {
		if pick(h.first+i, w) {
			in += w
		} else {
			out += w
		}
	}
	return in / (in + out)
}

// HypergeometricPMF is the chance of k marked ones among drawn out of total with
// marked. NaN when more are marked or drawn than there are, or a number is negative.
func HypergeometricPMF(k, total, marked, drawn int) float64 {
	if min(total, marked, drawn) < 0 || marked > total || drawn > total {
		return math.NaN()
	}
	return hypergeometric(total, marked, drawn).sum(func(i int, _ float64) bool { return i == k })
}

// HypergeometricCDF is the chance of at most k; see HypergeometricPMF.
func HypergeometricCDF(k, total, marked, drawn int) float64 {
	if min(total, marked, drawn) < 0 || marked > total || drawn > total {
		return math.NaN()
	}
	return hypergeometric(total, marked, drawn).sum(func(i int, _ float64) bool { return i <= k })
}

// BinomialSF is the chance of more than k successes in n trials of chance p
// (Abramowitz and Stegun 26.5.24): I_p(k+1, n-k).
func BinomialSF(k, n int, p float64) float64 {
	switch {
	case n < 0 || !(p >= 0) || p > 1:
		return math.NaN()
	case k < 0:
		return 1
	case k >= n:
		return 0
	}
	return mathext.RegIncBeta(float64(k+1), float64(n-k), p)
}

// BinomialCDF is the chance of at most k successes: I_(1-p)(n-k, k+1).
func BinomialCDF(k, n int, p float64) float64 {
	switch {
	case n < 0 || !(p >= 0) || p > 1:
		return math.NaN()
	case k < 0:
		return 0
	case k >= n:
		return 1
	}
	return mathext.RegIncBeta(float64(n-k), float64(k+1), 1-p)
}
