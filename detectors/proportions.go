package detectors

import "math"

// TwoProportionZ compares x1 of n1 with x2 of n2 by the normal law with a pooled
// variance, two-sided (Fleiss, Statistical Methods for Rates and Proportions,
// 1981, section 2.2):
//
//	z = (p1 - p2)/sqrt(P(1-P)(1/n1 + 1/n2)),   P = (x1 + x2)/(n1 + n2)
//
// NaN when a side is empty or both hold only successes or only failures.
func TwoProportionZ(x1, n1, x2, n2 float64) Test {
	p := (x1 + x2) / (n1 + n2)
	z := (x1/n1 - x2/n2) / math.Sqrt(p*(1-p)*(1/n1+1/n2))
	return Test{Statistic: z, P: 2 * NormalSF(math.Abs(z)), DF: math.NaN()}
}
