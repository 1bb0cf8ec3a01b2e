package driftd

import (
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// drawColumn makes a numeric column as a reference might: quantile edges, some
// atoms, or a short list of values.
func drawColumn(t *rapid.T) *ColumnLayout {
	number := rapid.OneOf(rapid.Float64Range(-100, 100), rapid.Float64(), rapid.SampledFrom([]float64{0, 1, 5e-324, -5e-324, math.MaxFloat64, -math.MaxFloat64}))
	raw := rapid.SliceOfNDistinct(number.Filter(func(x float64) bool { return !math.IsInf(x, 0) && !math.IsNaN(x) }), 1, 70, func(x float64) float64 { return x + 0 }).Draw(t, "edges")
	slices.Sort(raw)
	c := &ColumnLayout{Name: "x", Kind: Numeric, Min: raw[0]}
	if len(raw) <= 20 && rapid.Bool().Draw(t, "listed") {
		c.Values = raw
		for _, v := range raw[1:] {
			c.Upper = append(c.Upper, math.Nextafter(v, math.Inf(-1)))
		}
		c.Upper = append(c.Upper, raw[len(raw)-1])
	} else {
		for _, v := range raw {
			if below := math.Nextafter(v, math.Inf(-1)); rapid.Bool().Draw(t, "atom") && below >= c.Min && (len(c.Upper) == 0 || below > c.Upper[len(c.Upper)-1]) {
				c.Upper = append(c.Upper, below) // v is then a bin of its own
			}
			c.Upper = append(c.Upper, v)
		}
	}
	if err := c.compile(); err != nil {
		t.Fatal(err)
	}
	return c
}

// Every finite number has exactly one place, whose bounds hold it.
func TestEveryNumberHasOneBin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawColumn(t)
		b := len(c.Upper)
		for range 20 {
			x := rapid.OneOf(rapid.Float64(), rapid.Float64Range(-120, 120), rapid.SampledFrom(c.Upper), rapid.Just(c.Min), rapid.Just(math.Copysign(0, -1)),
				rapid.Map(rapid.SampledFrom(c.Upper), func(x float64) float64 { return math.Nextafter(x, math.Inf(1)) })).Draw(t, "x")
			if math.IsInf(x, 0) {
				continue
			}
			var v Value
			c.Number(x, &v)
			if v.Class != Placed || v.X != x {
				t.Fatalf("%v: class %d, value %v", x, v.Class, v.X)
			}
			holds := 0
			for i := range b {
				if lo, hi := c.Bounds(i); lo <= x && x <= hi {
					holds++
					if int(v.Bin) != i+1 {
						t.Fatalf("%v is in place %d, but bin %d spans %v to %v", x, v.Bin, i, lo, hi)
					}
				}
			}
			switch {
			case x < c.Min:
				if v.Bin != 0 || holds != 0 {
					t.Fatalf("%v below %v: place %d, %d bins hold it", x, c.Min, v.Bin, holds)
				}
			case x > c.Upper[b-1]:
				if int(v.Bin) != b+1 || holds != 0 {
					t.Fatalf("%v above %v: place %d of %d, %d bins hold it", x, c.Upper[b-1], v.Bin, b, holds)
				}
			case holds != 1:
				t.Fatalf("%d bins hold %v", holds, x)
			case v.Offset > 255:
				t.Fatalf("%v: offset %d inside a bin", x, v.Offset)
			}
			if v.Offset > MaxBeyond {
				t.Fatalf("%v: offset %d", x, v.Offset)
			}
			if inside := x >= c.Min && x <= c.Upper[b-1]; c.Values != nil && inside && v.Unlisted == slices.Contains(c.Values, x) {
				t.Fatalf("%v: unlisted is %v, values %v", x, v.Unlisted, c.Values)
			}
		}
	})
}

