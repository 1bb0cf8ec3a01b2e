package kafka

import (
	"context"
	"errors"
	"fmt"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/offsetcommit"
	"github.com/segmentio/kafka-go/protocol/offsetfetch"
)

// Commit is a position in one partition.
type Commit struct {
	Partition int
	Offset    int64  // the next record to read
	Metadata  string // kept verbatim; brokers take 4096 bytes by default
}

// Committed is what a group has committed for a partition.
type Committed struct {
	Offset   int64 // -1: nothing
	Metadata string
}

// CommitOffset commits one partition. See CommitOffsets.
func (c *Client) CommitOffset(ctx context.Context, group string, generation int, memberID, topic string, partition int, offset int64, metadata string) error {
	return c.CommitOffsets(ctx, group, generation, memberID, topic, []Commit{{partition, offset, metadata}})
}

// CommitOffsets commits several partitions of one topic as a member of a
// generation of the group. The error wraps ErrFenced when the group has moved
// on; other failures are retried until ctx ends or are refusals (authorization,
// metadata too large). Generation -1 with an empty member commits from outside,
// which brokers allow while the group has no members.
func (c *Client) CommitOffsets(ctx context.Context, group string, generation int, memberID, topic string, commits []Commit) error {
	req := &offsetcommit.Request{
		GroupID: group, GenerationID: int32(generation), MemberID: memberID, RetentionTimeMs: -1,
		Topics: []offsetcommit.RequestTopic{{Name: topic}},
	}
	for _, o := range commits {
		req.Topics[0].Partitions = append(req.Topics[0].Partitions, offsetcommit.RequestPartition{
			PartitionIndex: int32(o.Partition), CommittedOffset: o.Offset, CommittedLeaderEpoch: -1,
			CommittedMetadata: o.Metadata,
		})
	}
	return c.retry(ctx, "commit", func() error {
		res, err := c.roundTrip(ctx, requestTimeout, req)
		if err != nil {
			return fmt.Errorf("kafka: commit to group %s: %w", group, err)
		}
		got, errs := 0, []error(nil)
		for _, t := range res.(*offsetcommit.Response).Topics {
			for _, p := range t.Partitions {
				got++
				if err := codeError(p.ErrorCode); err != nil {
					errs = append(errs, commitError(group, topic, p.PartitionIndex, err))
				}
			}
		}
		if got < len(commits) {
			errs = append(errs, fmt.Errorf("kafka: commit to group %s: %d of %d partitions were answered", group, got, len(commits)))
		}
		return worst(errs)
	})
}

func commitError(group, topic string, partition int32, err error) error {
	switch {
	case errors.Is(err, kafkago.IllegalGeneration), errors.Is(err, kafkago.UnknownMemberId),
		errors.Is(err, kafkago.RebalanceInProgress), errors.Is(err, kafkago.FencedInstanceID):
		return fmt.Errorf("kafka: commit %s/%d to group %s: %w: %w", topic, partition, group, ErrFenced, err)
	}
	return fmt.Errorf("kafka: commit %s/%d to group %s: %w", topic, partition, group, err)
}

// worst prefers an error that no retry will mend.
func worst(errs []error) error {
	for _, err := range errs {
		if !retriable(err) {
			return err
		}
	}
	if len(errs) == 0 {
		return nil
	}
	return errs[0]
}

// CommittedOffsets reads what a group has committed. Every partition asked for is
// in the answer.
func (c *Client) CommittedOffsets(ctx context.Context, group, topic string, partitions []int) (map[int]Committed, error) {
	req := &offsetfetch.Request{GroupID: group, Topics: []offsetfetch.RequestTopic{{Name: topic}}}
	for _, p := range partitions {
		req.Topics[0].PartitionIndexes = append(req.Topics[0].PartitionIndexes, int32(p))
	}
	out := make(map[int]Committed, len(partitions))
	err := c.retry(ctx, "offsets", func() error {
		res, err := c.roundTrip(ctx, requestTimeout, req)
		if err != nil {
			return fmt.Errorf("kafka: read what group %s has committed: %w", group, err)
		}
		r := res.(*offsetfetch.Response)
		if kafkago.Error(r.ErrorCode) == kafkago.GroupIdNotFound {
			return nil // a group that nobody has joined yet
		}
		if err := codeError(r.ErrorCode); err != nil {
			return fmt.Errorf("kafka: read what group %s has committed: %w", group, err)
		}
		for _, t := range r.Topics {
			for _, p := range t.Partitions {
				if err := codeError(p.ErrorCode); err != nil {
					return fmt.Errorf("kafka: read what group %s has committed for %s/%d: %w", group, topic, p.PartitionIndex, err)
				}
				out[int(p.PartitionIndex)] = Committed{Offset: p.CommittedOffset, Metadata: p.Metadata}
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, p := range partitions {
		if _, ok := out[p]; !ok {
			out[p] = Committed{Offset: -1}
		}
	}
	return out, nil
}
