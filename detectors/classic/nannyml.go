package classic

import (
	"fmt"
	"math"
	"slices"

	"github.com/driftd/driftd/detectors"
)

// NannyMLMeasure compares a chunk of rows with the whole reference, as NannyML's
// UnivariateDriftCalculator does (version 0.13, nannyml/drift/univariate/methods.py).
// The reference's own chunks give the threshold: the mean of their values and three
// standard deviations (over n). A chunk above it alerts; chi2 alerts by its
// p-value below .05 instead.
type NannyMLMeasure struct {
	Name string
	// byP says that alerts go by p-values.
	byP             bool
	numbers, levels bool
	// most ends the threshold: none is drawn above it.
	most float64
	// of is the value, and the p-value where byP.
	of func(ref, chunk Values, edges []float64) (value, p float64)
}

// NannyMLMeasures are all of them. Above 10,000 rows of reference NannyML takes
// Kolmogorov-Smirnov and Wasserstein from 10,000 bins, up to the share of rows in a bin (some 4e-4) and a bin's width
// off; here both are exact.
var NannyMLMeasures = []NannyMLMeasure{
	{Name: "jensen_shannon", numbers: true, levels: true, most: math.Inf(1), of: func(ref, chunk Values, edges []float64) (float64, float64) {
		r, c := nannyMLShares(ref, chunk, edges)
		return jensenShannon(r, c, true), math.NaN()
	}},
	{Name: "hellinger", numbers: true, levels: true, most: math.Inf(1), of: func(ref, chunk Values, edges []float64) (float64, float64) {
		r, c := nannyMLShares(ref, chunk, edges)
		return detectors.Hellinger(c, r), math.NaN()
	}},
	{Name: "kolmogorov_smirnov", numbers: true, most: 1, of: func(ref, chunk Values, _ []float64) (float64, float64) {
		return detectors.KSSamples(ref.Numbers, chunk.Numbers).Statistic(detectors.TwoSided), math.NaN()
	}},
	{Name: "wasserstein", numbers: true, most: math.Inf(1), of: func(ref, chunk Values, _ []float64) (float64, float64) {
		return detectors.WassersteinSamples(ref.Numbers, chunk.Numbers), math.NaN()
	}},
	{Name: "chi2", levels: true, byP: true, most: math.Inf(-1), of: func(ref, chunk Values, _ []float64) (float64, float64) {
		r, c := counts(ref, chunk)
		t := detectors.ChiSquareTest(r, c, true)
		return t.Statistic, t.P
	}},
	{Name: "l_infinity", levels: true, most: math.Inf(1), of: func(ref, chunk Values, _ []float64) (float64, float64) {
		r, c := counts(ref, chunk)
		return detectors.LInfinity(normalised(c), normalised(r)), math.NaN()
	}},
}

// nannyMLP is the level of the measure that alerts by p-values.
const nannyMLP = .05

// NannyML is the measure of a name. Errors name those that there are.
func NannyML(name string) (NannyMLMeasure, error) {
	var names []string
	for _, m := range NannyMLMeasures {
		if m.Name == name {
			return m, nil
		}
		names = append(names, m.Name)
	}
	return NannyMLMeasure{}, fmt.Errorf("no measure %q among those of NannyML: %q", name, names)
}

// Fitted is a measure with its reference and threshold.
type Fitted struct {
	Measure NannyMLMeasure
	// Upper is the threshold; NaN: none.
	Upper float64
	// Chunks are the values of the reference's chunks.
	Chunks []Verdict
	ref    Values
	edges  []float64
}

// Fit learns the threshold from the reference cut into chunks of size rows, NaN
// among them (the last may be shorter). Errors say what the measure is not for.
func (m NannyMLMeasure) Fit(ref Values, size int) (*Fitted, error) {
	f := &Fitted{Measure: m, ref: ref.withoutNaN(), Upper: math.NaN()}
	switch {
	case f.ref.Len() == 0 || size < 1:
		return nil, fmt.Errorf("%s: a reference of %d values in chunks of %d", m.Name, f.ref.Len(), size)
	case ref.Categorical() && !m.levels:
		return nil, fmt.Errorf("%s is for numbers, these are levels", m.Name)
	case !ref.Categorical() && !m.numbers:
		return nil, fmt.Errorf("%s is for levels, these are numbers", m.Name)
	}
	if !ref.Categorical() {
		if f.edges = detectors.Doane.Bins(f.ref.Numbers); f.edges == nil {
			return nil, fmt.Errorf("%s: the reference holds infinite values, or a range beyond floats", m.Name)
		}
	}
	var values []float64
	for _, chunk := range Chunks(ref, size) {
		v := f.Judge(chunk)
		f.Chunks = append(f.Chunks, v)
		if !math.IsNaN(v.Score) {
			values = append(values, v.Score)
		}
	}
	mean, sd, _, _ := detectors.SampleMoments(values)
	if upper := mean + 3*sd; upper <= m.most {
		f.Upper = upper
	}
	for i := range f.Chunks {
		f.alert(&f.Chunks[i])
	}
	return f, nil
}

// Judge is what the measure says of a chunk. An empty one has no score, nor has one
// whose distance is beyond floats.
func (f *Fitted) Judge(chunk Values) Verdict {
	v := Verdict{Test: f.Measure.Name, Score: math.NaN(), Threshold: f.Upper}
	chunk = chunk.withoutNaN()
	if chunk.Len() == 0 {
		return v
	}
	var p float64
	v.Score, p = f.Measure.of(f.ref, chunk, f.edges)
	if f.Measure.byP {
		v.Drifted = p < nannyMLP
		return v
	}
	f.alert(&v)
	if math.IsInf(v.Score, 0) { // it is an alert all the same
		v.Score = math.NaN()
	}
	return v
}

func (f *Fitted) alert(v *Verdict) {
	if f.Measure.byP {
		return
	}
	v.Threshold, v.Drifted = f.Upper, v.Score > f.Upper
}

// Chunks cuts values, NaN among them, into pieces of size rows; the last may be shorter.
func Chunks(v Values, size int) (out []Values) {
	if v.Categorical() {
		for c := range slices.Chunk(v.Levels, size) {
			out = append(out, Values{Levels: c})
		}
		return out
	}
	for c := range slices.Chunk(v.Numbers, size) {
		out = append(out, Values{Numbers: c})
	}
	return out
}

// nannyMLShares are the shares in Doane's bins of the reference, or by level; what
// the reference has no bin for is one more cell.
func nannyMLShares(ref, chunk Values, edges []float64) (r, c []float64) {
	if !ref.Categorical() {
		r, c = detectors.Histogram(ref.Numbers, edges), detectors.Histogram(chunk.Numbers, edges)
	} else {
		all, now := counts(ref, chunk)
		for i := range all {
			if all[i] > 0 {
				r, c = append(r, all[i]), append(c, now[i])
			}
		}
	}
	r, c = append(shares(r, ref.Len()), 0), append(shares(c, chunk.Len()), 0)
	c[len(c)-1] = (float64(chunk.Len()) - math.Round(sum(c)*float64(chunk.Len()))) / float64(chunk.Len())
	return r, c
}
