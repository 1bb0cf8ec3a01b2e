package compare

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strconv"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/detectors"
)

// chart is both distributions in the same cells: bins of equal width, or levels.
type chart struct {
	edges    []float64 // of bins: one more than there are; nil for levels
	names    []string  // of levels
	ref, cur []float64 // shares, 0 to 1
}

// Cells of a picture.
const (
	chartBins   = 40
	chartLevels = 12
	fewValues   = 15 // numbers with at most so many different values are shown as levels
)

// draw makes a column's picture from raw values; the zero chart where there are none.
func draw(kind driftd.Kind, a, b *series) chart {
	if kind != driftd.Numeric {
		return drawLevels(a.levels(), b.levels())
	}
	x, y := a.numbers(), b.numbers()
	if len(x) == 0 || len(y) == 0 {
		return chart{}
	}
	if c, few := drawFew(x, y); few {
		return c
	}
	// All but the outermost of either side; the rest counts in the first and last bin.
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, v := range [][]float64{x, y} {
		s := slices.Clone(v)
		slices.Sort(s)
		lo = math.Min(lo, s[len(s)/200])
		hi = math.Max(hi, s[len(s)-1-len(s)/200])
	}
	if !(hi > lo) || math.IsInf(hi-lo, 0) {
		return chart{}
	}
	c := chart{edges: detectors.EqualBins(lo, hi, chartBins)}
	c.ref, c.cur = binned(x, lo, hi), binned(y, lo, hi)
	return c
}

func binned(x []float64, lo, hi float64) []float64 {
	out := make([]float64, chartBins)
	for _, v := range x {
		i := int((v - lo) / (hi - lo) * chartBins)
		out[min(max(i, 0), chartBins-1)] += 1 / float64(len(x))
	}
	return out
}

// drawFew shows numbers with few different values by value, in their order.
func drawFew(x, y []float64) (chart, bool) {
	share := map[float64][2]float64{}
	for k, side := range [][]float64{x, y} {
		for _, v := range side {
			s := share[v]
			if s[k] == 0 && s[1-k] == 0 && len(share) >= fewValues {
				return chart{}, false
			}
			s[k] += 1 / float64(len(side))
			share[v] = s
		}
	}
	var c chart
	for _, v := range slices.Sorted(maps.Keys(share)) {
		c.names = append(c.names, strconv.FormatFloat(v, 'g', 6, 64))
		c.ref, c.cur = append(c.ref, share[v][0]), append(c.cur, share[v][1])
	}
	return c, true
}

// drawLevels shows the levels that are most frequent on either side, and the
// others together.
func drawLevels(ref, cur map[string]float64) chart {
	n := [2]float64{}
	all := map[string][2]float64{}
	for k, side := range []map[string]float64{ref, cur} {
		for name, x := range side {
			s := all[name]
			s[k] = x
			all[name] = s
			n[k] += x
		}
	}
	if n[0] == 0 || n[1] == 0 {
		return chart{}
	}
	share := func(name string, k int) float64 { return all[name][k] / n[k] }
	names := slices.SortedFunc(maps.Keys(all), func(a, b string) int {
		return cmp.Or(cmp.Compare(max(share(b, 0), share(b, 1)), max(share(a, 0), share(a, 1))), cmp.Compare(a, b))
	})
	var c chart
	rest := [2]float64{}
	for i, name := range names {
		if i >= chartLevels {
			rest[0], rest[1] = rest[0]+share(name, 0), rest[1]+share(name, 1)
			continue
		}
		c.names, c.ref, c.cur = append(c.names, name), append(c.ref, share(name, 0)), append(c.cur, share(name, 1))
	}
	if len(names) > chartLevels {
		c.names = append(c.names, strconv.Itoa(len(names)-chartLevels)+" others")
		c.ref, c.cur = append(c.ref, rest[0]), append(c.cur, rest[1])
	}
	return c
}
