package detect

import "github.com/driftd/driftd"

// slabs is the memory of one window's results: a few pieces for all columns
// together, cut as they are needed, so that allocations do not grow with columns.
// The results own it.
type slabs struct {
	columns []driftd.ColumnResult
	test    []driftd.TestResult
	bin     []uint64
	float   []driftd.Float
}

// Of a column: tests of the rule and measures, and quantiles. What needs more
// (all measures, classic rules, sequential detectors) gets memory of its own.
const (
	columnTests     = 14
	columnQuantiles = 5
)

func newSlabs(l *driftd.Layout) *slabs {
	bins, numeric := 0, 0
	for i := range l.Columns {
		c := &l.Columns[i]
		if c.Kind == driftd.Numeric {
			bins, numeric = bins+len(c.Upper)+2, numeric+1
		} else {
			bins += len(c.Categories) + 2
		}
	}
	n := len(l.Columns)
	return &slabs{make([]driftd.ColumnResult, n), make([]driftd.TestResult, n*columnTests), make([]uint64, bins), make([]driftd.Float, numeric*columnQuantiles)}
}

// cut takes n off a slab, with no length yet and no room beyond; memory of its own
// where the slab has no more.
func cut[T any](slab *[]T, n int) []T {
	if n > len(*slab) {
		return make([]T, 0, n)
	}
	out := (*slab)[:0:n]
	*slab = (*slab)[n:]
	return out
}

func (s *slabs) column() *driftd.ColumnResult {
	c := &s.columns[0]
	s.columns = s.columns[1:]
	return c
}

func (s *slabs) tests() []driftd.TestResult { return cut(&s.test, columnTests) }
func (s *slabs) bins(n int) []uint64        { return cut(&s.bin, n) }
func (s *slabs) quantiles() []driftd.Float  { return cut(&s.float, columnQuantiles) }
