package detectors

import (
	"cmp"
	"math"
	"slices"

	"github.com/driftd/driftd"
)

// Mass is a weight at a point.
type Mass struct{ X, W float64 }

// Wasserstein1 is the integral of |F - G| for two discrete distributions
// (Vallender, Calculation of the Wasserstein distance between probability
// distributions on the line, 1974), in the units of X. Each side's weights are
// divided by their sum; NaN when a side has none.
func Wasserstein1(a, b []Mass) float64 {
	total := func(m []Mass) (sum float64) {
		for _, p := range m {
			sum += p.W
		}
		return sum
	}
	na, nb := total(a), total(b)
	if !(na > 0) || !(nb > 0) {
		return math.NaN()
	}
	a, b = byPlace(a), byPlace(b)
	w, diff, last := 0.0, 0.0, math.Min(a[0].X, b[0].X)
	for len(a) > 0 || len(b) > 0 {
		var at, d float64
		if len(b) == 0 || len(a) > 0 && a[0].X <= b[0].X {
			at, d, a = a[0].X, a[0].W/na, a[1:]
		} else {
			at, d, b = b[0].X, -b[0].W/nb, b[1:]
		}
		w += math.Abs(diff) * (at - last)
		diff, last = diff+d, at
	}
	return w
}

// byPlace gives masses in order of their places: m itself when it is so.
func byPlace(m []Mass) []Mass {
	order := func(s, t Mass) int { return cmp.Compare(s.X, t.X) }
	for i := 1; i < len(m); i++ {
		if m[i].X < m[i-1].X {
			m = slices.Clone(m)
			slices.SortStableFunc(m, order)
			break
		}
	}
	return m
}

// BinMasses are a numeric profile's bins as masses at their means (of the
// recorded offsets), in ascending order.
func BinMasses(l *driftd.ColumnLayout, c *driftd.ColumnProfile) []Mass {
	b := l.Bins()
	if b == 0 {
		return nil
	}
	return appendMasses(make([]Mass, 0, b+2), l, c)
}

func appendMasses(out []Mass, l *driftd.ColumnLayout, c *driftd.ColumnProfile) []Mass {
	b := l.Bins()
	if b == 0 {
		return nil
	}
	width := l.Upper[b-1] - l.Min
	for i, bin := range c.Bins {
		if bin.Count == 0 {
			continue
		}
		n := float64(bin.Count)
		at := (float64(bin.Offset)/n + .5) / 255 // offsets are rounded down: half a step back
		var x float64
		switch i {
		case 0:
			x = l.Min - at*width
		case b + 1:
			x = l.Upper[b-1] + at*width
		default:
			lo, hi := l.Bounds(i - 1)
			if l.Values != nil {
				x = l.Values[i-1]
			} else if x = lo; hi > lo {
				x = math.Min(hi, lo+at*(hi-lo))
			}
		}
		out = append(out, Mass{x, n})
	}
	return out
}

// BinMean is the mean of a numeric profile, of its bins' own means; NaN when it is
// empty. The same as that of Moments.
func BinMean(l *driftd.ColumnLayout, c *driftd.ColumnProfile) float64 {
	return meanOf(BinMasses(l, c))
}

func meanOf(m []Mass) float64 {
	n, mean := 0.0, 0.0
	for _, p := range m {
		n += p.W
		mean += p.W * p.X
	}
	return mean / n // NaN without weight
}

// Moments are the mean and standard deviation of masses; NaN without weight.
func Moments(m []Mass) (mean, sd float64) {
	n := 0.0
	for _, p := range m {
		n += p.W
		mean += p.W * p.X
	}
	if n == 0 {
		return math.NaN(), math.NaN()
	}
	mean /= n
	for _, p := range m {
		sd += p.W * (p.X - mean) * (p.X - mean)
	}
	return mean, math.Sqrt(sd / n)
}

// Quantile interpolates inside the bin that holds probability q of a numeric
// profile; NaN when it is empty. Exact at bin edges.
func Quantile(l *driftd.ColumnLayout, c *driftd.ColumnProfile, q float64) float64 {
	n := float64(c.Placed())
	b := l.Bins()
	if n == 0 || b == 0 {
		return math.NaN()
	}
	target, below := q*n, 0.0
	for i, bin := range c.Bins {
		k := float64(bin.Count)
		if k == 0 || below+k < target {
			below += k
			continue
		}
		lo, hi := c.Min, c.Max
		if i > 0 && i <= b {
			lo, hi = l.Bounds(i - 1)
			if l.Values != nil {
				return l.Values[i-1]
			}
			lo, hi = math.Max(lo, c.Min), math.Min(hi, c.Max)
		} else if i == 0 {
			hi = math.Min(l.Min, c.Max)
		} else {
			lo = math.Max(l.Upper[b-1], c.Min)
		}
		return lo + (hi-lo)*math.Max(0, target-below)/k
	}
	return c.Max
}
