package detectors

import (
	"math"

	"github.com/driftd/driftd"
)

// MaxOrder is the number of smooth scores of a numeric column: location,
// spread, skew, tails.
const MaxOrder = 4

// Shape is the frozen form of a column's reference distribution: shares of the
// judged bins, and orthonormal polynomials of their mid-ranks.
//
// Smooth tests of goodness of fit: Rayner and Best, Smooth Tests of Goodness of
// Fit (1989); order four: G. Rayner and J. Rayner, Power of the Neyman smooth
// tests (2001). With u_i = p_1+..+p_{i-1} + p_i/2, h_k is the Gram-Schmidt
// orthonormalisation of 1, u, u^2, .. under <f, g> = sum p_i f_i g_i, and the
// score of a window with shares q is c_k = sum q_i h_k(i): mean 0 and variance
// 1/n under the reference, when events are independent.
type Shape struct {
	P    []float64   // shares of the judged bins, all > 0
	H    [][]float64 // K rows of h_k over the judged bins
	Need []float64   // for each k: 10 sum p_i h_k(i)^4, the values that a window needs for the score to count
	M    float64     // values in the reference
	Mode int         // the judged bin with the largest share

	into []int // profile bin (under, bins, over) -> judged bin
}

// NewShape freezes a numeric column's reference counts. Bins without reference
// mass are merged into their left neighbour (the first into its right): a
// Pearson term must never divide by zero. nil when the reference has no value.
func NewShape(l *driftd.ColumnLayout, ref *driftd.ColumnProfile) *Shape {
	raw, m := judgedCounts(ref, nil)
	if m == 0 {
		return nil
	}
	s := &Shape{M: m, into: make([]int, len(raw)+2)}
	last := -1
	for i, x := range raw {
		if x > 0 {
			s.P = append(s.P, x/m)
			last = len(s.P) - 1
		}
		s.into[i+1] = max(last, 0)
	}
	s.into[0], s.into[len(s.into)-1] = 0, len(s.P)-1
	for i, p := range s.P {
		if p > s.P[s.Mode] {
			s.Mode = i
		}
	}
	s.H = orthonormal(s.P, min(MaxOrder, len(s.P)-1))
	for _, h := range s.H {
		need := 0.0
		for i, x := range h {
			need += s.P[i] * x * x * x * x
		}
		s.Need = append(s.Need, 10*need)
	}
	return s
}

// judgedCounts are a profile's counts by bin with everything that lies outside
// the layout, infinities too, in the first and last bin; and their sum.
func judgedCounts(c *driftd.ColumnProfile, mem *Scratch) (counts []float64, n float64) {
	b := len(c.Bins) - 2
	if b < 1 {
		return nil, 0
	}
	counts = mem.take(b)
	for i := range counts {
		counts[i] = float64(c.Bins[i+1].Count)
	}
	counts[0] += float64(c.Bins[0].Count + c.Classes[driftd.NegInf])
	counts[b-1] += float64(c.Bins[b+1].Count + c.Classes[driftd.PosInf])
	for _, x := range counts {
		n += x
	}
	return counts, n
}

// Shares puts a window's counts into the judged bins: q (nil when n is 0) and n.
func (s *Shape) Shares(c *driftd.ColumnProfile) (q []float64, n float64) { return s.shares(c, nil) }

func (s *Shape) shares(c *driftd.ColumnProfile, mem *Scratch) (q []float64, n float64) {
	counts, n := judgedCounts(c, mem)
	if n == 0 {
		return nil, 0
	}
	q = mem.take(len(s.P))
	for i, x := range counts {
		q[s.into[i+1]] += x
	}
	for i := range q {
		q[i] /= n
	}
	return q, n
}

// Scores are c_1..c_K of shares q.
func (s *Shape) Scores(q []float64) []float64 { return s.scores(q, nil) }

func (s *Shape) scores(q []float64, mem *Scratch) []float64 {
	c := mem.take(len(s.H))
	for k, h := range s.H {
		sum := 0.0
		for i, x := range h {
			sum += float64(q[i] * x) // the conversion forbids a fused multiply-add: the same bits on every machine
		}
		c[k] = sum
	}
	return c
}

// orthonormal builds h_1..h_k by modified Gram-Schmidt, twice, which keeps
// orthogonality to rounding ("twice is enough", Giraud et al. 2005).
func orthonormal(p []float64, k int) [][]float64 {
	n := len(p)
	u := make([]float64, n)
	below := 0.0
	for i, x := range p {
		u[i] = below + x/2
		below += x
	}
	one := make([]float64, n)
	for i := range one {
		one[i] = 1
	}
	basis := [][]float64{one}
	for j := 1; j <= k; j++ {
		h := make([]float64, n)
		for i := range h {
			h[i] = u[i] * basis[j-1][i] // u times the last polynomial: better conditioned than u^j, the same span
		}
		for range 2 {
			for _, g := range basis {
				d := dot(p, h, g)
				for i := range h {
					h[i] -= float64(d * g[i])
				}
			}
		}
		norm := math.Sqrt(dot(p, h, h))
		if !(norm > 1e-12) {
			break
		}
		for i := range h {
			h[i] /= norm
		}
		basis = append(basis, h)
	}
	return basis[1:]
}

func dot(p, f, g []float64) float64 {
	sum := 0.0
	for i := range p {
		sum += float64(float64(p[i]*f[i]) * g[i])
	}
	return sum
}
