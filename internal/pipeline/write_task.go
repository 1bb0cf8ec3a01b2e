package pipeline

import (
	"context"
	"encoding/json"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/consumers"
	"github.com/driftd/driftd/internal/kafka"
)

// Sink takes results. Write returns nil once every row is accepted, or given up
// and told as such; otherwise it tries until ctx ends.
type Sink interface {
	Write(ctx context.Context, batch []driftd.Result) error
}

// serveWrite brings results into the sinks. Each sink has a group of its own,
// so that one that is away stops only itself.
func serveWrite(ctx context.Context, set *Settings, c *kafka.Client, group string, sink Sink, m consumers.Membership) error {
	if len(m.Partitions) == 0 {
		<-ctx.Done()
		return nil
	}
	topic := set.resultsTopic()
	committed, err := c.CommittedOffsets(ctx, group, topic, m.Partitions)
	if err != nil {
		return ctxErr(ctx, err)
	}
	start, err := c.Offsets(ctx, topic, m.Partitions, kafka.AtStart)
	if err != nil {
		return ctxErr(ctx, err)
	}
	f := c.NewFetcher(kafka.FetchConfig{Topic: topic})
	g, ctx := errgroup.WithContext(ctx)
	for _, p := range m.Partitions {
		chunks := f.Add(p, max(start[p], committed[p].Offset))
		g.Go(func() error { return ctxErr(ctx, writePartition(ctx, set, c, group, sink, m, p, chunks)) })
	}
	g.Go(func() error { return ctxErr(ctx, f.Run(ctx)) })
	return g.Wait()
}

// writePartition writes a chunk's results as one batch and commits when the
// sink has taken it [E6].
func writePartition(ctx context.Context, set *Settings, c *kafka.Client, group string, sink Sink, m consumers.Membership, p int, chunks <-chan kafka.Chunk) error {
	var w kafka.Walker
	for chunk := range chunks {
		if chunk.Err != nil {
			return fmt.Errorf("read %s partition %d: %w", set.resultsTopic(), p, chunk.Err)
		}
		var batch []driftd.Result
		err := w.Walk(&chunk, func(rec *kafka.Rec) error {
			var r driftd.Result
			if err := json.Unmarshal(rec.Value, &r); err != nil {
				set.Log.Error("a result cannot be read and is passed over", "partition", p, "offset", rec.Offset, "err", err)
				return nil
			}
			batch = append(batch, r)
			return nil
		})
		if err != nil {
			return err
		}
		set.Metrics.Lag(group, set.resultsTopic(), p, chunk.HighWatermark-chunk.Next)
		if chunk.Next == chunk.Offset {
			continue
		}
		if len(batch) > 0 {
			if err := sink.Write(ctx, batch); err != nil {
				return err
			}
		}
		if err := c.CommitOffset(ctx, group, m.Generation, m.MemberID, set.resultsTopic(), p, chunk.Next, ""); err != nil {
			return err
		}
	}
	return nil
}
