package main

import (
	"context"
	"fmt"
	"time"

	"github.com/driftd/driftd/internal/bootstrap"
	"github.com/driftd/driftd/internal/kafka"
)

const week = 7 * 24 * time.Hour

// learnBench learns a reference from a week of n events of 21 columns in Kafka,
// and gives the seconds that 5 million would take at that speed, beside the time
// of the bare reads: each record is fetched, its batch checked and unpacked, and
// looked at no further, as often as learning reads it.
func learnBench(ctx context.Context, b *broker, events [][]byte, n int) (seconds float64, err error) {
	const topic = "bench.week"
	if err := b.produceFrom(ctx, start.Add(-week), topic, events, n, 1, week/time.Duration(n)); err != nil {
		return 0, err
	}
	topics := []bootstrap.Topic{{Name: topic, Carries: func(string) bool { return true }, MaxSkew: time.Minute, MaxAge: time.Hour, MaxBytes: 1 << 20}}
	began := time.Now()
	plan, err := bootstrap.MakePlan(ctx, b.client, topics, bootstrap.Scope{Now: start, Back: 2 * week, Base: time.Hour})
	if err != nil {
		return 0, err
	}
	planned := time.Since(began)
	found, err := bootstrap.Scan(ctx, b.client, bootstrap.Options{Topics: topics, Plan: plan, Model: func(string) (bootstrap.Model, bool) {
		return bootstrap.Model{Lengths: []time.Duration{time.Hour, 24 * time.Hour}, Location: time.UTC}, true
	}})
	if err != nil {
		return 0, err
	}
	took := time.Since(began)
	if len(found.Models) != 1 || !found.Models[0].Ready() {
		return 0, fmt.Errorf("learning %d events gave no reference: %s", n, found.Summary())
	}
	bare := time.Duration(0)
	for range 2 {
		d, err := b.read(ctx, plan.Spans[topic], topic)
		if err != nil {
			return 0, err
		}
		bare += d
	}
	seconds = took.Seconds() * 5e6 / float64(n)
	fmt.Printf("  %d events: %.1f s (plan %.1f), of which 2 bare reads are %.1f s: %.1f x; %.0f events/s; a week of 5 million: %.0f s\n",
		n, took.Seconds(), planned.Seconds(), bare.Seconds(), took.Seconds()/bare.Seconds(), float64(n)/took.Seconds(), seconds)
	return seconds, nil
}

// read walks all records of the spans, one partition after the other.
func (b *broker) read(ctx context.Context, spans []bootstrap.Span, topic string) (time.Duration, error) {
	began := time.Now()
	for _, s := range spans {
		ctx, stop := context.WithCancel(ctx)
		f := b.client.NewFetcher(kafka.FetchConfig{Topic: topic, Queue: 4})
		chunks := f.Add(s.Partition, s.Start)
		done := make(chan error, 1)
		go func() { done <- f.Run(ctx) }()
		var w kafka.Walker
		for at := s.Start; at < s.End; {
			c := <-chunks
			if c.Err != nil {
				stop()
				return 0, c.Err
			}
			if err := w.Walk(&c, func(*kafka.Rec) error { return nil }); err != nil {
				stop()
				return 0, err
			}
			at = c.Next
		}
		stop()
		<-done
	}
	return time.Since(began), nil
}
