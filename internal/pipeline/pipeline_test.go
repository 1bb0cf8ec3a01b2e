package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/detectors/stream"
	"github.com/driftd/driftd/internal/config"
	"github.com/driftd/driftd/internal/detect"
	"github.com/driftd/driftd/internal/embedded"
	"github.com/driftd/driftd/internal/kafka"
	"github.com/driftd/driftd/internal/reference"
	"github.com/driftd/driftd/internal/replay"
	"github.com/driftd/driftd/internal/wire"
	"github.com/driftd/driftd/sinks/prometheus"
)

// events is traffic in memory: a reference.Source.
type events struct {
	json [][]byte
	at   []time.Time
	key  [][]byte
	i    int
}

func (e *events) Next() ([]byte, int64, error) {
	if e.i == len(e.json) {
		return nil, 0, io.EOF
	}
	e.i++
	return e.json[e.i-1], e.at[e.i-1].UnixNano(), nil
}

func (e *events) again() *events { return &events{json: e.json, at: e.at, key: e.key} }

func traffic(t testing.TB, model string, from, to time.Time, changed bool) *events {
	t.Helper()
	out := &events{}
	err := embedded.New(1, embedded.LiveStart).Events(from, to, changed, func(e *embedded.Event) error {
		if e.Model == model {
			out.json, out.at, out.key = append(out.json, slices.Clone(e.JSON)), append(out.at, e.At), append(out.key, slices.Clone(e.Key))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func buildBundle(t testing.TB, model string, from, to time.Time) *wire.Bundle {
	t.Helper()
	ev := traffic(t, model, from, to, false)
	b, _, err := reference.Build(func() (reference.Source, error) { return ev.again(), nil },
		reference.Options{Model: model, Lengths: []time.Duration{time.Hour, 24 * time.Hour}, Location: time.UTC, Pairs: true, Tags: []driftd.SegmentTag{{Tags: []string{"country"}}}})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// table is a sink that remembers the newest result of each identity, as
// ReplacingMergeTree does, and complains when two differ in more than revision.
type table struct {
	mu     sync.Mutex
	rows   map[string]string
	differ []string
	closed map[driftd.Series]time.Time
	writes int
}

func newTable() *table {
	return &table{rows: map[string]string{}, closed: map[driftd.Series]time.Time{}}
}

func (tb *table) Write(_ context.Context, batch []driftd.Result) error {
	tb.mu.Lock()
	defer tb.mu.Unlock()
	for _, r := range batch {
		tb.writes++
		id, row := rowOf(r)
		if old, ok := tb.rows[id]; ok && old != row {
			tb.differ = append(tb.differ, id+"\n"+old+"\n"+row)
		}
		tb.rows[id] = row
		if r.Window != nil && r.Window.WindowLength == 3600 {
			tb.closed[r.Series()] = r.Window.WindowEnd
		}
	}
	return nil
}

// closedUntil is how many series have closed their hours up to end.
func (tb *table) closedUntil(end time.Time) (n int) {
	tb.mu.Lock()
	defer tb.mu.Unlock()
	for _, at := range tb.closed {
		if !at.Before(end) {
			n++
		}
	}
	return n
}

// rowOf is a result's identity and its content without what may differ between
// runs: revision, config, version, and the index that only replay has.
func rowOf(r driftd.Result) (id, row string) {
	var stamp *driftd.Stamp
	switch {
	case r.Window != nil:
		w := *r.Window
		w.WindowIndex, stamp = nil, &w.Stamp
		id = fmt.Sprintf("window %s %s %d %s", w.Model, w.Segment, w.WindowLength, w.WindowStart.Format(time.RFC3339))
		r.Window = &w
	case r.Column != nil:
		c := *r.Column
		c.WindowIndex, stamp = nil, &c.Stamp
		id = fmt.Sprintf("column %s %s %s %d %s", c.Model, c.Segment, c.Column, c.WindowLength, c.WindowStart.Format(time.RFC3339))
		r.Column = &c
	default:
		i := *r.Incident
		stamp = &i.Stamp
		id = fmt.Sprintf("incident %s %s %s %s", i.ID, i.Segment, i.State, i.ChangedAt.Format(time.RFC3339))
		r.Incident = &i
	}
	stamp.Revision, stamp.ConfigHash, stamp.Version, stamp.Labels = 0, "", "", nil
	b, err := json.Marshal(r)
	if err != nil {
		panic(err)
	}
	return id, string(b)
}

type world struct {
	t      testing.TB
	broker *embedded.Broker
	topic  string
	now    func() time.Time
	bundle []*wire.Bundle
	source func(*Source)
	begin  Start // the zero Start: all of the log
	say    func(string)
	alert  Alerter
	cut    []driftd.SegmentTag
	// columns of defaults
	columns map[string]config.Column
	learn   time.Duration // LearnEvery
}

func newWorld(t testing.TB, topic string, partitions int) *world {
	t.Helper()
	b, err := embedded.Start(embedded.Options{Topics: map[string]int{topic: partitions}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return &world{t: t, broker: b, topic: topic, now: time.Now}
}

func (w *world) client() *kafka.Client {
	c, err := kafka.New(kafka.Config{Brokers: []string{w.broker.Addr}, ClientID: "test"})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(c.Close)
	return c
}

func (w *world) produce(partitions int, ev *events) {
	c := w.client()
	recs := make([][]kafka.Record, partitions)
	for i := range ev.json {
		k := int(driftd.HashBytes(ev.key[i]) % uint64(partitions))
		recs[k] = append(recs[k], kafka.Record{Key: ev.key[i], Value: ev.json[i], Time: ev.at[i]})
	}
	for k, r := range recs {
		if _, err := c.Produce(context.Background(), w.topic, k, r); err != nil {
			w.t.Fatal(err)
		}
	}
}

// process is one driftd: its end is as sudden as a context can make it.
type process struct {
	stop context.CancelFunc
	done chan error
	m    *prometheus.Metrics
	p    *Pipeline
}

func (w *world) start(sink Sink) *process { return w.startAs(sink, Roles{true, true, true}) }

// startAs starts a process with some of the roles.
func (w *world) startAs(sink Sink, roles Roles) *process {
	cfg := config.Default()
	cfg.Alerts.PageMaxAge = 1000 * 24 * time.Hour // what is old depends on the clock
	cfg.Defaults.Segments, cfg.Defaults.Columns, cfg.Defaults.Pairs = w.cut, w.columns, true
	m := prometheus.New(prometheus.Config{Version: "test"}, []string{w.topic}, nil)
	log := slog.New(slog.NewTextHandler(testWriter{w.t}, &slog.HandlerOptions{Level: slog.LevelWarn}))
	src := Source{Topic: w.topic, Lateness: 2 * time.Minute, IdleTimeout: 300 * time.Millisecond, MaxSkew: 5 * time.Minute, MaxAge: 24 * time.Hour, MaxBytes: 1 << 20, DeadLetters: "headers"}
	if w.source != nil {
		w.source(&src)
	}
	set := &Settings{Prefix: "d", Pane: time.Minute, Partitions: 2, Replication: -1, Version: "test", Models: NewLive(cfg, "test"), Log: log, Metrics: m,
		Start: w.begin, Now: w.now, Bundles: w.bundle, Session: 6 * time.Second, Sources: []Source{src}, Say: w.say, LearnEvery: w.learn}
	if w.begin == (Start{}) {
		set.Start = Start{Earliest: true}
	}
	p := New(set, w.client(), roles, map[string]Sink{"table": sink}, w.alert)
	ctx, stop := context.WithCancel(context.Background())
	pr := &process{stop: stop, done: make(chan error, 1), m: m, p: p}
	go func() { pr.done <- p.Run(ctx) }()
	return pr
}

func (p *process) end(t testing.TB) {
	t.Helper()
	p.stop()
	select {
	case err := <-p.done:
		if err != nil && !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the pipeline did not end")
	}
}

type testWriter struct{ t testing.TB }

func (w testWriter) Write(b []byte) (int, error) {
	w.t.Log(strings.TrimSpace(string(b)))
	return len(b), nil
}

// await waits until cond holds.
func await(t testing.TB, what string, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(60 * time.Second); !cond(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("timed out waiting for %s", what)
		}
	}
}

// replayed is what a replay of the same events gives.
func replayed(t testing.TB, b *wire.Bundle, ev *events, columns map[string]config.Column) map[string]string {
	t.Helper()
	cfg := config.Default()
	cfg.Defaults.Columns = columns
	results, _, err := replay.Run(ev.again(), replay.Options{Bundle: b, Lengths: []time.Duration{time.Hour, 24 * time.Hour}, Location: time.UTC, RowClock: true, Pane: time.Minute,
		Rules: func(s driftd.Series) detect.Rules { return RulesOf(cfg, s, "test") }})
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]string{}
	for _, r := range results {
		id, row := rowOf(r)
		rows[id] = row
	}
	return rows
}

// sequentialColumns gives every column each detector that can take its numbers.
func sequentialColumns(l *driftd.Layout) map[string]config.Column {
	out := map[string]config.Column{}
	for i := range l.Columns {
		var specs []stream.Spec
		for _, name := range stream.MethodNames() {
			specs = append(specs, stream.NewSpec(stream.FindMethod(name)))
		}
		for j := range specs { // small enough to speak within two days
			for _, set := range [][2]string{{"clock", "1"}, {"min_instances", "3"}, {"threshold", "1"}, {"window_size", "12"}, {"stat_size", "5"}, {"warm_start", "2"}, {"sliding_window_size", "5"}} {
				if specs[j].Method.Param(set[0]) != nil {
					_ = specs[j].Set(set[0], set[1])
				}
			}
		}
		out[l.Columns[i].Name] = config.Column{Sequential: specs}
	}
	return out
}

// The table of results is bit-identical to that of a replay, however often and
// wherever the process is stopped [E9].
func TestLiveEqualsReplayThroughRestarts(t *testing.T) {
	live := embedded.LiveStart
	end := live.Add(48 * time.Hour)
	bundle := buildBundle(t, embedded.Churn, live.Add(-3*24*time.Hour), live)
	ev := traffic(t, embedded.Churn, live, end, true)
	columns := sequentialColumns(bundle.Layout)
	want := replayed(t, bundle, ev, columns)
	shown, pairs := 0, 0
	for _, row := range want {
		if strings.Contains(row, `"name":"pairs"`) {
			pairs++
		}
		if strings.Contains(row, `"name":"adwin"`) && strings.Contains(row, `"drift":true`) {
			shown++
		}
	}
	if shown == 0 {
		t.Fatal("no sequential detector says drift")
	}
	if pairs == 0 {
		t.Fatal("no pairs are judged")
	}

	w := newWorld(t, "predictions", 3)
	w.bundle, w.columns = []*wire.Bundle{bundle}, columns
	var clock atomic.Int64 // never ahead of what has been sent: idle moves happen, and lose nothing
	clock.Store(live.UnixNano())
	w.now = func() time.Time { return time.Unix(0, clock.Load()) }
	tb := newTable()
	rng := rand.New(rand.NewPCG(7, 7))
	chunks := 6
	for i := range chunks {
		from, to := len(ev.json)*i/chunks, len(ev.json)*(i+1)/chunks
		pr := w.start(tb)
		w.produce(3, &events{json: ev.json[from:to], at: ev.at[from:to], key: ev.key[from:to]})
		clock.Store(ev.at[to-1].UnixNano())
		if i < chunks-1 { // wherever it is by then
			time.Sleep(time.Duration(100+rng.IntN(900)) * time.Millisecond)
			pr.end(t)
			continue
		}
		clock.Store(end.Add(10 * time.Minute).UnixNano())
		await(t, "the last windows", func() bool { return tb.closedUntil(end) == 3 })
		time.Sleep(300 * time.Millisecond)
		pr.end(t)
	}
	tb.mu.Lock()
	defer tb.mu.Unlock()
	if len(tb.differ) > 0 {
		t.Fatalf("%d results were written twice with different content; the first:\n%s", len(tb.differ), tb.differ[0])
	}
	compareTables(t, tb.rows, want)
	t.Logf("%d rows, %d written", len(tb.rows), tb.writes)
}

// Where a source that nobody has read begins: `start` back from now, rounded down
// to a window, so that no window is cut.
func TestStartBack(t *testing.T) {
	live := embedded.LiveStart
	ev := traffic(t, embedded.Churn, live, live.Add(5*time.Hour+10*time.Minute), false)
	w := newWorld(t, "predictions", 2)
	w.begin = Start{Back: 90 * time.Minute, Round: time.Hour}
	w.now = func() time.Time { return live.Add(5*time.Hour + 5*time.Minute) } // 90 minutes back is 03:35, rounded down 03:00
	w.produce(2, ev)
	tb := newTable()
	p := w.start(tb)
	await(t, "the window before the last", func() bool {
		tb.mu.Lock()
		defer tb.mu.Unlock()
		at := tb.closed[driftd.Series{Model: embedded.Churn, Segment: driftd.AllSegment}]
		return !at.Before(live.Add(5 * time.Hour))
	})
	p.end(t)
	tb.mu.Lock()
	defer tb.mu.Unlock()
	n := map[int]uint64{}
	for _, at := range ev.at {
		n[int(at.Sub(live)/time.Hour)]++
	}
	for h := range 5 {
		id := fmt.Sprintf("window churn all 3600 %s", live.Add(time.Duration(h)*time.Hour).Format(time.RFC3339))
		row, there := tb.rows[id]
		whole := strings.Contains(row, fmt.Sprintf(`"n":%d,`, n[h])) && strings.Contains(row, `"complete":1`)
		if there != (h >= 3) || there && !whole {
			t.Errorf("hour %d has %d events: %s", h, n[h], row)
		}
	}
}

// Three processes with one role each give the table of one with all of them.
func TestRolesApart(t *testing.T) {
	live := embedded.LiveStart
	end := live.Add(5 * time.Hour)
	bundle := buildBundle(t, embedded.Ranking, live.Add(-40*time.Hour), live)
	ev := traffic(t, embedded.Ranking, live, end.Add(30*time.Minute), true)
	w := newWorld(t, "predictions", 2)
	w.bundle = []*wire.Bundle{bundle}
	w.now = func() time.Time { return live } // nothing is idle
	w.produce(2, ev)
	tb := newTable()
	var all []*process
	for _, r := range []Roles{{Detect: true}, {Write: true}, {Profile: true}} {
		all = append(all, w.startAs(tb, r))
	}
	await(t, "the windows", func() bool { return tb.closedUntil(end) == 3 })
	for _, p := range all {
		p.end(t)
	}
	tb.mu.Lock()
	defer tb.mu.Unlock()
	want := replayed(t, bundle, ev, nil)
	for id, row := range want {
		if strings.Contains(row, `"complete":0`) { // the replay's input ends inside its last windows
			delete(want, id)
		}
	}
	compareTables(t, tb.rows, want)
}

// compareTables fails on the first rows that differ or lack. Incidents are
// rows like the others.
func compareTables(t *testing.T, got, want map[string]string) {
	t.Helper()
	bad := 0
	for _, id := range slices.Sorted(maps.Keys(want)) {
		g, ok := got[id]
		if !ok {
			t.Errorf("missing: %s", id)
		} else if g != want[id] {
			t.Errorf("%s differs (-want +got):\n%s", id, cmp.Diff(want[id], g))
		} else {
			continue
		}
		if bad++; bad > 5 {
			t.Fatal("and more")
		}
	}
	for _, id := range slices.Sorted(maps.Keys(got)) {
		if _, ok := want[id]; !ok {
			if bad++; bad < 5 {
				t.Errorf("not expected: %s\n%s", id, got[id])
			}
		}
	}
}
