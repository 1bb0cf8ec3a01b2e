package detectors

import (
	"math"

	"github.com/driftd/driftd"
)

// MinLongRun is the least number of reference windows for a long-run variance: 28
// days of hours. With 336 sums of scores that depend on each other alarmed up to
// twice as often as promised.
const MinLongRun = 672

// longRunVariance is how many times more the sums of neighbouring scores vary
// than those of independent ones,
//
//	1 + 2 sum_{l=1}^{L} (1 - l/(L+1)) rho_l,   L = floor(8 (R/100)^(1/3))
//
// (Newey and West, A simple, positive semi-definite, heteroskedasticity and
// autocorrelation consistent covariance matrix, 1987, eq. 5, over the variance),
// rho_l the autocorrelation of z at lag l. It is taken 1 + L/R times, because the
// reference's own mean makes it too small, and is at least 1: scores that swing
// back are not trusted to go on doing so. z are standardised scores in order of
// time; windows that are missing between them are passed over. 0 for fewer than
// MinLongRun; 1 for scores that are constant.
func longRunVariance(z []float64) float64 {
	r := len(z)
	if r < MinLongRun {
		return 0
	}
	mean, c0, _ := moments(z)
	if c0/float64(r) < leastVariance {
		return 1
	}
	most := int(8 * math.Cbrt(float64(r)/100))
	sum := 0.0
	for l := 1; l <= most; l++ {
		c := 0.0
		for i := l; i < r; i++ {
			c += float64((z[i] - mean) * (z[i-l] - mean))
		}
		sum += (1 - float64(l)/float64(most+1)) * c / c0
	}
	return math.Max(1, (1+2*sum)*(1+float64(most)/float64(r)))
}

// Standardised is a window's score in standard errors, for sums over windows.
type Standardised struct {
	Name string  // location, spread, skew, tails; category
	Z    float64 // score less its usual value, in standard errors
	LRV  float64 // long-run variance of Z in the reference, 1 or more; 0: not known
}

// NoLongRun says why sums over windows cannot be judged by the column's
// reference, "" where they can.
func (c *Column) NoLongRun() string {
	j := numericScores
	if c.Layout.Kind != driftd.Numeric {
		if j = c.rateLevel(); j < 0 {
			return "the category that stands for the column is too rare, or the only one"
		}
		j += categoryScores
	}
	need := "learning: sums over windows need a reference of " + itoa(MinLongRun) + " windows; this one "
	switch {
	case c.flat:
		return need + "is flat"
	case j >= len(c.scale.Fits):
		return need + "has no window of this length"
	case c.scale.Fits[j].LRV >= 1:
		return ""
	case c.scale.Inherited():
		return need + "is of an accepted change, and takes over how windows vary"
	}
	return need + "was fitted over " + itoa(c.scale.Fits[j].R)
}

// RateCategory is the category whose share stands for a column that has no mean:
// `true` of a boolean one, else the layout's first, the most frequent.
func RateCategory(l *driftd.ColumnLayout) int {
	if l.Kind == driftd.Boolean {
		return 1
	}
	return 0
}

// rateLevel is the tested level of RateCategory; -1 where it is too rare.
func (c *Column) rateLevel() int {
	if c.levels != nil {
		for j, i := range c.levels.kept {
			if i == RateCategory(c.Layout) {
				return j
			}
		}
	}
	return -1
}

// standardiseRate adds RateCategory's score to the decision.
func (c *Column) standardiseRate(counts []float64, n float64, d *Decision) {
	j := c.rateLevel()
	if !d.sums || j < 0 || !c.usable(categoryScores+j, d.slot) {
		return
	}
	fit := &c.scale.Fits[categoryScores+j]
	g := RateScore(counts[j], n, c.levels.P[j]) - slotMean(fit, d.slot)
	d.Standard = append(d.Standard, Standardised{TestCategory, g / SlotStdErr(fit, n, d.slot), fit.LRV})
}
