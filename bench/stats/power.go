package main

import (
	"fmt"
	"math"
	"slices"
	"sync"
	"time"
)

// outcome is what came of a drift, by column and reference.
type outcome struct {
	first, second rate // flagged in the first window; in one of the first two
	page          rate // in an incident by the third
}

// trial lets a drift go on for three windows, from a clean state.
func (w *world) trial(d drift) (first, second, page []bool) {
	k := len(w.columns)
	first, second, page = make([]bool, k), make([]bool, k), make([]bool, k)
	w.fresh()
	for i := range 3 {
		v := w.live(d)
		for c, r := range v.columns {
			if r.Flag && i == 0 {
				first[c] = true
			}
			if r.Flag && i < 2 {
				second[c] = true
			}
			page[c] = page[c] || slices.Contains(v.paged, r.Column)
		}
	}
	return first, second, page
}

// finds measures what the rule makes of a drift. The references are made anew in
// each cell. times is how often each of them is tried.
func (e *effort) finds(cell string, s *setup, refs, times int, d drift, at func(w *world) drift) (*outcome, error) {
	o := &outcome{}
	err := e.each(cell, s, refs, func(mu *sync.Mutex, w *world) error {
		d := d
		if at != nil {
			d = at(w)
		}
		var f, s2, p int
		for range times {
			first, second, page := w.trial(d)
			f, s2, p = f+count(first), s2+count(second), p+count(page)
		}
		mu.Lock()
		defer mu.Unlock()
		of := times * len(w.columns)
		o.first.add(f, of)
		o.second.add(s2, of)
		o.page.add(p, of)
		return nil
	})
	return o, err
}

func count(x []bool) (n int) {
	for _, b := range x {
		if b {
			n++
		}
	}
	return n
}

// shape is a drift and what is claimed of it.
type shape struct {
	name  string
	drift drift
}

var shapes = []shape{
	{"none", nil}, {"mean .10", shift(.1)}, {"mean .15", shift(.15)}, {"mean .25", shift(.25)}, {"mean .50", shift(.5)},
	{"scale 1.2", scaled(1.2)}, {"5 % spike in the body", spike}, {"bimodal", bimodal},
}

// detail is how much the shapes whose details the specification does not give
// (where the spike is, what the modes are) may differ.
func detail(name string) float64 {
	switch name {
	case "5 % spike in the body", "5 % N(4, 1)", "bimodal":
		return .15
	}
	return .02
}

// power is STATISTICS 2.4.
func power(e *effort) (*table, error) {
	t := &table{title: "Power of one window", text: `Share of windows that are flagged at a column's level of .00012 (1 page a week, 30 columns, hourly), iid traffic, reference of 336 windows (of
100 where a window has 100,000 events) (STATISTICS 2.4). A shift of .10 sd is left alone on purpose, however many events there are. Where
the spike and the modes are is not told there: these rows may be off by .15 more. 5 % N(4, 1) was made before values outside the
reference's range had a test of their own: the next section has it.`}
	claimed := map[int][]float64{
		200:    {0, 0, .001, .062, .97, .042, .003, .006},
		1000:   {0, .002, .1, .971, 1, .882, .692, .777},
		10000:  {0, 0, .767, 1, 1, 1, 1, math.NaN()},
		100000: {0, 0, 1, 1, 1, 1, 1, math.NaN()},
	}
	for _, n := range []int{200, 1000, 10000, 100000} {
		s := &setup{columns: copies(4, named["iid"]), n: n, windows: 336, alpha: 1.2e-4}
		refs, times := e.of(30, 3), 8
		if n == 100000 {
			s.windows, refs, times = 100, e.of(4, 2), 3
		}
		worlds, err := e.worlds(fmt.Sprintf("%d events", n), s, refs)
		if err != nil {
			return nil, err
		}
		for i, sh := range shapes {
			if math.IsNaN(claimed[n][i]) {
				continue
			}
			o, err := once(worlds, times, sh.drift)
			if err != nil {
				return nil, err
			}
			t.about(fmt.Sprintf("%d events: %s", n, sh.name), o, claimed[n][i], detail(sh.name))
		}
	}
	return t, nil
}

// once is the share of single windows that are flagged, from a clean state.
func once(worlds []*world, times int, d drift) (*rate, error) {
	r := &rate{}
	err := parallel(len(worlds), func(i int, mu *sync.Mutex) error {
		w, hits := worlds[i], 0
		for range times {
			w.fresh()
			hits += w.live(d).flags
		}
		mu.Lock()
		defer mu.Unlock()
		r.add(hits, times*len(w.columns))
		return nil
	})
	return r, err
}

