// Package classic holds the rules of other tools as their users know them:
// Evidently's tests and its choice among them, NannyML's measures by chunk with
// thresholds from the reference. They judge raw values of one column. None of
// them knows how much traffic varies by itself: where events depend on each
// other, or windows wobble, they flag far more often than their levels say.
package classic

import (
	"fmt"
	"math"
	"slices"

	"github.com/driftd/driftd/detectors"
)

// Values are a column's values in one window: numbers or, where Levels is not
// nil, levels. Nulls are left out by whoever makes them; NaN counts as one.
type Values struct {
	Numbers []float64
	Levels  []string
}

// Categorical says that the values are levels.
func (v Values) Categorical() bool { return v.Levels != nil }

// Len is the number of values.
func (v Values) Len() int { return len(v.Numbers) + len(v.Levels) }

// withoutNaN is the same without NaN.
func (v Values) withoutNaN() Values {
	if !slices.ContainsFunc(v.Numbers, math.IsNaN) {
		return v
	}
	return Values{Numbers: slices.DeleteFunc(slices.Clone(v.Numbers), math.IsNaN), Levels: v.Levels}
}

// counts is how often each distinct value of either side comes, in order of the
// values.
func counts(ref, cur Values) (r, c []float64) {
	if ref.Categorical() || cur.Categorical() {
		return countsOf(ref.Levels, cur.Levels)
	}
	return countsOf(ref.Numbers, cur.Numbers)
}

func countsOf[T interface{ ~float64 | ~string }](ref, cur []T) (r, c []float64) {
	keys := slices.Compact(slices.Sorted(slices.Values(slices.Concat(ref, cur))))
	tally := func(values []T) []float64 {
		n := make([]float64, len(keys))
		for _, v := range values {
			i, _ := slices.BinarySearch(keys, v)
			n[i]++
		}
		return n
	}
	return tally(ref), tally(cur)
}

// shares are counts over n.
func shares(count []float64, n int) []float64 {
	out := make([]float64, len(count))
	for i, c := range count {
		out[i] = c / float64(n)
	}
	return out
}

func sum(x []float64) (s float64) {
	for _, v := range x {
		s += v
	}
	return s
}

// normalised are shares of 1.
func normalised(x []float64) []float64 {
	out, s := slices.Clone(x), sum(x)
	for i := range out {
		out[i] /= s
	}
	return out
}

// jensenShannon is the distance (the root of the divergence) in nats or, with
// bits, in bits. Both sides are brought to a sum of 1.
func jensenShannon(ref, cur []float64, bits bool) float64 {
	d := detectors.JSDistance(normalised(cur), normalised(ref))
	if bits {
		return d
	}
	return d * math.Sqrt(math.Ln2)
}

// empty refuses what no test can judge.
func empty(ref, cur Values) error {
	if ref.Len() == 0 || cur.Len() == 0 {
		return fmt.Errorf("%d values in the reference, %d now: both sides need some", ref.Len(), cur.Len())
	}
	return nil
}
