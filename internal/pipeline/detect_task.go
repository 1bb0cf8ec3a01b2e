package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/internal/detect"
	"github.com/driftd/driftd/internal/kafka"
	"github.com/driftd/driftd/internal/wire"
)

// Alerter is told the state of every incident that this process owns.
type Alerter interface {
	// Set gives the newest state of an incident.
	Set(driftd.IncidentResult)
	// Drop says that the series is no longer this process's to tell of.
	Drop(driftd.Series)
}

// detectTask judges the series of one partition of driftd.profiles.
type detectTask struct {
	set       *Settings
	client    *kafka.Client
	refs      *References
	alerter   Alerter
	partition int
	member    string // of the group, in its claims
	epoch     int64  // of the claim under which it answers
	log       *slog.Logger

	front   *frontiers
	series  map[driftd.Series]*judged
	next    int64 // offset after the last record of driftd.profiles
	replay  int64 // end of the log at assignment: before it nothing is told to people
	refsAt  int64
	confAt  int64
	results []driftd.Result
	kept    []kafka.Record // closed windows, for driftd.windows
	moved   map[string]bool
	fitting atomic.Bool // references are being learned
	beside  func(func() error)

	locating sync.Mutex
	where    chan driftd.IncidentResult // incidents whose place was found

	gone    forgotten
	greeted map[driftd.Series]int64 // forgotten models that have come again, by when they were forgotten
}

// judged is one series.
type judged struct {
	series  driftd.Series
	rules   detect.Rules
	state   detect.State
	panes   map[int64]*paneParts // closed panes' profiles that are still to be merged
	since   int64                // offset in driftd.profiles after which it began
	written int64                // Merged at the last state record; driftd.MinTime before the first
	fresh   bool                 // has no state record yet
	changed bool                 // closed a window since its last state record
	tried   int64                // windows there were when a reference was last learned from them
}

// paneParts are the profiles of one pane by source partition: a repeat
// overwrites [E3]. They stay encoded until they are merged, which takes a tenth of
// the memory: after an outage there are up to an hour of them for each series.
type paneParts struct {
	offset int64 // of the first
	parts  map[partKey][]byte
	sealed map[wire.SourcePartition]bool // no repeat overwrites: see seal
}

// partKey: a pane in which a layout takes effect has a part in each.
type partKey struct {
	from   wire.SourcePartition
	layout string
}

// record takes one record of driftd.profiles: a pane's profile, or a marker
// that moves a frontier and so may close windows.
func (t *detectTask) record(ctx context.Context, rec *kafka.Rec) error {
	t.next = rec.Offset + 1
	var m wire.WaitingRecord
	if err := proto.Unmarshal(rec.Value, &m); err != nil {
		return fmt.Errorf("read %s partition %d offset %d: %w", t.set.profilesTopic(), t.partition, rec.Offset, err)
	}
	if m.MinReader > wire.Version {
		return &wire.NewerError{What: "a profile", Need: m.MinReader}
	}
	from := wire.SourcePartition{Topic: m.Topic, Partition: int(m.Partition)}
	if m.Marker != nil {
		if t.front.mark(from, m.Epoch, m.Marker, rec.Offset) {
			return t.advance(ctx, m.Topic)
		}
		return nil
	}
	if m.Gap != nil {
		if since, news := t.front.lost(from, m.Epoch, m.Gap, rec.Offset); news {
			t.seal(from, since)
		}
		return nil
	}
	if t.front.stale(from, m.Epoch) || t.front.closed(from, m.Pane) {
		return nil
	}
	k := driftd.Series{Model: m.Model, Segment: m.Segment}
	if t.passedOver(k, rec.Offset, m.Layout) {
		return nil
	}
	s := t.find(k)
	if m.Pane < s.state.Merged {
		return nil
	}
	p := s.panes[m.Pane]
	if p == nil {
		p = &paneParts{offset: rec.Offset, parts: map[partKey][]byte{}}
		s.panes[m.Pane] = p
	}
	if key := (partKey{from, m.Layout}); !p.sealed[from] || p.parts[key] == nil {
		p.parts[key] = m.Profile
	}
	return nil
}

