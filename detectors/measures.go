package detectors

import "math"

// Displayed effect sizes over the shares q (window) and p (reference). None of
// them decides: their null distributions move with n and with dependence.

// PSI is the population stability index sum (q-p) ln(q/p) (Yurdakul,
// Statistical Properties of Population Stability Index, 2018), +Inf when a
// share is 0 on one side only.
func PSI(q, p []float64) float64 {
	sum := 0.0
	for i := range p {
		if q[i] != p[i] {
			sum += (q[i] - p[i]) * math.Log(q[i]/p[i])
		}
	}
	return sum
}

// JSDistance is the Jensen-Shannon distance in base 2, from 0 to 1: the square
// root of (KL(p|m) + KL(q|m))/2, m = (p+q)/2 (Lin, Divergence measures based on
// the Shannon entropy, 1991; Endres and Schindelin, 2003, for the root).
func JSDistance(q, p []float64) float64 {
	sum := 0.0
	for i := range p {
		m := (p[i] + q[i]) / 2
		if p[i] > 0 {
			sum += p[i] * math.Log(p[i]/m)
		}
		if q[i] > 0 {
			sum += q[i] * math.Log(q[i]/m)
		}
	}
	return math.Sqrt(math.Max(0, sum/(2*math.Ln2)))
}

// KSDistance is max |F - G| at the bins' upper edges. With 64 quantile bins it
// is below the exact one by at most the largest share of a bin, and by .003 in
// 95 % of cases.
func KSDistance(q, p []float64) float64 {
	var f, g, d float64
	for i := range p {
		f += q[i]
		g += p[i]
		d = math.Max(d, math.Abs(f-g))
	}
	return d
}

// Smoothed are shares of counts with a pseudo count of 1/2 in each (Jeffreys'
// prior), for measures with a logarithm: (x + 1/2)/(n + B/2).
func Smoothed(counts []float64) []float64 { return smoothed(counts, nil) }

func smoothed(counts []float64, mem *Scratch) []float64 {
	n := float64(len(counts)) / 2
	for _, x := range counts {
		n += x
	}
	q := mem.take(len(counts))
	for i, x := range counts {
		q[i] = (x + .5) / n
	}
	return q
}

// displayBins is the number of bins for the log measures at n values: the
// largest of 64, 32, 16 and 8 with at least 10 values a bin.
func displayBins(n float64) int {
	for _, b := range []int{64, 32, 16} {
		if n/float64(b) >= 10 {
			return b
		}
	}
	return 8
}

// coarsen adds counts into at most b groups of about equal reference mass.
func coarsen(counts, p []float64, b int, mem *Scratch) []float64 {
	if len(p) <= b {
		return counts
	}
	out := mem.take(2 * b)[:0] // groups without a bin have no cell; rounding may make one more
	below, last := 0.0, -1
	for i, x := range counts {
		group := int((below + p[i]/2) * float64(b))
		below += p[i]
		if group != last || len(out) == 0 {
			out, last = append(out, 0), group
		}
		out[len(out)-1] += x
	}
	return out
}
