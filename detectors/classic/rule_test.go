package classic

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/detectors"
)

// traffic draws the values of a window: shift is how far the window wobbles by itself.
type traffic struct {
	layout driftd.ColumnLayout
	draw   func(rng *rand.Rand, l *driftd.ColumnLayout, shift float64, v *driftd.Value)
	wobble float64 // sd of the shift
	daily  float64 // amplitude of a daily rhythm of the shift
}

func normal(wobble, daily float64) traffic {
	l := driftd.ColumnLayout{Name: "x", Kind: driftd.Numeric, Min: -4}
	for i := range 64 {
		l.Upper = append(l.Upper, math.Sqrt2*math.Erfinv(2*float64(i+1)/65-1))
	}
	l.Upper[63] = 4
	return traffic{l, func(rng *rand.Rand, l *driftd.ColumnLayout, shift float64, v *driftd.Value) {
		l.Number(rng.NormFloat64()+shift, v)
	}, wobble, daily}
}

func levels(wobble float64) traffic {
	l := driftd.ColumnLayout{Name: "x", Kind: driftd.Categorical, Categories: []string{"a", "b", "c", "d"}}
	return traffic{l, func(rng *rand.Rand, l *driftd.ColumnLayout, shift float64, v *driftd.Value) {
		i := 3
		for p := rng.Float64() - .1*shift; i > 0 && p < float64(i)*.25; i-- {
			continue
		}
		l.Level([]byte(l.Categories[i]), v)
	}, wobble, 0}
}

func (tr *traffic) window(l *driftd.Layout, rng *rand.Rand, n, hour int) *driftd.Profile {
	p := driftd.NewProfile(l)
	v := make([]driftd.Value, 1)
	shift := tr.wobble*rng.NormFloat64() + tr.daily*math.Sin(2*math.Pi*float64(hour)/24)
	for i := range n {
		v[0] = driftd.Value{}
		tr.draw(rng, &l.Columns[0], shift, &v[0])
		p.Add([2]bool{true, false}, v, uint64(i))
	}
	return p
}

func (tr *traffic) column(t *testing.T, rng *rand.Rand, windows, n int) (*driftd.Layout, *detectors.Column) {
	t.Helper()
	l := &driftd.Layout{Model: "m", Columns: []driftd.ColumnLayout{tr.layout}}
	if err := l.Compile(); err != nil {
		t.Fatal(err)
	}
	all := driftd.NewProfile(l)
	var panel []detectors.ColumnWindow
	for i := range windows {
		p := tr.window(l, rng, n, i)
		all.Merge(p)
		w := detectors.ColumnWindow{Profile: &p.Columns[0]}
		if tr.daily > 0 {
			w.Slot, w.Day = driftd.Slot(1+i%24), int64(i/24)
		}
		panel = append(panel, w)
	}
	ref := &driftd.ColumnReference{Profile: all.Columns[0]}
	scale := detectors.FitColumn(&l.Columns[0], ref, panel)
	return l, detectors.NewColumn(&l.Columns[0], ref, &scale, 1e-4)
}

func limit(name string, at float64) *Rule {
	return &Rule{Limits: []Limit{{detectors.MeasureNamed(name), at}}}
}

