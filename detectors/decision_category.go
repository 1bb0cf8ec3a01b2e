package detectors

import (
	"math"

	"github.com/driftd/driftd"
)

func (c *Column) prepareCategorical() {
	p := categoryShares(c.Ref, nil)
	_, m := categoryRates(&ColumnWindow{Profile: &c.Ref.Profile, Missing: c.Ref.Missing})
	if m[rateNew] == 0 {
		return
	}
	n := c.scale.MedianN
	if c.flat {
		n = m[rateNew]
	}
	c.levels = newLevels(c.Ref, n)
	if c.flat {
		c.flatScale(categoryScores+len(c.levels.P), func(int) string { return TestCategory }, m[rateNew])
		c.scale.Residual = flatResidual(float64(len(c.levels.seen) - 1))
		c.scale.Residual.MeanNC = float64(len(c.levels.P) - 1)
	} else {
		p = categoryShares(c.Ref, &c.scale)
	}
	if len(c.scale.Fits) != categoryScores+len(c.levels.P) {
		c.levels = nil
		return
	}
	tol := [categoryScores]func(float64) float64{nullTolerance, rareTolerance, rareTolerance}
	share := [categoryScores]float64{categoryNull / 2, categoryNew, categoryNew}
	for j := range p {
		c.addRate(j, p[j], tol[j], m[j], share[j])
	}
	k := float64(len(c.levels.P))
	for j, q := range c.levels.P {
		c.addRate(categoryScores+j, q, categoryTolerance, m[rateNew], categoryShare/2/k)
	}
}

func (c *Column) judgeCategorical(w *ColumnWindow, d *Decision, mem *Scratch) {
	lv := c.levels
	x, n := categoryRates(w)
	for _, i := range c.unseen(w) { // a boolean's other value; another segment's category
		x[rateNew] += float64(w.Profile.Counts[i])
	}
	nl := n[rateNew]
	var counts []float64
	if nl > 0 {
		counts = lv.pooledIn(w.Profile, mem)
		c.judgeCategories(counts, nl, d)
		if df := float64(len(lv.seen) - 1); df >= 1 {
			c.judgeResidual(lv.residual(w.Profile, nl), nl, df, categoryResidual, d)
		}
	}
	c.judgeRate(rateNull, x[rateNull], n[rateNull], categoryNull, true, d)
	c.judgeRate(rateNew, x[rateNew], nl, categoryNew, false, d)
	c.judgeRate(rateType, x[rateType], n[rateType], categoryNew, false, d)
	if nl > 0 {
		if len(c.Shown) > 0 {
			c.show(c.compareLevels(counts, nl, 0, mem), d)
		}
	}
	if c.telling(d) {
		d.Moved = c.movedCategorical(w, d, x, n, counts)
	}
}

// unseen are the layout's categories that the window has and this reference has
// not: as new to the series as those that nobody has seen.
func (c *Column) unseen(w *ColumnWindow) []int {
	var out []int
	for i, k := range w.Profile.Counts {
		if k > 0 && c.Ref.Profile.Counts[i] == 0 {
			out = append(out, i)
		}
	}
	return out
}

// judgeCategories takes the level that moved most, Bonferroni over all of them,
// and asks for a debiased divergence of MinDivergence over the tested levels.
func (c *Column) judgeCategories(counts []float64, n float64, d *Decision) {
	lv := c.levels
	k := float64(len(lv.P))
	div, usual := lv.divergence(counts, n), c.scale.Residual.MeanNC
	if c.scale.Seasonal() {
		div, usual = slotDivergence(lv, c.scale.Fits, counts, n, d.slot), c.scale.Residual.MeanSlotNC
	}
	debiased := math.Max(0, div-c.usual(usual, n))
	d.Effect = math.Sqrt(debiased)
	fit := &c.scale.Fits[categoryScores]
	d.NEff = 1 / Variance(fit, n)
	if k < 2 {
		d.Reason = "only one level is left after rare ones are pooled"
		return
	}
	c.standardiseRate(counts, n, d)
	best, bestP := 0, 2.0
	for j, x := range counts {
		r := c.rates[categoryScores+j].in(d.slot)
		p := 1.0
		if c.usable(categoryScores+j, d.slot) {
			p = r.TwoSidedP(x, n)
		}
		if p < bestP {
			best, bestP = j, p
		}
		// The MDE of the easiest level; each level's own would be shown by its test.
		q := r.P
		if q > 0 && q < 1 && c.usable(categoryScores+j, d.slot) {
			sd := math.Sqrt(q * (1 - q))
			se := r.stdErr(n)
			mde := math.Max(c.levelVisible(&r, j, n)/sd, math.Sqrt(MinDivergence)+.84*se)
			if math.IsNaN(d.MDE) || mde < d.MDE {
				d.MDE = mde
			}
		}
	}
	p := math.Min(1, bestP*k)
	if debiased < MinDivergence {
		p = 1
	}
	r := c.rates[categoryScores+best].in(d.slot)
	d.Score = counts[best]/n - r.P
	d.take(driftd.TestResult{Name: TestCategory, Statistic: driftd.Float(counts[best] / n), Effect: driftd.Float(counts[best]/n - r.P),
		Threshold: driftd.Float(c.rateThreshold(&r, categoryScores+best, n)), PValue: driftd.Float(p)}, categoryShare)
}

func (c *Column) levelVisible(r *Rate, j int, n float64) float64 {
	x := arc(math.Min(1, r.P+r.Tol))/2 + (c.crit[categoryScores+j]+.84)*r.stdErr(n)/2
	if x >= math.Pi/2 {
		return math.Inf(1)
	}
	s := math.Sin(x)
	return s*s - r.P
}
