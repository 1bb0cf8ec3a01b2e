package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/internal/reference"
	"github.com/driftd/driftd/internal/wire"
)

// levels of the categorical features of an event.
var levels = []int{2, 5, 20, 50}

// start is the time of the first event.
var start = time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)

// Places of what is written anew into an event when it is sent again.
const (
	timeLayout = "2006-01-02T15:04:05.000Z"
	timeAt     = len(`{"time": "`)
	timeEnd    = timeAt + len(timeLayout)
	modelAt    = timeEnd + len(`", "model": "`)
	modelEnd   = modelAt + len("model-000")
)

// shape is what an event holds beside time, model, id and score.
type shape struct {
	numeric, categorical int
	tagged               bool // with a tag of two values
}

var (
	usual = shape{numeric: 16, categorical: 4}               // the event of 834 bytes
	wide  = shape{numeric: 99}                               // 100 numeric columns with the score
	small = shape{numeric: 15, categorical: 4, tagged: true} // 20 columns with the score
)

// generate writes n events as Python's json.dumps does, dt apart: features of
// random.gauss (16 or 17 digits), levels of falling frequency, a score.
func generate(rng *rand.Rand, s shape, n int, from time.Time, dt time.Duration) [][]byte {
	out := make([][]byte, n)
	for i := range out {
		b := make([]byte, 0, 900)
		b = append(b, `{"time": "`...)
		b = from.Add(time.Duration(i)*dt).AppendFormat(b, timeLayout)
		b = append(b, `", "model": "model-000", "id": "`...)
		b = fmt.Appendf(b, "%08x-%04x-%04x-%04x-%012x", rng.Uint32(), rng.Uint32N(1<<16), rng.Uint32N(1<<16), rng.Uint32N(1<<16), rng.Uint64N(1<<48))
		b = append(b, `", "version": "3.1", "features": {`...)
		for k := range s.numeric {
			if k > 0 {
				b = append(b, ", "...)
			}
			b = fmt.Appendf(b, `"feature_%02d": `, k)
			b = appendFloat(b, rng.NormFloat64()*[]float64{1, 10, 100, .1}[k%4]+float64(k%3))
		}
		for k := range s.categorical {
			level := int(float64(levels[k]) * rng.Float64() * rng.Float64())
			b = fmt.Appendf(b, `, "category_%d": "level_%02d"`, k, level)
		}
		b = append(b, `}, "prediction": {"score": `...)
		b = appendFloat(b, rng.Float64())
		b = append(b, '}')
		if s.tagged {
			b = append(b, `, "tags": {"country": "`+[]string{"DE", "FR"}[i%2]+`"}`...)
		}
		out[i] = append(b, '}')
	}
	return out
}

// appendFloat writes a float as Python's repr does.
func appendFloat(b []byte, x float64) []byte {
	if x > -1e-4 && x < 1e-4 {
		return strconv.AppendFloat(b, x, 'e', -1, 64)
	}
	return strconv.AppendFloat(b, x, 'f', -1, 64)
}

// stamp gives a copied event another time and model.
func stamp(b []byte, at time.Time, model int) []byte {
	var text [48]byte // AppendFormat writes more than it keeps
	copy(b[timeAt:timeEnd], at.AppendFormat(text[:0], timeLayout))
	m := b[modelAt:modelEnd]
	m[len(m)-3], m[len(m)-2], m[len(m)-1] = byte('0'+model/100%10), byte('0'+model/10%10), byte('0'+model%10)
	return b
}

func modelName(i int) string { return fmt.Sprintf("model-%03d", i) }

func meanSize(events [][]byte) float64 {
	n := 0
	for _, e := range events {
		n += len(e)
	}
	return float64(n) / float64(len(events))
}

// inMemory is a reference.Source of generated events.
type inMemory struct {
	events [][]byte
	dt     time.Duration
	from   time.Time
	i      int
}

func (m *inMemory) Next() ([]byte, int64, error) {
	if m.i == len(m.events) {
		return nil, 0, io.EOF
	}
	m.i++
	return m.events[m.i-1], m.from.Add(time.Duration(m.i-1) * m.dt).UnixNano(), nil
}

// buildReference cuts up windows of perWindow events an hour that end at start.
func buildReference(s shape, model string, windows, perWindow int, tags []driftd.SegmentTag) (*wire.Bundle, error) {
	dt := time.Hour / time.Duration(perWindow)
	from := start.Add(-time.Duration(windows) * time.Hour)
	events := generate(rand.New(rand.NewPCG(2, 2)), s, windows*perWindow, from, dt)
	return bundle(model, events, from, dt, tags)
}

func bundle(model string, events [][]byte, from time.Time, dt time.Duration, tags []driftd.SegmentTag) (*wire.Bundle, error) {
	open := func() (reference.Source, error) { return &inMemory{events: events, dt: dt, from: from}, nil }
	b, _, err := reference.Build(open, reference.Options{Model: model, Lengths: []time.Duration{time.Hour}, Location: time.UTC, Tags: tags})
	if err != nil {
		return nil, fmt.Errorf("build the reference: %w", err)
	}
	return b, nil
}

func generateSmall(n int) [][]byte {
	return generate(rand.New(rand.NewPCG(4, 4)), small, n, start, time.Millisecond)
}
