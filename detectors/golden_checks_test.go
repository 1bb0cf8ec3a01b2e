package detectors

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mathext"
)

// Tolerances, by what limits the agreement. scipy is right to about 1e-15 in
// closed forms and sums, and to 1e-10 or so where it takes another road (exact
// KS counts paths in scaled floats; Student and chi-square tails differ in the
// last digits of the incomplete functions).
const (
	exact = 1e-13 // the same sum in another order
	tail  = 1e-10 // tails of special functions
	zero  = 1e-15 // rounding about a value of 0
	under = 1e-300
)

func (g *golden) counts() (ref, cur []float64) { return g.input("ref"), g.input("cur") }

func shares(x []float64) []float64 {
	n := 0.0
	for _, v := range x {
		n += v
	}
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = v / n
	}
	return out
}

// kept are the cells that are not empty on both sides.
func kept(ref, cur []float64) (r, c []float64) {
	for i := range ref {
		if ref[i]+cur[i] > 0 {
			r, c = append(r, ref[i]), append(c, cur[i])
		}
	}
	return r, c
}

func distance(fn func(q, p []float64) float64, rel, tiny float64) check {
	return func(g *golden) {
		r, c := kept(g.counts())
		g.near("distance", fn(shares(c), shares(r)), g.want, rel, tiny)
	}
}

func homogeneity(fn func(a, b []float64) Test) check {
	return func(g *golden) {
		r := fn(g.counts())
		g.near("statistic", r.Statistic, g.field("statistic"), 1e-11, 1e-11) // G near 0: differences of n ln n
		// scipy's own p-value from our statistic moves by x times the statistic's error.
		g.near("p", r.P, g.field("pvalue"), tail, under)
		g.near("df", r.DF, g.field("dof"), 0, 0)
	}
}

// filled is Evidently's way with zeros: a share of 0 becomes 1e-4, or a
// millionth of the least share when that is not above 1e-4.
func filled(p []float64) []float64 {
	least := math.Inf(1)
	for _, x := range p {
		if x > 0 {
			least = math.Min(least, x)
		}
	}
	fill := 1e-4
	if least <= 1e-4 {
		fill = least / 1e6
	}
	out := slices.Clone(p)
	for i, x := range out {
		if x == 0 {
			out[i] = fill
		}
	}
	return out
}

func psiFilled(q, p []float64) float64 { return PSI(filled(q), filled(p)) }

var countChecks = map[string]check{
	"kept_index": func(g *golden) {
		ref, cur := g.counts()
		r, _ := kept(ref, cur)
		if n := len(g.want.([]any)); n != len(r) {
			g.t.Errorf("%s: %d cells kept, want %d", g.Name, len(r), n)
		}
	},
	"fisher_two-sided": fisherCheck(TwoSided),
	"fisher_less":      fisherCheck(Less),
	"fisher_greater":   fisherCheck(Greater),
	"z_pooled": func(g *golden) {
		ref, cur := g.counts()
		r := TwoProportionZ(ref[0], ref[0]+ref[1], cur[0], cur[0]+cur[1])
		g.near("z", r.Statistic, g.field("statistic"), 1e-11, 1e-14)
		g.near("p", r.P, g.field("pvalue"), tail, under)
	},
	"chi2":              homogeneity(func(a, b []float64) Test { return ChiSquareTest(a, b, false) }),
	"chi2_yates":        homogeneity(func(a, b []float64) Test { return ChiSquareTest(a, b, true) }),
	"g_test":            homogeneity(GTest),
	"js_distance_base2": distance(JSDistance, 1e-9, 1e-9), // a root of differences: half the digits near 0
	"js_distance_base_e": distance(func(q, p []float64) float64 {
		return JSDistance(q, p) * math.Sqrt(math.Ln2)
	}, 1e-9, 1e-9),
	"kl_ref_cur":         distance(func(q, p []float64) float64 { return KullbackLeibler(p, q) }, 1e-9, zero),
	"kl_cur_ref":         distance(KullbackLeibler, 1e-9, zero),
	"kl_ref_cur_bits":    distance(func(q, p []float64) float64 { return KullbackLeibler(p, q) / math.Ln2 }, 1e-9, zero),
	"hellinger":          distance(Hellinger, 1e-11, zero),
	"bhattacharyya_coef": distance(Bhattacharyya, exact, zero),
	"total_variation":    distance(TotalVariation, exact, zero),
	"l_infinity":         distance(LInfinity, exact, zero),
	"psi_no_zeros":       distance(PSI, 1e-11, zero),
	"psi_evidently_fill": distance(psiFilled, 1e-11, zero),
	"psi_fill_formula":   distance(psiFilled, 1e-11, zero),
	"kl_evidently_fill_ref_cur": distance(func(q, p []float64) float64 {
		return KullbackLeibler(shares(filled(p)), shares(filled(q)))
	}, 1e-9, zero),
	"psi_add_half": func(g *golden) {
		r, c := kept(g.counts())
		g.near("PSI", PSI(Smoothed(c), Smoothed(r)), g.want, 1e-11, zero)
	},
}

