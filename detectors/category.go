package detectors

import (
	"math"

	"github.com/driftd/driftd"
)

// levels is a categorical reference made ready at one window size: categories
// with share at least max(.01, 25/n) are tested one by one (kept), all others
// together (the pool, the last level, when the reference has any of it). The
// residual looks at each level with n p >= 1.
type levels struct {
	P    []float64 // shares of the tested levels: kept, then the pool
	kept []int     // their categories
	pool bool

	seen  []int     // categories of the residual, -1 for the layout's rare levels
	seenP []float64 // their shares
}

// MinDivergence is the least debiased chi-square divergence over the tested
// levels for a category to be told.
const MinDivergence = .02

// leastShare is the least share of a category that is tested by itself.
const leastShare = .01

// newLevels makes levels for windows of about n values.
func newLevels(ref *driftd.ColumnReference, n float64) *levels {
	m := levelCount(&ref.Profile)
	lv := &levels{}
	if m == 0 {
		return lv
	}
	least := math.Max(leastShare, 25/math.Max(n, 1))
	rest := m
	for i, x := range ref.Profile.Counts {
		p := float64(x) / m
		if p >= least {
			lv.kept, lv.P = append(lv.kept, i), append(lv.P, p)
			rest -= float64(x)
		}
		if p*n >= 1 {
			lv.seen, lv.seenP = append(lv.seen, i), append(lv.seenP, p)
		}
	}
	if rest > 0 {
		lv.pool, lv.P = true, append(lv.P, rest/m)
	}
	if p := float64(ref.Profile.Classes[driftd.RareLevel]) / m; p*n >= 1 {
		lv.seen, lv.seenP = append(lv.seen, -1), append(lv.seenP, p)
	}
	return lv
}

// pooled are a window's counts of the tested levels. Values of new levels count
// in the pool.
func (lv *levels) pooled(c *driftd.ColumnProfile) []float64 { return lv.pooledIn(c, nil) }

func (lv *levels) pooledIn(c *driftd.ColumnProfile, mem *Scratch) []float64 {
	out := mem.take(len(lv.P))
	rest := levelCount(c)
	for j, i := range lv.kept {
		out[j] = float64(c.Counts[i])
		rest -= out[j]
	}
	if lv.pool {
		out[len(out)-1] = rest
	}
	return out
}

func (lv *levels) divergence(counts []float64, n float64) float64 {
	x := 0.0
	for j, c := range counts {
		d := c/n - lv.P[j]
		x += float64(d * d / lv.P[j])
	}
	return x
}

// residual is the divergence over each level with n p >= 1.
func (lv *levels) residual(c *driftd.ColumnProfile, n float64) float64 {
	x := 0.0
	for j, i := range lv.seen {
		k := float64(c.Classes[driftd.RareLevel])
		if i >= 0 {
			k = float64(c.Counts[i])
		}
		d := k/n - lv.seenP[j]
		x += float64(d * d / lv.seenP[j])
	}
	return x
}
