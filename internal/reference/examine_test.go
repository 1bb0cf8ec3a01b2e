package reference

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/internal/detect"
)

// examined is the examination of hours windows, shifted as shift says.
func examined(t *testing.T, s stream, hours int, seed uint64, shift func(i int) float64) *Examination {
	t.Helper()
	l := &driftd.Layout{Model: "m", Fingerprint: "f", Columns: []driftd.ColumnLayout{{Name: "x", Kind: driftd.Numeric}}}
	for i := range 64 {
		l.Columns[0].Upper = append(l.Columns[0].Upper, float64(i+1)/64)
	}
	if err := l.Compile(); err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(seed, 1))
	at := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC).UnixNano()
	var kept []*detect.Kept
	for i := range hours {
		kept = append(kept, s.kept(rng, l, at, shift(i)))
		at += int64(time.Hour)
	}
	opt := FitOptions{Model: "m", Segment: "all", Lengths: []time.Duration{time.Hour}, Location: time.UTC, Baseline: BaselineFixed}
	ref, err := FitWindows(l, kept, opt)
	if err != nil {
		t.Fatal(err)
	}
	return Examine(l, ref, kept, opt, 2e-4)
}

func none(int) float64 { return 0 }

func TestExamine(t *testing.T) {
	quiet := 0
	for seed := range uint64(20) {
		quiet += len(examined(t, stream{n: 1000, wobble: .05}, 100, seed, none).Outliers)
	}
	if quiet > 0 {
		t.Errorf("%d windows of 2000 stand out where nothing happened", quiet)
	}

	// One window in 30 hides itself in the common deviation; not from the others'.
	for _, hours := range []int{30, 336} {
		e := examined(t, stream{n: 1000}, hours, 1, func(i int) float64 {
			if i == 20 {
				return 1
			}
			return 0
		})
		if len(e.Outliers) != 1 || time.Unix(0, e.Outliers[0].Start).UTC().Hour() != 20 || e.Outliers[0].Score != "location" {
			t.Errorf("%d windows: %+v stand out, want the one of 20:00", hours, e.Outliers)
		}
	}

	e := examined(t, stream{n: 1000}, 200, 1, func(i int) float64 {
		if i >= 150 {
			return .4
		}
		return 0
	})
	if len(e.Unsteady) != 1 || time.Unix(0, e.Unsteady[0].From).UTC() != time.Date(2026, 1, 11, 6, 0, 0, 0, time.UTC) {
		t.Errorf("moved inside: %+v, want x from hour 150", e.Unsteady)
	}
	var text strings.Builder
	e.Describe(&text)
	for _, want := range []string{"x                            numeric", "x moved inside the time", "accept --model m --column x --since 2026-01-11T06:00:00Z"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("%q is not in\n%s", want, &text)
		}
	}
}

// What would halve the smallest detectable shift is true: with it, it is halved.
func TestHalved(t *testing.T) {
	e := examined(t, stream{n: 200}, 600, 1, none)
	p := e.Power[0]
	if p.Halved.Length == 0 || p.Halved.Windows != 0 {
		t.Fatalf("200 independent events an hour, %.2f: %+v, want longer windows", p.MDE, p.Halved)
	}
	longer := examined(t, stream{n: 200 * int(p.Halved.Length/time.Hour)}, 600/int(p.Halved.Length/time.Hour), 1, none)
	if got := longer.Power[0].MDE; got > .6*p.MDE {
		t.Errorf("%.2f in windows of an hour, %.2f in %v", p.MDE, got, p.Halved.Length)
	}

	// Hours that go on from one to the next are few, however many: more of them help.
	// How much is then known of their variance differs from time to time: the median of 15.
	swaying := stream{n: 1000, wobble: .3, phi: .8}
	var ratios []float64
	for seed := range uint64(15) {
		p = examined(t, swaying, 31, seed, none).Power[0]
		if p.Halved.Windows == 0 {
			continue
		}
		ratios = append(ratios, examined(t, swaying, 31+p.Halved.Windows, seed, none).Power[0].MDE/p.MDE)
	}
	if len(ratios) < 10 {
		t.Fatalf("of 15 references of 31 windows that depend on each other %d want more windows", len(ratios))
	}
	slices.Sort(ratios)
	if median := ratios[len(ratios)/2]; median > .6 {
		t.Errorf("with the windows that were to halve the smallest shift it is %.2f of it", median)
	}

	// A wobble of the hour stays in any number of events and windows.
	if p = examined(t, stream{n: 5000, wobble: .2}, 336, 1, none).Power[0]; p.Halved.Windows != 0 {
		t.Errorf("%+v, want nothing by more windows", p.Halved)
	}
}

// A reference's windows, judged by each other: hardly any flags where the windows
// are alike, however much they wobble; some do where a day differs; and no test
// is made of too few.
func TestSelfTest(t *testing.T) {
	var all driftd.SelfTest
	for seed := range uint64(30) {
		x := examined(t, stream{n: 500, wobble: .1}, 240, seed, none).SelfTest
		all.Windows, all.Flags = all.Windows+x.Windows, all.Flags+x.Flags
	}
	// A level of .001 and an indifference of .05: 7.2 flags would be the level itself.
	if all.Windows != 30*240 || all.Flags > 14 {
		t.Errorf("%d of %d windows flag", all.Flags, all.Windows)
	}
	if x := examined(t, stream{n: 1000}, 240, 1, func(i int) float64 {
		if i/24%2 == 0 {
			return .8
		}
		return 0
	}).SelfTest; x.Flags < 100 {
		t.Errorf("every other day is another: %+v", x)
	}
	if x := examined(t, stream{n: 1000}, 59, 1, none).SelfTest; x != (driftd.SelfTest{}) {
		t.Errorf("59 windows: %+v", x)
	}
}