// seal keeps the profiles that a partition has sent of the panes from a time on:
// one that is made after a gap lacks what the gap has taken [E7].
func (t *detectTask) seal(from wire.SourcePartition, since int64) {
	for _, s := range t.series {
		for start, p := range s.panes {
			if start < since {
				continue
			}
			if p.sealed == nil {
				p.sealed = map[wire.SourcePartition]bool{}
			}
			p.sealed[from] = true
		}
	}
}

// find finds or makes a series.
func (t *detectTask) find(k driftd.Series) *judged {
	s := t.series[k]
	if s == nil {
		s = &judged{series: k, panes: map[int64]*paneParts{}, since: t.next, written: driftd.MinTime, fresh: true}
		s.state.Merged = driftd.MinTime
		t.configure(s)
		t.series[k] = s
	}
	return s
}

// configure gives a series the config and references of now.
func (t *detectTask) configure(s *judged) {
	r := t.set.Models.Rules(s.series)
	r.Series, r.Version, r.Pane = s.series, t.set.Version, t.set.Pane
	r.Uses = t.refs.Uses(s.series)
	var layout *driftd.Layout
	if len(r.Uses) > 0 {
		layout = r.Uses[len(r.Uses)-1].Layout
	}
	segments := t.set.Models.Segments(s.series.Model)
	r.CountSeries = func(l *driftd.Layout) int { return len(driftd.Segments(segmentTags(segments, l))) }
	if layout != nil || t.set.Models.Known(s.series.Model) { // not of every name that a bad tag makes
		t.set.Metrics.Budget(s.series.Model, r.PagesPerWeek)
	}
	if n := len(r.Uses); n > 0 && r.Uses[n-1].Reference != nil && s.series.Segment == driftd.AllSegment {
		t.set.Metrics.SelfTest(s.series.Model, r.Uses[n-1].Reference.SelfTest)
	}
	s.rules = r
}

// advance merges the panes that every partition has passed, and closes windows.
// Each series' results depend on it alone, so their order does not matter.
func (t *detectTask) advance(ctx context.Context, topic string) error {
	t.moved[topic] = true
	models := map[string]*reach{}
	for _, s := range t.series {
		r := models[s.series.Model]
		if r == nil {
			r = t.front.reach(s.series.Model)
			models[s.series.Model] = r
		}
		if r.until <= s.state.Merged {
			continue
		}
		if err := t.step(ctx, s, r.until, r); err != nil {
			return err
		}
	}
	t.front.mend(t.openSince)
	return nil
}

// openSince is the start of the first window that is open.
func (t *detectTask) openSince() int64 {
	first := driftd.MaxTime
	for _, s := range t.series {
		first = min(first, s.state.Since())
	}
	return first
}

func (t *detectTask) step(ctx context.Context, s *judged, until int64, r *reach) error {
	in := detect.Input{Until: until, Begin: r.begin, Gaps: r.gaps, End: driftd.MaxTime, Now: t.set.Now().UnixNano(), Revision: t.next - 1}
	var err error
	if in.Panes, err = t.take(ctx, s, until); err != nil {
		return err
	}
	in.Keep = func(k *detect.Kept) {
		rec, encodeErr := windowRecord(s.series, k)
		err = cmp.Or(err, encodeErr)
		t.kept = append(t.kept, rec)
	}
	results := detect.Step(&s.rules, &s.state, in)
	if err != nil {
		return err
	}
	if len(results) > 0 {
		t.results = append(t.results, results...)
		s.changed = true
	}
	return nil
}

// windowRecord is a closed window as driftd.windows keeps it.
func windowRecord(s driftd.Series, k *detect.Kept) (kafka.Record, error) {
	b, err := wire.EncodeWindow(s, k)
	return kafka.Record{Key: []byte(wire.WindowKey(s, k.Start)), Value: b}, err
}

