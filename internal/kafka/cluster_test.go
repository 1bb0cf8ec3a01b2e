package kafka

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// The broker of these tests is kfake, in this process; records are written and
// read by kgo, an independent client, wherever the test is not about our own.

func testCtx(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func newCluster(t testing.TB, opts ...kfake.Opt) *kfake.Cluster {
	t.Helper()
	cl, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return cl
}

// retries counts Config.OnRetry.
type retries struct {
	mu   sync.Mutex
	ops  map[string]int
	last error
}

func (r *retries) hook(op string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ops == nil {
		r.ops = map[string]int{}
	}
	r.ops[op]++
	r.last = err
}

func (r *retries) count(op string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ops[op]
}

func newClient(t testing.TB, cl *kfake.Cluster) (*Client, *retries) {
	t.Helper()
	var r retries
	c, err := New(Config{Brokers: cl.ListenAddrs(), OnRetry: r.hook})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c, &r
}

func newKgo(t testing.TB, cl *kfake.Cluster, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	k, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(cl.ListenAddrs()...),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
	}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Close)
	return k
}

func mustProduce(t testing.TB, k *kgo.Client, recs ...*kgo.Record) {
	t.Helper()
	if err := k.ProduceSync(testCtx(t), recs...).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// startFetcher runs a fetcher until the test ends.
func startFetcher(t testing.TB, f *Fetcher) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = f.Run(ctx)
	}()
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	return stop
}

func nextChunk(t testing.TB, ch <-chan Chunk) Chunk {
	t.Helper()
	select {
	case c, ok := <-ch:
		if !ok {
			t.Fatal("the channel of chunks was closed")
		}
		return c
	case <-time.After(10 * time.Second):
		t.Fatal("no chunk for 10 s")
	}
	panic("unreachable")
}

type got struct {
	offset, ts int64
	key, value string
}

// collect walks chunks until one ends at or after offset end.
func collect(t testing.TB, ch <-chan Chunk, end int64) (recs []got) {
	t.Helper()
	var w Walker
	for {
		c := nextChunk(t, ch)
		if c.Err != nil {
			t.Fatalf("chunk: %v", c.Err)
		}
		err := w.Walk(&c, func(r *Rec) error {
			recs = append(recs, got{r.Offset, r.Timestamp, string(r.Key), string(r.Value)})
			return nil
		})
		if err != nil {
			t.Fatalf("walk: %v", err)
		}
		if c.Next >= end {
			return recs
		}
	}
}
