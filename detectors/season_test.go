package detectors

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/driftd/driftd"
)

// twoHours is a panel of days with a window at slot 1 and one at slot 2.
func twoHours(days int, score func(day, slot int) float64) (s []float64, se *season) {
	se = &season{}
	for d := range days {
		for slot := 1; slot <= 2; slot++ {
			s = append(s, score(d, slot))
			se.slot, se.day = append(se.slot, driftd.Slot(slot)), append(se.day, int64(d))
		}
	}
	return s, se
}

func sign(i int) float64 { return 1 - 2*float64(i%2) }

// Worked by hand: means .3 and -.1, residuals +-.1, SS = 80 x .01 over 78 degrees
// of freedom; neighbours' products sum to about 0.
func TestFitSeasonal(t *testing.T) {
	s, se := twoHours(40, func(day, slot int) float64 { return []float64{.3, -.1}[slot-1] + .1*sign(day) })
	n := repeat(1000, 80)
	f := fitSeasonal("c1", s, n, se)
	if !f.Pooled || f.R != 80 || f.SlotDays[0] != 40 || f.SlotDays[1] != 40 || f.SlotDays[2] != 0 {
		t.Fatalf("%+v", f)
	}
	near(t, "mean of slot 1", slotMean(&f, 1), .3, 1e-6)
	near(t, "mean of slot 2", slotMean(&f, 2), -.1, 1e-6)
	near(t, "V", f.V, .8/78, 1e-6)
	near(t, "RE", f.RE, 79, 1e-12)
	near(t, "df", DF(&f), 78, 1e-12)
	near(t, "se", SlotStdErr(&f, 1000, 1), math.Sqrt(.8/78*(1+1./40)), 1e-6)
	if x := SlotStdErr(&f, 1000, 3); !math.IsInf(x, 1) {
		t.Errorf("se of an hour without windows %v", x)
	}
	fixed := fitSeasonal("c1", s, n, nil)
	near(t, "V of the fixed baseline: the pattern counts as spread", fixed.V, .06, 1e-9) // (.4^2+.2^2+.2^2+0)/4
}

// Windows of an hour are of one day: days count for the mean, windows for the rest.
func TestFitSeasonalQuarters(t *testing.T) {
	var s []float64
	se := &season{}
	for day := range 30 {
		for slot := 1; slot <= 2; slot++ {
			for q := range 4 {
				s = append(s, .2*float64(slot)+.1*sign(day+q))
				se.slot, se.day = append(se.slot, driftd.Slot(slot)), append(se.day, int64(day))
			}
		}
	}
	f := fitSeasonal("c1", s, repeat(1000, len(s)), se)
	if f.R != 240 || f.SlotDays[0] != 30 {
		t.Fatalf("R %d, days %d: want 240 windows, 30 days", f.R, f.SlotDays[0])
	}
	near(t, "V", f.V, 240*.01/238, 1e-6)
}

// With sizes that differ the residuals are scaled by k/(k-1) slot by slot: here
// they are made so that each has exactly d/n + tau2.
func TestFitSeasonalSeparates(t *testing.T) {
	const d, tau2 = 3., .0025
	var s, n []float64
	se := &season{}
	for pair := range 24 { // two windows an hour: residuals +-x, x^2 = v/2
		size := 200 * math.Pow(1.15, float64(pair))
		x := math.Sqrt((d/size + tau2) / 2)
		for day := range 2 {
			s, n = append(s, .1*float64(pair)+x*sign(day)), append(n, size)
			se.slot, se.day = append(se.slot, driftd.Slot(pair+1)), append(se.day, int64(day))
		}
	}
	s, n = append(s, 9), append(n, 500) // alone in its hour: says nothing about the spread
	se.slot, se.day = append(se.slot, 48), append(se.day, 5)
	f := fitSeasonal("c1", s, n, se)
	if f.Pooled || math.Abs(f.D-d) > 1e-3 || math.Abs(f.Tau2-tau2) > 1e-5 {
		t.Errorf("fitted d %v, tau2 %v", f.D, f.Tau2)
	}
	if residualWindows(&f) != 49-25+1 {
		t.Errorf("%d windows count", residualWindows(&f))
	}
}

