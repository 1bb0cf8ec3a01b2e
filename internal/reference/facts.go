package reference

import (
	"container/heap"
	"math"
	"slices"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/consumers"
)

// SampleSize is how many rows shape the bins: 4,096 are enough (STATISTICS 7);
// the counts come from all rows.
const SampleSize = 4096

const (
	maxListed = 20        // distinct numbers for one bin a value
	maxLevels = 2_000_000 // distinct strings of a column that are counted
	numBins   = 64
)

// drawn is one sampled value.
type drawn struct {
	hash  uint64  // of the row: the SampleSize smallest are kept
	seq   int64   // place in time
	x     float64 // the number, or the time that a string says; NaN for other strings
	level uint64  // hash of a string
}

// sample keeps the rows of smallest hash: the same whatever their order.
type sample []drawn

func (s sample) Len() int           { return len(s) }
func (s sample) Less(i, j int) bool { return s[i].hash > s[j].hash }
func (s sample) Swap(i, j int)      { s[i], s[j] = s[j], s[i] }

// Push implements heap.Interface.
func (s *sample) Push(x any) { *s = append(*s, x.(drawn)) }

// Pop implements heap.Interface.
func (s *sample) Pop() any {
	old := *s
	x := old[len(old)-1]
	*s = old[:len(old)-1]
	return x
}

func (s *sample) add(v drawn) {
	if len(*s) < SampleSize {
		heap.Push(s, v)
	} else if v.hash < (*s)[0].hash {
		(*s)[0] = v
		heap.Fix(s, 0)
	}
}

// level is what is known of one string of a column.
type level struct {
	count  uint64
	window []int64 // by length: start of the one window that has it, manyWindows for more
}

const manyWindows = math.MinInt64

// facts are what the first pass learns of a column.
type facts struct {
	name                    string
	group                   driftd.Group
	numbers, strings, bools uint64
	others                  uint64 // null, NaN, infinity, objects
	sample                  sample // of numbers and strings
	distinct                map[float64]struct{}
	levels                  map[string]*level
	overflow                uint64 // strings beyond maxLevels
}

func (f *facts) number(x float64, d drawn) {
	f.numbers++
	d.x = x + 0 // no -0
	f.sample.add(d)
	if f.distinct != nil {
		f.distinct[d.x] = struct{}{}
		if len(f.distinct) > maxListed {
			f.distinct = nil
		}
	}
}

func (f *facts) text(s []byte, d drawn, windows []int64) {
	f.strings++
	s = s[:min(len(s), driftd.MaxLevelBytes)]
	d.x, d.level = math.NaN(), driftd.HashBytes(s)
	if d.hash <= f.worst() {
		if t, ok := consumers.ParseTime(string(s)); ok && len(s) >= 8 {
			d.x = float64(t)
		}
	}
	f.sample.add(d)
	l := f.levels[string(s)]
	if l == nil {
		if len(f.levels) >= maxLevels {
			f.overflow++
			return
		}
		l = &level{window: slices.Clone(windows)}
		f.levels[string(s)] = l
	}
	l.count++
	for i, w := range windows {
		if l.window[i] != w {
			l.window[i] = manyWindows
		}
	}
}

// sampled are the numbers of the sample.
func (f *facts) sampled() (x []float64) {
	for _, d := range f.sample {
		if !math.IsNaN(d.x) && d.level == 0 {
			x = append(x, d.x)
		}
	}
	return x
}

// worst is the largest hash that the sample would still take.
func (f *facts) worst() uint64 {
	if len(f.sample) < SampleSize {
		return math.MaxUint64
	}
	return f.sample[0].hash
}

// kind is what most values are.
func (f *facts) kind() driftd.Kind {
	switch {
	case f.bools > f.numbers && f.bools > f.strings:
		return driftd.Boolean
	case f.strings > f.numbers:
		return driftd.Categorical
	}
	return driftd.Numeric
}

// exclusion says why a column can not be watched, "" when it can.
func (f *facts) exclusion() string {
	k := f.kind()
	timed, texts := 0, map[uint64]struct{}{}
	strings := 0
	for _, d := range f.sample {
		if !math.IsNaN(d.x) {
			timed++
		}
		if d.level != 0 {
			strings++
			texts[d.level] = struct{}{}
		}
	}
	if k == driftd.Numeric && f.distinct == nil || k == driftd.Categorical && timed == len(f.sample) && timed > maxListed {
		if r := f.timeCorrelation(); math.Abs(r) >= .99 {
			return "follows the order of time (rank correlation " + formatCorrelation(r) + "), as a clock or a counter does: it would flag at once"
		}
	}
	if k == driftd.Categorical && strings >= 50 && len(texts) == strings {
		return "every sampled value differs, as ids do: nothing can be compared"
	}
	return ""
}

// timeCorrelation is Spearman's rank correlation of the sample with time.
func (f *facts) timeCorrelation() float64 {
	s := make([]drawn, 0, len(f.sample))
	for _, d := range f.sample {
		if !math.IsNaN(d.x) {
			s = append(s, d)
		}
	}
	n := len(s)
	slices.SortFunc(s, func(a, b drawn) int { return compare(float64(a.seq), float64(b.seq)) })
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return compare(s[a].x, s[b].x) })
	rank := make([]float64, n)
	for i := 0; i < n; { // ties share their mean rank
		j := i
		for j < n && s[order[j]].x == s[order[i]].x {
			j++
		}
		for k := i; k < j; k++ {
			rank[order[k]] = float64(i+j-1) / 2
		}
		i = j
	}
	var sxy, sxx, syy float64
	mean := float64(n-1) / 2
	for i, r := range rank {
		dx, dy := float64(i)-mean, r-mean
		sxy, sxx, syy = sxy+dx*dy, sxx+dx*dx, syy+dy*dy
	}
	if sxx == 0 || syy == 0 {
		return 0
	}
	return sxy / math.Sqrt(sxx*syy)
}

func compare(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
