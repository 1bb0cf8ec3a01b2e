package kafka

import (
	"context"
	"fmt"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/produce"
)

// maxBatch is the most bytes of records in one batch, before compression: below
// the 1 MiB that a broker accepts by default, whatever lz4 makes of them.
const maxBatch = 900 << 10

// recordOverhead is more than a record's framing costs beside its contents.
const recordOverhead = 32

// Record is a record to be produced.
type Record struct {
	Time       time.Time // zero: now
	Key, Value []byte    // nil is null: a tombstone where the topic is compacted
	Headers    []Header
}

// Header is a key and a value beside a record's own.
type Header struct {
	Key   string
	Value []byte
}

func (r *Record) size() int {
	n := recordOverhead + len(r.Key) + len(r.Value)
	for i := range r.Headers {
		n += 8 + len(r.Headers[i].Key) + len(r.Headers[i].Value)
	}
	return n
}

// Produce appends records to one partition, in order, and returns when all
// in-sync replicas have them. baseOffset is that of the first record; between
// two batches (about 900 KB each) other producers' records may lie.
//
// Failures are repeated until ctx ends, also while the topic is missing. So a
// record may be written twice, never out of order with one call at a time per
// partition; after an error some of the records may be there. What a broker
// refuses for good (too large, not authorized, invalid) is returned at once.
func (c *Client) Produce(ctx context.Context, topic string, partition int, recs []Record) (baseOffset int64, err error) {
	baseOffset = -1
	for len(recs) > 0 {
		n, size := 1, recs[0].size()
		for n < len(recs) && size+recs[n].size() <= maxBatch {
			size += recs[n].size()
			n++
		}
		base, err := c.produceBatch(ctx, topic, partition, recs[:n])
		if err != nil {
			return baseOffset, fmt.Errorf("kafka: produce %d records (%d bytes) to %s/%d: %w", n, size, topic, partition, err)
		}
		if baseOffset < 0 {
			baseOffset = base
		}
		recs = recs[n:]
	}
	return baseOffset, nil
}

func (c *Client) produceBatch(ctx context.Context, topic string, partition int, recs []Record) (base int64, err error) {
	now := time.Now() // the same at each attempt
	err = c.retry(ctx, "produce", func() error {
		base, err = c.produceOnce(ctx, topic, partition, recs, now)
		if err != nil {
			c.forgetLeaders(topic)
		}
		return err
	})
	return base, err
}

func (c *Client) produceOnce(ctx context.Context, topic string, partition int, recs []Record, now time.Time) (int64, error) {
	leader, err := c.leader(ctx, topic, partition)
	if err != nil {
		return 0, err
	}
	req := &produce.Request{
		Acks:    int16(kafkago.RequireAll),
		Timeout: int32(requestTimeout / 2 / time.Millisecond), // so that the broker's own "timed out" arrives before we give up
		Topics: []produce.RequestTopic{{
			Topic: topic,
			Partitions: []produce.RequestPartition{{
				Partition: int32(partition),
				RecordSet: protocol.RecordSet{
					Attributes: protocol.Attributes(kafkago.Lz4),
					Records:    &recordReader{recs: recs, now: now},
				},
			}},
		}},
	}
	msg, err := c.ask(ctx, leader, requestTimeout, req)
	if err != nil {
		return 0, err
	}
	res := msg.(*produce.Response)
	if len(res.Topics) != 1 || len(res.Topics[0].Partitions) != 1 {
		return 0, fmt.Errorf("broker %d did not answer for the partition", leader)
	}
	p := &res.Topics[0].Partitions[0]
	if err := codeError(p.ErrorCode); err != nil {
		if p.ErrorMessage != "" {
			return 0, fmt.Errorf("broker %d: %w: %s", leader, err, p.ErrorMessage)
		}
		return 0, fmt.Errorf("broker %d: %w", leader, err)
	}
	return p.BaseOffset, nil
}
