package detect_test

import (
	"testing"
	"time"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/internal/detect"
)

// [E12] A length that a reload brings begins with its first window that starts
// after the reload: of the one before it, panes have been passed over.
func TestReloadedLengths(t *testing.T) {
	b := bundle(t)
	ps := panes(t, b, begin, 24, 0, 1)
	var s detect.State
	at := func(h int) int64 { return begin.Add(time.Duration(h) * time.Hour).UnixNano() }
	step := func(from, to int, lengths ...time.Duration) (out []*driftd.WindowResult) {
		in := detect.Input{Until: at(to), Begin: at(0), End: driftd.MaxTime}
		for _, p := range ps {
			if p.Start >= at(from) && p.Start < at(to) {
				in.Panes = append(in.Panes, p)
			}
		}
		for _, r := range detect.Step(rules(b, lengths...), &s, in) {
			if r.Window != nil && r.Window.WindowLength != 3600 {
				out = append(out, r.Window)
			}
		}
		return out
	}
	step(0, 5, time.Hour, 2*time.Hour)
	got := step(5, 24, time.Hour, 4*time.Hour) // as many lengths as before: 2 h makes room for 4 h
	if len(got) != 4 {
		t.Fatalf("%d windows of 4 h, want 4: of 8, 12, 16 and 20 o'clock", len(got))
	}
	for i, w := range got {
		if w.WindowStart.UnixNano() != at(8+4*i) || w.N != 800 || w.Complete != 1 {
			t.Errorf("window of %v has %d events, complete %d", w.WindowStart, w.N, w.Complete)
		}
	}
}

// [E7] Windows that overlap a gap say complete=0 and why, and are not judged.
func TestGaps(t *testing.T) {
	b := bundle(t)
	var s detect.State
	minute := func(m int) int64 { return begin.Add(time.Duration(m) * time.Minute).UnixNano() }
	in := detect.Input{Panes: panes(t, b, begin, 6, 0, 1), Until: minute(6 * 60), Begin: minute(0), End: driftd.MaxTime,
		Gaps: []detect.Gap{{From: minute(60), To: minute(61), Why: "one"}, {From: minute(179), To: minute(240), Why: "two"}}}
	want := []string{"", "one", "two", "two", "", ""}
	for _, r := range detect.Step(rules(b, time.Hour), &s, in) {
		switch {
		case r.Window != nil:
			i := int(r.Window.WindowStart.Sub(begin) / time.Hour)
			if r.Window.Reason != want[i] || (r.Window.Complete == 1) != (want[i] == "") {
				t.Errorf("hour %d: complete %d, reason %q, want %q", i, r.Window.Complete, r.Window.Reason, want[i])
			}
		case r.Column != nil:
			i := int(r.Column.WindowStart.Sub(begin) / time.Hour)
			if r.Column.Evaluated != (want[i] == "") {
				t.Errorf("hour %d, column %s: evaluated %v", i, r.Column.Column, r.Column.Evaluated)
			}
		}
	}
}

func TestAddGap(t *testing.T) {
	var gaps []detect.Gap
	for _, g := range []detect.Gap{{From: 10, To: 20, Why: "b"}, {From: 1, To: 2, Why: "a"}, {From: 15, To: 30, Why: "b"}, {From: 15, To: 30, Why: "a"}, {From: 10, To: 20, Why: "b"}} {
		gaps = detect.AddGap(gaps, g)
	}
	want := []detect.Gap{{From: 1, To: 2, Why: "a"}, {From: 10, To: 30, Why: "b"}, {From: 15, To: 30, Why: "a"}}
	if len(gaps) != len(want) {
		t.Fatal(gaps)
	}
	for i := range want {
		if gaps[i] != want[i] {
			t.Errorf("%d: %v, want %v", i, gaps[i], want[i])
		}
	}
}
