package detectors

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"
)

// eppsAt are the points at which the characteristic functions are compared, in
// units of half the pooled interquartile range (Goerg and Kaiser, Nonparametric
// testing of distributions: the Epps-Singleton two-sample test, 2009).
var eppsAt = [2]float64{.4, .8}

// EppsSingleton compares the empirical characteristic functions of two samples of
// raw values (Epps and Singleton, An omnibus test for the two-sample problem
// using the empirical characteristic function, 1986):
//
//	W = n (g_x - g_y)' C^+ (g_x - g_y),   n = n_x + n_y,
//	g = means of cos(t v), sin(t v) at both points t,   C = n (S_x/n_x + S_y/n_y),
//
// C^+ the pseudo-inverse, chi-square with its rank as degrees of freedom (DF); with
// fewer than 25 values on both sides W is reduced as Goerg and Kaiser say.
//
// NaN when a sample has fewer than 5 values, holds one that is not finite, or the
// pooled quartiles are equal. W is infinite and P 0 for two different constants.
// Where the values take so few levels that C is singular, differences in
// directions in which neither sample varies are not seen, and which these are is
// a matter of rounding: take another test there.
func EppsSingleton(x, y []float64) Test {
	xs, ys, ok := sortedSamples(x, y)
	if !ok || len(x) < 5 || len(y) < 5 {
		return noTest
	}
	half := interquartile(pooled(xs, ys)) / 2
	var at [2]float64
	for i := range at {
		at[i] = eppsAt[i] / half
	}
	if !(half > 0) || math.IsInf(at[1], 0) || math.IsInf(half, 0) {
		return noTest
	}
	nx, ny := float64(len(x)), float64(len(y))
	n := nx + ny
	mx, cx := characteristic(x, at)
	my, cy := characteristic(y, at)
	c := mat.NewSymDense(4, nil)
	for i := range 4 {
		for j := i; j < 4; j++ {
			c.SetSym(i, j, n/nx*cx[i][j]+n/ny*cy[i][j])
		}
	}
	var eigen mat.EigenSym
	for i := range 4 {
		if v := c.At(i, i); math.IsNaN(v) || math.IsInf(v, 0) {
			return noTest
		}
	}
	if !eigen.Factorize(c, true) {
		return noTest
	}
	values := eigen.Values(nil)
	var vectors mat.Dense
	eigen.VectorsTo(&vectors)
	most := 0.0
	for _, v := range values {
		most = math.Max(most, math.Abs(v))
	}
	// The inverse leaves out directions below 1e-15 of the largest; its rank counts
	// those above 4 eps of its own largest.
	if most < 1e-28 { // two constants: no covariance but that of rounding
		if mx == my {
			return noTest
		}
		return Test{Statistic: math.Inf(1), P: 0, DF: 4}
	}
	w, inverse := 0.0, [4]float64{}
	for i, v := range values {
		if math.Abs(v) <= 1e-15*most {
			continue
		}
		inverse[i] = 1 / v
		dot := 0.0
		for k := range 4 {
			dot += vectors.At(k, i) * (mx[k] - my[k])
		}
		w += dot * dot / v
	}
	top := 0.0
	for _, v := range inverse {
		top = math.Max(top, math.Abs(v))
	}
	rank := 0
	for _, v := range inverse {
		if math.Abs(v) > top*4*0x1p-52 {
			rank++
		}
	}
	if rank == 0 {
		return noTest
	}
	w *= n
	if max(nx, ny) < 25 {
		w /= 1 + math.Pow(n, -.45) + 10.1*(math.Pow(nx, -1.7)+math.Pow(ny, -1.7))
	}
	return Test{Statistic: w, P: ChiSquareSF(w, float64(rank)), DF: float64(rank)}
}

// characteristic is the mean and the covariance (over n) of cos and sin of t v.
func characteristic(values []float64, at [2]float64) (mean [4]float64, cov [4][4]float64) {
	g := func(v float64) [4]float64 {
		s0, c0 := math.Sincos(at[0] * v)
		s1, c1 := math.Sincos(at[1] * v)
		return [4]float64{c0, c1, s0, s1}
	}
	n := float64(len(values))
	for _, v := range values {
		for k, x := range g(v) {
			mean[k] += x
		}
	}
	for k := range mean {
		mean[k] /= n
	}
	for _, v := range values {
		x := g(v)
		for i := range 4 {
			for j := range 4 {
				cov[i][j] += (x[i] - mean[i]) * (x[j] - mean[j])
			}
		}
	}
	for i := range 4 {
		for j := range 4 {
			cov[i][j] /= n
		}
	}
	return mean, cov
}

func pooled(xs, ys []float64) []float64 {
	all := slices.Concat(xs, ys)
	slices.Sort(all)
	return all
}
