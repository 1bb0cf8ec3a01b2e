package detectors

import (
	"fmt"
	"math"
	"slices"

	"github.com/driftd/driftd"
)

// How numeric columns go together: with z the columns' location scores,
// standardised ranks of the reference, a window has for each pair
//
//	P_ij = mean z_i z_j,   A_ij = mean 4 (|z_i| - .866)(|z_j| - .866)
//
// P moves with a correlation, A with dependence that a correlation does not see.
// Ranks are uniform: |z| has the mean .866 and the variance 1/4, so that both are in
// units of a correlation. Neither moves when one of two independent columns drifts by
// itself: they catch what the rules of single columns miss, and they name the pair. P
// is Spearman's rank correlation when shares are small (Spearman, The proof and
// measurement of association between two things, 1904); A is in the manner of
// Szekely, Rizzo and Bakirov, Measuring and testing dependence by correlation of
// distances, 2007.
//
// All pairs are one column of the budget. A pair flags where
//
//	p = 2 P(T > (|d| - .05) / se) <= alpha / (2 x pairs),   |d| >= .10
//
// with d the difference from the reference, se^2 = v(n)(1 + 1/R) of the reference's
// windows as of every other score (FitScore), and T Student's.

// PairSize is the least change of a pair that counts: without one, a
// correlation that moves from .50 to .52 pages when there are events enough.
const PairSize = .10

// MaxPairColumns is how many columns go into pairs, and summedPairs up to how many
// pairs every event is summed: more are summed of fewer events, at the same cost.
const (
	MaxPairColumns = 30
	summedPairs    = 190
)

// NewPairTable makes the table from a sample's counts in the layout's columns; nil
// where fewer than two columns are of use. left are the features that are beyond
// MaxPairColumns. Predictions are no part of it: they are made of the features.
// Columns with fewer than three judged bins have no ranks to speak of.
func NewPairTable(l *driftd.Layout, counts []driftd.ColumnProfile) (t *driftd.PairTable, left int) {
	t = &driftd.PairTable{}
	for c := range l.Columns {
		if l.Columns[c].Kind != driftd.Numeric || l.Columns[c].Group != driftd.Features {
			continue
		}
		s := NewShape(&l.Columns[c], &counts[c])
		if s == nil || len(s.P) < 3 || len(s.H) == 0 {
			continue
		}
		if len(t.Columns) == MaxPairColumns {
			left++
			continue
		}
		z := make([]int16, len(s.into))
		for b, j := range s.into {
			z[b] = int16(math.Round(math.Max(-driftd.MaxPairRank, math.Min(driftd.MaxPairRank, driftd.PairUnit*s.H[0][j]))))
		}
		t.Columns, t.Z = append(t.Columns, c), append(t.Z, z)
	}
	if len(t.Columns) < 2 {
		return nil, left
	}
	t.Every = uint64((t.Pairs() + summedPairs - 1) / summedPairs)
	return t, left
}

// pairScore is score j of a window: correlations of all pairs, then sizes.
func pairScore(s *driftd.PairSums, j int) float64 {
	if n := len(s.Products); j >= n {
		return s.Sizes(j - n)
	}
	return s.Correlation(j)
}

// fitPairs fits each pair's differences from the reference. Pairs have no seasonal
// slots: what they do over a day is part of how windows vary.
func fitPairs(sc *driftd.ColumnScale, ref *driftd.ColumnReference, windows []ColumnWindow, fit fitOne) {
	whole := ref.Profile.Pairs
	score, n := make([]float64, len(windows)), make([]float64, len(windows))
	for i := range windows {
		n[i] = float64(windows[i].Profile.Pairs.N)
	}
	fitSizes(sc, n)
	for j := range 2 * len(whole.Products) {
		usual := pairScore(whole, j)
		for i := range windows {
			score[i] = pairScore(windows[i].Profile.Pairs, j) - usual
		}
		sc.Fits = append(sc.Fits, fit(j, TestPairs, score, n))
	}
}

