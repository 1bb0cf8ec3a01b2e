package detectors

import (
	"math"
	"slices"
	"sort"
)

// KSResult is the two-sample Kolmogorov-Smirnov statistic: Plus is the largest
// F_x - F_y, Minus the largest F_y - F_x, each with a value where it is reached
// (the smallest one among x, else among y).
type KSResult struct {
	N, M            int
	Plus, Minus     float64
	AtPlus, AtMinus float64
}

// Alternative says on which side a test looks.
type Alternative uint8

// The alternatives: the distribution functions differ, F_x lies above F_y
// somewhere (x tends to be smaller), F_x lies below.
const (
	TwoSided Alternative = iota
	Greater
	Less
)

// KSSamples is the exact statistic on raw values (Smirnov, On the estimation of
// the discrepancy between empirical curves of distribution, 1939):
//
//	D+ = max F_x - F_y,   D- = max F_y - F_x,   D = max(D+, D-)
//
// over all values of both samples, F(t) the share of values <= t; ties need no
// care. NaN everywhere when a sample is empty or holds a NaN. Neither slice is
// changed.
func KSSamples(x, y []float64) KSResult {
	r := KSResult{N: len(x), M: len(y)}
	xs, ys, ok := sortedSamples(x, y)
	if !ok {
		nan := math.NaN()
		r.Plus, r.Minus, r.AtPlus, r.AtMinus = nan, nan, nan, nan
		return r
	}
	most, least := math.Inf(-1), math.Inf(1)
	for _, side := range [][]float64{xs, ys} {
		for _, t := range side {
			d := share(xs, t) - share(ys, t)
			if d > most {
				most, r.AtPlus = d, t
			}
			if d < least {
				least, r.AtMinus = d, t
			}
		}
	}
	r.Plus, r.Minus = math.Max(0, most), math.Max(0, -least)
	return r
}

// Statistic is D, D+ or D-.
func (r KSResult) Statistic(a Alternative) float64 {
	switch a {
	case Greater:
		return r.Plus
	case Less:
		return r.Minus
	}
	return math.Max(r.Plus, r.Minus)
}

// At is where the statistic is reached, and whether F_x is above (1) or below
// (-1) there.
func (r KSResult) At(a Alternative) (at float64, sign int) {
	if a == Less || a == TwoSided && r.Minus > r.Plus {
		return r.AtMinus, -1
	}
	return r.AtPlus, 1
}

func sortedSamples(x, y []float64) (xs, ys []float64, ok bool) {
	if len(x) == 0 || len(y) == 0 {
		return nil, nil, false
	}
	xs, ys = slices.Clone(x), slices.Clone(y)
	slices.Sort(xs)
	slices.Sort(ys)
	return xs, ys, !math.IsNaN(xs[0]) && !math.IsNaN(ys[0]) // NaN sorts first
}

// share of sorted values that are <= t.
func share(sorted []float64, t float64) float64 {
	return float64(sort.Search(len(sorted), func(i int) bool { return sorted[i] > t })) / float64(len(sorted))
}
