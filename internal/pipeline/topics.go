package pipeline

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/driftd/driftd/internal/kafka"
	"github.com/driftd/driftd/internal/wire"
)

// maxInternalRecord is the size that driftd's own topics allow.
const maxInternalRecord = 8 << 20

// windowsRetention is how long closed windows are kept to learn from: the last
// reference that is learned by itself is that of 30 days.
const windowsRetention = 35 * 24 * time.Hour

// Topics are driftd's own topics as it would make them.
func (s *Settings) Topics() []kafka.TopicSpec {
	bytes := strconv.Itoa(maxInternalRecord)
	log := map[string]string{"max.message.bytes": bytes, "retention.ms": strconv.Itoa(7 * 24 * 3600 * 1000), "compression.type": "producer"}
	compact := map[string]string{"max.message.bytes": bytes, "cleanup.policy": "compact", "compression.type": "producer"}
	windows := map[string]string{"max.message.bytes": bytes, "cleanup.policy": "compact,delete", "retention.ms": strconv.FormatInt(windowsRetention.Milliseconds(), 10), "compression.type": "producer"}
	if s.Replication >= 3 { // one broker may be away, and what was acknowledged is on two
		for _, c := range []map[string]string{log, compact, windows} {
			c["min.insync.replicas"] = "2"
		}
	}
	return []kafka.TopicSpec{
		{Name: s.profilesTopic(), Partitions: s.Partitions, Replication: s.Replication, Configs: log},
		{Name: s.resultsTopic(), Partitions: s.Partitions, Replication: s.Replication, Configs: log},
		{Name: s.stateTopic(), Partitions: s.Partitions, Replication: s.Replication, Configs: compact},
		{Name: s.windowsTopic(), Partitions: s.Partitions, Replication: s.Replication, Configs: windows},
		{Name: s.referencesTopic(), Partitions: 1, Replication: s.Replication, Configs: compact},
		{Name: s.deadLettersTopic(), Partitions: 1, Replication: s.Replication, Configs: log},
	}
}

// fixedKey is the record of driftd.state that holds what never changes.
const fixedKey = "fixed"

// ensureTopics makes the topics that are missing and checks what is fixed for
// a prefix: pane length and partitions [E12].
func ensureTopics(ctx context.Context, c *kafka.Client, s *Settings) error {
	if err := c.EnsureTopics(ctx, s.Topics()); err != nil {
		return fmt.Errorf("make driftd's topics: %w; make them by hand if this user may not", err)
	}
	begun, err := CheckTopics(ctx, c, s)
	if err != nil || begun {
		return err
	}
	b, err := proto.Marshal(&wire.Fixed{MinReader: 1, Pane: int64(s.Pane), Partitions: int32(s.Partitions)})
	if err != nil {
		return err
	}
	_, err = c.Produce(ctx, s.stateTopic(), 0, []kafka.Record{{Key: []byte(fixedKey), Value: b}})
	return err
}

// CheckTopics compares topics, which must be there, with what is fixed for a
// prefix [E12], and sets s.Partitions. It writes nothing. begun says that a
// driftd has run with this prefix before.
func CheckTopics(ctx context.Context, c *kafka.Client, s *Settings) (begun bool, err error) {
	n, err := c.Partitions(ctx, s.profilesTopic())
	if err != nil {
		return false, err
	}
	m, err := c.Partitions(ctx, s.stateTopic())
	if err != nil {
		return false, err
	}
	k, err := c.Partitions(ctx, s.windowsTopic())
	if err != nil {
		return false, err
	}
	if m != n || k != n {
		return false, fmt.Errorf("topics %s, %s and %s have %d, %d and %d partitions; they must have the same number: make them anew under another kafka.topic_prefix", s.profilesTopic(), s.stateTopic(), s.windowsTopic(), n, m, k)
	}
	s.Partitions = n
	var fixed *wire.Fixed
	err = readAll(ctx, c, s.stateTopic(), 0, func(rec *kafka.Rec) error {
		if string(rec.Key) == fixedKey {
			fixed = &wire.Fixed{}
			return proto.Unmarshal(rec.Value, fixed)
		}
		return nil
	})
	if err != nil {
		return false, fmt.Errorf("read %s: %w", s.stateTopic(), err)
	}
	if fixed == nil {
		return false, nil
	}
	if fixed.Pane != int64(s.Pane) || int(fixed.Partitions) != n {
		return true, fmt.Errorf("topic prefix %q was begun with panes of %v and %d profile partitions, and now has %v and %d: these are fixed for a prefix; set them back, or choose a new kafka.topic_prefix",
			s.Prefix, pane(fixed.Pane), fixed.Partitions, s.Pane, n)
	}
	return true, nil
}
