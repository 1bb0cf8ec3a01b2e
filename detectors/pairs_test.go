package detectors

import (
	"math"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/driftd/driftd"
)

// rows draws an event's columns.
type rows func(rng *rand.Rand, x []float64)

// equicorrelated are normal columns with one correlation; the first pair may have
// another.
func equicorrelated(rho, first float64) rows {
	return func(rng *rand.Rand, x []float64) {
		common := rng.NormFloat64()
		for i := range x {
			x[i] = math.Sqrt(rho)*common + math.Sqrt(1-rho)*rng.NormFloat64()
		}
		if first != rho {
			x[1] = first*x[0] + math.Sqrt(1-first*first)*rng.NormFloat64()
		}
	}
}

func shifted(by float64) rows {
	return func(rng *rand.Rand, x []float64) {
		equicorrelated(.2, .2)(rng, x)
		x[0] += by
	}
}

// sizes go together without correlation: x1 has the spread of |x0|.
func sizes(together bool) rows {
	return func(rng *rand.Rand, x []float64) {
		for i := range x {
			x[i] = rng.NormFloat64()
		}
		if together {
			x[1] *= math.Abs(x[0]) * 1.2
		}
	}
}

type pairWorld struct {
	layout *driftd.Layout
	table  *PairTable
	fit    *PairFit
}

func pairsOf(tb testing.TB, d int) *pairWorld {
	tb.Helper()
	w := &pairWorld{layout: &driftd.Layout{Model: "m"}}
	for i := range d {
		c := driftd.ColumnLayout{Name: string(rune('a' + i)), Kind: driftd.Numeric, Min: -4}
		for k := range 64 {
			c.Upper = append(c.Upper, math.Sqrt2*math.Erfinv(2*float64(k+1)/65-1))
		}
		c.Upper[63] = 4
		w.layout.Columns = append(w.layout.Columns, c)
	}
	if err := w.layout.Compile(); err != nil {
		tb.Fatal(err)
	}
	return w
}

// window gives n events to the sums, and to the profile where there is no table yet.
func (w *pairWorld) window(rng *rand.Rand, draw rows, n int, p *driftd.Profile) *PairSums {
	d := len(w.layout.Columns)
	x, v, scratch := make([]float64, d), make([]driftd.Value, d), make([]int32, d)
	var s *PairSums
	if w.table != nil {
		s = NewPairSums(w.table)
	}
	for range n {
		draw(rng, x)
		for i := range x {
			v[i] = driftd.Value{}
			w.layout.Columns[i].Number(x[i], &v[i])
		}
		if s != nil {
			s.Add(w.table, v, scratch)
		}
		if p != nil {
			p.Add([2]bool{true, false}, v, 0)
		}
	}
	return s
}

func (w *pairWorld) learn(rng *rand.Rand, draw rows, windows, n int) {
	p := driftd.NewProfile(w.layout)
	w.window(rng, draw, 4096, p)
	w.table = NewPairTable(w.layout, p.Columns)
	var panel []*PairSums
	for range windows {
		panel = append(panel, w.window(rng, draw, n, nil))
	}
	w.fit = FitPairs(w.table, panel)
}

