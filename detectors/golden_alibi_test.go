package detectors

import (
	"math"
	"slices"
)

// alibi-detect's tests by feature. Its results are float32: 1e-6. Of float32 values
// scipy ranks in float32 too, and the Cramer-von Mises sums of squared ranks lose five digits.
const (
	single      = 1e-6
	singleRanks = 1e-4
)

// alibiChecks are method + key. is_drift and threshold follow from the p-values by
// Bonferroni's or Benjamini and Hochberg's rule.
var alibiChecks = func() map[string]check {
	out := map[string]check{}
	for method, test := range map[string]func(g *golden, feature int, ref, cur []float64) (distance, p float64){
		"KSDrift": func(_ *golden, _ int, ref, cur []float64) (float64, float64) { return alibiKS(ref, cur) },
		"CVMDrift": func(_ *golden, _ int, ref, cur []float64) (float64, float64) {
			r := CramerVonMises(ref, cur)
			return r.T, r.P()
		},
		"ChiSquareDrift": func(_ *golden, _ int, ref, cur []float64) (float64, float64) { return alibiChiSquare(ref, cur) },
		"TabularDrift": func(g *golden, f int, ref, cur []float64) (float64, float64) {
			categories, _ := g.Params["categories_per_feature"].(map[string]any)
			if _, ok := categories[jsonKey(f)]; ok {
				return alibiChiSquare(ref, cur)
			}
			return alibiKS(ref, cur)
		},
		"FETDrift": func(g *golden, _ int, ref, cur []float64) (float64, float64) {
			alt := map[any]Alternative{"greater": Greater, "less": Less, "two-sided": TwoSided}[g.Params["alternative"]]
			ones := func(x []float64) (n int) {
				for _, v := range x {
					n += int(v)
				}
				return n
			}
			return FisherExact(ones(cur), ones(ref), len(cur)-ones(cur), len(ref)-ones(ref), alt)
		},
	} {
		rel := single
		if method == "CVMDrift" {
			rel = singleRanks
		}
		all := func(g *golden) (distances, ps []float64) {
			ref, cur := g.matrix("x_ref"), g.matrix("x")
			for f := range ref {
				d, p := test(g, f, ref[f], cur[f])
				distances, ps = append(distances, d), append(ps, p)
			}
			return distances, ps
		}
		out[method+" distance"] = func(g *golden) { d, _ := all(g); g.list("distance", d, rel) }
		out[method+" p_val"] = func(g *golden) { _, p := all(g); g.list("p", p, rel) }
		out[method+" feature_is_drift"] = func(g *golden) {
			_, p := all(g)
			level, _ := goldenNumber(g.Params["p_val"])
			drift := make([]float64, len(p))
			for i := range p {
				if p[i] < level {
					drift[i] = 1
				}
			}
			g.list("feature_is_drift", drift, 0)
		}
		out[method+" threshold"] = func(g *golden) {
			_, p := all(g)
			_, threshold := alibiVerdict(g, p)
			if _, ok := g.want.([]any); !ok {
				g.want = []any{g.want}
			}
			g.list("threshold", threshold, 1e-12)
		}
		out[method+" is_drift"] = func(g *golden) {
			_, p := all(g)
			drift, _ := alibiVerdict(g, p)
			g.near("is_drift", drift, g.want, 0, 0)
		}
	}
	return out
}()

func jsonKey(f int) string { return string(rune('0' + f)) }

// alibiKS is always the large-sample value.
func alibiKS(ref, cur []float64) (d, p float64) {
	r := KSSamples(ref, cur)
	return r.Statistic(TwoSided), r.KSAsymptoticP(TwoSided)
}

// alibiChiSquare is of the table of the levels in either sample, with Yates'
// correction for two.
func alibiChiSquare(ref, cur []float64) (statistic, p float64) {
	levels := slices.Concat(ref, cur)
	slices.Sort(levels)
	levels = slices.Compact(levels)
	count := func(x []float64) []float64 {
		n := make([]float64, len(levels))
		for _, v := range x {
			i, _ := slices.BinarySearch(levels, v)
			n[i]++
		}
		return n
	}
	r := ChiSquareTest(count(ref), count(cur), true)
	return r.Statistic, r.P
}

// alibiVerdict is whether any feature drifts, and the level that said so: all
// levels of Benjamini and Hochberg where none does.
func alibiVerdict(g *golden, p []float64) (drift float64, threshold []float64) {
	level, _ := goldenNumber(g.Params["p_val"])
	n := float64(len(p))
	if g.Params["correction"] != "fdr" {
		if slices.Min(p) < level/n {
			drift = 1
		}
		return drift, []float64{level / n}
	}
	sorted := slices.Sorted(slices.Values(p))
	levels := make([]float64, len(p))
	last := -1
	for i := range levels {
		if levels[i] = level * float64(i+1) / n; sorted[i] < levels[i] {
			last = i
		}
	}
	if last < 0 {
		return 0, levels
	}
	return 1, levels[last : last+1]
}

// matrix is an input of rows as columns; a row may be a number.
func (g *golden) matrix(name string) (columns [][]float64) {
	g.t.Helper()
	for _, row := range g.Inputs[name].([]any) {
		values, ok := row.([]any)
		if !ok {
			values = []any{row}
		}
		for f, v := range values {
			if f == len(columns) {
				columns = append(columns, nil)
			}
			x, ok := goldenNumber(v)
			if !ok {
				g.t.Fatalf("%s: %v is not a number", g.Name, v)
			}
			columns[f] = append(columns[f], x)
		}
	}
	return columns
}

func (g *golden) list(what string, got []float64, rel float64) {
	g.t.Helper()
	want := g.floats(g.want)
	if len(got) != len(want) {
		g.t.Errorf("%s: %s: %d numbers, want %d", g.Name, what, len(got), len(want))
		return
	}
	for i := range got {
		g.near(what, got[i], jsonFloat(want[i]), rel, math.SmallestNonzeroFloat32)
	}
}
