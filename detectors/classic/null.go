package classic

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/driftd/driftd/detectors"
)

// Draws is how many windows without drift a false alarm rate is computed from.
const Draws = 1000

// Null is what a rule does in windows of about one size in which nothing has
// changed.
type Null struct {
	N      float64 // values in a window
	Limits []float64
	Flags  int // of Draws windows
}

// Null draws windows of the column of about n values (the nearest power of two)
// and judges them; the same for the same reference.
func (a *Applied) Null(n float64) *Null {
	size := int(math.Round(math.Log2(math.Max(1, n))))
	if have := a.null[size]; have != nil {
		return have
	}
	x := &Null{N: math.Exp2(float64(size)), Limits: make([]float64, len(a.limits))}
	rng := rand.New(rand.NewPCG(uint64(size), 1))
	values := make([][]float64, len(a.limits))
	for range Draws {
		c := a.column.Draw(rng, x.N, detectors.ClassicBins)
		if c == nil {
			break
		}
		for i, l := range a.limits {
			v, _ := l.value(c)
			values[i] = append(values[i], v)
		}
	}
	flagged := make([]bool, Draws)
	for i, l := range a.limits {
		x.Limits[i] = l.At
		if math.IsNaN(l.At) {
			mean, sd, _, _ := detectors.SampleMoments(values[i])
			x.Limits[i] = math.Min(mean+3*sd, l.Measure.Most)
		}
		for j, v := range values[i] {
			flagged[j] = flagged[j] || l.passed(v, x.Limits[i])
		}
	}
	for _, f := range flagged {
		if f {
			x.Flags++
		}
	}
	a.null[size] = x
	return x
}

// Rate is the chance that a window without drift is flagged. None seen counts as
// less than three (95 % confidence; Hanley and Lippman-Hand, If nothing goes
// wrong, is everything all right?, 1983).
func (x *Null) Rate() float64 { return math.Max(float64(x.Flags), 3) / Draws }

// Note says the rate in words, and what it comes to in a week.
func (x *Null) Note(perWeek float64) string {
	most := ""
	if x.Flags < 3 {
		most = "less than "
	}
	return fmt.Sprintf("flags %s%s %% of windows of about %s values without drift: %s%s a week; outside the budget", most, short(100*x.Rate()), short(x.N), most, short(x.Rate()*perWeek))
}
