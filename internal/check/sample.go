package check

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/driftd/driftd/internal/config"
	"github.com/driftd/driftd/internal/inspect"
	"github.com/driftd/driftd/internal/kafka"
)

// What is read of each users' topic.
const (
	sampleRecords = 10_000
	sampleBytes   = 64 << 20
	sampleWithin  = 10 * time.Second
	atOnce        = 4 // topics
)

// Sample is the end of one users' topic, as its source reads it.
type Sample struct {
	Source *config.Source
	Tail   *kafka.TailResult
	Bytes  int             // of the records' keys and values
	Report *inspect.Report // nil where there are no records
	Err    error
}

// errDenied: the broker has said that this user may not read. A fetch would be
// repeated until its deadline, because rights may be granted meanwhile.
var errDenied = errors.New("this user may not read it")

// Samples reads the end of each source's topic, without a group.
func Samples(ctx context.Context, t *Target) []*Sample {
	out := make([]*Sample, len(t.Config.Sources))
	var names []string
	for i := range t.Config.Sources {
		names = append(names, t.Config.Sources[i].Topic)
	}
	ask, stop := context.WithTimeout(ctx, askWithin)
	d, err := t.Client.Describe(ask, names)
	stop()
	slots := make(chan struct{}, atOnce)
	var all sync.WaitGroup
	for i := range t.Config.Sources {
		if err == nil && d.Topics[names[i]].Operations.Known() && !d.Topics[names[i]].Operations.May(kafka.Read) {
			out[i] = &Sample{Source: &t.Config.Sources[i], Err: errDenied}
			continue
		}
		all.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			ctx, stop := context.WithTimeout(ctx, sampleWithin)
			defer stop()
			out[i] = t.sample(ctx, i)
		})
	}
	all.Wait()
	return out
}

func (t *Target) sample(ctx context.Context, source int) *Sample {
	src := &t.Config.Sources[source]
	s := &Sample{Source: src}
	if s.Tail, s.Err = t.Client.Tail(ctx, kafka.TailConfig{Topic: src.Topic, Records: sampleRecords, MaxBytes: sampleBytes}); s.Err != nil || len(s.Tail.Records) == 0 {
		return s
	}
	records := make([]inspect.Record, len(s.Tail.Records))
	for i, r := range s.Tail.Records {
		records[i] = inspect.Record{Key: r.Key, Value: r.Value, Time: -1, Partition: r.Partition, Offset: r.Offset}
		if r.Timestamp >= 0 {
			records[i].Time = r.Timestamp * int64(time.Millisecond)
		}
		s.Bytes += len(r.Key) + len(r.Value)
	}
	s.Report = inspect.Measure(records, *src, t.Settings.Sources[source].Carries)
	return s
}
