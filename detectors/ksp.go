package detectors

import "math"

// KSLimitP is the large-sample p-value of a two-sample statistic. Two-sided:
// Kolmogorov's limit law at sqrt(n m/(n+m)) D. One-sided (Hodges, The
// significance probability of the Smirnov two-sample test, 1957, eq. 5.3):
//
//	exp(-2 z^2 - 2/3 z (a+2b)/sqrt(a b (a+b))),   z = sqrt(ab/(a+b)) D',  a >= b
//
// for D' = D+ or D-. Values are taken as independent and without ties. NaN where
// the statistic is.
func (r KSResult) KSLimitP(alt Alternative) float64 {
	a, b := float64(max(r.N, r.M)), float64(min(r.N, r.M))
	d := r.Statistic(alt)
	z := math.Sqrt(a*b/(a+b)) * d
	if alt == TwoSided {
		return KolmogorovSF(z)
	}
	return math.Min(1, math.Exp(-2*z*z-2*z*(a+2*b)/math.Sqrt(a*b*(a+b))/3))
}

// KSAsymptoticP is KSLimitP, but for the two-sided law the finite-sample one of one
// sample of round(N M/(N+M)) values: what scipy calls asymptotic, closer than the
// limit for small samples.
func (r KSResult) KSAsymptoticP(alt Alternative) float64 {
	if alt != TwoSided {
		return r.KSLimitP(alt)
	}
	n, m := float64(r.N), float64(r.M)
	return KolmogorovSmirnovSF(int(math.RoundToEven(n*m/(n+m))), r.Statistic(alt))
}

// KSExactP is the exact p-value for continuous, independent values: the share of
// the lattice paths from (0, 0) to (N, M) that reach a distance of at least D
// from the diagonal. With v(i, j) the chance that a path to (i, j) has done so,
//
//	v(i, j) = 1 at such a point, else i/(i+j) v(i-1, j) + j/(i+j) v(i, j-1)
//
// (Hodges 1957; upper-tail form as in Viehmann, Numerically more stable
// computation of the p-values for the two-sample Kolmogorov-Smirnov test, 2021):
// sums of positive terms only, so the far tail is accurate too. O(N M) time.
// Ties make it conservative. NaN where the statistic is.
func (r KSResult) KSExactP(alt Alternative) float64 {
	d := r.Statistic(alt)
	if math.IsNaN(d) {
		return math.NaN()
	}
	// Distances are whole multiples of 1/lcm(N, M): compare integers, not floats.
	g := gcd(r.N, r.M)
	stepX, stepY := r.M/g, r.N/g
	h := int(math.Round(d * float64(r.N) * float64(stepX)))
	if h == 0 {
		return 1
	}
	out := func(i, j int) bool {
		at := i*stepX - j*stepY
		switch alt {
		case Greater:
			return at >= h
		case Less:
			return -at >= h
		}
		return at >= h || -at >= h
	}
	v := make([]float64, r.M+1)
	for i := 0; i <= r.N; i++ {
		for j := 0; j <= r.M; j++ {
			switch {
			case out(i, j):
				v[j] = 1
			case i == 0 && j == 0:
				v[j] = 0
			case i == 0:
				v[j] = v[j-1]
			case j > 0:
				n := float64(i + j)
				v[j] = float64(i)/n*v[j] + float64(j)/n*v[j-1]
			}
		}
	}
	return v[r.M]
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