// take merges the parts of the panes below until, in order of time.
func (t *detectTask) take(ctx context.Context, s *judged, until int64) ([]detect.Pane, error) {
	var starts []int64
	for start := range s.panes {
		if start < until {
			starts = append(starts, start)
		}
	}
	slices.Sort(starts)
	var out []detect.Pane
	for _, start := range starts {
		byLayout := map[string]*driftd.Profile{}
		for k, p := range s.panes[start].parts {
			prof, err := t.profile(ctx, k.layout, p)
			if err != nil {
				return nil, fmt.Errorf("profile of %s: %w", s.series.Key(), err)
			}
			if have := byLayout[k.layout]; have != nil {
				have.Merge(prof)
			} else {
				byLayout[k.layout] = prof
			}
		}
		layouts := make([]string, 0, len(byLayout))
		for l := range byLayout {
			layouts = append(layouts, l)
		}
		slices.Sort(layouts)
		for _, l := range layouts {
			out = append(out, detect.Pane{Start: start, Layout: l, Profile: byLayout[l]})
		}
	}
	for _, start := range starts { // all or none: the task may end, and go on from memory
		delete(s.panes, start)
	}
	return out, nil
}

func (t *detectTask) profile(ctx context.Context, layout string, b []byte) (*driftd.Profile, error) {
	var p wire.Profile
	if err := proto.Unmarshal(b, &p); err != nil {
		return nil, err
	}
	var l *driftd.Layout
	if layout != "" {
		var err error
		if l, err = t.refs.Layout(ctx, layout); err != nil {
			return nil, err
		}
	}
	return wire.ProfileFromWire(&p, l)
}

// run follows driftd.profiles until ctx ends. commit is for display alone; beside
// runs what takes long.
func (t *detectTask) run(ctx context.Context, chunks <-chan kafka.Chunk, commit func(context.Context, int64) error, beside func(func() error)) error {
	var w kafka.Walker
	t.beside = beside
	lastCommit := time.Now()
	caughtUp := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case in := <-t.where:
			t.located(in)
		case chunk, ok := <-chunks:
			if !ok {
				return nil
			}
			if chunk.Err != nil {
				return t.lost(chunk.Err)
			}
			if err := t.refresh(ctx); err != nil {
				return err
			}
			if err := w.Walk(&chunk, func(rec *kafka.Rec) error { return t.record(ctx, rec) }); err != nil {
				return err
			}
			t.next = max(t.next, chunk.Next)
			t.set.Metrics.Lag(t.set.detectGroup(), t.set.profilesTopic(), t.partition, chunk.HighWatermark-t.next)
			if err := t.flush(ctx); err != nil {
				return err
			}
			if !caughtUp && t.next >= t.replay {
				caughtUp = true
				t.tell(ctx)
			}
			if err := t.answer(ctx); err != nil {
				return err
			}
			if err := t.greet(ctx); err != nil {
				return err
			}
			t.learn(ctx, beside)
			t.showHolders()
			if time.Since(lastCommit) > 5*time.Second { // for the display of lag alone
				lastCommit = time.Now()
				if err := commit(ctx, t.next); err != nil {
					return err
				}
			}
		}
	}
}

// lost ends the task: profiles that are gone cannot be made again here.
func (t *detectTask) lost(err error) error {
	var out *kafka.OffsetOutOfRange
	if errors.As(err, &out) {
		return fmt.Errorf("%s partition %d was deleted up to offset %d before it was judged (wanted %d): its retention must be longer than the longest outage", t.set.profilesTopic(), t.partition, out.LogStart, out.Offset)
	}
	return err
}

// refresh takes new references and a reloaded config. A window is judged by
// what is in force when it closes, and carries its hash [E5].
func (t *detectTask) refresh(ctx context.Context) error {
	refs, conf := t.refs.Version(), t.set.Models.Generation()
	if refs == t.refsAt && conf == t.confAt {
		return nil
	}
	t.refsAt, t.confAt = refs, conf
	t.gone = t.refs.forgotten()
	if err := t.dropForgotten(ctx); err != nil {
		return err
	}
	for _, s := range t.series {
		t.configure(s)
		if s.state.Merged == driftd.MinTime {
			continue
		}
		// What has been accepted ends its incident now, not at the next window.
		if err := t.step(ctx, s, s.state.Merged, t.front.reach(s.series.Model)); err != nil {
			return err
		}
	}
	return nil
}
