package pipeline

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/internal/config"
	"github.com/driftd/driftd/internal/kafka"
	"github.com/driftd/driftd/internal/wire"
)

// told is an Alerter that remembers the newest state of each series' incident.
type told struct {
	mu sync.Mutex
	is map[driftd.Series]string
}

func (a *told) Set(in driftd.IncidentResult) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.is[driftd.Series{Model: in.Model, Segment: in.Segment}] = in.State
}

func (a *told) Drop(driftd.Series) {}

func (a *told) of(s driftd.Series) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.is[s]
}

// hours are events of models: x ~ N(shift, 1), 60 an hour, in two countries.
func hours(rng *rand.Rand, from time.Time, n int, shift float64, models ...string) *events {
	out := &events{}
	for i := range n * 60 {
		for _, model := range models {
			at := from.Add(time.Duration(i) * time.Minute)
			b, err := json.Marshal(map[string]any{"model": model, "time": at.Format(time.RFC3339Nano), "tags": map[string]string{"country": []string{"DE", "FR"}[rng.IntN(2)]},
				"features": map[string]float64{"x": rng.NormFloat64() + shift, "y": rng.NormFloat64()}})
			if err != nil {
				panic(err)
			}
			out.json, out.at, out.key = append(out.json, b), append(out.at, at), append(out.key, fmt.Append(nil, i))
		}
	}
	return out
}

// live are the keys of a topic whose newest record is no tombstone, those of
// records that have one of some texts in their key or value.
func (w *world) live(topic string, texts ...string) map[string]bool {
	w.t.Helper()
	c := w.client()
	n, err := c.Partitions(context.Background(), topic)
	if err != nil {
		w.t.Fatal(err)
	}
	out := map[string]bool{}
	for p := range n {
		if err := readAll(context.Background(), c, topic, p, func(rec *kafka.Rec) error {
			if len(rec.Value) == 0 {
				delete(out, string(rec.Key))
				return nil
			}
			for _, text := range texts {
				if strings.Contains(string(rec.Key), text) || strings.Contains(string(rec.Value), text) {
					out[string(rec.Key)] = true
				}
			}
			return nil
		}); err != nil {
			w.t.Fatal(err)
		}
	}
	return out
}

func (w *world) library() *Library {
	w.t.Helper()
	cfg := config.Default()
	l, err := OpenLibrary(context.Background(), w.client(), &Settings{Prefix: "d", Models: NewLive(cfg, "test"), Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Now: w.now})
	if err != nil {
		w.t.Fatal(err)
	}
	return l
}

// shows says whether a process has metrics of a model.
func (p *process) shows(t testing.TB, model string) bool {
	t.Helper()
	families, err := p.m.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.Metric {
			for _, l := range m.Label {
				if l.GetName() == "model" && l.GetValue() == model {
					return true
				}
			}
		}
	}
	return false
}

// A model is forgotten while a driftd runs that judges it, stays forgotten when
// another one takes over and reads its profiles again, and begins anew when it
// sends events again. The other model knows nothing of all that.
func TestForget(t *testing.T) {
	for name, model := range map[string]string{"plain": "fraud", "strange": `o'brien "x" / café % ` + strings.Repeat("長", 90)} {
		t.Run(name, func(t *testing.T) { testForget(t, model) })
	}
}

