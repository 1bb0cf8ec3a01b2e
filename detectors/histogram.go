package detectors

import (
	"math"
	"slices"
	"sort"
)

// BinRule says how many bins of equal width a histogram of raw values gets. driftd
// cuts at quantiles; these are the rules of the tools that it is compared with.
type BinRule uint8

// The rules, n values in a range R with standard deviation s (over n), skewness g
// and quartiles IQR apart; the width of a bin is
//
//	Sturges           R/(log2 n + 1)                                 (Sturges 1926)
//	Doane             R/(1 + log2 n + log2(1 + |g|/sg)),  sg^2 = 6(n-2)/((n+1)(n+3))  (Doane 1976)
//	FreedmanDiaconis  2 IQR n^(-1/3)                                 (Freedman and Diaconis 1981)
//	Scott             (24 sqrt(pi)/n)^(1/3) s                        (Scott 1979)
//	SquareRoot        R/sqrt(n)
//	Rice              R/(2 n^(1/3))
//	AutoBins          the smaller of Sturges' and Freedman-Diaconis', this one at least R/(2 sqrt(n))
const (
	Sturges BinRule = iota
	Doane
	FreedmanDiaconis
	Scott
	SquareRoot
	Rice
	AutoBins
)

// Bins are the edges of the rule's bins over the values: one more than bins. One
// bin of width 1 about a constant. Nil when there are no values, one is not finite, or their
// range is beyond floats.
func (rule BinRule) Bins(x []float64) []float64 {
	if !finite(x) || math.IsInf(slices.Max(x)-slices.Min(x), 0) {
		return nil
	}
	return EqualBins(slices.Min(x), slices.Max(x), max(1, int(math.Min(rule.count(x), maxBins))))
}

// maxBins is where a rule ends: quartiles that are nearly equal would ask for as
// many bins as there is memory.
const maxBins = 1 << 22

// count is the number of bins that a rule asks for, at least 1.
func (rule BinRule) count(x []float64) float64 {
	width, span := rule.width(x), slices.Max(x)-slices.Min(x)
	if n := math.Ceil(span / width); width > 0 && n > 1 {
		return n
	}
	return 1
}

// EqualBins are the edges of n >= 1 bins of equal width from lo to hi, of width 1/n about
// lo when they are equal.
func EqualBins(lo, hi float64, n int) []float64 {
	if lo == hi {
		lo, hi = lo-.5, hi+.5
	}
	edges := make([]float64, n+1)
	step := (hi - lo) / float64(n)
	for i := range edges {
		edges[i] = float64(i)*step + lo
	}
	edges[n] = hi
	return edges
}

// Histogram counts values between edges: from each up to but without the next, the
// last bin with its end. Values outside are not counted. Nil without a bin.
func Histogram(x, edges []float64) []float64 {
	if len(edges) < 2 {
		return nil
	}
	counts := make([]float64, len(edges)-1)
	last := len(counts)
	for _, v := range x {
		if !(v >= edges[0]) || v > edges[last] {
			continue
		}
		i := sort.SearchFloat64s(edges, v)
		if i > last || edges[i] > v {
			i--
		}
		counts[min(i, last-1)]++
	}
	return counts
}

func finite(x []float64) bool {
	for _, v := range x {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return false
		}
	}
	return len(x) > 0
}

func (rule BinRule) width(x []float64) float64 {
	n := float64(len(x))
	span := slices.Max(x) - slices.Min(x)
	switch rule {
	case Sturges:
		return span / (math.Log2(n) + 1)
	case Doane:
		_, sd, skew, _ := SampleMoments(x)
		if n <= 2 || !(sd > 0) {
			return 0
		}
		if math.IsNaN(skew) {
			skew = 0
		}
		return span / (1 + math.Log2(n) + math.Log2(1+math.Abs(skew)/math.Sqrt(6*(n-2)/((n+1)*(n+3)))))
	case FreedmanDiaconis:
		s := slices.Clone(x)
		slices.Sort(s)
		return 2 * interquartile(s) / math.Cbrt(n)
	case Scott:
		_, sd, _, _ := SampleMoments(x)
		return math.Cbrt(24*math.Sqrt(math.Pi)/n) * sd
	case SquareRoot:
		return span / math.Sqrt(n)
	case Rice:
		return span / (2 * math.Cbrt(n))
	}
	return math.Min(Sturges.width(x), math.Max(FreedmanDiaconis.width(x), SquareRoot.width(x)/2))
}

// SampleMoments are the mean, the standard deviation (over n), the skewness
// m3/m2^(3/2) and the excess kurtosis m4/m2^2 - 3 of raw values. The last two are NaN
// where the values are equal as far as their mean's rounding can tell.
func SampleMoments(x []float64) (mean, sd, skew, excess float64) {
	n := float64(len(x))
	for _, v := range x {
		mean += v
	}
	mean /= n
	rest := 0.0
	for _, v := range x {
		rest += v - mean
	}
	mean += rest / n // the first sum's rounding
	var m2, m3, m4 float64
	for _, v := range x {
		d := v - mean
		m2, m3, m4 = m2+d*d, m3+d*d*d, m4+d*d*d*d
	}
	m2, m3, m4 = m2/n, m3/n, m4/n
	sd, skew, excess = math.Sqrt(m2), math.NaN(), math.NaN()
	if m2 > sq(0x1p-52*mean) {
		skew, excess = m3/(m2*sd), m4/(m2*m2)-3
	}
	return mean, sd, skew, excess
}
