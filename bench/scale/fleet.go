package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/driftd/driftd/internal/kafka"
)

// fleet runs many models with thin traffic in one process, and starts it again with
// all that state.
func (p *place) fleet(ctx context.Context, models int) (string, error) {
	s := shape{Events: models * minutes * 2, Columns: 100, Segments: 3, Models: models, Partitions: 4, Keyed: true}
	m, err := p.measure(ctx, s)
	if err != nil {
		return "", err
	}
	prefix := fmt.Sprint("s", p.runs)
	config := p.dir + "/" + prefix + ".yml"
	began := time.Now()
	d, err := p.start(ctx, config)
	if err != nil {
		return "", err
	}
	// It is back when what comes in is read: a record more in each partition is committed.
	for part := range s.Partitions {
		at := start.Add((minutes + 10) * time.Minute)
		if _, err := p.client.Produce(ctx, "events-"+prefix, part, []kafka.Record{{Time: at, Value: s.text(rand.New(rand.NewPCG(9, 9)), at, modelName(part))}}); err != nil {
			return "", err
		}
	}
	ends, err := p.client.Offsets(ctx, "events-"+prefix, []int{0, 1, 2, 3}, kafka.AtEnd)
	if err != nil {
		return "", err
	}
	for back := false; !back; time.Sleep(50 * time.Millisecond) {
		commits, err := p.client.CommittedOffsets(ctx, prefix+".profile.events-"+prefix, "events-"+prefix, []int{0, 1, 2, 3})
		if err != nil {
			return "", err
		}
		back = true
		for part, end := range ends {
			back = back && commits[part].Offset >= end-1
		}
		if time.Since(began) > 5*time.Minute {
			return "", fmt.Errorf("not back after 5 minutes: %+v of %v: %s", commits, ends, d.tail())
		}
	}
	again, rss := time.Since(began), d.memory("VmHWM")
	if err := d.end(); err != nil {
		return "", err
	}
	return fmt.Sprintf("A fleet in one process: %d models x %d columns x %d segments, two events a model and minute, each model in one partition of %d; %d minutes read in %.0f s (%.0f s of CPU). "+
		"RSS %.0f MB in the end, %.0f MB at most. In Kafka: profiles %.0f MB, state %.0f MB, results %.0f MB; %.0f rows in ClickHouse (%.0f MB). Started again it had read and committed what had come since after %.1f s (RSS %.0f MB).\n",
		s.Models, s.Columns, s.Segments, s.Partitions, minutes, m.Wall.Seconds(), m.CPU, m.RSS, m.Peak, m.Profiles, m.State, m.Results, m.Rows, m.Bytes, again.Seconds(), rss), nil
}
