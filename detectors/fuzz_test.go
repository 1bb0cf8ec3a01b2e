package detectors

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/driftd/driftd"
)

// bytesReader deals out a fuzzer's bytes; zeros when they are used up.
type bytesReader struct{ b []byte }

func (r *bytesReader) next(n int) []byte {
	out := make([]byte, n)
	r.b = r.b[copy(out, r.b):]
	return out
}

func (r *bytesReader) small() int   { return int(r.next(1)[0]) }
func (r *bytesReader) uint() uint64 { return binary.LittleEndian.Uint64(r.next(8)) }

// count is mostly small, at times beyond what a float holds exactly.
func (r *bytesReader) count() uint64 {
	if k := r.small(); k < 240 {
		return uint64(k)
	}
	return r.uint() >> 4 >> (r.small() % 60)
}

// layout of one column: ascending edges of any size, or listed values, or categories.
func (r *bytesReader) layout() driftd.ColumnLayout {
	n := 1 + r.small()%8
	switch r.small() % 3 {
	case 0:
		c := driftd.ColumnLayout{Name: "x", Kind: driftd.Categorical}
		for i := range n {
			c.Categories = append(c.Categories, string(rune('a'+i)))
		}
		return c
	case 1:
		c := driftd.ColumnLayout{Name: "x", Kind: driftd.Numeric}
		for i := range n {
			c.Values = append(c.Values, float64(i)-2)
		}
		c.Min = c.Values[0]
		for i := range c.Values[1:] {
			c.Upper = append(c.Upper, math.Nextafter(c.Values[i+1], math.Inf(-1)))
		}
		c.Upper = append(c.Upper, c.Values[n-1])
		return c
	}
	scale := []float64{1, 1e-320, 1e300, 1e-5}[r.small()%4]
	c := driftd.ColumnLayout{Name: "x", Kind: driftd.Numeric, Min: -scale}
	at := c.Min
	for range n {
		if at += scale * float64(r.small()) / 64; at > c.Min || len(c.Upper) == 0 {
			c.Upper = append(c.Upper, at)
		}
	}
	return c
}

func (r *bytesReader) profile(l *driftd.Layout) *driftd.Profile {
	p := driftd.NewProfile(l)
	c := &p.Columns[0]
	for i := range c.Bins {
		k := r.count()
		c.Bins[i] = driftd.Bin{Count: k, Offset: k / 255 * uint64(r.small())}
	}
	for i := range c.Counts {
		c.Counts[i] = r.count()
	}
	for _, class := range []driftd.Class{driftd.Null, driftd.TypeError} {
		c.Classes[class] = r.count()
	}
	if c.Bins != nil {
		for _, class := range []driftd.Class{driftd.NaN, driftd.PosInf, driftd.NegInf} {
			c.Classes[class] = r.count()
		}
		c.Min, c.Max = l.Columns[0].Min, l.Columns[0].Upper[l.Columns[0].Bins()-1]
	} else {
		c.Classes[driftd.RareLevel], c.Classes[driftd.NewLevel] = r.count(), r.count()
	}
	p.Events = c.Present()
	p.Groups[0] = p.Events
	return p
}

// noise is n seeds for a fuzzer, of least to most bytes.
func noise(n, least, most int) (seeds [][]byte) {
	rng := rand.New(rand.NewPCG(1, uint64(n)))
	for range n {
		b := make([]byte, least+rng.IntN(most-least))
		for i := range b {
			b[i] = byte(rng.UintN(256))
		}
		seeds = append(seeds, b)
	}
	return seeds
}

