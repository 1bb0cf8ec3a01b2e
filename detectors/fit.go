package detectors

import (
	"math"

	"github.com/driftd/driftd"
)

// ColumnWindow is what one window says about one column.
type ColumnWindow struct {
	Profile *driftd.ColumnProfile
	Missing uint64
	NewX    uint64 // reference windows only: values whose level occurs in no other window
	// Slot is the hour that the window starts in, for a seasonal baseline: of
	// reference windows where they are to have one, of live windows always. Day is
	// the local day of reference windows. See driftd.SlotAt.
	Slot driftd.Slot
	Day  int64

	// Scratch is working memory that others use after this window; nil: it takes its own.
	Scratch *Scratch
	// Tests is memory for the decision's tests; nil: it takes its own.
	Tests []driftd.TestResult
	// Sums says that Decision.Standard is wanted.
	Sums bool
}

// events is how many events had the column's group.
func (w *ColumnWindow) events() float64 { return float64(w.Profile.Present() + w.Missing) }

// The rates of a column, in the order of ColumnScale.Fits. The smooth scores of
// a numeric column, or the tested levels of a categorical one, follow.
const (
	rateNull = iota
	rateType
	rateNaN      // numeric
	rateRange    // numeric
	rateMinority // numeric
	numericScores
)
const (
	rateNew        = rateType + 1 // categorical
	categoryScores = rateNew + 1
)

var numericRateNames = []string{TestNull, TestTypeError, TestNaN, TestRange, TestMinority}
var categoryRateNames = []string{TestNull, TestTypeError, TestNew}

// rates are (x, n) of each rate in a window.
func numericRates(s *Shape, w *ColumnWindow) (x, n [numericScores]float64) {
	if s == nil {
		return ratesOf(nil, w, nil, 0)
	}
	q, k := s.Shares(w.Profile)
	return ratesOf(s, w, q, k)
}

// ratesOf is numericRates of a window with shares q of k values.
func ratesOf(s *Shape, w *ColumnWindow, q []float64, k float64) (x, n [numericScores]float64) {
	c, ev := w.Profile, w.events()
	x[rateNull], n[rateNull] = float64(c.Classes[driftd.Null]+w.Missing), ev
	x[rateType], n[rateType] = float64(c.Classes[driftd.TypeError]), ev
	x[rateNaN], n[rateNaN] = float64(c.Classes[driftd.NaN]), ev
	inf := c.Classes[driftd.PosInf] + c.Classes[driftd.NegInf]
	b := len(c.Bins)
	x[rateRange] = float64(c.Bins[0].Count + c.Bins[b-1].Count + inf + c.Unlisted)
	n[rateRange] = float64(c.Placed() + inf)
	n[rateMinority] = n[rateRange]
	if q != nil {
		x[rateMinority] = math.Round(k - q[s.Mode]*k)
	}
	return x, n
}

func categoryRates(w *ColumnWindow) (x, n [categoryScores]float64) {
	c, ev := w.Profile, w.events()
	x[rateNull], n[rateNull] = float64(c.Classes[driftd.Null]+w.Missing), ev
	x[rateType], n[rateType] = float64(c.Classes[driftd.TypeError]), ev
	x[rateNew], n[rateNew] = float64(c.Classes[driftd.NewLevel]), levelCount(c)
	return x, n
}

// levelCount is the number of categorical values, whatever their level.
func levelCount(c *driftd.ColumnProfile) float64 {
	return float64(c.Placed() + c.Classes[driftd.RareLevel] + c.Classes[driftd.NewLevel])
}

// FitColumn fits every score of a column over the reference's windows (complete
// ones, in order of time) of one length. Where each window has a slot the
// baseline is seasonal, else fixed.
func FitColumn(l *driftd.ColumnLayout, ref *driftd.ColumnReference, windows []ColumnWindow) driftd.ColumnScale {
	se := seasonOf(l, windows)
	return fitColumn(l, ref, windows, se, func(_ int, name string, s, n []float64) driftd.Fit { return fitSeasonal(name, s, n, se) }, 0)
}

// fitOne fits score j of a column from its values and sizes.
type fitOne func(j int, name string, s, n []float64) driftd.Fit

// fitColumn fits the scores by fit. medianN is the window size at which levels
// are pooled, 0: that of the windows.
func fitColumn(l *driftd.ColumnLayout, ref *driftd.ColumnReference, windows []ColumnWindow, se *season, fit fitOne, medianN float64) driftd.ColumnScale {
	var sc driftd.ColumnScale
	if se != nil {
		events := make([]float64, len(windows))
		for i := range windows {
			events[i] = windows[i].events()
		}
		_, sc.SlotDays = se.count(events)
	}
	switch l.Kind {
	case driftd.Numeric:
		fitNumeric(&sc, l, ref, windows, fit)
	case driftd.Pairs:
		fitPairs(&sc, ref, windows, fit)
	default:
		fitCategorical(&sc, ref, windows, se, fit, medianN)
	}
	return sc
}

