package pipeline

import (
	"context"
	"errors"
	"time"

	"github.com/driftd/driftd/internal/kafka"
)

func pane(ns int64) time.Duration { return time.Duration(ns) }

// readAll gives every record of a partition, from its start to the end as it is
// now.
func readAll(ctx context.Context, c *kafka.Client, topic string, partition int, fn func(*kafka.Rec) error) error {
	_, err := readFrom(ctx, c, topic, partition, fn)
	return err
}

// readSince is readAll from a place on.
func readSince(ctx context.Context, c *kafka.Client, topic string, partition int, at kafka.At, fn func(*kafka.Rec) error) error {
	_, err := readSpan(ctx, c, topic, partition, at, fn)
	return err
}

// readFrom is readAll, and tells the offset after the last record.
func readFrom(ctx context.Context, c *kafka.Client, topic string, partition int, fn func(*kafka.Rec) error) (int64, error) {
	return readSpan(ctx, c, topic, partition, kafka.AtStart, fn)
}

func readSpan(ctx context.Context, c *kafka.Client, topic string, partition int, at kafka.At, fn func(*kafka.Rec) error) (int64, error) {
	parts := []int{partition}
	start, err := c.Offsets(ctx, topic, parts, at)
	if err != nil {
		return 0, err
	}
	end, err := c.Offsets(ctx, topic, parts, kafka.AtStable)
	if err != nil {
		return 0, err
	}
	next := start[partition]
	if next >= end[partition] {
		return next, nil
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	f := c.NewFetcher(kafka.FetchConfig{Topic: topic, MaxWait: 50 * time.Millisecond})
	chunks := f.Add(partition, next)
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	var w kafka.Walker
	for chunk := range chunks {
		if chunk.Err != nil {
			return next, chunk.Err
		}
		if err := w.Walk(&chunk, fn); err != nil {
			return next, err
		}
		if next = chunk.Next; next >= end[partition] {
			return next, nil
		}
	}
	if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
		return next, err
	}
	return next, context.Cause(ctx)
}
