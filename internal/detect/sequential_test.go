package detect_test

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/detectors/stream"
	"github.com/driftd/driftd/internal/detect"
	"github.com/driftd/driftd/internal/reference"
	"github.com/driftd/driftd/internal/wire"
)

// longBundle is of 700 hours: long enough for sums over windows.
func longBundle(t testing.TB) *wire.Bundle {
	t.Helper()
	const hours = 700
	b, _, err := reference.Build(func() (reference.Source, error) {
		return &made{rng: rand.New(rand.NewPCG(1, 1)), at: begin.Add(-hours * time.Hour), events: 200 * hours}, nil
	}, reference.Options{Model: "m", Lengths: []time.Duration{time.Hour}, Location: time.UTC, Whole: true, Baseline: reference.BaselineFixed})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// detectorsOf reads specs: a method, then settings by name and value.
func detectorsOf(t testing.TB, texts ...string) (out []stream.Spec) {
	t.Helper()
	for _, text := range texts {
		fields := strings.Fields(text)
		s := stream.NewSpec(stream.FindMethod(fields[0]))
		for i := 1; i < len(fields); i += 2 {
			if err := s.Set(fields[i], fields[i+1]); err != nil {
				t.Fatal(err)
			}
		}
		out = append(out, s)
	}
	return out
}

func allSequential(t testing.TB) map[string][]stream.Spec {
	return map[string][]stream.Spec{
		"x": detectorsOf(t, "adwin clock 1 delta .9 min_window_length 2", "page_hinkley threshold 2 min_instances 5", "kswin window_size 10 stat_size 4 alpha .2", "cusum"),
		"b": detectorsOf(t, "ddm warm_start 3", "hddm_a", "hddm_w", "fhddm sliding_window_size 4", "adwin", "cusum"),
	}
}

func columns(rs []driftd.Result, name string) (out []*driftd.ColumnResult) {
	for _, r := range rs {
		if r.Column != nil && r.Column.Column == name && r.Column.WindowLength == 3600 {
			out = append(out, r.Column)
		}
	}
	return out
}

// withoutSequential takes out what sequential detectors add.
func withoutSequential(rs []driftd.Result) []driftd.Result {
	for _, r := range rs {
		if c := r.Column; c != nil {
			n := 0
			for _, x := range c.Tests {
				if x.Note == "" {
					c.Tests[n] = x
					n++
				}
			}
			c.Tests = c.Tests[:n]
		}
	}
	return rs
}

// driftOf is the first window in which a detector says drift, -1 none, and how
// many windows show it.
func driftOf(cols []*driftd.ColumnResult, name string) (at, shown int) {
	at = -1
	for i, c := range cols {
		for _, x := range c.Tests {
			if x.Name == name {
				shown++
				if x.Drift && at < 0 {
					at = i
				}
			}
		}
	}
	return at, shown
}

// A state that is written down and read back between any two steps gives the same
// results, bit for bit, and so the same state.
func TestSequentialThroughRestarts(t *testing.T) {
	b := longBundle(t)
	all := append(panes(t, b, begin, 14, 0, 3), panes(t, b, begin.Add(14*time.Hour), 14, 1, 4)...)
	until := begin.Add(30 * time.Hour).UnixNano()
	r := rules(b, time.Hour, 3*time.Hour)
	r.Sequential = allSequential(t)
	s := detect.State{Merged: driftd.MinTime}
	results := detect.Step(r, &s, detect.Input{Panes: clone(all), Until: until, Begin: driftd.MinTime, End: driftd.MaxTime, Revision: 1})
	want := text(t, results)
	for _, name := range []string{"adwin", "page_hinkley", "kswin", "cusum_location", "cusum_spread"} {
		if at, shown := driftOf(columns(results, "x"), name); shown != 28 {
			t.Errorf("%s is shown in %d windows, want the 28 with events", name, shown)
		} else if name != "cusum_spread" && (at < 14 || at > 24) {
			t.Errorf("%s says drift first in window %d; x shifts by 1 sd in window 14", name, at)
		}
	}
	for _, name := range []string{"ddm", "hddm_a", "hddm_w", "fhddm", "adwin", "cusum_category"} {
		if _, shown := driftOf(columns(results, "b"), name); shown != 28 {
			t.Errorf("%s is shown in %d windows of b, want 28", name, shown)
		}
	}
	if t.Failed() {
		return
	}
	rng := rand.New(rand.NewPCG(9, 9))
	for range 8 {
		st := wire.State{Series: r.Series, Detect: detect.State{Merged: driftd.MinTime}}
		var got []driftd.Result
		rest := clone(all)
		for f := begin.UnixNano(); f < until; {
			f = min(until, f+int64(time.Duration(1+rng.IntN(200))*time.Minute))
			var now []detect.Pane
			for len(rest) > 0 && rest[0].Start < f {
				now, rest = append(now, rest[0]), rest[1:]
			}
			got = append(got, detect.Step(r, &st.Detect, detect.Input{Panes: now, Until: f, Begin: driftd.MinTime, End: driftd.MaxTime, Revision: 1})...)
			raw, err := wire.EncodeState(&st)
			if err != nil {
				t.Fatal(err)
			}
			again, err := wire.DecodeState(raw, func(string) (*driftd.Layout, error) { return b.Layout, nil })
			if err != nil {
				t.Fatal(err)
			}
			st = *again
		}
		if d := cmp.Diff(strings.Split(want, "\n"), strings.Split(text(t, got), "\n")); d != "" {
			t.Fatalf("with restarts (-without +with):\n%.3000s", d)
		}
		if d := cmp.Diff(s.Sequences, st.Detect.Sequences); d != "" || len(s.Sequences) != 3+4+5+1 {
			t.Fatalf("%d states of detectors, want 13 (-without +with):\n%s", len(s.Sequences), d)
		}
	}
}

// Sequential detectors decide nothing: without their lines the results are those
// of a config that has none.
func TestSequentialDecidesNothing(t *testing.T) {
	b := longBundle(t)
	in := func() detect.Input {
		return detect.Input{Panes: append(panes(t, b, begin, 10, 0, 3), panes(t, b, begin.Add(10*time.Hour), 10, .4, 4)...), Until: begin.Add(22 * time.Hour).UnixNano(), Begin: driftd.MinTime, End: driftd.MaxTime}
	}
	plain, with := rules(b, time.Hour, 3*time.Hour), rules(b, time.Hour, 3*time.Hour)
	with.Sequential = allSequential(t)
	s1, s2 := detect.State{Merged: driftd.MinTime}, detect.State{Merged: driftd.MinTime}
	want, results := text(t, detect.Step(plain, &s1, in())), detect.Step(with, &s2, in())
	if text(t, results) == want {
		t.Fatal("nothing is shown")
	}
	for _, c := range columns(results, "x") {
		for _, x := range c.Tests {
			if x.Note != "" && float64(x.PValue) == float64(x.PValue) {
				t.Fatalf("%s has a p-value", x.Name)
			}
		}
	}
	if d := cmp.Diff(strings.Split(want, "\n"), strings.Split(text(t, withoutSequential(results)), "\n")); d != "" {
		t.Errorf("(-without +with)\n%.3000s", d)
	}
}

// notes are what the lines of a column's first window say, by name.
func notes(rs []driftd.Result, column string) map[string]string {
	out := map[string]string{}
	for _, x := range columns(rs, column)[0].Tests {
		if x.Note != "" {
			out[x.Name] = x.Note
		}
	}
	return out
}

func TestSequentialSaysWhyNot(t *testing.T) {
	b := bundle(t) // 60 hours
	r := rules(b, time.Hour)
	r.Sequential = map[string][]stream.Spec{"x": detectorsOf(t, "cusum", "ddm", "page_hinkley"), "nobody": detectorsOf(t, "adwin")}
	s := detect.State{Merged: driftd.MinTime}
	got := notes(detect.Step(r, &s, detect.Input{Panes: panes(t, b, begin, 1, 0, 7), Until: begin.Add(time.Hour).UnixNano(), End: driftd.MaxTime}), "x")
	want := map[string]string{
		"cusum":        "learning: sums over windows need a reference of 672 windows; this one was fitted over 60",
		"ddm":          "ddm takes shares from 0 to 1, and this column has other numbers: use adwin, page_hinkley, kswin or cusum",
		"page_hinkley": "shown only: no false alarm budget can be stated for it",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
	if len(s.Sequences) != 1 {
		t.Errorf("%d states, want that of page_hinkley", len(s.Sequences))
	}
}

// The promise of CUSUM is one a year over two columns with four scores each.
func TestSequentialPromise(t *testing.T) {
	b := longBundle(t)
	r := rules(b, time.Hour)
	r.Sequential = map[string][]stream.Spec{"x": detectorsOf(t, "cusum")}
	s := detect.State{Merged: driftd.MinTime}
	rs := detect.Step(r, &s, detect.Input{Panes: panes(t, b, begin, 1, 0, 7), Until: begin.Add(time.Hour).UnixNano(), End: driftd.MaxTime})
	if got, want := notes(rs, "x")["cusum_location"], "shown only: one false alarm in 70128 windows is expected, which is one a year over all columns of the series"; got != want { // 365.25 x 24 x 2 x 4
		t.Errorf("%q, want %q", got, want)
	}
	for _, x := range columns(rs, "x")[0].Tests {
		if x.Name == "cusum_location" && (float64(x.Threshold) < 5 || float64(x.Threshold) > 5.2) { // ln(4 x 70128 + ..)/2 - 1.166
			t.Errorf("threshold %v", x.Threshold)
		}
	}
}

// Windows that may not be judged are not taken; a detector with other settings, in
// another layout, or that is no longer asked for is not gone on with.
func TestSequentialStates(t *testing.T) {
	b := bundle(t)
	hour := func(n int) int64 { return begin.Add(time.Duration(n) * time.Hour).UnixNano() }
	r := rules(b, time.Hour)
	r.Sequential = map[string][]stream.Spec{"x": detectorsOf(t, "page_hinkley")}
	s := detect.State{Merged: driftd.MinTime}
	step := func(h int, late uint64) (shown int) {
		p := panes(t, b, begin.Add(time.Duration(h)*time.Hour), 1, 0, uint64(h+5))
		p[0].Profile.Late = late
		_, shown = driftOf(columns(detect.Step(r, &s, detect.Input{Panes: p, Until: hour(h + 1), End: driftd.MaxTime}), "x"), "page_hinkley")
		return shown
	}
	if step(0, 20) != 0 || s.Sequences != nil {
		t.Fatalf("a window with 9 %% late events was taken: %v", s.Sequences)
	}
	if step(1, 0) != 1 || len(s.Sequences) != 1 {
		t.Fatalf("states %v", s.Sequences)
	}
	one := s.Sequences[0]
	if step(2, 20) != 0 || cmp.Diff(s.Sequences, []detect.Sequence{one}) != "" {
		t.Fatal("a window with late events changed the state")
	}
	fresh := func(what string) {
		t.Helper()
		d := s.Sequences[0]
		ph := stream.NewSpec(stream.FindMethod("page_hinkley")).New().(*stream.PageHinkley)
		if err := ph.ReadState(d.State); err != nil || ph.Seen() != 1 {
			t.Errorf("%s: it has seen %d values (%v), want 1", what, ph.Seen(), err)
		}
	}
	r.Sequential = map[string][]stream.Spec{"x": detectorsOf(t, "page_hinkley threshold 7")}
	step(3, 0)
	fresh("other settings")
	s.Sequences[0].Basis = "another layout"
	step(4, 0)
	fresh("another layout")
	s.Sequences[0].State = []byte{9}
	step(5, 0)
	fresh("a state that cannot be read")
	r.Sequential = nil
	if step(6, 0); s.Sequences != nil {
		t.Errorf("a detector that nobody asks for is kept: %v", s.Sequences)
	}
}
