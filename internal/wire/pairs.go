package wire

import (
	"fmt"
	"math"
	"slices"

	"github.com/driftd/driftd"
)

func pairTableToWire(t *driftd.PairTable) *PairTable {
	if t == nil {
		return nil
	}
	m := &PairTable{Every: t.Every}
	for k, c := range t.Columns {
		r, before := &PairRanks{}, int16(0)
		for _, z := range t.Z[k] {
			r.Z = append(r.Z, int32(z-before))
			before = z
		}
		m.Columns, m.Ranks = append(m.Columns, uint32(c)), append(m.Ranks, r)
	}
	return m
}

// pairTableFromWire leaves it to Layout.Compile to check the table.
func pairTableFromWire(m *PairTable) *driftd.PairTable {
	t := &driftd.PairTable{Every: m.Every}
	for _, c := range m.Columns {
		t.Columns = append(t.Columns, int(c))
	}
	for _, r := range m.Ranks {
		z, at := make([]int16, len(r.GetZ())), int64(0)
		for i, d := range r.GetZ() {
			at = max(math.MinInt16, min(math.MaxInt16, at+int64(d)))
			z[i] = int16(at)
		}
		t.Z = append(t.Z, z)
	}
	return t
}

// pairSumsFromWire reads a window's sums: none can be more than its events come to.
func pairSumsFromWire(m *ColumnProfile, l *driftd.ColumnLayout, c *driftd.ColumnProfile) error {
	s := driftd.NewPairSums(l.Pairs)
	if len(m.GetProducts()) != len(s.Products) || len(m.GetAbsolute()) != len(s.Absolute) {
		return fmt.Errorf("sums of %d and %d pairs, the layout has %d", len(m.GetProducts()), len(m.GetAbsolute()), len(s.Products))
	}
	if s.N = m.GetPairEvents(); s.N > math.MaxInt64/(driftd.MaxPairRank*driftd.MaxPairRank) {
		return fmt.Errorf("sums of %d events", s.N)
	}
	most := int64(s.N) * driftd.MaxPairRank * driftd.MaxPairRank
	beyond := func(x int64) bool { return x > most || x < -most }
	if slices.ContainsFunc(m.Products, beyond) || slices.ContainsFunc(m.Absolute, beyond) {
		return fmt.Errorf("sums that %d events cannot come to", s.N)
	}
	copy(s.Products, m.Products)
	copy(s.Absolute, m.Absolute)
	c.Pairs = s
	return nil
}