// finds1 is once, for one drift.
func (e *effort) finds1(cell string, s *setup, refs, times int, d drift) (*rate, error) {
	worlds, err := e.worlds(cell, s, refs)
	if err != nil {
		return nil, err
	}
	return once(worlds, times, d)
}

// powerAll is the table of STATISTICS 13, all mends on.
func powerAll(e *effort) (*table, error) {
	t := &table{title: "Power of one window, and of a page by the third", text: `Level .0002, reference of 100 windows, iid traffic: flagged in the first window after the change, told by the third (STATISTICS 13, "all mends
on together"). The category's ten points come from one that had .3 too.`}
	numbers := func() traffic { return iid{} }
	withNull := func() traffic { return &withNulls{traffic: iid{}, p: .02, burst: 1} }
	colors := func() traffic { return &categories{p: []float64{.3, .3, .2, .1, .1}} }
	for _, c := range []struct {
		name    string
		column  column
		drift   drift
		claimed map[int][2]float64
	}{
		{"mean .15", numeric("x", numbers), shift(.15), map[int][2]float64{200: {.002, 0}, 1000: {.15, .07}, 10000: {.72, .83}}},
		{"mean .25", numeric("x", numbers), shift(.25), map[int][2]float64{200: {.05, .01}, 1000: {.97, 1}, 10000: {1, 1}}},
		{"mean .50", numeric("x", numbers), shift(.5), map[int][2]float64{200: {.97, 1}, 1000: {1, 1}, 10000: {1, 1}}},
		{"scale 1.2", numeric("x", numbers), scaled(1.2), map[int][2]float64{200: {.05, .01}, 1000: {.82, .93}, 10000: {1, 1}}},
		{"5 % spike in the body", numeric("x", numbers), spike, map[int][2]float64{200: {0, 0}, 1000: {.87, .95}, 10000: {1, 1}}},
		{"5 % N(4, 1)", numeric("x", numbers), tail, map[int][2]float64{200: {.11, .05}, 1000: {.925, 1}, 10000: {1, 1}}},
		{"nulls 2 to 5 %", numeric("x", withNull), nulls(.02, .05), map[int][2]float64{200: {0, 0}, 1000: {.06, .01}, 10000: {1, 1}}},
		{"nulls 2 to 12 %", numeric("x", withNull), nulls(.02, .12), map[int][2]float64{200: {.58, .66}, 1000: {1, 1}, 10000: {1, 1}}},
		{"category .3 to .4", categorical("x", 5, colors), moved(1, 0, 1./3), map[int][2]float64{200: {.02, 0}, 1000: {.84, .92}, 10000: {1, 1}}},
	} {
		for _, n := range []int{200, 1000, 10000} {
			cols := []column{c.column}
			for i := range 3 {
				cc := c.column
				cc.name = fmt.Sprintf("x%d", i)
				cols = append(cols, cc)
			}
			s := &setup{columns: cols, n: n, windows: 100, alpha: 2e-4}
			refs, times := e.of(60, 3), 5
			if n == 10000 {
				refs, times = e.of(16, 2), 4
			}
			o, err := e.finds(fmt.Sprintf("%d events", n), s, refs, times, c.drift, nil)
			if err != nil {
				return nil, err
			}
			want := c.claimed[n]
			t.about(fmt.Sprintf("%d events: %s, first window", n, c.name), &o.first, want[0], detail(c.name))
			t.about(fmt.Sprintf("%d events: %s, page", n, c.name), &o.page, want[1], detail(c.name))
		}
	}
	if err := dependentPower(e, t); err != nil {
		return nil, err
	}
	return t, printedMDE(e, t)
}

// dependentPower is how much of a .25 sd shift dependent traffic lets be seen.
func dependentPower(e *effort, t *table) error {
	for _, c := range []struct {
		stream  string
		windows int
		want    float64
	}{{"ar0.5", 100, .255}, {"ar0.5", 336, .274}} {
		s := &setup{columns: copies(4, named[c.stream]), n: 1000, windows: c.windows, alpha: 2e-4}
		o, err := e.finds(fmt.Sprintf("%s %d", c.stream, c.windows), s, e.of(60, 3), 5, shift(.25), nil)
		if err != nil {
			return err
		}
		t.about(fmt.Sprintf("%s, reference of %d: mean .25, first window", c.stream, c.windows), &o.first, c.want, .02)
	}
	return nil
}

