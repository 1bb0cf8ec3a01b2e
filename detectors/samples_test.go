package detectors

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestSamplesWithoutValues(t *testing.T) {
	nan := math.NaN()
	for _, c := range [][2][]float64{{nil, {1}}, {{1}, nil}, {nil, nil}, {{1, nan}, {1}}, {{1}, {nan}}} {
		r := KSSamples(c[0], c[1])
		if !math.IsNaN(r.Statistic(TwoSided)) || !math.IsNaN(r.KSExactP(TwoSided)) || !math.IsNaN(r.KSLimitP(TwoSided)) || !math.IsNaN(r.KSLimitP(Less)) {
			t.Errorf("KS of %v: %+v", c, r)
		}
		if w := WassersteinSamples(c[0], c[1]); !math.IsNaN(w) {
			t.Errorf("Wasserstein of %v: %v", c, w)
		}
	}
	inf := math.Inf(1)
	if w := WassersteinSamples([]float64{1, inf}, []float64{2, inf}); w != .5 {
		t.Errorf("infinities in common: %v", w)
	}
	if w := WassersteinSamples([]float64{1}, []float64{inf}); w != inf {
		t.Errorf("an infinity: %v", w)
	}
}

// The two sides mirror each other, and what the tests say does not depend on
// the order of values.
func TestKSSymmetry(t *testing.T) {
	values := rapid.SliceOfN(rapid.Map(rapid.IntRange(-5, 5), func(i int) float64 { return float64(i) / 3 }), 1, 25)
	rapid.Check(t, func(t *rapid.T) {
		x, y := values.Draw(t, "x"), values.Draw(t, "y")
		a, b := KSSamples(x, y), KSSamples(y, x)
		if a.Plus != b.Minus || a.Minus != b.Plus {
			t.Fatalf("%+v against %+v", a, b)
		}
		for _, alt := range []Alternative{TwoSided, Greater, Less} {
			p, l := a.KSExactP(alt), a.KSLimitP(alt)
			if !(p >= 0 && p <= 1 && l >= 0 && l <= 1) {
				t.Fatalf("alternative %d: p %v, limit %v", alt, p, l)
			}
		}
		if p, q := a.KSExactP(Greater), b.KSExactP(Less); math.Abs(p-q) > 1e-12 {
			t.Fatalf("%v against %v", p, q)
		}
		slices.Reverse(x)
		if c := KSSamples(x, y); c != a {
			t.Fatalf("%+v reversed %+v", a, c)
		}
		if w, v := WassersteinSamples(x, y), WassersteinSamples(y, x); math.Abs(w-v) > 1e-12 {
			t.Fatalf("%v against %v", w, v)
		}
	})
}

// The limit law approaches the exact one.
func TestKSLimit(t *testing.T) {
	r := KSResult{N: 2000, M: 1500, Plus: .05, Minus: .01}
	p, l := r.KSExactP(TwoSided), r.KSLimitP(TwoSided)
	if math.Abs(l/p-1) > .05 {
		t.Errorf("exact %v, limit %v", p, l)
	}
}

func TestContingencyWithoutCounts(t *testing.T) {
	nan := math.NaN()
	for _, c := range [][2][]float64{{nil, nil}, {{0, 0}, {1, 2}}, {{1, 2}, {0, 0}}, {{1}, {1, 2}}, {{-1, 3}, {1, 2}}, {{nan, 3}, {1, 2}}, {{math.Inf(1), 3}, {1, 2}}} {
		for _, r := range []Test{ChiSquareTest(c[0], c[1], false), ChiSquareTest(c[0], c[1], true), GTest(c[0], c[1])} {
			if !math.IsNaN(r.Statistic) || !math.IsNaN(r.P) {
				t.Errorf("%v: %+v", c, r)
			}
		}
	}
	if r := ChiSquareTest([]float64{5, 0}, []float64{9, 0}, true); r != (Test{0, 1, 0}) {
		t.Errorf("one category: %+v", r)
	}
}

func TestSampleQuantileWithoutValues(t *testing.T) {
	nan := math.NaN()
	for m := Linear; m <= MedianUnbiased; m++ {
		if !math.IsNaN(SampleQuantile(nil, .5, m)) || !math.IsNaN(SampleQuantile([]float64{1}, nan, m)) || !math.IsNaN(SampleQuantile([]float64{1}, 1.1, m)) || !math.IsNaN(SampleQuantile([]float64{nan, 1}, .5, m)) {
			t.Errorf("method %d", m)
		}
		if x := SampleQuantile([]float64{3}, .2, m); x != 3 {
			t.Errorf("method %d: %v of one value", m, x)
		}
	}
}

