package pipeline

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
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
	for fp, raw := range r.waiting { // without a layout that could say more
		if of, err := wire.LayoutOf(raw); err == nil && slices.Contains(r.forgot[driftd.Series{Model: h.Model, Segment: driftd.AllSegment}].GetLayouts(), of) {
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
		if m.Incident.GetState() == driftd.StateOpen {
			h.Open++
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

// settle is how long a running driftd is given to hear of what was forgotten,
// and to write what it had begun, before its last records are looked for.
const settle = 2 * time.Second

// Forget takes out of driftd's topics what Holds has found. Running processes
// hear of it by driftd.references; what they write meanwhile is taken out too.
// An error says what was not done; the same again does the rest.
func (l *Library) Forget(ctx context.Context, h *Holding, by string) error {
	mark, err := l.mark(ctx, h, by)
	if err != nil {
		return err
	}
	if err := l.erase(ctx, h, mark); err != nil {
		return err
	}
	select {
	case <-time.After(settle):
	case <-ctx.Done():
		return ctx.Err()
	}
	now, err := OpenLibrary(ctx, l.client, l.set)
	if err != nil {
		return err
	}
	left, _, err := now.Holds(ctx, h.Model, h.Segment)
	if err != nil {
		return err
	}
	now.spare(left)
	return now.erase(ctx, left, mark)
}

// spare leaves out of a second look at a whole model what its new life has
// brought: what is in a layout that was written after the mark.
func (l *Library) spare(h *Holding) {
	r := l.refs
	if h.Segment != "" {
		return
	}
	h.refs = slices.DeleteFunc(h.refs, func(key []byte) bool {
		kind, name, _ := strings.Cut(string(key), "/")
		s, _ := driftd.ParseSeriesKey(name)
		switch kind {
		case "use":
			return slices.ContainsFunc(r.uses[s], func(e *wire.UseEntry) bool { return r.layouts[e.Layout] != nil })
		case "request":
			return r.layouts[r.requests[s].Layout] != nil
		case "reference":
			return r.refs[name] != nil
		}
		return true
	})
	for _, layout := range r.layouts {
		if layout.Model == h.Model {
			h.windows = nil // learned anew, and not to be told from the others
		}
	}
}

// mark writes up to where driftd.profiles counts no more, with tombstones for
// the uses: one produce request, so that nobody sees a part of it for long.
func (l *Library) mark(ctx context.Context, h *Holding, by string) (*wire.Forgotten, error) {
	parts := make([]int, l.set.Partitions)
	for i := range parts {
		parts[i] = i
	}
	end, err := l.client.Offsets(ctx, l.set.profilesTopic(), parts, kafka.AtEnd)
	if err != nil {
		return nil, err
	}
	now := time.Now
	if l.set.Now != nil {
		now = l.set.Now
	}
	m := &wire.Forgotten{MinReader: 1, At: now().UnixNano(), By: strings.ToValidUTF8(by, "\uFFFD"), Layouts: h.Layouts}
	for i := range parts {
		m.Through = append(m.Through, end[i])
	}
	b, err := proto.Marshal(m)
	if err != nil {
		return nil, err
	}
	k := driftd.Series{Model: h.Model, Segment: h.Segment}
	if h.Segment == "" {
		k.Segment = driftd.AllSegment
	}
	recs := []kafka.Record{{Key: []byte("forgotten/" + k.Key()), Value: b}}
	for _, key := range h.refs {
		recs = append(recs, kafka.Record{Key: key})
	}
	if _, err := l.client.Produce(ctx, l.set.referencesTopic(), 0, recs); err != nil {
		return nil, fmt.Errorf("write to %s: %w", l.set.referencesTopic(), err)
	}
	return m, nil
}

// erase writes the tombstones. A series that began after the mark stays.
func (l *Library) erase(ctx context.Context, h *Holding, mark *wire.Forgotten) error {
	write := func(topic string, p int, keys [][]byte) error {
		recs := make([]kafka.Record, len(keys))
		for i, k := range keys {
			recs[i].Key = k
		}
		if _, err := l.client.Produce(ctx, topic, p, recs); err != nil {
			return fmt.Errorf("write tombstones: %w", err)
		}
		return nil
	}
	if err := write(l.set.referencesTopic(), 0, h.refs); err != nil {
		return err
	}
	for p, keys := range h.windows {
		if err := write(l.set.windowsTopic(), p, keys); err != nil {
			return err
		}
	}
	for p, states := range h.states {
		var keys [][]byte
		for _, s := range states {
			if s.since <= mark.Through[p] {
				keys = append(keys, s.key)
			}
		}
		if err := write(l.set.stateTopic(), p, keys); err != nil {
			return err
		}
	}
	return nil
}

// Retained is a topic of driftd's own that keeps what was written to it.
type Retained struct {
	Topic   string
	For     time.Duration // how long from when it was written; 0: for ever
	Compact bool          // only until the brokers' log cleaner has run
}

// Retention is for how long driftd's topics go on holding what was forgotten, as
// the brokers have it now.
func (l *Library) Retention(ctx context.Context) ([]Retained, error) {
	var out []Retained
	for _, topic := range []string{l.set.profilesTopic(), l.set.resultsTopic(), l.set.deadLettersTopic(), l.set.stateTopic(), l.set.windowsTopic(), l.set.referencesTopic()} {
		conf, err := l.client.DescribeTopicConfig(ctx, topic)
		if err != nil {
			return nil, err
		}
		r := Retained{Topic: topic, Compact: strings.Contains(conf["cleanup.policy"], "compact")}
		if ms, err := strconv.ParseInt(conf["retention.ms"], 10, 64); err == nil && ms > 0 && !r.Compact {
			r.For = time.Duration(min(ms, math.MaxInt64/int64(time.Millisecond))) * time.Millisecond
		}
		out = append(out, r)
	}
	return out, nil
}
