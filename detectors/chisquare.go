package detectors

import (
	"math"

	"gonum.org/v1/gonum/mathext"
)

// ChiSquareSF is P(X > x) for X ~ chi-square with df > 0 degrees of freedom (any
// real), accurate in relative terms in the upper tail:
//
//	P(X > x) = Q(df/2, x/2), the regularised upper incomplete gamma function
//
// Source: Abramowitz and Stegun, Handbook of Mathematical Functions (1964),
// 26.4.19. 1 for x <= 0, 0 for +Inf. NaN when x or df is NaN or df <= 0.
func ChiSquareSF(x, df float64) float64 {
	switch {
	case math.IsNaN(x) || math.IsNaN(df) || df <= 0:
		return math.NaN()
	case x <= 0:
		return 1
	case math.IsInf(x, 1):
		return 0
	}
	return mathext.GammaIncRegComp(df/2, x/2)
}
