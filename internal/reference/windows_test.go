package reference

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/internal/detect"
)

// A reference since a time is of the windows since then alone, in every figure:
// else one of ten windows would pass for a full one.
func TestWindowsBeforeTheChangeAreNotOfTheReference(t *testing.T) {
	l := &driftd.Layout{Model: "m", Fingerprint: "f", Columns: []driftd.ColumnLayout{{Name: "x", Kind: driftd.Numeric}}}
	for i := range 64 {
		l.Columns[0].Upper = append(l.Columns[0].Upper, float64(i+1)/64)
	}
	if err := l.Compile(); err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 1))
	s := stream{n: 100}
	at := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC).UnixNano()
	var kept []*detect.Kept
	for range 490 {
		kept = append(kept, s.kept(rng, l, at, 0))
		at += int64(time.Hour)
	}
	opt := FitOptions{Model: "m", Segment: "all", Lengths: []time.Duration{time.Hour, 24 * time.Hour}, Location: time.UTC}
	old, err := FitWindows(l, kept[:480], opt)
	if err != nil {
		t.Fatal(err)
	}
	opt.Inherit, opt.Origin = old, detect.Origin{Since: map[string]int64{"": kept[480].Start}}
	ref, err := FitWindows(l, kept, opt)
	if err != nil {
		t.Fatal(err)
	}
	if ref.Events != 1000 || ref.From != kept[480].Start || ref.Scales[0].Windows != 10 || ref.Scales[1].Windows != 0 || ref.Columns[0].Profile.Placed() != 1000 {
		t.Errorf("%d events from %d, %d hours, %d days, %d values; want 1000 from %d, 10, 0, 1000", ref.Events, ref.From, ref.Scales[0].Windows, ref.Scales[1].Windows, ref.Columns[0].Profile.Placed(), kept[480].Start)
	}

	// A column accepted alone leaves the whole's figures, and the others, as they are.
	opt.Keep = func(string) bool { return true }
	same, err := FitWindows(l, kept, opt)
	if err != nil {
		t.Fatal(err)
	}
	if same.Events != old.Events || same.Scales[0].Windows != 480 || same.Columns[0].Profile.Placed() != old.Columns[0].Profile.Placed() {
		t.Errorf("a column that is kept has changed: %d events, %d windows", same.Events, same.Scales[0].Windows)
	}
}
