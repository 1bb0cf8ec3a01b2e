package detectors

import (
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

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

// pairWorld is d normal columns and the column of their pairs.
type pairWorld struct {
	layout *driftd.Layout
	ref    driftd.ColumnReference
	panel  []ColumnWindow
	scale  driftd.ColumnScale
}

func normalColumns(d int) []driftd.ColumnLayout {
	var out []driftd.ColumnLayout
	for i := range d {
		c := driftd.ColumnLayout{Name: string(rune('a' + i)), Kind: driftd.Numeric, Min: -4}
		for k := range 64 {
			c.Upper = append(c.Upper, math.Sqrt2*math.Erfinv(2*float64(k+1)/65-1))
		}
		c.Upper[63] = 4
		out = append(out, c)
	}
	return out
}

// profile of n events in a layout.
func profileRows(rng *rand.Rand, l *driftd.Layout, draw rows, d, n int) *driftd.Profile {
	p := driftd.NewProfile(l)
	x, v := make([]float64, d), make([]driftd.Value, len(l.Columns))
	for i := range n {
		draw(rng, x)
		for c := range x {
			l.Columns[c].Number(x[c], &v[c])
		}
		p.Add([2]bool{true, false}, v, driftd.Mix64(uint64(i)))
	}
	return p
}

// learnPairs cuts the columns up by a sample of 4,096 and fits windows of n events.
func learnPairs(tb testing.TB, rng *rand.Rand, draw rows, d, windows, n int) *pairWorld {
	tb.Helper()
	cut := &driftd.Layout{Model: "m", Columns: normalColumns(d)}
	if err := cut.Compile(); err != nil {
		tb.Fatal(err)
	}
	table, _ := NewPairTable(cut, profileRows(rng, cut, draw, d, 4096).Columns)
	w := &pairWorld{layout: &driftd.Layout{Model: "m", Columns: append(normalColumns(d), driftd.ColumnLayout{Name: driftd.PairsColumn, Kind: driftd.Pairs, Pairs: table})}}
	if err := w.layout.Compile(); err != nil {
		tb.Fatal(err)
	}
	whole := driftd.NewProfile(w.layout)
	for range windows {
		p := profileRows(rng, w.layout, draw, d, n)
		whole.Merge(p)
		w.panel = append(w.panel, ColumnWindow{Profile: &p.Columns[d]})
	}
	w.ref.Profile = whole.Columns[d]
	w.scale = FitColumn(&w.layout.Columns[d], &w.ref, w.panel)
	return w
}

func (w *pairWorld) column(level float64) *Column {
	return NewColumn(&w.layout.Columns[len(w.layout.Columns)-1], &w.ref, &w.scale, level)
}

// now is a window to judge.
func (w *pairWorld) now(rng *rand.Rand, draw rows, n int) *ColumnWindow {
	d := len(w.layout.Columns) - 1
	p := profileRows(rng, w.layout, draw, d, n)
	return &ColumnWindow{Profile: &p.Columns[d], Missing: p.Missing(&w.layout.Columns[d], d)}
}

// Ten columns, 1,000 events, 100 windows, a level of .001. Correlations that change
// are found, and so is dependence that no correlation shows; what moves one column
// alone is left to its own rule.
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
				col := learnPairs(t, rng, c.ref, d, windows, n)
				judge := col.column(level)
				for range runs / 4 {
					got := judge.Judge(col.now(rng, c.now, n), true, "")
					if !got.Flag {
						continue
					}
					flags++
					if strings.HasPrefix(got.Tests[0].Note, "a and b") {
						named++
					}
					if strings.HasSuffix(got.Tests[0].Note, "by size") {
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

// Traffic without drift whose windows differ all the same: sessions that repeat an
// event, correlations that wobble from hour to hour, both. At a level of .001 about one
// window in a thousand may flag.
func TestPairsAreQuiet(t *testing.T) {
	const d, n, windows, references, live, level = 5, 500, 60, 60, 40, .001
	repeat := func(draw rows) rows {
		left, last := 0, make([]float64, d)
		return func(rng *rand.Rand, x []float64) {
			if left == 0 {
				draw(rng, last)
				left = 1 + rng.IntN(15)
			}
			left--
			copy(x, last)
		}
	}
	wobble := func(rng *rand.Rand) rows {
		r := .3 + .08*rng.NormFloat64()
		return equicorrelated(r, r)
	}
	for name, window := range map[string]func(rng *rand.Rand) rows{
		"sessions": func(*rand.Rand) rows { return repeat(equicorrelated(.3, .3)) },
		"wobbling": wobble,
		"both":     func(rng *rand.Rand) rows { return repeat(wobble(rng)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			flags := 0
			for seed := range uint64(references) {
				rng := rand.New(rand.NewPCG(seed, 11))
				w := learnPairs(t, rng, equicorrelated(.3, .3), d, 0, n)
				whole := driftd.NewProfile(w.layout)
				for range windows {
					p := profileRows(rng, w.layout, window(rng), d, n)
					whole.Merge(p)
					w.panel = append(w.panel, ColumnWindow{Profile: &p.Columns[d]})
				}
				w.ref.Profile = whole.Columns[d]
				w.scale = FitColumn(&w.layout.Columns[d], &w.ref, w.panel)
				col := w.column(level)
				for range live {
					if got := col.Judge(w.now(rng, window(rng), n), true, ""); got.Flag {
						flags++
					}
				}
			}
			t.Logf("%d of %d windows flag; %.1f are promised at most", flags, references*live, level*references*live)
			if flags > 8 { // of a Poisson variable with mean 2.4: p < .002
				t.Errorf("%d of %d windows without drift flag at a level of %v", flags, references*live, level)
			}
		})
	}
}

// Whatever sums come, from whatever reference: p is a probability, sizes are finite.
func TestPairDecisionsAreNumbers(t *testing.T) {
	cut := &driftd.Layout{Model: "m", Columns: normalColumns(3)}
	if err := cut.Compile(); err != nil {
		t.Fatal(err)
	}
	table, _ := NewPairTable(cut, profileRows(rand.New(rand.NewPCG(1, 1)), cut, equicorrelated(.2, .2), 3, 500).Columns)
	l := &driftd.Layout{Model: "m", Columns: append(normalColumns(3), driftd.ColumnLayout{Name: driftd.PairsColumn, Kind: driftd.Pairs, Pairs: table})}
	if err := l.Compile(); err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		sums := func() *driftd.ColumnProfile {
			s := driftd.NewPairSums(table)
			s.N = rapid.SampledFrom([]uint64{0, 1, 2, 49, 50, 1000, 1 << 40}).Draw(t, "n")
			most := int64(s.N) * driftd.MaxPairRank * driftd.MaxPairRank
			for i := range s.Products {
				s.Products[i] = rapid.Int64Range(-most, most).Draw(t, "product")
				s.Absolute[i] = rapid.Int64Range(-most, most).Draw(t, "absolute")
			}
			return &driftd.ColumnProfile{Pairs: s}
		}
		var panel []ColumnWindow
		for range rapid.SampledFrom([]int{0, 1, 2, 29, 30, 40}).Draw(t, "windows") {
			panel = append(panel, ColumnWindow{Profile: sums()})
		}
		ref := &driftd.ColumnReference{Profile: *sums()}
		scale := FitColumn(&l.Columns[3], ref, panel)
		for _, sc := range []*driftd.ColumnScale{&scale, ptr(InheritColumn(&l.Columns[3], ref, panel, &scale)), nil} {
			d := NewColumn(&l.Columns[3], ref, sc, .001).Judge(&ColumnWindow{Profile: sums()}, true, "")
			if math.IsNaN(d.P) || d.P < 0 || d.P > 1 || math.IsNaN(d.Effect) || math.IsInf(d.Effect, 0) || math.IsInf(d.MDE, 0) || math.IsInf(d.NEff, 0) {
				t.Fatalf("%+v", d)
			}
			for _, x := range d.Tests {
				if math.IsNaN(float64(x.PValue)) || math.IsInf(float64(x.Threshold), 0) || math.IsNaN(float64(x.Effect)) {
					t.Fatalf("%+v", x)
				}
			}
		}
	})
}

// However events are dealt out to panes, the sums are the same to the bit.
func TestPairSumsMergeExactly(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	w := learnPairs(t, rng, equicorrelated(.3, .3), 6, 31, 60)
	draw := equicorrelated(.3, .3)
	a := profileRows(rand.New(rand.NewPCG(1, 1)), w.layout, draw, 6, 500)
	b := profileRows(rand.New(rand.NewPCG(2, 1)), w.layout, draw, 6, 300)
	ab, ba := a.Clone(), driftd.NewProfile(w.layout)
	ab.Merge(b)
	ba.Merge(b)
	ba.Merge(a)
	if !reflect.DeepEqual(ab.Columns[6].Pairs, ba.Columns[6].Pairs) || ab.Columns[6].Pairs.N != 800 || a.Columns[6].Pairs.N != 500 {
		t.Error("the order of a merge matters, or a clone is none")
	}
	ba.Reset()
	if !reflect.DeepEqual(ba.Columns[6].Pairs, driftd.NewPairSums(w.layout.Columns[6].Pairs)) {
		t.Error("not empty after Reset")
	}
}

// Too few events, too few windows, no windows, values that are not placed, events
// without features: no flag, no NaN, and a reason.
func TestPairsOfLittle(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	draw := equicorrelated(.2, .2)
	few := learnPairs(t, rng, draw, 3, 10, 100)
	for _, n := range []int{0, 1, 49, 1000} {
		d := few.column(.001).Judge(few.now(rng, equicorrelated(.9, .9), n), true, "")
		if d.Flag || d.P != 1 || d.Reason == "" || n > 0 && d.Verdict != driftd.Learning {
			t.Errorf("10 windows, %d events: %+v", n, d)
		}
	}
	if d := NewColumn(&few.layout.Columns[3], &few.ref, nil, .001).Judge(few.now(rng, draw, 100), true, ""); d.Verdict != driftd.NoData || d.Reason == "" {
		t.Errorf("a reference without windows: %+v", d)
	}
	full := learnPairs(t, rng, draw, 3, 40, 100)
	p := driftd.NewProfile(full.layout)
	v := make([]driftd.Value, 4)
	for i := range v {
		v[i].Class = driftd.Null
	}
	for i := range 100 {
		p.Add([2]bool{i < 60, true}, v, 0)
	}
	d := full.column(.001).Judge(&ColumnWindow{Profile: &p.Columns[3], Missing: p.Missing(&full.layout.Columns[3], 3)}, true, "")
	if math.IsNaN(d.P) || d.P < 0 || d.P > 1 || d.N != 60 {
		t.Errorf("nothing but nulls: %+v", d)
	}
	// What an accepted change takes over: its own usual, the earlier windows' spread.
	moved := equicorrelated(.7, .7)
	w := learnPairs(t, rng, moved, 3, 3, 100)
	heir := NewColumn(&full.layout.Columns[3], &w.ref, ptr(InheritColumn(&full.layout.Columns[3], &w.ref, w.panel, &full.scale)), .001)
	if d := heir.Judge(w.now(rng, moved, 100), true, ""); d.Flag || !d.Evaluated {
		t.Errorf("after an accepted change: %+v", d)
	}
	if d := heir.Judge(w.now(rng, draw, 400), true, ""); !d.Flag {
		t.Errorf("back from an accepted change: %+v", d)
	}
}

func ptr[T any](x T) *T { return &x }

// Above 20 columns fewer events are summed, by the hash of their record, and above
// 30 the others are left out.
func TestManyPairs(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	draw := equicorrelated(.2, .2)
	for d, every := range map[int]uint64{20: 1, 21: 2, 30: 3, 45: 3} {
		l := &driftd.Layout{Model: "m", Columns: normalColumns(d)}
		if err := l.Compile(); err != nil {
			t.Fatal(err)
		}
		table, left := NewPairTable(l, profileRows(rng, l, draw, d, 500).Columns)
		if table.Every != every || left != max(0, d-30) {
			t.Errorf("%d columns: 1 in %d, %d left out", d, table.Every, left)
		}
		l.Columns = append(l.Columns, driftd.ColumnLayout{Name: driftd.PairsColumn, Kind: driftd.Pairs, Pairs: table})
		if err := l.Compile(); err != nil {
			t.Fatal(err)
		}
		n := float64(profileRows(rng, l, draw, d, 3000).Columns[d].Pairs.N)
		if want := 3000 / float64(every); math.Abs(n-want) > 150 {
			t.Errorf("%d columns: %v of 3000 events summed, want about %v", d, n, want)
		}
	}
}

// What the sums of 20 columns cost an event: 190 pairs, two sums each.
func BenchmarkPairSums(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 1))
	w := learnPairs(b, rng, equicorrelated(.2, .2), 20, 31, 60)
	values := make([][]driftd.Value, 512)
	x := make([]float64, 20)
	for k := range values {
		values[k] = make([]driftd.Value, 21)
		equicorrelated(.2, .2)(rng, x)
		for i := range x {
			w.layout.Columns[i].Number(x[i], &values[k][i])
		}
	}
	s := driftd.NewPairSums(w.layout.Columns[20].Pairs)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		s.Add(values[i%len(values)], 0)
	}
}
