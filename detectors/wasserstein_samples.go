package detectors

import "math"

// WassersteinSamples is the Wasserstein-1 distance of two samples of raw values,
// the integral of |F_x - F_y| (Vallender 1974; see Wasserstein1 for bins). In
// the units of the values; divide by the reference's standard deviation to
// compare columns. NaN when a sample is empty or holds a NaN. Distribution
// functions are counts over n, not running sums: no error grows with n.
func WassersteinSamples(x, y []float64) float64 {
	xs, ys, ok := sortedSamples(x, y)
	if !ok {
		return math.NaN()
	}
	n, m := float64(len(xs)), float64(len(ys))
	i, j, sum := 0, 0, 0.0
	last := math.Min(xs[0], ys[0])
	for i < len(xs) || j < len(ys) {
		at := math.Inf(1)
		if i < len(xs) {
			at = xs[i]
		}
		if j < len(ys) && ys[j] < at {
			at = ys[j]
		}
		// Where the two agree an infinite step costs nothing, and Inf - Inf neither.
		if d := math.Abs(float64(i)/n - float64(j)/m); d > 0 && at > last {
			sum += d * (at - last)
		}
		last = at
		for i < len(xs) && xs[i] == at {
			i++
		}
		for j < len(ys) && ys[j] == at {
			j++
		}
	}
	return sum
}
