package pipeline

import (
	"context"
	"testing"
	"time"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/consumers"
	"github.com/driftd/driftd/internal/kafka"
)

// gone is a sink that is away for good.
type gone struct{}

func (gone) Write(ctx context.Context, _ []driftd.Result) error {
	<-ctx.Done()
	return ctx.Err()
}

// How many results wait for a sink that is away is shown all the time, and no more
// once another process has the partition.
func TestLagOfASinkThatIsAway(t *testing.T) {
	w := newWorld(t, "predictions", 1)
	c := w.client()
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	set := settingsOf("predictions", 1)
	if err := ensureTopics(ctx, c, set); err != nil {
		t.Fatal(err)
	}
	result := kafka.Record{Value: []byte(`{"kind":"window","model":"m","segment":"all"}`)}
	if _, err := c.Produce(ctx, set.resultsTopic(), 0, []kafka.Record{result, result}); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		ended <- serveWrite(ctx, set, c, "d.write.gone", gone{}, consumers.Membership{Generation: -1, Partitions: []int{0}})
	}()
	shown := func() float64 {
		return (&process{m: set.Metrics}).count(t, "driftd_consumer_lag_records", "d.write.gone")
	}
	await := func(want float64) {
		t.Helper()
		for deadline := time.Now().Add(20 * time.Second); shown() != want; time.Sleep(20 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("the lag shown is %v, want %v", shown(), want)
			}
		}
	}
	await(2)
	if _, err := c.Produce(ctx, set.resultsTopic(), 0, []kafka.Record{result}); err != nil {
		t.Fatal(err)
	}
	await(3)
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if shown() != 0 {
		t.Errorf("the lag shown is %v although the partition is another's", shown())
	}
}
