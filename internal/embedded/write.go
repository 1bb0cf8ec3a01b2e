package embedded

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/internal/kafka"
)

// Progress hears of events that are in the topic.
type Progress func(events int, at time.Time)

const (
	writeBytes   = 800 << 10 // of one partition, gathered before they are sent
	writeRecords = 4096      // fewer calls than this a batch make no difference
)

// Span is what WriteTo writes.
type Span struct {
	From, To time.Time
	Changed  bool
}

// WriteTo produces a span's events into a topic (it must exist, or come to
// exist): by user over the partitions, in order of time in each, each record's
// timestamp its event time. Returns how many events are there; after an error
// or the end of ctx, a part of the span. progress may be nil; it is called
// by one goroutine at a time.
func (g *Generator) WriteTo(ctx context.Context, client *kafka.Client, topic string, partitions int, s Span, progress Progress) (int, error) {
	if partitions < 1 {
		return 0, fmt.Errorf("embedded: write to %s: %d partitions", topic, partitions)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	lanes := make([]*lane, partitions)
	var wg sync.WaitGroup
	var mu sync.Mutex
	done := 0
	for i := range lanes {
		l := &lane{full: make(chan *batch), free: make(chan *batch, 2)}
		l.free <- new(batch)
		l.now = new(batch)
		lanes[i] = l
		wg.Go(func() {
			for b := range l.full {
				if _, err := client.Produce(ctx, topic, i, b.records()); err != nil {
					cancel(err)
					return
				}
				mu.Lock()
				done += len(b.recs)
				if progress != nil {
					progress(done, b.recs[len(b.recs)-1].Time)
				}
				mu.Unlock()
				b.reset()
				l.free <- b
			}
		})
	}
	err := g.Events(s.From, s.To, s.Changed, func(e *Event) error {
		l := lanes[driftd.HashBytes(e.Key)%uint64(partitions)]
		l.now.add(e)
		if len(l.now.data) < writeBytes && len(l.now.recs) < writeRecords {
			return nil
		}
		return l.send(ctx)
	})
	for _, l := range lanes {
		if err == nil && len(l.now.recs) > 0 {
			err = l.send(ctx)
		}
		close(l.full)
	}
	wg.Wait()
	if err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return done, fmt.Errorf("embedded: write to %s: %w", topic, err)
	}
	return done, nil
}

// lane is one partition's way: one batch is filled while the other is sent.
type lane struct {
	now        *batch
	full, free chan *batch
}

func (l *lane) send(ctx context.Context) error {
	select {
	case l.full <- l.now:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	select {
	case l.now = <-l.free:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// batch keeps records' bytes in one buffer; where they lie is resolved at the
// end, because the buffer moves while it grows.
type batch struct {
	data []byte
	ends []int // of key and value of each record
	recs []kafka.Record
}

func (b *batch) add(e *Event) {
	b.data = append(b.data, e.Key...)
	b.ends = append(b.ends, len(b.data))
	b.data = append(b.data, e.JSON...)
	b.ends = append(b.ends, len(b.data))
	b.recs = append(b.recs, kafka.Record{Time: e.At})
}

func (b *batch) records() []kafka.Record {
	from := 0
	for i := range b.recs {
		key, value := b.ends[2*i], b.ends[2*i+1]
		b.recs[i].Key, b.recs[i].Value = b.data[from:key:key], b.data[key:value:value]
		from = value
	}
	return b.recs
}

func (b *batch) reset() { b.data, b.ends, b.recs = b.data[:0], b.ends[:0], b.recs[:0] }
