package detectors

import "math"

// QuantileMethod is how a quantile between two values is taken.
type QuantileMethod uint8

// The methods, by the names that numpy has for them; numbers are those of
// Hyndman and Fan, Sample quantiles in statistical packages (American
// Statistician 1996).
const (
	Linear         QuantileMethod = iota // 7
	Lower                                // the value at or below Linear's place
	Higher                               // at or above
	Nearest                              // nearest, halves to the even place
	Hazen                                // 5
	Weibull                              // 6
	MedianUnbiased                       // 8, the authors' choice
)

// SampleQuantile is the quantile q of sorted values. With h the place of q,
// counted from 0,
//
//	Linear (n-1) q;  Hazen n q - 1/2;  Weibull (n+1) q - 1;  MedianUnbiased (n+1/3) q - 2/3
//
// bounded to [0, n-1], it is the value at h, interpolated between its
// neighbours. NaN when there are no values, one is NaN (sorted: the first), or q
// is not in [0, 1].
func SampleQuantile(sorted []float64, q float64, method QuantileMethod) float64 {
	if len(sorted) == 0 || math.IsNaN(sorted[0]) || !(q >= 0 && q <= 1) {
		return math.NaN()
	}
	n := float64(len(sorted))
	h := (n - 1) * q
	switch method {
	case Lower:
		h = math.Floor(h)
	case Higher:
		h = math.Ceil(h)
	case Nearest:
		h = math.RoundToEven(h)
	case Hazen:
		h = n*q - .5
	case Weibull:
		h = (n+1)*q - 1
	case MedianUnbiased:
		h = (n+1./3)*q - 2./3
	}
	h = math.Min(n-1, math.Max(0, h))
	i := int(h)
	t := h - float64(i)
	if t == 0 {
		return sorted[i]
	}
	a, b := sorted[i], sorted[i+1]
	// From the nearer end: exact at both ends, and monotone in q.
	if t < .5 {
		return a + (b-a)*t
	}
	return b - (b-a)*(1-t)
}

// interquartile is the distance of the quartiles of sorted values, cut linearly.
func interquartile(sorted []float64) float64 {
	return SampleQuantile(sorted, .75, Linear) - SampleQuantile(sorted, .25, Linear)
}
