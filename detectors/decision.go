package detectors

import (
	"math"

	"github.com/driftd/driftd"
)

// The rule's constants. Indifference: a smooth score is tested against this,
// never against 0. PageSize: the least point size of a score for it to count.
const (
	Indifference = .05
	PageSize     = .14
	MaxMDE       = .5  // a window that could not show this is `insufficient`, never `ok`
	MaxRateMDE   = .05 // the same where a rate alone is judged
)

// scoreWeights split the shape's share over location, spread, skew and tails.
var scoreWeights = [MaxOrder]float64{.5, .25, .125, .125}

// Shares of a column's level by subtest.
const (
	numericShape    = .6
	numericResidual = .2
	numericNull     = .05 // null/NaN .1, halved
	numericRange    = .05 // out of range/type error .1, halved

	categoryShare    = .5
	categoryResidual = .2
	categoryNull     = .2
	categoryNew      = .05 // new/type error .1, halved
)

// Decision is what the rule says about one column in one window.
type Decision struct {
	N           uint64  // events that have the column's group
	NEff        float64 // independent values that the window is worth
	Mean        float64 // numeric: of the window's values; NaN where none was looked at
	P           float64 // min over subtests of p / share, at most 1
	Alpha       float64 // the chance of a flag without drift
	Effect      float64 // size, in reference standard deviations or the like
	MDE         float64 // smallest detectable effect (where a rate alone is judged: change of the rate); NaN when nothing could be shown
	Verdict     driftd.Verdict
	Flag        bool
	Evaluated   bool // it counts for 2 of 3: complete, not late, enough events and windows
	Reason      string
	Provisional bool
	Seasonal    bool   // against the usual for the window's hour
	Strongest   string // the subtest that decided
	Moved       string // what moved, in words
	Score       float64
	Tests       []driftd.TestResult
	Standard    []Standardised // scores that can be summed over windows

	rateOnly bool // MDE is a change of a rate
	slot     driftd.Slot
	sums     bool
}

// Column is one column's reference made ready to judge windows of one length at
// one level. Immutable; safe for concurrent use.
type Column struct {
	Layout *driftd.ColumnLayout
	Ref    *driftd.ColumnReference
	Alpha  float64
	// Shown are the measures of its decisions; DefaultMeasures. Set before first use.
	Shown []*Measure

	flat   bool
	maxR   int   // of left
	left   []int // windows of each fit, as they count against MinWindows
	scale  driftd.ColumnScale
	rates  []Rate
	crit   []float64 // one-sided critical t of each fit at its share
	shape  *Shape
	levels *levels
	pairs  *pairs
	refSD  float64
	refAt  []Mass
}

// NewColumn prepares a column. scale is nil for a reference without windows:
// then events are taken to be independent.
func NewColumn(l *driftd.ColumnLayout, ref *driftd.ColumnReference, scale *driftd.ColumnScale, alpha float64) *Column {
	c := &Column{Layout: l, Ref: ref, Alpha: alpha, Shown: DefaultMeasures, flat: scale == nil}
	if scale != nil {
		c.scale = *scale
	}
	switch l.Kind {
	case driftd.Numeric:
		c.prepareNumeric()
	case driftd.Pairs:
		c.preparePairs()
	default:
		c.prepareCategorical()
	}
	for i := range c.scale.Fits {
		c.left = append(c.left, residualWindows(&c.scale.Fits[i]))
		c.maxR = max(c.maxR, c.left[i])
	}
	return c
}

func (c *Column) flatScale(fits int, name func(int) string, m float64) {
	c.scale = driftd.ColumnScale{Windows: MinWindows, MaxN: math.Inf(1)}
	for j := range fits {
		c.scale.Fits = append(c.scale.Fits, flatFit(name(j), m))
	}
}

func (c *Column) addRate(j int, p float64, tol func(float64) float64, m, share float64) {
	c.rates = append(c.rates, Rate{P: p, Tol: tol(p), M: m, Fit: c.scale.Fits[j], tolerance: tol})
	c.addCrit(j, share)
}

