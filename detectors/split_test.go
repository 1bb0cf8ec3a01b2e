package detectors

import (
	"math"
	"testing"
)

func TestSplit(t *testing.T) {
	for _, c := range []struct {
		name   string
		parts  []Part
		within []float64
		mix    float64
	}{
		{"one part moves", []Part{{"a", []float64{500, 500}, []float64{500, 500}}, {"b", []float64{500, 500}, []float64{300, 700}}}, []float64{0, 1}, 0},
		{"both alike", []Part{{"a", []float64{500, 500}, []float64{400, 600}}, {"b", []float64{500, 500}, []float64{400, 600}}}, []float64{.5, .5}, 0},
		{"the mix alone", []Part{{"a", []float64{900, 100}, []float64{450, 50}}, {"b", []float64{100, 900}, []float64{150, 1350}}}, []float64{0, 0}, 1},
		{"a part that is new", []Part{{"a", []float64{500, 500}, []float64{500, 500}}, {"b", []float64{0, 0}, []float64{0, 500}}}, []float64{0, 0}, 1},
	} {
		within, mix, ok := Split(c.parts)
		if !ok || math.Abs(mix-c.mix) > 1e-9 {
			t.Errorf("%s: mix %v %v, want %v", c.name, mix, ok, c.mix)
			continue
		}
		for i := range within {
			if math.Abs(within[i]-c.within[i]) > 1e-9 {
				t.Errorf("%s: within %v, want %v", c.name, within, c.within)
			}
		}
	}
	for name, parts := range map[string][]Part{"none": nil, "no change": {{"a", []float64{5, 5}, []float64{10, 10}}}, "nothing now": {{"a", []float64{5, 5}, []float64{0, 0}}}, "other bins": {{"a", []float64{5}, []float64{1, 2}}}} {
		if _, _, ok := Split(parts); ok {
			t.Errorf("%s: it has an answer", name)
		}
	}
}
