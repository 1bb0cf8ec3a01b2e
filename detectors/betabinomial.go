package detectors

import "math"

// BetaBinomialUpper is P(X >= k) for X ~ BetaBinomial(n, a, b): the number of
// successes in n trials whose rate is drawn from Beta(a, b), a, b > 0.
//
//	P(X = k) = C(n, k) B(k+a, n-k+b) / B(a, b)
//
// Source: Johnson, Kemp and Kotz, Univariate Discrete Distributions (3rd ed.,
// 2005), eq. 6.19. The sum starts at k and follows the ratio of neighbouring
// terms,
//
//	P(k+1)/P(k) = (n-k)(k+a) / ((k+1)(n-k-1+b))
//
// away from the mean, where terms fall, so that it may stop early; on the other
// side of the mean the complement is summed. NaN when a or b is not positive.
func BetaBinomialUpper(k, n, a, b float64) float64 {
	switch {
	case !(a > 0) || !(b > 0) || math.IsNaN(k) || math.IsNaN(n):
		return math.NaN()
	case k <= 0:
		return 1
	case k > n:
		return 0
	case k <= n*a/(a+b):
		return math.Max(0, 1-BetaBinomialLower(k-1, n, a, b))
	}
	term := math.Exp(logBetaBinomial(k, n, a, b))
	sum := term
	for j := k; j < n; j++ {
		term *= (n - j) * (j + a) / ((j + 1) * (n - j - 1 + b))
		sum += term
		if term == 0 || term < sum*1e-16 { // 0: below what a float holds, and falling
			break
		}
	}
	return math.Min(1, sum)
}

// BetaBinomialLower is P(X <= k); see BetaBinomialUpper.
func BetaBinomialLower(k, n, a, b float64) float64 {
	return BetaBinomialUpper(n-k, n, b, a)
}

func logBetaBinomial(k, n, a, b float64) float64 {
	return lgamma(n+1) - lgamma(k+1) - lgamma(n-k+1) +
		lgamma(k+a) + lgamma(n-k+b) - lgamma(n+a+b) +
		lgamma(a+b) - lgamma(a) - lgamma(b)
}

func lgamma(x float64) float64 {
	y, _ := math.Lgamma(x)
	return y
}
