package detectors

import "math"

// Bonferroni are p-values times their number, at most 1: rejecting those <= a
// makes one false rejection or more with probability at most a, under any
// dependence. A NaN is no test, as in BenjaminiHochberg.
func Bonferroni(p []float64) []float64 {
	order, out := ascending(p)
	for _, i := range order {
		out[i] = math.Min(1, p[i]*float64(len(order)))
	}
	return out
}

// Holm keeps Bonferroni's promise and rejects more (Holm, A simple sequentially
// rejective multiple test procedure, Scandinavian Journal of Statistics 1979):
//
//	adjusted p_(i) = max over j <= i of p_(j) (n-j+1), at most 1
func Holm(p []float64) []float64 {
	order, out := ascending(p)
	most := 0.0
	for k, i := range order {
		most = math.Max(most, math.Min(1, p[i]*float64(len(order)-k)))
		out[i] = most
	}
	return out
}
