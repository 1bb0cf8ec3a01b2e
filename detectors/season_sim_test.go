package detectors

import (
	"flag"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/driftd/driftd"
)

var seasonRuns = flag.Int("season-runs", 4, "how many references a cell of the seasonal simulation has; 100 for the table in season_sim_test.go")

// hourly is synthetic traffic of one numeric column, n events an hour, N(season,
// 1) put through the normal distribution, so that 64 even bins are its quantiles.
type hourly struct {
	n      int
	season func(driftd.Slot) float64 // nil: none
	nulls  func(driftd.Slot) float64 // share of nulls; nil: none
}

// daily is the pattern of STATISTICS section 6: .35 sin(day) + .2 at weekends.
func daily(s driftd.Slot) float64 {
	x := .35 * math.Sin(2*math.Pi*float64((s-1)%24)/24)
	if s > 24 {
		x += .2
	}
	return x
}

// at is the slot of the hour i of a panel that begins on Monday at 0:00.
func at(i int) driftd.Slot {
	s := driftd.Slot(1 + i%24)
	if i/24%7 >= 5 {
		s += 24
	}
	return s
}

func unitLayout() *driftd.Layout {
	l := &driftd.Layout{Model: "m", Columns: []driftd.ColumnLayout{{Name: "x", Kind: driftd.Numeric}}}
	for i := range 64 {
		l.Columns[0].Upper = append(l.Columns[0].Upper, float64(i+1)/64)
	}
	return l
}

// window is one hour, shifted, with more nulls than usual.
func (m *hourly) window(rng *rand.Rand, shift, nulls float64, s driftd.Slot) ColumnWindow {
	p := &driftd.ColumnProfile{Bins: make([]driftd.Bin, 66), Min: 0, Max: 1}
	if m.season != nil && s != driftd.NoSlot {
		shift += m.season(s)
	}
	if m.nulls != nil {
		nulls += m.nulls(s)
	}
	for range m.n {
		if nulls > 0 && rng.Float64() < nulls {
			p.Classes[driftd.Null]++
			continue
		}
		u := .5 * math.Erfc(-(rng.NormFloat64()+shift)/1.05/math.Sqrt2)
		b := &p.Bins[1+min(63, int(u*64))]
		b.Count, b.Offset = b.Count+1, b.Offset+127
	}
	return ColumnWindow{Profile: p, Slot: s}
}

// panel is a reference of whole weeks, hour by hour.
func (m *hourly) panel(rng *rand.Rand, weeks int) (*driftd.Layout, *driftd.ColumnReference, []ColumnWindow) {
	l := unitLayout()
	if err := l.Compile(); err != nil {
		panic(err)
	}
	all := driftd.NewProfile(l)
	var windows []ColumnWindow
	for i := range weeks * 168 {
		w := m.window(rng, 0, 0, at(i))
		w.Day = int64(i / 24)
		windows = append(windows, w)
		all.Merge(&driftd.Profile{Columns: []driftd.ColumnProfile{*w.Profile}})
	}
	return l, &driftd.ColumnReference{Profile: all.Columns[0]}, windows
}

func (m *hourly) reference(rng *rand.Rand, weeks int) (*driftd.ColumnReference, driftd.ColumnScale) {
	l, ref, windows := m.panel(rng, weeks)
	return ref, FitColumn(&l.Columns[0], ref, windows)
}

// baselines makes a column three ways from one reference.
func (m *hourly) baselines(rng *rand.Rand, weeks int) map[string]*Column {
	const alpha = 2e-4
	l, ref, windows := m.panel(rng, weeks)
	seasonal := FitColumn(&l.Columns[0], ref, windows)
	for i := range windows {
		windows[i].Slot = driftd.NoSlot
	}
	fixed := FitColumn(&l.Columns[0], ref, windows)
	return map[string]*Column{
		"iid":      NewColumn(&l.Columns[0], ref, nil, alpha),
		"fixed":    NewColumn(&l.Columns[0], ref, &fixed, alpha),
		"seasonal": NewColumn(&l.Columns[0], ref, &seasonal, alpha),
	}
}

// tally is flags of live windows by baseline.
type tally struct{ flags, windows int }

func (t tally) rate() float64 { return float64(t.flags) / float64(t.windows) }

