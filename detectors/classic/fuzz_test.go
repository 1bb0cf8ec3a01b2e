package classic

import (
	"encoding/binary"
	"math"
	"testing"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/detectors"
)

// Whatever the values: a test has a p-value, a distance that is none below 0, or
// says why not; nothing panics.
func FuzzValues(f *testing.F) {
	of := func(v ...float64) (b []byte) {
		for _, x := range v {
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(x))
		}
		return b
	}
	f.Add([]byte{}, uint8(0), false)
	f.Add(of(1, 2, 3, 4, 5, 6, 7, 8), uint8(4), false)
	f.Add(of(1, 1, 1, 2, 2, 2), uint8(3), true)
	f.Add(of(0, math.Copysign(0, -1), 5e-324, 1e308, -1e308, 1.7e308, -1.7e308, 3), uint8(4), false)
	f.Add(of(math.NaN(), math.Inf(1), math.Inf(-1), 1, 2, 3), uint8(3), false)
	f.Fuzz(func(t *testing.T, raw []byte, cut uint8, levels bool) {
		var v Values
		if levels {
			v.Levels = []string{}
		}
		for len(raw) >= 8 && v.Len() < 40 {
			if levels {
				v.Levels = append(v.Levels, string(raw[:1]))
			} else {
				v.Numbers = append(v.Numbers, math.Float64frombits(binary.LittleEndian.Uint64(raw)))
			}
			raw = raw[8:]
		}
		k := min(int(cut), v.Len())
		ref, cur := v, v
		if levels {
			ref.Levels, cur.Levels = v.Levels[:k], v.Levels[k:]
		} else {
			ref.Numbers, cur.Numbers = v.Numbers[:k], v.Numbers[k:]
		}
		for _, test := range EvidentlyTests {
			got, err := test.Judge(ref, cur, 0)
			if err == nil && (got.Score < -1e-12 || math.IsInf(got.Score, 0) || !test.Distance && got.Score > 1+1e-12) {
				t.Errorf("%s of %v and %v: %v", test.Name, ref, cur, got.Score)
			}
		}
		for _, m := range NannyMLMeasures {
			fit, err := m.Fit(ref, 3)
			if err != nil {
				continue
			}
			if got := fit.Judge(cur); got.Score < -1e-12 || math.IsInf(got.Score, 0) {
				t.Errorf("%s of %v and %v: %v", m.Name, ref, cur, got.Score)
			}
		}
	})
}

// Whatever counts come: a rule's rate is a share, its numbers are finite or null, and
// it flags nothing that it did not evaluate.
func FuzzRules(f *testing.F) {
	f.Add([]byte{}, false)
	f.Add([]byte{9, 9, 9, 9, 9, 9, 9, 9, 9, 0, 0, 0, 0, 99, 200, 1}, false)
	f.Add([]byte{200, 100, 50, 25, 12, 6, 3, 1, 0, 0, 255, 255, 255, 255, 255, 255, 255}, true)
	f.Add([]byte{0, 0, 0, 0, 0, 0, 255, 0, 0, 0, 0, 0, 0, 255, 0, 0, 0, 0}, false)
	f.Fuzz(func(t *testing.T, raw []byte, levels bool) {
		c := driftd.ColumnLayout{Name: "x", Kind: driftd.Numeric, Min: -1, Upper: []float64{0, 1, 2, 5e8}}
		if levels {
			c = driftd.ColumnLayout{Name: "x", Kind: driftd.Categorical, Categories: []string{"a", "b", "c"}}
		}
		l := &driftd.Layout{Model: "m", Columns: []driftd.ColumnLayout{c}}
		if err := l.Compile(); err != nil {
			t.Fatal(err)
		}
		next := func() uint64 {
			if len(raw) == 0 {
				return 0
			}
			x := uint64(raw[0])
			raw = raw[1:]
			return x * x * x / 100
		}
		profile := func() *driftd.ColumnProfile {
			p := driftd.NewProfile(l)
			q := &p.Columns[0]
			for i := range q.Bins {
				k := next()
				q.Bins[i] = driftd.Bin{Count: k, Offset: 127 * k}
			}
			for i := range q.Counts {
				q.Counts[i] = next()
			}
			q.Classes[driftd.Null] = next()
			if q.Bins != nil {
				q.Min, q.Max = -1, 5e8
			}
			return q
		}
		var panel []detectors.ColumnWindow
		for range next() % 40 {
			panel = append(panel, detectors.ColumnWindow{Profile: profile()})
		}
		ref := &driftd.ColumnReference{Profile: *profile()}
		scale := detectors.FitColumn(&l.Columns[0], ref, panel)
		column := detectors.NewColumn(&l.Columns[0], ref, &scale, 1e-4)
		w := &detectors.ColumnWindow{Profile: profile()}
		rules := []*Rule{{Name: PresetEvidently}, {Name: PresetNannyML}}
		for i := range detectors.Measures {
			rules = append(rules, limit(detectors.Measures[i].Name, .1))
		}
		for _, r := range rules {
			d := column.Judge(w, true, "")
			r.Apply(column).Judge(w, true, "", 168, &d)
			if a := d.Alpha; a < 0 || a > 1 || d.Flag && !d.Evaluated || d.Verdict == "" || !d.Evaluated && d.Reason == "" {
				t.Errorf("%s: %+v", r, d)
			}
			for _, x := range d.Tests {
				if math.IsInf(float64(x.Statistic), 0) || math.IsInf(float64(x.Effect), 0) {
					t.Errorf("%s: %+v", r, x)
				}
			}
		}
	})
}
