package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/bench/internal/fleet"
	"github.com/driftd/driftd/internal/kafka"
	"github.com/driftd/driftd/internal/reference"
	"github.com/driftd/driftd/internal/wire"
)

// shape is what driftd is given.
type shape struct {
	Events, Columns, Segments, Models, Partitions int
	Keyed                                         bool // a model's events are all in one partition
}

const (
	minutes = 140 // of event time: two windows of an hour, and what closes the second
	windows = 2
	slack   = 20 * time.Minute // of it, after the last window
)

// start is when events begin.
var start = time.Now().UTC().Truncate(time.Hour).Add(-6 * time.Hour)

func modelName(i int) string { return fmt.Sprintf("model-%04d", i) }

func (s shape) values() (out []string) {
	for i := range s.Segments - 2 {
		out = append(out, fmt.Sprint("s", i))
	}
	return out
}

// tags cut traffic into all, segments-2 values and the others; one segment is all alone.
func (s shape) tags() []driftd.SegmentTag {
	if s.Segments < 3 {
		return nil
	}
	return []driftd.SegmentTag{{Tags: []string{"tag"}, Values: s.values()}}
}

// text is an event: three numeric features to a categorical one, as in the
// benchmarks of one event.
func (s shape) text(rng *rand.Rand, at time.Time, model string) []byte {
	b := append(make([]byte, 0, 60+40*s.Columns), `{"time": "`...)
	b = at.AppendFormat(b, time.RFC3339Nano)
	b = append(append(append(b, `", "model": "`...), model...), `", "features": {`...)
	for i := range s.Columns {
		if i > 0 {
			b = append(b, ", "...)
		}
		if i%4 == 3 {
			b = fmt.Appendf(b, `"category_%02d": "level_%02d"`, i, int(10*rng.Float64()*rng.Float64()))
		} else {
			b = append(fmt.Appendf(b, `"feature_%02d": `, i), strconv.FormatFloat(rng.NormFloat64(), 'f', -1, 64)...)
		}
	}
	b = append(b, '}')
	if s.Segments >= 3 {
		n := rng.IntN(s.Segments - 1)
		b = fmt.Appendf(b, `, "tags": {"tag": "s%d"}`, n) // the last value is one of the others
	}
	return append(b, '}')
}

type past struct {
	s    shape
	rng  *rand.Rand
	at   time.Time
	left int
}

func (p *past) Next() ([]byte, int64, error) {
	if p.left--; p.left < 0 {
		return nil, 0, io.EOF
	}
	p.at = p.at.Add(12 * time.Second)
	return p.s.text(p.rng, p.at, modelName(0)), p.at.UnixNano(), nil
}

// bundles are the models' references: of one's past, under each name.
func (s shape) bundles() ([]*wire.Bundle, error) {
	const n = 48 * 300
	first, _, err := reference.Build(func() (reference.Source, error) {
		return &past{s, rand.New(rand.NewPCG(1, 1)), start.Add(-48 * time.Hour), n}, nil
	}, reference.Options{Model: modelName(0), Lengths: []time.Duration{time.Hour}, Location: time.UTC, Tags: s.tags()})
	if err != nil {
		return nil, err
	}
	return fleet.Bundles(first, s.Models, modelName)
}

// produce writes the events, evenly over time, models in turn, and then a few that
// close the last window.
func (s shape) produce(ctx context.Context, c *kafka.Client, topic string) error {
	g, ctx := errgroup.WithContext(ctx)
	dt := (minutes*time.Minute - slack/2) / time.Duration(s.Events)
	for p := range s.Partitions {
		g.Go(func() error {
			rng := rand.New(rand.NewPCG(uint64(p), 3))
			var recs []kafka.Record
			for i := range s.Events {
				model := i % s.Models
				if s.Keyed && model%s.Partitions != p || !s.Keyed && (i/s.Models)%s.Partitions != p {
					continue
				}
				at := start.Add(time.Duration(i) * dt)
				recs = append(recs, kafka.Record{Time: at, Value: s.text(rng, at, modelName(model))})
				if len(recs) == 100 {
					if _, err := c.Produce(ctx, topic, p, recs); err != nil {
						return err
					}
					recs = recs[:0]
				}
			}
			for i := range s.Models { // every model's clock goes on
				at := start.Add(minutes * time.Minute)
				if !s.Keyed || i%s.Partitions == p {
					recs = append(recs, kafka.Record{Time: at, Value: s.text(rng, at, modelName(i))})
				}
			}
			_, err := c.Produce(ctx, topic, p, recs)
			return err
		})
	}
	return g.Wait()
}
