package detectors

import "math"

// MannWhitneyResult is the rank-sum statistic of N and M values.
type MannWhitneyResult struct {
	N, M int
	U    float64 // pairs in which x is the larger; a tie counts half
	Ties float64 // sum of t^3 - t over groups of t equal values
}

// MannWhitney is the statistic on raw values (Mann and Whitney, On a test of
// whether one of two random variables is stochastically larger than the other,
// 1947). NaN when a sample is empty or holds a NaN. Neither slice is changed.
func MannWhitney(x, y []float64) MannWhitneyResult {
	r := MannWhitneyResult{N: len(x), M: len(y), U: math.NaN()}
	xs, ys, ok := sortedSamples(x, y)
	if !ok {
		return r
	}
	ranks := 0.0
	tiedRanks(xs, ys, func(_, _, inX, inY int, rank float64) {
		ranks += float64(inX) * rank
		t := float64(inX + inY)
		r.Ties += t*t*t - t
	})
	r.U = ranks - float64(r.N)*float64(r.N+1)/2
	return r
}

// P is the two-sided p-value: exact where a sample has at most 8 values and none
// are equal, else that of the limit law with its correction.
func (r MannWhitneyResult) P() float64 {
	if r.Ties > 0 || r.N > 8 && r.M > 8 {
		return r.LimitP(true)
	}
	return r.ExactP()
}

// LessP is the one-sided p-value of x being the smaller: P's choice of laws.
func (r MannWhitneyResult) LessP() float64 {
	below := float64(r.N)*float64(r.M) - r.U // pairs in which x is the smaller
	if r.Ties > 0 || r.N > 8 && r.M > 8 {
		return NormalSF(r.z(below, true))
	}
	if math.IsNaN(below) {
		return below
	}
	return r.upper(int(below))
}

// LimitP is the two-sided large-sample p-value, with the variance corrected for
// ties (Hollander and Wolfe, Nonparametric Statistical Methods, 1973, eq. 4.19):
//
//	z = (max(U, NM-U) - NM/2 - c)/s,  s^2 = NM/12 ((N+M+1) - ties/((N+M)(N+M-1)))
//
// c is 1/2 with a continuity correction. NaN where all values are equal and there
// is none.
func (r MannWhitneyResult) LimitP(continuity bool) float64 {
	return math.Min(1, 2*NormalSF(r.z(math.Max(r.U, float64(r.N)*float64(r.M)-r.U), continuity)))
}

// z is the standardised number of pairs.
func (r MannWhitneyResult) z(u float64, continuity bool) float64 {
	n, m := float64(r.N), float64(r.M)
	s := n + m
	z := u - n*m/2
	if continuity {
		z -= .5
	}
	return z / math.Sqrt(n*m/12*((s+1)-r.Ties/(s*(s-1))))
}

// ExactP is the exact two-sided p-value for independent, continuous values: twice
// the share of the C(N+M, N) orders whose U is at least this one (half pairs are
// cut off), at most 1. The orders are counted by the coefficients of the Gaussian
// binomial, prod (1 - q^(M+i))/(1 - q^i): O(N) passes over N M numbers, N the smaller sample.
// Ties make it wrong: take LimitP.
func (r MannWhitneyResult) ExactP() float64 {
	if math.IsNaN(r.U) {
		return r.U
	}
	pairs := float64(r.N) * float64(r.M)
	return math.Min(1, 2*r.upper(int(math.Max(r.U, pairs-r.U))))
}

// upper is P(U >= u).
func (r MannWhitneyResult) upper(u int) float64 {
	small, large := min(r.N, r.M), max(r.N, r.M)
	low := small*large - u // = P(U <= low); of the two tails the shorter is counted
	if low < 0 {
		return 0
	}
	if 2*low > small*large && u > 0 {
		return 1 - r.upper(low+1)
	}
	ways := make([]float64, low+1)
	ways[0] = 1
	logAll := 0.0
	for i := 1; i <= small; i++ {
		for k := low; k >= large+i; k-- {
			ways[k] -= ways[k-large-i]
		}
		// Scaled by 1/(C(large+i, i)/C(large+i-1, i-1)) as it grows, to stay within floats.
		for k := i; k <= low; k++ {
			ways[k] += ways[k-i]
		}
		logAll += math.Log(float64(large+i) / float64(i))
		if top := ways[low]; top > 1e200 {
			for k := range ways {
				ways[k] *= 0x1p-600
			}
			logAll -= 600 * math.Ln2
		}
	}
	sum := 0.0
	for _, w := range ways {
		sum += w
	}
	return math.Exp(math.Log(sum) - logAll)
}
