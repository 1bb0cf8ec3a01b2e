package detectors

import "math"

// KolmogorovSmirnovSF is P(D > d) of the two-sided one-sample Kolmogorov-Smirnov
// statistic of n independent values of a continuous distribution, for finite n.
// Ways and the borders between them follow Simard and L'Ecuyer, Computing the
// two-sided Kolmogorov-Smirnov distribution, 2011:
//
//	n d <= 1              n! (2d - 1/n)^n                      (Ruben and Gambino 1982)
//	d >= 1/2, or far out  2 P(D+ > d)                          (SmirnovSF)
//	n^(2/3) d small       the matrix power of Marsaglia, Tsang and Wang, 2003
//	else                  the expansion of Pelz and Good, 1976
//
// The first three are exact; the expansion, for n > 140, is right to 1e-6 or
// better. 1 for d <= 1/(2n), 0 for d >= 1; NaN when n < 1 or d is NaN.
func KolmogorovSmirnovSF(n int, d float64) float64 {
	t := float64(n) * d
	switch {
	case n < 1 || math.IsNaN(d):
		return math.NaN()
	case d >= 1:
		return 0
	case t <= .5:
		return 1
	case t <= 1:
		return 1 - math.Exp(lgamma(float64(n)+1)-float64(n)*math.Log(float64(n))+float64(n)*math.Log(2*t-1))
	case t >= float64(n)-1:
		return 2 * math.Pow(1-d, float64(n))
	case d >= .5, n <= 140 && t*d > 4, n > 140 && t*d >= 2.2:
		return 2 * SmirnovSF(n, d)
	case n <= 140, n <= 100_000 && float64(n)*math.Pow(d, 1.5) <= 1.4:
		return 1 - marsagliaCDF(n, d)
	}
	return 1 - pelzGoodCDF(n, d)
}

// marsagliaCDF is P(D <= d) = n!/n^n (H^n)_kk, k the whole number above n d, H the
// (2k-1) x (2k-1) matrix of the paper's section 2.
func marsagliaCDF(n int, d float64) float64 {
	k := int(float64(n)*d) + 1
	m := 2*k - 1
	h := float64(k) - float64(n)*d
	H := make([]float64, m*m)
	for i := range m {
		for j := 0; j <= min(i+1, m-1); j++ {
			H[i*m+j] = 1
		}
	}
	power := h
	for i := range m {
		H[i*m] -= power
		H[(m-1)*m+m-1-i] -= power
		power *= h
	}
	if 2*h > 1 {
		H[(m-1)*m] += math.Pow(2*h-1, float64(m))
	}
	for i := range m {
		factorial := 1.0
		for j := i; j >= 0; j-- { // the entry (i, j) over (i-j+1)!
			factorial *= float64(i - j + 1)
			H[i*m+j] /= factorial
		}
	}
	// n!/n^n, and the powers, leave the range of floats: both are held with an
	// exponent of two aside.
	Q, exponent := matrixPower(H, m, n)
	s := math.Log(Q[(k-1)*m+k-1]) + float64(exponent)*math.Ln2 + lgamma(float64(n)+1) - float64(n)*math.Log(float64(n))
	if n <= 2000 { // the product loses less than the logarithms
		s := Q[(k-1)*m+k-1]
		for i := 1; i <= n; i++ {
			s *= float64(i) / float64(n)
			if s < 1e-140 {
				s, exponent = s*0x1p500, exponent-500
			}
		}
		return math.Min(1, math.Ldexp(s, exponent))
	}
	return math.Min(1, math.Exp(s))
}

// matrixPower is the n-th power of a non-negative m x m matrix as Q 2^exponent.
func matrixPower(a []float64, m, n int) (q []float64, exponent int) {
	q = make([]float64, m*m)
	for i := range m {
		q[i*m+i] = 1
	}
	base, baseExponent := append([]float64(nil), a...), 0
	scaled := func(x []float64) int {
		if x[(m/2)*m+m/2] < 0x1p460 {
			return 0
		}
		for i := range x {
			x[i] *= 0x1p-460
		}
		return 460
	}
	for {
		if n&1 == 1 {
			q = matrixProduct(q, base, m)
			exponent += baseExponent
			exponent += scaled(q)
		}
		if n >>= 1; n == 0 {
			return q, exponent
		}
		base = matrixProduct(base, base, m)
		baseExponent *= 2
		baseExponent += scaled(base)
	}
}

func matrixProduct(a, b []float64, m int) []float64 {
	c := make([]float64, m*m)
	for i := range m {
		for k := range m {
			x := a[i*m+k]
			if x == 0 {
				continue
			}
			for j := range m {
				c[i*m+j] += x * b[k*m+j]
			}
		}
	}
	return c
}

// pelzGoodCDF is P(D <= d) = K0(z) + K1(z)/n^(1/2) + K2(z)/n + K3(z)/n^(3/2),
// z = d sqrt(n) (Pelz and Good, Approximating the lower tail-areas of the
// Kolmogorov-Smirnov one-sample statistic, 1976, in the form of Simard and
// L'Ecuyer, eq. 9 to 13; the last sum of K3 counts half of what is printed there:
// with that, what is left against the exact value falls as n^-2,
// TestPelzGoodAgainstExact).
func pelzGoodCDF(n int, d float64) float64 {
	root := math.Sqrt(float64(n))
	z := d * root
	z2 := z * z
	z4, z6 := z2*z2, z2*z2*z2
	var k0, k1, k2, k2b, k3, k3b float64
	for k := 60; k >= 0; k-- { // small terms first
		// Both sums go over all whole numbers: k and -k-1 have the same (k+1/2)^2.
		a := math.Pi * (float64(k) + .5)
		a2 := a * a
		a4 := a2 * a2
		e := 2 * math.Exp(-a2/(2*z2))
		k0 += e
		k1 += (a2 - z2) * e
		k2 += (6*z6 + 2*z4 + a2*(2*z4-5*z2) + a4*(1-2*z2)) * e
		k3 += (a4*a2*(5-30*z2) + a4*(212*z4-60*z2) + a2*(135*z4-96*z6) - 30*z6 - 90*z6*z2) * e
		b2 := math.Pi * math.Pi * float64(k) * float64(k)
		f := 2 * math.Exp(-b2/(2*z2))
		k2b += b2 * f
		k3b += (3*b2*z2 - b2*b2) * f
	}
	c := math.Sqrt(math.Pi / 2)
	p := c / z * k0
	p += c / (6 * z4) * k1 / root
	p += (c/(72*z6*z)*k2 - c/(36*z2*z)*k2b) / float64(n)
	p += (c/(6480*z6*z4)*k3 + c/(216*z6)*k3b) / (float64(n) * root)
	return math.Max(0, math.Min(1, p))
}