func fisherCheck(alt Alternative) check {
	return func(g *golden) {
		ref, cur := g.counts()
		odds, p := FisherExact(int(ref[0]), int(ref[1]), int(cur[0]), int(cur[1]), alt)
		g.near("odds", odds, g.field("odds_ratio"), exact, 0)
		// scipy's hypergeometric law goes through logarithms of factorials: 1e-10 at millions.
		g.near("p", p, g.field("pvalue"), 1e-9, under)
	}
}

var specialChecks = map[string]check{
	// Sums that leave 1e-16 of 1: absolute below .001. Where n > 140 scipy takes the same expansion.
	"kstwo_sf": func(g *golden) {
		g.each(1e-9, under, func(r []float64) float64 { return KolmogorovSmirnovSF(int(r[0]), r[1]) }, "n", "d")
	},
	// scipy's own cdf and sf go different ways for n d^2 > 2.2: 1e-6 apart at n = 141.
	"kstwo_cdf": func(g *golden) {
		g.each(1e-9, 2e-6, func(r []float64) float64 { return 1 - KolmogorovSmirnovSF(int(r[0]), r[1]) }, "n", "d")
	},
	"cvm_limit_sf": func(g *golden) {
		want := g.floats(g.want)
		for i, x := range g.input("x") {
			cvmNear(g, CramerVonMisesSF(x), jsonFloat(want[i]))
		}
	},
	"hypergeom_pmf": func(g *golden) {
		g.each(1e-9, under, func(r []float64) float64 { return HypergeometricPMF(int(r[0]), int(r[1]), int(r[2]), int(r[3])) }, "k", "M", "n", "N")
	},
	"hypergeom_cdf": func(g *golden) {
		g.each(1e-9, under, func(r []float64) float64 { return HypergeometricCDF(int(r[0]), int(r[1]), int(r[2]), int(r[3])) }, "k", "M", "n", "N")
	},
	"binom_cdf": func(g *golden) {
		g.each(tail, under, func(r []float64) float64 { return BinomialCDF(int(r[0]), int(r[1]), r[2]) }, "k", "n", "p")
	},
	"binom_sf": func(g *golden) {
		g.each(tail, under, func(r []float64) float64 { return BinomialSF(int(r[0]), int(r[1]), r[2]) }, "k", "n", "p")
	},
	"log_ndtr": func(g *golden) { g.each(1e-12, under, func(r []float64) float64 { return LogNormalCDF(r[0]) }, "z") },
	"kolmogorov_sf": func(g *golden) {
		g.each(1e-12, 1e-322, func(r []float64) float64 { return KolmogorovSF(r[0]) }, "y")
	},
	"kolmogi": func(g *golden) { g.each(1e-12, 0, func(r []float64) float64 { return KolmogorovUpper(r[0]) }, "p") },
	"smirnov_sf": func(g *golden) {
		g.each(1e-10, under, func(r []float64) float64 { return SmirnovSF(int(r[0]), r[1]) }, "n", "d")
	},
	"chdtrc": func(g *golden) {
		g.each(tail, under, func(r []float64) float64 { return ChiSquareSF(r[1], r[0]) }, "v", "x")
	},
	"chdtr": func(g *golden) {
		g.each(tail, 1e-300, func(r []float64) float64 {
			if r[1] <= 0 {
				return 0
			}
			return mathext.GammaIncReg(r[0]/2, r[1]/2)
		}, "v", "x")
	},
	"gammaincc": func(g *golden) {
		g.each(tail, under, func(r []float64) float64 { return ChiSquareSF(2*r[1], 2*r[0]) }, "a", "x")
	},
	"gammainc": func(g *golden) {
		g.each(tail, 1e-300, func(r []float64) float64 {
			if r[1] <= 0 {
				return 0
			}
			return mathext.GammaIncReg(r[0], r[1])
		}, "a", "x")
	},
	"gammaln": func(g *golden) { g.each(exact, 1e-15, func(r []float64) float64 { return lgamma(r[0]) }, "x") },
	"ndtri": func(g *golden) {
		g.each(1e-10, 0, func(r []float64) float64 {
			if r[0] > .5 {
				return StudentUpper(1-r[0], math.Inf(1))
			}
			return -StudentUpper(r[0], math.Inf(1))
		}, "p")
	},
	"ndtr": func(g *golden) { g.each(1e-12, 1e-307, func(r []float64) float64 { return NormalSF(-r[0]) }, "z") },
	"norm_sf_2sided": func(g *golden) {
		g.each(1e-12, 1e-307, func(r []float64) float64 { return 2 * NormalSF(math.Abs(r[0])) }, "z")
	},
	"betainc": func(g *golden) {
		g.each(tail, under, func(r []float64) float64 { return mathext.RegIncBeta(r[0], r[1], r[2]) }, "a", "b", "x")
	},
	"betaincc": func(g *golden) {
		g.each(tail, 1e-15, func(r []float64) float64 {
			if r[2] < 1e-3 { // 1-x cannot hold x
				return 1 - mathext.RegIncBeta(r[0], r[1], r[2])
			}
			return mathext.RegIncBeta(r[1], r[0], 1-r[2])
		}, "a", "b", "x")
	},
	"t_2sided_p": func(g *golden) {
		df, t, want := g.input("df"), g.input("t"), g.floats(g.want)
		for i := range want {
			// scipy 1.17 is off by 3e-9 here: the closed form of df = 1 is ours.
			if df[i] == 1 && math.Abs(t[i]) < 1e-6 {
				want[i] = 1 - 2/math.Pi*math.Atan(math.Abs(t[i]))
			}
			g.near(fmt.Sprintf("P(|T| > %v), df %v,", t[i], df[i]), 2*StudentSF(math.Abs(t[i]), df[i]), jsonFloat(want[i]), tail, under)
		}
	},
}

