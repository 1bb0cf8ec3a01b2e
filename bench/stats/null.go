package main

import (
	"fmt"
	"math"
	"sync"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/detectors"
)

const week = 168 // hours

// weekly is a number of events in a number of windows, as so many a week.
func (t *table) weekly(what string, hits, windows int, claimed float64) {
	weeks := float64(windows) / week
	limit := claimed*weeks + sigmas*math.Sqrt(claimed*weeks+float64(hits)+1)
	t.put(what, float64(hits) <= limit, fmt.Sprintf("%s a week (%d in %.0f weeks)", digits(float64(hits)/weeks), hits, weeks), "≤ "+digits(claimed)+" a week")
}

// nullTraffic: no drift, 30 columns, one false page a week allowed.
func nullTraffic(e *effort) (*table, error) {
	t := &table{title: "No drift: pages and flags a week", text: `30 columns, hourly windows of 1,000 events, a budget of 1 false page a week (STATISTICS 13). The rule is to stay far below its budget: it
adds tests up as if they never agreed, and asks for a minimum effect. The claims for flags are the worse of the specification's two runs.`}
	for _, c := range []struct {
		stream string
		flags  map[int]float64 // claimed, by windows of the reference
	}{
		{"iid", map[int]float64{30: .12, 100: 0, 336: 0}},
		{"ar0.5", map[int]float64{30: .12, 100: .017, 336: .017}},
		{"ar0.9", map[int]float64{100: .25, 336: .05}},
		{"sess20", map[int]float64{30: .12, 100: .12, 336: .12}},
		{"wre.1", map[int]float64{30: .12, 100: .12, 336: .12}},
	} {
		for _, r := range []int{30, 100, 336} {
			claimed, ok := c.flags[r]
			if !ok {
				continue
			}
			cell := fmt.Sprintf("%s, reference of %d windows", c.stream, r)
			s := &setup{columns: copies(30, named[c.stream]), n: 1000, windows: r, alpha: 1. / week / 30}
			var flags, pages, windows int
			err := e.each(cell, s, e.of(60, 3), func(mu *sync.Mutex, w *world) error {
				f, p := 0, 0
				for range week {
					v := w.live(nil)
					f, p = f+v.flags, p+v.pages
				}
				mu.Lock()
				defer mu.Unlock()
				flags, pages, windows = flags+f, pages+p, windows+week
				return nil
			})
			if err != nil {
				return nil, err
			}
			t.weekly(cell+": pages", pages, windows, 0)
			t.weekly(cell+": flags", flags, windows, claimed)
		}
	}
	return t, nil
}

// scoreOf is a test of a result by its name.
func scoreOf(c *driftd.ColumnResult, name string) *driftd.TestResult {
	for i := range c.Tests {
		if c.Tests[i].Name == name {
			return &c.Tests[i]
		}
	}
	return nil
}

// scoreNames are the smooth scores, and weights their shares of the shape's level.
var (
	scoreNames = []string{"location", "spread", "skew", "tails"}
	weights    = []float64{.5, .25, .125, .125}
)

// scores gives the p-values of the smooth scores with neither minimum effect nor
// page size: by Student's t alone.
func (w *world) scores(c int, r *driftd.ColumnResult) (p []float64) {
	sc := w.ref.Scale(w.base()).Columns[c]
	for _, name := range scoreNames {
		for i := range sc.Fits {
			if fit := &sc.Fits[i]; fit.Name == name {
				x := math.Abs(float64(scoreOf(r, name).Statistic))
				p = append(p, math.Min(1, 2*detectors.StudentSF(x/detectors.StdErr(fit, float64(r.N)), detectors.DF(fit))))
			}
		}
	}
	return p
}

func shapeP(p []float64) float64 {
	best := 1.
	for k, x := range p {
		best = math.Min(best, x/weights[k])
	}
	return best
}

