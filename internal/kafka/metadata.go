package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/metadata"
)

// leaderCache remembers which broker leads which partition, until a broker says
// otherwise.
type leaderCache struct {
	mu     sync.Mutex
	topics map[string]map[int]int32
}

// topicMetadata asks a broker, never a cache. It never makes the topic:
// kafka-go's Conn.ReadPartitions asks with auto-creation allowed, so that
// waiting for a topic would make it, with one partition, on any cluster with the
// broker's default settings.
func (c *Client) topicMetadata(ctx context.Context, topic string) (metadata.ResponseTopic, error) {
	res, err := c.ask(ctx, anyBroker, requestTimeout, &metadata.Request{TopicNames: []string{topic}})
	if err != nil {
		return metadata.ResponseTopic{}, fmt.Errorf("kafka: metadata of topic %s: %w", topic, err)
	}
	for _, t := range res.(*metadata.Response).Topics {
		if t.Name != topic {
			continue
		}
		if t.ErrorCode == int16(kafkago.UnknownTopicOrPartition) {
			return t, fmt.Errorf("kafka: topic %s: %w", topic, ErrUnknownTopic)
		}
		if err := codeError(t.ErrorCode); err != nil {
			return t, fmt.Errorf("kafka: metadata of topic %s: %w", topic, err)
		}
		return t, nil
	}
	return metadata.ResponseTopic{}, fmt.Errorf("kafka: topic %s: %w", topic, ErrUnknownTopic)
}

// Partitions is the number of partitions of a topic now, straight from a broker.
// The error wraps ErrUnknownTopic when there is no such topic.
func (c *Client) Partitions(ctx context.Context, topic string) (int, error) {
	var n int
	err := c.retry(ctx, "metadata", func() error {
		t, err := c.topicMetadata(ctx, topic)
		n = len(t.Partitions)
		return err
	})
	return n, err
}

// refreshLeaders returns partition -> broker id; a partition without a leader is
// left out.
func (c *Client) refreshLeaders(ctx context.Context, topic string) (map[int]int32, error) {
	t, err := c.topicMetadata(ctx, topic)
	if err != nil {
		return nil, err
	}
	m := make(map[int]int32, len(t.Partitions))
	for _, p := range t.Partitions {
		if p.LeaderID >= 0 {
			m[int(p.PartitionIndex)] = p.LeaderID
		}
	}
	c.leaders.mu.Lock()
	defer c.leaders.mu.Unlock()
	if c.leaders.topics == nil {
		c.leaders.topics = map[string]map[int]int32{}
	}
	c.leaders.topics[topic] = m
	return m, nil
}

// leader is the broker that leads a partition, from the cache when it knows.
func (c *Client) leader(ctx context.Context, topic string, partition int) (int32, error) {
	c.leaders.mu.Lock()
	id, ok := c.leaders.topics[topic][partition]
	c.leaders.mu.Unlock()
	if ok {
		return id, nil
	}
	m, err := c.refreshLeaders(ctx, topic)
	if err != nil {
		return 0, err
	}
	if id, ok = m[partition]; !ok {
		return 0, fmt.Errorf("kafka: %s/%d has no leader: %w", topic, partition, kafkago.LeaderNotAvailable)
	}
	return id, nil
}

// forgetLeaders makes the next call ask again. It is called after any failure:
// one more small request is cheaper than finding out which failures need it.
func (c *Client) forgetLeaders(topic string) {
	c.leaders.mu.Lock()
	defer c.leaders.mu.Unlock()
	delete(c.leaders.topics, topic)
}

func isUnknownTopic(err error) bool { return errors.Is(err, ErrUnknownTopic) }
