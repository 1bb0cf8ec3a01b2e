package detectors

import "math"

// More distances between the shares q (window) and p (reference), each of the
// same length and summing to 1. As with measures.go none of them decides.

// KullbackLeibler is the relative entropy of q from p in nats, sum q ln(q/p)
// (Kullback and Leibler, On information and sufficiency, 1951). A share q of 0
// adds nothing; +Inf where p alone is 0. Divide by ln 2 for bits.
func KullbackLeibler(q, p []float64) float64 {
	sum := 0.0
	for i := range p {
		if q[i] > 0 {
			sum += q[i] * math.Log(q[i]/p[i])
		}
	}
	return math.Max(0, sum)
}

// Hellinger is the Hellinger distance sqrt(sum (sqrt q - sqrt p)^2 / 2), from 0
// to 1 (Hellinger 1909; Le Cam, Asymptotic Methods in Statistical Decision
// Theory, 1986, ch. 4).
func Hellinger(q, p []float64) float64 {
	sum := 0.0
	for i := range p {
		d := math.Sqrt(q[i]) - math.Sqrt(p[i])
		sum += d * d
	}
	return math.Sqrt(sum / 2)
}

// Bhattacharyya is the coefficient sum sqrt(q p), 1 for equal shares
// (Bhattacharyya 1943): 1 - Hellinger^2.
func Bhattacharyya(q, p []float64) float64 {
	sum := 0.0
	for i := range p {
		sum += math.Sqrt(q[i] * p[i])
	}
	return sum
}

// TotalVariation is half the sum of |q - p|, from 0 to 1: the largest difference
// in the probability of any event.
func TotalVariation(q, p []float64) float64 {
	sum := 0.0
	for i := range p {
		sum += math.Abs(q[i] - p[i])
	}
	return sum / 2
}

// LInfinity is the largest |q - p| of a single share.
func LInfinity(q, p []float64) float64 {
	d := 0.0
	for i := range p {
		d = math.Max(d, math.Abs(q[i]-p[i]))
	}
	return d
}
