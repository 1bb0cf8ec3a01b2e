package wire

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
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
	r.Columns = make([]driftd.ColumnReference, len(m.Columns))
	room := newRoom(l)
	for i, c := range m.Columns {
		into := &r.Columns[i]
		if err := columnFromWire(c.Profile, &l.Columns[i], &into.Profile, room); err != nil {
			return nil, fmt.Errorf("decode reference of model %q: column %q: %w", m.Model, l.Columns[i].Name, err)
		}
		into.Missing, into.Singletons = c.Missing, c.Singletons
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
	var m ReferenceHead
	if err := (proto.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(b, &m); err != nil {
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
	s := driftd.Scale{Length: time.Duration(m.Length), Windows: int(m.Windows), MedianN: m.MedianN, Columns: make([]driftd.ColumnScale, len(m.Columns))}
	count := 0
	for _, w := range m.Columns {
		count += len(w.Fits)
	}
	fits := make([]driftd.Fit, 0, count) // of all columns
	for i, w := range m.Columns {
		c := &s.Columns[i]
		*c = driftd.ColumnScale{Windows: int(w.Windows), MedianN: w.MedianN, MaxN: w.MaxN, NewShare: w.NewShare, SlotDays: w.SlotDays}
		if r := w.Residual; r != nil {
			c.Residual = driftd.ResidualFit{R: int(r.R), MeanLog: r.MeanLog, SDLog: r.SdLog, MeanNX: r.MeanNx, MeanNC: r.MeanNc, MaxN: r.MaxN, MeanSlotNC: r.MeanSlotNc}
		}
		first := len(fits)
		for _, f := range w.Fits {
			fits = append(fits, driftd.Fit{Name: f.Name, R: int(f.R), RE: f.Re, D: f.D, Tau2: f.Tau2, Pooled: f.Pooled, V: f.V, MedianN: f.MedianN, MaxN: f.MaxN, MeanRE: f.MeanRe, LRV: f.Lrv, SlotMeans: f.SlotMeans, SlotDays: f.SlotDays})
		}
		if len(fits) > first {
			c.Fits = fits[first:len(fits):len(fits)]
		}
		for _, k := range w.Kept {
			c.Kept = append(c.Kept, int(k))
		}
	}
	return s
}
