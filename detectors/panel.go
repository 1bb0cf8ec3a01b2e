package detectors

import (
	"math"
	"slices"

	"github.com/driftd/driftd"
)

// MinWindowN is the least number of values for a window to be judged, and for
// a reference window to enter a panel.
const MinWindowN = 50

// MinWindows is the least number of reference windows for a flag.
const MinWindows = 30

// FitScore fits how one score varies from window to window, from its values s
// and sizes n in the reference period (in order of time; windows with fewer
// than MinWindowN values are left out).
//
//	v(n) = D/n + Tau2
//
// by nonnegative weighted least squares of s^2 on (1/n, 1), weights 1/v^2, four
// iterations, D >= 1. When all sizes are within a factor of two the two terms
// cannot be told apart: then V = mean s^2 (Pooled). RE is the number of windows
// after the lag-1 autocorrelation r of s/sqrt(v): RE = R (1-r)/(1+r), at least
// 4; r counts when it is at least 2/sqrt(R), up to .95, and not for a score
// that is constant (variance below .01), as of a column that is never null.
//
// The idea is that of design effects (Rao and Scott, The analysis of
// categorical data from complex sample surveys, JASA 1981), for each score
// apart: one pooled effect fails on autocorrelated events.
func FitScore(name string, s, n []float64) driftd.Fit {
	var ss, ns []float64
	for i := range s {
		if n[i] >= MinWindowN {
			ss, ns = append(ss, s[i]), append(ns, n[i])
		}
	}
	f := driftd.Fit{Name: name, R: len(ss), RE: 4, D: 1}
	if f.R == 0 {
		return f
	}
	f.MedianN, f.MaxN = median(ns), slices.Max(ns)
	if f.MaxN <= 2*slices.Min(ns) {
		f.Pooled = true
		for _, x := range ss {
			f.V += x * x
		}
		f.V /= float64(f.R)
	} else {
		f.D, f.Tau2 = fitVariance(ss, ns)
	}
	z := standardised(&f, ss, ns)
	r := lag1(z)
	f.RE, f.LRV = math.Max(4, float64(f.R)*(1-r)/(1+r)), longRunVariance(z)
	return f
}

// standardised is s/sqrt(v(n)).
func standardised(f *driftd.Fit, s, n []float64) []float64 {
	z := make([]float64, len(s))
	for i := range z {
		z[i] = s[i] / math.Sqrt(Variance(f, n[i]))
	}
	return z
}

// constantScore says that a score varies so little that nothing is to be learned
// from how.
func constantScore(f *driftd.Fit, s, n []float64) bool {
	var z []float64
	for i := range s {
		if n[i] >= MinWindowN {
			z = append(z, s[i]/math.Sqrt(Variance(f, n[i])))
		}
	}
	_, c0, _ := moments(z)
	return c0 < leastVariance*float64(len(z))
}

// Variance is v(n): n is capped at the largest reference window, and never
// below that of independent events.
func Variance(f *driftd.Fit, n float64) float64 {
	n = math.Min(n, f.MaxN)
	if f.Pooled {
		return math.Max(f.V*math.Max(1, f.MedianN/n), 1/n)
	}
	return f.D/n + f.Tau2
}

// StdErr is the standard error of a live score against its reference.
func StdErr(f *driftd.Fit, n float64) float64 {
	return math.Sqrt(Variance(f, n) * (1 + 1/meanRE(f)))
}

// meanRE is the effective number of windows behind the reference's own value.
func meanRE(f *driftd.Fit) float64 {
	if f.MeanRE > 0 {
		return f.MeanRE
	}
	return f.RE
}

// DF is the degrees of freedom of the score's Student t.
func DF(f *driftd.Fit) float64 { return f.RE - 1 }

// flatFit is the dispersion of a reference without windows: events are taken
// to be independent, and the reference's own error enters as 1/m.
func flatFit(name string, m float64) driftd.Fit {
	return driftd.Fit{Name: name, R: math.MaxInt32, RE: math.Inf(1), D: 1, Tau2: 1 / m, MedianN: math.Inf(1), MaxN: math.Inf(1)}
}

func fitVariance(s, n []float64) (d, tau2 float64) {
	d, tau2 = 1, 0
	for range 4 {
		var a11, a12, a22, b1, b2 float64
		for i := range s {
			x, y := 1/n[i], s[i]*s[i]
			v := d*x + tau2
			w := 1 / (v * v)
			a11 += w * x * x
			a12 += w * x
			a22 += w
			b1 += w * x * y
			b2 += w * y
		}
		d, tau2 = solveBounded(a11, a12, a22, b1, b2)
	}
	return d, tau2
}

// solveBounded minimises the weighted squares subject to d >= 1, tau2 >= 0: the
// free solution when it is inside, else the better of the two edges.
func solveBounded(a11, a12, a22, b1, b2 float64) (d, tau2 float64) {
	if det := a11*a22 - a12*a12; det > 0 {
		d, tau2 = (b1*a22-b2*a12)/det, (b2*a11-b1*a12)/det
		if d >= 1 && tau2 >= 0 {
			return d, tau2
		}
	}
	loss := func(d, t float64) float64 { return d*d*a11 + 2*d*t*a12 + t*t*a22 - 2*d*b1 - 2*t*b2 }
	dEdge := math.Max(1, b1/a11)       // tau2 = 0
	tEdge := math.Max(0, (b2-a12)/a22) // d = 1
	if loss(dEdge, 0) <= loss(1, tEdge) {
		return dEdge, 0
	}
	return 1, tEdge
}

// lag1 is the lag-1 autocorrelation as FitScore wants it.
func lag1(z []float64) float64 {
	n := float64(len(z))
	if len(z) < 3 {
		return 0
	}
	_, c0, c1 := moments(z)
	if c0/n < leastVariance {
		return 0
	}
	r := c1 / c0
	if r < 2/math.Sqrt(n) {
		return 0
	}
	return math.Min(r, .95)
}

// leastVariance is the variance of a standardised score below which it is constant.
const leastVariance = .01

// moments are the mean, and the sums of squares and of neighbours' products about it.
func moments(z []float64) (mean, c0, c1 float64) {
	for _, x := range z {
		mean += x
	}
	mean /= float64(len(z))
	for i, x := range z {
		c0 += (x - mean) * (x - mean)
		if i > 0 {
			c1 += (x - mean) * (z[i-1] - mean)
		}
	}
	return mean, c0, c1
}

func median(x []float64) float64 {
	if len(x) == 0 {
		return 0
	}
	s := slices.Clone(x)
	slices.Sort(s)
	if h := len(s) / 2; len(s)%2 == 0 {
		return (s[h-1] + s[h]) / 2
	}
	return s[len(s)/2]
}
