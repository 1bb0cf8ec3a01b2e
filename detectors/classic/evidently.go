package classic

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/driftd/driftd/detectors"
)

// EvidentlyTest is one of the tests that Evidently knows by name (its version
// 0.7, package evidently.legacy.calculations.stattests; documentation: "Data
// drift algorithm").
type EvidentlyTest struct {
	Name      string // as in its options: ks, psi, ...
	Display   string // as in its reports
	Threshold float64
	// Distance says that drift is a score above the threshold; else the score is a
	// p-value, and drift is one below.
	Distance bool
	// including says that a score equal to the threshold is drift.
	including       bool
	numbers, levels bool
	score           func(ref, cur Values) (float64, error)
}

// Verdict is what a classic rule says of a column in a window.
type Verdict struct {
	Test      string
	Score     float64 // NaN: there is none, and no drift
	Threshold float64
	Drifted   bool
}

// evidentlyBins up to this many different values of the reference each value is
// a bin of its own.
const evidentlyBins = 20

// EvidentlyTests are all of them but MMD and those of texts. TVD's p-value is of
// 1,000 permutations in numpy's random order and cannot be had elsewhere: its
// score here is the distance itself, and it has no verdict.
var EvidentlyTests = []EvidentlyTest{
	{Name: "ks", Display: "K-S p_value", Threshold: .05, including: true, numbers: true, score: func(ref, cur Values) (float64, error) {
		r := detectors.KSSamples(ref.Numbers, cur.Numbers)
		if max(r.N, r.M) > 10_000 {
			return r.KSAsymptoticP(detectors.TwoSided), nil
		}
		return r.KSExactP(detectors.TwoSided), nil
	}},
	{Name: "anderson", Display: "Anderson-Darling", Threshold: .1, numbers: true, score: func(ref, cur Values) (float64, error) {
		p := detectors.AndersonDarling(ref.Numbers, cur.Numbers, true).P
		if math.IsNaN(p) {
			return p, errors.New("Anderson-Darling needs more than one different value")
		}
		return p, nil
	}},
	{Name: "cramer_von_mises", Display: "Cramer-von Mises", Threshold: .1, including: true, numbers: true, score: func(ref, cur Values) (float64, error) {
		return detectors.CramerVonMises(ref.Numbers, cur.Numbers).P(), nil
	}},
	{Name: "ed", Display: "Energy-distance", Threshold: .1, Distance: true, numbers: true, score: func(ref, cur Values) (float64, error) {
		return detectors.EnergyDistance(ref.Numbers, cur.Numbers), nil
	}},
	{Name: "es", Display: "Epps-Singleton", Threshold: .05, numbers: true, score: func(ref, cur Values) (float64, error) {
		p := detectors.EppsSingleton(ref.Numbers, cur.Numbers).P
		if math.IsNaN(p) {
			return p, errors.New("Epps-Singleton needs 5 values a side whose quartiles differ")
		}
		return p, nil
	}},
	{Name: "hellinger", Display: "Hellinger distance", Threshold: .1, Distance: true, including: true, numbers: true, levels: true, score: evidentlyHellinger},
	{Name: "jensenshannon", Display: "Jensen-Shannon distance", Threshold: .1, Distance: true, including: true, numbers: true, levels: true, score: func(ref, cur Values) (float64, error) {
		r, c := evidentlyShares(ref, cur)
		return jensenShannon(r, c, false), nil
	}},
	{Name: "kl_div", Display: "Kullback-Leibler divergence", Threshold: .1, Distance: true, including: true, numbers: true, levels: true, score: func(ref, cur Values) (float64, error) {
		r, c := evidentlyShares(ref, cur)
		return detectors.KullbackLeibler(normalised(filled(r)), normalised(filled(c))), nil
	}},
	{Name: "psi", Display: "psi", Threshold: .1, Distance: true, including: true, numbers: true, levels: true, score: func(ref, cur Values) (float64, error) {
		r, c := evidentlyShares(ref, cur)
		return detectors.PSI(filled(c), filled(r)), nil
	}},
	{Name: "mannw", Display: "Mann-Whitney U-rank test", Threshold: .05, numbers: true, score: func(ref, cur Values) (float64, error) {
		return detectors.MannWhitney(ref.Numbers, cur.Numbers).LessP(), nil
	}},
	{Name: "t_test", Display: "t_test", Threshold: .05, numbers: true, score: func(ref, cur Values) (float64, error) {
		return detectors.StudentT(ref.Numbers, cur.Numbers).P, nil
	}},
	{Name: "wasserstein", Display: "Wasserstein distance (normed)", Threshold: .1, Distance: true, including: true, numbers: true, score: func(ref, cur Values) (float64, error) {
		_, sd, _, _ := detectors.SampleMoments(ref.Numbers)
		return detectors.WassersteinSamples(ref.Numbers, cur.Numbers) / math.Max(sd, .001), nil
	}},
	{Name: "chisquare", Display: "chi-square p_value", Threshold: .05, levels: true, score: func(ref, cur Values) (float64, error) {
		// The reference counts as the truth: a test of one sample.
		expected, observed := counts(ref, cur)
		k := float64(cur.Len()) / float64(ref.Len())
		return oneSample(expected, observed, func(e, o float64) float64 { return (o - k*e) * (o - k*e) / (k * e) }), nil
	}},
	{Name: "g_test", Display: "g_test", Threshold: .1, levels: true, score: func(ref, cur Values) (float64, error) {
		expected, observed := counts(ref, cur)
		// It does not bring the reference to the window's size, and refuses when they differ.
		if n, m := float64(ref.Len()), float64(cur.Len()); math.Abs(n-m) > 1.4901161193847656e-08*math.Min(n, m) {
			return math.NaN(), fmt.Errorf("g_test needs as many values now as in the reference: %v and %v", m, n)
		}
		return oneSample(expected, observed, func(e, o float64) float64 {
			if o == 0 {
				return 0
			}
			return 2 * o * math.Log(o/e)
		}), nil
	}},
	{Name: "TVD", Display: "Total-Variation-Distance", Threshold: math.NaN(), levels: true, score: func(ref, cur Values) (float64, error) {
		r, c := counts(ref, cur)
		return detectors.TotalVariation(normalised(c), normalised(r)), nil
	}},
	{Name: "z", Display: "Z-test p_value", Threshold: .05, levels: true, score: func(ref, cur Values) (float64, error) {
		// All values but the first in order count as a success.
		r, c := counts(ref, cur)
		if len(r) == 1 {
			return 1, nil
		}
		n, m := float64(ref.Len()), float64(cur.Len())
		return detectors.TwoProportionZ(n-r[0], n, m-c[0], m).P, nil
	}},
	{Name: "fisher_exact", Display: "Fisher's Exact test", Threshold: .1, levels: true, score: func(ref, cur Values) (float64, error) {
		r, c := counts(ref, cur)
		switch {
		case len(r) > 2:
			return math.NaN(), fmt.Errorf("fisher_exact needs two different values, there are %d", len(r))
		case ref.Len() != cur.Len():
			return math.NaN(), fmt.Errorf("fisher_exact needs as many values now as in the reference: %d and %d", cur.Len(), ref.Len())
		case len(r) == 1:
			return 1, nil
		}
		_, p := detectors.FisherExact(int(c[1]), int(c[0]), int(r[1]), int(r[0]), detectors.TwoSided)
		return p, nil
	}},
}