// run judges hours of live traffic, shifted and with more nulls than usual.
func (m *hourly) run(rng *rand.Rand, cols map[string]*Column, hours int, shift, nulls float64, out map[string]tally) {
	for i := range hours {
		w := m.window(rng, shift, nulls, at(i))
		for name, c := range cols {
			d, t := c.Judge(&w, true, ""), out[name]
			t.windows++
			if d.Flag {
				t.flags++
			}
			out[name] = t
		}
	}
}

// The main cells of the table in STATISTICS section 6, on the code that judges.
// That table simulates scores, so its .25 is a c1 of .25: here a shift of .268 of
// an hour's sd, because c1 measures in the spread of all hours (1.04) and is .97
// of a normal shift. A shift of .25 of an hour's sd is a smaller one. Measured
// with -season-runs 100 (100 references a cell, 168 hours of each):
//
//	weeks  baseline   without drift   +.25 sd of an hour     c1 = .25              section 6
//	1      iid        10348/16800     .577                 .588                    .66 / .61
//	       fixed      0/16800         .017                 .027                    0 / .00
//	       seasonal   0/16800         .836 (14048/16800)     .922 (15488/16800)     0 / .92
//	2      seasonal   0/16800         .923 (15499/16800)     .971 (16306/16800)     0 / .97
//	4      seasonal   0/16800         .951 (15984/16800)     .984 (16539/16800)     0 / .98
//
// Power differs between references of one week by
// an sd of .04, of two by .03, of four by .015: the bounds are for 4 references.
func TestSeasonalSimulation(t *testing.T) {
	for _, c := range []struct {
		weeks         int
		hour, section float64 // least power for the two shifts
	}{{1, .75, .85}, {2, .86, .9}, {4, .9, .9}} {
		m := hourly{n: 1000, season: daily}
		quiet, moved, score := map[string]tally{}, map[string]tally{}, map[string]tally{}
		for run := range *seasonRuns {
			rng := rand.New(rand.NewPCG(uint64(c.weeks), uint64(run)))
			cols := m.baselines(rng, c.weeks)
			m.run(rng, cols, 168, 0, 0, quiet)
			m.run(rng, cols, 168, .25, 0, moved)
			m.run(rng, cols, 168, .268, 0, score)
		}
		for name := range quiet {
			t.Logf("%d weeks, %-8s flags without drift %d of %d (%.3f), +.25 sd %d of %d (%.3f), c1 = .25 %d of %d (%.3f)", c.weeks, name, quiet[name].flags, quiet[name].windows, quiet[name].rate(),
				moved[name].flags, moved[name].windows, moved[name].rate(), score[name].flags, score[name].windows, score[name].rate())
		}
		if r := quiet["iid"].rate(); r < .3 {
			t.Errorf("%d weeks: independent events assumed, only %.3f of the windows flag", c.weeks, r)
		}
		if r := moved["fixed"].rate(); r > .3 {
			t.Errorf("%d weeks: one spread for all hours finds %.3f: then slots are not needed", c.weeks, r)
		}
		if q := quiet["seasonal"]; q.rate() > 1e-4 {
			t.Errorf("%d weeks: %d of %d windows flag without drift", c.weeks, q.flags, q.windows)
		}
		if r := moved["seasonal"].rate(); r < c.hour {
			t.Errorf("%d weeks: power %.3f at +.25 sd of an hour, want %.2f", c.weeks, r, c.hour)
		}
		if r := score["seasonal"].rate(); r < c.section {
			t.Errorf("%d weeks: power %.3f at c1 = .25, want %.2f", c.weeks, r, c.section)
		}
	}
}

// Where there is no season slots make no false flag. They cost power while the
// reference is young, because each hour is known from few days. Measured with
// -season-runs 100, flags without drift, and power at +.25 sd of 16,800 windows:
//
//	weeks  fixed               seasonal
//	1      0/134400  .968      0/134400  .856
//	4      0/134400  .978      0/134400  .966
func TestSeasonalWithoutSeason(t *testing.T) {
	m := hourly{n: 1000}
	for weeks, most := range map[int]float64{1: .2, 4: .05} {
		quiet, moved := map[string]tally{}, map[string]tally{}
		for run := range *seasonRuns {
			rng := rand.New(rand.NewPCG(uint64(10+weeks), uint64(run)))
			cols := m.baselines(rng, weeks)
			m.run(rng, cols, 8*168, 0, 0, quiet)
			m.run(rng, cols, 168, .25, 0, moved)
		}
		for name := range quiet {
			t.Logf("%d weeks, %-8s flags without drift %d of %d, +.25 sd %d of %d (%.3f)", weeks, name,
				quiet[name].flags, quiet[name].windows, moved[name].flags, moved[name].windows, moved[name].rate())
		}
		if q := quiet["seasonal"]; q.rate() > 2e-5 {
			t.Errorf("%d weeks: %d of %d windows flag without drift", weeks, q.flags, q.windows)
		}
		if lost := moved["fixed"].rate() - moved["seasonal"].rate(); lost > most {
			t.Errorf("%d weeks: slots cost %.3f of the power", weeks, lost)
		}
	}
}

