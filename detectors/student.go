package detectors

import (
	"math"

	"gonum.org/v1/gonum/mathext"
)

// StudentSF is P(T > t) for Student's t with df > 0 degrees of freedom (any
// real; +Inf is the normal distribution), accurate in relative terms in the
// upper tail:
//
//	P(T > t) = I_x(df/2, 1/2) / 2,  x = df / (df + t^2),  t >= 0
//
// Source: Abramowitz and Stegun, Handbook of Mathematical Functions (1964),
// 26.7.1. NaN when t or df is NaN or df <= 0.
func StudentSF(t, df float64) float64 {
	switch {
	case math.IsNaN(t) || math.IsNaN(df) || df <= 0:
		return math.NaN()
	case t < 0:
		return 1 - StudentSF(-t, df)
	case math.IsInf(t, 1):
		return 0
	case math.IsInf(df, 1) || df > 1e8:
		return NormalSF(t)
	}
	// x near 1 loses digits of 1-x: the complement is then taken directly.
	t2 := t * t
	if t2 < df {
		return 0.5 * (1 - mathext.RegIncBeta(0.5, df/2, t2/(df+t2)))
	}
	return 0.5 * mathext.RegIncBeta(df/2, 0.5, df/(df+t2))
}

// NormalSF is P(Z > z) of the standard normal, accurate in the tail.
func NormalSF(z float64) float64 { return 0.5 * math.Erfc(z/math.Sqrt2) }

// StudentUpper is the t with P(T > t) = p, 0 < p <= 1/2: the critical value of
// a one-sided test at level p. Found by bisection on StudentSF (64 steps on a
// bracket that doubles), so that it is the inverse of exactly that function.
func StudentUpper(p, df float64) float64 {
	if math.IsNaN(p) || p <= 0 {
		return math.Inf(1)
	}
	if p >= 0.5 {
		return 0
	}
	lo, hi := 0.0, 4.0
	for StudentSF(hi, df) > p {
		lo, hi = hi, hi*2
		if math.IsInf(hi, 1) {
			return hi
		}
	}
	for range 64 {
		mid := lo + (hi-lo)/2
		if mid == lo || mid == hi {
			break
		}
		if StudentSF(mid, df) > p {
			lo = mid
		} else {
			hi = mid
		}
	}
	return hi
}
