package wire

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/driftd/driftd"
)

func pairLayout(t testing.TB) *driftd.Layout {
	t.Helper()
	l := &driftd.Layout{Model: "fraud", Columns: []driftd.ColumnLayout{
		{Name: "amount", Kind: driftd.Numeric, Min: -1, Upper: []float64{0, 1, 2.5}},
		{Name: "merchant", Kind: driftd.Categorical, Categories: []string{"a", "b"}},
		{Name: "items", Kind: driftd.Numeric, Min: 1, Upper: []float64{math.Nextafter(2, 0), 2}, Values: []float64{1, 2}},
		{Name: driftd.PairsColumn, Kind: driftd.Pairs, Pairs: &driftd.PairTable{Columns: []int{0, 2}, Z: [][]int16{{-60, -40, 0, 40, 60}, {-32, -32, 32, 32}}, Every: 2}},
	}}
	if err := l.Compile(); err != nil {
		t.Fatal(err)
	}
	return l
}

func TestPairsRoundTrip(t *testing.T) {
	made := pairLayout(t)
	b, err := EncodeLayout(made)
	if err != nil {
		t.Fatal(err)
	}
	var m Layout
	if err := proto.Unmarshal(b, &m); err != nil || m.MinReader != 3 {
		t.Errorf("a driftd that knows no pairs would read it: min_reader %d, %v", m.MinReader, err)
	}
	l, err := DecodeLayout(b)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(made.Columns[3].Pairs, l.Columns[3].Pairs, cmpopts.IgnoreUnexported(driftd.PairTable{})); d != "" {
		t.Fatal(d)
	}
	if l.IndexOf(driftd.PairsColumn) != 3 || l.Index([]byte(driftd.PairsColumn)) != -1 {
		t.Error("the column of pairs is found as a field of events, or not at all")
	}
	rapid.Check(t, func(t *rapid.T) {
		p := drawProfile(t, l)
		q := roundTrip(t, p, l)
		x, y := p.Columns[3].Pairs, q.Columns[3].Pairs
		if x.N != y.N || !cmp.Equal(x.Products, y.Products) || !cmp.Equal(x.Absolute, y.Absolute) {
			t.Fatalf("%+v came back as %+v", x, y)
		}
		q.Merge(p) // what was read can be gone on with
	})
}

// Tables and sums that nobody can have written are refused with a reason.
func TestBadPairs(t *testing.T) {
	for want, spoil := range map[string]func(m *Layout){
		"no table of pairs":   func(m *Layout) { m.Columns[3].Pairs = nil },
		"none of two columns": func(m *Layout) { m.Columns[3].Pairs.Columns = []uint32{0} },
		"column 1 is none":    func(m *Layout) { m.Columns[3].Pairs.Columns[1] = 1 },
		"column 9 is none":    func(m *Layout) { m.Columns[3].Pairs.Columns[1] = 9 },
		"column 2 is none":    func(m *Layout) { m.Columns[3].Pairs.Columns = []uint32{2, 0} },
		"has other bins":      func(m *Layout) { m.Columns[3].Pairs.Ranks[0].Z = []int32{1} },
		"a rank of":           func(m *Layout) { m.Columns[3].Pairs.Ranks[1].Z[0] = math.MaxInt32 },
		"none of two column":  func(m *Layout) { m.Columns[3].Pairs.Every = 0 },
		"columns follow":      func(m *Layout) { m.Columns[1], m.Columns[3] = m.Columns[3], m.Columns[1] },
	} {
		b, err := EncodeLayout(pairLayout(t))
		if err != nil {
			t.Fatal(err)
		}
		var m Layout
		if err := proto.Unmarshal(b, &m); err != nil {
			t.Fatal(err)
		}
		spoil(&m)
		if b, err = proto.Marshal(&m); err != nil {
			t.Fatal(err)
		}
		if _, err := DecodeLayout(b); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q: %v", want, err)
		}
	}
	l := pairLayout(t)
	for want, spoil := range map[string]func(c *ColumnProfile){
		"the layout has 1":         func(c *ColumnProfile) { c.Products = nil },
		"1 and 2 pairs":            func(c *ColumnProfile) { c.Absolute = []int64{1, 2} },
		"events cannot come to":    func(c *ColumnProfile) { c.Products[0] = 1 },
		"sums of 1844674407370955": func(c *ColumnProfile) { c.PairEvents = math.MaxUint64 },
	} {
		m := ProfileToWire(driftd.NewProfile(l))
		spoil(m.Columns[3])
		if _, err := ProfileFromWire(m, l); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q: %v", want, err)
		}
	}
}
