package main

import (
	"context"
	"fmt"
)

// fleet runs many models with thin traffic in one process, and starts it again with
// all that state.
func (p *place) fleet(ctx context.Context, models int) (string, error) {
	s := shape{Events: models * minutes * 2, Columns: 100, Segments: 3, Models: models, Partitions: 4, Keyed: true}
	m, err := p.measure(ctx, s)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("A fleet in one process, with GOMEMLIMIT=8GiB: %d models x %d columns x %d segments, two events a model and minute, each model in one partition of %d. It read the %d minutes in %.0f s (%.0f s of CPU; of one core that is %.1f %% of the time that they took) and had %.0f MB at most. "+
		"In Kafka: events %.0f MB, profiles %.0f MB, state %.0f MB, results %.0f MB; %.0f rows in ClickHouse (%.0f MB). Started again it had read references and state after %.1f s, and had %.0f MB.\n",
		s.Models, s.Columns, s.Segments, s.Partitions, minutes, m.Wall.Seconds(), m.CPU, m.CPU/(minutes*60)*100, m.Peak, m.Source, m.Profiles, m.State, m.Results, m.Rows, m.Bytes, m.Again.Seconds(), m.RSS), nil
}
