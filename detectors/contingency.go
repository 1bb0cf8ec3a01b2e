package detectors

import "math"

// Test is a classic test's outcome. NaN in all fields when the input does not
// allow one.
type Test struct{ Statistic, P, DF float64 }

var noTest = Test{math.NaN(), math.NaN(), math.NaN()}

// ChiSquareTest is Pearson's test of homogeneity of two samples of counts over
// the same categories (Pearson 1900; Fisher 1922 for the degrees of freedom),
//
//	X2 = sum (observed - expected)^2 / expected,   df = categories - 1,
//
// expected = row total x column total / total. Categories that are empty on both
// sides are left out; with one category left the statistic is 0 and P 1. With
// yates and one degree of freedom each |observed - expected| is reduced by 1/2
// (Yates 1934), but not below 0.
//
// It takes both samples as independent draws: under dependence between events it
// rejects far too often, which is why the rule does not use it. NaN when a side
// is empty, a count is negative or not finite, or the lengths differ.
func ChiSquareTest(a, b []float64, yates bool) Test {
	return contingency(a, b, func(observed, expected float64, df int) float64 {
		d := math.Abs(observed - expected)
		if yates && df == 1 {
			d -= math.Min(.5, d)
		}
		return d * d / expected
	})
}

// GTest is the likelihood-ratio test of homogeneity: G = 2 sum observed
// ln(observed/expected), otherwise as ChiSquareTest (Wilks 1938; Sokal and
// Rohlf, Biometry, 1981). An empty cell adds nothing.
func GTest(a, b []float64) Test {
	return contingency(a, b, func(observed, expected float64, _ int) float64 {
		if observed == 0 {
			return 0
		}
		return 2 * observed * math.Log(observed/expected)
	})
}

func contingency(a, b []float64, term func(observed, expected float64, df int) float64) Test {
	if len(a) != len(b) {
		return noTest
	}
	var na, nb float64
	df := -1
	for i := range a {
		if !(a[i] >= 0) || !(b[i] >= 0) {
			return noTest
		}
		na, nb = na+a[i], nb+b[i]
		if a[i]+b[i] > 0 {
			df++
		}
	}
	n := na + nb
	if na == 0 || nb == 0 || math.IsInf(n, 1) {
		return noTest
	}
	if df == 0 {
		return Test{0, 1, 0}
	}
	sum := 0.0
	for i := range a {
		if t := a[i] + b[i]; t > 0 {
			sum += term(a[i], t*na/n, df) + term(b[i], t*nb/n, df)
		}
	}
	sum = math.Max(0, sum) // G of equal shares is a rounding error about 0
	return Test{sum, ChiSquareSF(sum, float64(df)), float64(df)}
}
