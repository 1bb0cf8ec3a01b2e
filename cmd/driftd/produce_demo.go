package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/driftd/driftd/internal/embedded"
	"github.com/driftd/driftd/internal/kafka"
)

const (
	demoPartitions = 4
	// demoLead is how long before the start the changes of the demo's traffic
	// begin to count: the first, in Germany's amounts, is then four hours old, recent
	// enough to be told and old enough to be found at once.
	demoLead = 16 * time.Hour
	// demoEvery is how often live events are sent.
	demoEvery = 2 * time.Second
)

// demo sends the demo's traffic: the past, if the topic is empty, and then what
// happens now, with Live until ctx ends.
func (c *produceCmd) demo(ctx context.Context, client *kafka.Client) error {
	// Kafka deletes by the records' own time: a week's retention would take the first half of the past at once.
	retention := strconv.FormatInt((c.History + 16*24*time.Hour).Milliseconds(), 10)
	err := client.EnsureTopics(ctx, []kafka.TopicSpec{{Name: c.Topic, Partitions: demoPartitions, Configs: map[string]string{"retention.ms": retention}}})
	if err != nil {
		return fmt.Errorf("produce to %s: %w", c.Topic, err)
	}
	n, err := client.Partitions(ctx, c.Topic)
	if err != nil {
		return fmt.Errorf("produce to %s: %w", c.Topic, err)
	}
	all := make([]int, n)
	for k := range all {
		all[k] = k
	}
	ends, err := client.Offsets(ctx, c.Topic, all, kafka.AtEnd)
	if err != nil {
		return fmt.Errorf("produce to %s: %w", c.Topic, err)
	}
	now := time.Now().UTC()
	from := now.Add(-c.History)
	for _, end := range ends {
		if end > 0 { // a restart: the past is there
			from = now
		}
	}
	gen := embedded.New(c.Seed, now.Add(-demoLead))
	p := newProgress()
	said := func(events int, at time.Time) {
		p.say("%s events, up to %s", thousands(int64(events)), at.Format("Mon 2 Jan 15:04"))
	}
	for sent := 0; ; {
		if from.Before(now) {
			wrote, err := gen.WriteTo(ctx, client, c.Topic, n, embedded.Span{From: from, To: now, Changed: true}, said)
			sent += wrote
			if err != nil && ctx.Err() == nil {
				return err
			}
			if said != nil && ctx.Err() == nil {
				p.done("%s events are in %s; live ones follow with --live", thousands(int64(sent)), c.Topic)
				said = nil
			}
		}
		if !c.Live {
			return ctx.Err()
		}
		select {
		case <-ctx.Done():
			p.done("%s events to %s", thousands(int64(sent)), c.Topic)
			return nil
		case <-time.After(demoEvery):
		}
		from, now = now, time.Now().UTC()
	}
}
