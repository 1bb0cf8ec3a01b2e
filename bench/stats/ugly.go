package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
)

// lognormal is a number of events whose 5 and 95 % are 230 and 4,400.
func lognormal(rng *rand.Rand) int {
	return max(1, int(math.Exp(math.Log(1006)+.897*rng.NormFloat64())))
}

// threes are events that come three times each, about a wobbling mean.
type threes struct{ wobble }

func (s *threes) window(rng *rand.Rand, out []float64) {
	s.wobble.window(rng, out)
	for i := range out {
		out[i] = out[i-i%3]
	}
}

// rates are false flags and power of what is no number: categories and nulls.
func rates(e *effort) (*table, error) {
	t := &table{title: "Categories and nulls that come in bursts", text: `No drift, reference of 100 windows of 1,000 events, level .001 (STATISTICS 3.5, 13). The textbook's test flags .998 of the first.`}
	even := make([]float64, 20)
	for i := range even {
		even[i] = 1. / 20
	}
	for _, c := range []struct {
		name   string
		column column
		claim  float64
	}{
		{"20 categories whose shares vary by window (Dirichlet, icc .01)", categorical("x", 20, func() traffic { return &categories{p: even, icc: .01} }), .0004},
		{"8 even categories in sessions of 20", categorical("x", 8, func() traffic { return &categories{p: even[:8], session: 20} }), .0004},
		{"2 % nulls in runs of 25", numeric("x", func() traffic { return &withNulls{traffic: iid{}, p: .02, burst: 25} }), .0004},
	} {
		r, err := quiet(e, c.name, &setup{columns: several(c.column, 6), n: 1000, windows: 100, alpha: .001}, e.of(40, 4), 100, 0)
		if err != nil {
			return nil, err
		}
		t.atMost(c.name, r, c.claim)
	}
	return t, nil
}

// several are k columns like one.
func several(c column, k int) (out []column) {
	for i := range k {
		c.name = fmt.Sprintf("x%d", i)
		out = append(out, c)
	}
	return out
}

// quiet counts flags in live windows without drift, of n events (0: as many as the
// reference's).
func quiet(e *effort, cell string, s *setup, refs, live, n int) (*rate, error) {
	r := &rate{}
	err := e.each(cell, s, refs, func(mu *sync.Mutex, w *world) error {
		if n > 0 {
			other := *w.setup
			other.n = n
			w.setup = &other
		}
		hits := 0
		for range live {
			hits += w.live(nil).flags
		}
		mu.Lock()
		defer mu.Unlock()
		r.add(hits, live*len(w.columns))
		return nil
	})
	return r, err
}

// ugly is traffic as it really is: STATISTICS 13's list, nothing of it drifting.
func ugly(e *effort) (*table, error) {
	t := &table{title: "Traffic as it really is", text: "No drift, level .0002, reference of 100 windows: flags of all columns and windows (STATISTICS 13 has 0 of 6,400 in each)."}
	binary := func(p float64) column { return numeric("x", func() traffic { return bernoulli{p: p} }) }
	for _, c := range []struct {
		name   string
		column column
		n      int
		sizes  func(*rand.Rand) int
		live   int // events of a live window, 0: n
	}{
		{name: "two values, the rare one in .001", column: binary(.001), n: 1000},
		{name: "two values, the rare one in .001, 50 events", column: binary(.001), n: 50},
		{name: "two values, the rare one in .01, 200 events", column: binary(.01), n: 200},
		{name: "99.9 % zeros, the rest lognormal", column: numeric("x", func() traffic { return bernoulli{p: .001, lognormal: true} }), n: 1000},
		{name: "reference of 1,000 a window, live 10,000 (iid)", column: numeric("x", named["iid"]), n: 1000, live: 10000},
		{name: "reference of 1,000 a window, live 10,000 (wre.1)", column: numeric("x", named["wre.1"]), n: 1000, live: 10000},
		{name: "reference of 1,000 a window, live 10,000 (sess20)", column: numeric("x", named["sess20"]), n: 1000, live: 10000},
		{name: "reference of 1,000 a window, live 100 (iid)", column: numeric("x", named["iid"]), n: 1000, live: 100},
		{name: "2 % nulls, lognormal number of events", column: numeric("x", func() traffic { return &withNulls{traffic: iid{}, p: .02, burst: 1} }), n: 1500, sizes: lognormal},
		{name: "never null, lognormal number of events", column: numeric("x", named["iid"]), n: 1500, sizes: lognormal},
		{name: "500 categories", column: categorical("x", 500, func() traffic { return &categories{p: zipf(500)} }), n: 1000},
		{name: "20,000 categories", column: categorical("x", 20000, func() traffic { return &categories{p: zipf(20000)} }), n: 1000},
	} {
		s := &setup{columns: several(c.column, 4), n: c.n, sizes: c.sizes, windows: 100, alpha: 2e-4}
		if c.column.levels != nil {
			s.look = 1 // every level is seen
		}
		live := 40
		if c.live > 1000 {
			live = 20
		}
		r, err := quiet(e, c.name, s, e.of(40, 3), live, c.live)
		if err != nil {
			return nil, err
		}
		t.atMost(c.name, r, 2e-4)
	}
	return t, newLevels(e, t)
}

// newLevels: a fifth of the events have a category that nobody has seen.
func newLevels(e *effort, t *table) error {
	known := zipf(20000)
	s := &setup{columns: several(categorical("x", 25000, func() traffic { return &categories{p: known} }), 2), n: 1000, windows: 100, alpha: 2e-4, look: 1}
	r, err := e.finds1("new levels", s, e.of(8, 2), 20, replaced(.2, func(rng *rand.Rand) float64 { return float64(20000 + rng.IntN(5000)) }))
	if err != nil {
		return err
	}
	t.atLeast("20,000 categories, then 20 % new ones: found", r, .99)
	return nil
}
