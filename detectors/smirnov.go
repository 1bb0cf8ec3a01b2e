package detectors

import "math"

// SmirnovSF is P(D+ > d) of the one-sided one-sample Kolmogorov-Smirnov
// statistic of n values (Birnbaum and Tingey, One-sided confidence contours for
// probability distribution functions, 1951, eq. 3.0):
//
//	P = d sum_{j=0}^{floor(n(1-d))} C(n,j) (d + j/n)^(j-1) (1 - d - j/n)^(n-j)
//
// All terms are positive, so that the far tail is accurate in relative terms;
// they are taken through logarithms, which costs digits as n grows (1e-10 at 100,000). 1 for d <= 0, 0
// for d >= 1; NaN when n < 1 or d is NaN.
func SmirnovSF(n int, d float64) float64 {
	switch {
	case n < 1 || math.IsNaN(d):
		return math.NaN()
	case d <= 0:
		return 1
	case d >= 1:
		return 0
	}
	m := float64(n)
	sum := math.Exp(m * math.Log1p(-d)) // j = 0
	logC, lost := 0.0, 0.0              // Kahan's sum: plain rounding would cost 1e-9 at n = 100,000
	for j := 1.0; j <= m; j++ {
		y := math.Log((m-j+1)/j) - lost
		next := logC + y
		lost = (next - logC) - y
		logC = next
		rest := 1 - d - j/m
		if rest < 0 {
			break
		}
		t := logC + math.Log(d) + (j-1)*math.Log(d+j/m)
		switch {
		case rest > 0:
			t += (m - j) * math.Log(rest)
		case j < m:
			continue // 0 to a positive power
		}
		sum += math.Exp(t)
	}
	return math.Min(1, sum)
}