// budget is the panel of STATISTICS 4.2, and acceptance check 1.
func budget(e *effort) (*table, error) {
	t := &table{title: "A month's worth of traffic against its budget", text: `30 columns of six kinds (8 iid, 8 ar0.5, 3 ar0.9, 5 sess20, 4 wre.1, 2 wre.1ar.8), 1,000 events an hour, no drift; references of two weeks;
budget 1 page a week (STATISTICS 4.2 and acceptance check 1). *As if events were independent* is the same rule with the textbook's
standard errors, minimum effect and page size: the control.`}
	s := &setup{columns: month(), n: 1000, windows: 336, alpha: 1. / week / 30}
	var flags, tenth, pages, windows, plain, naive int
	err := e.each("month", s, e.of(24, 2), func(mu *sync.Mutex, w *world) error {
		var f, ten, p, pl, nv int
		var flat []*detectors.Column
		for c := range w.columns {
			flat = append(flat, detectors.NewColumn(&w.layout.Columns[c], &w.ref.Columns[c], nil, w.alpha))
		}
		const live = 420
		for range live {
			profile := w.profile(nil)
			v := w.judge(profile)
			f, p = f+v.flags, p+v.pages
			control := 0
			for c, r := range v.columns {
				if float64(r.PValue) <= w.alpha/10 && r.Evaluated {
					ten++
				}
				if shapeP(w.scores(c, r)) <= .6*.6*w.alpha {
					pl++
				}
				if flat[c].Judge(&detectors.ColumnWindow{Profile: &profile.Columns[c]}, true, "").Flag {
					control = 1
				}
			}
			nv += control
		}
		mu.Lock()
		defer mu.Unlock()
		flags, tenth, pages, windows, plain, naive = flags+f, tenth+ten, pages+p, windows+live, plain+pl, naive+nv
		return nil
	})
	if err != nil {
		return nil, err
	}
	t.weekly("pages, budget 1", pages, windows, 0)
	t.weekly("flags, budget 1", flags, windows, .05)
	t.weekly("flags, budget .1", tenth, windows, 0)
	t.weekly("scores alone, no minimum effect: flags at .36 a week", plain, windows, .36)
	weeks := float64(windows) / week
	t.put("as if events were independent: windows with a flag", float64(naive)/weeks >= 100, digits(float64(naive)/weeks)+" a week", "142.6, at least 100")
	return t, nil
}

// dependence is STATISTICS 3.2.
func dependence(e *effort) (*table, error) {
	t := &table{title: "Dependence between events", text: `False flags of the four scores at a level of .001, reference of 100 windows of 1,000 events (STATISTICS 3.2), by Student's t on each score's own
variance: with no minimum effect, and as the rule has it. *Worth* is how many independent events a window is worth.`}
	for _, c := range []struct {
		stream              string
		worth, plain, ruled float64
	}{
		{"iid", 949, .0003, 0}, {"ar0.5", 342, .0008, 0}, {"ar0.9", 56, .0012, .0003}, {"sess20", 100, .0016, .0001},
		{"sessheavy", 32, .0040, .0022}, {"wre.1", 98, .0011, .0001}, {"wre.1ar.8", 110, .0014, .0003},
	} {
		s := &setup{columns: copies(10, named[c.stream]), n: 1000, windows: 100, alpha: .001}
		var plain, ruled rate
		var worth []float64
		err := e.each(c.stream, s, e.of(60, 4), func(mu *sync.Mutex, w *world) error {
			pl, ru, of := 0, 0, 0
			var ne []float64
			for i := range 100 {
				for col, r := range w.live(nil).columns {
					of++
					if shapeP(w.scores(col, r)) <= .001 {
						pl++
					}
					best := 1.
					for k, name := range scoreNames {
						best = math.Min(best, float64(scoreOf(r, name).PValue)/weights[k])
					}
					if best <= .001 {
						ru++
					}
					if i == 0 {
						ne = append(ne, float64(r.NEff))
					}
				}
			}
			mu.Lock()
			defer mu.Unlock()
			plain.add(pl, of)
			ruled.add(ru, of)
			worth = append(worth, ne...)
			return nil
		})
		if err != nil {
			return nil, err
		}
		inverse := 0.
		for _, x := range worth {
			inverse += 1 / x / float64(len(worth))
		}
		t.between(c.stream+": worth (harmonic mean)", 1/inverse, .75*c.worth, 1.3*c.worth)
		t.atMost(c.stream+": no minimum effect", &plain, c.plain)
		t.atMost(c.stream+": the rule", &ruled, c.ruled)
	}
	return t, nil
}
