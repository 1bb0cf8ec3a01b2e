package detectors

import "math"

// CvMResult is the two-sample Cramer-von Mises statistic of N and M values.
type CvMResult struct {
	N, M int
	U    float64 // sum of squared differences of ranks, weighted: Anderson's U
	T    float64 // the statistic
}

// CramerVonMises is the statistic on raw values (Anderson, On the distribution of
// the two-sample Cramer-von Mises criterion, 1962, eq. 2, 9 and 10):
//
//	U = N sum (r_i - i)^2 + M sum (s_j - j)^2
//	T = U/(N M (N+M)) - (4 N M - 1)/(6 (N+M))
//
// r and s are the ranks of the sorted x and y among all; ties share the mean of
// their ranks. NaN when a sample has fewer than 2 values or holds a NaN. Neither
// slice is changed.
func CramerVonMises(x, y []float64) CvMResult {
	r := CvMResult{N: len(x), M: len(y), U: math.NaN(), T: math.NaN()}
	xs, ys, ok := sortedSamples(x, y)
	if !ok || r.N < 2 || r.M < 2 {
		return r
	}
	n, m := float64(r.N), float64(r.M)
	var dx, dy float64
	tiedRanks(xs, ys, func(i, j, inX, inY int, rank float64) {
		for k := range inX {
			d := rank - float64(i+k+1)
			dx += d * d
		}
		for k := range inY {
			d := rank - float64(j+k+1)
			dy += d * d
		}
	})
	r.U = n*dx + m*dy
	r.T = r.U/(n*m*(n+m)) - (4*n*m-1)/(6*(n+m))
	return r
}

// tiedRanks goes through the distinct values of two sorted samples: i and j values
// of x and y are smaller, inX and inY equal; rank is the mean of their ranks
// (the smallest value's is 1).
func tiedRanks(xs, ys []float64, visit func(i, j, inX, inY int, rank float64)) {
	i, j := 0, 0
	for i < len(xs) || j < len(ys) {
		at := math.Inf(1)
		if i < len(xs) {
			at = xs[i]
		}
		if j < len(ys) && ys[j] < at {
			at = ys[j]
		}
		inX, inY := run(xs[i:], at), run(ys[j:], at)
		visit(i, j, inX, inY, float64(i+j)+float64(inX+inY+1)/2)
		i, j = i+inX, j+inY
	}
}

func run(sorted []float64, v float64) int {
	n := 0
	for n < len(sorted) && sorted[n] == v {
		n++
	}
	return n
}

// CvMExactUpTo is the size of the larger sample up to which P takes the exact law.
const CvMExactUpTo = 20

// P is the exact p-value where both samples have at most CvMExactUpTo values, else
// that of the limit law.
func (r CvMResult) P() float64 {
	if max(r.N, r.M) <= CvMExactUpTo {
		return r.ExactP()
	}
	return r.LimitP()
}

// LimitP is the large-sample p-value: that of the limit law at T brought to the
// law's mean 1/6 and variance 1/45 (Anderson 1962, section 4):
//
//	E T = (1 + 1/S)/6,   V T = (S+1)(4NMS - 3(N^2+M^2) - 2NM)/(180 S^2 N M),   S = N+M
func (r CvMResult) LimitP() float64 {
	if math.IsNaN(r.T) {
		return r.T
	}
	n, m := float64(r.N), float64(r.M)
	s := n + m
	mean := (1 + 1/s) / 6
	variance := (s + 1) * (4*n*m*s - 3*(n*n+m*m) - 2*n*m) / (180 * s * s * n * m)
	at := 1./6 + (r.T-mean)/math.Sqrt(45*variance)
	return CramerVonMisesSF(at)
}

