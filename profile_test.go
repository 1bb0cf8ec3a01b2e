package driftd

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// sample layout: one column of each kind, atoms and listed values among them.
func sampleLayout(t testing.TB) *Layout {
	t.Helper()
	l := &Layout{Model: "m", Columns: []ColumnLayout{
		{Name: "x", Kind: Numeric, Min: -1, Upper: []float64{0, .5, math.Nextafter(2, 0), 2, 10}},
		{Name: "few", Kind: Numeric, Min: 1, Upper: []float64{math.Nextafter(2, 0), math.Nextafter(5, 0), 5}, Values: []float64{1, 2, 5}},
		{Name: "nulls", Kind: Numeric},
		{Name: "cat", Kind: Categorical, Categories: []string{"a", "b"}, Rare: []uint64{Hash64("r1"), Hash64("r2")}},
		{Name: "flag", Group: Prediction, Kind: Boolean, Categories: []string{"false", "true"}},
	}}
	if err := l.Compile(); err != nil {
		t.Fatal(err)
	}
	return l
}

// event is an event as the property tests draw it.
type event struct {
	groups [groupCount]bool
	values []Value
	key    uint64
	extra  string // a column that the layout does not have
	late   bool
}

func drawEvents(t *rapid.T, l *Layout, name string) []event {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) event {
		e := event{key: rapid.Uint64Range(0, 500).Draw(t, "key"), values: make([]Value, len(l.Columns))}
		for g := range e.groups {
			e.groups[g] = rapid.Bool().Draw(t, "group")
		}
		for i := range e.values {
			if e.groups[l.Columns[i].Group] {
				drawValue(t, &l.Columns[i], &e.values[i])
			}
		}
		if rapid.IntRange(0, 3).Draw(t, "unknown") == 0 {
			e.extra = fmt.Sprint("c", rapid.IntRange(0, 60).Draw(t, "column"))
		}
		e.late = rapid.IntRange(0, 9).Draw(t, "late") == 0
		return e
	}), 0, 80).Draw(t, name)
}

func drawValue(t *rapid.T, c *ColumnLayout, v *Value) {
	switch class := Class(rapid.IntRange(0, int(classCount)+6).Draw(t, "class")); {
	case class == Missing, class == Null, class == TypeError:
		v.Class = class
	case c.Kind == Boolean:
		c.Bool(rapid.Bool().Draw(t, "bool"), v)
	case c.Kind == Categorical:
		level := rapid.SampledFrom([]string{"a", "b", "r1", "r2", "n"}).Draw(t, "level")
		if level == "n" { // more new names than a profile keeps
			level = fmt.Sprint("n", rapid.IntRange(0, 70).Draw(t, "new"))
		}
		c.Level([]byte(level), v)
	case class == NaN, class == PosInf, class == NegInf:
		v.Class = class
	default:
		c.Number(rapid.OneOf(rapid.Float64Range(-3, 13), rapid.SampledFrom([]float64{-1, 0, 1, 2, 3, 5, 10, math.MaxFloat64})).Draw(t, "x"), v)
	}
}

func (p *Profile) addAll(events []event) *Profile {
	for i := range events {
		e := &events[i]
		p.Add(e.groups, e.values, e.key)
		if e.extra != "" {
			p.AddUnknown([]byte(e.extra))
		}
		if e.late {
			p.Late++
		}
	}
	return p
}

func merged(parts ...*Profile) *Profile {
	out := parts[0].Clone()
	for _, p := range parts[1:] {
		out.Merge(p)
	}
	return out
}

func same(t *rapid.T, what string, a, b *Profile) {
	t.Helper()
	if d := cmp.Diff(a, b); d != "" {
		t.Fatalf("%s (-left +right):\n%s", what, d)
	}
}

// A merge is exact in any order: whatever partitions, panes and processes did
// with the events, the profile is the one that has seen them all.
func TestMergeLaws(t *testing.T) {
	l := sampleLayout(t)
	rapid.Check(t, func(t *rapid.T) {
		ea, eb, ec := drawEvents(t, l, "a"), drawEvents(t, l, "b"), drawEvents(t, l, "c")
		a, b, c := NewProfile(l).addAll(ea), NewProfile(l).addAll(eb), NewProfile(l).addAll(ec)
		before := b.Clone()
		same(t, "commutative", merged(a, b), merged(b, a))
		same(t, "associative", merged(merged(a, b), c), merged(a, merged(b, c)))
		same(t, "the whole", merged(a, b, c), NewProfile(l).addAll(slices.Concat(ea, eb, ec)))
		same(t, "empty is neutral", merged(a, NewProfile(l)), a)
		same(t, "the other side is left as it was", b, before)

		shuffled := rapid.Permutation(slices.Concat(ea, eb)).Draw(t, "order")
		same(t, "order of events", NewProfile(l).addAll(shuffled), merged(a, b))
	})
}