// Adjusted p-values: NaN is no test, ties get the same, Holm lies between
// Bonferroni and the raw ones, BH below Holm.
func TestAdjustedPValues(t *testing.T) {
	nan := math.NaN()
	if got := BenjaminiHochberg([]float64{nan, .01, nan, .02}); !math.IsNaN(got[0]) || !math.IsNaN(got[2]) || got[1] != .02 || got[3] != .02 {
		t.Errorf("with NaN: %v", got)
	}
	if got := Rejections([]float64{nan, .01, .05}, .05); got[0] || !got[1] || !got[2] {
		t.Errorf("rejections: %v", got)
	}
	if len(Holm(nil)) != 0 || len(BenjaminiYekutieli(nil)) != 0 {
		t.Error("no tests")
	}
	rapid.Check(t, func(t *rapid.T) {
		p := rapid.SliceOfN(rapid.Map(rapid.IntRange(0, 20), func(i int) float64 { return float64(i) / 20 }), 1, 30).Draw(t, "p")
		bh, by, holm, bonferroni := BenjaminiHochberg(p), BenjaminiYekutieli(p), Holm(p), Bonferroni(p)
		for i := range p {
			if !(p[i] <= bh[i]*(1+1e-12) && bh[i] <= by[i] && bh[i] <= holm[i]*(1+1e-12) && holm[i] <= bonferroni[i] && bonferroni[i] <= 1) {
				t.Fatalf("p %v: BH %v, BY %v, Holm %v, Bonferroni %v", p[i], bh[i], by[i], holm[i], bonferroni[i])
			}
			for j := range p {
				if p[i] <= p[j] && (bh[i] > bh[j] || holm[i] > holm[j]) {
					t.Fatalf("order of %v and %v is lost", p[i], p[j])
				}
			}
		}
	})
}

func TestFisherCombinationEnds(t *testing.T) {
	if r := FisherCombination([]float64{0, .5}); !math.IsInf(r.Statistic, 1) || r.P != 0 {
		t.Errorf("p 0: %+v", r)
	}
	if r := FisherCombination([]float64{1, 1}); r.Statistic != 0 || r.P != 1 || math.Signbit(r.Statistic) {
		t.Errorf("p 1: %+v", r)
	}
	for _, p := range [][]float64{nil, {-.1}, {1.1}, {math.NaN()}} {
		if r := FisherCombination(p); !math.IsNaN(r.P) {
			t.Errorf("%v: %+v", p, r)
		}
	}
}

func TestDivergencesOfSharesWithZeros(t *testing.T) {
	q, p := []float64{.5, .5, 0}, []float64{0, .5, .5}
	for name, c := range map[string]struct{ got, want float64 }{
		"KL":            {KullbackLeibler(q, p), math.Inf(1)},
		"KL of itself":  {KullbackLeibler(q, q), 0},
		"Hellinger":     {Hellinger(q, p), math.Sqrt(.5)},
		"Bhattacharyya": {Bhattacharyya(q, p), .5},
		"TV":            {TotalVariation(q, p), .5},
		"Linf":          {LInfinity(q, p), .5},
		"JS":            {JSDistance(q, p), math.Sqrt(.5)},
		"PSI":           {PSI(q, p), math.Inf(1)},
		"PSI of itself": {PSI(q, q), 0},
	} {
		if !(math.Abs(c.got-c.want) < 1e-14 || c.got == c.want) {
			t.Errorf("%s: %v, want %v", name, c.got, c.want)
		}
	}
}

func TestKolmogorovAndSmirnovEnds(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for name, c := range map[string]struct{ got, want float64 }{
		"SF(-1)": {KolmogorovSF(-1), 1}, "SF(inf)": {KolmogorovSF(inf), 0}, "SF(NaN)": {KolmogorovSF(nan), nan},
		"CDF(-1)": {KolmogorovCDF(-1), 0}, "CDF(inf)": {KolmogorovCDF(inf), 1}, "CDF(NaN)": {KolmogorovCDF(nan), nan},
		"upper(0)": {KolmogorovUpper(0), inf}, "upper(1)": {KolmogorovUpper(1), 0}, "upper(2)": {KolmogorovUpper(2), nan}, "upper(NaN)": {KolmogorovUpper(nan), nan},
		"Smirnov n 0": {SmirnovSF(0, .5), nan}, "Smirnov NaN": {SmirnovSF(3, nan), nan}, "Smirnov d 0": {SmirnovSF(3, 0), 1}, "Smirnov d 1": {SmirnovSF(3, 1), 0},
		"chi2 x < 0": {ChiSquareSF(-1, 2), 1}, "chi2 inf": {ChiSquareSF(inf, 2), 0}, "chi2 df 0": {ChiSquareSF(1, 0), nan}, "chi2 NaN": {ChiSquareSF(nan, 1), nan},
	} {
		if c.got != c.want && !(math.IsNaN(c.got) && math.IsNaN(c.want)) {
			t.Errorf("%s = %v, want %v", name, c.got, c.want)
		}
	}
}
