package pipeline

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/internal/kafka"
	"github.com/driftd/driftd/internal/wire"
)

// Holding is what driftd's own topics hold of a model, or of one segment of it.
type Holding struct {
	Model, Segment string          // Segment "": the whole model
	Series         []driftd.Series // with state, windows or a reference, `all` first
	Windows        int             // closed windows that are kept to learn from
	States         int             // series with state
	References     []string        // fingerprints that no other series uses
	Layouts        []string        // likewise
	Uses           int             // series that have, or wait for, a reference of their own
	Open           int             // incidents
	Before         time.Time       // when it was forgotten the last time; zero: never

	refs    [][]byte         // live keys of driftd.references
	windows map[int][][]byte // live keys by partition
	states  map[int][]stateKey
}

type stateKey struct {
	key   []byte
	since int64
}

// Empty says that there is nothing to forget.
func (h *Holding) Empty() bool { return len(h.Series) == 0 && len(h.refs) == 0 }

// covers says whether a series is meant.
func (h *Holding) covers(s driftd.Series) bool {
	return s.Model == h.Model && (h.Segment == "" || s.Segment == h.Segment)
}

// Holds looks for a model, or one segment of it, in driftd.references,
// driftd.state and driftd.windows, which are read to their ends. all are the
// models that are found there, in order of names.
func (l *Library) Holds(ctx context.Context, model, segment string) (h *Holding, all []string, err error) {
	h = &Holding{Model: model, Segment: segment, windows: map[int][][]byte{}, states: map[int][]stateKey{}}
	series, models := map[driftd.Series]bool{}, map[string]bool{}
	seen := func(s driftd.Series) bool {
		models[s.Model] = true
		if h.covers(s) {
			series[s] = true
		}
		return h.covers(s)
	}
	l.references(h, seen)
	for p := range l.set.Partitions {
		if err := l.states(ctx, h, p, seen); err != nil {
			return nil, nil, fmt.Errorf("read %s partition %d: %w", l.set.stateTopic(), p, err)
		}
		if segment != "" && p != (driftd.Series{Model: model, Segment: segment}).Partition(l.set.Partitions) {
			continue
		}
		if err := l.windows(ctx, h, p, seen); err != nil {
			return nil, nil, fmt.Errorf("read %s partition %d: %w", l.set.windowsTopic(), p, err)
		}
	}
	h.Series = slices.SortedFunc(maps.Keys(series), compareSeries)
	return h, slices.Sorted(maps.Keys(models)), nil
}

// references finds what driftd.references holds.
func (l *Library) references(h *Holding, seen func(driftd.Series) bool) {
	r := l.refs
	add := func(kind, name string) { h.refs = append(h.refs, []byte(kind+"/"+name)) }
	own, others := map[string]bool{}, map[string]bool{} // references and layouts
	note := func(s driftd.Series, fingerprints ...string) {
		to := others
		if h.covers(s) {
			to = own
		}
		for _, fp := range fingerprints {
			to[fp] = true
		}
	}
	used := map[driftd.Series]bool{}
	for s, entries := range r.uses {
		for _, e := range entries {
			note(s, e.Reference, e.Layout)
		}
		if seen(s) {
			used[s] = true
			add("use", s.Key())
		}
	}
	for s := range r.hidden { // new readers of a compacted topic would take it
		if len(r.uses[s]) == 0 && seen(s) {
			used[s] = true
			add("use", s.Key())
		}
	}
	for s, q := range r.requests {
		note(s, q.Reference, q.Layout)
		if seen(s) {
			used[s] = true
			add("request", s.Key())
		}
	}
	h.Uses = len(used)
	for fp, ref := range r.refs { // those that nobody has used too
		if h.covers(driftd.Series{Model: ref.Model, Segment: ref.Segment}) {
			own[fp] = true
		}
	}
	for fp, w := range r.waiting { // without a layout that could say more
		if slices.Contains(r.forgot[driftd.Series{Model: h.Model, Segment: driftd.AllSegment}].GetLayouts(), w.layout) {
			own[fp] = true
		}
	}
	for fp, layout := range r.layouts {
		if h.Segment == "" && layout.Model == h.Model {
			own[fp] = true
		}
	}
	for fp := range own {
		_, waits := r.waiting[fp]
		switch {
		case others[fp]:
		case r.refs[fp] != nil || waits:
			h.References = append(h.References, fp)
			add("reference", fp)
		case r.layouts[fp] != nil && h.Segment == "": // the other segments' profiles are in it
			h.Layouts = append(h.Layouts, fp)
			add("layout", fp)
		}
	}
	slices.Sort(h.References)
	slices.Sort(h.Layouts)
	for _, k := range []driftd.Series{{Model: h.Model, Segment: driftd.AllSegment}, {Model: h.Model, Segment: h.Segment}} {
		if m := r.forgot[k]; m != nil {
			h.Before = time.Unix(0, m.At).UTC()
		}
	}
}

func (l *Library) states(ctx context.Context, h *Holding, p int, seen func(driftd.Series) bool) error {
	live := map[string][]byte{}
	if err := readAll(ctx, l.client, l.set.stateTopic(), p, func(rec *kafka.Rec) error {
		s, ok := driftd.ParseSeriesKey(string(rec.Key))
		switch {
		case !ok: // what is fixed
		case len(rec.Value) == 0:
			delete(live, string(rec.Key))
		case h.covers(s):
			live[string(rec.Key)] = slices.Clone(rec.Value)
		default:
			live[string(rec.Key)] = nil
		}
		return nil
	}); err != nil {
		return err
	}
	for key, raw := range live {
		s, _ := driftd.ParseSeriesKey(key)
		if !seen(s) {
			continue
		}
		var m wire.SeriesState
		if err := proto.Unmarshal(raw, &m); err != nil {
			return fmt.Errorf("decode state of %s: %w", key, err)
		}
		h.States++
		for _, in := range []*wire.Incident{m.Incident, m.Schema} {
			if in.GetState() == driftd.StateOpen {
				h.Open++
			}
		}
		h.states[p] = append(h.states[p], stateKey{[]byte(key), m.Since})
	}
	return nil
}

func (l *Library) windows(ctx context.Context, h *Holding, p int, seen func(driftd.Series) bool) error {
	live := map[string]bool{}
	if err := readAll(ctx, l.client, l.set.windowsTopic(), p, func(rec *kafka.Rec) error {
		series, _, ok := wire.ParseWindowKey(string(rec.Key))
		s, ok2 := driftd.ParseSeriesKey(series)
		switch {
		case !ok || !ok2:
		case len(rec.Value) == 0:
			delete(live, string(rec.Key))
		case h.covers(s):
			live[string(rec.Key)] = true
		}
		return nil
	}); err != nil {
		return err
	}
	for key := range live {
		series, _, _ := wire.ParseWindowKey(key)
		s, _ := driftd.ParseSeriesKey(series)
		seen(s)
		h.windows[p] = append(h.windows[p], []byte(key))
		h.Windows++
	}
	return nil
}
