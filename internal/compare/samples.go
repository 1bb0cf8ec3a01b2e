package compare

import (
	"maps"
	"math"
	"slices"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/detectors"
)

// exactPairs is up to how many pairs of values the exact Kolmogorov-Smirnov law is
// computed; above it the limit law is as good.
const exactPairs = 4_000_000

// minValues is how many values each side needs for the tests of numbers.
const minValues = 5

// twoSample are the tests of raw values that a kind allows.
func twoSample(kind driftd.Kind, a, b *series) []SampleTest {
	out := []SampleTest{}
	add := func(name string, statistic, p float64) {
		out = append(out, SampleTest{name, finite(statistic), finite(p)})
	}
	if kind == driftd.Numeric {
		x, y := a.numbers(), b.numbers()
		if len(x) < minValues || len(y) < minValues {
			return out
		}
		ks := detectors.KSSamples(x, y)
		p := ks.KSLimitP(detectors.TwoSided)
		if len(x)*len(y) <= exactPairs {
			p = ks.KSExactP(detectors.TwoSided)
		}
		add("ks", ks.Statistic(detectors.TwoSided), p)
		cvm := detectors.CramerVonMises(x, y)
		add("cramer_von_mises", cvm.T, cvm.P())
		ad := detectors.AndersonDarling(x, y, true)
		add("anderson_darling", ad.Statistic, ad.P)
		mw := detectors.MannWhitney(x, y)
		add("mann_whitney", mw.U, mw.P())
		t := detectors.WelchT(x, y)
		add("welch_t", t.Statistic, t.P)
		es := detectors.EppsSingleton(x, y)
		add("epps_singleton", es.Statistic, es.P)
		add("energy_distance", detectors.EnergyDistance(x, y), float64(nan))
		add("wasserstein", detectors.WassersteinSamples(x, y), float64(nan))
		return out
	}
	ref, cur := a.levels(), b.levels()
	names := slices.Sorted(maps.Keys(ref))
	for _, name := range slices.Sorted(maps.Keys(cur)) {
		if _, ok := ref[name]; !ok {
			names = append(names, name)
		}
	}
	var x, y []float64
	for _, name := range names {
		x, y = append(x, ref[name]), append(y, cur[name])
	}
	if len(names) < 2 || total(x) == 0 || total(y) == 0 {
		return out
	}
	chi := detectors.ChiSquareTest(x, y, false)
	add("chi_square", chi.Statistic, chi.P)
	g := detectors.GTest(x, y)
	add("g", g.Statistic, g.P)
	if len(names) == 2 {
		odds, p := detectors.FisherExact(int(x[0]), int(x[1]), int(y[0]), int(y[1]), detectors.TwoSided)
		add("fisher_exact", odds, p)
		z := detectors.TwoProportionZ(x[0], x[0]+x[1], y[0], y[0]+y[1])
		add("two_proportion_z", z.Statistic, z.P)
	}
	return out
}

func total(x []float64) (sum float64) {
	for _, v := range x {
		sum += v
	}
	return sum
}

// finite is x, or NaN where it is infinite: what has no number has none in JSON.
func finite(x float64) driftd.Float {
	if math.IsInf(x, 0) {
		return nan
	}
	return driftd.Float(x)
}
