package detectors

import (
	"math"

	"github.com/driftd/driftd"
)

func (c *Column) prepareNumeric() {
	c.shape = NewShape(c.Layout, &c.Ref.Profile)
	if c.shape == nil {
		return
	}
	c.refAt = BinMasses(c.Layout, &c.Ref.Profile)
	_, c.refSD = Moments(c.refAt)
	p := numericShares(c.shape, c.Ref)
	_, m := numericRates(c.shape, &ColumnWindow{Profile: &c.Ref.Profile, Missing: c.Ref.Missing})
	if c.flat {
		c.flatScale(numericScores+len(c.shape.H), numericName, c.shape.M)
		c.scale.Residual = flatResidual(float64(len(c.shape.P) - 1 - len(c.shape.H)))
		c.scale.Residual.MeanNC = float64(len(c.shape.P) - 1)
	}
	if len(c.scale.Fits) != numericScores+len(c.shape.H) {
		c.shape = nil // a reference that was fitted for other scores: nothing can be judged
		return
	}
	tol := [numericScores]func(float64) float64{nullTolerance, rareTolerance, nullTolerance, rareTolerance, nullTolerance}
	share := [numericScores]float64{numericNull / 2, numericRange, numericNull / 2, numericRange, numericShape}
	for j := range p {
		c.addRate(j, p[j], tol[j], m[j], share[j])
	}
	for k := range c.shape.H {
		c.addCrit(numericScores+k, numericShape*scoreWeights[k]/2)
	}
}

func (c *Column) judgeNumeric(w *ColumnWindow, d *Decision, mem *Scratch) {
	q, nq := c.shape.shares(w.Profile, mem)
	x, n := ratesOf(c.shape, w, q, nq)
	located := false
	if q != nil {
		located = c.judgeShape(q, nq, d, mem)
	}
	if !located && q != nil {
		c.judgeRate(rateMinority, x[rateMinority], n[rateMinority], numericShape, false, d)
		d.MDE, d.rateOnly = c.rateMDE(rateMinority, n[rateMinority], numericShape, d.slot), true
		d.NEff = 1 / Variance(&c.scale.Fits[rateMinority], n[rateMinority])
	}
	c.judgeRate(rateNull, x[rateNull], n[rateNull], numericNull, true, d)
	c.judgeRate(rateNaN, x[rateNaN], n[rateNaN], numericNull, true, d)
	c.judgeRate(rateRange, x[rateRange], n[rateRange], numericRange, false, d)
	c.judgeRate(rateType, x[rateType], n[rateType], numericRange, false, d)
	if q != nil {
		mem.masses = appendMasses(mem.masses[:0], c.Layout, w.Profile)
		d.Mean = meanOf(mem.masses)
		if len(c.Shown) > 0 {
			c.show(c.compareNumbers(q, nq, 0, mem.masses, mem), d)
		}
		if c.telling(d) {
			d.Moved = c.movedNumeric(d, x, n, q)
		}
	} else if c.telling(d) {
		d.Moved = c.movedRates(d, x[:], n[:])
	}
}

// judgeShape adds the smooth scores and the residual; false when the window
// cannot use c1 (two values, rare events).
func (c *Column) judgeShape(q []float64, n float64, d *Decision, mem *Scratch) (located bool) {
	s := c.shape
	scores := s.scores(q, mem)
	xr := Residual(q, s.P, scores)
	size := 0.0
	for k, raw := range scores {
		fit := &c.scale.Fits[numericScores+k]
		v := raw - slotMean(fit, d.slot)
		se, a := SlotStdErr(fit, n, d.slot), math.Abs(v)
		t := driftd.TestResult{Name: scoreNames[k], Statistic: driftd.Float(raw), Effect: driftd.Float(v), PValue: 1}
		t.Threshold = driftd.Float(math.Max(PageSize, Indifference+c.crit[numericScores+k]*se))
		usable := n >= s.Need[0] && n >= s.Need[k] && c.usable(numericScores+k, d.slot) // without c1 a rate stands in for all of them
		if usable && a >= PageSize {
			t.PValue = driftd.Float(math.Min(1, 2*StudentSF(math.Max(a-Indifference, 0)/se, DF(fit))))
		}
		if usable && d.sums {
			d.Standard = append(d.Standard, Standardised{scoreNames[k], v / se, fit.LRV})
		}
		d.take(t, numericShape*scoreWeights[k])
		if k == 0 {
			located = n >= s.Need[0]
			d.NEff, d.Score = 1/Variance(fit, n), v
			if located && c.usable(numericScores+k, d.slot) {
				d.MDE = math.Max(Indifference+(c.mdeCrit()+.84)*se, PageSize+.84*se)
			}
		}
		if a > Indifference {
			size += v * v
		}
	}
	df := float64(len(s.P) - 1 - len(scores))
	if df >= 1 {
		c.judgeResidual(xr, n, df, numericResidual, d)
		size += math.Max(0, xr-c.usual(c.scale.Residual.MeanNX, n))
	}
	d.Effect = math.Sqrt(size)
	return located
}

// mdeCrit is the critical t of c1 at alpha_column x .6 x .5, two-sided.
func (c *Column) mdeCrit() float64 { return c.crit[numericScores] }
