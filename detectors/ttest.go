package detectors

import "math"

// WelchT is Welch's test of equal means of two samples with variances of their own
// (Welch, The generalization of Student's problem when several different
// population variances are involved, 1947), two-sided:
//
//	t = (mean x - mean y)/sqrt(vx/n + vy/m)
//	df = (vx/n + vy/m)^2 / ((vx/n)^2/(n-1) + (vy/m)^2/(m-1))
//
// Where the degrees of freedom are no number (no variance, or one beyond the
// range of floats) they are 1. Infinite, with P 0, for two different constants;
// NaN for two equal ones and when a sample has fewer than 2 values or holds a NaN.
func WelchT(x, y []float64) Test {
	n, m := float64(len(x)), float64(len(y))
	mx, vx := meanVariance(x)
	my, vy := meanVariance(y)
	vx, vy = vx/n, vy/m
	df := (vx + vy) * (vx + vy) / (vx*vx/(n-1) + vy*vy/(m-1))
	if math.IsNaN(df) {
		df = 1
	}
	return tTest((mx-my)/math.Sqrt(vx+vy), df)
}

// StudentT is Student's test of equal means with one common variance ("Student",
// The probable error of a mean, 1908; Fisher 1925 for two samples), two-sided;
// df = n + m - 2. Special cases as in WelchT, but that a sample of one value is
// enough beside a larger one.
func StudentT(x, y []float64) Test {
	n, m := float64(len(x)), float64(len(y))
	mx, vx := meanVariance(x)
	my, vy := meanVariance(y)
	df := n + m - 2
	sum := 0.0
	if n > 1 {
		sum += (n - 1) * vx
	}
	if m > 1 {
		sum += (m - 1) * vy
	}
	if n == 0 || m == 0 {
		return noTest
	}
	return tTest((mx-my)/math.Sqrt(sum/df*(1/n+1/m)), df)
}

func tTest(t, df float64) Test {
	p := math.NaN()
	if !math.IsNaN(t) && df > 0 {
		p = 2 * StudentSF(math.Abs(t), df)
	}
	return Test{Statistic: t, P: p, DF: df}
}

// meanVariance is the mean and the variance over n-1 (NaN for fewer than 2
// values), in two passes, the second of which takes the rounding of the first out
// (Chan, Golub and LeVeque, Algorithms for computing the sample variance, 1983, eq. 1.7).
func meanVariance(x []float64) (mean, variance float64) {
	for _, v := range x {
		mean += v
	}
	n := float64(len(x))
	mean /= n
	rest := 0.0
	for _, v := range x {
		rest += v - mean
		variance += (v - mean) * (v - mean)
	}
	if len(x) < 2 {
		return mean, math.NaN()
	}
	return mean + rest/n, math.Max(0, variance-rest*rest/n) / (n - 1)
}
