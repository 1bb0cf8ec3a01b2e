package detectors

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
)

// Tests on raw values against scipy's.
var twoSampleChecks = map[string]check{
	"ks_exact":         ksCheck(TwoSided, true),
	"ks_exact_less":    ksCheck(Less, true),
	"ks_exact_greater": ksCheck(Greater, true),
	"ks_auto":          ksAuto,
	"ks_asymp":         ksCheck(TwoSided, false),
	"ks_asymp_less":    ksCheck(Less, false),
	"ks_asymp_greater": ksCheck(Greater, false),

	"cvm_auto":       cvmCheck(CvMResult.P),
	"cvm_asymptotic": cvmCheck(CvMResult.LimitP),
	"cvm_exact":      cvmCheck(CvMResult.ExactP),

	"anderson_ksamp_midrank_true":  andersonCheck(true),
	"anderson_ksamp_midrank_false": andersonCheck(false),
	"epps_singleton":               eppsCheck,

	"mannwhitneyu_auto":            mannWhitneyCheck(MannWhitneyResult.P),
	"mannwhitneyu_asymptotic":      mannWhitneyCheck(func(r MannWhitneyResult) float64 { return r.LimitP(true) }),
	"mannwhitneyu_asymptotic_nocc": mannWhitneyCheck(func(r MannWhitneyResult) float64 { return r.LimitP(false) }),
	"mannwhitneyu_exact":           mannWhitneyCheck(MannWhitneyResult.ExactP),

	"ttest_welch":   tCheck(WelchT),
	"ttest_student": tCheck(StudentT),

	"wasserstein_distance": wassersteinCheck,
	"energy_distance": func(g *golden) {
		g.near("energy distance", EnergyDistance(g.input("x"), g.input("y")), g.field("value"), 1e-11, 0)
	},
}

// field is a part of the wanted value; NaN where the reference implementation raised.
func (g *golden) field(name string) any {
	m := g.want.(map[string]any)
	if m["error"] != nil {
		return "NaN"
	}
	return m[name]
}

// warned says that the reference implementation warned of something like this.
func (g *golden) warned(of string) bool {
	w, _ := json.Marshal(g.want.(map[string]any)["warnings"])
	return strings.Contains(string(w), of)
}

func ksCheck(alt Alternative, counted bool) check {
	return func(g *golden) {
		r := KSSamples(g.input("x"), g.input("y"))
		at, sign := r.At(alt)
		g.near("D", r.Statistic(alt), g.field("statistic"), exact, zero)
		p, rel := r.KSExactP(alt), tail
		// scipy cannot count the paths of some large samples; it says so and gives the
		// large-sample value.
		if !counted || g.warned("Switching to method=asymp") {
			p = r.KSAsymptoticP(alt)
			if alt == TwoSided {
				rel = 1e-9 // 1 - P of the expansion, where P is near 1
			}
		}
		g.near("p", p, g.field("pvalue"), rel, under)
		g.near("location", at, g.field("location"), 0, 0)
		g.near("sign", float64(sign), g.field("sign"), 0, 0)
	}
}

// ksAuto: scipy takes the exact law up to 10,000 values.
func ksAuto(g *golden) {
	ksCheck(TwoSided, max(len(g.input("x")), len(g.input("y"))) <= 10_000)(g)
}

func cvmCheck(law func(CvMResult) float64) check {
	return func(g *golden) {
		r := CramerVonMises(g.input("x"), g.input("y"))
		g.near("T", r.T, g.field("statistic"), 1e-10, 1e-13) // scipy's is a difference of sums of n^3
		cvmNear(g, law(r), g.field("pvalue"))
	}
}

// cvmNear: scipy ends its series of the limit law at terms of 1e-7. What that leaves
// shows in the far tail: 1e-9 to 1e-6, where the true value is as small as 1e-200.
// TestCramerVonMisesTail has ours.
func cvmNear(g *golden, p float64, want any) {
	g.t.Helper()
	tiny := 2e-8
	if p < 1e-5 {
		tiny = 1e-5
	}
	g.near("p", p, want, 1e-9, tiny)
}

func andersonCheck(midranks bool) check {
	return func(g *golden) {
		r := AndersonDarling(g.input("x"), g.input("y"), midranks)
		g.near("A2", r.Statistic, g.field("statistic"), 1e-9, 1e-12)
		g.near("p", r.P, g.field("pvalue"), 1e-9, 0)
		if want, ok := g.field("critical_values").([]any); ok {
			for i, c := range want {
				g.near("critical value", adCritical[i], c, exact, 0)
			}
		}
	}
}

func eppsCheck(g *golden) {
	r := EppsSingleton(g.input("x"), g.input("y"))
	w, _ := goldenNumber(g.field("statistic"))
	if g.warned("does not have full rank") {
		// Values of few levels: which directions count is a matter of rounding, and
		// scipy says that its result is not to be trusted.
		if r.P < 0 || r.P > 1 {
			g.t.Errorf("%s: P %v", g.Name, r.P)
		}
		return
	}
	if w > 1e5 { // nearly singular: only the verdict is stable
		g.near("p", r.P, g.field("pvalue"), 0, 1e-9)
		return
	}
	// The covariance of four nearly dependent numbers is inverted: its condition is up to 1e6.
	g.near("W", r.Statistic, g.field("statistic"), 1e-8, 1e-12)
	g.near("p", r.P, g.field("pvalue"), 1e-7, under)
}

func mannWhitneyCheck(p func(MannWhitneyResult) float64) check {
	return func(g *golden) {
		r := MannWhitney(g.input("x"), g.input("y"))
		g.near("U", r.U, g.field("statistic"), 0, 0)
		g.near("p", p(r), g.field("pvalue"), tail, under)
	}
}

func tCheck(test func(x, y []float64) Test) check {
	return func(g *golden) {
		r := test(g.input("x"), g.input("y"))
		// Means of values near 1e9 that differ by .1 keep 8 digits less; scipy sums in pairs.
		rel := 1e-10
		x := g.input("x")
		_, v := meanVariance(x)
		if offset := math.Abs(x[0]) / math.Sqrt(v); offset > 1e3 && !math.IsInf(offset, 0) {
			rel = 1e-15 * offset * offset
		}
		if want, _ := goldenNumber(g.field("statistic")); math.Abs(want) > 1e12 && math.Abs(r.Statistic) > 1e12 {
			// Constants: a quotient by rounding errors, or by 0.
			g.near("sign of t", math.Copysign(1, r.Statistic), math.Copysign(1, want), 0, 0)
			g.near("p", r.P, 0., 0, 1e-12)
			return
		}
		g.near("t", r.Statistic, g.field("statistic"), rel, 1e-14)
		g.near("p", r.P, g.field("pvalue"), 100*rel, under)
		g.near("df", r.DF, g.field("df"), rel, 0)
	}
}

func wassersteinCheck(g *golden) {
	x, y := g.input("x"), g.input("y")
	g.near("W1", WassersteinSamples(x, y), g.field("value"), 1e-11, 0) // scipy adds up in another order
	masses := func(v []float64) (m []Mass) {
		for _, e := range v {
			m = append(m, Mass{e, 1})
		}
		return m
	}
	// The form for bins keeps running sums, whose error grows with n and the spread.
	spread := math.Max(slices.Max(x), slices.Max(y)) - math.Min(slices.Min(x), slices.Min(y))
	g.near("W1 of masses", Wasserstein1(masses(x), masses(y)), g.field("value"), 1e-9, 1e-13*spread)
}
