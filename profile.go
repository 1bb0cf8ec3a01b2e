package driftd

import (
	"bytes"
	"math"
	"slices"
)

// Class says what an event's value in a column is.
type Class uint8

// The classes of values. Missing is the zero value: an event that has the
// column's group and says nothing about the column.
const (
	Missing Class = iota
	Placed        // in a bin, under, over, or a category of the layout
	RareLevel
	NewLevel
	Null
	NaN
	PosInf
	NegInf
	TypeError
	classCount
)

// Value is what an event says about one column, placed in the layout. It is
// found once and added to every series that the event belongs to.
type Value struct {
	Class    Class
	Unlisted bool // numeric: between the listed values
	Cut      bool // the string was longer than MaxLevelBytes
	Bin      uint16
	Offset   uint32  // numeric: position inside the bin in 1/255 of its width
	X        float64 // numeric, placed: the value
	Hash     uint64  // rare or new level: its hash
	Name     []byte  // new level: its name, a view into the record
}

// Bin counts values, and sums their offsets inside the bin.
type Bin struct{ Count, Offset uint64 }

// MaxNames is how many names of new levels a profile keeps.
const MaxNames = 32

// SketchSize is the number of HyperLogLog registers for new levels.
const SketchSize = 256

// NamedLevel is a new level's name with the smallest hash of a record that had it.
type NamedLevel struct {
	Hash uint64
	Name string
}

// ColumnProfile is the summary of one column. Integers, minima, maxima and
// bottom-k sets only, so that a merge is exact in any order.
type ColumnProfile struct {
	Classes  [classCount]uint64 // by Class; Missing and Placed are derived, not counted here
	Unlisted uint64
	Cut      uint64

	Bins     []Bin   // numeric: under, bins, over
	Min, Max float64 // of placed values; +Inf, -Inf when there are none

	Counts []uint64     // categorical: by category
	Names  []NamedLevel // new levels: the MaxNames of smallest hash, ascending
	Sketch []byte       // new levels: HyperLogLog registers, nil when there are none

	Pairs *PairSums // of the column of pairs alone
}

// Profile is the mergeable summary of a span of one series.
type Profile struct {
	Events   uint64
	Groups   [groupCount]uint64 // events that have the group
	Rejected uint64             // records that were no events, of a source with one model: in `all` alone
	Late     uint64             // events whose pane had closed before they came
	Unknown  uint64             // values in columns that the layout does not have
	Columns  []ColumnProfile    // as Layout.Columns; empty for a model without layout
	// UnknownNames are names of such columns (bottom-k by hash of the name).
	UnknownNames []NamedLevel
}

// NewProfile makes an empty profile in a layout (nil: events are only counted).
func NewProfile(l *Layout) *Profile {
	p := &Profile{}
	if l == nil {
		return p
	}
	p.Columns = make([]ColumnProfile, len(l.Columns))
	for i := range p.Columns {
		c, lay := &p.Columns[i], &l.Columns[i]
		c.Min, c.Max = math.Inf(1), math.Inf(-1)
		switch lay.Kind {
		case Numeric:
			c.Bins = make([]Bin, len(lay.Upper)+2)
		case Pairs:
			c.Pairs = NewPairSums(lay.Pairs)
		default:
			c.Counts = make([]uint64, len(lay.Categories))
		}
	}
	return p
}

// Reset empties the profile for another use in the same layout.
func (p *Profile) Reset() {
	cols := p.Columns
	*p = Profile{Columns: cols}
	for i := range cols {
		c := &cols[i]
		clear(c.Bins)
		clear(c.Counts)
		if c.Pairs != nil {
			c.Pairs.reset()
		}
		*c = ColumnProfile{Bins: c.Bins, Counts: c.Counts, Pairs: c.Pairs, Min: math.Inf(1), Max: math.Inf(-1)}
	}
}

// Add counts one event: values stand in the order of the layout's columns, key
// is the hash of the record's identity (it chooses which new names are kept).
func (p *Profile) Add(groups [groupCount]bool, values []Value, key uint64) {
	p.Events++
	for g, has := range groups {
		if has {
			p.Groups[g]++
		}
	}
	for i := range values {
		v := &values[i]
		if v.Class == Missing {
			continue
		}
		c := &p.Columns[i]
		if v.Class != Placed {
			c.addSpecial(v, key)
			continue
		}
		if c.Bins == nil {
			c.Counts[v.Bin]++
			if v.Cut {
				c.Cut++
			}
			continue
		}
		bin := &c.Bins[v.Bin]
		bin.Count++
		bin.Offset += uint64(v.Offset)
		if v.X < c.Min {
			c.Min = v.X
		}
		if v.X > c.Max {
			c.Max = v.X
		}
		if v.Unlisted {
			c.Unlisted++
		}
	}
	if n := len(p.Columns); n > 0 && p.Columns[n-1].Pairs != nil && groups[Features] {
		p.Columns[n-1].Pairs.Add(values, key)
	}
}

func (c *ColumnProfile) addSpecial(v *Value, key uint64) {
	c.Classes[v.Class]++
	if v.Cut {
		c.Cut++
	}
	if v.Class != NewLevel {
		return
	}
	if c.Sketch == nil {
		c.Sketch = make([]byte, SketchSize)
	}
	sketchAdd(c.Sketch, v.Hash)
	c.Names = addName(c.Names, key, v.Name)
}

