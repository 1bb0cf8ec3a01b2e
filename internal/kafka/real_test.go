//go:build e2e

package kafka

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// These run against a real Apache Kafka, whose address DRIFTD_E2E_KAFKA holds:
// what only a real broker does, that is what kfake cannot vouch for.

func realBroker(t *testing.T) (*Client, string) {
	t.Helper()
	addr := os.Getenv("DRIFTD_E2E_KAFKA")
	if addr == "" {
		t.Fatal("DRIFTD_E2E_KAFKA must hold the host:port of a broker")
	}
	c, err := New(Config{Brokers: []string{addr}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c, addr
}

func realTopic(t *testing.T, c *Client, partitions int, configs map[string]string) string {
	t.Helper()
	name := fmt.Sprintf("e2e-%d", time.Now().UnixNano())
	if err := c.EnsureTopics(testCtx(t), []TopicSpec{{Name: name, Partitions: partitions, Configs: configs}}); err != nil {
		t.Fatal(err)
	}
	return name
}

func realKgo(t *testing.T, addr string, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	k, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(addr), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(10 * time.Millisecond)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Close)
	return k
}

func end(t *testing.T, c *Client, topic string) int64 {
	t.Helper()
	o, err := c.Offsets(testCtx(t), topic, []int{0}, AtEnd)
	if err != nil {
		t.Fatal(err)
	}
	return o[0]
}

func readFrom(t *testing.T, c *Client, topic string, from, to int64, maxBytes int) []got {
	t.Helper()
	f := c.NewFetcher(FetchConfig{Topic: topic, MaxBytes: maxBytes, MaxWait: 50 * time.Millisecond})
	ch := f.Add(0, from)
	defer startFetcher(t, f)()
	return collect(t, ch, to)
}

// A broker told to compress does it as Java does: xerial framing for snappy, and
// Java's gzip, lz4 and zstd streams.
func TestRealCodecs(t *testing.T) {
	c, addr := realBroker(t)
	for _, codec := range []string{"uncompressed", "gzip", "snappy", "lz4", "zstd"} {
		topic := realTopic(t, c, 1, map[string]string{"compression.type": codec})
		k := realKgo(t, addr, kgo.ProducerBatchCompression(kgo.NoCompression()))
		var batch []*kgo.Record
		for i := range 5000 {
			batch = append(batch, &kgo.Record{Topic: topic, Value: fmt.Appendf(nil, `{"n":%d,"text":"%0200d"}`, i, i)})
		}
		mustProduce(t, k, batch...)
		recs := readFrom(t, c, topic, 0, 5000, 0)
		for i, r := range recs {
			if r.value != string(batch[i].Value) {
				t.Fatalf("%s: record %d is %q", codec, i, r.value)
			}
		}
		if len(recs) != 5000 {
			t.Errorf("%s: %d records", codec, len(recs))
		}
	}
}

func TestRealProduce(t *testing.T) {
	c, addr := realBroker(t)
	topic := realTopic(t, c, 1, map[string]string{"max.message.bytes": "8388608", "message.timestamp.type": "LogAppendTime"})
	began := time.Now().UnixMilli()
	if base, err := c.Produce(testCtx(t), topic, 0, []Record{{Time: time.Unix(1, 0), Value: make([]byte, 3<<20)}, {Time: time.Unix(2, 0), Value: []byte("x")}}); err != nil || base != 0 {
		t.Fatal(base, err)
	}
	recs := readFrom(t, c, topic, 0, 2, 1000)
	if len(recs) != 2 || recs[0].ts < began || recs[1].ts < began {
		t.Errorf("LogAppendTime: %d records", len(recs))
	}
	k := realKgo(t, addr, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().AtStart()}}))
	if n := k.PollFetches(testCtx(t)).NumRecords(); n == 0 {
		t.Error("kgo reads nothing of what was produced")
	}
}

