package reference

import (
	"math"
	"slices"
	"strconv"

	"github.com/driftd/driftd"
)

func formatCorrelation(r float64) string { return strconv.FormatFloat(r, 'f', 3, 64) }

// layoutColumn cuts a column up.
func (f *facts) layoutColumn() driftd.ColumnLayout {
	c := driftd.ColumnLayout{Name: f.name, Group: f.group, Kind: f.kind()}
	switch c.Kind {
	case driftd.Boolean:
		c.Categories = []string{"false", "true"}
	case driftd.Categorical:
		f.cutLevels(&c)
	default:
		f.cutNumbers(&c)
	}
	return c
}

// cutLevels: the most frequent levels one by one, the others by their hash.
func (f *facts) cutLevels(c *driftd.ColumnLayout) {
	counts := make(map[string]uint64, len(f.levels))
	for s, l := range f.levels {
		counts[s] = l.count
	}
	names := driftd.SortCategories(counts)
	k := min(len(names), driftd.MaxCategories)
	c.Categories = names[:k]
	for _, s := range names[k:min(len(names), k+driftd.MaxRare)] {
		c.Rare = append(c.Rare, driftd.Hash64(s))
	}
	slices.Sort(c.Rare)
}

// cutNumbers makes the bins (STATISTICS 1.1).
func (f *facts) cutNumbers(c *driftd.ColumnLayout) {
	x := f.sampled()
	if len(x) == 0 {
		return
	}
	slices.Sort(x)
	if f.distinct != nil {
		for v := range f.distinct {
			c.Values = append(c.Values, v)
		}
		slices.Sort(c.Values)
		c.Min = c.Values[0]
		for _, next := range c.Values[1:] {
			c.Upper = append(c.Upper, math.Nextafter(next, math.Inf(-1)))
		}
		c.Upper = append(c.Upper, c.Values[len(c.Values)-1])
		return
	}
	c.Min = x[0]
	c.Upper = quantileEdges(x)
}

// quantileEdges are the upper edges of about 64 bins of equal mass over sorted
// x. A value with a share of at least 1/64 is a bin of its own; the gaps between
// such atoms get bins in proportion to their mass; a gap without mass joins the
// atom on its left.
func quantileEdges(x []float64) []float64 {
	n := len(x)
	var upper []float64
	add := func(e float64) {
		if len(upper) == 0 || e > upper[len(upper)-1] {
			upper = append(upper, e)
		}
	}
	gap := func(lo, hi int, last float64) { // x[lo:hi] and all values up to last
		k := max(1, int(math.Round(numBins*float64(hi-lo)/float64(n))))
		for j := 1; j < k; j++ {
			add(x[lo+(hi-lo)*j/k-1+boolInt((hi-lo)*j/k == 0)])
		}
		add(last)
	}
	from := 0 // start of the gap before the next atom
	for i := 0; i < n; {
		j := i
		for j < n && x[j] == x[i] {
			j++
		}
		if float64(j-i) >= float64(n)/numBins {
			below := math.Nextafter(x[i], math.Inf(-1))
			if from < i {
				gap(from, i, below)
			} else if len(upper) > 0 {
				upper[len(upper)-1] = below // the empty gap joins the atom on its left
			}
			add(x[i])
			from = j
		}
		i = j
	}
	if from < n {
		gap(from, n, x[n-1])
	}
	return upper
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}