// printedMDE: a shift of what the result calls the smallest detectable one is
// found about three times in four.
func printedMDE(e *effort, t *table) error {
	for _, stream := range []string{"iid", "ar0.5"} {
		s := &setup{columns: copies(1, named[stream]), n: 1000, windows: 100, alpha: 2e-4}
		o, err := e.finds("mde "+stream, s, e.of(200, 10), 10, nil, func(w *world) drift {
			mde := float64(w.live(nil).columns[0].MDE)
			return shift(mde / c1OfShift)
		})
		if err != nil {
			return err
		}
		t.about(stream+": a shift of the printed smallest detectable size", &o.first, .75, .04)
	}
	return nil
}

// c1OfShift is how much of a small shift of a normal variable (in sd) its
// location score is: STATISTICS 1.2, .243 of .25.
const c1OfShift = .973

// acceptance is STATISTICS 12, checks 2, 3 and 6 (1, 4 and 5 have sections of
// their own; 7 is of the performance estimate).
func acceptance(e *effort) (*table, error) {
	t := &table{title: "Acceptance checks 2, 3 and 6", text: "Of STATISTICS 12."}
	s := &setup{columns: copies(6, named["iid"]), n: 1000, windows: 336, alpha: 1. / week / 30}
	o, err := e.finds("check 2", s, e.of(30, 3), 8, shift(.25), nil)
	if err != nil {
		return nil, err
	}
	t.atLeast("2: mean +.25 sd, n = 1000, flagged within two windows", &o.second, .95)
	t.atLeast("2: mean +.25 sd, n = 1000, told by the third", &o.page, .98)
	for _, n := range []int{10000, 100000} {
		s := &setup{columns: copies(3, named["iid"]), n: n, windows: 100, alpha: 1. / week / 30}
		var pages rate
		refs := e.of(1000000/n/4, 2)
		err := e.each(fmt.Sprintf("check 3 %d", n), s, refs, func(mu *sync.Mutex, w *world) error {
			hits := 0
			const live = 50
			for range live {
				hits += w.live(shift(.1)).pages
			}
			mu.Lock()
			defer mu.Unlock()
			pages.add(hits, live)
			return nil
		})
		if err != nil {
			return nil, err
		}
		t.none(fmt.Sprintf("3: mean +.10 sd, n = %d: pages in windows", n), &pages)
	}
	big := &setup{columns: copies(3, named["iid"]), n: 100000, windows: 100, alpha: 1. / week / 30}
	r, err := e.finds1("check 3 power", big, e.of(4, 2), 5, shift(.15))
	if err != nil {
		return nil, err
	}
	t.atLeast("3: mean +.15 sd, n = 100000, flagged", r, .95)
	noNull := &setup{columns: copies(6, named["iid"]), n: 1000, windows: 100, alpha: 1e-4}
	if r, err = e.finds1("check 6", noNull, e.of(30, 3), 8, nulls(0, .05)); err != nil {
		return nil, err
	}
	t.atLeast("6: nulls 0 to 5 %, n = 1000, level .0001", r, .99)
	bursts := func() traffic { return &withNulls{traffic: iid{}, p: .02, burst: 25} }
	s = &setup{columns: copies(6, bursts), n: 1000, windows: 100, alpha: 1e-4}
	if r, err = e.finds1("check 6 bursts", s, e.of(40, 4), 100, nil); err != nil {
		return nil, err
	}
	t.atMost("6: nulls at a constant 2 % in bursts of 25: flags", r, 1e-4)
	return t, nil
}