// AddUnknown counts a value in a column that the layout does not have.
func (p *Profile) AddUnknown(name []byte) {
	p.Unknown++
	if len(name) > MaxLevelBytes {
		name = name[:MaxLevelBytes]
	}
	p.UnknownNames = addName(p.UnknownNames, HashBytes(name), name)
}

// addName keeps the MaxNames distinct names with the smallest hashes (a name's
// hash is the least of its records'): a bottom-k set, whose union is exact.
func addName(names []NamedLevel, key uint64, name []byte) []NamedLevel {
	if len(names) == MaxNames && key > names[MaxNames-1].Hash {
		return names
	}
	for i := range names {
		if names[i].Name == string(name) {
			if key < names[i].Hash {
				names[i].Hash = key
				slices.SortFunc(names, compareNames)
			}
			return names
		}
	}
	names = append(names, NamedLevel{key, string(name)})
	slices.SortFunc(names, compareNames)
	if len(names) > MaxNames {
		names = names[:MaxNames]
	}
	return names
}

func compareNames(a, b NamedLevel) int {
	if a.Hash != b.Hash {
		if a.Hash < b.Hash {
			return -1
		}
		return 1
	}
	return bytes.Compare([]byte(a.Name), []byte(b.Name))
}

// Merge adds o to p. Both must be in the same layout; a profile without columns
// (a model without layout) only adds its counts. Exact, commutative, associative.
func (p *Profile) Merge(o *Profile) {
	p.Events += o.Events
	p.Late += o.Late
	p.Rejected += o.Rejected
	p.Unknown += o.Unknown
	for g := range p.Groups {
		p.Groups[g] += o.Groups[g]
	}
	for _, n := range o.UnknownNames {
		p.UnknownNames = addName(p.UnknownNames, n.Hash, []byte(n.Name))
	}
	for i := range o.Columns {
		p.Columns[i].merge(&o.Columns[i])
	}
}

// MergeColumn adds one column of o alone.
func (p *Profile) MergeColumn(i int, o *Profile) { p.Columns[i].merge(&o.Columns[i]) }

func (c *ColumnProfile) merge(o *ColumnProfile) {
	for i := range c.Classes {
		c.Classes[i] += o.Classes[i]
	}
	c.Unlisted += o.Unlisted
	c.Cut += o.Cut
	for i := range o.Bins {
		c.Bins[i].Count += o.Bins[i].Count
		c.Bins[i].Offset += o.Bins[i].Offset
	}
	for i := range o.Counts {
		c.Counts[i] += o.Counts[i]
	}
	if o.Pairs != nil {
		c.Pairs.Merge(o.Pairs)
	}
	c.Min, c.Max = min(c.Min, o.Min), max(c.Max, o.Max)
	for _, n := range o.Names {
		c.Names = addName(c.Names, n.Hash, []byte(n.Name))
	}
	if o.Sketch != nil {
		if c.Sketch == nil {
			c.Sketch = make([]byte, SketchSize)
		}
		for i, r := range o.Sketch {
			c.Sketch[i] = max(c.Sketch[i], r)
		}
	}
}

// Clone copies the profile deeply.
func (p *Profile) Clone() *Profile {
	q := *p
	q.UnknownNames = slices.Clone(p.UnknownNames)
	q.Columns = slices.Clone(p.Columns)
	bins, counts := 0, 0
	for i := range q.Columns {
		bins, counts = bins+len(q.Columns[i].Bins), counts+len(q.Columns[i].Counts)
	}
	// One piece of memory for all columns.
	bin, count := make([]Bin, 0, bins), make([]uint64, 0, counts)
	for i := range q.Columns {
		c := &q.Columns[i]
		if c.Bins != nil {
			bin = append(bin, c.Bins...)
			c.Bins = bin[len(bin)-len(c.Bins) : len(bin) : len(bin)]
		}
		if c.Counts != nil {
			count = append(count, c.Counts...)
			c.Counts = count[len(count)-len(c.Counts) : len(count) : len(count)]
		}
		c.Names, c.Sketch = slices.Clone(c.Names), slices.Clone(c.Sketch)
		if c.Pairs != nil {
			c.Pairs = c.Pairs.clone()
		}
	}
	return &q
}

// Placed is how many values stand in bins (under and over too) or categories.
func (c *ColumnProfile) Placed() uint64 {
	var n uint64
	for i := range c.Bins {
		n += c.Bins[i].Count
	}
	for _, k := range c.Counts {
		n += k
	}
	return n
}

// Present is how many events said something about the column, a null too; of the
// column of pairs, how many were summed.
func (c *ColumnProfile) Present() uint64 {
	if c.Pairs != nil {
		return c.Pairs.N
	}
	n := c.Placed()
	for _, k := range c.Classes {
		n += k
	}
	return n
}

// Missing is how many events of the column's group said nothing about it; none of
// the column of pairs, which is no field.
func (p *Profile) Missing(l *ColumnLayout, i int) uint64 {
	if l.Kind == Pairs {
		return 0
	}
	n, present := p.Groups[l.Group], p.Columns[i].Present()
	if present > n {
		return 0
	}
	return n - present
}
