package detectors

import "math"

// FisherCombination puts independent p-values into one: -2 sum ln p is
// chi-square with 2n degrees of freedom when all null hypotheses hold (Fisher,
// Statistical Methods for Research Workers, 4th ed., 1932, 21.1). A p of 0 gives
// +Inf and 0. NaN for no values, or when one is not in [0, 1].
func FisherCombination(p []float64) Test {
	if len(p) == 0 {
		return noTest
	}
	sum := 0.0
	for _, x := range p {
		if !(x >= 0 && x <= 1) {
			return noTest
		}
		sum -= 2 * math.Log(x)
	}
	sum += 0 // -0 for p = 1
	df := 2 * float64(len(p))
	return Test{sum, ChiSquareSF(sum, df), df}
}