// The rate that a rule states is that at which it flags traffic in which nothing
// changes, also where windows wobble, and where they follow the hour.
func TestStatedRateIsTheRealisedOne(t *testing.T) {
	const n, windows, live = 512, 240, 300
	traffics := map[string]traffic{"independent": normal(0, 0), "wobbling": normal(.1, 0), "daily": normal(0, .2), "levels": levels(0), "wobbling levels": levels(.4)}
	rules := []*Rule{limit("psi", .03), limit("psi", .1), limit("js", .1), limit("ks_p", .05), limit("ks", .06), limit("w1", .1), limit("chi2_p", .05), limit("hellinger", .06), limit("cvm_p", .05),
		limit("tv", .06), limit("l_infinity", .03), limit("ad", 2.5), limit("g_p", .01), limit("chi2", 20), limit("kl", .02), limit("cvm", .4), {Name: PresetEvidently}, {Name: PresetNannyML}}
	for name, tr := range traffics {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			flags := make([]float64, len(rules))
			stated := make([]float64, len(rules))
			const references = 3
			for k := range references {
				rng := rand.New(rand.NewPCG(uint64(k), 11))
				l, col := tr.column(t, rng, windows, n)
				applied := make([]*Applied, len(rules))
				for j, r := range rules {
					applied[j] = r.Apply(col)
				}
				for i := range live / references {
					p := tr.window(l, rng, n, i)
					w := &detectors.ColumnWindow{Profile: &p.Columns[0]}
					for j, a := range applied {
						if rules[j].Unfit(tr.layout.Kind) != "" {
							continue
						}
						d := col.Judge(w, true, "")
						a.Judge(w, true, "", 168, &d)
						if d.Flag {
							flags[j]++
						}
						stated[j] += d.Alpha / live
					}
				}
			}
			for j, r := range rules {
				if r.Unfit(tr.layout.Kind) != "" {
					continue
				}
				got := flags[j] / live
				// Five standard errors of the live windows and the draws, and what the
				// references and the shape of the wobble add.
				off := 5*math.Sqrt(stated[j]*(1-stated[j])*(1./live+1./Draws)) + .2*stated[j]*(1-stated[j]) + .004
				t.Logf("%-22s stated %.4f, realised %.4f", r, stated[j], got)
				if math.Abs(got-stated[j]) > off {
					t.Errorf("%s: it says that it flags %.4f of windows, and flagged %.4f", r, stated[j], got)
				}
			}
		})
	}
}

// A classic rule decides, says its rate and what moved; without drift it is ok.
func TestRuleDecides(t *testing.T) {
	tr := normal(0, 0)
	rng := rand.New(rand.NewPCG(1, 1))
	l, col := tr.column(t, rng, 100, 1000)
	shifted := tr
	shifted.draw = func(rng *rand.Rand, l *driftd.ColumnLayout, _ float64, v *driftd.Value) {
		l.Number(rng.NormFloat64()+.5, v)
	}
	a := limit("psi", .1).Apply(col)
	for shift, tr := range map[float64]traffic{0: tr, .5: shifted} {
		p := tr.window(l, rng, 1000, 0)
		w := &detectors.ColumnWindow{Profile: &p.Columns[0]}
		d := col.Judge(w, true, "")
		a.Judge(w, true, "", 168, &d)
		last := d.Tests[len(d.Tests)-1]
		if d.Flag != (shift > 0) || !d.Evaluated || last.Name != "rule_psi" || last.Drift != d.Flag || !math.IsNaN(d.P) {
			t.Errorf("shift %v: %v, %+v", shift, d.Verdict, last)
		}
		if want := "flags less than 0.3 % of windows of about 1.02e+03 values without drift: less than 0.504 a week; outside the budget"; last.Note != want {
			t.Errorf("note %q, want %q", last.Note, want)
		}
		if d.Flag && !strings.HasPrefix(d.Moved, fmt.Sprintf("psi %s, limit 0.1; ", short(float64(last.Statistic)))) {
			t.Errorf("moved %q", d.Moved)
		}
	}
	// What driftd's rule may not judge is not judged.
	p := tr.window(l, rng, 20, 0)
	w := &detectors.ColumnWindow{Profile: &p.Columns[0]}
	d := col.Judge(w, true, "")
	if a.Judge(w, true, "", 168, &d); d.Flag || d.Evaluated || d.Verdict != driftd.Insufficient {
		t.Errorf("20 events: %+v", d)
	}
	p = tr.window(l, rng, 0, 0)
	w = &detectors.ColumnWindow{Profile: &p.Columns[0]}
	d = col.Judge(w, true, "")
	if a.Judge(w, true, "", 168, &d); d.Verdict != driftd.NoData {
		t.Errorf("no event: %+v", d)
	}
	// A rule for numbers says nothing of levels.
	if why := limit("ks_p", .05).Unfit(driftd.Categorical); !strings.Contains(why, "use psi, kl, js") {
		t.Errorf("unfit: %q", why)
	}
}