var quantileMethods = map[string]QuantileMethod{
	"linear": Linear, "lower": Lower, "higher": Higher, "nearest": Nearest,
	"hazen": Hazen, "weibull": Weibull, "median_unbiased": MedianUnbiased,
}

func momentsOf(x []float64) (mean, variance float64) {
	m := make([]Mass, len(x))
	for i, v := range x {
		m[i] = Mass{v, 1}
	}
	mean, sd := Moments(m)
	return mean, sd * sd
}

func adjusted(fn func([]float64) []float64) check {
	return func(g *golden) {
		want := g.floats(g.want)
		for i, p := range fn(g.input("p")) {
			g.near("adjusted p", p, jsonFloat(want[i]), exact, 0)
		}
	}
}

var binRules = map[string]func(x []float64) []float64{
	"sturges": Sturges.Bins, "doane": Doane.Bins, "fd": FreedmanDiaconis.Bins, "scott": Scott.Bins,
	"sqrt": SquareRoot.Bins, "rice": Rice.Bins, "auto": AutoBins.Bins,
	"10_equal": func(x []float64) []float64 { return EqualBins(slices.Min(x), slices.Max(x), 10) },
}

// binsCheck compares the edges, or the counts, of every rule of a case.
func binsCheck(of func(x, edges []float64) []float64, rel float64) check {
	return func(g *golden) {
		x := g.input("x")
		for name, want := range g.want.(map[string]any) {
			rule, ok := binRules[name]
			if !ok {
				g.t.Errorf("%s: bin rule %q is not there", g.Name, name)
				continue
			}
			got, w := of(x, rule(x)), g.floats(want)
			if len(got) != len(w) {
				g.t.Errorf("%s: %s: %d numbers, want %d", g.Name, name, len(got), len(w))
				continue
			}
			spread := slices.Max(x) - slices.Min(x)
			for i := range got {
				g.near(name, got[i], jsonFloat(w[i]), rel, rel*spread)
			}
		}
	}
}

