package detectors

import (
	"math"

	"github.com/driftd/driftd"
)

// Comparison is one window's distribution beside the reference's, cell by cell,
// ready for any measure.
type Comparison struct {
	n, m float64   // values on either side
	q, p []float64 // shares of the judged bins, or of the tested levels

	// cells are q and p in the cells that divergences are summed over: the same,
	// or fewer and wider ones. smooth are these with half a count in each, for
	// measures with a logarithm.
	cells, smooth pair

	bias    float64 // of a chi-square divergence over cells, where nothing changed
	logBias float64 // the same over smooth
	w1, sd  float64 // distance in the column's units; the reference's sd. NaN and 0 for levels
}

type pair struct{ q, p []float64 }

// ClassicBins is the number of bins that a divergence of numbers is usually over.
const ClassicBins = 10

// compare puts judged bins beside each other. bins is the number of wide bins that
// divergences are over: 0 takes all for those without a logarithm, and as many
// as hold 10 values each for those with.
func (c *Column) compare(q []float64, n float64, bins int, mem *Scratch) *Comparison {
	var k *Comparison
	if mem != nil {
		k = &mem.k
	} else {
		k = new(Comparison)
	}
	*k = Comparison{n: n, q: q, w1: math.NaN()}
	wide := bins
	if c.levels != nil {
		k.p, k.m, wide = c.levels.P, levelCount(&c.Ref.Profile), len(q)
	} else {
		k.p, k.m = c.shape.P, c.shape.M
		if bins == 0 {
			wide = displayBins(n)
		}
	}
	qc, pc := mem.take(len(q)), mem.take(len(q))
	for i := range q {
		qc[i], pc[i] = float64(q[i]*n), float64(k.p[i]*k.m)
	}
	qc, pc = coarsen(qc, k.p, wide, mem), coarsen(pc, k.p, wide, mem)
	k.smooth = pair{smoothed(qc, mem), smoothed(pc, mem)}
	k.cells = pair{q, k.p}
	if bins != 0 && c.levels == nil {
		k.cells = pair{coarsen(q, k.p, wide, mem), coarsen(k.p, k.p, wide, mem)}
	}
	unit := c.usual(c.scale.Residual.MeanNC, n) / float64(max(1, len(k.p)-1)) // of one degree of freedom
	k.bias, k.logBias = unit*float64(len(k.cells.p)-1), unit*float64(len(k.smooth.p)-1)
	return k
}

// Compare puts a window beside the reference. bins is the number of bins that
// divergences of numbers are over: 0 for the finest that n values allow, else
// about as many, of about equal reference mass. nil where the window or the
// reference has no value.
func (c *Column) Compare(w *ColumnWindow, bins int) *Comparison {
	switch {
	case c.levels != nil:
		n := levelCount(w.Profile)
		if n == 0 {
			return nil
		}
		return c.compareLevels(c.levels.pooled(w.Profile), n, bins, nil)
	case c.shape != nil:
		q, n := c.shape.Shares(w.Profile)
		if q == nil {
			return nil
		}
		return c.compareNumbers(q, n, bins, BinMasses(c.Layout, w.Profile), nil)
	}
	return nil
}

// compareLevels compares counts of the tested levels.
func (c *Column) compareLevels(counts []float64, n float64, bins int, mem *Scratch) *Comparison {
	q := mem.take(len(counts))
	for i, x := range counts {
		q[i] = x / n
	}
	return c.compare(q, n, bins, mem)
}

func (c *Column) compareNumbers(q []float64, n float64, bins int, masses []Mass, mem *Scratch) *Comparison {
	k := c.compare(q, n, bins, mem)
	k.w1, k.sd = Wasserstein1(masses, c.refAt), c.refSD
	return k
}

// N is the number of values in the window.
func (c *Comparison) N() float64 { return c.n }