// The setup of STATISTICS 8: ten columns, 1,000 events, 100 windows, a level of
// .001. Correlations that change are found, and so is dependence that no
// correlation shows; what moves one column alone is left to its own rule.
func TestPairsFindWhatColumnsDoNot(t *testing.T) {
	const d, n, windows, runs, level = 10, 1000, 100, 40, .001
	for name, c := range map[string]struct {
		ref, now    rows
		least, most float64 // share of windows that flag
		absolute    bool
	}{
		"nothing":                   {equicorrelated(.2, .2), equicorrelated(.2, .2), 0, .03, false},
		"mean moves by .25 sd":      {equicorrelated(.2, .2), shifted(.25), 0, .03, false},
		"correlation .5 to .2":      {equicorrelated(.2, .5), equicorrelated(.2, .2), .95, 1, false},
		"correlation .5 to -.5":     {equicorrelated(.2, .5), equicorrelated(.2, -.5), .95, 1, false},
		"common factor .8 to .4":    {equicorrelated(.64, .64), equicorrelated(.16, .16), .95, 1, false},
		"correlation .5 to .52":     {equicorrelated(.2, .5), equicorrelated(.2, .52), 0, .03, false},
		"sizes go together no more": {sizes(true), sizes(false), .95, 1, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			flags, named, absolute := 0, 0, 0
			for seed := range uint64(4) {
				rng := rand.New(rand.NewPCG(seed, 7))
				w := pairsOf(t, d)
				w.learn(rng, c.ref, windows, n)
				for range runs / 4 {
					got := w.fit.Judge(w.table, w.window(rng, c.now, n, nil))
					if got.P > level {
						continue
					}
					flags++
					if got.I == 1 && got.J == 0 {
						named++
					}
					if got.Absolute {
						absolute++
					}
				}
			}
			share := float64(flags) / runs
			t.Logf("%d of %d flag, %d name the first pair, %d by sizes", flags, runs, named, absolute)
			if share < c.least || share > c.most {
				t.Errorf("%.3f of windows flag, want %v to %v", share, c.least, c.most)
			}
			if c.absolute && absolute < flags*9/10 {
				t.Errorf("%d of %d by sizes", absolute, flags)
			}
			if c.least > 0 && name != "common factor .8 to .4" && named < flags*9/10 {
				t.Errorf("%d of %d name the pair that changed", named, flags)
			}
		})
	}
}

// However events are dealt out to windows, the sums are the same to the bit.
func TestPairSumsMergeExactly(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	w := pairsOf(t, 6)
	w.learn(rng, equicorrelated(.3, .3), 31, 60)
	a := w.window(rand.New(rand.NewPCG(1, 1)), equicorrelated(.3, .3), 500, nil)
	b := w.window(rand.New(rand.NewPCG(2, 1)), equicorrelated(.3, .3), 300, nil)
	ab, ba := NewPairSums(w.table), NewPairSums(w.table)
	ab.Merge(a)
	ab.Merge(b)
	ba.Merge(b)
	ba.Merge(a)
	if !reflect.DeepEqual(ab, ba) || ab.N != 800 {
		t.Error("the order of a merge matters")
	}
	for pair := range w.table.Pairs() {
		if i, j := pairOf(pair); i*(i-1)/2+j != pair || j >= i || i >= 6 {
			t.Errorf("pair %d is (%d, %d)", pair, i, j)
		}
	}
}

// Too few events, too few windows, values that are not placed: no flag, no NaN.
func TestPairsOfLittle(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	w := pairsOf(t, 3)
	w.learn(rng, equicorrelated(.2, .2), 10, 100)
	for _, n := range []int{0, 1, 49, 1000} {
		if d := w.fit.Judge(w.table, w.window(rng, equicorrelated(.9, .9), n, nil)); d.P != 1 || d.I != -1 {
			t.Errorf("10 windows, %d events: %+v", n, d)
		}
	}
	nulls := NewPairSums(w.table)
	v := make([]driftd.Value, 3)
	for i := range v {
		v[i].Class = driftd.Null
	}
	for range 100 {
		nulls.Add(w.table, v, make([]int32, 3))
	}
	w.learn(rng, equicorrelated(.2, .2), 40, 100)
	if d := w.fit.Judge(w.table, nulls); math.IsNaN(d.P) || d.P < 0 || d.P > 1 {
		t.Errorf("nothing but nulls: %+v", d)
	}
}

// What the sums of 20 columns cost an event: 190 pairs, two sums each.
func BenchmarkPairSums(b *testing.B) {
	w := pairsOf(b, 20)
	rng := rand.New(rand.NewPCG(1, 1))
	w.learn(rng, equicorrelated(.2, .2), 31, 60)
	values := make([][]driftd.Value, 512)
	x := make([]float64, 20)
	for k := range values {
		values[k] = make([]driftd.Value, 20)
		equicorrelated(.2, .2)(rng, x)
		for i := range x {
			w.layout.Columns[i].Number(x[i], &values[k][i])
		}
	}
	s, scratch := NewPairSums(w.table), make([]int32, 20)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		s.Add(w.table, values[i%len(values)], scratch)
	}
}
