package pipeline

import (
	"context"
	"encoding/json"
	"fmt"
	"sync/atomic"
	"time"

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
	var tasks []*writeTask
	for _, p := range m.Partitions {
		t := &writeTask{set: set, client: c, group: group, sink: sink, member: m, partition: p}
		t.taken.Store(max(start[p], committed[p].Offset))
		tasks = append(tasks, t)
		chunks := f.Add(p, t.taken.Load())
		g.Go(func() error { return ctxErr(ctx, t.run(ctx, chunks)) })
	}
	g.Go(func() error { return ctxErr(ctx, f.Run(ctx)) })
	g.Go(func() error { showLag(ctx, tasks); return nil })
	return g.Wait()
}

// writeTask brings the results of one partition into a sink.
type writeTask struct {
	set       *Settings
	client    *kafka.Client
	group     string
	sink      Sink
	member    consumers.Membership
	partition int
	taken     atomic.Int64 // offset after the last result that the sink has
}

// lagEvery is how often it is looked how far sinks are behind: one that is away
// holds up its task, which cannot say so itself.
const lagEvery = 5 * time.Second

// showLag shows how many results wait for a sink, until ctx ends.
func showLag(ctx context.Context, tasks []*writeTask) {
	set, group, topic := tasks[0].set, tasks[0].group, tasks[0].set.resultsTopic()
	var parts []int
	for _, t := range tasks {
		parts = append(parts, t.partition)
		defer set.Metrics.DropLag(group, topic, t.partition)
	}
	tick := time.NewTicker(lagEvery)
	defer tick.Stop()
	for {
		if ends, err := tasks[0].client.Offsets(ctx, topic, parts, kafka.AtEnd); err == nil {
			for _, t := range tasks {
				set.Metrics.Lag(group, topic, t.partition, max(0, ends[t.partition]-t.taken.Load()))
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// run writes a chunk's results as one batch and commits when the sink has taken
// it [E6].
func (t *writeTask) run(ctx context.Context, chunks <-chan kafka.Chunk) error {
	topic := t.set.resultsTopic()
	var w kafka.Walker
	for chunk := range chunks {
		if chunk.Err != nil {
			return fmt.Errorf("read %s partition %d: %w", topic, t.partition, chunk.Err)
		}
		var batch []driftd.Result
		err := w.Walk(&chunk, func(rec *kafka.Rec) error {
			var r driftd.Result
			if err := json.Unmarshal(rec.Value, &r); err != nil {
				t.set.Log.Error("a result cannot be read and is passed over", "partition", t.partition, "offset", rec.Offset, "err", err)
				return nil
			}
			batch = append(batch, r)
			return nil
		})
		if err != nil {
			return err
		}
		if chunk.Next == chunk.Offset {
			continue
		}
		if len(batch) > 0 {
			if err := t.sink.Write(ctx, batch); err != nil {
				return err
			}
		}
		if err := t.client.CommitOffset(ctx, t.group, t.member.Generation, t.member.MemberID, topic, t.partition, chunk.Next, ""); err != nil {
			return err
		}
		t.taken.Store(chunk.Next)
	}
	return nil
}
