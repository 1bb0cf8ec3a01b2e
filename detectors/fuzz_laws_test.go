package detectors

import (
	"math"
	"testing"
)

// The laws of statistics, anywhere: a probability, or NaN where there is no law (NaN
// itself, no degrees of freedom, no values).
func FuzzLaws(f *testing.F) {
	for _, x := range []float64{0, math.Copysign(0, -1), 1, -1, .5, 1e-12, 5e-324, 1e308, -1e308, 37, 1e16, math.Inf(1), math.Inf(-1), math.NaN()} {
		for _, y := range []float64{0, 1, .5, 29, 1e9, math.Inf(1), math.NaN()} {
			f.Add(x, y, uint16(40))
		}
	}
	f.Fuzz(func(t *testing.T, x, y float64, n uint16) {
		known := !math.IsNaN(x) && y > 0
		for name, p := range map[string]float64{
			"Student": StudentSF(x, y), "chi-square": ChiSquareSF(x, y), "normal": NormalSF(x), "Kolmogorov": KolmogorovSF(x), "Kolmogorov, lower": KolmogorovCDF(x),
			"Smirnov": SmirnovSF(int(n), x), "Kolmogorov-Smirnov": KolmogorovSmirnovSF(int(n), x), "Cramer-von Mises": CramerVonMisesSF(x),
			"beta-binomial": BetaBinomialUpper(math.Floor(x), float64(n), y, y/3), "beta-binomial, lower": BetaBinomialLower(math.Floor(x), float64(n), y, y/3),
			"binomial": BinomialCDF(int(n)/3, int(n), x), "log normal": math.Exp(LogNormalCDF(x)),
		} {
			if p < 0 || p > 1+1e-12 {
				t.Errorf("%s at %v, %v, %d: %v", name, x, y, n, p)
			}
			if math.IsNaN(p) && known && n > 0 && name != "binomial" && !(math.IsInf(x, 0) || math.IsInf(y, 0)) {
				t.Errorf("%s at %v, %v, %d is NaN", name, x, y, n)
			}
		}
		if u := StudentUpper(x, y); u < 0 {
			t.Errorf("Student's t of %v, %v: %v", x, y, u)
		}
	})
}

// Shares and panels of any counts: distances are finite and not negative, fits have
// a variance, what is judged by them a probability.
func FuzzPanels(f *testing.F) {
	for _, b := range noise(30, 20, 420) {
		f.Add(b)
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, raw []byte) {
		r := &bytesReader{raw}
		cells := 1 + r.small()%12
		counts := func() (c []float64) {
			for range cells {
				c = append(c, float64(r.count()))
			}
			return c
		}
		a, b := counts(), counts()
		q, p := Smoothed(a), Smoothed(b)
		for name, d := range map[string]float64{"PSI": PSI(q, p), "KL": KullbackLeibler(q, p), "JS": JSDistance(q, p), "Hellinger": Hellinger(q, p), "TV": TotalVariation(q, p),
			"L-infinity": LInfinity(q, p), "KS": KSDistance(q, p), "chi-square": ChiSquareDivergence(q, p), "Bhattacharyya": Bhattacharyya(q, p)} {
			if !(d >= -1e-12) || math.IsInf(d, 0) {
				t.Errorf("%s of %v and %v: %v", name, a, b, d)
			}
		}
		within, mix, ok := Split([]Part{{Name: "x", Ref: a, Now: b}, {Name: "y", Ref: b, Now: counts()}})
		for _, w := range append(within, mix) {
			if ok && (math.IsNaN(w) || math.IsInf(w, 0)) {
				t.Errorf("Split of %v and %v: %v, mix %v", a, b, within, mix)
			}
		}
		var score, size, xr []float64
		for range r.small() % 60 {
			n := float64(r.count())
			size = append(size, n)
			score = append(score, 2*math.Pi*(float64(r.small())/255-.5))
			xr = append(xr, float64(r.count())/math.Max(1, n))
		}
		fit := FitScore("x", score, size)
		if fit.R > 1 {
			n := math.Max(1, float64(r.count()))
			if se := StdErr(&fit, n); !(se > 0) || math.IsInf(se, 0) || !(DF(&fit) > 0) {
				t.Errorf("standard error %v with %v degrees of freedom: %+v", se, DF(&fit), fit)
			}
		}
		rf := FitResidual(xr, size)
		if _, pv := ResidualP(float64(r.count())/256, 1+float64(r.count()), 1+float64(r.small()), 0, &rf); rf.R > 1 && !(pv >= 0 && pv <= 1) {
			t.Errorf("residual: p %v of %+v", pv, rf)
		}
		adjusted := append(append(BenjaminiHochberg(q), Holm(q)...), append(Bonferroni(q), BenjaminiYekutieli(q)...)...)
		for _, v := range adjusted {
			if !(v >= 0 && v <= 1) {
				t.Errorf("adjusted p-values of %v: %v", q, v)
			}
		}
	})
}
