package kafka

import (
	"context"
	"fmt"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/listoffsets"
)

// At names a place in a partition's log: AtStart, AtEnd, AtStable or AtTime.
type At struct {
	timestamp int64
	committed int8
}

var (
	AtStart  = At{timestamp: -2}               // the first offset that is still there
	AtEnd    = At{timestamp: -1}               // the high watermark: the offset that the next record gets
	AtStable = At{timestamp: -1, committed: 1} // the last stable offset: where an open transaction starts, else the end
)

// AtTime is the first record whose timestamp is t or later; where there is none,
// the end.
func AtTime(t time.Time) At { return At{timestamp: t.UnixMilli()} }

// Offsets looks a place up in each of the partitions. It retries until ctx ends;
// the error wraps ErrUnknownTopic when there is no such topic.
func (c *Client) Offsets(ctx context.Context, topic string, partitions []int, at At) (map[int]int64, error) {
	out := make(map[int]int64, len(partitions))
	err := c.retry(ctx, "offsets", func() error {
		err := c.listOffsets(ctx, topic, partitions, at, out)
		if err != nil {
			c.forgetLeaders(topic)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	var ends []int
	for p, o := range out {
		if o < 0 && at.timestamp >= 0 {
			ends = append(ends, p)
		}
	}
	if len(ends) > 0 {
		more, err := c.Offsets(ctx, topic, ends, AtEnd)
		if err != nil {
			return nil, err
		}
		for p, o := range more {
			out[p] = o
		}
	}
	return out, nil
}

// listOffsets asks each leader once for all of its partitions that are not in
// out yet.
func (c *Client) listOffsets(ctx context.Context, topic string, partitions []int, at At, out map[int]int64) error {
	byLeader := map[int32][]listoffsets.RequestPartition{}
	asked := map[int]bool{}
	for _, p := range partitions {
		if _, done := out[p]; done || asked[p] {
			continue // a broker refuses a request that names a partition twice
		}
		asked[p] = true
		id, err := c.leader(ctx, topic, p)
		if err != nil {
			return err
		}
		byLeader[id] = append(byLeader[id], listoffsets.RequestPartition{
			Partition: int32(p), CurrentLeaderEpoch: -1, Timestamp: at.timestamp,
		})
	}
	for id, parts := range byLeader {
		res, err := c.ask(ctx, id, requestTimeout, &listoffsets.Request{
			ReplicaID: -1, IsolationLevel: at.committed,
			Topics: []listoffsets.RequestTopic{{Topic: topic, Partitions: parts}},
		})
		if err != nil {
			return fmt.Errorf("kafka: list offsets of %s at broker %d: %w", topic, id, err)
		}
		got := 0
		for _, t := range res.(*listoffsets.Response).Topics {
			for _, p := range t.Partitions {
				if err := codeError(p.ErrorCode); err != nil {
					return fmt.Errorf("kafka: list offsets of %s/%d: %w", topic, p.Partition, err)
				}
				out[int(p.Partition)] = p.Offset
				got++
			}
		}
		if got < len(parts) {
			return fmt.Errorf("kafka: list offsets of %s: broker %d answered for %d of %d partitions: %w",
				topic, id, got, len(parts), kafkago.Unknown)
		}
	}
	return nil
}