func fitNumeric(sc *driftd.ColumnScale, l *driftd.ColumnLayout, ref *driftd.ColumnReference, windows []ColumnWindow, fit fitOne) {
	s := NewShape(l, &ref.Profile)
	if s == nil {
		return
	}
	p := numericShares(s, ref)
	r, k := len(windows), len(s.H)
	score := matrix(numericScores+k, r)
	size := matrix(numericScores+k, r)
	xr, nq, chi := make([]float64, r), make([]float64, r), make([]float64, r)
	for i := range windows {
		x, n := numericRates(s, &windows[i])
		for j := range x {
			score[j][i], size[j][i] = RateScore(x[j], n[j], p[j]), n[j]
		}
		q, m := s.Shares(windows[i].Profile)
		nq[i] = m
		if q == nil {
			continue
		}
		c := s.Scores(q)
		for j := range c {
			score[numericScores+j][i], size[numericScores+j][i] = c[j], m
		}
		xr[i], chi[i] = Residual(q, s.P, c), ChiSquareDivergence(q, s.P)
	}
	for j := range score {
		sc.Fits = append(sc.Fits, fit(j, numericName(j), score[j], size[j]))
	}
	sc.Residual = FitResidual(xr, nq)
	sc.Residual.MeanNC = meanNX(chi, nq)
	fitSizes(sc, nq)
}

func numericName(j int) string {
	if j < numericScores {
		return numericRateNames[j]
	}
	return scoreNames[j-numericScores]
}

// numericShares are the reference's shares of the rates.
func numericShares(s *Shape, ref *driftd.ColumnReference) (p [numericScores]float64) {
	x, n := numericRates(s, &ColumnWindow{Profile: &ref.Profile, Missing: ref.Missing})
	for j := range p {
		if n[j] > 0 {
			p[j] = x[j] / n[j]
		}
	}
	return p
}

func fitCategorical(sc *driftd.ColumnScale, ref *driftd.ColumnReference, windows []ColumnWindow, se *season, fit fitOne, medianN float64) {
	r := len(windows)
	nl := make([]float64, r)
	var newX, newN float64
	for i := range windows {
		nl[i] = levelCount(windows[i].Profile)
		if nl[i] >= MinWindowN {
			newX += float64(windows[i].NewX)
			newN += nl[i]
		}
	}
	if newN > 0 {
		sc.NewShare = newX / newN
	}
	fitSizes(sc, nl)
	if medianN == 0 {
		medianN = sc.MedianN
	}
	lv := newLevels(ref, medianN)
	sc.Kept = lv.kept
	p := categoryShares(ref, sc)
	score := matrix(categoryScores+len(lv.P), r)
	size := matrix(categoryScores+len(lv.P), r)
	xr, chi := make([]float64, r), make([]float64, r)
	levels := make([][]float64, r)
	for i := range windows {
		w := &windows[i]
		x, n := categoryRates(w)
		x[rateNew] = float64(w.NewX)
		for j := range x {
			score[j][i], size[j][i] = RateScore(x[j], n[j], p[j]), n[j]
		}
		counts := lv.pooled(w.Profile)
		levels[i] = counts
		for j, c := range counts {
			score[categoryScores+j][i], size[categoryScores+j][i] = RateScore(c, nl[i], lv.P[j]), nl[i]
		}
		if nl[i] > 0 {
			chi[i] = lv.divergence(counts, nl[i])
			xr[i] = lv.residual(w.Profile, nl[i])
		}
	}
	for j := range score {
		name := TestCategory
		if j < categoryScores {
			name = categoryRateNames[j]
		}
		sc.Fits = append(sc.Fits, fit(j, name, score[j], size[j]))
	}
	sc.Residual = FitResidual(xr, nl)
	sc.Residual.MeanNC = meanNX(chi, nl)
	if se != nil {
		sc.Residual.MeanSlotNC = meanSlotNC(sc, lv, levels, nl, se)
	}
}

// meanSlotNC is MeanNC against the slot's own shares. These are of the same
// windows: the mean is over the degrees of freedom that are left.
func meanSlotNC(sc *driftd.ColumnScale, lv *levels, counts [][]float64, n []float64, se *season) float64 {
	x := make([]float64, len(n))
	for i := range n {
		if n[i] >= MinWindowN {
			x[i] = slotDivergence(lv, sc.Fits, counts[i], n[i], se.slot[i])
		}
	}
	mean, most := meanNX(x, n), 1.0
	for i := range lv.P {
		if f := &sc.Fits[categoryScores+i]; residualWindows(f) > 1 {
			most = math.Max(most, float64(f.R)/float64(residualWindows(f)-1))
		}
	}
	return mean * most
}

// categoryShares are the reference's shares of the rates. New levels:
// max(share seen in one window only, levels seen once / values), the latter
// being Good's estimate of the unseen mass (Good, The population frequencies of
// species, 1953).
func categoryShares(ref *driftd.ColumnReference, sc *driftd.ColumnScale) (p [categoryScores]float64) {
	x, n := categoryRates(&ColumnWindow{Profile: &ref.Profile, Missing: ref.Missing})
	for j := range p {
		if n[j] > 0 {
			p[j] = x[j] / n[j]
		}
	}
	p[rateNew] = 0
	if n[rateNew] > 0 {
		p[rateNew] = float64(ref.Singletons) / n[rateNew]
	}
	if sc != nil {
		p[rateNew] = math.Max(p[rateNew], sc.NewShare)
	}
	return p
}

func fitSizes(sc *driftd.ColumnScale, n []float64) {
	var enough []float64
	for _, x := range n {
		if x >= MinWindowN {
			enough = append(enough, x)
			sc.MaxN = math.Max(sc.MaxN, x)
		}
	}
	sc.Windows, sc.MedianN = len(enough), median(enough)
}

func meanNX(x, n []float64) float64 {
	sum, r := 0.0, 0.0
	for i := range x {
		if n[i] >= MinWindowN {
			sum += n[i] * x[i]
			r++
		}
	}
	if r == 0 {
		return 0
	}
	return sum / r
}

func matrix(rows, cols int) [][]float64 {
	m := make([][]float64, rows)
	for i := range m {
		m[i] = make([]float64, cols)
	}
	return m
}
