package embedded

import (
	"math"

	"github.com/driftd/driftd"
)

// random is SplitMix64: a stream of numbers that is a function of its seed. The
// generator makes one for each user, session and event, so that what an event
// says does not depend on which others were asked for. (math/rand/v2 has
// generators as good, but makes no promise about NormFloat64 between releases.)
type random struct{ state uint64 }

// seeded mixes several numbers into one seed.
func seeded(parts ...uint64) random {
	s := uint64(0)
	for _, p := range parts {
		s = driftd.Mix64(s ^ p)
	}
	return random{s}
}

func (r *random) next() uint64 {
	x := driftd.Mix64(r.state)
	r.state += 0x9e3779b97f4a7c15
	return x
}

// uniform is in [0, 1).
func (r *random) uniform() float64 { return float64(r.next()>>11) / (1 << 53) }

// below is in [0, n).
func (r *random) below(n int) int { return int(r.uniform() * float64(n)) }

// normal is standard normal (Box and Muller 1958, the cosine half: always two
// draws, so that the streams of a clean and of a changed event stay in step).
func (r *random) normal() float64 {
	u, v := 1-r.uniform(), r.uniform()
	return math.Sqrt(-2*math.Log(u)) * math.Cos(2*math.Pi*v)
}

// poisson inverts the distribution function with one draw: the
// smallest k whose cumulative probability passes u.
func (r *random) poisson(mean float64) int {
	u, p := r.uniform(), math.Exp(-mean)
	k := 0
	for u > p && p > 1e-300 && k < 1000 {
		u -= p
		k++
		p *= mean / float64(k)
	}
	return k
}

// pick draws an index with the given cumulative shares, the last of which is 1.
func (r *random) pick(cumulative []float64) int {
	u := r.uniform()
	for i, c := range cumulative {
		if u < c {
			return i
		}
	}
	return len(cumulative) - 1
}

func logistic(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
