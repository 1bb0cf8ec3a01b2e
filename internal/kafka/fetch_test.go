package kafka

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

var codecs = map[string]kgo.CompressionCodec{
	"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(),
	"lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
}

// What kgo writes, by every codec and in sizes from nothing to larger than a
// whole chunk, comes back the same.
func TestRoundTrip(t *testing.T) {
	cl := newCluster(t, kfake.BrokerConfigs(map[string]string{"message.max.bytes": "10000000"}))
	c, _ := newClient(t, cl)
	noise := rand.NewChaCha8([32]byte{1})
	for name, codec := range codecs {
		t.Run(name, func(t *testing.T) {
			if err := cl.CreateTopic(name, 1, nil); err != nil {
				t.Fatal(err)
			}
			k := newKgo(t, cl, kgo.ProducerBatchCompression(codec), kgo.ProducerBatchMaxBytes(8<<20), kgo.ProducerLinger(5*time.Millisecond))
			var want []got
			for _, size := range []int{0, 1, 10, 127, 128, 1000, 20_000, 3 << 20} {
				var batch []*kgo.Record
				for range max(1, min(500, 100_000/(size+1))) {
					value := make([]byte, size)
					_, _ = noise.Read(value[:size/2]) // half noise, half zeros
					ts := time.UnixMilli(1_700_000_000_000 + int64(len(want)))
					batch = append(batch, &kgo.Record{Topic: name, Timestamp: ts, Key: fmt.Appendf(nil, "k%d", len(want)), Value: value,
						Headers: []kgo.RecordHeader{{Key: "h", Value: fmt.Appendf(nil, "%d", len(want))}, {Key: "none"}}})
					want = append(want, got{int64(len(want)), ts.UnixMilli(), fmt.Sprintf("k%d", len(want)), string(value)})
				}
				mustProduce(t, k, batch...)
			}
			f := c.NewFetcher(FetchConfig{Topic: name, MaxWait: 50 * time.Millisecond})
			ch := f.Add(0, 0)
			startFetcher(t, f)
			recs := collect(t, ch, int64(len(want)))
			if !slices.Equal(recs, want) {
				t.Fatalf("got %d records, want %d, or they differ", len(recs), len(want))
			}
		})
	}
}

