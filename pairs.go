package driftd

import (
	"errors"
	"fmt"
)

// PairsColumn is the name of the column of pairs.
const PairsColumn = "(pairs)"

// PairUnit is one standardised rank in a PairTable: integers, so that sums are
// exact in whatever order they are merged.
const PairUnit = 32

// MaxPairRank bounds ranks: 4 reference standard deviations.
const MaxPairRank = 4 * PairUnit

// pairCentre is the mean of a rank's size, sqrt(3)/2 of PairUnit: ranks are uniform.
const pairCentre = 28

// PairTable says how the sums of pairs are formed: which numeric columns go into
// them, and the standardised rank of each bin. It stands in the layout, so that
// whoever folds events needs nothing else. Immutable.
type PairTable struct {
	Columns []int     // of the layout, ascending
	Z       [][]int16 // by column of the table, by bin (under, bins, over), in PairUnit
	Every   uint64    // 1 event in so many is summed, by the hash of its record; at least 1

	names []string // of Columns; set by Layout.Compile
}

// Pairs is how many pairs the table has.
func (t *PairTable) Pairs() int { return len(t.Columns) * (len(t.Columns) - 1) / 2 }

// Names are the columns of a pair.
func (t *PairTable) Names(pair int) (a, b string) {
	i := 1
	for i*(i+1)/2 <= pair {
		i++
	}
	return t.names[pair-i*(i-1)/2], t.names[i]
}

// compilePairs checks the table of column at.
func (l *Layout) compilePairs(at int) error {
	t := l.Columns[at].Pairs
	switch {
	case at != len(l.Columns)-1:
		return errors.New("columns follow the pairs")
	case t == nil || len(t.Columns) < 2 || len(t.Z) != len(t.Columns) || t.Every < 1:
		return errors.New("no table of pairs, or none of two columns")
	}
	before := -1
	t.names = nil
	for k, c := range t.Columns {
		if c <= before || c >= at || l.Columns[c].Kind != Numeric || len(t.Z[k]) != len(l.Columns[c].Upper)+2 {
			return fmt.Errorf("the pairs' column %d is none, or has other bins", c)
		}
		for _, z := range t.Z[k] {
			if z < -MaxPairRank || z > MaxPairRank {
				return fmt.Errorf("a rank of %d in the table of pairs", z)
			}
		}
		before = c
		t.names = append(t.names, l.Columns[c].Name)
	}
	return nil
}

// PairSums are sums over events of each pair's products: of z_i z_j, and of
// (|z_i| - c)(|z_j| - c) with c the mean of |z|. A merge is exact, commutative and
// associative. The pair (i, j), j < i, of the table is at i(i-1)/2 + j.
type PairSums struct {
	N                  uint64 // events summed
	Products, Absolute []int64

	table *PairTable
	z     []int32 // of the event that is being added
}

// NewPairSums makes empty sums.
func NewPairSums(t *PairTable) *PairSums {
	n := t.Pairs()
	sums := make([]int64, 2*n)
	return &PairSums{Products: sums[:n:n], Absolute: sums[n:], table: t, z: make([]int32, len(t.Columns))}
}

// Add counts an event, if it is one of those that are summed: key is the hash of its
// record. A value that is not
// placed counts as the middle: it says nothing about how columns go together.
func (s *PairSums) Add(values []Value, key uint64) {
	t := s.table
	if key%t.Every != 0 {
		return
	}
	for k, c := range t.Columns {
		z := int32(0)
		if v := &values[c]; v.Class == Placed {
			z = int32(t.Z[k][v.Bin])
		}
		s.z[k] = z
	}
	s.N++
	at := 0
	for i := 1; i < len(s.z); i++ {
		zi := s.z[i]
		ai := max(zi, -zi) - pairCentre
		p, a := s.Products[at:at+i], s.Absolute[at:at+i]
		for j, zj := range s.z[:i] {
			p[j] += int64(zi * zj)
			a[j] += int64(ai * (max(zj, -zj) - pairCentre))
		}
		at += i
	}
}

// Merge adds o to s; both must be of one table.
func (s *PairSums) Merge(o *PairSums) {
	s.N += o.N
	for i := range o.Products {
		s.Products[i] += o.Products[i]
		s.Absolute[i] += o.Absolute[i]
	}
}

func (s *PairSums) clone() *PairSums {
	c := NewPairSums(s.table)
	c.Merge(s)
	return c
}

func (s *PairSums) reset() {
	s.N = 0
	clear(s.Products)
	clear(s.Absolute)
}

// pairScale is a product in units of squared ranks.
const pairScale = 1 / float64(PairUnit*PairUnit)

// Correlation is the mean of z_i z_j, which is Spearman's rank correlation but for
// the bins; 0 without events.
func (s *PairSums) Correlation(pair int) float64 { return s.mean(s.Products, pair) }

// Sizes is the mean of 4(|z_i| - c)(|z_j| - c): how the distances of two columns from
// their middles go together. |z| has the variance 1/4.
func (s *PairSums) Sizes(pair int) float64 { return 4 * s.mean(s.Absolute, pair) }

func (s *PairSums) mean(sums []int64, pair int) float64 {
	if s.N == 0 {
		return 0
	}
	return float64(sums[pair]) / float64(s.N) * pairScale
}
