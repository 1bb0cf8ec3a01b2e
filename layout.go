package driftd

import (
	"fmt"
	"math"
	"sort"
)

// Kind is what a column's values are.
type Kind uint8

// The kinds. A boolean column is a categorical one with the levels "false" and
// "true"; it keeps its kind so that a string in it is a type error.
const (
	Numeric Kind = iota + 1
	Categorical
	Boolean
	Pairs // how the numeric columns go together: no field of events, but made of them
)

func (k Kind) String() string {
	switch k {
	case Numeric:
		return "numeric"
	case Categorical:
		return "categorical"
	case Boolean:
		return "boolean"
	case Pairs:
		return "pairs"
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// Group is the part of an event that a column belongs to: a column can only be
// missing from an event that has its group.
type Group uint8

// The groups.
const (
	Features Group = iota
	Prediction
	groupCount
)

// MaxLevelBytes is where a categorical value is cut.
const MaxLevelBytes = 256

// MaxCategories is the number of levels that a layout counts one by one.
const MaxCategories = 1000

// MaxRare is the number of further levels that a layout knows by their hash.
const MaxRare = 100_000

// ColumnLayout says how the values of one column are cut up.
//
// Numeric: bin i of B = len(Upper) holds (Upper[i-1], Upper[i]], the first one
// [Min, Upper[0]]; below Min is `under`, above the last edge `over`. A value with
// much mass (an atom) v is a bin of its own: its lower neighbour ends at the
// largest float below v. When Values is set the reference had at most 20
// distinct values: bin i then holds [Values[i], Values[i+1]) and every value
// that is not listed counts as unlisted too.
//
// Categorical: Categories are counted one by one, Rare (hashes, sorted) together.
//
// Pairs: the last column, with a table and nothing else.
type ColumnLayout struct {
	Name  string
	Group Group
	Kind  Kind

	Min    float64
	Upper  []float64
	Values []float64

	Categories []string
	Rare       []uint64

	Pairs *PairTable

	search  []uint64 // Upper as sortable keys, padded to a power of two
	lower   []float64
	scale   []float64 // 255 / bin width, 0 for an atom
	beyond  float64   // 255 / width of the layout
	levels  map[string]int32
	rareSet map[uint64]struct{}
}

// Excluded is a column that the layout leaves out, and why.
type Excluded struct{ Name, Reason string }

// Layout is how a model's columns are cut up. Immutable after Compile.
type Layout struct {
	Model       string
	Columns     []ColumnLayout
	Excluded    []Excluded
	Segments    []SegmentTag // as the reference declares them; config may override
	Fingerprint string       // hex SHA-256 of the stored bytes; set by internal/wire

	byName map[string]int
}

// Compile checks the layout and builds its lookup tables. It is called once by
// whoever makes or reads one; the other methods need it.
func (l *Layout) Compile() error {
	l.byName = make(map[string]int, len(l.Columns))
	for i := range l.Columns {
		c := &l.Columns[i]
		if _, twice := l.byName[c.Name]; twice {
			return fmt.Errorf("layout of model %q: column %q appears twice", l.Model, c.Name)
		}
		if c.Kind == Pairs { // no field of an event is this column
			if err := l.compilePairs(i); err != nil {
				return fmt.Errorf("layout of model %q: column %q: %w", l.Model, c.Name, err)
			}
			continue
		}
		l.byName[c.Name] = i
		if err := c.compile(); err != nil {
			return fmt.Errorf("layout of model %q: column %q: %w", l.Model, c.Name, err)
		}
	}
	return nil
}

// Index is the place of the column of an event's field, -1 when the layout has none
// of this name.
func (l *Layout) Index(name []byte) int {
	if i, ok := l.byName[string(name)]; ok {
		return i
	}
	return -1
}

// IndexOf is the place of a column by its name, -1 when the layout has none.
func (l *Layout) IndexOf(name string) int {
	if i, ok := l.byName[name]; ok {
		return i
	}
	if last := len(l.Columns) - 1; last >= 0 && l.Columns[last].Kind == Pairs && l.Columns[last].Name == name {
		return last
	}
	return -1
}

func (c *ColumnLayout) compile() error {
	switch c.Kind {
	case Numeric:
		return c.compileNumeric()
	case Categorical, Boolean:
		if len(c.Categories) > MaxCategories || len(c.Rare) > MaxRare {
			return fmt.Errorf("%d categories and %d rare levels; at most %d and %d can be held", len(c.Categories), len(c.Rare), MaxCategories, MaxRare)
		}
		c.levels = make(map[string]int32, len(c.Categories))
		for i, s := range c.Categories {
			c.levels[s] = int32(i)
		}
		c.rareSet = make(map[uint64]struct{}, len(c.Rare))
		for _, h := range c.Rare {
			c.rareSet[h] = struct{}{}
		}
		return nil
	}
	return fmt.Errorf("unknown kind %d", c.Kind)
}

func (c *ColumnLayout) compileNumeric() error {
	b := len(c.Upper)
	if b == 0 {
		return nil // nothing but nulls in the reference: every value is `over`
	}
	if b > math.MaxUint16-2 || !strictlyAscending(c.Upper) || !(c.Min <= c.Upper[0]) || math.IsInf(c.Min, 0) || math.IsInf(c.Upper[b-1], 0) {
		return fmt.Errorf("edges are not finite and ascending")
	}
	if c.Values != nil && len(c.Values) != b {
		return fmt.Errorf("%d listed values but %d bins", len(c.Values), b)
	}
	size := 1
	for size < b {
		size *= 2
	}
	c.search = make([]uint64, size)
	c.lower = make([]float64, b)
	c.scale = make([]float64, b)
	for i := range c.search {
		c.search[i] = math.MaxUint64
	}
	lo := c.Min
	for i, hi := range c.Upper {
		c.search[i] = sortable(hi + 0) // as Number has it: -0 is 0
		c.lower[i] = lo
		if s := 255 / (hi - lo); hi > lo && !math.IsInf(s, 0) {
			c.scale[i] = s
		}
		lo = math.Nextafter(hi, math.Inf(1))
	}
	if width := c.Upper[b-1] - c.Min; width > 0 {
		c.beyond = 255 / width
	}
	return nil
}

// Bins is the number of bins of a numeric column (without under and over), or
// of levels of a categorical one.
func (c *ColumnLayout) Bins() int {
	if c.Kind == Numeric {
		return len(c.Upper)
	}
	return len(c.Categories)
}

// Bounds are the edges of bin i: lo <= value <= hi.
func (c *ColumnLayout) Bounds(i int) (lo, hi float64) {
	if i == 0 {
		return c.Min, c.Upper[0]
	}
	return math.Nextafter(c.Upper[i-1], math.Inf(1)), c.Upper[i]
}

func strictlyAscending(x []float64) bool {
	for i := 1; i < len(x); i++ {
		if !(x[i-1] < x[i]) {
			return false
		}
	}
	return len(x) == 0 || !math.IsNaN(x[0])
}

// sortable maps a float to an integer of the same order (not for NaN).
func sortable(x float64) uint64 {
	b := math.Float64bits(x)
	return b ^ (uint64(int64(b)>>63) | 1<<63)
}

// MaxBeyond caps the recorded distance of a value outside the layout, in 1/255
// of the layout's width.
const MaxBeyond = 255 * 256

// Number places a finite number: v.Bin is 0 for under, i+1 for bin i, B+1 for over.
func (c *ColumnLayout) Number(x float64, v *Value) {
	x += 0 // -0 becomes 0: min and max must not depend on order
	v.Class, v.X, v.Unlisted = Placed, x, false
	b := len(c.Upper)
	if b == 0 {
		v.Bin, v.Offset = 1, 0
		return
	}
	if x < c.Min {
		v.Bin, v.Offset = 0, beyond((c.Min-x)*c.beyond)
		return
	}
	if x > c.Upper[b-1] {
		v.Bin, v.Offset = uint16(b+1), beyond((x-c.Upper[b-1])*c.beyond)
		return
	}
	key := sortable(x)
	i := 0
	for step := len(c.search) / 2; step > 0; step /= 2 {
		if c.search[i+step-1] < key {
			i += step
		}
	}
	v.Bin = uint16(i + 1)
	v.Offset = uint32((x - c.lower[i]) * c.scale[i])
	if c.Values != nil {
		v.Unlisted = c.Values[i] != x
	}
}

func beyond(d float64) uint32 {
	if d < MaxBeyond { // false for NaN and +Inf
		return uint32(d)
	}
	return MaxBeyond
}

// Level places a categorical value. name is kept as a view: it must live until
// the value has been added.
func (c *ColumnLayout) Level(name []byte, v *Value) {
	v.Cut = len(name) > MaxLevelBytes
	if v.Cut {
		name = name[:MaxLevelBytes]
	}
	if i, ok := c.levels[string(name)]; ok {
		v.Class, v.Bin = Placed, uint16(i)
		return
	}
	h := HashBytes(name)
	if _, ok := c.rareSet[h]; ok {
		v.Class, v.Hash = RareLevel, h
		return
	}
	v.Class, v.Hash, v.Name = NewLevel, h, name
}

// Bool places a boolean in a boolean column.
func (c *ColumnLayout) Bool(b bool, v *Value) {
	name := "false"
	if b {
		name = "true"
	}
	v.Cut = false
	if i, ok := c.levels[name]; ok {
		v.Class, v.Bin = Placed, uint16(i)
		return
	}
	v.Class, v.Hash, v.Name = NewLevel, Hash64(name), boolNames[b]
}

var boolNames = map[bool][]byte{false: []byte("false"), true: []byte("true")}

// SortCategories orders levels by count, most frequent first, ties by name.
func SortCategories(counts map[string]uint64) []string {
	names := make([]string, 0, len(counts))
	for s := range counts {
		names = append(names, s)
	}
	sort.Slice(names, func(i, j int) bool {
		if a, b := counts[names[i]], counts[names[j]]; a != b {
			return a > b
		}
		return names[i] < names[j]
	})
	return names
}