func (c *Column) addCrit(j int, share float64) {
	c.crit = append(c.crit, StudentUpper(c.Alpha*share, DF(&c.scale.Fits[j])))
}

// UsualBroken are the usual rates, in the reference and at an hour, of events
// without a value (null or missing) and of values of another type; 1 and 0 where
// the reference has no value at all.
func (c *Column) UsualBroken(slot driftd.Slot) (null, typed float64) {
	if len(c.rates) == 0 {
		return 1, 0
	}
	n, t := c.rates[rateNull].in(slot), c.rates[rateType].in(slot)
	return n.P, t.P
}

// Judge says what the rule finds in a window. evaluable is false for a window
// that may not be judged (incomplete, late, ..) and reason says why; numbers are
// computed all the same, for the eye.
func (c *Column) Judge(w *ColumnWindow, evaluable bool, reason string) Decision {
	d := Decision{N: uint64(w.events()), P: 1, Alpha: c.Alpha, Mean: math.NaN(), MDE: math.NaN(), NEff: math.NaN(), Reason: reason, Score: math.NaN()}
	d.Provisional, d.Seasonal, d.slot = c.flat, c.scale.Seasonal(), w.Slot
	if c.shape == nil && c.levels == nil && c.pairs == nil {
		d.Verdict, d.Reason = driftd.NoData, "the reference has no value in this column"
		if c.Layout.Kind == driftd.Pairs {
			d.Reason = "the reference has no windows of this length: how columns go together can only be judged by windows"
		}
		return d
	}
	if d.N == 0 {
		d.Verdict = driftd.NoData
		if d.Reason == "" {
			d.Reason = "no event in this window has the column's group"
		}
		return d
	}
	d.Tests, d.sums = w.Tests, w.Sums
	mem := w.Scratch
	if mem == nil {
		mem = &Scratch{}
	}
	mem.reset()
	switch {
	case c.pairs != nil:
		c.judgePairs(w, &d)
	case c.levels == nil:
		c.judgeNumeric(w, &d, mem)
	default:
		c.judgeCategorical(w, &d, mem)
	}
	d.P = math.Min(1, d.P)
	d.Moved += c.againstHour(&d)
	c.verdict(&d, evaluable)
	return d
}

func (c *Column) verdict(d *Decision, evaluable bool) {
	switch {
	case c.maxR < MinWindows:
		d.Verdict = driftd.Learning
		d.Reason = c.learningReason()
	case !evaluable:
		d.Verdict = driftd.Insufficient
	case d.N < MinWindowN:
		d.Verdict, d.Reason = driftd.Insufficient, "fewer than 50 events"
	case !c.flat && float64(d.N) < c.scale.Fits[rateNull].MedianN/4: // both in events that have the group
		d.Verdict, d.Reason = driftd.Insufficient, "fewer events than a quarter of the reference's median window"
	case c.unknownHour(d.slot) != "":
		d.Verdict, d.Reason = driftd.Insufficient, c.unknownHour(d.slot)
	case d.P <= c.Alpha:
		d.Verdict, d.Flag, d.Evaluated = driftd.Drift, true, true
	case d.MDE <= MaxMDE && !d.rateOnly || d.MDE <= MaxRateMDE && d.rateOnly:
		d.Verdict, d.Evaluated = driftd.OK, true
	default:
		d.Verdict, d.Evaluated = driftd.Insufficient, true
		if d.Reason == "" {
			if d.Reason = "the smallest shift that this window could show is above .5 sd"; d.rateOnly {
				d.Reason = "the smallest change of the rate that this window could show is above 5 points"
			}
		}
	}
	if c.flat && d.Reason == "" {
		d.Reason = "flat reference: independent events assumed, budget not guaranteed"
	}
}