func TestHeadersAndNulls(t *testing.T) {
	cl := newCluster(t, kfake.SeedTopics(1, "t"))
	c, _ := newClient(t, cl)
	mustProduce(t, newKgo(t, cl), &kgo.Record{Topic: "t", Value: []byte{}, Headers: []kgo.RecordHeader{
		{Key: "a", Value: []byte("1")}, {Key: "b"}, {Key: "a", Value: []byte("2")}}})
	f := c.NewFetcher(FetchConfig{Topic: "t"})
	ch := f.Add(0, 0)
	startFetcher(t, f)
	chunk := nextChunk(t, ch)
	err := new(Walker).Walk(&chunk, func(r *Rec) error {
		if r.Key != nil || r.Value == nil || len(r.Value) != 0 {
			t.Errorf("key %v, value %v: want null and empty", r.Key, r.Value)
		}
		var all []string
		for k, v := range r.Headers() {
			all = append(all, fmt.Sprintf("%s=%s/%t", k, v, v == nil))
		}
		if want := []string{"a=1/false", "b=/true", "a=2/false"}; !slices.Equal(all, want) {
			t.Errorf("headers %v, want %v", all, want)
		}
		if v, ok := r.Header("a"); !ok || string(v) != "2" {
			t.Errorf("header a is %s, want the last, 2", v)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A broker sends whole batches: records before the wanted offset come with them
// and must be dropped (T1).
func TestOffsetsBelowWantedAreDropped(t *testing.T) {
	cl := newCluster(t, kfake.SeedTopics(1, "t"))
	c, _ := newClient(t, cl)
	k := newKgo(t, cl, kgo.ProducerLinger(20*time.Millisecond))
	var batch []*kgo.Record
	for i := range 10 {
		batch = append(batch, &kgo.Record{Topic: "t", Value: fmt.Append(nil, i)})
	}
	mustProduce(t, k, batch...)
	for want := range int64(10) {
		f := c.NewFetcher(FetchConfig{Topic: "t", MaxWait: 20 * time.Millisecond})
		ch := f.Add(0, want)
		stop := startFetcher(t, f)
		recs := collect(t, ch, 10)
		if int64(len(recs)) != 10-want || recs[0].offset != want {
			t.Errorf("from %d: got %d records from %d", want, len(recs), recs[0].offset)
		}
		stop()
	}
}

// Aborted transactions, control records and an open transaction at the tail, as
// kgo's read_committed sees them (T4).
func TestReadCommitted(t *testing.T) {
	cl := newCluster(t, kfake.SeedTopics(1, "t"))
	c, _ := newClient(t, cl)
	ctx := testCtx(t)
	plain := newKgo(t, cl)
	var want []string
	for n := range 6 {
		tx := newKgo(t, cl, kgo.TransactionalID(fmt.Sprintf("tx%d", n%2))) // two producers, each commits and aborts
		if err := tx.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		commit := n%3 != 1
		for i := range 5 {
			mustProduce(t, tx, &kgo.Record{Topic: "t", Value: fmt.Appendf(nil, "tx%d-%d", n, i)})
			mustProduce(t, plain, &kgo.Record{Topic: "t", Value: fmt.Appendf(nil, "plain%d-%d", n, i)})
			if commit {
				want = append(want, fmt.Sprintf("tx%d-%d", n, i))
			}
			want = append(want, fmt.Sprintf("plain%d-%d", n, i))
		}
		if err := tx.EndTransaction(ctx, kgo.TransactionEndTry(commit)); err != nil {
			t.Fatal(err)
		}
	}
	open := newKgo(t, cl, kgo.TransactionalID("open"))
	if err := open.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	stable, err := c.Offsets(ctx, "t", []int{0}, AtEnd)
	if err != nil {
		t.Fatal(err)
	}
	mustProduce(t, open, &kgo.Record{Topic: "t", Value: []byte("open")})

	for _, maxBytes := range []int{1, 200, 1 << 20} { // each batch its own chunk; some; all at once
		f := c.NewFetcher(FetchConfig{Topic: "t", MaxBytes: maxBytes, MaxWait: 20 * time.Millisecond})
		ch := f.Add(0, 0)
		stop := startFetcher(t, f)
		var recs []string
		for _, r := range collect(t, ch, stable[0]) {
			recs = append(recs, r.value)
		}
		if !slices.Equal(recs, want) {
			t.Fatalf("MaxBytes %d: got %d records %v\nwant %d %v", maxBytes, len(recs), recs, len(want), want)
		}
		chunk := nextChunk(t, ch) // the open transaction is never handed out, and the reader sees that it is there
		if len(chunk.Raw) != 0 || chunk.Next != stable[0] || chunk.LastStable != stable[0] || chunk.HighWatermark != stable[0]+1 {
			t.Fatalf("at the open transaction: %+v", chunk)
		}
		stop()
	}
	// From every offset, also inside the aborted transactions.
	full := len(want)
	for at := range stable[0] {
		f := c.NewFetcher(FetchConfig{Topic: "t", MaxWait: 20 * time.Millisecond})
		ch := f.Add(0, at)
		stop := startFetcher(t, f)
		recs := collect(t, ch, stable[0])
		if len(recs) > full || (len(recs) > 0 && recs[0].value != want[len(want)-len(recs)]) {
			t.Fatalf("from %d: %d records, the first is not the one that it should be", at, len(recs))
		}
		full = len(recs)
		stop()
	}
}

// Several partitions over several leaders, one idle, one slow to be read, one
// paused, leaders moving meanwhile.
func TestManyPartitionsAndLeaders(t *testing.T) {
	cl := newCluster(t, kfake.NumBrokers(3), kfake.SeedTopics(6, "t"))
	c, r := newClient(t, cl)
	k := newKgo(t, cl, kgo.MaxBufferedRecords(1000))
	f := c.NewFetcher(FetchConfig{Topic: "t", MaxBytes: 4096, MaxWait: 50 * time.Millisecond})
	chans := map[int]<-chan Chunk{}
	for p := range 6 {
		chans[p] = f.Add(p, 0)
	}
	f.Pause(4)
	startFetcher(t, f)
	const n = 300
	go func() {
		for i := range n {
			for p := range 5 { // 5 stays empty
				k.Produce(testCtx(t), &kgo.Record{Topic: "t", Partition: int32(p), Value: bytes.Repeat([]byte{byte(i)}, 100)}, nil)
			}
			if i%50 == 0 {
				_ = k.Flush(testCtx(t))
				_ = cl.MoveTopicPartition("t", int32(i/50%5), int32(i/50%3))
			}
		}
	}()
	check := func(p int) {
		recs := collect(t, chans[p], n)
		if len(recs) != n {
			t.Errorf("partition %d: %d records, want %d", p, len(recs), n)
		}
		for i, rec := range recs {
			if rec.offset != int64(i) {
				t.Fatalf("partition %d: record %d has offset %d", p, i, rec.offset)
			}
		}
	}
	for p := range 4 { // one after the other: the others fill their queues and wait
		check(p)
	}
	if c := nextChunk(t, chans[5]); len(c.Raw) != 0 || c.HighWatermark != 0 || c.Next != 0 {
		t.Errorf("the idle partition: %+v", c)
	}
	select {
	case c := <-chans[4]:
		t.Errorf("a chunk of a paused partition: %d bytes", len(c.Raw))
	default:
	}
	f.Resume(4)
	check(4)
	t.Logf("retries: %v", r.ops)
}

// A reader at the end of a log sees that it is, about once per MaxWait.
func TestEmptyChunksAreFew(t *testing.T) {
	cl := newCluster(t, kfake.SeedTopics(2, "t"))
	c, _ := newClient(t, cl)
	k := newKgo(t, cl)
	f := c.NewFetcher(FetchConfig{Topic: "t", MaxWait: 100 * time.Millisecond})
	idle, busy := f.Add(0, 0), f.Add(1, 0)
	startFetcher(t, f)
	go func() {
		for range busy { // answers for the busy one come with empty ones for the other
		}
	}()
	end := time.After(time.Second)
	empty := 0
	for i := 0; ; i++ {
		select {
		case <-idle:
			empty++
			continue
		case <-end:
		case <-time.After(time.Millisecond):
			k.Produce(testCtx(t), &kgo.Record{Topic: "t", Partition: 1, Value: []byte("x")}, nil)
			continue
		}
		break
	}
	if empty < 3 || empty > 11 {
		t.Errorf("%d empty chunks in a second with MaxWait 100 ms", empty)
	}
}

func TestOutOfRange(t *testing.T) {
	cl := newCluster(t, kfake.SeedTopics(2, "t"))
	c, _ := newClient(t, cl)
	k := newKgo(t, cl)
	for i := range 10 {
		mustProduce(t, k, &kgo.Record{Topic: "t", Value: fmt.Append(nil, i)})
		mustProduce(t, k, &kgo.Record{Topic: "t", Partition: 1, Value: fmt.Append(nil, i)})
	}
	if err := cl.DeleteRecords("t", 0, 4); err != nil {
		t.Fatal(err)
	}
	f := c.NewFetcher(FetchConfig{Topic: "t", MaxWait: 20 * time.Millisecond})
	below, above := f.Add(0, 1), f.Add(1, 5000)
	startFetcher(t, f)

	for name, tc := range map[string]struct {
		ch   <-chan Chunk
		p    int
		want OffsetOutOfRange
	}{
		"retention":      {below, 0, OffsetOutOfRange{"t", 0, 1, 4, 10}},
		"topic made new": {above, 1, OffsetOutOfRange{"t", 1, 5000, 0, 10}},
	} {
		chunk := nextChunk(t, tc.ch)
		var e *OffsetOutOfRange
		if !errors.As(chunk.Err, &e) || *e != tc.want {
			t.Fatalf("%s: got %+v, want %+v", name, chunk.Err, tc.want)
		}
		select {
		case c := <-tc.ch:
			t.Fatalf("%s: a chunk before Seek: %+v", name, c)
		case <-time.After(100 * time.Millisecond):
		}
		f.Seek(tc.p, e.LogStart)
		if recs := collect(t, tc.ch, 10); recs[0].offset != e.LogStart || int64(len(recs)) != 10-e.LogStart {
			t.Errorf("%s: after Seek: %v", name, recs)
		}
	}
}

// Bits flipped in a stored batch are told once asking again has not helped, with
// the span that is lost; what comes before and after is read.
func TestCorruptBatch(t *testing.T) {
	cl := newCluster(t, kfake.SeedTopics(1, "t"))
	var r retries
	k := newKgo(t, cl, kgo.ProducerLinger(20*time.Millisecond), kgo.ProducerBatchCompression(kgo.NoCompression()))
	for b := range 3 { // three batches of four records
		var batch []*kgo.Record
		for i := range 4 {
			batch = append(batch, &kgo.Record{Topic: "t", Value: fmt.Append(nil, b*4+i)})
		}
		mustProduce(t, k, batch...)
	}
	// kfake keeps sound batches only: this one gets its bits flipped on the way.
	var flips atomic.Int32
	flips.Store(1 << 20)
	proxy := newProxy(t, cl, func(b []byte) {
		if i := bytes.Index(b, []byte("\x01\x025\x00")); i > 0 && flips.Add(-1) >= 0 { // a record: null key, the value "5", no headers
			b[i+2] ^= 0x40
		}
	})
	f := proxy.client(t, &r).NewFetcher(FetchConfig{Topic: "t", MaxWait: 20 * time.Millisecond})
	ch := f.Add(0, 0)
	startFetcher(t, f)
	if recs := collect(t, ch, 4); len(recs) != 4 {
		t.Fatalf("before the bad batch: %v", recs)
	}
	chunk := nextChunk(t, ch)
	var e *CorruptBatch
	if !errors.As(chunk.Err, &e) || e.First != 4 || e.Last != 7 || e.Topic != "t" || !strings.Contains(e.Reason, "CRC32C") {
		t.Fatalf("got %+v", chunk.Err)
	}
	f.Seek(0, e.Last+1)
	if recs := collect(t, ch, 12); len(recs) != 4 || recs[0].offset != 8 {
		t.Fatalf("after the bad batch: %v", recs)
	}
	if r.count("fetch") == 0 {
		t.Error("asking again was not counted")
	}

	// A bit that flips once is not told at all.
	flips.Store(1)
	f.Seek(0, 4)
	if recs := collect(t, ch, 12); len(recs) != 8 {
		t.Fatalf("after a passing flip: %v", recs)
	}
}

// A hole up to the last stable offset, as compaction may leave it, is stepped
// over (T5); an answer that is empty because the broker throttles is not.
func TestHoleIsSteppedOver(t *testing.T) {
	cl := newCluster(t, kfake.SeedTopics(1, "t"))
	c, _ := newClient(t, cl)
	k := newKgo(t, cl)
	for range 5 {
		mustProduce(t, k, &kgo.Record{Topic: "t", Value: []byte("x")})
	}
	var throttled atomic.Int32
	cl.ControlKey(int16(kmsg.Fetch), func(req kmsg.Request) (kmsg.Response, error, bool) {
		cl.KeepControl()
		q := req.(*kmsg.FetchRequest)
		p := q.Topics[0].Partitions[0]
		if p.FetchOffset != 2 {
			return nil, nil, false
		}
		res := q.ResponseKind().(*kmsg.FetchResponse)
		if throttled.Add(1) <= 10 {
			res.ThrottleMillis = 10
		}
		rp := kmsg.NewFetchResponseTopicPartition()
		rp.Partition, rp.HighWatermark, rp.LastStableOffset = p.Partition, 5, 5
		rt := kmsg.NewFetchResponseTopic()
		rt.Topic, rt.Partitions = q.Topics[0].Topic, append(rt.Partitions, rp)
		res.Topics = append(res.Topics, rt)
		return res, nil, true
	})
	f := c.NewFetcher(FetchConfig{Topic: "t", MaxWait: 20 * time.Millisecond})
	ch := f.Add(0, 2)
	startFetcher(t, f)
	for {
		chunk := nextChunk(t, ch)
		if len(chunk.Raw) != 0 || chunk.Err != nil {
			t.Fatalf("%+v", chunk)
		}
		if chunk.Next == 5 {
			break
		}
	}
	if n := throttled.Load(); n != 10+holeTries {
		t.Errorf("stepped over after %d answers, want %d", n, 10+holeTries)
	}
}

func TestSeekDropsWhatIsQueued(t *testing.T) {
	cl := newCluster(t, kfake.SeedTopics(1, "t"))
	c, _ := newClient(t, cl)
	k := newKgo(t, cl)
	for range 100 {
		mustProduce(t, k, &kgo.Record{Topic: "t", Value: []byte("x")})
	}
	f := c.NewFetcher(FetchConfig{Topic: "t", MaxBytes: 1})
	ch := f.Add(0, 0)
	startFetcher(t, f)
	nextChunk(t, ch)
	time.Sleep(50 * time.Millisecond) // the queue fills
	f.Seek(0, 90)
	if recs := collect(t, ch, 100); len(recs) != 10 || recs[0].offset != 90 {
		t.Fatalf("%d records from %d", len(recs), recs[0].offset)
	}
}

// The fetcher outlives its brokers.
func TestBrokerAway(t *testing.T) {
	cl := newCluster(t, kfake.SeedTopics(1, "t"))
	_, r := newClient(t, cl)
	k := newKgo(t, cl)
	proxy := newProxy(t, cl, nil)
	f := proxy.client(t, r).NewFetcher(FetchConfig{Topic: "t", MaxWait: 20 * time.Millisecond})
	ch := f.Add(0, 0)
	startFetcher(t, f)
	mustProduce(t, k, &kgo.Record{Topic: "t", Value: []byte("1")})
	collect(t, ch, 1)
	proxy.setDown(true)
	mustProduce(t, k, &kgo.Record{Topic: "t", Value: []byte("2")})
	for r.count("fetch") == 0 {
		select {
		case <-ch:
		case <-time.After(5 * time.Millisecond):
		}
	}
	proxy.setDown(false)
	if recs := collect(t, ch, 2); len(recs) != 1 || recs[0].value != "2" {
		t.Fatalf("%v", recs)
	}
}

// While the topic is missing the fetcher waits; it does not make it.
func TestFetchMissingTopic(t *testing.T) {
	cl := newCluster(t, kfake.AllowAutoTopicCreation())
	c, r := newClient(t, cl)
	f := c.NewFetcher(FetchConfig{Topic: "t", MaxWait: 20 * time.Millisecond})
	ch := f.Add(0, 0)
	startFetcher(t, f)
	for r.count("metadata") < 3 {
		time.Sleep(5 * time.Millisecond)
	}
	if cl.TopicInfo("t") != nil {
		t.Fatal("asking for a topic has made it")
	}
	if err := cl.CreateTopic("t", 1, nil); err != nil {
		t.Fatal(err)
	}
	mustProduce(t, newKgo(t, cl), &kgo.Record{Topic: "t", Value: []byte("1")})
	if recs := collect(t, ch, 1); len(recs) != 1 {
		t.Fatalf("%v", recs)
	}
}

// Codes of single partitions are retried, whatever they are, and do not disturb
// the others.
func TestPartitionErrors(t *testing.T) {
	cl := newCluster(t, kfake.SeedTopics(2, "t"))
	c, r := newClient(t, cl)
	for p := range int32(2) {
		mustProduce(t, newKgo(t, cl), &kgo.Record{Topic: "t", Partition: p, Value: []byte("1")})
	}
	for _, e := range []*kerr.Error{kerr.NotLeaderForPartition, kerr.TopicAuthorizationFailed, kerr.UnknownServerError, kerr.KafkaStorageError, kerr.FencedLeaderEpoch} {
		cl.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Topic: "t", Partitions: []int32{0}, Err: e})
	}
	f := c.NewFetcher(FetchConfig{Topic: "t", MaxWait: 20 * time.Millisecond})
	bad, good := f.Add(0, 0), f.Add(1, 0)
	startFetcher(t, f)
	collect(t, good, 1)
	collect(t, bad, 1)
	if n := r.count("fetch"); n != 5 {
		t.Errorf("%d retries were counted, want 5 (%v)", n, r.last)
	}
}