var samplingChecks = map[string]check{
	"edges":  binsCheck(func(_, edges []float64) []float64 { return edges }, 1e-12),
	"counts": binsCheck(Histogram, 0),
	// The rounding of numpy's mean shows where values are near 1e9: 32 steps of it.
	"skew_biased": func(g *golden) {
		mean, sd, skew, _ := SampleMoments(g.input("x"))
		if sd <= 8*0x1p-52*math.Abs(mean) {
			return // a constant: 0/0, or a quotient of rounding errors
		}
		g.near("skewness", skew, g.want, 1e-9, 1e-12+32*0x1p-52*math.Abs(mean)/sd)
	},
	"kurtosis_excess_biased": func(g *golden) {
		mean, sd, _, excess := SampleMoments(g.input("x"))
		if sd <= 8*0x1p-52*math.Abs(mean) {
			return // as above
		}
		g.near("kurtosis", excess, g.want, 1e-9, 1e-12+32*0x1p-52*math.Abs(mean)/sd)
	},
	"mean": func(g *golden) {
		mean, _ := momentsOf(g.input("x"))
		g.near("mean", mean, g.want, 1e-12, 0)
	},
	"var_pop": func(g *golden) {
		x := g.input("x")
		mean, v := momentsOf(x)
		g.near("variance", v, g.want, 1e-9, sq(float64(len(x))*0x1p-52*mean)) // of values near 1e9 the mean's rounding shows
	},
	"var_sample": func(g *golden) {
		x := g.input("x")
		mean, v := momentsOf(x)
		n := float64(len(x))
		g.near("variance", v*n/(n-1), g.want, 1e-9, sq(2*n*0x1p-52*mean))
	},
	"quantiles": func(g *golden) {
		x := g.input("x")
		slices.Sort(x)
		for name, want := range g.want.(map[string]any) {
			m, ok := quantileMethods[name]
			if !ok {
				g.t.Errorf("%s: quantile method %q is not there", g.Name, name)
			}
			w := g.floats(want)
			for i, q := range g.floats(g.Params["q"]) {
				g.near(name, SampleQuantile(x, q, m), jsonFloat(w[i]), 1e-12, zero)
			}
		}
	},
	"bh_adjusted":         adjusted(BenjaminiHochberg),
	"by_adjusted":         adjusted(BenjaminiYekutieli),
	"holm_adjusted":       adjusted(Holm),
	"bonferroni_adjusted": adjusted(Bonferroni),
	"bh_reject": func(g *golden) {
		alpha, _ := goldenNumber(g.Params["alpha"])
		for i, r := range Rejections(BenjaminiHochberg(g.input("p")), alpha) {
			if r != g.want.([]any)[i].(bool) {
				g.t.Errorf("%s: rejection of p %d is %v", g.Name, i, r)
			}
		}
	},
	"fisher_combined": func(g *golden) {
		want := g.floats(g.want)
		r := FisherCombination(g.input("p"))
		g.near("statistic", r.Statistic, jsonFloat(want[0]), exact, 0)
		g.near("p", r.P, jsonFloat(want[1]), tail, under)
	},
}
