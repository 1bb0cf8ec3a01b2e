package sim

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/driftd/driftd/internal/kafka"
	"github.com/driftd/driftd/internal/oracle"
)

// partitions is how many the source topic has.
func (w *world) partitions() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.sources)
}

// send writes the records that are due: events of a stretch of event time, in
// the partitions that there are.
func (w *world) send(c *kafka.Client, from, to time.Time) {
	n := w.partitions()
	batches := make([][]kafka.Record, n)
	for at := from; at.Before(to); at = at.Add(time.Duration(w.rng.ExpFloat64() * float64(25*time.Second))) {
		p := w.rng.IntN(n)
		if p > 0 && (at.Hour()+p)%3 == 0 {
			continue // idle for an hour
		}
		shift := 0.
		if at.Hour() == 2 {
			shift = 1.5
		}
		sent := at
		if (at.Hour()*2+at.Minute()/30+p+int(w.seed))%5 == 0 {
			// For half an hour the records of a partition come half an hour later,
			// with the times that they had.
			sent = at.Add(30 * time.Minute)
		}
		value, stamp := oracle.At(w.rng, at, shift)
		w.held = append(w.held, held{p, sent, kafka.Record{Value: value, Time: stamp}})
	}
	w.held = slices.DeleteFunc(w.held, func(h held) bool {
		due := h.sent.Before(to)
		if due {
			batches[h.partition] = append(batches[h.partition], h.record)
		}
		return due
	})
	for p, recs := range batches {
		w.put(c, p, recs)
	}
}

// held is a record that is to be sent.
type held struct {
	partition int
	sent      time.Time
	record    kafka.Record
}

func (w *world) put(c *kafka.Client, p int, recs []kafka.Record) {
	if len(recs) == 0 {
		return
	}
	w.mu.Lock()
	s := w.sources[p]
	at := int64(len(s.Records))
	for _, r := range recs {
		s.Records = append(s.Records, oracle.Record{Time: r.Time.UnixNano(), Value: r.Value, Sent: w.clock().UnixNano()})
	}
	w.mu.Unlock()
	base, err := c.Produce(context.Background(), topic, p, recs)
	if err != nil || base != at {
		w.fail("the producer wrote at %d, not at %d: %v", base, at, err)
	}
}

// transaction is one of a users' producer.
type transaction struct {
	cl        *kgo.Client
	partition int
	first     int // of its records
	n         int
	end       time.Time
	commits   bool
}

// begin writes records in a transaction, which stays open for a while: what comes
// after it waits behind it.
func (w *world) begin(d time.Duration) {
	cl, err := kgo.NewClient(kgo.SeedBrokers(w.addr), kgo.Dialer(w.stack.DialContext), kgo.TransactionalID(fmt.Sprint("t", len(w.open))), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerLinger(0), kgo.TransactionTimeout(5*time.Minute))
	if err != nil {
		w.fail("%v", err)
		return
	}
	p := w.rng.IntN(w.partitions())
	tx := &transaction{cl: cl, partition: p, n: 1 + w.rng.IntN(8), end: time.Now().Add(d), commits: w.rng.IntN(2) == 0}
	w.open = append(w.open, tx)
	if err := cl.BeginTransaction(); err != nil {
		w.fail("%v", err)
		return
	}
	now := w.clock()
	var recs []*kgo.Record
	w.mu.Lock()
	s := w.sources[p]
	tx.first = len(s.Records)
	for range tx.n {
		v := []byte(oracle.Event(w.rng, now, 0))
		at := now.Truncate(time.Millisecond)
		recs = append(recs, &kgo.Record{Topic: topic, Partition: int32(p), Value: v, Timestamp: at})
		s.Records = append(s.Records, oracle.Record{Time: at.UnixNano(), Value: v, Sent: now.UnixNano()})
	}
	w.mu.Unlock()
	if err := cl.ProduceSync(context.Background(), recs...).FirstErr(); err != nil || recs[0].Offset != int64(tx.first) {
		w.fail("the transaction wrote at %d, not at %d: %v", recs[0].Offset, tx.first, err)
	}
}

// endDue ends the transactions whose time has come, or all of them.
func (w *world) endDue(all bool) {
	for _, tx := range w.open {
		if tx.cl == nil || !all && time.Now().Before(tx.end) {
			continue
		}
		w.mu.Lock() // what is read from now on may know its end
		s := w.sources[tx.partition]
		for i := range tx.n {
			s.Records[tx.first+i].Void = !tx.commits
		}
		s.Records = append(s.Records, oracle.Record{Sent: w.clock().UnixNano(), Void: true})
		w.mu.Unlock()
		if err := tx.cl.EndTransaction(context.Background(), kgo.TransactionEndTry(tx.commits)); err != nil {
			w.fail("end a transaction: %v", err)
		}
		tx.cl.Close()
		tx.cl = nil
		w.note("a transaction of partition %d ends: %d records, committed: %v", tx.partition, tx.n, tx.commits)
	}
}
