package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// TailConfig says how much of the end of a topic Tail reads.
type TailConfig struct {
	Topic    string
	Records  int // in all, spread over the partitions; above 0
	MaxBytes int // of all values and keys together; the older ones go first
}

// TailRecord is a record that outlives its walk.
type TailRecord struct {
	Partition  int
	Offset     int64
	Timestamp  int64 // ms since 1970; -1: none
	LogAppend  bool  // Timestamp is the broker's clock
	Key, Value []byte
}

// TailResult is what Tail found.
type TailResult struct {
	Partitions int
	Records    []TailRecord // by partition, then offset
	Log        int64        // offsets that the topic has now: records, at most
	Open       int64        // of these, how many an open transaction hides
	Corrupt    int          // batches that cannot be read and were passed over
}

// farther is how much further back Tail looks, each time that compaction and
// transactions have left fewer than half of the records that were asked for.
const (
	farther    = 16
	tailRounds = 3
)

// Tail reads the most recent records of a topic, read_committed. It joins no
// group and commits nothing. A partition that has few leaves its share to the
// others. It waits for brokers until ctx ends. The error wraps ErrUnknownTopic
// when there is no such topic.
func (c *Client) Tail(ctx context.Context, cfg TailConfig) (*TailResult, error) {
	n, err := c.Partitions(ctx, cfg.Topic)
	if err != nil {
		return nil, err
	}
	parts := make([]int, n)
	for i := range parts {
		parts[i] = i
	}
	var at [3]map[int]int64
	for i, place := range []At{AtStart, AtStable, AtEnd} {
		if at[i], err = c.Offsets(ctx, cfg.Topic, parts, place); err != nil {
			return nil, err
		}
	}
	start, stable, end := at[0], at[1], at[2]
	res := &TailResult{Partitions: n}
	have := make([]int64, n)
	for p := range n {
		have[p] = max(0, stable[p]-start[p])
		res.Log += max(0, end[p]-start[p])
		res.Open += max(0, end[p]-max(stable[p], start[p]))
	}
	shares := share(have, cfg.Records)
	tails := make([]*tail, n)
	for p := range n {
		t := &tail{partition: p, want: shares[p], back: int64(shares[p]), low: start[p], end: stable[p]}
		t.maxBytes = cfg.MaxBytes * shares[p] / max(1, cfg.Records)
		tails[p] = t
	}
	for round := range tailRounds {
		if err := c.readTails(ctx, cfg.Topic, tails); err != nil {
			if round == 0 {
				return nil, err
			}
			break // what was found nearer to the end is there
		}
		for _, t := range tails {
			t.back *= farther
		}
	}
	for _, t := range tails {
		res.Records = append(res.Records, t.records...)
		res.Corrupt += t.corrupt
	}
	return res, nil
}

// share spreads n over the partitions, none getting more than it has.
func share(have []int64, n int) []int {
	out := make([]int, len(have))
	for given := true; n > 0 && given; {
		given = false
		for p := range have {
			if n > 0 && int64(out[p]) < have[p] {
				out[p]++
				n--
				given = true
			}
		}
	}
	return out
}

// tail is the end of one partition.
type tail struct {
	partition int
	want      int
	back      int64 // offsets before end to begin at
	low, end  int64
	maxBytes  int

	records []TailRecord
	bytes   int
	dropped bool // for their bytes: looking further back brings nothing
	corrupt int
	read    bool
	from    int64
}

// due says that the partition is to be read: the first time, or further back.
func (t *tail) due() bool {
	if t.want == 0 || t.dropped || t.read && (len(t.records) >= (t.want+1)/2 || t.from <= t.low) {
		return false
	}
	return true
}

func (t *tail) add(r *Rec) {
	if r.Offset >= t.end {
		return
	}
	t.records = append(t.records, TailRecord{
		Partition: t.partition, Offset: r.Offset, Timestamp: r.Timestamp, LogAppend: r.LogAppend,
		Key: clone(r.Key), Value: clone(r.Value),
	})
	t.bytes += len(r.Key) + len(r.Value)
	for len(t.records) > t.want || t.bytes > t.maxBytes && len(t.records) > 1 {
		t.dropped = t.dropped || len(t.records) <= t.want
		t.bytes -= len(t.records[0].Key) + len(t.records[0].Value)
		t.records[0] = TailRecord{}
		t.records = t.records[1:]
	}
}

// clone keeps nil apart from empty.
func clone(b []byte) []byte {
	if b == nil {
		return nil
	}
	return append([]byte{}, b...)
}

// readTails reads those that are due, all at once.
func (c *Client) readTails(ctx context.Context, topic string, tails []*tail) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	f := c.NewFetcher(FetchConfig{Topic: topic, MaxWait: 50 * time.Millisecond})
	var readers sync.WaitGroup
	errs := make([]error, len(tails))
	for i, t := range tails {
		if !t.due() {
			continue
		}
		before := *t
		t.from = max(t.low, t.end-t.back)
		t.records, t.bytes, t.corrupt, t.read = nil, 0, 0, true
		chunks := f.Add(t.partition, t.from)
		readers.Go(func() {
			whole, err := t.readChunks(f, chunks)
			if errs[i] = err; !whole {
				*t = before
			}
		})
	}
	done := make(chan struct{})
	go func() {
		_ = f.Run(ctx) // the end of ctx, which is told below
		close(done)
	}()
	readers.Wait()
	ended := ctx.Err()
	stop()
	<-done
	if ended != nil {
		return fmt.Errorf("kafka: read the end of topic %s: %w", topic, ended)
	}
	return errors.Join(errs...)
}

// readChunks reads to the end that was; whole is false when it did not get there.
func (t *tail) readChunks(f *Fetcher, chunks <-chan Chunk) (whole bool, err error) {
	var w Walker
	for chunk := range chunks {
		next, err := chunk.Next, chunk.Err
		if err == nil {
			err = w.Walk(&chunk, func(r *Rec) error { t.add(r); return nil })
		}
		var corrupt *CorruptBatch
		var outside *OffsetOutOfRange
		switch {
		case err == nil:
		case errors.As(err, &corrupt):
			t.corrupt++
			next = corrupt.Last + 1
			f.Seek(t.partition, next)
		case errors.As(err, &outside) && outside.LogStart > outside.Offset: // retention was faster
			next = outside.LogStart
			f.Seek(t.partition, next)
		default:
			return false, err
		}
		if next >= t.end {
			f.Pause(t.partition)
			return true, nil
		}
	}
	return false, nil
}
