package detectors

import "math"

// EnergyDistance is the energy distance of two samples of raw values, in the root
// of their units (Szekely and Rizzo, Energy statistics: a class of statistics
// based on distances, 2013, eq. 5 and section 2): sqrt(2 integral (F_x - F_y)^2).
// NaN when a sample is empty or holds a NaN.
func EnergyDistance(x, y []float64) float64 {
	xs, ys, ok := sortedSamples(x, y)
	if !ok {
		return math.NaN()
	}
	n, m := float64(len(xs)), float64(len(ys))
	sum, last, d := 0.0, 0.0, 0.0
	tiedRanks(xs, ys, func(i, j, inX, inY int, _ float64) {
		at := 0.0
		if inX > 0 {
			at = xs[i]
		} else {
			at = ys[j]
		}
		if d != 0 {
			sum += d * d * (at - last)
		}
		last = at
		d = float64(i+inX)/n - float64(j+inY)/m
	})
	return math.Sqrt(2 * sum)
}
