package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

func TestShare(t *testing.T) {
	for _, c := range []struct {
		have []int64
		n    int
		want []int
	}{
		{[]int64{100, 100, 100}, 9, []int{3, 3, 3}},
		{[]int64{1, 100, 0}, 10, []int{1, 9, 0}}, // what one lacks the others give
		{[]int64{2, 3}, 10, []int{2, 3}},
		{[]int64{9, 9, 9}, 2, []int{1, 1, 0}},
		{nil, 5, []int{}},
	} {
		if got := share(c.have, c.n); !slices.Equal(got, c.want) {
			t.Errorf("share(%v, %d) = %v, want %v", c.have, c.n, got, c.want)
		}
	}
}

func tailOf(t *testing.T, c *Client, topic string, records, bytes int) *TailResult {
	t.Helper()
	res, err := c.Tail(testCtx(t), TailConfig{Topic: topic, Records: records, MaxBytes: bytes})
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// values are what the records hold, by partition.
func values(res *TailResult) (out []string) {
	for _, r := range res.Records {
		out = append(out, fmt.Sprintf("%d:%s", r.Partition, r.Value))
	}
	return out
}

func TestTail(t *testing.T) {
	cl := newCluster(t, kfake.SeedTopics(3, "t"), kfake.SeedTopics(1, "empty"))
	c, _ := newClient(t, cl)
	k := newKgo(t, cl)
	at := time.UnixMilli(1_700_000_000_000)
	for i := range 20 {
		mustProduce(t, k, &kgo.Record{Topic: "t", Partition: 0, Value: fmt.Append(nil, i), Timestamp: at.Add(time.Duration(i))})
	}
	mustProduce(t, k, &kgo.Record{Topic: "t", Partition: 2, Key: []byte("k"), Timestamp: at}) // a tombstone

	res := tailOf(t, c, "t", 4, 1<<20)
	if got := values(res); !slices.Equal(got, []string{"0:17", "0:18", "0:19", "2:"}) || res.Partitions != 3 || res.Log != 21 || res.Open != 0 {
		t.Errorf("%v %+v", got, res)
	}
	last := res.Records[3]
	if last.Value != nil || string(last.Key) != "k" || last.Timestamp != at.UnixMilli() || last.Offset != 0 || last.LogAppend {
		t.Errorf("the tombstone is %+v", last)
	}
	if res = tailOf(t, c, "t", 1000, 1<<20); len(res.Records) != 21 {
		t.Errorf("%d records of 21", len(res.Records))
	}
	if res = tailOf(t, c, "t", 20, 5); !slices.Equal(values(res), []string{"0:18", "0:19", "2:"}) { // 4 bytes for 19 of the 20
		t.Errorf("within 5 bytes: %v", values(res))
	}
	if res = tailOf(t, c, "empty", 10, 1<<20); len(res.Records) != 0 || res.Log != 0 {
		t.Errorf("%+v", res)
	}
	if _, err := c.Tail(testCtx(t), TailConfig{Topic: "none", Records: 1, MaxBytes: 1}); !errors.Is(err, ErrUnknownTopic) {
		t.Error(err)
	}
}

// Behind aborted transactions it looks further back; an open one is counted.
func TestTailBehindTransactions(t *testing.T) {
	cl := newCluster(t, kfake.SeedTopics(1, "t"))
	c, _ := newClient(t, cl)
	plain := newKgo(t, cl)
	for i := range 30 {
		mustProduce(t, plain, &kgo.Record{Topic: "t", Value: fmt.Appendf(nil, "%d", i)})
	}
	tx := newKgo(t, cl, kgo.TransactionalID("x"))
	for range 5 {
		if err := tx.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		mustProduce(t, tx, &kgo.Record{Topic: "t", Value: []byte("aborted")})
		if err := tx.EndTransaction(testCtx(t), kgo.TryAbort); err != nil {
			t.Fatal(err)
		}
	}
	if got := values(tailOf(t, c, "t", 4, 1<<20)); !slices.Equal(got, []string{"0:26", "0:27", "0:28", "0:29"}) {
		t.Errorf("behind five aborted transactions: %v", got)
	}
	if err := tx.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	mustProduce(t, tx, &kgo.Record{Topic: "t", Value: []byte("open")})
	if res := tailOf(t, c, "t", 1, 1<<20); !slices.Equal(values(res), []string{"0:29"}) || res.Open != 1 {
		t.Errorf("with an open transaction: %v, %+v", values(res), res)
	}
}

// A record says whose clock its timestamp is of.
func TestWalkSaysWhoseClock(t *testing.T) {
	c := Chunk{Raw: join(batchSpec{values: []string{"a"}, attr: attrLogAppendTime}.bytes(), batchSpec{base: 1, values: []string{"b"}}.bytes())}
	var got []bool
	var w Walker
	if err := w.Walk(&c, func(r *Rec) error { got = append(got, r.LogAppend); return nil }); err != nil || !slices.Equal(got, []bool{true, false}) {
		t.Errorf("%v %v", got, err)
	}
}

// Without brokers it ends with its context, and says what failed.
func TestTailUnreachable(t *testing.T) {
	c, err := New(Config{Brokers: []string{"127.0.0.1:1"}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, stop := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer stop()
	if _, err := c.Tail(ctx, TailConfig{Topic: "t", Records: 1, MaxBytes: 1}); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "refused") {
		t.Error(err)
	}
}
