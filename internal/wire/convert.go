package wire

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/driftd/driftd"
)

// Version is what this code can read: a record with a greater min_reader was
// written by a newer driftd in a way that older ones must not pass over.
// Format 2 has seasonal references: whoever passed over their slots would judge
// every hour by the whole. Format 3 has pairs, whose sums every writer of
// profiles must form. Format 4 has gaps in driftd.profiles.
const Version = 4

// NewerError says that a record asks for a newer driftd.
type NewerError struct {
	What string
	Need uint32
}

func (e *NewerError) Error() string {
	return fmt.Sprintf("%s was written by a newer driftd (format %d, this one reads %d): upgrade this process before it goes on", e.What, e.Need, Version)
}

func readable(what string, min uint32) error {
	if min > Version {
		return &NewerError{what, min}
	}
	return nil
}

var marshal = proto.MarshalOptions{Deterministic: true}

// Fingerprint names stored bytes: hex SHA-256.
func Fingerprint(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// EncodeLayout gives the bytes of a layout and sets its fingerprint to theirs.
func EncodeLayout(l *driftd.Layout) ([]byte, error) {
	m := &Layout{MinReader: 1, Model: l.Model}
	for i := range l.Columns {
		c := &l.Columns[i]
		m.Columns = append(m.Columns, &ColumnLayout{Name: c.Name, Group: uint32(c.Group), Kind: uint32(c.Kind), Min: c.Min, Upper: c.Upper,
			Values: c.Values, Listed: c.Values != nil, Categories: c.Categories, Rare: c.Rare, Pairs: pairTableToWire(c.Pairs)})
		if c.Pairs != nil {
			m.MinReader = 3
		}
	}
	for _, x := range l.Excluded {
		m.Excluded = append(m.Excluded, &Excluded{Name: x.Name, Reason: x.Reason})
	}
	for _, t := range l.Segments {
		m.Segments = append(m.Segments, &SegmentTag{Tags: t.Tags, Values: t.Values})
	}
	b, err := marshal.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encode layout of model %q: %w", l.Model, err)
	}
	l.Fingerprint = Fingerprint(b)
	return b, nil
}

// DecodeLayout reads and compiles a layout.
func DecodeLayout(b []byte) (*driftd.Layout, error) {
	var m Layout
	if err := proto.Unmarshal(b, &m); err != nil {
		return nil, fmt.Errorf("decode layout: %w", err)
	}
	if err := readable("a layout", m.MinReader); err != nil {
		return nil, err
	}
	l := &driftd.Layout{Model: m.Model, Fingerprint: Fingerprint(b)}
	for _, c := range m.Columns {
		if c.Group > uint32(driftd.Prediction) {
			return nil, fmt.Errorf("decode layout: column %q has group %d", c.Name, c.Group)
		}
		lc := driftd.ColumnLayout{Name: c.Name, Group: driftd.Group(c.Group), Kind: driftd.Kind(c.Kind), Min: c.Min, Upper: c.Upper, Categories: c.Categories, Rare: c.Rare}
		if c.Listed {
			lc.Values = append([]float64{}, c.Values...)
		}
		if c.Pairs != nil {
			lc.Pairs = pairTableFromWire(c.Pairs)
		}
		l.Columns = append(l.Columns, lc)
	}
	for _, x := range m.Excluded {
		l.Excluded = append(l.Excluded, driftd.Excluded{Name: x.Name, Reason: x.Reason})
	}
	for _, t := range m.Segments {
		if len(t.Tags) == 0 {
			return nil, fmt.Errorf("decode layout: a segment without tags")
		}
		l.Segments = append(l.Segments, driftd.SegmentTag{Tags: t.Tags, Values: t.Values})
	}
	return l, l.Compile()
}

