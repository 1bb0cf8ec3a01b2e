package wire

import (
	"fmt"
	"math"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/alerts"
	"github.com/driftd/driftd/internal/detect"
)

// State is everything that is known of one series: one record of driftd.state,
// consistent alone [E4].
type State struct {
	Series    driftd.Series
	AsOf      int64 // offset in driftd.profiles from which the open panes can be read again
	Since     int64 // offset in driftd.profiles after which the series began; 0: not known
	Frontiers map[SourcePartition]SourceFrontier
	Detect    detect.State
}

// SourcePartition is a partition of a users' topic.
type SourcePartition struct {
	Topic     string
	Partition int
}

// SourceFrontier is what markers have said of a source partition.
type SourceFrontier struct {
	Epoch      int64
	Frontier   int64
	Partitions int // of the topic, as this partition's owner saw it
	Begin      int64
	Cut        bool
	First      int  // Partitions at the first marker
	Grown      bool // it was added to a topic that was being read: windows that were open then lack nothing we know of, but are not whole

	Start int64        // Marker.Start
	Anew  bool         // begun without a commit although Frontier was known: until the gap from there on is told
	Gaps  []detect.Gap // of records that are lost, in order [E7]
	// Beyond is how far a gap without end (driftd.MaxTime) will reach past the first
	// frontier that is greater than this one; 0: there is none.
	Beyond int64
}

func (f *SourceFrontier) toWire(k SourcePartition) *Frontier {
	m := &Frontier{Topic: k.Topic, Partition: int32(k.Partition), Epoch: f.Epoch, Frontier: f.Frontier, Partitions: int32(f.Partitions),
		Begin: f.Begin, Cut: f.Cut, FirstPartitions: int32(f.First), Grown: f.Grown, Start: f.Start, Anew: f.Anew, Beyond: f.Beyond}
	for _, g := range f.Gaps {
		m.Gaps = append(m.Gaps, &Gap{From: g.From, To: g.To, Why: g.Why})
	}
	return m
}

func frontierFromWire(m *Frontier) SourceFrontier {
	f := SourceFrontier{Epoch: m.Epoch, Frontier: m.Frontier, Partitions: int(m.Partitions), Begin: m.Begin, Cut: m.Cut,
		First: int(m.FirstPartitions), Grown: m.Grown, Start: m.Start, Anew: m.Anew, Beyond: m.Beyond}
	for _, g := range m.Gaps {
		f.Gaps = append(f.Gaps, detect.Gap{From: g.From, To: g.To, Why: g.Why})
	}
	return f
}

// EncodeState gives the record's bytes.
func EncodeState(s *State) ([]byte, error) {
	m := &SeriesState{MinReader: 1, Model: s.Series.Model, Segment: s.Series.Segment, AsOf: s.AsOf, Since: s.Since, Merged: s.Detect.Merged, Silent: int64(s.Detect.Alerts.Silent),
		Learned: s.Detect.Learned, LearnedFirst: s.Detect.LearnedFirst, LearnedUse: s.Detect.LearnedUse, Accepted: s.Detect.Accepted}
	for k, f := range s.Frontiers {
		m.Frontiers = append(m.Frontiers, f.toWire(k))
	}
	slices.SortFunc(m.Frontiers, func(a, b *Frontier) int {
		if a.Topic != b.Topic {
			if a.Topic < b.Topic {
				return -1
			}
			return 1
		}
		return int(a.Partition - b.Partition)
	})
	for i := range s.Detect.Windows {
		w := &s.Detect.Windows[i]
		ow := &OpenWindow{Length: int64(w.Length), Start: w.Start, End: w.End, Layout: w.Layout, Incomplete: w.Incomplete, Empty: w.Empty}
		if w.Profile != nil {
			ow.Profile = ProfileToWire(w.Profile)
		}
		m.Windows = append(m.Windows, ow)
	}
	for i := range s.Detect.Alerts.Histories {
		h := &s.Detect.Alerts.Histories[i]
		m.Histories = append(m.Histories, &History{Column: h.Column, Length: int64(h.Length), Flags: h.Flags, Starts: h.Starts, Scores: h.Scores})
	}
	for i := range s.Detect.Sequences {
		q := &s.Detect.Sequences[i]
		m.Sequences = append(m.Sequences, &Sequence{Column: q.Column, Detector: q.Detector, Basis: q.Basis, State: q.State})
	}
	for _, x := range s.Detect.Alerts.Breaks {
		m.Breaks = append(m.Breaks, &Break{Column: x.Column, Kind: x.Kind, Broken: int32(x.Broken), Whole: int32(x.Whole), Open: x.Open, Since: x.Since, Until: x.Until})
	}
	if y := s.Detect.Tally; y != nil {
		m.Tally = &Tally{Layout: y.Layout, Start: y.Start, Events: y.Events, Rejected: y.Rejected, Groups: y.Groups[:], Had: y.Had, Typed: y.Typed}
	}
	m.Incident, m.Schema = incidentToWire(s.Detect.Alerts.Incident), incidentToWire(s.Detect.Alerts.Schema)
	b, err := marshal.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encode state of %s: %w", s.Series.Key(), err)
	}
	return b, nil
}