// An atom's bin is the value alone, without an offset.
func TestAtom(t *testing.T) {
	c := &ColumnLayout{Kind: Numeric, Min: 0, Upper: []float64{math.Nextafter(2, 0), 2, 10}}
	if err := c.compile(); err != nil {
		t.Fatal(err)
	}
	if lo, hi := c.Bounds(1); lo != 2 || hi != 2 {
		t.Errorf("the atom spans %v to %v", lo, hi)
	}
	for x, want := range map[float64]uint16{0: 1, 1.999: 1, 2: 2, math.Nextafter(2, 3): 3, 10: 3, 10.1: 4, -.1: 0} {
		var v Value
		if c.Number(x, &v); v.Bin != want {
			t.Errorf("%v is in place %d, want %d", x, v.Bin, want)
		}
	}
	var v Value
	if c.Number(2, &v); v.Offset != 0 {
		t.Errorf("offset %d in an atom", v.Offset)
	}
}

// A value between the listed ones goes into the next lower bin and is told.
func TestListedValues(t *testing.T) {
	l := sampleLayout(t)
	c := &l.Columns[l.IndexOf("few")]
	for _, k := range []struct {
		x        float64
		bin      uint16
		unlisted bool
	}{{1, 1, false}, {1.5, 1, true}, {2, 2, false}, {4.9, 2, true}, {5, 3, false}, {.5, 0, false}, {6, 4, false}} {
		var v Value
		if c.Number(k.x, &v); v.Bin != k.bin || v.Unlisted != k.unlisted {
			t.Errorf("%v: place %d unlisted %v, want %d %v", k.x, v.Bin, v.Unlisted, k.bin, k.unlisted)
		}
	}
}

// A number that follows one that was not listed starts afresh.
func TestValueIsReused(t *testing.T) {
	l := sampleLayout(t)
	var v Value
	l.Columns[1].Number(1.5, &v)
	l.Columns[1].Number(9, &v)
	if v.Unlisted {
		t.Error("a value above the layout is still marked as unlisted")
	}
	cat := &l.Columns[3]
	cat.Level([]byte(strings.Repeat("x", 300)), &v)
	if !v.Cut || len(v.Name) != MaxLevelBytes || v.Class != NewLevel {
		t.Errorf("long level: %+v", v)
	}
	if cat.Level([]byte("a"), &v); v.Cut || v.Class != Placed || v.Bin != 0 {
		t.Errorf("level a: %+v", v)
	}
	if cat.Level([]byte("r1"), &v); v.Class != RareLevel || v.Hash != Hash64("r1") {
		t.Errorf("rare level: %+v", v)
	}
}

// A column that the reference never saw a number in takes every number as `over`.
func TestColumnWithoutEdges(t *testing.T) {
	l := sampleLayout(t)
	p := NewProfile(l)
	v := make([]Value, len(l.Columns))
	l.Columns[2].Number(-7, &v[2])
	p.Add([groupCount]bool{true, true}, v, 1)
	if c := &p.Columns[2]; len(c.Bins) != 2 || c.Bins[1].Count != 1 || c.Min != -7 {
		t.Errorf("%+v", c)
	}
}

func TestLayoutRejects(t *testing.T) {
	num := func(min float64, upper ...float64) ColumnLayout {
		return ColumnLayout{Name: "x", Kind: Numeric, Min: min, Upper: upper}
	}
	for name, cols := range map[string][]ColumnLayout{
		"twice":         {num(0, 1), num(0, 1)},
		"descending":    {num(0, 2, 1)},
		"equal edges":   {num(0, 1, 1)},
		"min above":     {num(3, 1, 2)},
		"nan min":       {num(math.NaN(), 1)},
		"nan edge":      {num(0, math.NaN())},
		"infinite edge": {num(0, math.Inf(1))},
		"infinite min":  {num(math.Inf(-1), 1)},
		"no kind":       {{Name: "x"}},
		"values":        {{Name: "x", Kind: Numeric, Min: 0, Upper: []float64{1, 2}, Values: []float64{0}}},
	} {
		if err := (&Layout{Model: "m", Columns: cols}).Compile(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