// pairs is what the column of pairs is judged by.
type pairs struct {
	table *driftd.PairTable
	usual []float64 // of each score
	typ   int       // the score of median variance, which stands for what pairs can show
	crit  float64   // its one-sided critical t
}

// preparePairs makes the column ready; without windows there is nothing to judge by.
func (c *Column) preparePairs() {
	whole := c.Ref.Profile.Pairs
	n := 2 * len(whole.Products)
	if whole.N == 0 || len(c.scale.Fits) != n {
		return
	}
	c.pairs = &pairs{table: c.Layout.Pairs}
	order := make([]int, n)
	for j := range n {
		c.pairs.usual = append(c.pairs.usual, pairScore(whole, j))
		order[j] = j
	}
	slices.SortStableFunc(order, func(a, b int) int {
		f, g := &c.scale.Fits[a], &c.scale.Fits[b]
		return compareFloats(Variance(f, f.MedianN), Variance(g, g.MedianN))
	})
	c.pairs.typ = order[n/2]
	c.pairs.crit = c.pairCrit(&c.scale.Fits[c.pairs.typ])
}

// pairCrit is the one-sided critical t of one score: Bonferroni over all of them.
func (c *Column) pairCrit(f *driftd.Fit) float64 {
	return StudentUpper(c.Alpha/float64(2*len(c.scale.Fits)), DF(f))
}

// judgePairs takes the pair that moved most; of those that have not moved, the one
// that is furthest from its usual.
func (c *Column) judgePairs(w *ColumnWindow, d *Decision) {
	s := w.Profile.Pairs
	n := float64(s.N)
	best, bestP, furthest := 0, 1.0, -1.0
	for j, usual := range c.pairs.usual {
		diff := math.Abs(pairScore(s, j) - usual)
		p := 1.0
		if diff >= PairSize && c.left[j] >= MinWindows {
			f := &c.scale.Fits[j]
			p = math.Min(1, 2*StudentSF((diff-Indifference)/StdErr(f, n), DF(f)))
		}
		if p < bestP || p == bestP && diff > furthest {
			best, bestP, furthest = j, p, diff
		}
	}
	fit, typ := &c.scale.Fits[best], &c.scale.Fits[c.pairs.typ]
	now, usual := pairScore(s, best), c.pairs.usual[best]
	if c.left[c.pairs.typ] >= MinWindows {
		se := StdErr(typ, n)
		d.MDE = math.Max(Indifference+(c.pairs.crit+.84)*se, PairSize+.84*se)
	}
	d.Effect, d.Score, d.NEff = furthest, now-usual, 1/Variance(fit, n)
	a, b := c.pairs.table.Names(best % len(s.Products))
	t := driftd.TestResult{Name: TestPairs, Statistic: driftd.Float(now), Effect: driftd.Float(now - usual),
		Threshold: driftd.Float(math.NaN()),
		PValue:    driftd.Float(math.Min(1, bestP*float64(len(c.scale.Fits)))), Note: a + " and " + b}
	if c.left[best] >= MinWindows {
		t.Threshold = driftd.Float(math.Max(PairSize, Indifference+c.pairCrit(fit)*StdErr(fit, n)))
	}
	what := "rank correlation of "
	if best >= len(s.Products) {
		what = "how sizes go together, of "
		t.Note += ", by size"
	}
	d.take(t, 1)
	if c.telling(d) {
		d.Moved = fmt.Sprintf("%s%s and %s %.2f -> %.2f", what, a, b, toOne(usual), toOne(now))
	}
}

// toOne is a sum in words: of few events it passes 1 by chance, which no reader expects
// of a correlation.
func toOne(x float64) float64 { return math.Max(-1, math.Min(1, x)) }

// outlyingPair is the pair that stands out most in a window of the reference.
func (c *Column) outlyingPair(w *ColumnWindow, take func(j int, s, n float64, name string)) {
	for j, usual := range c.pairs.usual {
		take(j, pairScore(w.Profile.Pairs, j)-usual, float64(w.Profile.Pairs.N), TestPairs)
	}
}