func TestResetIsNew(t *testing.T) {
	l := sampleLayout(t)
	rapid.Check(t, func(t *rapid.T) {
		p := NewProfile(l).addAll(drawEvents(t, l, "before"))
		p.Reset()
		same(t, "reset", p, NewProfile(l))
		again := drawEvents(t, l, "after")
		same(t, "used again", p.addAll(again), NewProfile(l).addAll(again))
	})
}

// A clone shares nothing with its original.
func TestCloneIsApart(t *testing.T) {
	l := sampleLayout(t)
	rapid.Check(t, func(t *rapid.T) {
		p := NewProfile(l).addAll(drawEvents(t, l, "first"))
		q := p.Clone()
		before := p.Clone()
		q.addAll(drawEvents(t, l, "second"))
		same(t, "original", p, before)
	})
}

// Every event is accounted for once in each column of its groups.
func TestColumnsAddUp(t *testing.T) {
	l := sampleLayout(t)
	rapid.Check(t, func(t *rapid.T) {
		events := drawEvents(t, l, "events")
		p := NewProfile(l).addAll(events)
		if p.Events != uint64(len(events)) {
			t.Fatalf("%d events of %d", p.Events, len(events))
		}
		for i := range l.Columns {
			c := &l.Columns[i]
			if got := p.Columns[i].Present() + p.Missing(c, i); got != p.Groups[c.Group] {
				t.Fatalf("column %s: %d present or missing of %d", c.Name, got, p.Groups[c.Group])
			}
			if q := &p.Columns[i]; q.Unlisted > q.Placed() || len(q.Names) > MaxNames {
				t.Fatalf("column %s: %d unlisted of %d, %d names", c.Name, q.Unlisted, q.Placed(), len(q.Names))
			}
		}
	})
}

// Profiles of a model without layout count events and nothing else.
func TestProfileWithoutLayout(t *testing.T) {
	p, q := NewProfile(nil), NewProfile(nil)
	p.Add([groupCount]bool{true, true}, nil, 1)
	q.Add([groupCount]bool{true, false}, nil, 2)
	q.AddUnknown([]byte("x"))
	p.Merge(q)
	if p.Events != 2 || p.Groups != [groupCount]uint64{2, 1} || p.Unknown != 1 || len(p.UnknownNames) != 1 {
		t.Errorf("%+v", p)
	}
}

// The sketch counts distinct hashes within five standard errors (1.04/16 each),
// whatever the order and however often each comes.
func TestSketch(t *testing.T) {
	for _, n := range []int{0, 1, 2, 10, 100, 1000, 30_000} {
		a, b := make([]byte, SketchSize), make([]byte, SketchSize)
		for i := range n {
			var raw [8]byte
			binary.LittleEndian.PutUint64(raw[:], uint64(i))
			sketchAdd(a, HashBytes(raw[:]))
			binary.LittleEndian.PutUint64(raw[:], uint64(n-1-i))
			sketchAdd(b, HashBytes(raw[:]))
			sketchAdd(b, HashBytes(raw[:]))
		}
		if !slices.Equal(a, b) {
			t.Errorf("%d: the order of hashes shows", n)
		}
		if got := SketchCount(a); math.Abs(got-float64(n)) > 5*.065*float64(n)+.01 {
			t.Errorf("%d distinct hashes are counted as %.1f", n, got)
		}
	}
	if SketchCount(nil) != 0 {
		t.Error("no sketch counts as something")
	}
}

// The bottom-k set is the union's, however it came about.
func TestNamesAreBottomK(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type pair struct {
			key  uint64
			name string
		}
		pairs := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) pair {
			return pair{rapid.Uint64Range(0, 300).Draw(t, "key"), fmt.Sprint(rapid.IntRange(0, 80).Draw(t, "name"))}
		}), 0, 300).Draw(t, "pairs")
		least := map[string]uint64{}
		var names []NamedLevel
		for _, p := range pairs {
			names = addName(names, p.key, []byte(p.name))
			if k, ok := least[p.name]; !ok || p.key < k {
				least[p.name] = p.key
			}
		}
		var want []NamedLevel
		for name, key := range least {
			want = append(want, NamedLevel{key, name})
		}
		slices.SortFunc(want, compareNames)
		if want = want[:min(len(want), MaxNames)]; !slices.Equal(names, want) {
			t.Fatalf("got %v\nwant %v", names, want)
		}
	})
}
