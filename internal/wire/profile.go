package wire

import (
	"fmt"
	"math"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/driftd/driftd"
)

// ProfileToWire converts a profile.
func ProfileToWire(p *driftd.Profile) *Profile {
	m := &Profile{Events: p.Events, Groups: p.Groups[:], Late: p.Late, Rejected: p.Rejected, Unknown: p.Unknown, UnknownNames: namesToWire(p.UnknownNames)}
	m.Columns = make([]*ColumnProfile, len(p.Columns))
	for i := range p.Columns {
		m.Columns[i] = columnToWire(&p.Columns[i])
	}
	return m
}

// ProfileFromWire reads a profile made in layout l (nil for none).
func ProfileFromWire(m *Profile, l *driftd.Layout) (*driftd.Profile, error) {
	p := &driftd.Profile{Events: m.GetEvents(), Late: m.GetLate(), Rejected: m.GetRejected(), Unknown: m.GetUnknown(), UnknownNames: namesFromWire(m.GetUnknownNames())}
	copy(p.Groups[:], m.GetGroups())
	want := 0
	if l != nil {
		want = len(l.Columns)
	}
	if len(m.GetColumns()) != want {
		return nil, fmt.Errorf("decode profile: %d columns, the layout has %d", len(m.GetColumns()), want)
	}
	if want == 0 {
		return p, nil
	}
	p.Columns = make([]driftd.ColumnProfile, want)
	room := newRoom(l)
	for i, c := range m.GetColumns() {
		if err := columnFromWire(c, &l.Columns[i], &p.Columns[i], room); err != nil {
			return nil, fmt.Errorf("decode profile: column %q: %w", l.Columns[i].Name, err)
		}
	}
	return p, nil
}

const firstClass = int(driftd.RareLevel) // classes before it (missing, placed) are derived

func columnToWire(c *driftd.ColumnProfile) *ColumnProfile {
	m := &ColumnProfile{Unlisted: c.Unlisted, Cut: c.Cut, Names: namesToWire(c.Names), Sketch: c.Sketch}
	last := len(c.Classes)
	for last > firstClass && c.Classes[last-1] == 0 {
		last--
	}
	if last > firstClass {
		m.Classes = append([]uint64(nil), c.Classes[firstClass:last]...)
	}
	if s := c.Pairs; s != nil {
		m.PairEvents, m.Products, m.Absolute = s.N, slices.Clone(s.Products), slices.Clone(s.Absolute)
		return m
	}
	if c.Bins != nil {
		m.Counts, m.Offsets = make([]int64, len(c.Bins)), make([]int64, len(c.Bins))
		before := int64(0)
		for i, b := range c.Bins {
			n := int64(b.Count)
			m.Counts[i] = n - before
			m.Offsets[i] = int64(b.Offset) - 127*n
			before = n
		}
		if c.Min <= c.Max {
			m.Min, m.Max = proto.Float64(c.Min), proto.Float64(c.Max)
		}
		return m
	}
	m.Counts = make([]int64, len(c.Counts))
	before := int64(0)
	for i, n := range c.Counts {
		m.Counts[i] = int64(n) - before
		before = int64(n)
	}
	return m
}

// room holds the counts of all columns of a profile: one array of each kind
// instead of one for each column.
type room struct {
	bins   []driftd.Bin
	counts []uint64
}

func newRoom(l *driftd.Layout) *room {
	bins, counts := 0, 0
	for i := range l.Columns {
		switch c := &l.Columns[i]; c.Kind {
		case driftd.Numeric:
			bins += countsIn(c)
		case driftd.Pairs:
		default:
			counts += countsIn(c)
		}
	}
	return &room{make([]driftd.Bin, bins), make([]uint64, counts)}
}

// countsIn is how many counts a column's profile has.
func countsIn(l *driftd.ColumnLayout) int {
	if l.Kind == driftd.Numeric {
		return l.Bins() + 2 // below and above
	}
	return l.Bins()
}

func (r *room) binsOf(n int) []driftd.Bin {
	out := r.bins[:n:n]
	r.bins = r.bins[n:]
	return out
}

func (r *room) countsOf(n int) []uint64 {
	out := r.counts[:n:n]
	r.counts = r.counts[n:]
	return out
}

// columnFromWire reads a column's profile into c.
func columnFromWire(m *ColumnProfile, l *driftd.ColumnLayout, c *driftd.ColumnProfile, room *room) error {
	*c = driftd.ColumnProfile{Unlisted: m.GetUnlisted(), Cut: m.GetCut(), Names: namesFromWire(m.GetNames()), Min: math.Inf(1), Max: math.Inf(-1)}
	if len(m.GetClasses()) > len(c.Classes)-firstClass {
		return fmt.Errorf("%d classes of values, at most %d are known", len(m.GetClasses()), len(c.Classes)-firstClass)
	}
	copy(c.Classes[firstClass:], m.GetClasses())
	if s := m.GetSketch(); len(s) > 0 {
		if len(s) != driftd.SketchSize {
			return fmt.Errorf("a sketch of %d registers, not %d", len(s), driftd.SketchSize)
		}
		c.Sketch = s
	}
	if l.Kind == driftd.Pairs {
		return pairSumsFromWire(m, l, c)
	}
	want := countsIn(l)
	if len(m.GetCounts()) != want || l.Kind == driftd.Numeric && len(m.GetOffsets()) != want {
		return fmt.Errorf("%d counts and %d offsets, the layout has %d bins", len(m.GetCounts()), len(m.GetOffsets()), want)
	}
	n := int64(0)
	if l.Kind != driftd.Numeric {
		c.Counts = room.countsOf(want)
		for i, d := range m.Counts {
			if n += d; n < 0 {
				return fmt.Errorf("a negative count")
			}
			c.Counts[i] = uint64(n)
		}
		return nil
	}
	c.Bins = room.binsOf(want)
	for i, d := range m.GetCounts() {
		if n += d; n < 0 || m.Offsets[i]+127*n < 0 {
			return fmt.Errorf("a negative count")
		}
		c.Bins[i] = driftd.Bin{Count: uint64(n), Offset: uint64(m.Offsets[i] + 127*n)}
	}
	if m.Min != nil && m.Max != nil {
		c.Min, c.Max = *m.Min, *m.Max
	}
	return nil
}

func namesToWire(names []driftd.NamedLevel) []*Name {
	if len(names) == 0 {
		return nil
	}
	out := make([]*Name, len(names))
	for i, n := range names {
		out[i] = &Name{Hash: n.Hash, Name: toUTF8(n.Name)}
	}
	return out
}

func namesFromWire(m []*Name) []driftd.NamedLevel {
	if len(m) == 0 {
		return nil
	}
	out := make([]driftd.NamedLevel, len(m))
	for i, n := range m {
		out[i] = driftd.NamedLevel{Hash: n.Hash, Name: n.Name}
	}
	return out
}
