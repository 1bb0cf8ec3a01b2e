package main

import (
	"context"
	"testing"
	"time"

	"github.com/driftd/driftd/internal/embedded"
	"github.com/driftd/driftd/internal/kafka"
)

// The demo's producer makes the topic, sends the past once, goes on with what
// happens now, and ends without an error when it is told to.
func TestProduceDemo(t *testing.T) {
	broker, err := embedded.Start(embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(broker.Close)
	client, err := kafka.New(kafka.Config{Brokers: []string{broker.Addr}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	all := []int{0, 1, 2, 3}
	count := func(at kafka.At) (n int64) {
		ends, err := client.Offsets(t.Context(), "demo.predictions", all, at)
		if err != nil {
			return 0 // not made yet
		}
		for _, end := range ends {
			n += end
		}
		return n
	}
	// start runs it until more events are there.
	start := func(more int64) {
		t.Helper()
		before := count(kafka.AtEnd)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		c := produceCmd{connectFlags: connectFlags{Brokers: broker.Addr}, Topic: "demo.predictions", Demo: true, History: 2 * time.Hour, Seed: 1, Live: true}
		go func() { done <- c.Run(ctx) }()
		for began := time.Now(); count(kafka.AtEnd) < before+more; time.Sleep(20 * time.Millisecond) {
			if time.Since(began) > 30*time.Second {
				t.Fatalf("%d events after 30 s, want %d", count(kafka.AtEnd), before+more)
			}
		}
		stop()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	began := time.Now()
	past := func() int64 { return count(kafka.AtTime(began)) }
	send := func() { // without Live it ends by itself
		t.Helper()
		if err := (&produceCmd{connectFlags: connectFlags{Brokers: broker.Addr}, Topic: "demo.predictions", Demo: true, History: 2 * time.Hour, Seed: 1}).Run(t.Context()); err != nil {
			t.Error(err)
		}
	}
	send() // three models, 700 an hour on average over a day, no less than .6 of it at night, two hours: 2,500 to 5,900
	sent := past()
	if sent < 2000 || sent > 6500 {
		t.Errorf("%d events before the start", sent)
	}
	send()
	start(1)
	start(1) // a restart
	if again := past(); again != sent {
		t.Errorf("a restart sent the past again: %d events before the first start, were %d", again, sent)
	}
}