// Autocorrelation is that of the residuals; it reduces the degrees of freedom,
// not the days of a slot.
func TestFitSeasonalAutocorrelation(t *testing.T) {
	s, se := twoHours(200, func(day, slot int) float64 { return float64(slot) + .1*sign(day/2) })
	f := fitSeasonal("c1", s, repeat(1000, 400), se)
	r := (300. - 99) / 400 // runs of four, as in TestFitScoreAutocorrelation
	near(t, "RE", f.RE, 399*(1-r)/(1+r), 1e-5)
	near(t, "se", SlotStdErr(&f, 1000, 2), math.Sqrt(f.V*(1+1./200)), 1e-12)
}

// A score that never varies has no means to store.
func TestFitSeasonalConstant(t *testing.T) {
	_, se := twoHours(40, func(int, int) float64 { return 0 })
	var s, n []float64
	for i := range 80 {
		n = append(n, 100+100*float64(i%12))
		s = append(s, RateScore(0, n[i], 0))
	}
	f := fitSeasonal(TestNull, s, n, se)
	if f.Seasonal() || f.SlotDays != nil || f.R != 80 {
		t.Errorf("%+v", f)
	}
	alone := &season{}
	for i := range 40 {
		alone.slot, alone.day = append(alone.slot, driftd.Slot(i+1)), append(alone.day, 0)
	}
	lone := fitSeasonal("c1", alternating(.1, 40), repeat(100, 40), alone)
	if v := Variance(&lone, 100); math.IsNaN(v) || v <= 0 || residualWindows(&lone) != 1 {
		t.Errorf("every window alone in its hour: %+v", lone)
	}
	if empty := fitSeasonal("c1", nil, nil, &season{}); empty.Seasonal() || empty.R != 0 {
		t.Errorf("no window: %+v", empty)
	}
}

// The share of a slot is found back from its mean score.
func TestSlotShare(t *testing.T) {
	for _, c := range []struct{ p, want float64 }{{.06, .02}, {.06, .10}, {.5, .9}, {.001, 0}, {.999, 1}} {
		f := driftd.Fit{SlotMeans: make([]float32, driftd.SlotCount), SlotDays: make([]uint32, driftd.SlotCount)}
		f.SlotMeans[7], f.SlotDays[7], f.SlotDays[8] = float32(arc(c.want)-arc(c.p)), 2, 6
		r := Rate{P: c.p, M: 8000, Fit: f, tolerance: nullTolerance}
		got := r.in(8)
		if math.Abs(got.P-c.want) > 1e-6 || got.Tol != nullTolerance(got.P) || got.M != 2000 {
			t.Errorf("p %v: %+v, want share %v of 2000 events", c.p, got, c.want)
		}
	}
	f := driftd.Fit{SlotMeans: make([]float32, driftd.SlotCount)}
	f.SlotMeans[0] = -3 // below what a share can be
	if p := slotShare(&f, .1, 1); p != 0 {
		t.Errorf("share %v, want 0", p)
	}
}

// Without a season the slot means are noise: sqrt(v/R_slot), 6.5 of which none of
// the 10,000 means or so of a run exceeds.
func TestSlotMeansWithoutSeason(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := hourly{n: rapid.IntRange(60, 300).Draw(t, "n")}
		weeks := rapid.IntRange(1, 3).Draw(t, "weeks")
		_, scale := m.reference(rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1)), weeks)
		for _, f := range scale.Fits {
			if !f.Seasonal() {
				if strings.HasSuffix(f.Name, "_rate") && f.Name != TestMinority {
					continue // never null, nor out of range, ...
				}
				t.Fatalf("%s has no slots", f.Name)
			}
			windows := 0
			for j, mean := range f.SlotMeans {
				windows += int(f.SlotDays[j])
				if se := math.Sqrt(1 / float64(m.n) / float64(f.SlotDays[j])); f.Name != TestMinority && math.Abs(float64(mean)) > 6.5*se {
					t.Fatalf("%s: mean %v of slot %d, standard error %v", f.Name, mean, j+1, se)
				}
			}
			if windows != f.R || windows != 168*weeks {
				t.Fatalf("%s: %d days over all slots, %d windows", f.Name, windows, f.R)
			}
		}
	})
}

