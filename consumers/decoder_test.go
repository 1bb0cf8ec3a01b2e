package consumers

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/driftd/driftd"
)

func testLayout(t testing.TB) *driftd.Layout {
	t.Helper()
	l := &driftd.Layout{Model: "fraud", Columns: []driftd.ColumnLayout{
		{Name: "amount", Kind: driftd.Numeric, Min: 0, Upper: []float64{10, 20, 30}},
		{Name: "merchant", Kind: driftd.Categorical, Categories: []string{"grocery", "fuel"}, Rare: []uint64{driftd.Hash64("casino")}},
		{Name: "vip", Kind: driftd.Boolean, Categories: []string{"false", "true"}},
		{Name: "user.age", Kind: driftd.Numeric, Min: 18, Upper: []float64{30, 60}},
		{Name: "prediction.score", Group: driftd.Prediction, Kind: driftd.Numeric, Min: 0, Upper: []float64{.5, 1}},
		{Name: "prediction.class", Group: driftd.Prediction, Kind: driftd.Categorical, Categories: []string{"ok", "fraud"}},
	}, Excluded: []driftd.Excluded{{Name: "ts", Reason: "a clock"}},
		Segments: []driftd.SegmentTag{{Tags: []string{"country"}, Values: []string{"DE", "FR"}}, {Tags: []string{"country", "device"}, Values: []string{"DE,ios"}}}}
	if err := l.Compile(); err != nil {
		t.Fatal(err)
	}
	return l
}

func describeEvent(ev *Event) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s t=%d groups=%v segs=", ev.Model.Name, ev.Time, ev.Groups)
	for _, s := range ev.Segments {
		fmt.Fprintf(&b, "%s ", ev.Model.Segments[s])
	}
	for i, v := range ev.Values {
		fmt.Fprintf(&b, "| %d", v.Class)
		if v.Class == driftd.Placed {
			fmt.Fprintf(&b, ":%d", v.Bin)
		}
		if v.Class == driftd.NewLevel {
			fmt.Fprintf(&b, ":%s", v.Name)
		}
		_ = i
	}
	for _, u := range ev.Unknown {
		fmt.Fprintf(&b, " ?%s", u)
	}
	return b.String()
}

func decodeAll(t testing.TB, m Map, def string, value string) (out []string, err error) {
	t.Helper()
	d, err := NewDecoder(m, def, FixedCatalog{"fraud": NewModel("fraud", testLayout(t), nil), "bare": NewModel("bare", nil, nil)})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time with every key predicted
		out = nil
		err = d.Decode([]byte(value), 7, func(ev *Event) error {
			out = append(out, describeEvent(ev))
			return nil
		})
	}
	return out, err
}

// Numbers after "|" are driftd.Class: 0 missing, 1 placed (:bin), 2 rare, 3 new,
// 4 null, 5 NaN, 6 +inf, 7 -inf, 8 type error.
func TestDecode(t *testing.T) {
	cases := []struct {
		name, def, in string
		m             Map
		want          []string
	}{
		{name: "native", in: `{"model":"fraud","time":"2026-11-24T12:00:00.123Z","tags":{"country":"DE","device":"ios"},"features":{"amount":12.5,"merchant":"grocery","vip":true,"user":{"age":70}},"prediction":{"score":0.93,"class":"fraud"}}`,
			want: []string{"fraud t=1795521600123000000 groups=[true true] segs=all country=DE country=DE,device=ios | 1:2| 1:0| 1:1| 1:3| 1:2| 1:1"}},
		{name: "model last, tags first", in: ` { "tags" : {"country":"XX"} , "features" : {"merchant":"casino","amount":null,"vip":"yes","zip":1,"ts":5} , "model" : "fraud" } `,
			want: []string{"fraud t=7 groups=[true false] segs=all country=other country,device=other | 4| 2| 8| 0| 0| 0 ?zip"}},
		{name: "odd values", def: "fraud", in: `{"features":{"amount":NaN,"merchant":"caf\u00e9","vip":1,"user":{"age":-Infinity}},"prediction":{"score":"Infinity","class":3}}`,
			want: []string{"fraud t=7 groups=[true true] segs=all country=other country,device=other | 5| 3:café| 8| 7| 6| 8"}},
		{name: "no layout", in: `{"model":"bare","features":{"a":1}}`, want: []string{"bare t=7 groups=[true false] segs=all "}},
		{name: "mapped", def: "fraud", m: Map{Time: "ts", TimeUnit: UnitMilli, Features: ".", Exclude: []string{"ts", "country", "out"}, Tags: map[string]string{"country": "country"}, Predictions: map[string]string{"score": "out.p"}},
			in: `{"ts":1500,"country":"FR","amount":5,"vip":false,"out":{"p":0.2,"q":1}}`, want: []string{"fraud t=1500000000 groups=[true true] segs=all country=FR country,device=other | 1:1| 0| 1:0| 0| 1:1| 0"}},
		{name: "rows", m: Map{Rows: "batch.rows"}, in: `{"model":"fraud","tags":{"country":"DE"},"batch":{"rows":[{"features":{"amount":1}},{"time":1,"tags":{"country":"FR"},"prediction":{"class":"ok"}}]}}`,
			want: []string{"fraud t=7 groups=[true false] segs=all country=DE country,device=other | 1:1| 0| 0| 0| 0| 0", "fraud t=1000000000 groups=[false true] segs=all country=FR country,device=other | 0| 0| 0| 0| 0| 1:0"}},
		{name: "columns", def: "fraud", m: Map{Rows: "data", Columns: []string{"ts", "amount", "merchant", "p"}, Time: "ts", TimeUnit: UnitSecond, Features: ".", Predictions: map[string]string{"score": "p"}},
			in: `{"data":[[1,5,"fuel",0.9],[2,500,null]]}`, want: []string{"fraud t=1000000000 groups=[true true] segs=all country=other country,device=other | 1:1| 1:1| 0| 0| 1:2| 0", "fraud t=2000000000 groups=[true false] segs=all country=other country,device=other | 1:4| 4| 0| 0| 0| 0"}},
		{name: "year 2970", in: `{"model":"fraud","time":"2970-01-01T00:00:00Z"}`, want: []string{fmt.Sprintf("fraud t=%d groups=[false false] segs=all country=other country,device=other | 0| 0| 0| 0| 0| 0", int64(math.MaxInt64))}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := decodeAll(t, c.m, c.def, c.in)
			if err != nil || !slices.Equal(got, c.want) {
				t.Fatalf("err %v\n got %q\nwant %q", err, got, c.want)
			}
		})
	}
}