// T4.
func TestRealTransactions(t *testing.T) {
	c, addr := realBroker(t)
	for name, codec := range codecs {
		topic := realTopic(t, c, 1, nil)
		var want []string
		var open *kgo.Client
		for n := range 7 {
			tx := realKgo(t, addr, kgo.TransactionalID(fmt.Sprintf("%s-%d", topic, n%2)), kgo.ProducerBatchCompression(codec))
			if err := tx.BeginTransaction(); err != nil {
				t.Fatal(err)
			}
			for i := range 10 {
				v := fmt.Sprintf("tx%d-%d", n, i)
				mustProduce(t, tx, &kgo.Record{Topic: topic, Value: []byte(v)})
				if n%2 == 0 && n < 6 {
					want = append(want, v)
				}
			}
			if n == 6 {
				open = tx // stays open
				break
			}
			if err := tx.EndTransaction(testCtx(t), kgo.TransactionEndTry(n%2 == 0)); err != nil {
				t.Fatal(err)
			}
			tx.Close()
		}
		stable, err := c.Offsets(testCtx(t), topic, []int{0}, AtStable)
		if err != nil || stable[0] != 66 || end(t, c, topic) != 76 {
			t.Fatalf("stable %v, end %d, %v", stable, end(t, c, topic), err)
		}
		for at := range stable[0] {
			var got []string
			for _, r := range readFrom(t, c, topic, at, stable[0], 0) {
				got = append(got, r.value)
			}
			if at == 0 && !slices.Equal(got, want) {
				t.Fatalf("%s: %v", name, got)
			}
			if len(got) > 0 && !slices.Equal(got, want[len(want)-len(got):]) {
				t.Fatalf("%s from %d: %v", name, at, got)
			}
		}
		_ = open.EndTransaction(testCtx(t), kgo.TryAbort)
	}
}

// T5: a compacted log, uncompressed, asked for in pieces smaller than a batch.
func TestRealCompaction(t *testing.T) {
	c, addr := realBroker(t)
	topic := realTopic(t, c, 1, map[string]string{"cleanup.policy": "compact", "segment.ms": "200", "min.cleanable.dirty.ratio": "0.001", "delete.retention.ms": "0"})
	k := realKgo(t, addr, kgo.ProducerBatchCompression(kgo.NoCompression()))
	for round := range 6 {
		var batch []*kgo.Record
		for i := range 100 {
			v := fmt.Appendf(nil, "%d-%d", round, i)
			if round == 5 && i < 20 {
				v = nil
			}
			batch = append(batch, &kgo.Record{Topic: topic, Key: fmt.Append(nil, i+round*10), Value: v})
		}
		mustProduce(t, k, batch...)
		time.Sleep(300 * time.Millisecond) // the segment rolls at the next append
	}
	last := end(t, c, topic)
	deadline := time.Now().Add(40 * time.Second)
	for len(readFrom(t, c, topic, 0, last, 0)) > 400 {
		if time.Now().After(deadline) {
			t.Fatal("the broker does not compact")
		}
		time.Sleep(500 * time.Millisecond)
	}
	whole := readFrom(t, c, topic, 0, last, 0)
	kc := realKgo(t, addr, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().AtStart()}}))
	var byKgo []int64
	for len(byKgo) == 0 || byKgo[len(byKgo)-1] < last-1 {
		kc.PollFetches(testCtx(t)).EachRecord(func(r *kgo.Record) { byKgo = append(byKgo, r.Offset) })
	}
	if len(byKgo) != len(whole) {
		t.Errorf("kgo reads %d records, we %d", len(byKgo), len(whole))
	}
	for at := int64(0); at < last; at += 7 {
		recs := readFrom(t, c, topic, at, last, 100)
		if n := len(recs); n == 0 || !slices.Equal(recs, whole[len(whole)-n:]) || recs[0].offset < at {
			t.Fatalf("from %d: %d records", at, n)
		}
	}
}