// take records a subtest and keeps the strongest.
func (d *Decision) take(t driftd.TestResult, share float64) {
	d.Tests = append(d.Tests, t)
	if p := float64(t.PValue) / share; p < d.P {
		d.P, d.Strongest = p, t.Name
	}
}

// telling says that what moved is worth words: it flags, or is near to it. Most
// windows have nothing to tell, and words cost more than the tests.
func (c *Column) telling(d *Decision) bool { return d.P <= math.Max(c.Alpha, .05) }

// usual is what a divergence of n values comes to without drift, from its mean
// times n over reference windows. A flat reference's own error adds to it.
func (c *Column) usual(meanN, n float64) float64 {
	most := math.Min(n, c.scale.Residual.MaxN)
	if most == 0 { // no reference window had events enough: nothing is known
		return 0
	}
	x := meanN / most
	if c.flat {
		x += float64(meanN * c.scale.Fits[0].Tau2)
	}
	return x
}

func (c *Column) judgeResidual(xr, n, df, share float64, d *Decision) {
	m := 0.0
	if c.flat {
		m = c.scale.Fits[0].Tau2
		m = 1 / m
	}
	_, p := ResidualP(xr, n, df, m, &c.scale.Residual)
	if c.scale.Residual.R < MinWindows {
		p = 1
	}
	mean := c.usual(c.scale.Residual.MeanNX, n)
	d.take(driftd.TestResult{Name: TestResidual, Statistic: driftd.Float(xr), Effect: driftd.Float(math.Sqrt(math.Max(0, xr-mean))),
		Threshold: driftd.Float(math.Sqrt(MinResidual)), PValue: driftd.Float(p)}, share)
}

// judgeRate adds one rate's test. statistic: the window's share; effect: its
// difference from the reference's (from the slot's, where it has one); threshold: the difference that would flag.
func (c *Column) judgeRate(j int, x, n, share float64, twoSided bool, d *Decision) {
	if n <= 0 {
		return
	}
	r := c.rates[j].in(d.slot)
	p := 1.0
	if c.usable(j, d.slot) {
		if twoSided {
			p = r.TwoSidedP(x, n)
		} else {
			p = r.UpperP(x, n)
		}
	}
	d.take(driftd.TestResult{Name: c.fitName(j), Statistic: driftd.Float(x / n), Effect: driftd.Float(x/n - r.P),
		Threshold: driftd.Float(c.rateThreshold(&r, j, n)), PValue: driftd.Float(p)}, share)
	if float64(p) <= c.Alpha*share {
		d.Effect = math.Max(d.Effect, math.Abs(RateScore(x, n, r.P)))
	}
}

func (c *Column) fitName(j int) string {
	if c.pairs != nil {
		return TestPairs
	}
	if c.levels != nil {
		if j < categoryScores {
			return categoryRateNames[j]
		}
		return TestCategory
	}
	return numericName(j)
}

// rateThreshold is the difference from r.P that would flag rate j, by Student's t.
func (c *Column) rateThreshold(r *Rate, j int, n float64) float64 {
	x := arc(math.Min(1, r.P+r.Tol))/2 + c.crit[j]*r.stdErr(n)/2
	if x >= math.Pi/2 {
		return 1 - r.P
	}
	s := math.Sin(x)
	return s*s - r.P
}

// rateMDE is the smallest detectable change of a rate that is judged alone.
func (c *Column) rateMDE(j int, n, share float64, slot driftd.Slot) float64 {
	if !c.usable(j, slot) {
		return math.NaN()
	}
	r := c.rates[j].in(slot)
	return r.Visible(n, c.Alpha*share)
}

func (c *Column) learningReason() string {
	s := "the reference has " + itoa(c.maxR) + " windows with at least 50 events of this column; 30 are needed"
	for i := range c.scale.Fits {
		if f := &c.scale.Fits[i]; f.Seasonal() && c.left[i] == c.maxR {
			return s + ", beside one for each hour that it has"
		}
	}
	return s
}
