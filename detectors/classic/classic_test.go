package classic

import (
	"math"
	"strings"
	"testing"
)

// What a test cannot judge it says, and gives no score and no drift.
func TestWhatCannotBeJudged(t *testing.T) {
	numbers := Values{Numbers: []float64{1, 2, 3, 4, 5, 6}}
	for _, c := range []struct {
		test     string
		ref, cur Values
		want     string
	}{
		{"ks", Values{}, numbers, "both sides need some"},
		{"psi", numbers, Values{Numbers: []float64{math.NaN()}}, "0 now"},
		{"ks", Values{Levels: []string{"a"}}, Values{Levels: []string{"b"}}, "for numbers"},
		{"es", Values{Numbers: []float64{1, 1, 1, 1, 1}}, Values{Numbers: []float64{1, 1, 1, 1, 1}}, "quartiles"},
		{"anderson", Values{Numbers: []float64{1}}, Values{Numbers: []float64{1, 1, 1}}, "more than one"},
		{"g_test", Values{Levels: []string{"a", "b"}}, Values{Levels: []string{"a"}}, "as many values"},
		{"fisher_exact", Values{Levels: []string{"a", "b", "c"}}, Values{Levels: []string{"a", "b", "c"}}, "two different values"},
	} {
		test, err := Evidently(c.test)
		if err != nil {
			t.Fatal(err)
		}
		v, err := test.Judge(c.ref, c.cur, 0)
		if err == nil || !strings.Contains(err.Error(), c.want) || v.Drifted || !math.IsNaN(v.Score) {
			t.Errorf("%s: %+v, %v, want %q", c.test, v, err, c.want)
		}
	}
	if _, err := Evidently("kolmogorov"); err == nil || !strings.Contains(err.Error(), `"ks"`) {
		t.Errorf("an unknown test: %v", err)
	}
	if _, err := NannyML("psi"); err == nil || !strings.Contains(err.Error(), `"hellinger"`) {
		t.Errorf("an unknown measure: %v", err)
	}
	chi2, _ := NannyML("chi2")
	if _, err := chi2.Fit(numbers, 2); err == nil || !strings.Contains(err.Error(), "these are numbers") {
		t.Errorf("chi2 of numbers: %v", err)
	}
}

// Every test has a score of values of every odd kind, or says why not: no
// infinite one, and no panic.
func TestOddValues(t *testing.T) {
	odd := []Values{
		{Numbers: []float64{0}}, {Numbers: []float64{0, math.Copysign(0, -1)}}, {Numbers: []float64{5e-324, 1e-310, -5e-324, 0, 1, 2}},
		{Numbers: []float64{1e308, -1e308, 1e300, 1, 2, 3}}, {Numbers: []float64{7, 7, 7, 7, 7, 7}}, {Numbers: []float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}},
		{Levels: []string{""}}, {Levels: []string{"a", "b"}}, {Levels: []string{"a", "a", "a"}},
	}
	for _, ref := range odd {
		for _, cur := range odd {
			if ref.Categorical() != cur.Categorical() {
				continue
			}
			for _, test := range EvidentlyTests {
				v, err := test.Judge(ref, cur, 0)
				if err != nil {
					continue
				}
				if !test.Distance && !math.IsNaN(v.Score) && (v.Score < 0 || v.Score > 1+1e-12) && test.Name != "TVD" {
					t.Errorf("%s of %v and %v: P %v", test.Name, ref, cur, v.Score)
				}
				if test.Distance && v.Score < -1e-12 {
					t.Errorf("%s of %v and %v: %v", test.Name, ref, cur, v.Score)
				}
			}
			for _, m := range NannyMLMeasures {
				f, err := m.Fit(ref, 3)
				if err != nil {
					continue
				}
				if v := f.Judge(cur); v.Score < 0 {
					t.Errorf("%s of %v and %v: %v", m.Name, ref, cur, v.Score)
				}
			}
		}
	}
}