// T6, and a topic made anew.
func TestRealOutOfRange(t *testing.T) {
	c, addr := realBroker(t)
	topic := realTopic(t, c, 1, nil)
	k := realKgo(t, addr)
	for range 10 {
		mustProduce(t, k, &kgo.Record{Topic: topic, Value: []byte("x")})
	}
	req := kmsg.NewPtrDeleteRecordsRequest()
	rp := kmsg.NewDeleteRecordsRequestTopicPartition()
	rp.Offset = 4
	rt := kmsg.NewDeleteRecordsRequestTopic()
	rt.Topic, rt.Partitions = topic, append(rt.Partitions, rp)
	req.Topics, req.TimeoutMillis = append(req.Topics, rt), 5000
	if _, err := req.RequestWith(testCtx(t), k); err != nil {
		t.Fatal(err)
	}
	f := c.NewFetcher(FetchConfig{Topic: topic})
	ch := f.Add(0, 1)
	defer startFetcher(t, f)()
	for _, want := range []OffsetOutOfRange{{topic, 0, 1, 4, 10}, {topic, 0, 5000, 4, 10}} {
		chunk := nextChunk(t, ch)
		var e *OffsetOutOfRange
		if !errors.As(chunk.Err, &e) || *e != want {
			t.Fatalf("got %v, want %v", chunk.Err, &want)
		}
		f.Seek(0, 5000)
	}
	f.Seek(0, 4)
	if recs := collect(t, ch, 10); len(recs) != 6 {
		t.Errorf("%d records", len(recs))
	}
}

// The broker makes topics when asked with auto-creation (its default): we do not
// ask so. Growth is seen at once. Commits are fenced, metadata comes back.
func TestRealTopicsAndCommits(t *testing.T) {
	c, addr := realBroker(t)
	ctx := testCtx(t)
	for range 3 {
		if _, err := c.Partitions(ctx, "e2e-nobody-made-this"); !errors.Is(err, ErrUnknownTopic) {
			t.Fatal(err)
		}
	}
	if _, err := c.DescribeTopicConfig(ctx, "e2e-nobody-made-this"); !errors.Is(err, ErrUnknownTopic) {
		t.Error(err)
	}
	topic := realTopic(t, c, 2, nil)
	req := kmsg.NewPtrCreatePartitionsRequest()
	rt := kmsg.NewCreatePartitionsRequestTopic()
	rt.Topic, rt.Count = topic, 5
	req.Topics, req.TimeoutMillis = append(req.Topics, rt), 5000
	if _, err := req.RequestWith(ctx, realKgo(t, addr)); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	for n := 0; n != 5; {
		var err error
		if n, err = c.Partitions(ctx, topic); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("growth was seen after %v", time.Since(began))
	if cfg, err := c.DescribeTopicConfig(ctx, topic); err != nil || cfg["cleanup.policy"] != "delete" {
		t.Errorf("%v, %v", cfg, err)
	}
	group := topic + "-group"
	if got, err := c.CommittedOffsets(ctx, group, topic, []int{0}); err != nil || got[0].Offset != -1 {
		t.Errorf("%v, %v", got, err)
	}
	if err := c.CommitOffset(ctx, group, -1, "", topic, 0, 7, `{"ü":1}`); err != nil {
		t.Error(err)
	}
	if got, err := c.CommittedOffsets(ctx, group, topic, []int{0}); err != nil || got[0] != (Committed{7, `{"ü":1}`}) {
		t.Errorf("%v, %v", got, err)
	}
	if err := c.CommitOffset(ctx, group, 5, "nobody", topic, 0, 8, ""); !errors.Is(err, ErrFenced) {
		t.Errorf("fenced: %v", err)
	}
	short, cancel := context.WithTimeout(ctx, 500*time.Millisecond)
	defer cancel()
	if _, err := c.Produce(short, "e2e-nobody-made-this", 0, []Record{{Value: []byte("x")}}); !errors.Is(err, ErrUnknownTopic) {
		t.Errorf("produce: %v", err)
	}
}
