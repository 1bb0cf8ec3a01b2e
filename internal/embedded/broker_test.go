package embedded

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/driftd/driftd/internal/kafka"
)

func start(t testing.TB, o Options) (*Broker, *kafka.Client, context.Context) {
	t.Helper()
	b, err := Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	c, err := kafka.New(kafka.Config{Brokers: []string{b.Addr}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return b, c, ctx
}

// driftd's profiles are records of up to 8 MiB.
func TestBrokerTakesLargeRecords(t *testing.T) {
	_, c, ctx := start(t, Options{Topics: map[string]int{"big": 1}})
	value := make([]byte, 3<<20)
	for i := range value { // must not shrink when compressed
		value[i] = byte((i * i) >> 7 * 31)
	}
	r := random{1}
	for i := 0; i+8 <= len(value); i += 8 {
		copy(value[i:], appendFixed(nil, r.uniform()*1e8, 0))
	}
	if _, err := c.Produce(ctx, "big", 0, []kafka.Record{{Value: value}}); err != nil {
		t.Fatal(err)
	}
}

// What is in the topic is what the generator made: every event once, in the
// partition of its user, in order of time, at its own time.
func TestWriteTo(t *testing.T) {
	const partitions = 3
	_, c, ctx := start(t, Options{Topics: map[string]int{"events": partitions}})
	g := New(8, LiveStart)
	s := Span{LiveStart.Add(9 * time.Hour), LiveStart.Add(15 * time.Hour), true}
	told := 0
	n, err := g.WriteTo(ctx, c, "events", partitions, s, func(events int, at time.Time) {
		if events <= told || at.Before(s.From) || !at.Before(s.To) {
			t.Errorf("progress: %d events after %d, at %v", events, told, at)
		}
		told = events
	})
	if err != nil || n != told {
		t.Fatalf("wrote %d, told of %d: %v", n, told, err)
	}
	want := map[string]int{}
	total := 0
	if err := g.Events(s.From, s.To, true, func(e *Event) error {
		want[string(e.Key)+string(e.JSON)]++
		total++
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if n != total {
		t.Fatalf("wrote %d of %d events", n, total)
	}
	read(t, ctx, c, "events", partitions, n, func(partition int, r *kafka.Rec) {
		k := string(r.Key) + string(r.Value)
		if want[k]--; want[k] < 0 {
			t.Fatalf("an event too many: %s", r.Value)
		}
		stamp := appendTime(nil, r.Timestamp)
		if !bytes.Contains(r.Value, stamp) {
			t.Fatalf("record time %s, event %s", stamp, r.Value)
		}
	})
}

func TestWriteToEndsWithItsContext(t *testing.T) {
	_, c, _ := start(t, Options{Topics: map[string]int{"events": 2}})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	g := New(8, LiveStart)
	if _, err := g.WriteTo(ctx, c, "events", 2, Span{LiveStart, LiveStart.Add(time.Hour), false}, nil); err == nil {
		t.Fatal("no error although the context had ended")
	}
	if _, err := g.WriteTo(context.Background(), c, "events", 0, Span{}, nil); err == nil {
		t.Fatal("no error for a topic of 0 partitions")
	}
}

// BenchmarkWriteTo is generating, compressing and storing.
func BenchmarkWriteTo(b *testing.B) {
	_, c, ctx := start(b, Options{Topics: map[string]int{"events": 4}})
	g := New(1, LiveStart)
	b.ResetTimer()
	n := 0
	for i := 0; n < b.N; i++ {
		from := LiveStart.Add(time.Duration(i) * 24 * time.Hour)
		k, err := g.WriteTo(ctx, c, "events", 4, Span{from, from.Add(24 * time.Hour), true}, nil)
		if err != nil {
			b.Fatal(err)
		}
		n += k
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "events/s")
}