// sizes is STATISTICS 3.3: windows whose number of events varies.
func sizes(e *effort) (*table, error) {
	t := &table{title: "Windows of every size", text: `Lognormal numbers of events a window (5 to 95 %: 230 to 4,400), reference of 336 windows: false flags of the location score at a level of .001
without a minimum effect, as a share of that level, for the smallest, middle and largest third of the windows (STATISTICS 3.3). One standard deviation for all
sizes would flag 15 to 28 times the level among the small.`}
	for _, c := range []struct {
		name   string
		stream newTraffic
		want   [3]float64
	}{
		{"events in threes, window mean wobbles by .05", func() traffic { return &threes{wobble{tau: .05}} }, [3]float64{.98, 1.05, 1.13}},
		{"iid", named["iid"], [3]float64{.7, .6, .5}},
	} {
		s := &setup{columns: copies(10, c.stream), n: 1500, windows: 336, alpha: .001, sizes: lognormal}
		var by [3]rate
		err := e.each(c.name, s, e.of(40, 3), func(mu *sync.Mutex, w *world) error {
			var hits, of [3]int
			for range 200 {
				for col, r := range w.live(nil).columns {
					third := 1
					switch {
					case r.N < 690:
						third = 0
					case r.N > 1480:
						third = 2
					}
					of[third]++
					if w.scores(col, r)[0] <= .001 {
						hits[third]++
					}
				}
			}
			mu.Lock()
			defer mu.Unlock()
			for i := range by {
				by[i].add(hits[i], of[i])
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		for i, third := range []string{"small", "middle", "large"} {
			m, se := by[i].mean()/.001, by[i].se()/.001 // as a share of the level
			t.put(c.name+": "+third, math.Abs(m-c.want[i]) <= sigmas*math.Sqrt2*se+.05, fmt.Sprintf("%s ± %s", digits(m), digits(se)), digits(c.want[i]))
		}
	}
	return t, nil
}

// slow is STATISTICS 5.1: the same rule on days.
func slow(e *effort) (*table, error) {
	t := &table{title: "Slow drift: day windows", text: `A reference of 31 days, then a ramp from 0 to .5 sd over 28 days; level .00012 an hour, .001 a day (STATISTICS 5.1): the shift when the hourly and
the daily rule first flag, median over columns. .14 sd is the page size: nothing smaller is told.`}
	for _, c := range []struct {
		name        string
		stream      newTraffic
		n           int
		hourly, day float64
	}{{"1,000 events an hour", named["iid"], 1000, .13, .16}, {"300 events an hour", named["iid"], 300, .18, .16}} {
		s := &setup{columns: copies(8, c.stream), n: c.n, windows: 31 * 24, alpha: 1.2e-4, long: 24 * time.Hour}
		var hourly, daily []float64
		var falseDays, days int
		err := e.each(c.name, s, e.of(12, 2), func(mu *sync.Mutex, w *world) error {
			h, d := make([]float64, 8), make([]float64, 8)
			fd, nd := 0, 0
			ramped := -14 * 24 // two quiet weeks first
			for ; ramped < 28*24; ramped++ {
				now := math.Max(0, .5*float64(ramped)/(28*24))
				v := w.live(shift(now))
				for k, r := range v.columns {
					if r.Flag && h[k] == 0 && ramped > 0 {
						h[k] = now
					}
				}
				for k, r := range v.long {
					if ramped <= 0 {
						nd++
						if r.Flag {
							fd++
						}
					} else if r.Flag && d[k] == 0 {
						d[k] = now
					}
				}
			}
			mu.Lock()
			defer mu.Unlock()
			hourly, daily, falseDays, days = append(hourly, h...), append(daily, d...), falseDays+fd, days+nd
			return nil
		})
		if err != nil {
			return nil, err
		}
		slices.Sort(hourly)
		slices.Sort(daily)
		t.between(c.name+": shift at the first hourly flag", hourly[len(hourly)/2], c.hourly-.03, c.hourly+.03)
		t.between(c.name+": shift at the first daily flag", daily[len(daily)/2], c.day-.03, c.day+.03)
		t.put(c.name+": false daily flags before", falseDays <= 1, fmt.Sprintf("%d of %d", falseDays, days), "≤ .001")
	}
	return t, nil
}

// season is STATISTICS 6.
func season(e *effort) (*table, error) {
	t := &table{title: "Seasons", text: `Traffic that follows the hour of the day (.35 sd, a sine) and the weekend (.2 sd); 1,000 events an hour, level .0002; 48 slots, hour by weekday or weekend
(STATISTICS 6). The claims simulate scores: their .25 is a shift of .268 of an hour's sd here, since the score measures in the spread of all
hours. Without slots such a shift is lost, and nothing is flagged either.`}
	for _, c := range []struct {
		weeks int
		power float64
	}{{1, .92}, {2, .97}, {4, .98}} {
		s := &setup{columns: copies(1, named["iid"]), n: 1000, windows: 168 * c.weeks, alpha: 2e-4, baseline: "auto", season: daily}
		var quiet, found rate
		err := e.each(fmt.Sprintf("%d weeks", c.weeks), s, e.of(60, 4), func(mu *sync.Mutex, w *world) error {
			q, f := 0, 0
			for range week {
				q += w.live(nil).flags
			}
			for range week {
				f += w.live(shift(.268)).flags
			}
			mu.Lock()
			defer mu.Unlock()
			quiet.add(q, week)
			found.add(f, week)
			return nil
		})
		if err != nil {
			return nil, err
		}
		t.atMost(fmt.Sprintf("%d weeks: false flags", c.weeks), &quiet, 6e-5)
		t.about(fmt.Sprintf("%d weeks: found", c.weeks), &found, c.power, .03)
	}
	return t, nil
}

// daily is the pattern of STATISTICS 6.
func daily(start int64) float64 {
	at := time.Unix(0, start).UTC()
	x := .35 * math.Sin(2*math.Pi*float64(at.Hour())/24)
	if at.Weekday() == time.Saturday || at.Weekday() == time.Sunday {
		x += .2
	}
	return x
}