// Whatever counts come, from whatever reference: p-values are probabilities, sizes
// are finite, no measure, window drawn or bin named is NaN where it is promised.
func FuzzDecision(f *testing.F) {
	for i, b := range noise(40, 60, 960) {
		f.Add(b, i%2 == 0)
	}
	f.Add([]byte{}, true)
	all := make([]*Measure, len(Measures))
	for i := range all {
		all[i] = &Measures[i]
	}
	f.Fuzz(func(t *testing.T, raw []byte, flat bool) {
		r := &bytesReader{raw}
		l := &driftd.Layout{Model: "m", Columns: []driftd.ColumnLayout{r.layout()}}
		if l.Compile() != nil {
			return // no layout that a reference would be made in
		}
		var panel []ColumnWindow
		sum := driftd.NewProfile(l)
		for range r.small() % 45 {
			p := r.profile(l)
			sum.Merge(p)
			panel = append(panel, ColumnWindow{Profile: &p.Columns[0], Missing: r.count()})
		}
		ref := &driftd.ColumnReference{Profile: sum.Columns[0], Missing: r.count(), Singletons: r.count() % 3}
		var scale *driftd.ColumnScale
		if !flat {
			s := FitColumn(&l.Columns[0], ref, panel)
			scale = &s
		}
		c := NewColumn(&l.Columns[0], ref, scale, 1e-4)
		c.Shown = all
		for range 3 {
			p := r.profile(l)
			w := &ColumnWindow{Profile: &p.Columns[0], Missing: r.count()}
			d := c.Judge(w, true, "")
			if !(d.P >= 0 && d.P <= 1) || math.IsNaN(d.Effect) || math.IsInf(d.Effect, 0) {
				t.Fatalf("p %v, effect %v", d.P, d.Effect)
			}
			if d.Flag && !(d.P <= 1e-4) || d.Verdict == driftd.OK && !(d.MDE <= MaxMDE) {
				t.Fatalf("verdict %s with p %v, mde %v", d.Verdict, d.P, d.MDE)
			}
			for _, x := range d.Tests {
				if p := float64(x.PValue); p < 0 || p > 1 || math.IsNaN(float64(x.Effect)) || math.IsInf(float64(x.Effect), 0) {
					t.Fatalf("%s: p %v, effect %v", x.Name, x.PValue, x.Effect)
				}
			}
			for _, b := range c.Moves(w, 3) {
				if !(b.Part > 0 && b.Part <= 1) || math.IsNaN(float64(b.Z)) {
					t.Fatalf("moved: %+v", b)
				}
			}
			if z, _ := c.Outlying(w); math.IsNaN(z) {
				t.Fatal("an outlier by NaN standard errors")
			}
			if k := c.Compare(w, ClassicBins); k != nil {
				checkMeasures(t, c, k)
			}
			if k := c.Draw(rand.New(rand.NewPCG(1, 2)), 100, ClassicBins); k != nil {
				checkMeasures(t, c, k)
			}
		}
	})
}

func checkMeasures(t *testing.T, c *Column, k *Comparison) {
	t.Helper()
	for i := range Measures {
		m := &Measures[i]
		if c.Layout.Kind != driftd.Numeric && !m.Levels || m.Name == "w1" && !(c.refSD > 0) {
			continue
		}
		statistic, effect := m.Of(k)
		if m.Name == "w1" && math.IsNaN(statistic) {
			continue // all values are infinite: they have no place
		}
		if math.IsNaN(statistic) || math.IsNaN(effect) || m.Most == 1 && (statistic < 0 || statistic > 1+1e-9) {
			t.Fatalf("%s: %v, effect %v", m.Name, statistic, effect)
		}
	}
}

// A million categories in a window of a reference that has ten.
func TestMillionCategories(t *testing.T) {
	f := feeds()["two levels"]
	l, ref, scale := prepared(t, f, 40, 400)
	p := driftd.NewProfile(l)
	c := NewColumn(&l.Columns[0], ref, scale, 1e-4)
	v := make([]driftd.Value, 1)
	name := make([]byte, 8)
	for i := range 1_000_000 {
		v[0] = driftd.Value{}
		binary.BigEndian.PutUint64(name, uint64(i))
		l.Columns[0].Level(name, &v[0])
		p.Add([2]bool{true, false}, v, uint64(i))
	}
	d := c.Judge(&ColumnWindow{Profile: &p.Columns[0]}, true, "")
	checkDecision(t, "a million categories", d)
	if !d.Flag || d.Strongest != TestNew || len(p.Columns[0].Names) != driftd.MaxNames {
		t.Errorf("%s by %s, %d names kept", d.Verdict, d.Strongest, len(p.Columns[0].Names))
	}
}
