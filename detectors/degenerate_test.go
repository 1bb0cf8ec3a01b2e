package detectors

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/driftd/driftd"
)

// column kinds of the degenerate cases: a reference panel and live windows.
type feed struct {
	layout driftd.ColumnLayout
	draw   func(*rand.Rand, *driftd.ColumnLayout, *driftd.Value)
}

func feeds() map[string]feed {
	evenEdges := func() (u []float64) {
		for i := range 64 {
			u = append(u, float64(i+1)/64)
		}
		return u
	}
	num := func(min float64, values []float64, upper ...float64) driftd.ColumnLayout {
		return driftd.ColumnLayout{Name: "x", Kind: driftd.Numeric, Min: min, Upper: upper, Values: values}
	}
	cat := driftd.ColumnLayout{Name: "x", Kind: driftd.Categorical, Categories: []string{"a", "b", "c"}}
	level := func(share float64) func(*rand.Rand, *driftd.ColumnLayout, *driftd.Value) {
		return func(r *rand.Rand, c *driftd.ColumnLayout, v *driftd.Value) {
			name := "a"
			if r.Float64() < share {
				name = "b"
			}
			c.Level([]byte(name), v)
		}
	}
	two := func(share float64) func(*rand.Rand, *driftd.ColumnLayout, *driftd.Value) {
		return func(r *rand.Rand, c *driftd.ColumnLayout, v *driftd.Value) {
			x := 0.
			if r.Float64() < share {
				x = 1
			}
			c.Number(x, v)
		}
	}
	null := func(_ *rand.Rand, _ *driftd.ColumnLayout, v *driftd.Value) { v.Class = driftd.Null }
	return map[string]feed{
		"uniform":         {num(0, nil, evenEdges()...), func(r *rand.Rand, c *driftd.ColumnLayout, v *driftd.Value) { c.Number(r.Float64(), v) }},
		"constant number": {num(7, []float64{7}, 7), func(_ *rand.Rand, c *driftd.ColumnLayout, v *driftd.Value) { c.Number(7, v) }},
		"two values":      {num(0, []float64{0, 1}, math.Nextafter(1, 0), 1), two(.5)},
		"rare value":      {num(0, []float64{0, 1}, math.Nextafter(1, 0), 1), two(.001)},
		"all null":        {num(0, nil), null},
		"all null levels": {cat, null},
		"one level":       {cat, level(0)},
		"two levels":      {cat, level(.3)},
		"rare level":      {cat, level(.002)},
		"infinities":      {num(0, nil, evenEdges()...), func(_ *rand.Rand, _ *driftd.ColumnLayout, v *driftd.Value) { v.Class = driftd.PosInf }},
	}
}

// prepared is a column with a fitted panel of hours of n events.
func prepared(t testing.TB, f feed, windows, n int) (*driftd.Layout, *driftd.ColumnReference, *driftd.ColumnScale) {
	t.Helper()
	l := &driftd.Layout{Model: "m", Columns: []driftd.ColumnLayout{f.layout}}
	if err := l.Compile(); err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, uint64(windows)))
	all := driftd.NewProfile(l)
	var panel []ColumnWindow
	for range windows {
		p := window(l, f, r, n)
		all.Merge(p)
		panel = append(panel, ColumnWindow{Profile: &p.Columns[0]})
	}
	ref := &driftd.ColumnReference{Profile: all.Columns[0]}
	if windows == 0 {
		return l, ref, nil
	}
	scale := FitColumn(&l.Columns[0], ref, panel)
	return l, ref, &scale
}

func window(l *driftd.Layout, f feed, r *rand.Rand, n int) *driftd.Profile {
	p := driftd.NewProfile(l)
	v := make([]driftd.Value, 1)
	for i := range n {
		v[0] = driftd.Value{}
		f.draw(r, &l.Columns[0], &v[0])
		groups := [2]bool{true, false}
		p.Add(groups, v, uint64(i))
	}
	return p
}