// DecodeState reads a record; layout finds the layouts of its open windows.
func DecodeState(b []byte, layout func(fingerprint string) (*driftd.Layout, error)) (*State, error) {
	var m SeriesState
	if err := proto.Unmarshal(b, &m); err != nil {
		return nil, fmt.Errorf("decode state: %w", err)
	}
	if err := readable("a state record", m.MinReader); err != nil {
		return nil, err
	}
	s := &State{Series: driftd.Series{Model: m.Model, Segment: m.Segment}, AsOf: m.AsOf, Since: m.Since, Frontiers: map[SourcePartition]SourceFrontier{}}
	s.Detect.Merged, s.Detect.Alerts.Silent = m.Merged, int(m.Silent)
	s.Detect.Learned, s.Detect.LearnedFirst, s.Detect.LearnedUse, s.Detect.Accepted = m.Learned, m.LearnedFirst, m.LearnedUse, m.Accepted
	for _, f := range m.Frontiers {
		s.Frontiers[SourcePartition{f.Topic, int(f.Partition)}] = frontierFromWire(f)
	}
	for _, w := range m.Windows {
		ow := detect.OpenWindow{Window: driftd.Window{Length: time.Duration(w.Length), Start: w.Start, End: w.End}, Layout: w.Layout, Incomplete: w.Incomplete, Empty: w.Empty}
		if w.Profile != nil {
			var l *driftd.Layout
			var err error
			if w.Layout != "" {
				if l, err = layout(w.Layout); err != nil {
					return nil, err
				}
			}
			if ow.Profile, err = ProfileFromWire(w.Profile, l); err != nil {
				return nil, fmt.Errorf("decode state of %s: %w", s.Series.Key(), err)
			}
		}
		s.Detect.Windows = append(s.Detect.Windows, ow)
	}
	for _, h := range m.Histories {
		s.Detect.Alerts.Histories = append(s.Detect.Alerts.Histories, alerts.History{Column: h.Column, Length: time.Duration(h.Length), Flags: h.Flags, Starts: h.Starts, Scores: h.Scores})
	}
	for _, q := range m.Sequences {
		s.Detect.Sequences = append(s.Detect.Sequences, detect.Sequence{Column: q.Column, Detector: q.Detector, Basis: q.Basis, State: q.State})
	}
	for _, x := range m.Breaks {
		s.Detect.Alerts.Breaks = append(s.Detect.Alerts.Breaks, alerts.Break{Column: x.Column, Kind: x.Kind, Broken: int(x.Broken), Whole: int(x.Whole), Open: x.Open, Since: x.Since, Until: x.Until})
	}
	if y := m.Tally; y != nil {
		s.Detect.Tally = &detect.Tally{Layout: y.Layout, Start: y.Start, Events: y.Events, Rejected: y.Rejected, Had: y.Had, Typed: y.Typed}
		copy(s.Detect.Tally.Groups[:], y.Groups)
	}
	s.Detect.Alerts.Incident, s.Detect.Alerts.Schema = incidentFromWire(m.Incident, s.Series), incidentFromWire(m.Schema, s.Series)
	return s, nil
}

func incidentToWire(in *alerts.Incident) *Incident {
	if in == nil {
		return nil
	}
	r := &in.Result
	m := &Incident{Id: r.ID, Type: r.Type, State: r.State, Severity: r.Severity, Historic: r.Historic, Provisional: r.Provisional, Opened: nanos(r.OpenedAt), Since: nanos(r.DriftSince),
		Pace: r.Pace, Changed: nanos(r.ChangedAt), Summary: r.Summary, Reference: r.Reference, Resolved: math.MinInt64, Revision: r.Revision, ConfigHash: r.ConfigHash, Version: r.Version, Labels: r.Labels}
	if r.ResolvedAt != nil {
		m.Resolved = nanos(*r.ResolvedAt)
	}
	for _, c := range r.Columns {
		ic := &IncidentColumn{Column: c.Column, Test: c.Test, Effect: float64(c.Effect), FirstFlag: nanos(c.FirstFlag), Moved: toUTF8(c.Moved), PValue: float64(c.PValue), Threshold: float64(c.Threshold), N: c.N}
		for _, l := range in.Lengths[c.Column] {
			ic.Lengths = append(ic.Lengths, int64(l))
		}
		m.Columns = append(m.Columns, ic)
	}
	m.Summary = toUTF8(m.Summary)
	return m
}

func incidentFromWire(m *Incident, s driftd.Series) *alerts.Incident {
	if m == nil {
		return nil
	}
	in := &alerts.Incident{Lengths: map[string][]time.Duration{}}
	in.Result = driftd.IncidentResult{Kind: "incident", ID: m.Id, Model: s.Model, Segment: s.Segment, Type: m.Type, State: m.State, Severity: m.Severity, Historic: m.Historic, Provisional: m.Provisional,
		OpenedAt: at(m.Opened), DriftSince: at(m.Since), ChangedAt: at(m.Changed), Pace: m.Pace, Summary: m.Summary, Columns: []driftd.IncidentColumn{},
		Stamp: driftd.Stamp{Reference: m.Reference, Revision: m.Revision, ConfigHash: m.ConfigHash, Version: m.Version, Labels: m.Labels}}
	if m.Resolved != math.MinInt64 {
		t := at(m.Resolved)
		in.Result.ResolvedAt = &t
	}
	for _, c := range m.Columns {
		in.Result.Columns = append(in.Result.Columns, driftd.IncidentColumn{Column: c.Column, Test: c.Test, Effect: driftd.Float(c.Effect), FirstFlag: at(c.FirstFlag), Moved: c.Moved, PValue: driftd.Float(c.PValue), Threshold: driftd.Float(c.Threshold), N: c.N})
		for _, l := range c.Lengths {
			in.Lengths[c.Column] = append(in.Lengths[c.Column], time.Duration(l))
		}
	}
	return in
}

func at(t int64) time.Time { return time.Unix(0, t).UTC() }

func nanos(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}
