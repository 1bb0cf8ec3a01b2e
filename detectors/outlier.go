package detectors

import (
	"math"

	"github.com/driftd/driftd"
)

// Outlying says how far a window of the reference itself lies from the others: the
// largest |score| over its columns' scores and rates, in standard errors, and
// which score that is. The variance is that of the other windows,
//
//	v_(-w) = (R v - s_w^2) / (R - 1), at least 1/n
//
// or a window that stands out would hide itself: among R it can be at most
// (R-1)/sqrt(R) of their common standard deviations. 0 where nothing can be said:
// fewer than 50 events, a reference without windows.
//
// After externally studentised residuals (Cook and Weisberg, Residuals and
// Influence in Regression, 1982, section 2.2).
func (c *Column) Outlying(w *ColumnWindow) (sigmas float64, score string) {
	if c.flat || c.shape == nil && c.levels == nil && c.pairs == nil {
		return 0, ""
	}
	take := func(j int, s, n float64, name string) {
		f := &c.scale.Fits[j]
		if n < MinWindowN || f.R < 3 || math.IsNaN(s) {
			return
		}
		v := Variance(f, n)
		r := float64(f.R)
		rest := math.Max((r*v-s*s)/(r-1), 1/n)
		if z := math.Abs(s) / math.Sqrt(rest*(1+1/(r-1))); z > sigmas {
			sigmas, score = z, name
		}
	}
	if c.pairs != nil {
		c.outlyingPair(w, take)
		return sigmas, score
	}
	if c.levels == nil {
		x, n := numericRates(c.shape, w)
		q, nq := c.shape.Shares(w.Profile)
		if q != nil {
			for k, raw := range c.shape.Scores(q) {
				if nq >= c.shape.Need[0] && nq >= c.shape.Need[k] {
					f := &c.scale.Fits[numericScores+k]
					take(numericScores+k, raw-slotMean(f, w.Slot), nq, scoreNames[k])
				}
			}
		}
		for _, j := range []int{rateNull, rateNaN, rateRange, rateType} {
			c.outlyingRate(take, j, x[j], n[j], w.Slot)
		}
		return sigmas, score
	}
	x, n := categoryRates(w)
	for _, j := range []int{rateNull, rateNew, rateType} {
		c.outlyingRate(take, j, x[j], n[j], w.Slot)
	}
	for j, k := range c.levels.pooled(w.Profile) {
		c.outlyingRate(take, categoryScores+j, k, n[rateNew], w.Slot)
	}
	return sigmas, score
}

// outlyingRate leaves alone what is inside the tolerance: a first null in a month
// is far from never, and no news.
func (c *Column) outlyingRate(take func(j int, s, n float64, name string), j int, x, n float64, slot driftd.Slot) {
	if n <= 0 {
		return
	}
	r := c.rates[j].in(slot)
	if math.Abs(x/n-r.P) > r.Tol {
		take(j, RateScore(x, n, r.P), n, c.fitName(j))
	}
}
