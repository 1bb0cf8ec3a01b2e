package detectors

import (
	"math"
	"slices"
)

// BenjaminiHochberg are p-values adjusted so that rejecting those <= q keeps the
// expected share of false rejections at q, for independent or positively
// dependent tests (Benjamini and Hochberg, Controlling the false discovery
// rate, JRSS B 1995):
//
//	adjusted p_(i) = min over j >= i of p_(j) n/j, at most 1
//
// in the order of p. A NaN is no test: it stays NaN and does not count in n.
// In driftd it orders the columns of a page; it does not decide about paging.
func BenjaminiHochberg(p []float64) []float64 {
	return stepUp(p, func(int) float64 { return 1 })
}

// BenjaminiYekutieli is the same under any dependence, at the price of a factor
// sum 1/i (Benjamini and Yekutieli, The control of the false discovery rate in
// multiple testing under dependency, Annals of Statistics 2001).
func BenjaminiYekutieli(p []float64) []float64 {
	return stepUp(p, func(n int) float64 {
		c := 0.0
		for i := 1; i <= n; i++ {
			c += 1 / float64(i)
		}
		return c
	})
}

// Rejections marks the adjusted p-values that are at most q; NaN is not.
func Rejections(adjusted []float64, q float64) []bool {
	out := make([]bool, len(adjusted))
	for i, p := range adjusted {
		out[i] = p <= q
	}
	return out
}

func stepUp(p []float64, factor func(n int) float64) []float64 {
	order, out := ascending(p)
	n := len(order)
	c, least := factor(n), 1.0
	for i := n - 1; i >= 0; i-- {
		least = math.Min(least, p[order[i]]*float64(n)/float64(i+1)*c)
		out[order[i]] = least
	}
	return out
}

// ascending are the places of the p-values that are numbers, smallest first, and
// room for their adjusted values, NaN elsewhere.
func ascending(p []float64) (order []int, out []float64) {
	out = make([]float64, len(p))
	for i, x := range p {
		out[i] = math.NaN()
		if !math.IsNaN(x) {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case p[a] < p[b]:
			return -1
		case p[a] > p[b]:
			return 1
		}
		return 0
	})
	return order, out
}
