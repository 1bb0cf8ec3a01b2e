package detectors

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"
)

// orders visits every way to give n of n+m distinct values to x.
func orders(n, m int, visit func(x, y []float64)) {
	for mask := range 1 << (n + m) {
		var x, y []float64
		for k := range n + m {
			if mask>>k&1 == 1 {
				x = append(x, float64(k))
			} else {
				y = append(y, float64(k))
			}
		}
		if len(x) == n {
			visit(x, y)
		}
	}
}

// The exact laws are the shares of all orders that are as extreme, counted.
func TestExactLawsAreCounts(t *testing.T) {
	for _, size := range [][2]int{{2, 2}, {2, 5}, {3, 4}, {5, 4}, {6, 6}, {7, 5}} {
		n, m := size[0], size[1]
		type statistic struct {
			name string
			of   func(x, y []float64) (value, p float64)
		}
		for _, s := range []statistic{
			{"KS", func(x, y []float64) (float64, float64) {
				r := KSSamples(x, y)
				return r.Statistic(TwoSided), r.KSExactP(TwoSided)
			}},
			{"Cramer-von Mises", func(x, y []float64) (float64, float64) {
				r := CramerVonMises(x, y)
				return r.T, r.ExactP()
			}},
			{"Mann-Whitney", func(x, y []float64) (float64, float64) {
				r := MannWhitney(x, y)
				return math.Abs(r.U - float64(n*m)/2), r.ExactP()
			}},
		} {
			var values, ps []float64
			orders(n, m, func(x, y []float64) {
				v, p := s.of(x, y)
				values, ps = append(values, v), append(ps, p)
			})
			for i := range values {
				as := 0.0
				for _, v := range values {
					if v >= values[i]-1e-9 {
						as++
					}
				}
				if want := as / float64(len(values)); math.Abs(ps[i]-want) > 1e-12 {
					t.Fatalf("%s, %d and %d values, statistic %v: P %v, counted %v", s.name, n, m, values[i], ps[i], want)
				}
			}
		}
	}
}

// Fisher's test of a table is the share of the orders of marks with its margins.
func TestFisherIsACount(t *testing.T) {
	for _, c := range [][4]int{{3, 1, 1, 3}, {0, 4, 3, 2}, {5, 2, 0, 3}, {2, 2, 2, 2}, {1, 6, 4, 1}} {
		n, marked := c[0]+c[1], c[0]+c[2]
		total := n + c[2] + c[3]
		ways := make([]float64, total+1)
		all := 0.0
		orders(marked, total-marked, func(x, _ []float64) {
			k := 0
			for _, v := range x {
				if int(v) < n {
					k++
				}
			}
			ways[k]++
			all++
		})
		var less, greater, both float64
		for k, w := range ways {
			if k <= c[0] {
				less += w / all
			}
			if k >= c[0] {
				greater += w / all
			}
			if w <= ways[c[0]] {
				both += w / all
			}
		}
		for alt, want := range map[Alternative]float64{Less: less, Greater: greater, TwoSided: both} {
			if _, p := FisherExact(c[0], c[1], c[2], c[3], alt); math.Abs(p-want) > 1e-12 {
				t.Errorf("%v, alternative %d: %v, counted %v", c, alt, p, want)
			}
		}
	}
}

// What the expansion leaves against the exact value falls as n^-2.
func TestPelzGoodAgainstExact(t *testing.T) {
	for _, z := range []float64{.6, .8, 1, 1.2, 1.4} {
		off := func(n int) float64 {
			d := z / math.Sqrt(float64(n))
			return math.Abs(pelzGoodCDF(n, d) - marsagliaCDF(n, d))
		}
		if a, b := off(200), off(800); a > 2e-6 || b > a/12+1e-11 {
			t.Errorf("z = %v: off by %.2g at n = 200, %.2g at 800", z, a, b)
		}
	}
}

// Far out the law is its integral's first term, Gamma(1/2) at the end u = pi; and
// the two ways meet.
func TestCramerVonMisesTail(t *testing.T) {
	series, integral := CramerVonMisesSF(math.Nextafter(.3, 0)), CramerVonMisesSF(.3)
	if math.Abs(series-integral) > 1e-12 {
		t.Errorf("at .3: %v and %v", series, integral)
	}
	for _, x := range []float64{20, 50, 100} {
		// 2/pi sqrt(1/pi) e^(-x pi^2/2) integral v^(-1/2) e^(-x pi v) dv, v = u - pi
		want := 2 / math.Pi / math.Sqrt(math.Pi) * math.Exp(-x*math.Pi*math.Pi/2) * math.Sqrt(math.Pi/(x*math.Pi))
		if got := CramerVonMisesSF(x); math.Abs(got/want-1) > 1/x {
			t.Errorf("P(W > %v) = %v, about %v", x, got, want)
		}
	}
}

// Rates of false alarms of all tests, at 5 %, of small samples without drift.
func TestSampleTestsHoldTheirLevel(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	const runs = 4000
	rejected := map[string]int{}
	for range runs {
		x, y := make([]float64, 30), make([]float64, 40)
		for i := range x {
			x[i] = rng.NormFloat64()
		}
		for i := range y {
			y[i] = rng.NormFloat64()
		}
		for name, p := range sampleTests(x, y) {
			if p < .05 {
				rejected[name]++
			}
		}
	}
	for name, n := range rejected {
		if share := float64(n) / runs; share < .03 || share > .065 {
			t.Errorf("%s: %.3f of samples without drift rejected at .05", name, share)
		}
	}
}