// A window of an hour that the reference does not have is neither ok nor drift,
// whatever is in it; as is one that does not say its hour.
func TestUnknownHour(t *testing.T) {
	m := hourly{n: 1000}
	rng := rand.New(rand.NewPCG(3, 3))
	l, ref, windows := m.panel(rng, 4)
	var days []ColumnWindow // no nights, and Saturday 12:00 once
	noons := 0
	for _, w := range windows {
		if w.Slot == 24+13 {
			noons++
		}
		if (w.Slot-1)%24 >= 6 && (w.Slot != 24+13 || noons == 1) {
			days = append(days, w)
		}
	}
	scale := FitColumn(&l.Columns[0], ref, days)
	c := NewColumn(&l.Columns[0], ref, &scale, 2e-4)
	for _, x := range []struct {
		slot   driftd.Slot
		known  bool
		reason string
	}{{10, true, ""}, {24 + 10, true, ""}, {4, false, "(03:00 on weekdays)"}, {25, false, "(00:00 at weekends)"}, {24 + 13, false, "(12:00 at weekends) on one day only"}, {driftd.NoSlot, false, "no window of this hour"}} {
		for _, shift := range []float64{0, 1} {
			w := m.window(rng, shift, 0, x.slot)
			d := c.Judge(&w, true, "")
			checkDecision(t, x.slot.String(), d)
			want, flag := driftd.Insufficient, false
			if x.known {
				want = driftd.OK
				if shift > 0 {
					want, flag = driftd.Drift, true
				}
			}
			if d.Verdict != want || d.Flag != flag || d.Evaluated != x.known || !strings.Contains(d.Reason, x.reason) || !d.Seasonal {
				t.Errorf("%v, shift %v: %s, flag %v, evaluated %v, reason %q; want %s", x.slot, shift, d.Verdict, d.Flag, d.Evaluated, d.Reason, want)
			}
		}
	}
}

// What is shown is against the hour's usual, and says so.
func TestSeasonalDisplay(t *testing.T) {
	m := hourly{n: 4000, season: daily}
	rng := rand.New(rand.NewPCG(4, 4))
	l, ref, windows := m.panel(rng, 4)
	scale := FitColumn(&l.Columns[0], ref, windows)
	c := NewColumn(&l.Columns[0], ref, &scale, 2e-4)
	w := m.window(rng, .4, 0, 19) // 18:00, where the pattern is -.35
	d := c.Judge(&w, true, "")
	if !d.Flag || !strings.HasPrefix(d.Moved, "location +0.") || !strings.HasSuffix(d.Moved, "; against the usual of 18:00 on weekdays") {
		t.Errorf("moved: %q", d.Moved)
	}
	for _, r := range d.Tests {
		if r.Name == TestLocation && (math.Abs(float64(r.Effect)-.4) > .1 || math.Abs(float64(r.Statistic)-.05) > .1 || d.Score != float64(r.Effect)) {
			t.Errorf("location: statistic %v, effect %v, score %v; about .05, .4 and .4 are right", r.Statistic, r.Effect, d.Score)
		}
	}
	w = m.window(rng, 0, .3, 3)
	d = c.Judge(&w, true, "")
	if !d.Flag || !strings.HasPrefix(d.Moved, "nulls 0 % -> ") || strings.Contains(d.Moved, "usual") { // never null: no hour of its own
		t.Errorf("moved: %q", d.Moved)
	}
}

func BenchmarkJudgeSeasonal(b *testing.B) {
	m := hourly{n: 1000, season: daily}
	rng := rand.New(rand.NewPCG(5, 5))
	l, ref, windows := m.panel(rng, 2)
	seasonal := FitColumn(&l.Columns[0], ref, windows)
	for i := range windows {
		windows[i].Slot = driftd.NoSlot
	}
	fixed := FitColumn(&l.Columns[0], ref, windows)
	w := m.window(rng, 0, 0, 10)
	for name, scale := range map[string]*driftd.ColumnScale{"fixed": &fixed, "seasonal": &seasonal} {
		c := NewColumn(&l.Columns[0], ref, scale, 2e-4)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c.Judge(&w, true, "")
			}
		})
	}
}