// Evidently is the test of a name. Errors name those that there are.
func Evidently(name string) (EvidentlyTest, error) {
	var names []string
	for _, t := range EvidentlyTests {
		if t.Name == name {
			return t, nil
		}
		names = append(names, t.Name)
	}
	return EvidentlyTest{}, fmt.Errorf("no test %q among those of Evidently: %q", name, names)
}

// EvidentlyDefault is the name of the test that Evidently takes when none is
// asked for: by the rows of the reference (up to 1,000, or more), the kind, and
// the number of different values on both sides together.
func EvidentlyDefault(ref, cur Values) string {
	r, _ := counts(ref.withoutNaN(), cur.withoutNaN())
	few := len(r) <= 5
	switch {
	case ref.Len() > 1000 && !ref.Categorical() && !few:
		return "wasserstein"
	case ref.Len() > 1000:
		return "jensenshannon"
	case !ref.Categorical() && !few:
		return "ks"
	case len(r) > 2:
		return "chisquare"
	}
	return "z"
}

// Judge gives the test's score and verdict at a threshold (0: its default). An
// error says why the test cannot judge these values; the Verdict then has no score.
func (t EvidentlyTest) Judge(ref, cur Values, threshold float64) (Verdict, error) {
	if threshold == 0 {
		threshold = t.Threshold
	}
	v := Verdict{Test: t.Name, Score: math.NaN(), Threshold: threshold}
	ref, cur = ref.withoutNaN(), cur.withoutNaN()
	if err := empty(ref, cur); err != nil {
		return v, fmt.Errorf("%s: %w", t.Name, err)
	}
	if t.numbers && !t.levels && ref.Categorical() {
		return v, fmt.Errorf("%s: it is for numbers, these are levels; those for levels: %q", t.Name, namesFor(func(t EvidentlyTest) bool { return t.levels }))
	}
	if t.numbers && t.levels && !ref.Categorical() && detectors.Sturges.Bins(slices.Concat(ref.Numbers, cur.Numbers)) == nil {
		return v, fmt.Errorf("%s: some values are infinite, or their range is beyond floats: there are no bins for it", t.Name)
	}
	var err error
	if v.Score, err = t.score(ref, cur); err != nil {
		return v, err
	}
	if math.IsInf(v.Score, 0) {
		v.Score = math.NaN()
		return v, fmt.Errorf("%s: some values are infinite, or their range is beyond floats: so is the distance", t.Name)
	}
	v.Drifted = t.Distance && v.Score > threshold || !t.Distance && v.Score < threshold || t.including && v.Score == threshold
	return v, nil
}

