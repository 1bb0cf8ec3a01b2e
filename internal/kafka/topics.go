package kafka

import (
	"context"
	"errors"
	"fmt"
	"sort"

	"github.com/cenkalti/backoff/v4"
	kafkago "github.com/segmentio/kafka-go"
)

// TopicSpec is a topic as it should be made.
type TopicSpec struct {
	Name        string
	Partitions  int               // at least 1
	Replication int               // 0 or -1: the cluster's default
	Configs     map[string]string // as in kafka-topics --config
}

// EnsureTopics makes the topics that are missing, and returns when a broker knows
// them. One that exists is left as it is, whatever its settings: compare with
// Partitions and DescribeTopicConfig.
func (c *Client) EnsureTopics(ctx context.Context, specs []TopicSpec) error {
	var missing []kafkago.TopicConfig
	for _, s := range specs {
		_, err := c.Partitions(ctx, s.Name)
		if err == nil {
			continue
		}
		if !isUnknownTopic(err) {
			return err
		}
		missing = append(missing, topicConfig(s))
	}
	if len(missing) == 0 {
		return nil
	}
	err := c.retry(ctx, "metadata", func() error {
		res, err := c.admin.CreateTopics(ctx, &kafkago.CreateTopicsRequest{Topics: missing})
		if err != nil {
			return fmt.Errorf("kafka: create topics: %w", err)
		}
		var errs []error
		for _, t := range missing {
			// Another process may have been quicker.
			if err := res.Errors[t.Topic]; err != nil && !errors.Is(err, kafkago.TopicAlreadyExists) {
				errs = append(errs, fmt.Errorf("kafka: create topic %s with %d partitions: %w", t.Topic, t.NumPartitions, err))
			}
		}
		return errors.Join(errs...)
	})
	for _, t := range missing {
		if err == nil {
			err = c.awaitTopic(ctx, t.Topic)
		}
	}
	return err
}

// awaitTopic waits for a topic that has just been made, here or by another
// process: brokers hear of it one after the other.
func (c *Client) awaitTopic(ctx context.Context, topic string) error {
	return backoff.Retry(func() error {
		_, err := c.Partitions(ctx, topic)
		if err != nil && !isUnknownTopic(err) {
			return backoff.Permanent(err)
		}
		return err
	}, backoff.WithContext(newBackoff(), ctx))
}

func topicConfig(s TopicSpec) kafkago.TopicConfig {
	t := kafkago.TopicConfig{Topic: s.Name, NumPartitions: s.Partitions, ReplicationFactor: s.Replication}
	if t.ReplicationFactor == 0 {
		t.ReplicationFactor = -1
	}
	for k, v := range s.Configs {
		t.ConfigEntries = append(t.ConfigEntries, kafkago.ConfigEntry{ConfigName: k, ConfigValue: v})
	}
	sort.Slice(t.ConfigEntries, func(i, j int) bool {
		return t.ConfigEntries[i].ConfigName < t.ConfigEntries[j].ConfigName
	})
	return t
}

// DescribeTopicConfig returns the settings of a topic that are in force, the
// inherited ones included. The error wraps ErrUnknownTopic when it is missing.
func (c *Client) DescribeTopicConfig(ctx context.Context, topic string) (map[string]string, error) {
	var out map[string]string
	err := c.retry(ctx, "metadata", func() error {
		res, err := c.admin.DescribeConfigs(ctx, &kafkago.DescribeConfigsRequest{
			Resources: []kafkago.DescribeConfigRequestResource{{ResourceType: kafkago.ResourceTypeTopic, ResourceName: topic}},
		})
		if err != nil {
			return fmt.Errorf("kafka: describe the settings of topic %s: %w", topic, err)
		}
		out = map[string]string{}
		for _, r := range res.Resources {
			if errors.Is(r.Error, kafkago.UnknownTopicOrPartition) {
				return fmt.Errorf("kafka: topic %s: %w", topic, ErrUnknownTopic)
			}
			if r.Error != nil {
				return fmt.Errorf("kafka: describe the settings of topic %s: %w", topic, r.Error)
			}
			for _, e := range r.ConfigEntries {
				out[e.ConfigName] = e.ConfigValue
			}
		}
		return nil
	})
	return out, err
}
