package reference_test

import (
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/internal/detect"
	"github.com/driftd/driftd/internal/reference"
	"github.com/driftd/driftd/internal/replay"
	"github.com/driftd/driftd/internal/wire"
)

// wall is traffic whose level follows the clock on the wall of a zone: a quick
// step at 9:00 and back at 17:00, so that a slot of the wrong hour shows.
type wall struct {
	rng  *rand.Rand
	loc  *time.Location
	from time.Time
	i, n int
	skip func(time.Time) bool // hours without events
}

const perHour = 240

func (w *wall) Next() ([]byte, int64, error) {
	for ; w.i < w.n; w.i++ {
		at := w.from.Add(time.Duration(w.i) * time.Hour / perHour)
		if w.skip != nil && w.skip(at.In(w.loc)) {
			continue
		}
		w.i++
		level := 0.
		if h := at.In(w.loc).Hour(); h >= 9 && h < 17 {
			level = 2
		}
		return fmt.Appendf(nil, `{"model":"m","features":{"x":%.4f}}`, level+w.rng.NormFloat64()), at.UnixNano(), nil
	}
	return nil, 0, io.EOF
}

func berlin(t *testing.T) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

func wallReference(t *testing.T, loc *time.Location, from time.Time, hours int, baseline string, skip func(time.Time) bool) *wire.Bundle {
	t.Helper()
	b, _, err := reference.Build(func() (reference.Source, error) {
		return &wall{rng: rand.New(rand.NewPCG(1, 1)), loc: loc, from: from, n: hours * perHour, skip: skip}, nil
	}, reference.Options{Model: "m", Lengths: []time.Duration{time.Hour, 24 * time.Hour}, Location: loc, Baseline: baseline})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := b.File() // as it will be read
	if err != nil {
		t.Fatal(err)
	}
	b, err = wire.ParseFile(raw)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// wallLive judges hours of traffic; config's time zone is configured.
func wallLive(t *testing.T, b *wire.Bundle, loc, configured *time.Location, from time.Time, hours int) (cols []*driftd.ColumnResult) {
	t.Helper()
	results, _, err := replay.Run(&wall{rng: rand.New(rand.NewPCG(2, 2)), loc: loc, from: from, n: hours * perHour},
		replay.Options{Bundle: b, Lengths: []time.Duration{time.Hour, 24 * time.Hour}, Location: configured,
			Rules: func(driftd.Series) detect.Rules {
				return detect.Rules{PagesPerWeek: 1, Policy: replay.DefaultPolicy()}
			}})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range results {
		if r.Column != nil && r.Column.Complete == 1 {
			cols = append(cols, r.Column)
		}
	}
	return cols
}

// A reference of winter judges summer by the clock on the wall, in its own zone,
// even when config now says another.
func TestSeasonalThroughDaylightSaving(t *testing.T) {
	loc := berlin(t)
	from := time.Date(2026, 3, 14, 0, 0, 0, 0, loc) // two weeks; summer time begins on Sunday the 29th
	b := wallReference(t, loc, from, 14*24, "", nil)
	if b.Of("all").Timezone != "Europe/Berlin" {
		t.Fatalf("slots in zone %q", b.Of("all").Timezone)
	}
	live := time.Date(2026, 3, 30, 0, 0, 0, 0, loc)
	for _, configured := range []*time.Location{loc, time.UTC} {
		hours := 0
		for _, c := range wallLive(t, b, loc, configured, live, 48) {
			if c.WindowLength != 3600 {
				if c.Baseline != "" {
					t.Errorf("day %v has baseline %q", c.WindowStart, c.Baseline)
				}
				continue
			}
			hours++
			if c.Flag || c.Verdict != driftd.OK || c.Baseline != driftd.BaselineSeasonal {
				t.Errorf("config in %v: %v: %s, flag %v, baseline %q, %s %s", configured, c.WindowStart.In(loc), c.Verdict, c.Flag, c.Baseline, c.Moved, c.Reason)
			}
		}
		if hours < 47 {
			t.Errorf("%d hours were judged", hours)
		}
	}
	// The same traffic an hour off is seen at 9:00 and 17:00: slots are hours.
	fixedZone := wallLive(t, b, time.FixedZone("winter", 3600), loc, live, 48)
	flagged := map[int]bool{}
	for _, c := range fixedZone {
		if c.Flag && c.WindowLength == 3600 {
			flagged[c.WindowStart.In(loc).Hour()] = true
			if !strings.Contains(c.Moved, "against the usual of ") {
				t.Errorf("moved: %q", c.Moved)
			}
		}
	}
	if len(flagged) != 2 || !flagged[9] || !flagged[17] {
		t.Errorf("a step that comes an hour late flags at hours %v, want 9 and 17", flagged)
	}
}

// From 7 days of complete windows on, unless it is switched off.
func TestWhenSeasonal(t *testing.T) {
	loc := berlin(t)
	from := time.Date(2026, 3, 2, 0, 0, 0, 0, loc)
	for _, c := range []struct {
		hours    int
		late     time.Duration // the first event
		baseline string
		want     bool
	}{
		{168, 0, "", true}, {168, 0, "auto", true}, {167, 0, "", false}, {168, 10 * time.Minute, "", false}, {169, 10 * time.Minute, "", true}, {336, 0, "fixed", false},
	} {
		b := wallReference(t, loc, from.Add(c.late), c.hours, c.baseline, nil)
		r := b.Of("all")
		hour, day := &r.Scale(time.Hour).Columns[0], &r.Scale(24 * time.Hour).Columns[0]
		if hour.Seasonal() != c.want || (r.Timezone != "") != c.want || day.Seasonal() {
			t.Errorf("%d hours from %v on, baseline %q: seasonal %v, zone %q, days %v; want %v", c.hours, c.late, c.baseline, hour.Seasonal(), r.Timezone, day.Seasonal(), c.want)
		}
	}
}

// The last full day before a row clock would be any: it has no hours of a day.
func TestRowClockHasNoSeason(t *testing.T) {
	b, _, err := reference.Build(func() (reference.Source, error) {
		return &made{rng: rand.New(rand.NewPCG(1, 1)), rows: 200 * 60, window: 60, columns: []column{{"x", func(b []byte, rng *rand.Rand, _ int64) []byte { return fmt.Appendf(b, "%.3f", rng.NormFloat64()) }}}}, nil
	}, reference.Options{Model: "m", Lengths: []time.Duration{time.Hour}, Location: time.UTC, Whole: true})
	if err != nil {
		t.Fatal(err)
	}
	if r := b.Of("all"); r.Timezone != "" || r.Scales[0].Windows < 168 || r.Scales[0].Columns[0].Seasonal() {
		t.Errorf("zone %q, %d windows", r.Timezone, r.Scales[0].Windows)
	}
}

// Nights that the reference does not have are insufficient, and say why.
func TestHoursThatTheReferenceLacks(t *testing.T) {
	loc := berlin(t)
	from := time.Date(2026, 3, 2, 0, 0, 0, 0, loc)
	night := func(at time.Time) bool { return at.Hour() < 6 }
	b := wallReference(t, loc, from, 14*24, "", night)
	nights, days := 0, 0
	for _, c := range wallLive(t, b, loc, loc, from.AddDate(0, 0, 14), 24) {
		if c.WindowLength != 3600 {
			continue
		}
		if h := c.WindowStart.In(loc).Hour(); h < 6 {
			nights++
			if want := fmt.Sprintf("the reference has no window of this hour (%02d:00 on weekdays)", h); c.Verdict != driftd.Insufficient || c.Evaluated || c.Flag || !strings.HasPrefix(c.Reason, want) {
				t.Errorf("%v: %s, evaluated %v: %q, want %q", c.WindowStart, c.Verdict, c.Evaluated, c.Reason, want)
			}
		} else if days++; c.Verdict != driftd.OK || math.IsNaN(float64(c.MDE)) {
			t.Errorf("%v: %s %s", c.WindowStart, c.Verdict, c.Reason)
		}
	}
	if nights != 6 || days < 17 {
		t.Errorf("%d nights, %d days", nights, days)
	}
}

func TestBaselineMessages(t *testing.T) {
	for _, c := range []struct {
		opt  reference.Options
		want string
	}{
		{reference.Options{Baseline: "seasonal"}, `baseline "seasonal": it is auto or fixed`},
		{reference.Options{Location: time.FixedZone("here", 3600)}, `time zone "here" is not known by this name on other machines: use one such as Europe/Berlin, or baseline fixed`},
		{reference.Options{Location: time.Local}, `time zone "Local"`},
	} {
		c.opt.Model, c.opt.Lengths = "m", []time.Duration{time.Hour}
		_, _, err := reference.Build(nil, c.opt)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %q", err, c.want)
		}
	}
}