func TestDecodeRejects(t *testing.T) {
	cases := []struct {
		in     string
		reason Reason
	}{
		{"", Undecodable}, {"garbage", Undecodable}, {"\x00\x00\x00\x00\x05abcdef", Undecodable}, {`{"model":"fraud"`, Undecodable},
		{`{"model":"fraud","features":{"amount":1e}}`, Undecodable}, {`{"features":{"amount":1}}`, NoModel}, {`{"model":"nobody","features":{"amount":1}}`, UnknownModel},
		{`{"model":"fraud","time":"yesterday"}`, BadTime}, {`[1,2]`, Undecodable}, {`{"model":"fraud"} x`, Undecodable},
		{`{"model":"fraud","features":` + strings.Repeat(`{"a":`, 100) + "1" + strings.Repeat("}", 101), Undecodable},
	}
	for _, c := range cases {
		_, err := decodeAll(t, Map{}, "", c.in)
		var r *Reject
		if !errors.As(err, &r) || r.Reason != c.reason {
			t.Errorf("%.60q: got %v, want reason %s", c.in, err, c.reason)
		}
	}
}

func TestParseTime(t *testing.T) {
	for in, want := range map[string]int64{
		"2026-11-24T12:00:00Z": 1795521600e9, "2026-11-24T13:00:00+01:00": 1795521600e9, "2026-11-24 12:00:00": 1795521600e9, "1795521600": 1795521600e9,
		"1795521600123": 1795521600123e6, "1795521600123456": 1795521600123456e3, "1795521600123456789": 1795521600123456789, "1795521600.5": 1795521600500e6,
		"1970-01-01": 0, "2024-02-29T00:00:00Z": 1709164800e9, "-1": -1e9,
	} {
		if got, ok := ParseTime(in); !ok || got != want {
			t.Errorf("%s: %d %v, want %d", in, got, ok, want)
		}
	}
	for _, in := range []string{"", "2026-02-30T00:00:00Z", "x", "2026-13-01T00:00:00Z"} {
		if got, ok := ParseTime(in); ok {
			t.Errorf("%q read as %d", in, got)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, s := range []string{`{"model":"fraud","features":{"amount":1,"user":{"age":3}},"prediction":{"score":1}}`, `{"rows":[{"features":{"amount":1}},[1,2]],"model":"fraud"}`, `[{"model":"fraud"}]`, "\x00", `{"a":"\ud800\u12"}`} {
		f.Add([]byte(s))
	}
	l := testLayout(f)
	catalog := FixedCatalog{"fraud": NewModel("fraud", l, nil)}
	maps := []Map{{}, {Rows: "rows"}, {Rows: ".", Columns: []string{"amount", "x"}, Features: "."}, {Features: ".", Time: "t", Predictions: map[string]string{"score": "p.q"}}}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, m := range maps {
			d, err := NewDecoder(m, "fraud", catalog)
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				p := driftd.NewProfile(l)
				err = d.Decode(b, 0, func(ev *Event) error {
					p.Add(ev.Groups, ev.Values, 1)
					return nil
				})
				var r *Reject
				if errors.As(err, &r) && r.Reason == Panicked {
					t.Fatalf("panic: %v", err)
				}
			}
		}
	})
}