// No reference and no window, however poor, makes a number that is not one where
// a number is promised, and none that looks like its reference is flagged.
func TestDegenerateColumns(t *testing.T) {
	for name, f := range feeds() {
		for _, windows := range []int{0, 1, 29, 40} {
			l, ref, scale := prepared(t, f, windows, 400)
			if windows == 0 {
				p := window(l, f, rand.New(rand.NewPCG(9, 9)), 5000)
				ref = &driftd.ColumnReference{Profile: p.Columns[0]}
			}
			c := NewColumn(&l.Columns[0], ref, scale, 1e-4)
			for other, g := range feeds() {
				if (g.layout.Kind == driftd.Numeric) != (f.layout.Kind == driftd.Numeric) {
					continue
				}
				for _, n := range []int{0, 1, 2, 49, 50, 400, 5000} {
					p := window(l, feed{f.layout, g.draw}, rand.New(rand.NewPCG(uint64(n), 3)), n)
					d := c.Judge(&ColumnWindow{Profile: &p.Columns[0]}, true, "")
					where := fmt.Sprintf("%s over %d windows, live %s n %d", name, windows, other, n)
					checkDecision(t, where, d)
					if name == other && d.Flag {
						t.Errorf("%s: flagged by %s, p %v", where, d.Strongest, d.P)
					}
					if n < MinWindowN && d.Flag {
						t.Errorf("%s: flagged on %d events", where, n)
					}
				}
			}
		}
	}
}

// Events that have the group but never the column.
func TestMissingColumn(t *testing.T) {
	f := feeds()["uniform"]
	l, ref, scale := prepared(t, f, 40, 400)
	c := NewColumn(&l.Columns[0], ref, scale, 1e-4)
	empty := driftd.NewProfile(l)
	d := c.Judge(&ColumnWindow{Profile: &empty.Columns[0], Missing: 400}, true, "")
	checkDecision(t, "missing", d)
	if !d.Flag || d.Strongest != TestNull {
		t.Errorf("a column that is gone: %+v", d)
	}
}

func checkDecision(t *testing.T, where string, d Decision) {
	t.Helper()
	if !(d.P >= 0 && d.P <= 1) || math.IsNaN(d.Effect) || math.IsInf(d.Effect, 0) || d.Effect < 0 {
		t.Errorf("%s: p %v, effect %v", where, d.P, d.Effect)
	}
	if d.Verdict == "" || (d.Verdict == driftd.OK) && math.IsNaN(d.MDE) {
		t.Errorf("%s: verdict %q, mde %v", where, d.Verdict, d.MDE)
	}
	for _, r := range d.Tests {
		decides := r.Name != ShowPSI && r.Name != ShowJS && r.Name != ShowKS && r.Name != ShowW1
		if p := float64(r.PValue); decides && !(p >= 0 && p <= 1) {
			t.Errorf("%s: %s has p-value %v", where, r.Name, p)
		}
		for what, x := range map[string]float64{"statistic": float64(r.Statistic), "effect": float64(r.Effect)} {
			if math.IsNaN(x) {
				t.Errorf("%s: %s: %s is NaN", where, r.Name, what)
			}
		}
	}
}

// What a person would call drift is flagged, in the subtest that names it.
func TestPlainDrifts(t *testing.T) {
	for _, c := range []struct{ ref, name, want string }{
		{"uniform", "infinities", TestRange},
		{"uniform", "all null", TestNull},
		{"constant number", "two values", TestRange},
		{"two levels", "one level", TestCategory},
		{"two levels", "all null levels", TestNull},
	} {
		f := feeds()[c.ref]
		l, ref, scale := prepared(t, f, 60, 1000)
		col := NewColumn(&l.Columns[0], ref, scale, 1e-4)
		p := window(l, feed{f.layout, feeds()[c.name].draw}, rand.New(rand.NewPCG(5, 5)), 1000)
		d := col.Judge(&ColumnWindow{Profile: &p.Columns[0]}, true, "")
		named := false
		for _, r := range d.Tests {
			named = named || r.Name == c.want && float64(r.PValue) < 1e-4
		}
		if !d.Flag || !named {
			t.Errorf("%s becomes %s: %+v", c.ref, c.name, d)
		}
	}
}
