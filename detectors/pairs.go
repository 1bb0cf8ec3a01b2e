package detectors

import (
	"math"

	"github.com/driftd/driftd"
)

// How numeric columns go together: with z the columns' location scores,
// standardised ranks of the reference, a window has for each pair
//
//	P_ij = mean z_i z_j,   A_ij = mean 4 (|z_i| - .866)(|z_j| - .866)
//
// P moves with a correlation, A with dependence that a correlation does not see.
// Ranks are uniform: |z| has the mean .866 and the variance 1/4, so that both are in units of
// a correlation. Neither moves when columns drift each by itself within the indifference, so that
// they catch what rules for single columns miss, and they name the pair. P is
// Spearman's rank correlation when shares are small (Spearman 1904); A is in the
// manner of Szekely, Rizzo and Bakirov, Measuring and testing dependence by
// correlation of distances, 2007.

// PairUnit is one standardised rank in a PairTable: integers, so that sums are
// exact in whatever order windows are merged.
const PairUnit = 32

// Bounds of a pair's scores.
const (
	pairClip   = 4 * PairUnit
	pairCentre = 28  // sqrt(3)/2 of PairUnit: the mean of |z|
	pairSpread = .25 // variance of |z|
)

// PairTable has, for some numeric columns, the standardised rank of each bin.
type PairTable struct {
	Columns []int     // of the layout, ascending
	Z       [][]int16 // by column of the table, by bin (under, bins, over), in PairUnit
}

// NewPairTable makes the table from a reference's (or a layout sample's) counts.
// Columns with fewer than three judged bins have no ranks to speak of and are left out.
func NewPairTable(l *driftd.Layout, counts []driftd.ColumnProfile) *PairTable {
	t := &PairTable{}
	for c := range l.Columns {
		if l.Columns[c].Kind != driftd.Numeric {
			continue
		}
		s := NewShape(&l.Columns[c], &counts[c])
		if s == nil || len(s.P) < 3 || len(s.H) == 0 {
			continue
		}
		z := make([]int16, len(s.into))
		for b, j := range s.into {
			z[b] = int16(math.Round(math.Max(-pairClip, math.Min(pairClip, PairUnit*s.H[0][j]))))
		}
		t.Columns, t.Z = append(t.Columns, c), append(t.Z, z)
	}
	return t
}

// Pairs is how many pairs a table has.
func (t *PairTable) Pairs() int { return len(t.Columns) * (len(t.Columns) - 1) / 2 }

// PairSums are a window's sums over events. A merge is exact, commutative and
// associative. The pair (i, j), j < i, is at i(i-1)/2 + j.
type PairSums struct {
	N    uint64 // events
	P, A []int64
}

// NewPairSums makes empty sums for a table.
func NewPairSums(t *PairTable) *PairSums {
	return &PairSums{P: make([]int64, t.Pairs()), A: make([]int64, t.Pairs())}
}

// Add counts an event. scratch has the table's number of columns. A value that is
// not placed counts as the middle: it says nothing about how columns go together.
func (s *PairSums) Add(t *PairTable, values []driftd.Value, scratch []int32) {
	for k, c := range t.Columns {
		z := int32(0)
		if v := &values[c]; v.Class == driftd.Placed {
			z = int32(t.Z[k][v.Bin])
		}
		scratch[k] = z
	}
	s.N++
	at := 0
	for i := 1; i < len(scratch); i++ {
		zi := scratch[i]
		ai := max(zi, -zi) - pairCentre
		p, a := s.P[at:at+i], s.A[at:at+i]
		for j, zj := range scratch[:i] {
			p[j] += int64(zi * zj)
			a[j] += int64(ai * (max(zj, -zj) - pairCentre))
		}
		at += i
	}
}

// Merge adds o to s.
func (s *PairSums) Merge(o *PairSums) {
	s.N += o.N
	for i := range o.P {
		s.P[i] += o.P[i]
		s.A[i] += o.A[i]
	}
}

// product is the pair's P, 0 without events; absolute its A.
func (s *PairSums) product(pair int) float64  { return s.mean(s.P, pair) }
func (s *PairSums) absolute(pair int) float64 { return s.mean(s.A, pair) / pairSpread }

func (s *PairSums) mean(sums []int64, pair int) float64 {
	if s.N == 0 {
		return 0
	}
	return float64(sums[pair]) / float64(s.N) / (PairUnit * PairUnit)
}

// PairFit is how pairs vary from window to window of a reference.
type PairFit struct {
	P, A         []float64    // means over the reference's events
	FitsP, FitsA []driftd.Fit // of the windows' differences from these
}

// FitPairs fits the pairs over the reference's windows, in order of time.
func FitPairs(t *PairTable, windows []*PairSums) *PairFit {
	all := NewPairSums(t)
	for _, w := range windows {
		all.Merge(w)
	}
	f := &PairFit{}
	score, n := make([]float64, len(windows)), make([]float64, len(windows))
	fit := func(of func(*PairSums, int) float64, pair int) (float64, driftd.Fit) {
		mean := of(all, pair)
		for i, w := range windows {
			score[i], n[i] = of(w, pair)-mean, float64(w.N)
		}
		return mean, FitScore(TestPairs, score, n)
	}
	for pair := range t.Pairs() {
		p, fp := fit((*PairSums).product, pair)
		a, fa := fit((*PairSums).absolute, pair)
		f.P, f.A, f.FitsP, f.FitsA = append(f.P, p), append(f.A, a), append(f.FitsP, fp), append(f.FitsA, fa)
	}
	return f
}

// TestPairs is the test of all pairs together.
const TestPairs = "pairs"

// PairSize is the least change of a pair's mean that counts: without one, a
// correlation that moves from .50 to .52 pages when there are events enough.
const PairSize = .10

// PairDecision is what the test says of a window.
type PairDecision struct {
	P         float64 // the least p-value of all pairs, times their number (Bonferroni over P and A), at most 1
	I, J      int     // columns of the layout of the pair that it is of, I > J; -1: none
	Absolute  bool    // by A
	Reference float64
	Window    float64
}

// Judge tests all pairs of a window: |difference| - Indifference over its standard
// error, by Student's t; 1 where it is below PairSize, where the window has fewer
// than MinWindowN events or the reference fewer than MinWindows windows.
func (f *PairFit) Judge(t *PairTable, w *PairSums) PairDecision {
	d := PairDecision{P: 1, I: -1, J: -1}
	if w.N < MinWindowN {
		return d
	}
	times := 2 * float64(t.Pairs())
	take := func(pair int, usual, now float64, fit *driftd.Fit, absolute bool) {
		diff := math.Abs(now - usual)
		if diff < PairSize || fit.R < MinWindows {
			return
		}
		p := math.Min(1, times*2*StudentSF((diff-Indifference)/StdErr(fit, float64(w.N)), DF(fit)))
		if p < d.P {
			i, j := pairOf(pair)
			d = PairDecision{p, t.Columns[i], t.Columns[j], absolute, usual, now}
		}
	}
	for pair := range f.P {
		take(pair, f.P[pair], w.product(pair), &f.FitsP[pair], false)
		take(pair, f.A[pair], w.absolute(pair), &f.FitsA[pair], true)
	}
	return d
}

// pairOf is the pair at a place: i > j with i(i-1)/2 + j = pair.
func pairOf(pair int) (i, j int) {
	i = 1
	for i*(i+1)/2 <= pair {
		i++
	}
	return i, pair - i*(i-1)/2
}
