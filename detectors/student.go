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
//
// Three ways, because none is good everywhere: near the middle the complement
// (the tail is large: nothing cancels), in the tail the incomplete beta itself
// (the complement would leave 1e-16 of a p-value of 1e-50), and for many degrees
// of freedom, where x is too near 1 to be held, an integral.
func StudentSF(t, df float64) float64 {
	switch {
	case math.IsNaN(t) || math.IsNaN(df) || df <= 0:
		return math.NaN()
	case t < 0:
		return 1 - StudentSF(-t, df)
	case math.IsInf(t, 1):
		return 0
	case math.IsInf(df, 1) || df > 1e15:
		return NormalSF(t)
	case t*t < 3:
		return .5 - studentMiddle(t, df)
	case df > 1e4 && math.IsInf(t*t, 1):
		return 0
	case df > 1e4:
		return studentFar(t, df)
	}
	return 0.5 * mathext.RegIncBeta(df/2, 0.5, df/(df+t*t))
}

// studentMiddle is P(0 < T < t) by the series of positive terms (A&S 26.5.4),
// I_y(1/2, a) = 2 y^(1/2) (1-y)^a / B(1/2, a) (1 + sum of products of
// y (a+1/2+i)/(3/2+i)), y = t^2/(df+t^2), a = df/2.
func studentMiddle(t, df float64) float64 {
	y, a := t*t/(df+t*t), df/2
	sum, term := 1.0, 1.0
	for i := 0.0; term > sum*1e-17; i++ {
		term *= y * (a + .5 + i) / (1.5 + i)
		sum += term
	}
	return t / math.Sqrt(df+t*t) * math.Exp(-a*math.Log1p(t*t/df)) * gammaRatio(a) / math.SqrtPi * sum
}

// studentFar is the integral of the density from t on, with the variable v of
// (1+s^2/df)^-((df+1)/2) = (1+t^2/df)^-((df+1)/2) e^-v, which leaves a smooth
// function times e^-v, by the trapezoidal rule in y, v = exp(y - exp(-y))
// (Takahasi and Mori, Double exponential formulas for numerical integration, 1974).
func studentFar(t, df float64) float64 {
	const step = 1. / 16
	rate, at := 2/(df+1), math.Log1p(t*t/df)
	sum := 0.0
	for y := -4.0; y < 4; y += step {
		e := math.Exp(-y)
		v := math.Exp(y - e)
		s2 := df * math.Expm1(at+rate*v)
		sum += math.Exp(-v) * (df + s2) / ((df + 1) * math.Sqrt(s2)) * v * (1 + e)
	}
	c := gammaRatio(df/2) / math.Sqrt(df*math.Pi)
	return c * math.Exp(-at/rate) * sum * step
}

// gammaRatio is Gamma(a+1/2)/Gamma(a), for large a by its expansion (A&S 6.1.47):
// the difference of two logarithms would lose as many digits as a has.
func gammaRatio(a float64) float64 {
	if a < 100 {
		return math.Exp(lgamma(a+.5) - lgamma(a))
	}
	return math.Sqrt(a) * (1 - 1/(8*a)*(1-1/(16*a)*(1+5/(8*a)*(1-21/(160*a)))))
}

// NormalSF is P(Z > z) of the standard normal, accurate in the tail.
func NormalSF(z float64) float64 { return 0.5 * math.Erfc(z/math.Sqrt2) }

// LogNormalCDF is the logarithm of P(Z <= z) of the standard normal, where the
// probability itself would be 0 too (A&S 26.2.12 far out).
func LogNormalCDF(z float64) float64 {
	switch {
	case z > -1:
		return math.Log1p(-NormalSF(z))
	case z > -25:
		return math.Log(NormalSF(-z))
	}
	sum, term := 1.0, 1.0
	for k := 1.0; k < 30; k++ {
		next := -term * (2*k - 1) / (z * z)
		if math.Abs(next) >= math.Abs(term) {
			break
		}
		term = next
		sum += term
	}
	return -z*z/2 - math.Log(-z) - .5*math.Log(2*math.Pi) + math.Log(sum)
}

// StudentUpper is the t with P(T > t) = p, 0 < p <= 1/2: the critical value of
// a one-sided test at level p. It is the inverse of exactly that StudentSF: of two
// neighbouring floats between which it passes p, the greater. Newton's steps bring
// the bracket close, and halving it does the rest: a dozen evaluations instead of
// sixty, and a column needs several values before its first window.
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
	// look says which side a point is on, and narrows the bracket.
	look := func(t float64) (q float64) {
		if q = StudentSF(t, df); q > p {
			lo = t
		} else {
			hi = t
		}
		return q
	}
	if t := lo + (hi-lo)/2; df >= 1 {
		for range 12 {
			q := look(t)
			// In the logarithm of p the tail is nearly straight.
			next := t + q*math.Log(q/p)/studentDensity(t, df)
			if !(next > lo && next < hi) {
				next = lo + (hi-lo)/2
			}
			step := math.Abs(next - t)
			if t = next; step <= 1e-13*t {
				break
			}
		}
		for width := 4e-16 * t; width < hi-lo; width *= 8 { // both ends come near
			if a := t - width; a > lo {
				look(a)
			}
			if b := t + width; b < hi {
				look(b)
			}
			if t <= lo || t >= hi {
				t = lo + (hi-lo)/2
			}
		}
	}
	for {
		mid := lo + (hi-lo)/2
		if mid == lo || mid == hi {
			return hi
		}
		look(mid)
	}
}

// studentDensity is the density of Student's t, well enough for a step of Newton's.
func studentDensity(t, df float64) float64 {
	if math.IsInf(df, 1) || df > 1e7 {
		return math.Exp(-t*t/2) / math.Sqrt(2*math.Pi)
	}
	return math.Exp(-(df+1)/2*math.Log1p(t*t/df)) * gammaRatio(df/2) / math.Sqrt(math.Pi*df)
}
