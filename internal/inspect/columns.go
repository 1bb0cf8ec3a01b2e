package inspect

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/consumers"
	"gonum.org/v1/gonum/stat"
)

// Column is what the sample says of one watched value.
type Column struct {
	Name    string   `json:"name"`
	Kind    string   `json:"kind"`             // numeric, categorical, boolean, mixed, empty, or unreadable (arrays)
	Models  []string `json:"models,omitempty"` // when not all have it
	Missing float64  `json:"missing"`          // share of its models' events with such a group that lack it
	Null    float64  `json:"null"`             // share of its values that are null, NaN or infinite
	Levels  int      `json:"levels"`           // distinct values; see More
	More    bool     `json:"more"`             // there are more than Levels
	Min     float64  `json:"min"`              // of numbers
	Max     float64  `json:"max"`
	Top     []Share  `json:"top,omitempty"` // most frequent levels of the others
	Note    string   `json:"note,omitempty"`
	Skipped string   `json:"left_out,omitempty"` // why a reference will leave it out
}

// column gathers one column over the events.
type column struct {
	name    string
	group   driftd.Group
	byModel map[string]int
	n       int

	numbers, strings, bools, nulls, others int
	quotedNumbers                          int
	levels                                 map[string]int // nil beyond maxValues
	low, high                              float64
	at, x                                  []float64 // of numbers and strings that are times: when, what
}

func (c *column) add(model string, v rawValue, at int64) {
	c.byModel[model]++
	c.n++
	var x float64
	ok := false
	switch v.token {
	case '0':
		if x, ok = number(v.text); !ok {
			c.nulls++
			return
		}
		if c.numbers == 0 {
			c.low, c.high = x, x
		}
		c.numbers++
		c.low, c.high = min(c.low, x), max(c.high, x)
	case '"':
		if consumers.WordClass([]byte(v.text)) != driftd.TypeError {
			c.nulls++
			return
		}
		c.strings++
		if _, isNumber := number(v.text); isNumber {
			c.quotedNumbers++
		} else if t, isTime := consumers.ParseTime(v.text); isTime {
			x, ok = float64(t), true
		}
	case 't':
		c.bools++
	case '{':
		c.others++
		return
	default: // null, NaN, infinity
		c.nulls++
		return
	}
	if ok && at != noTime && len(c.x) < maxSeen {
		c.at, c.x = append(c.at, float64(at)), append(c.x, x)
	}
	if c.levels != nil {
		if c.levels[v.text]++; len(c.levels) > maxValues {
			c.levels = nil
		}
	}
}

// mixedShare is the share of values of another kind from which a column is mixed.
const mixedShare = .05

func (d *decoded) columns() []Column {
	out := make([]Column, 0, len(d.order))
	for _, c := range d.order {
		out = append(out, d.column(c))
	}
	slices.SortStableFunc(out, func(a, b Column) int { return cmp.Compare(d.byName[a.Name].group, d.byName[b.Name].group) })
	return out
}

func (d *decoded) column(c *column) Column {
	out := Column{Name: c.name, Levels: len(c.levels), Null: float64(c.nulls) / float64(c.n), Min: c.low, Max: c.high, More: c.levels == nil}
	if out.More {
		out.Levels = maxValues
	}
	expected := 0
	for model, m := range d.counts {
		if c.byModel[model] > 0 {
			expected += m.groups[c.group]
			out.Models = append(out.Models, model)
		}
	}
	if slices.Sort(out.Models); len(out.Models) == len(d.counts) {
		out.Models = nil
	}
	out.Missing = max(0, 1-float64(c.n)/float64(max(1, expected)))
	valued := c.numbers + c.strings + c.bools + c.others
	kinds := []struct {
		n    int
		name string
	}{{c.numbers, "numeric"}, {c.strings, "categorical"}, {c.bools, "boolean"}, {c.others, "unreadable"}}
	slices.SortStableFunc(kinds, func(a, b struct {
		n    int
		name string
	}) int {
		return cmp.Compare(b.n, a.n)
	})
	out.Kind = kinds[0].name
	other := valued - kinds[0].n
	switch {
	case valued == 0:
		out.Kind, out.Note = "empty", "every value is null"
	case out.Kind == "unreadable":
		out.Note = "an array: only single values can be watched"
	case float64(other) > mixedShare*float64(valued):
		out.Kind = "mixed"
		out.Note = fmt.Sprintf("%d numbers, %d texts, %d booleans: have producers agree on one kind", c.numbers, c.strings, c.bools)
	case other > 0:
		out.Note = fmt.Sprintf("%d values of another kind: each will count as type_error", other)
	case out.Kind == "categorical" && c.quotedNumbers == c.strings:
		out.Note = "numbers in quotes: watched as categories; send them as numbers"
	}
	if out.Kind == "categorical" || out.Kind == "boolean" || out.Kind == "mixed" {
		out.Top = top(c.levels, valued)
	}
	out.Skipped = c.exclusion()
	return out
}

// top are the three most frequent levels.
func top(levels map[string]int, n int) []Share {
	var all []Share
	for v, k := range levels {
		all = append(all, Share{v, k, float64(k) / float64(n)})
	}
	slices.SortFunc(all, func(a, b Share) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Name, b.Name))
	})
	return all[:min(len(all), 3)]
}

// exclusion guesses what building a reference will say; it has more rows to
// judge by (internal/reference, facts.go).
func (c *column) exclusion() string {
	switch {
	case c.strings >= 50 && c.strings > c.numbers && (c.levels == nil || len(c.levels) == c.strings):
		return "every value differs, as identifiers do"
	case len(c.x) >= 50 && 2*len(c.x) > c.numbers+c.strings+c.bools+c.others && (c.levels == nil || len(c.levels) > 20) && math.Abs(rankCorrelation(c.at, c.x)) >= .99:
		return "it follows the clock, as a time or a counter does"
	}
	return ""
}

// rankCorrelation is Spearman's: Pearson's of the ranks, ties sharing their mean
// rank. 0 when one of the two is constant.
func rankCorrelation(x, y []float64) float64 {
	r := stat.Correlation(ranks(x), ranks(y), nil)
	if math.IsNaN(r) {
		return 0
	}
	return r
}

func ranks(x []float64) []float64 {
	order := make([]int, len(x))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(x[a], x[b]) })
	out := make([]float64, len(x))
	for i := 0; i < len(x); {
		j := i
		for j < len(x) && x[order[j]] == x[order[i]] {
			j++
		}
		for _, k := range order[i:j] {
			out[k] = float64(i+j-1) / 2
		}
		i = j
	}
	return out
}

// leaveOut lists what the map excludes and what a reference will.
func (r *Report) leaveOut(p *proposer, d *decoded) {
	for _, f := range p.fields.all {
		if why := p.left[f.path]; why != "" && !f.head {
			r.LeftOut = append(r.LeftOut, LeftOut{f.path, why})
		}
	}
	for _, c := range r.Columns {
		if c.Skipped != "" {
			r.LeftOut = append(r.LeftOut, LeftOut{c.Name, c.Skipped + " (a reference leaves it out by itself)"})
		}
	}
}