// EncodeReference gives the bytes of a reference and sets its fingerprint.
func EncodeReference(r *driftd.Reference) ([]byte, error) {
	m := &Reference{MinReader: 1, Timezone: r.Timezone, SelfWindows: r.SelfTest.Windows, SelfFlags: r.SelfTest.Flags, Model: r.Model, Segment: r.Segment, Layout: r.Layout, Source: r.Source, From: r.From, To: r.To, Events: r.Events, Groups: r.Groups[:]}
	for i := range r.Columns {
		c := &r.Columns[i]
		m.Columns = append(m.Columns, &ColumnReference{Profile: columnToWire(&c.Profile), Missing: c.Missing, Singletons: c.Singletons})
	}
	for i := range r.Scales {
		m.Scales = append(m.Scales, scaleToWire(&r.Scales[i]))
	}
	if r.Timezone != "" {
		m.MinReader = 2
	}
	b, err := marshal.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encode reference of model %q: %w", r.Model, err)
	}
	r.Fingerprint = Fingerprint(b)
	return b, nil
}

// DecodeReference reads a reference made in layout l.
func DecodeReference(b []byte, l *driftd.Layout) (*driftd.Reference, error) {
	var m Reference
	if err := proto.Unmarshal(b, &m); err != nil {
		return nil, fmt.Errorf("decode reference: %w", err)
	}
	if err := readable("a reference", m.MinReader); err != nil {
		return nil, err
	}
	if m.Layout != l.Fingerprint || len(m.Columns) != len(l.Columns) {
		return nil, fmt.Errorf("decode reference of model %q: made in layout %.12s, read with %.12s", m.Model, m.Layout, l.Fingerprint)
	}
	r := &driftd.Reference{Model: m.Model, Segment: m.Segment, Layout: m.Layout, Fingerprint: Fingerprint(b), Source: m.Source, From: m.From, To: m.To, Events: m.Events, Timezone: m.Timezone, SelfTest: driftd.SelfTest{Windows: m.SelfWindows, Flags: m.SelfFlags}}
	if _, err := r.Location(); err != nil {
		return nil, fmt.Errorf("decode reference of model %q: %w", m.Model, err)
	}
	copy(r.Groups[:], m.Groups)
	for i, c := range m.Columns {
		p, err := columnFromWire(c.Profile, &l.Columns[i])
		if err != nil {
			return nil, fmt.Errorf("decode reference of model %q: column %q: %w", m.Model, l.Columns[i].Name, err)
		}
		r.Columns = append(r.Columns, driftd.ColumnReference{Profile: *p, Missing: c.Missing, Singletons: c.Singletons})
	}
	for _, s := range m.Scales {
		if len(s.Columns) != len(l.Columns) {
			return nil, fmt.Errorf("decode reference of model %q: a scale has %d columns, the layout %d", m.Model, len(s.Columns), len(l.Columns))
		}
		if err := checkSlots(&m, s); err != nil {
			return nil, fmt.Errorf("decode reference of model %q: %w", m.Model, err)
		}
		r.Scales = append(r.Scales, scaleFromWire(s))
	}
	return r, nil
}

// LayoutOf is the fingerprint of the layout that an encoded reference needs.
func LayoutOf(b []byte) (string, error) {
	var m Reference
	if err := proto.Unmarshal(b, &m); err != nil {
		return "", fmt.Errorf("decode reference: %w", err)
	}
	return m.Layout, nil
}

func scaleToWire(s *driftd.Scale) *Scale {
	m := &Scale{Length: int64(s.Length), Windows: int64(s.Windows), MedianN: s.MedianN}
	for i := range s.Columns {
		c := &s.Columns[i]
		w := &ColumnScale{Windows: int64(c.Windows), MedianN: c.MedianN, MaxN: c.MaxN, NewShare: c.NewShare, SlotDays: c.SlotDays,
			Residual: &ResidualFit{R: int64(c.Residual.R), MeanLog: c.Residual.MeanLog, SdLog: c.Residual.SDLog, MeanNx: c.Residual.MeanNX, MeanNc: c.Residual.MeanNC, MaxN: c.Residual.MaxN, MeanSlotNc: c.Residual.MeanSlotNC}}
		for _, f := range c.Fits {
			w.Fits = append(w.Fits, &Fit{Name: f.Name, R: int64(f.R), Re: f.RE, D: f.D, Tau2: f.Tau2, Pooled: f.Pooled, V: f.V, MedianN: f.MedianN, MaxN: f.MaxN, MeanRe: f.MeanRE, Lrv: f.LRV, SlotMeans: f.SlotMeans, SlotDays: f.SlotDays})
		}
		for _, k := range c.Kept {
			w.Kept = append(w.Kept, int32(k))
		}
		m.Columns = append(m.Columns, w)
	}
	return m
}