// ExactP is the exact p-value for independent, continuous values: the share of the
// C(N+M, N) orders whose statistic is at least this one, counted by the
// recursion of Xiao, Gordon and Yakovlev, A C++ program for the Cramer-von Mises
// two-sample test, 2006, eq. 11. Time and memory grow fast: meant for samples of
// some tens. Ties make it conservative.
func (r CvMResult) ExactP() float64 {
	if math.IsNaN(r.T) {
		return r.T
	}
	n, m := r.N, r.M
	lcm := n / gcd(n, m) * m
	a, b := lcm/n, lcm/m
	nm := float64(n) * float64(m)
	least := math.Floor(float64(lcm) * float64(lcm) * float64(n+m) * (6*r.U - nm*(4*nm-1)) / (6 * nm * nm))
	// ways[v] holds, for orders that have begun with v of x and u of y, how many
	// have each sum of squared distances.
	ways := make([]map[int]float64, n+1)
	ways[0] = map[int]float64{0: 1}
	for u := 0; u <= m; u++ {
		var before map[int]float64
		for v := 0; v <= n; v++ {
			d := a*v - b*u
			next := make(map[int]float64, len(before)+len(ways[v]))
			for sum, k := range before {
				next[sum+d*d] += k
			}
			for sum, k := range ways[v] {
				next[sum+d*d] += k
			}
			ways[v], before = next, next
		}
	}
	all, extreme := 0.0, 0.0
	for sum, k := range ways[n] { // whole numbers: no order of adding changes the sum below 2^53
		all += k
		if float64(sum) >= least {
			extreme += k
		}
	}
	return extreme / all
}

// CramerVonMisesSF is P(W > x) of the limit law of the Cramer-von Mises statistic
// (Anderson and Darling, Asymptotic theory of certain goodness of fit criteria
// based on stochastic processes, 1952, eq. 4.35, and Smirnov 1936 for the tail):
//
//	P(W <= x) = 1/(pi^(3/2) sqrt(x)) sum_k Gamma(k+1/2)/k! sqrt(4k+1) e^-q K_1/4(q),  q = (4k+1)^2/(16x)
//	P(W > x) = 2/pi sum_k (-1)^(k+1) integral_(2k-1)pi^2k pi  sqrt(-u/sin u)/u e^(-x u^2/2) du
//
// The first below .3, the second above, where it is accurate in relative terms.
// 1 for x <= 0; NaN for NaN.
func CramerVonMisesSF(x float64) float64 {
	switch {
	case math.IsNaN(x):
		return x
	case x <= 0.003: // P(W <= .003) < 1e-18
		return 1
	case x < .3:
		sum := 0.0
		for k := 0; ; k++ {
			y := float64(4*k + 1)
			q := y * y / (16 * x)
			t := math.Exp(lgamma(float64(k)+.5)-lgamma(float64(k)+1)) * math.Sqrt(y) * math.Exp(-2*q) * scaledBesselK(q)
			sum += t
			if t <= 1e-17*sum || t == 0 {
				break
			}
		}
		return math.Max(0, 1-sum/(math.Pow(math.Pi, 1.5)*math.Sqrt(x)))
	}
	sum, sign := 0.0, 1.0
	for k := 1.0; k <= 8; k++ {
		// Gauss-Chebyshev: the integrand has inverse square roots at both ends.
		const nodes = 200
		part := 0.0
		for i := range nodes {
			theta := (float64(i) + .5) / nodes * math.Pi
			// The distance from the nearer end keeps sin u exact there.
			fromEnd := math.Pi / 2 * (1 - math.Abs(math.Cos(theta)))
			u := (2*k-1)*math.Pi + math.Pi/2*(1-math.Cos(theta))
			part += math.Sin(theta) / math.Sqrt(math.Sin(fromEnd)) / math.Sqrt(u) * math.Exp(-x*u*u/2)
		}
		part *= math.Pi / nodes * math.Pi / 2
		sum += sign * part
		if part <= 1e-17*sum || part == 0 {
			break
		}
		sign = -sign
	}
	return 2 / math.Pi * sum
}

// scaledBesselK is e^q K_1/4(q), the integral over t > 0 of e^(-q (cosh t - 1))
// cosh(t/4) (Watson, Theory of Bessel Functions, 1922, 6.22), by the trapezoidal
// rule, which is exact to rounding for such an integrand.
func scaledBesselK(q float64) float64 {
	const steps = 400
	end := math.Acosh(1 + 45/q)
	h := end / steps
	sum := .5
	for i := 1; i <= steps; i++ {
		t := float64(i) * h
		s := math.Sinh(t / 2)
		sum += math.Exp(-2*q*s*s) * math.Cosh(t/4)
	}
	return sum * h
}