func sampleTests(x, y []float64) map[string]float64 {
	ks, cvm, mw := KSSamples(x, y), CramerVonMises(x, y), MannWhitney(x, y)
	out := map[string]float64{
		"KS asymptotic": ks.KSAsymptoticP(TwoSided), "KS limit, greater": ks.KSLimitP(Greater),
		"CvM": cvm.LimitP(), "Anderson-Darling": AndersonDarling(x, y, true).P, "Anderson-Darling, right": AndersonDarling(x, y, false).P,
		"Epps-Singleton": EppsSingleton(x, y).P, "Mann-Whitney": mw.LimitP(true), "Welch": WelchT(x, y).P, "Student": StudentT(x, y).P,
	}
	if len(x) <= 30 && len(y) <= 40 {
		out["KS exact"], out["Mann-Whitney exact"] = ks.KSExactP(TwoSided), mw.ExactP()
	}
	return out
}

// Whatever the values, a p-value is one, or NaN; nothing panics or hangs; a
// distance is not negative; and swapping the samples changes neither.
func FuzzSamples(f *testing.F) {
	bytesOf := func(v ...float64) (b []byte) {
		for _, x := range v {
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(x))
		}
		return b
	}
	f.Add(bytesOf(), uint8(0))
	f.Add(bytesOf(1), uint8(1))
	f.Add(bytesOf(1, 2), uint8(1))
	f.Add(bytesOf(1, 1, 1, 1, 1, 1), uint8(3))
	f.Add(bytesOf(5e-324, -5e-324, 1e-320, 2e-320, 0, math.Copysign(0, -1), 1, 2, 3, 4), uint8(5))
	f.Add(bytesOf(1e308, -1e308, 1.7e308, 1, 2, 1e308, -1e308, 1e308, 5, 5, 5), uint8(5))
	f.Add(bytesOf(math.Inf(1), 1, math.Inf(-1), 2, 3, 4, math.Inf(1), 3, 3, 3, 3), uint8(5))
	f.Add(bytesOf(math.NaN(), 1, 2, 3), uint8(2))
	f.Fuzz(func(t *testing.T, raw []byte, cut uint8) {
		var v []float64
		for len(raw) >= 8 && len(v) < 40 {
			v, raw = append(v, math.Float64frombits(binary.LittleEndian.Uint64(raw))), raw[8:]
		}
		n := min(int(cut), len(v))
		x, y := v[:n], v[n:]
		there, back := sampleTests(x, y), sampleTests(y, x)
		for name, p := range there {
			if p < 0 || p > 1+1e-12 {
				t.Errorf("%s: P %v of %v and %v", name, p, x, y)
			}
			if name == "KS limit, greater" || name == "Epps-Singleton" { // one looks at a side; of levels the other's rank is rounding
				continue
			}
			if q, ok := back[name]; ok && (math.IsNaN(p) != math.IsNaN(q) || math.Abs(p-q) > 1e-6*math.Max(p, q)+1e-300) {
				t.Errorf("%s: P %v, swapped %v, of %v and %v", name, p, q, x, y)
			}
		}
		for name, d := range map[string]float64{"W1": WassersteinSamples(x, y), "energy": EnergyDistance(x, y)} {
			if d < 0 {
				t.Errorf("%s: %v of %v and %v", name, d, x, y)
			}
		}
		for rule := Sturges; rule <= AutoBins; rule++ {
			if len(x) == 0 || rule.count(x) > 1<<16 {
				continue
			}
			edges := rule.Bins(x)
			if edges == nil {
				continue
			}
			sum := 0.0
			for _, c := range Histogram(x, edges) {
				sum += c
			}
			if sum != float64(len(x)) {
				t.Errorf("rule %d: %v of %v are counted, edges %v", rule, sum, x, edges)
			}
		}
	})
}

// A table of counts, however odd, gives a chance.
func FuzzTables(f *testing.F) {
	f.Add(0, 0, 0, 0)
	f.Add(1, 0, 0, 1)
	f.Add(100000, 3, 2, 99999)
	f.Add(-1, 5, 5, 5)
	f.Fuzz(func(t *testing.T, a, b, c, d int) {
		const most = 1 << 20
		a, b, c, d = a%most, b%most, c%most, d%most
		for alt := range Less + 1 {
			_, p := FisherExact(a, b, c, d, alt)
			if p < 0 || p > 1 || math.IsNaN(p) && min(a, b, c, d) >= 0 {
				t.Errorf("Fisher of %d %d %d %d: %v", a, b, c, d, p)
			}
		}
		for _, p := range []float64{
			HypergeometricCDF(a, b, c, d), HypergeometricPMF(a, b, c, d), BinomialCDF(a, b, .3), BinomialSF(a, b, .3),
			TwoProportionZ(float64(a), float64(a+b), float64(c), float64(c+d)).P,
			ChiSquareTest([]float64{float64(a), float64(b)}, []float64{float64(c), float64(d)}, true).P,
		} {
			if p < 0 || p > 1+1e-12 {
				t.Errorf("%d %d %d %d: %v", a, b, c, d, p)
			}
		}
	})
}