func namesFor(pick func(EvidentlyTest) bool) (names []string) {
	for _, t := range EvidentlyTests {
		if pick(t) {
			names = append(names, t.Name)
		}
	}
	return names
}

// oneSample is the p-value of a sum of terms over cells; NaN with one cell.
func oneSample(expected, observed []float64, term func(e, o float64) float64) float64 {
	x := 0.0
	for i := range expected {
		x += term(expected[i], observed[i])
	}
	if len(expected) < 2 {
		return math.NaN()
	}
	if math.IsInf(x, 1) {
		return 0
	}
	return detectors.ChiSquareSF(x, float64(len(expected)-1))
}

// evidentlyShares cuts numbers of more than evidentlyBins different values in the
// reference into Sturges' bins over both sides; else each value is a bin.
func evidentlyShares(ref, cur Values) (r, c []float64) {
	if !ref.Categorical() && distinctNumbers(ref.Numbers) > evidentlyBins {
		edges := detectors.Sturges.Bins(slices.Concat(ref.Numbers, cur.Numbers))
		r, c = detectors.Histogram(ref.Numbers, edges), detectors.Histogram(cur.Numbers, edges)
	} else {
		r, c = counts(ref, cur)
	}
	return shares(r, ref.Len()), shares(c, cur.Len())
}

func distinctNumbers(x []float64) int { return len(slices.Compact(slices.Sorted(slices.Values(x)))) }

// filled puts .0001 for a share of 0, or a millionth of the least share where that
// is not above .0001.
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

// evidentlyHellinger cuts numbers into Sturges' bins of the different values of
// both sides, however few these are: sqrt(1 - sum sqrt(p q)).
func evidentlyHellinger(ref, cur Values) (float64, error) {
	r, c := counts(ref, cur)
	if !ref.Categorical() {
		edges := detectors.Sturges.Bins(slices.Compact(slices.Sorted(slices.Values(slices.Concat(ref.Numbers, cur.Numbers)))))
		r, c = detectors.Histogram(ref.Numbers, edges), detectors.Histogram(cur.Numbers, edges)
	}
	r, c = normalised(r), normalised(c)
	same := 0.0
	for i := range r {
		same += math.Sqrt(r[i] * c[i])
	}
	return math.Sqrt(1 - math.Max(0, math.Min(1, same))), nil
}