// Measure is one of the numbers that say how far a window is from its reference.
// None of them decides in driftd's own rule: their values without drift move with
// the window's size and with dependence.
type Measure struct {
	Name    string // in config
	Result  string // in results
	Meaning string
	Levels  bool // categorical columns have it too; all have it for numbers
	P       bool // a p-value for independent events: far is small
	Most    float64

	of func(c *Comparison) (statistic, effect float64)
}

// Of is the measure's value as it is usually defined, and its effect: the value
// with what it is expected to be without drift taken off, or in units that do not
// depend on the window's size. NaN where the comparison has none.
func (m *Measure) Of(c *Comparison) (statistic, effect float64) { return m.of(c) }

// MeasureNamed finds a measure by its name in config; nil when there is none.
func MeasureNamed(name string) *Measure {
	for i := range Measures {
		if Measures[i].Name == name {
			return &Measures[i]
		}
	}
	return nil
}

// DefaultMeasures are shown where config does not say.
var DefaultMeasures = []*Measure{MeasureNamed("psi"), MeasureNamed("js"), MeasureNamed("ks"), MeasureNamed("w1")}

// Measures are all of them: STATISTICS 1.2's effect sizes, then the p-values of
// classic tests.
var Measures = []Measure{
	{Name: "psi", Result: ShowPSI, Levels: true, Most: math.Inf(1), Meaning: "population stability index", of: func(c *Comparison) (float64, float64) {
		x := PSI(c.smooth.q, c.smooth.p)
		return x, math.Max(0, x-c.logBias)
	}},
	{Name: "kl", Result: "kl_divergence", Levels: true, Most: math.Inf(1), Meaning: "relative entropy of the window from the reference, in nats", of: func(c *Comparison) (float64, float64) {
		x := KullbackLeibler(c.smooth.q, c.smooth.p)
		return x, math.Max(0, x-c.logBias/2)
	}},
	{Name: "js", Result: ShowJS, Levels: true, Most: 1, Meaning: "Jensen-Shannon distance, base 2", of: func(c *Comparison) (float64, float64) {
		x := JSDistance(c.smooth.q, c.smooth.p)
		return x, math.Sqrt(math.Max(0, x*x-c.logBias/(8*math.Ln2)))
	}},
	{Name: "hellinger", Result: "hellinger_distance", Levels: true, Most: 1, Meaning: "Hellinger distance", of: func(c *Comparison) (float64, float64) {
		x := Hellinger(c.cells.q, c.cells.p)
		return x, math.Sqrt(math.Max(0, x*x-c.bias/8))
	}},
	{Name: "tv", Result: "total_variation", Levels: true, Most: 1, Meaning: "total variation distance", of: func(c *Comparison) (float64, float64) {
		return both(TotalVariation(c.cells.q, c.cells.p))
	}},
	{Name: "l_infinity", Result: "l_infinity", Levels: true, Most: 1, Meaning: "largest difference of one share", of: func(c *Comparison) (float64, float64) {
		return both(LInfinity(c.cells.q, c.cells.p))
	}},
	{Name: "ks", Result: ShowKS, Most: 1, Meaning: "Kolmogorov-Smirnov distance", of: func(c *Comparison) (float64, float64) {
		return both(KSDistance(c.q, c.p))
	}},
	{Name: "w1", Result: ShowW1, Most: math.Inf(1), Meaning: "Wasserstein-1 distance, in reference standard deviations", of: func(c *Comparison) (float64, float64) {
		// A constant reference has no sd to measure in, a range beyond floats no distance.
		if x := c.w1 / c.sd; c.sd > 0 && !math.IsInf(c.w1, 0) && !math.IsInf(c.sd, 0) {
			return c.w1, x
		}
		return math.NaN(), math.NaN()
	}},
	{Name: "chi2", Result: "chi_square", Levels: true, Most: math.Inf(1), Meaning: "Pearson's statistic; its effect is the divergence a value", of: func(c *Comparison) (float64, float64) {
		x := ChiSquareDivergence(c.cells.q, c.cells.p)
		return x / c.unit(), math.Max(0, x-c.bias)
	}},
	{Name: "g", Result: "g_statistic", Levels: true, Most: math.Inf(1), Meaning: "likelihood ratio statistic; its effect is that of kl", of: func(c *Comparison) (float64, float64) {
		x := KullbackLeibler(c.cells.q, c.cells.p)
		return 2 * c.n * x, math.Max(0, x-c.bias/2)
	}},
	{Name: "cvm", Result: "cramer_von_mises", Most: math.Inf(1), Meaning: "Cramer-von Mises statistic", of: func(c *Comparison) (float64, float64) {
		x := c.squares(func(float64) float64 { return 1 })
		return x / c.unit(), x
	}},
	{Name: "ad", Result: "anderson_darling", Most: math.Inf(1), Meaning: "Anderson-Darling statistic", of: func(c *Comparison) (float64, float64) {
		x := c.squares(func(h float64) float64 { return 1 / (h * (1 - h)) })
		return x / c.unit(), x
	}},
	{Name: "ks_p", Result: "ks_p", P: true, Most: 1, Meaning: "p-value of ks", of: func(c *Comparison) (float64, float64) {
		return both(KolmogorovSF(KSDistance(c.q, c.p) / math.Sqrt(c.unit())))
	}},
	{Name: "cvm_p", Result: "cvm_p", P: true, Most: 1, Meaning: "p-value of cvm", of: func(c *Comparison) (float64, float64) {
		return both(CramerVonMisesSF(c.squares(func(float64) float64 { return 1 }) / c.unit()))
	}},
	{Name: "chi2_p", Result: "chi2_p", Levels: true, P: true, Most: 1, Meaning: "p-value of chi2", of: func(c *Comparison) (float64, float64) {
		return both(c.chiSquareP(ChiSquareDivergence(c.cells.q, c.cells.p) / c.unit()))
	}},
	{Name: "g_p", Result: "g_p", Levels: true, P: true, Most: 1, Meaning: "p-value of g", of: func(c *Comparison) (float64, float64) {
		return both(c.chiSquareP(2 * c.n * KullbackLeibler(c.cells.q, c.cells.p)))
	}},
}

