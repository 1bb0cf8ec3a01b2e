package detect_test

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/alerts"
	"github.com/driftd/driftd/consumers"
	"github.com/driftd/driftd/internal/detect"
	"github.com/driftd/driftd/internal/fold"
	"github.com/driftd/driftd/internal/reference"
	"github.com/driftd/driftd/internal/wire"
)

// made is synthetic traffic: 200 events an hour, x ~ N(shift, 1).
type made struct {
	rng    *rand.Rand
	at     time.Time
	events int
	shift  float64
}

func (m *made) Next() ([]byte, int64, error) {
	if m.events == 0 {
		return nil, 0, io.EOF
	}
	m.events--
	b := fmt.Appendf(nil, `{"model":"m","features":{"x":%v,"b":%v}}`, m.rng.NormFloat64()+m.shift, m.rng.IntN(2) == 0)
	t := m.at
	m.at = m.at.Add(18 * time.Second)
	return b, t.UnixNano(), nil
}

var begin = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

func bundle(t testing.TB) *wire.Bundle {
	t.Helper()
	b, _, err := reference.Build(func() (reference.Source, error) {
		return &made{rng: rand.New(rand.NewPCG(1, 1)), at: begin.Add(-60 * time.Hour), events: 200 * 60}, nil
	}, reference.Options{Model: "m", Lengths: []time.Duration{time.Hour}, Location: time.UTC, Whole: true})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func rules(b *wire.Bundle, lengths ...time.Duration) *detect.Rules {
	return &detect.Rules{Series: driftd.Series{Model: "m", Segment: "all"}, Lengths: lengths, Location: time.UTC, PagesPerWeek: 1, SeriesCount: 1, Policy: &alerts.Policy{},
		Uses: []detect.Use{{From: driftd.MinTime, Layout: b.Layout, Reference: b.Of("all")}}}
}

// panes profiles hours of traffic from a time on, by minute.
func panes(t testing.TB, b *wire.Bundle, from time.Time, hours int, shift float64, seed uint64) []detect.Pane {
	t.Helper()
	m := consumers.NewModel("m", b.Layout, nil)
	dec, err := consumers.NewDecoder(consumers.Map{}, "m", consumers.FixedCatalog{"m": m})
	if err != nil {
		t.Fatal(err)
	}
	p := &fold.Panes{Length: int64(time.Minute)}
	src := &made{rng: rand.New(rand.NewPCG(seed, 2)), at: from, events: 200 * hours, shift: shift}
	for {
		j, at, err := src.Next()
		if err == io.EOF {
			break
		}
		if err := dec.Decode(j, at, func(ev *consumers.Event) error { p.Add(ev, at, uint64(at), 0); return nil }); err != nil {
			t.Fatal(err)
		}
	}
	var out []detect.Pane
	for _, q := range p.Below(driftd.MaxTime) {
		if err := q.Each(func(_ *consumers.Model, _ int, prof *driftd.Profile) error {
			out = append(out, detect.Pane{Start: q.Start, Layout: b.Layout.Fingerprint, Profile: prof.Clone()})
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func clone(ps []detect.Pane) []detect.Pane {
	out := make([]detect.Pane, len(ps))
	for i, p := range ps {
		out[i] = detect.Pane{Start: p.Start, Layout: p.Layout, Profile: p.Profile.Clone()}
	}
	return out
}

func text(t testing.TB, rs []driftd.Result) string {
	t.Helper()
	var b strings.Builder
	for _, r := range rs {
		j, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		b.Write(j)
		b.WriteByte('\n')
	}
	return b.String()
}

// However the frontier's way is cut into steps, the results are the same.
func TestStepsDoNotMatter(t *testing.T) {
	b := bundle(t)
	all := append(panes(t, b, begin, 6, 0, 3), panes(t, b, begin.Add(6*time.Hour), 6, 1, 4)...)
	until := begin.Add(14 * time.Hour).UnixNano()
	in := detect.Input{Panes: clone(all), Until: until, Begin: driftd.MinTime, End: driftd.MaxTime, Revision: 1}
	r := rules(b, time.Hour, 3*time.Hour)
	s := detect.State{Merged: driftd.MinTime}
	want := text(t, detect.Step(r, &s, in))
	if !strings.Contains(want, `"kind":"incident"`) || !strings.Contains(want, `"listed":["x"]`) || strings.Count(want, `"kind":"window"`) != 14+4 {
		t.Fatalf("the traffic opens no incident, or the windows are not 14 hours and 4 of 3 hours:\n%.2000s", want)
	}
	rng := rand.New(rand.NewPCG(9, 9))
	for range 20 {
		s := detect.State{Merged: driftd.MinTime}
		var got []driftd.Result
		rest := clone(all)
		for f := begin.UnixNano(); f < until; {
			f = min(until, f+int64(time.Duration(1+rng.IntN(200))*time.Minute))
			var now []detect.Pane
			for len(rest) > 0 && rest[0].Start < f {
				now, rest = append(now, rest[0]), rest[1:]
			}
			got = append(got, detect.Step(r, &s, detect.Input{Panes: now, Until: f, Begin: driftd.MinTime, End: driftd.MaxTime, Revision: 1})...)
		}
		// Windows of two lengths that end at one time may close in one step or in two: the order is the same.
		if g := text(t, got); g != want {
			t.Fatalf("another cut gives other results:\n got %.3000s\nwant %.3000s", g, want)
		}
	}
}

func windows(rs []driftd.Result) (out []*driftd.WindowResult) {
	for _, r := range rs {
		if r.Window != nil {
			out = append(out, r.Window)
		}
	}
	return out
}

func step(t testing.TB, r *detect.Rules, in detect.Input) []*driftd.WindowResult {
	t.Helper()
	s := detect.State{Merged: driftd.MinTime}
	if in.End == 0 {
		in.End = driftd.MaxTime
	}
	return windows(detect.Step(r, &s, in))
}

func TestWindowsThatMayNotBeJudged(t *testing.T) {
	b := bundle(t)
	hour := func(n int) int64 { return begin.Add(time.Duration(n) * time.Hour).UnixNano() }
	late := panes(t, b, begin, 1, 0, 5)
	late[0].Profile.Late = 20
	mixed := panes(t, b, begin, 1, 0, 6)
	for i := range mixed[30:] {
		mixed[30+i].Layout, mixed[30+i].Profile = "another", &driftd.Profile{Events: 3}
	}
	cases := []struct {
		name     string
		in       detect.Input
		complete int
		verdict  driftd.Verdict
		reason   string
	}{
		{"whole", detect.Input{Panes: panes(t, b, begin, 1, 0, 7), Until: hour(1), Begin: hour(0)}, 1, driftd.OK, ""},
		{"begins inside", detect.Input{Panes: panes(t, b, begin, 1, 0, 7), Until: hour(1), Begin: hour(0) + 1}, 0, driftd.Insufficient, "begin inside"},
		{"ends inside", detect.Input{Panes: panes(t, b, begin, 1, 0, 7), Until: hour(1), Begin: hour(0), End: hour(1) - 1}, 0, driftd.Insufficient, "end inside"},
		{"late", detect.Input{Panes: late, Until: hour(1), Begin: hour(0)}, 1, driftd.Insufficient, "20 of 220 events came late"},
		{"mixed layouts", detect.Input{Panes: mixed, Until: hour(1), Begin: hour(0)}, 0, driftd.Learning, "no reference"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := step(t, rules(b, time.Hour), c.in)
			if len(w) != 1 || w[0].Complete != c.complete || w[0].Verdict != c.verdict || !strings.Contains(w[0].Reason, c.reason) {
				t.Fatalf("got %+v", w)
			}
		})
	}
}

// A window that begins before the frontier has passed it stays open.
func TestWindowClosesAtTheFrontier(t *testing.T) {
	b := bundle(t)
	p := panes(t, b, begin, 1, 0, 8)
	if w := step(t, rules(b, time.Hour), detect.Input{Panes: p, Until: begin.Add(time.Hour).UnixNano() - 1}); len(w) != 0 {
		t.Fatalf("closed early: %+v", w)
	}
}

// A segment without events ends its rows after RetireAfter windows; a model that
// is expected never does.
func TestRetire(t *testing.T) {
	b := bundle(t)
	in := detect.Input{Panes: panes(t, b, begin, 1, 0, 9), Until: begin.Add(100 * time.Hour).UnixNano()}
	r := rules(b, time.Hour)
	if w := step(t, r, in); len(w) != 1+detect.RetireAfter {
		t.Fatalf("%d windows, want %d", len(w), 1+detect.RetireAfter)
	}
	in.Panes = panes(t, b, begin, 1, 0, 9)
	r.Policy.Expect = true
	if w := step(t, r, in); len(w) != 100 || w[99].Verdict != driftd.NoData {
		t.Fatalf("%d windows of an expected model", len(w))
	}
}

// Days of a time zone have 23 and 25 hours when clocks change.
func TestDaysOfATimeZone(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	b := bundle(t)
	r := rules(b, time.Hour, 24*time.Hour)
	r.Location = berlin
	from := time.Date(2026, 3, 28, 12, 0, 0, 0, time.UTC) // the clocks go forward on 29 March
	var days []*driftd.WindowResult
	for _, w := range step(t, r, detect.Input{Panes: panes(t, b, from, 60, 0, 10), Until: from.Add(60 * time.Hour).UnixNano()}) {
		if w.WindowLength == 86400 {
			days = append(days, w)
		}
	}
	if len(days) != 3 || days[1].WindowEnd.Sub(days[1].WindowStart) != 23*time.Hour || days[1].WindowStart.In(berlin).Hour() != 0 {
		t.Fatalf("days: %+v", days)
	}
}

// A model without reference is counted, and says what to do.
func TestNoReference(t *testing.T) {
	r := &detect.Rules{Series: driftd.Series{Model: "new", Segment: "all"}, Lengths: []time.Duration{time.Hour}, Location: time.UTC, Policy: &alerts.Policy{}}
	w := step(t, r, detect.Input{Panes: []detect.Pane{{Start: begin.UnixNano(), Profile: &driftd.Profile{Events: 12}}}, Until: begin.Add(time.Hour).UnixNano()})
	if len(w) != 1 || w[0].N != 12 || w[0].Verdict != driftd.Learning || !strings.Contains(w[0].Reason, "driftd reference build") {
		t.Fatalf("got %+v", w)
	}
}
