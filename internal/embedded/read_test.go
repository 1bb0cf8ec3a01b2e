package embedded

import (
	"context"
	"testing"
	"time"

	"github.com/driftd/driftd/internal/kafka"
)

// read hands out n records of a topic, and checks that each partition's are in
// order of time.
func read(t *testing.T, ctx context.Context, c *kafka.Client, topic string, partitions, n int, fn func(int, *kafka.Rec)) {
	t.Helper()
	f := c.NewFetcher(kafka.FetchConfig{Topic: topic, MaxWait: 20 * time.Millisecond})
	chunks := make([]<-chan kafka.Chunk, partitions)
	for p := range chunks {
		chunks[p] = f.Add(p, 0)
	}
	run, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() { defer close(ended); _ = f.Run(run) }()
	defer func() { cancel(); <-ended }()
	seen := 0
	for p, ch := range chunks {
		var w kafka.Walker
		last := int64(-1 << 62)
		for chunk := range ch {
			if chunk.Err != nil {
				t.Fatal(chunk.Err)
			}
			if err := w.Walk(&chunk, func(r *kafka.Rec) error {
				if r.Timestamp < last {
					t.Fatalf("partition %d: time goes back", p)
				}
				last = r.Timestamp
				seen++
				fn(p, r)
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			if chunk.Next >= chunk.HighWatermark {
				break
			}
		}
	}
	if seen != n {
		t.Fatalf("read %d records, want %d", seen, n)
	}
}
