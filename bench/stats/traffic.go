package main

import (
	"math"
	"math/rand/v2"
)

// null stands for a value that is null.
var null = math.NaN()

// traffic gives a column's values, window after window. The names and shapes are
// those of STATISTICS 3.1; marginals are N(0, 1) where nothing else is said.
type traffic interface {
	window(rng *rand.Rand, out []float64)
}

// newTraffic makes a stream of its own each time: they have memory.
type newTraffic func() traffic

type iid struct{}

func (iid) window(rng *rand.Rand, out []float64) {
	for i := range out {
		out[i] = rng.NormFloat64()
	}
}

// ar is AR(1) from event to event, across windows too.
type ar struct{ phi, last float64 }

func (a *ar) window(rng *rand.Rand, out []float64) {
	s := math.Sqrt(1 - a.phi*a.phi)
	for i := range out {
		a.last = a.phi*a.last + s*rng.NormFloat64()
		out[i] = a.last
	}
}

// sessions have events that share half of their variance.
type sessions struct{ size int }

func (s sessions) window(rng *rand.Rand, out []float64) {
	shared := 0.0
	for i := range out {
		if i%s.size == 0 {
			shared = rng.NormFloat64()
		}
		out[i] = math.Sqrt2 / 2 * (shared + rng.NormFloat64())
	}
}

// heavySessions have a Pareto number of identical events, at most 200; the tail's
// exponent makes 1,000 events worth about 32.
type heavySessions struct{}

func (heavySessions) window(rng *rand.Rand, out []float64) {
	for i := 0; i < len(out); {
		k := int(min(200, math.Pow(1-rng.Float64(), -1/1.3)))
		x := rng.NormFloat64()
		for range min(k, len(out)-i) {
			out[i] = x
			i++
		}
	}
}

// wobble is iid about a window's mean, which has sd tau and goes on with phi.
type wobble struct{ tau, phi, last float64 }

func (w *wobble) window(rng *rand.Rand, out []float64) {
	w.last = w.phi*w.last + math.Sqrt(1-w.phi*w.phi)*rng.NormFloat64()
	for i := range out {
		out[i] = w.tau*w.last + rng.NormFloat64()
	}
}

// bernoulli is two-valued, or mostly zero with a lognormal rest.
type bernoulli struct {
	p         float64
	lognormal bool
}

func (b bernoulli) window(rng *rand.Rand, out []float64) {
	for i := range out {
		out[i] = 0
		if rng.Float64() < b.p {
			out[i] = 1
			if b.lognormal {
				out[i] = math.Exp(rng.NormFloat64())
			}
		}
	}
}

// withNulls makes values null, in runs of burst.
type withNulls struct {
	traffic
	p     float64
	burst int
	left  int // of a run that goes on
}

func (w *withNulls) window(rng *rand.Rand, out []float64) {
	w.traffic.window(rng, out)
	for i := range out {
		if w.left == 0 && rng.Float64() < w.p/float64(w.burst)/(1-w.p+w.p/float64(w.burst)) {
			w.left = w.burst
		}
		if w.left > 0 {
			out[i] = null
			w.left--
		}
	}
}

// categories are drawn with probabilities p. icc > 0: each window has its own,
// Dirichlet about p. session > 1: so many events in a row have the same one.
type categories struct {
	p       []float64
	icc     float64
	session int
}

func (c *categories) window(rng *rand.Rand, out []float64) {
	p := c.p
	if c.icc > 0 {
		p = dirichlet(rng, c.p, (1-c.icc)/c.icc)
	}
	cdf := cumulative(p)
	x := 0.0
	for i := range out {
		if c.session < 2 || i%c.session == 0 {
			x = float64(draw(rng, cdf))
		}
		out[i] = x
	}
}

func cumulative(p []float64) []float64 {
	out, sum := make([]float64, len(p)), 0.0
	for i, x := range p {
		sum += x
		out[i] = sum
	}
	return out
}

func draw(rng *rand.Rand, cdf []float64) int {
	u := rng.Float64() * cdf[len(cdf)-1]
	lo, hi := 0, len(cdf)-1
	for lo < hi {
		if mid := (lo + hi) / 2; u < cdf[mid] {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return lo
}

func dirichlet(rng *rand.Rand, p []float64, mass float64) []float64 {
	out := make([]float64, len(p))
	for i, x := range p {
		out[i] = gamma(rng, x*mass)
	}
	return out
}

// gamma is Marsaglia and Tsang, A simple method for generating gamma variables
// (2000), with their boost below 1.
func gamma(rng *rand.Rand, a float64) float64 {
	if a < 1 {
		return gamma(rng, a+1) * math.Pow(rng.Float64(), 1/a)
	}
	d := a - 1./3
	c := 1 / math.Sqrt(9*d)
	for {
		x := rng.NormFloat64()
		v := 1 + c*x
		if v <= 0 {
			continue
		}
		v = v * v * v
		if math.Log(1-rng.Float64()) < .5*x*x+d-d*v+d*math.Log(v) {
			return d * v
		}
	}
}

// zipf are k categories whose shares fall as 1/rank.
func zipf(k int) []float64 {
	out, sum := make([]float64, k), 0.0
	for i := range out {
		out[i] = 1 / float64(i+1)
		sum += out[i]
	}
	for i := range out {
		out[i] /= sum
	}
	return out
}

// drift changes the values of a window; nil: nothing happens.
type drift func(rng *rand.Rand, x []float64)

func shift(d float64) drift {
	return func(_ *rand.Rand, x []float64) {
		for i := range x {
			x[i] += d
		}
	}
}

func scaled(k float64) drift {
	return func(_ *rand.Rand, x []float64) {
		for i := range x {
			x[i] *= k
		}
	}
}

// replaced gives a share of the events another value.
func replaced(share float64, by func(*rand.Rand) float64) drift {
	return func(rng *rand.Rand, x []float64) {
		for i := range x {
			if rng.Float64() < share {
				x[i] = by(rng)
			}
		}
	}
}

func constant(v float64) func(*rand.Rand) float64 { return func(*rand.Rand) float64 { return v } }

// The shapes of STATISTICS 1.2 and 2.4.
var (
	spike   = replaced(.05, constant(.3))                                                  // in the body
	tail    = replaced(.05, func(rng *rand.Rand) float64 { return 4 + rng.NormFloat64() }) // N(4, 1)
	bimodal = replaced(1, func(rng *rand.Rand) float64 {                                   // the same mean and sd
		return math.Copysign(.8, rng.Float64()-.5) + .6*rng.NormFloat64()
	})
)

// nulls makes a share of what is not null so, for a total of to when from were.
func nulls(from, to float64) drift { return replaced((to-from)/(1-from), constant(null)) }

// moved takes a share of the events from one category to another.
func moved(from, to int, share float64) drift {
	return func(rng *rand.Rand, x []float64) {
		for i := range x {
			if x[i] == float64(from) && rng.Float64() < share {
				x[i] = float64(to)
			}
		}
	}
}
