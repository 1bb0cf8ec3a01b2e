package detectors

import (
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/driftd/driftd"
)

// Draw makes a window of n values in which nothing has changed, and compares it as
// Compare does: it varies as the reference's own windows did, hours of the day
// among them. nil where the reference has no value.
//
// Numbers: the smooth scores are normal with the variance that was fitted for
// them, about the mean of an hour of the reference where it has hours; what is
// left of the shares is that of a multinomial sample of n / phi values, phi the
// dispersion of the reference windows' residuals. Levels: a multinomial sample of
// n / phi values of the hour's shares, phi the dispersion of the reference
// windows' divergences. A parametric bootstrap (Efron and Tibshirani, An
// Introduction to the Bootstrap, 1993, section 6.5).
func (c *Column) Draw(rng *rand.Rand, n float64, bins int) *Comparison {
	switch {
	case c.levels != nil:
		return c.compare(c.drawLevels(rng, n), n, bins, nil)
	case c.shape != nil:
		q := c.drawNumbers(rng, n)
		return c.compareNumbers(q, n, bins, c.atReference(q), nil)
	}
	return nil
}

func (c *Column) drawNumbers(rng *rand.Rand, n float64) []float64 {
	s := c.shape
	phi := 1.0
	if df := float64(len(s.P) - 1 - len(s.H)); df >= 1 {
		phi = math.Max(1, c.scale.Residual.MeanNX/df)
	}
	q := multinomial(rng, n/phi, s.P)
	of := s.Scores(q)
	slot := c.drawSlot(rng)
	for k, h := range s.H {
		fit := &c.scale.Fits[numericScores+k]
		move := slotMean(fit, slot) + float64(math.Sqrt(Variance(fit, n)*(1+1/meanRE(fit)))*rng.NormFloat64()) - of[k]
		for i, x := range h {
			q[i] += float64(s.P[i] * float64(move*x))
		}
	}
	return toShares(q)
}

func (c *Column) drawLevels(rng *rand.Rand, n float64) []float64 {
	lv := c.levels
	if len(lv.P) < 2 {
		return append([]float64(nil), lv.P...)
	}
	r := &c.scale.Residual
	slot, phi := c.drawSlot(rng), r.MeanNC/float64(len(lv.P)-1)
	p := make([]float64, len(lv.P))
	for j := range p {
		p[j] = slotShare(&c.scale.Fits[categoryScores+j], lv.P[j], slot)
	}
	if c.scale.Seasonal() {
		phi = r.MeanSlotNC / float64(len(lv.P)-1)
	}
	return multinomial(rng, n/math.Max(1, phi), toShares(p))
}

// drawSlot is an hour of the reference, each as likely; NoSlot where it has none.
func (c *Column) drawSlot(rng *rand.Rand) driftd.Slot {
	var known []driftd.Slot
	for i, d := range c.scale.SlotDays {
		if d > 0 {
			known = append(known, driftd.Slot(i+1))
		}
	}
	if known == nil {
		return driftd.NoSlot
	}
	return known[rng.IntN(len(known))]
}

// atReference puts shares of the judged bins where the reference's values of these
// bins are.
func (c *Column) atReference(q []float64) []Mass {
	s := c.shape
	sum, weight := make([]float64, len(q)), make([]float64, len(q))
	i := 0
	for b, x := range c.Ref.Profile.Bins {
		if x.Count == 0 {
			continue
		}
		at := c.refAt[i]
		i++
		sum[s.into[b]] += float64(at.X * at.W)
		weight[s.into[b]] += at.W
	}
	out := make([]Mass, 0, len(q))
	for i := range q {
		if weight[i] > 0 {
			out = append(out, Mass{sum[i] / weight[i], q[i]})
		}
	}
	return out
}

// multinomial are the shares of a sample of n values (at least one).
func multinomial(rng *rand.Rand, n float64, p []float64) []float64 {
	n = math.Max(1, math.Round(n))
	q := make([]float64, len(p))
	left, rest := n, 1.0
	for i, x := range p {
		if left == 0 {
			break
		}
		k := left
		if i < len(p)-1 && x < rest {
			k = distuv.Binomial{N: left, P: x / rest, Src: rng}.Rand()
		}
		q[i] = k / n
		left, rest = left-k, rest-x
	}
	return q
}

// toShares brings numbers to a sum of 1, those below 0 taken as 0.
func toShares(q []float64) []float64 {
	sum := 0.0
	for i, x := range q {
		q[i] = math.Max(0, x)
		sum += q[i]
	}
	if sum > 0 {
		for i := range q {
			q[i] /= sum
		}
	}
	return q
}
