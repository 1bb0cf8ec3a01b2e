package pipeline

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/proto"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/consumers"
	"github.com/driftd/driftd/internal/fold"
	"github.com/driftd/driftd/internal/kafka"
	"github.com/driftd/driftd/internal/wire"
)

// emitter writes a profile task's profiles and markers. One produce request is
// in flight for each profiles partition; a failure for ever ends the task.
type emitter struct {
	set       *Settings
	client    *kafka.Client
	topic     string // the source
	partition int
	epoch     int64
	strange   func(*consumers.Model) bool
	other     *consumers.Model
}

// profiles writes the panes' profiles and waits until they are acknowledged.
func (e *emitter) profiles(ctx context.Context, panes []*fold.Pane) error {
	recs := make([][]kafka.Record, e.set.Partitions)
	n := 0
	for _, p := range panes {
		p.Limit(maxStrange, e.strange, e.other)
		err := eachSeries(p, func(s driftd.Series, layout *driftd.Layout, prof *driftd.Profile) error {
			rec := &wire.ProfileRecord{MinReader: 1, Topic: e.topic, Partition: int32(e.partition), Epoch: e.epoch, Pane: p.Start,
				Model: s.Model, Segment: s.Segment, Profile: wire.ProfileToWire(prof)}
			if layout != nil {
				rec.Layout = layout.Fingerprint
			}
			b, err := proto.Marshal(rec)
			if err != nil {
				return fmt.Errorf("encode a profile of model %q: %w", s.Model, err)
			}
			k := s.Partition(e.set.Partitions)
			recs[k] = append(recs[k], kafka.Record{Key: []byte(s.Key()), Value: b})
			n++
			return nil
		})
		if err != nil {
			return err
		}
	}
	if n == 0 {
		return nil
	}
	e.set.Metrics.ProfilesProduced(n)
	return e.produceEach(ctx, recs)
}

// eachSeries gives a pane's profile of each series and layout once: a reload that
// changes the segments leaves two sets in an open pane that share some series.
func eachSeries(p *fold.Pane, fn func(driftd.Series, *driftd.Layout, *driftd.Profile) error) error {
	type key struct {
		series driftd.Series
		layout string // fingerprint
	}
	type part struct {
		key
		layout *driftd.Layout
		prof   *driftd.Profile
	}
	var parts []part
	at := map[key]int{}
	_ = p.Each(func(m *consumers.Model, seg int, prof *driftd.Profile) error { // fn gives no error
		k := key{series: driftd.Series{Model: m.Name, Segment: m.Segments[seg]}}
		if m.Layout != nil {
			k.layout = m.Layout.Fingerprint
		}
		if i, ok := at[k]; ok {
			parts[i].prof.Merge(prof)
			return nil
		}
		at[k] = len(parts)
		parts = append(parts, part{k, m.Layout, prof})
		return nil
	})
	for _, x := range parts {
		if err := fn(x.series, x.layout, x.prof); err != nil {
			return err
		}
	}
	return nil
}

// marker writes the same marker to every profiles partition.
func (e *emitter) marker(ctx context.Context, m commitMeta, partitions int) error {
	return e.everywhere(ctx, "marker", &wire.ProfileRecord{MinReader: 1,
		Marker: &wire.Marker{Frontier: m.Frontier, Partitions: int32(partitions), Begin: m.Begin, Cut: m.Cut, Start: m.Start}})
}

// gap writes that records are lost to every profiles partition.
func (e *emitter) gap(ctx context.Context, g *wire.Gap) error {
	return e.everywhere(ctx, "gap", &wire.ProfileRecord{MinReader: 4, Gap: g})
}

// everywhere writes one record to every profiles partition.
func (e *emitter) everywhere(ctx context.Context, what string, m *wire.ProfileRecord) error {
	m.Topic, m.Partition, m.Epoch = e.topic, int32(e.partition), e.epoch
	b, err := proto.Marshal(m)
	if err != nil {
		return fmt.Errorf("encode a %s: %w", what, err)
	}
	recs := make([][]kafka.Record, e.set.Partitions)
	for k := range recs {
		recs[k] = []kafka.Record{{Key: []byte(fmt.Sprintf("%s/%s/%d", what, e.topic, e.partition)), Value: b}}
	}
	return e.produceEach(ctx, recs)
}

func (e *emitter) produceEach(ctx context.Context, recs [][]kafka.Record) error {
	g, ctx := errgroup.WithContext(ctx)
	for k, r := range recs {
		if len(r) == 0 {
			continue
		}
		g.Go(func() error {
			_, err := e.client.Produce(ctx, e.set.profilesTopic(), k, r)
			if err != nil {
				return fmt.Errorf("write to %s partition %d: %w", e.set.profilesTopic(), k, err)
			}
			return nil
		})
	}
	return g.Wait()
}