func testForget(t *testing.T, model string) {
	const other = "churn"
	rng := rand.New(rand.NewPCG(1, 2))
	begin := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	now := begin.Add(60 * time.Hour)
	w := newWorld(t, "predictions", 2)
	clock := newClock(now)
	w.cut = []driftd.SegmentTag{{Tags: []string{"country"}}}
	w.now, w.learn, w.alert = clock.now, 100*time.Millisecond, &told{is: map[driftd.Series]string{}}
	alert := w.alert.(*told)
	w.produce(2, hours(rng, begin, 60, 0, model, other))
	tb := newTable()
	p := w.start(tb)
	all := driftd.Series{Model: model, Segment: driftd.AllSegment}
	await(t, "references", func() bool {
		return len(p.p.refs.Uses(all)) > 0 && len(p.p.refs.Uses(driftd.Series{Model: other, Segment: driftd.AllSegment})) > 0
	})
	on := func(n int, shift float64, models ...string) {
		w.produce(2, hours(rng, now, n, shift, models...))
		now = now.Add(time.Duration(n) * time.Hour)
		clock.set(now.Add(10 * time.Minute))
	}
	closed := func(model string) func() bool {
		return func() bool {
			tb.mu.Lock()
			defer tb.mu.Unlock()
			return !tb.closed[driftd.Series{Model: model, Segment: driftd.AllSegment}].Before(now)
		}
	}
	on(5, 1.5, model, other)
	await(t, "the windows of both", func() bool { return closed(model)() && closed(other)() })
	await(t, "an incident", func() bool { return alert.of(all) == driftd.StateOpen })
	if !p.shows(t, model) || !p.shows(t, other) {
		t.Fatal("there are no metrics to end")
	}

	ctx := context.Background()
	lib := w.library()
	h, names, err := lib.Holds(ctx, model, "")
	if err != nil {
		t.Fatal(err)
	}
	if len(names) != 2 || len(h.Series) < 3 || h.Windows < 60 || h.States < 3 || len(h.References) < 1 || len(h.Layouts) != 1 || h.Open < 1 || !h.Before.IsZero() {
		t.Errorf("before: models %q, series %v, %d windows, %d states, references %q, layouts %q, %d open, %v", names, h.Series, h.Windows, h.States, h.References, h.Layouts, h.Open, h.Before)
	}
	if none, _, err := lib.Holds(ctx, model+"?", ""); err != nil || !none.Empty() {
		t.Errorf("of a model that nobody knows: %v, %v", none.Series, err)
	}
	had := w.live("d.windows", other)
	if err := lib.Forget(ctx, h, "somebody"); err != nil {
		t.Fatal(err)
	}
	await(t, "the end of its metrics", func() bool { return !p.shows(t, model) })
	gone := func(when string) {
		t.Helper()
		for _, topic := range []string{"d.state", "d.windows", "d.references"} {
			// As it is in a series' key, and in the bytes of layouts, references and state.
			for key := range w.live(topic, model, strings.TrimSuffix(driftd.Series{Model: model}.Key(), "/")) {
				if kind, _, _ := strings.Cut(key, "/"); topic != "d.references" || kind != "forgotten" && kind != "bootstrap" {
					t.Errorf("%s, %s still has %q", when, topic, key)
				}
			}
		}
	}
	gone("after it")
	if s := alert.of(all); s != driftd.StateResolved {
		t.Errorf("its incident is %q", s)
	}
	if again, _, err := w.library().Holds(ctx, model, ""); err != nil || !again.Empty() || again.Before.IsZero() {
		t.Errorf("a second look: %v, %v", again.Series, err)
	}
	has := w.live("d.windows", other)
	for key := range had {
		if !has[key] {
			t.Fatalf("a window of the other model is gone: %s", key)
		}
	}
	if !p.shows(t, other) {
		t.Error("the other model's metrics are gone")
	}

	// Another process reads driftd.profiles again, and the topic still has its events.
	p.end(t)
	p = w.start(tb)
	on(3, 0, other)
	await(t, "the other's windows", closed(other))
	time.Sleep(5 * w.learn) // the learner looks again
	gone("after a restart")
	if p.shows(t, model) {
		t.Error("after a restart its metrics are back")
	}

	on(4, 0, model, other)
	await(t, "its windows anew", closed(model))
	await(t, "its reference anew", func() bool { return len(p.p.refs.Uses(all)) > 0 })
	if !p.shows(t, model) {
		t.Error("it has no metrics")
	}
	p.end(t)
	p = w.start(tb) // its new life survives
	on(2, 0, model, other)
	await(t, "its windows after a restart", closed(model))
	p.end(t)
	if len(w.live("d.state", model)) == 0 {
		t.Error("its new life has no state")
	}
}

// One segment goes, and what it shares with the others stays.
func TestForgetSegment(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	begin := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	now := begin.Add(60 * time.Hour)
	w := newWorld(t, "predictions", 2)
	clock := newClock(now)
	w.now, w.cut = clock.now, []driftd.SegmentTag{{Tags: []string{"country"}}}
	w.produce(2, hours(rng, begin, 60, 0, "fraud"))
	tb := newTable()
	p := w.start(tb)
	de, all := driftd.Series{Model: "fraud", Segment: "country=DE"}, driftd.Series{Model: "fraud", Segment: driftd.AllSegment}
	await(t, "references", func() bool { return len(p.p.refs.Uses(all)) > 0 })
	w.produce(2, hours(rng, now, 3, 0, "fraud"))
	clock.set(now.Add(3*time.Hour + 10*time.Minute))
	await(t, "the windows", func() bool { return tb.closedUntil(now.Add(3*time.Hour)) >= 3 })
	ctx := context.Background()
	lib := w.library()
	h, _, err := lib.Holds(ctx, "fraud", de.Segment)
	if err != nil {
		t.Fatal(err)
	}
	if len(h.Series) != 1 || h.Series[0] != de || len(h.Layouts) != 0 || h.States != 1 || h.Windows < 50 {
		t.Errorf("series %v, layouts %q, %d states, %d windows", h.Series, h.Layouts, h.States, h.Windows)
	}
	before := len(w.live("d.windows", "fraud/all/"))
	if err := lib.Forget(ctx, h, "somebody"); err != nil {
		t.Fatal(err)
	}
	for _, topic := range []string{"d.state", "d.windows"} {
		if left := w.live(topic, "fraud/country=DE"); len(left) > 0 {
			t.Errorf("%s still has %v", topic, left)
		}
	}
	if n := len(w.live("d.windows", "fraud/all/")); n < before || len(w.live("d.references", "use/fraud/all")) != 1 {
		t.Errorf("`all` has lost windows (%d of %d), or its reference", n, before)
	}
	p.end(t)
}

// What an owner who had not heard of it writes after the tombstone is no state.
func TestForgottenStateIsNotRestored(t *testing.T) {
	s := driftd.Series{Model: "fraud", Segment: "country=DE"}
	task := &detectTask{partition: 1, gone: forgotten{{Model: "fraud", Segment: driftd.AllSegment}: &wire.Forgotten{Through: []int64{50, 7}}}}
	for since, want := range map[int64]bool{0: true, 7: true, 8: false, 40: false} {
		raw, err := wire.EncodeState(&wire.State{Series: s, AsOf: 100, Since: since})
		if err != nil {
			t.Fatal(err)
		}
		if old, err := task.outlived(s.Key(), raw); err != nil || old != want {
			t.Errorf("a series that began after offset %d outlives a mark at 7: %v, %v", since, old, err)
		}
	}
	raw, _ := wire.EncodeState(&wire.State{Series: s})
	if old, err := task.outlived("churn/all", raw); err != nil || old {
		t.Errorf("another model's: %v, %v", old, err)
	}
}