func scaleFromWire(m *Scale) driftd.Scale {
	s := driftd.Scale{Length: time.Duration(m.Length), Windows: int(m.Windows), MedianN: m.MedianN}
	for _, w := range m.Columns {
		c := driftd.ColumnScale{Windows: int(w.Windows), MedianN: w.MedianN, MaxN: w.MaxN, NewShare: w.NewShare, SlotDays: w.SlotDays}
		if r := w.Residual; r != nil {
			c.Residual = driftd.ResidualFit{R: int(r.R), MeanLog: r.MeanLog, SDLog: r.SdLog, MeanNX: r.MeanNx, MeanNC: r.MeanNc, MaxN: r.MaxN, MeanSlotNC: r.MeanSlotNc}
		}
		for _, f := range w.Fits {
			c.Fits = append(c.Fits, driftd.Fit{Name: f.Name, R: int(f.R), RE: f.Re, D: f.D, Tau2: f.Tau2, Pooled: f.Pooled, V: f.V, MedianN: f.MedianN, MaxN: f.MaxN, MeanRE: f.MeanRe, LRV: f.Lrv, SlotMeans: f.SlotMeans, SlotDays: f.SlotDays})
		}
		for _, k := range w.Kept {
			c.Kept = append(c.Kept, int(k))
		}
		s.Columns = append(s.Columns, c)
	}
	return s
}

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
	p.Columns = make([]driftd.ColumnProfile, want)
	for i, c := range m.GetColumns() {
		q, err := columnFromWire(c, &l.Columns[i])
		if err != nil {
			return nil, fmt.Errorf("decode profile: column %q: %w", l.Columns[i].Name, err)
		}
		p.Columns[i] = *q
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

func columnFromWire(m *ColumnProfile, l *driftd.ColumnLayout) (*driftd.ColumnProfile, error) {
	c := &driftd.ColumnProfile{Unlisted: m.GetUnlisted(), Cut: m.GetCut(), Names: namesFromWire(m.GetNames()), Min: math.Inf(1), Max: math.Inf(-1)}
	if len(m.GetClasses()) > len(c.Classes)-firstClass {
		return nil, fmt.Errorf("%d classes of values, at most %d are known", len(m.GetClasses()), len(c.Classes)-firstClass)
	}
	copy(c.Classes[firstClass:], m.GetClasses())
	if s := m.GetSketch(); len(s) > 0 {
		if len(s) != driftd.SketchSize {
			return nil, fmt.Errorf("a sketch of %d registers, not %d", len(s), driftd.SketchSize)
		}
		c.Sketch = s
	}
	if l.Kind == driftd.Pairs {
		return c, pairSumsFromWire(m, l, c)
	}
	want := l.Bins()
	if l.Kind == driftd.Numeric {
		want += 2
	}
	if len(m.GetCounts()) != want || l.Kind == driftd.Numeric && len(m.GetOffsets()) != want {
		return nil, fmt.Errorf("%d counts and %d offsets, the layout has %d bins", len(m.GetCounts()), len(m.GetOffsets()), want)
	}
	n := int64(0)
	if l.Kind != driftd.Numeric {
		c.Counts = make([]uint64, want)
		for i, d := range m.Counts {
			if n += d; n < 0 {
				return nil, fmt.Errorf("a negative count")
			}
			c.Counts[i] = uint64(n)
		}
		return c, nil
	}
	c.Bins = make([]driftd.Bin, want)
	for i, d := range m.GetCounts() {
		if n += d; n < 0 || m.Offsets[i]+127*n < 0 {
			return nil, fmt.Errorf("a negative count")
		}
		c.Bins[i] = driftd.Bin{Count: uint64(n), Offset: uint64(m.Offsets[i] + 127*n)}
	}
	if m.Min != nil && m.Max != nil {
		c.Min, c.Max = *m.Min, *m.Max
	}
	return c, nil
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
