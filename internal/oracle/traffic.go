package oracle

import (
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/internal/config"
	"github.com/driftd/driftd/internal/reference"
	"github.com/driftd/driftd/internal/wire"
)

// What the runs' config has to say.
const (
	Model    = "m"
	Pane     = time.Minute
	Lateness = 2 * time.Minute
	MaxSkew  = 5 * time.Minute
	MaxAge   = 2 * time.Hour
)

// Windows are the lengths of the windows.
var Windows = []time.Duration{time.Hour, 2 * time.Hour}

// Config is the part of a run's config that decides about results.
func Config() *config.Config {
	cfg := config.Default()
	cfg.Alerts.PageMaxAge = 100_000 * time.Hour // what is old depends on the clock
	cfg.Defaults.Windows = Windows
	return cfg
}

// Reference builds the model's reference from three days of traffic before start.
func Reference(start time.Time) (*wire.Bundle, error) {
	b, _, err := reference.Build(func() (reference.Source, error) {
		return &sample{rand.New(rand.NewPCG(1, 1)), 180 * 72, start.Add(-72 * time.Hour)}, nil
	}, reference.Options{Model: Model, Lengths: Windows, Location: time.UTC, Tags: []driftd.SegmentTag{{Tags: []string{"country"}, Values: []string{"DE"}}}})
	return b, err
}

type sample struct {
	rng  *rand.Rand
	left int
	at   time.Time
}

func (s *sample) Next() ([]byte, int64, error) {
	if s.left--; s.left < 0 {
		return nil, 0, io.EOF
	}
	s.at = s.at.Add(20 * time.Second)
	return []byte(Event(s.rng, s.at, 0)), s.at.UnixNano(), nil
}

// Event is a record's value: a numeric feature, a category, a score and a tag.
// shift moves the feature, in its standard deviations.
func Event(rng *rand.Rand, at time.Time, shift float64) string {
	x := rng.NormFloat64() + shift
	level := []string{"a", "b", "c"}[rng.IntN(3)]
	if rng.IntN(200) == 0 {
		level = fmt.Sprintf("new%d", rng.IntN(50))
	}
	country := []string{"DE", "DE", "PL"}[rng.IntN(3)]
	value := fmt.Sprintf("%.4f", x)
	if rng.IntN(50) == 0 {
		value = "null"
	}
	return fmt.Sprintf(`{"model":%q,"time":%q,"features":{"x":%s,"c":%q},"prediction":{"score":%.4f},"tags":{"country":%q}}`,
		Model, at.UTC().Format(time.RFC3339Nano), value, level, 1/(1+x*x), country)
}

// At is a record of the time at: most are a little late, some much, some are ahead
// or too old, and one in a hundred cannot be read.
func At(rng *rand.Rand, at time.Time, shift float64) (value []byte, stamp time.Time) {
	when := at.Add(-time.Duration(rng.ExpFloat64() * float64(20*time.Second)))
	switch rng.IntN(60) {
	case 0:
		when = at.Add(-time.Duration(rng.Int64N(int64(10 * time.Minute))))
	case 1:
		when = at.Add(time.Duration(rng.Int64N(int64(8 * time.Minute))))
	case 2:
		when = at.Add(-3 * time.Hour)
	}
	v := Event(rng, when, shift)
	if rng.IntN(100) == 0 {
		v = v[:len(v)/2]
	}
	return []byte(v), at.Truncate(time.Millisecond)
}