// A null rate that goes from 2 % to 10 % and back every day. Measured with
// -season-runs 100, flags without drift, and power at +10 points of 16,800 windows:
//
//	weeks  iid               fixed           seasonal
//	1      1683/33600  .945  0/33600  .000   0/33600  .953
//	2      1736/33600  .940  0/33600  .000   0/33600  .981
func TestSeasonalRate(t *testing.T) {
	m := hourly{n: 1000, nulls: func(s driftd.Slot) float64 { return .06 + .04*math.Sin(2*math.Pi*float64((s-1)%24)/24) }}
	for _, weeks := range []int{1, 2} {
		quiet, moved := map[string]tally{}, map[string]tally{}
		for run := range *seasonRuns {
			rng := rand.New(rand.NewPCG(uint64(20+weeks), uint64(run)))
			cols := m.baselines(rng, weeks)
			m.run(rng, cols, 336, 0, 0, quiet)
			m.run(rng, cols, 168, 0, .10, moved)
		}
		for name := range quiet {
			t.Logf("%d weeks, %-8s flags without drift %d of %d, +10 points %d of %d (%.3f)", weeks, name,
				quiet[name].flags, quiet[name].windows, moved[name].flags, moved[name].windows, moved[name].rate())
		}
		if q := quiet["seasonal"]; q.rate() > 2e-5 {
			t.Errorf("%d weeks: %d of %d windows flag without drift", weeks, q.flags, q.windows)
		}
		if r := moved["seasonal"].rate(); r < .8 {
			t.Errorf("%d weeks: power %.3f", weeks, r)
		}
	}
}

// Shares of categories that follow the hour: c goes from .1 to .5. Measured with
// -season-runs 100: 0 flags of 50,400 without drift, 16,624 of 16,800 at +15 points.
func TestSeasonalCategories(t *testing.T) {
	l := &driftd.Layout{Model: "m", Columns: []driftd.ColumnLayout{{Name: "x", Kind: driftd.Categorical, Categories: []string{"a", "b", "c"}}}}
	if err := l.Compile(); err != nil {
		t.Fatal(err)
	}
	draw := func(rng *rand.Rand, s driftd.Slot, more float64) ColumnWindow {
		p := &driftd.ColumnProfile{Counts: make([]uint64, 3)}
		c := .3 + more + .2*math.Sin(2*math.Pi*float64((s-1)%24)/24)
		for range 1000 {
			switch u := rng.Float64(); {
			case u < c:
				p.Counts[2]++
			case u < c+(1-c)*.6:
				p.Counts[0]++
			default:
				p.Counts[1]++
			}
		}
		return ColumnWindow{Profile: p, Slot: s}
	}
	var quiet, moved tally
	for run := range *seasonRuns {
		rng := rand.New(rand.NewPCG(30, uint64(run)))
		all := driftd.NewProfile(l)
		var windows []ColumnWindow
		for i := range 336 {
			w := draw(rng, at(i), 0)
			w.Day = int64(i / 24)
			windows = append(windows, w)
			all.Merge(&driftd.Profile{Columns: []driftd.ColumnProfile{*w.Profile}})
		}
		ref := &driftd.ColumnReference{Profile: all.Columns[0]}
		scale := FitColumn(&l.Columns[0], ref, windows)
		c := NewColumn(&l.Columns[0], ref, &scale, 2e-4)
		for i := range 672 {
			more, to := 0., &quiet
			if i%4 == 3 {
				more, to = .15, &moved
			}
			w := draw(rng, at(i/4), more)
			d := c.Judge(&w, true, "")
			checkDecision(t, "categories", d)
			to.windows++
			if d.Flag {
				to.flags++
			}
		}
	}
	t.Logf("flags without drift %d of %d, +15 points %d of %d (%.3f)", quiet.flags, quiet.windows, moved.flags, moved.windows, moved.rate())
	if quiet.rate() > 1e-4 || moved.rate() < .9 {
		t.Error("a category's share is compared with another hour's")
	}
}