func both(x float64) (float64, float64) { return x, x }

// unit is 1/n + 1/m, the variance of a standardised difference of independent values.
func (c *Comparison) unit() float64 { return 1/c.n + 1/c.m }

// chiSquareP is 1 for a single cell, which cannot differ.
func (c *Comparison) chiSquareP(x float64) float64 {
	if len(c.cells.p) < 2 {
		return 1
	}
	return ChiSquareSF(x, float64(len(c.cells.p)-1))
}

// squares is the sum of (F - G)^2 weight(H) over bins, each by its share of both
// samples together; H is their pooled distribution function at the bin's upper
// edge. Where H is 1 both are, and nothing is added.
func (c *Comparison) squares(weight func(h float64) float64) float64 {
	var f, g, sum float64
	at := c.n / (c.n + c.m)
	for i := range c.p {
		f += c.q[i]
		g += c.p[i]
		share := float64(at*c.q[i]) + float64((1-at)*c.p[i])
		h := float64(at*f) + float64((1-at)*g)
		if h <= 0 || h >= 1-1e-12 {
			continue
		}
		sum += float64(float64(share*(f-g)*(f-g)) * weight(h))
	}
	return sum
}

// show adds the measures that are to be seen.
func (c *Column) show(k *Comparison, d *Decision) {
	for _, m := range c.Shown {
		if c.levels != nil && (!m.Levels || len(k.p) < 2) {
			continue
		}
		if statistic, effect := m.Of(k); !math.IsNaN(effect) && (len(k.p) > 1 || !m.Levels) {
			d.Tests = append(d.Tests, driftd.TestResult{Name: m.Result, Statistic: driftd.Float(statistic), Effect: driftd.Float(effect),
				Threshold: driftd.Float(math.NaN()), PValue: driftd.Float(math.NaN())})
		}
	}
}
