package detectors

import "math"

// KolmogorovSF is P(K > y) of Kolmogorov's limit law, that of sqrt(n) times the
// two-sided one-sample statistic as n grows (Kolmogorov 1933; Smirnov 1948):
//
//	P(K > y) = 2 sum_{k>=1} (-1)^(k-1) exp(-2 k^2 y^2)
//	P(K <= y) = sqrt(2 pi)/y sum_{k>=1} exp(-(2k-1)^2 pi^2 / (8 y^2))
//
// The first converges fast for large y, the second for small y; both are right
// everywhere, and each is used where its tail is the accurate one (Marsaglia,
// Tsang and Wang, Evaluating Kolmogorov's distribution, 2003). 1 for y <= 0; NaN
// for NaN.
func KolmogorovSF(y float64) float64 {
	if y <= 0 {
		return 1
	}
	if y < kolmogorovSplit {
		return 1 - KolmogorovCDF(y)
	}
	sum, sign := 0.0, 2.0
	for k := 1.0; k <= 20; k++ {
		term := math.Exp(-2 * k * k * y * y)
		sum += sign * term
		if term < sum*1e-17 {
			break
		}
		sign = -sign
	}
	return sum
}

// kolmogorovSplit is where the two series need as many terms; it lies near the
// median.
const kolmogorovSplit = .82

// KolmogorovCDF is P(K <= y), accurate in relative terms in the lower tail.
func KolmogorovCDF(y float64) float64 {
	switch {
	case y <= 0:
		return 0
	case !(y < kolmogorovSplit):
		return 1 - KolmogorovSF(y)
	}
	sum, w := 0.0, math.Pi*math.Pi/(8*y*y)
	for k := 1.0; k < 40; k += 2 {
		term := math.Exp(-k * k * w)
		sum += term
		if term < sum*1e-17 {
			break
		}
	}
	if sum == 0 { // below the smallest float, and 1/y may be above the largest
		return 0
	}
	return math.Sqrt(2*math.Pi) / y * sum
}

// KolmogorovUpper is the y with P(K > y) = p: +Inf for p = 0, 0 for p = 1, NaN
// outside [0, 1]. By bisection on the series whose tail is accurate there.
func KolmogorovUpper(p float64) float64 {
	switch {
	case !(p >= 0 && p <= 1):
		return math.NaN()
	case p == 0:
		return math.Inf(1)
	case p == 1:
		return 0
	}
	above := func(y float64) bool { return KolmogorovSF(y) > p }
	if p > .5 {
		above = func(y float64) bool { return KolmogorovCDF(y) < 1-p }
	}
	lo, hi := 0.0, 20.0 // P(K > 20) is below the smallest float
	for range 100 {
		if mid := lo + (hi-lo)/2; above(mid) {
			lo = mid
		} else {
			hi = mid
		}
	}
	return hi
}
