package detectors

import "math"

// adLevels are the levels of Scholz and Stephens' table; adCritical its critical
// values for two samples: b0 + b1 + b2 of their table 2.
var (
	adLevels   = [7]float64{.25, .1, .05, .025, .01, .005, .001}
	adCritical = [7]float64{.675 - .245 - .105, 1.281 + .25 - .305, 1.645 + .678 - .362, 1.96 + 1.149 - .391, 2.326 + 1.822 - .396, 2.573 + 2.364 - .345, 3.085 + 3.615 - .154}
	adCurve    = adFit()
)

// AndersonDarling is the k-sample test for two samples of raw values (Scholz and
// Stephens, K-sample Anderson-Darling tests, 1987), with mean ranks for ties
// (their eq. 7) or with those of the right-continuous distribution function (eq.
// 6). Statistic is the standardised one, (A2 - 1)/sd. P comes from a parabola
// through the logarithms of their table's levels and ends where the table does:
// .25 says "or larger", .001 "or smaller". DF is 1.
//
// NaN when a sample is empty or holds a NaN, when all values are equal, or when
// there are fewer than 3.
func AndersonDarling(x, y []float64, midranks bool) Test {
	xs, ys, ok := sortedSamples(x, y)
	if !ok || len(xs)+len(ys) < 3 {
		return noTest
	}
	n := float64(len(xs) + len(ys))
	nx, ny := float64(len(xs)), float64(len(ys))
	sumX, sumY, distinct := 0.0, 0.0, 0
	tiedRanks(xs, ys, func(i, j, inX, inY int, _ float64) {
		distinct++
		l := float64(inX + inY)
		below := float64(i + j)
		b, mx, my, less := below+l, float64(i+inX), float64(j+inY), 0.0
		if midranks {
			b, mx, my, less = below+l/2, float64(i)+float64(inX)/2, float64(j)+float64(inY)/2, n*l/4
		} else if below+l == n {
			return // the largest value tells nothing
		}
		under := b*(n-b) - less
		sumX += l / n * sq(n*mx-b*nx) / under
		sumY += l / n * sq(n*my-b*ny) / under
	})
	if distinct < 2 {
		return noTest
	}
	a2 := sumX/nx + sumY/ny
	if midranks {
		a2 *= (n - 1) / n
	}
	t := (a2 - 1) / math.Sqrt(adVariance(nx, ny))
	return Test{Statistic: t, P: adP(t), DF: 1}
}

func sq(x float64) float64 { return x * x }

// adVariance is the variance of the statistic under the hypothesis (their eq. 4).
func adVariance(nx, ny float64) float64 {
	const k = 2.
	n := nx + ny
	H := 1/nx + 1/ny
	h, g, part := 1.0, 0.0, 0.0
	for i := 2.0; i < n; i++ {
		part += 1 / (n + 1 - i)
		g += part / i
	}
	h += part
	a := (4*g-6)*(k-1) + (10-6*g)*H
	b := (2*g-4)*k*k + 8*h*k + (2*g-14*h-4)*H - 8*h + 4*g - 6
	c := (6*h+2*g-2)*k*k + (4*h-4*g+6)*k + (2*h-6)*H + 4*h
	d := (2*h+6)*k*k - 4*h*k
	return (a*n*n*n + b*n*n + c*n + d) / ((n - 1) * (n - 2) * (n - 3))
}

func adP(t float64) float64 {
	switch {
	case math.IsNaN(t):
		return t
	case t < adCritical[0]:
		return adLevels[0]
	case t > adCritical[6]:
		return adLevels[6]
	}
	return math.Exp(adCurve[0] + t*(adCurve[1]+t*adCurve[2]))
}

// adFit is the parabola through (critical value, log level) by least squares.
func adFit() [3]float64 {
	// Orthogonal polynomials of the 7 points: no equations to solve.
	var mean float64
	for _, t := range adCritical {
		mean += t / 7
	}
	var s2, s3 float64
	for _, t := range adCritical {
		s2, s3 = s2+sq(t-mean), s3+sq(t-mean)*(t-mean)
	}
	p2 := func(t float64) float64 { return sq(t-mean) - s3/s2*(t-mean) - s2/7 }
	var c0, c1, c2, n2 float64
	for i, t := range adCritical {
		y := math.Log(adLevels[i])
		c0, c1, c2, n2 = c0+y/7, c1+y*(t-mean)/s2, c2+y*p2(t), n2+sq(p2(t))
	}
	c2 /= n2
	r := s3 / s2
	return [3]float64{
		c0 - c1*mean + c2*(mean*mean+r*mean-s2/7),
		c1 + c2*(-2*mean-r),
		c2,
	}
}
