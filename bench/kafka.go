package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/bench/internal/fleet"
	"github.com/driftd/driftd/bench/internal/proc"
	"github.com/driftd/driftd/e2e/stack"
	"github.com/driftd/driftd/internal/detect"
	"github.com/driftd/driftd/internal/embedded"
	"github.com/driftd/driftd/internal/kafka"
	"github.com/driftd/driftd/internal/pipeline"
	"github.com/driftd/driftd/internal/wire"
)

const (
	partitions = 4
	perBatch   = 100 // events: 83 KB before lz4
)

// broker is a real Kafka, or the stand-in of the demo where none is installed.
type broker struct {
	addr, name string
	pid        int // 0: the stand-in, inside this process
	client     *kafka.Client
	stop       func()
}

func startBroker(ctx context.Context) (*broker, error) {
	dir, err := os.MkdirTemp("", "driftd-bench")
	if err != nil {
		return nil, err
	}
	b := &broker{name: "Apache Kafka"}
	k, err := stack.StartKafka(ctx, dir)
	if err == nil {
		b.addr, b.pid = k.Bootstrap, k.PID()
		b.stop = func() { k.Stop(); os.RemoveAll(dir) }
	} else {
		fmt.Printf("no real Kafka (%v): a stand-in, in this process, takes its place\n", err)
		e, err := embedded.Start(embedded.Options{})
		if err != nil {
			return nil, err
		}
		b.addr, b.name = e.Addr, "a stand-in for Kafka (NOT a real broker)"
		b.stop = func() { e.Close(); os.RemoveAll(dir) }
	}
	if b.client, err = kafka.New(kafka.Config{Brokers: []string{b.addr}, ClientID: "bench"}); err != nil {
		b.stop()
		return nil, err
	}
	return b, nil
}

func (b *broker) close() {
	b.client.Close()
	b.stop()
}

// cpu is what the broker's process has used so far.
func (b *broker) cpu() time.Duration {
	if b.pid == 0 {
		return cpuTime()
	}
	used, err := proc.CPU(b.pid)
	if err != nil {
		return 0 // it is shown alone
	}
	return used
}

// produce writes n events, dt apart, to a new topic in batches of lz4, taking
// them from events in turn and the models in turn.
func (b *broker) produce(ctx context.Context, topic string, events [][]byte, n, models int, dt time.Duration) error {
	return b.produceFrom(ctx, start, topic, events, n, models, dt)
}

// produceFrom is produce with the time of the first event.
func (b *broker) produceFrom(ctx context.Context, from time.Time, topic string, events [][]byte, n, models int, dt time.Duration) error {
	if err := b.client.EnsureTopics(ctx, []kafka.TopicSpec{{Name: topic, Partitions: partitions, Configs: map[string]string{"compression.type": "producer"}}}); err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	for p := range partitions {
		g.Go(func() error {
			var recs []kafka.Record
			for i, k := p, 0; i < n; i, k = i+partitions, k+1 {
				at := from.Add(time.Duration(i) * dt)
				value := stamp(append([]byte(nil), events[i%len(events)]...), at, k%models)
				recs = append(recs, kafka.Record{Time: at, Value: value})
				if len(recs) == perBatch || i+partitions >= n {
					if _, err := b.client.Produce(ctx, topic, p, recs); err != nil {
						return err
					}
					recs = recs[:0]
				}
			}
			return nil
		})
	}
	return g.Wait()
}

// push writes references for the pipeline of a prefix and has a DETECT take
// them up: PROFILE waits for that.
func (b *broker) push(ctx context.Context, prefix, topic string, bundles []*wire.Bundle) error {
	// As the pipeline would make it.
	if err := b.client.EnsureTopics(ctx, []kafka.TopicSpec{{Name: prefix + ".references", Partitions: 1, Configs: map[string]string{"cleanup.policy": "compact", "max.message.bytes": "8388608"}}}); err != nil {
		return err
	}
	for _, x := range bundles {
		if err := pipeline.Push(ctx, b.client, prefix, x, detect.Origin{Kind: detect.Pushed}); err != nil {
			return err
		}
	}
	_, err := runChild(ctx, task{Brokers: b.addr, Topic: topic, Prefix: prefix, Detect: true, Answer: true})
	return err
}

// profileBench is the whole PROFILE path: fetch, checks, lz4, records, decode,
// times, fold, profiles to Kafka, commits. It gives events a second of the
// process's own CPU time.
func profileBench(ctx context.Context, b *broker, events [][]byte, n, runs int) (float64, error) {
	ref, err := buildReference(usual, modelName(0), 50, 400, nil)
	if err != nil {
		return 0, err
	}
	began := time.Now()
	if err := b.produce(ctx, "bench.predictions", events, n, 1, time.Hour/time.Duration(n)); err != nil {
		return 0, err
	}
	mb := meanSize(events) * float64(n) / 1e6
	fmt.Printf("%s: %d events (%.0f MB) in %d partitions, lz4, %d events a batch, one hour of event time; written in %.1f s\n", b.name, n, mb, partitions, perBatch, time.Since(began).Seconds())
	fmt.Printf("%-6s %22s %12s %18s %22s %16s %10s\n", "run", "events/s of its CPU", "MB/s of it", "events/s by clock", "the process: CPU s", "the broker's", "RSS MB")
	var best float64
	for run := range runs {
		prefix := fmt.Sprintf("bench%d", run)
		if err := b.push(ctx, prefix, "bench.predictions", []*wire.Bundle{ref}); err != nil {
			return 0, err
		}
		before := b.cpu()
		d, err := runChild(ctx, task{Brokers: b.addr, Topic: "bench.predictions", Prefix: prefix, Profile: true, Events: float64(n)})
		if err != nil {
			return 0, err
		}
		rate := d.Events / d.CPU.Seconds()
		best = max(best, rate)
		fmt.Printf("%-6d %22.0f %12.0f %18.0f %22.2f %16.2f %10.0f\n", run+1, rate, rate*meanSize(events)/1e6, d.Events/(d.Wall-d.First).Seconds(), d.CPU.Seconds(), (b.cpu() - before).Seconds(), float64(d.Peak)/1e6)
	}
	fmt.Printf("K is the best run's events a second of the process's CPU time (user and kernel, from its start on); the clock runs from the first events on\n")
	return best, nil
}

// memoryBench runs PROFILE and DETECT over 100 models of 20 columns in 3
// segments in one process and looks at its memory.
func memoryBench(ctx context.Context, b *broker) (float64, error) {
	const models, minutes, perMinute = 100, 130, 20
	tags := []driftd.SegmentTag{{Tags: []string{"country"}, Values: []string{"DE"}}}
	first, err := buildReference(small, modelName(0), 336, 200, tags)
	if err != nil {
		return 0, err
	}
	bundles, err := fleet.Bundles(first, models, modelName)
	if err != nil {
		return 0, err
	}
	events := generateSmall(20_000)
	n := models * minutes * perMinute
	if err := b.produce(ctx, "bench.models", events, n, models, time.Minute/time.Duration(models*perMinute)); err != nil {
		return 0, err
	}
	if err := b.push(ctx, "mem", "bench.models", bundles); err != nil {
		return 0, err
	}
	d, err := runChild(ctx, task{Brokers: b.addr, Topic: "bench.models", Prefix: "mem", Events: float64(n), Profile: true, Detect: true})
	if err != nil {
		return 0, err
	}
	const mb = 1e6
	fmt.Printf("PROFILE and DETECT in one process, %d models x %d columns x %d segments, references of 336 windows, %d partitions, %d minutes of panes, %.0f results:\n",
		models, len(first.Layout.Columns), len(first.References), partitions, minutes, d.Results)
	fmt.Printf("RSS %.0f MB after a collection that gives free memory back (before that %.0f, peak %.0f while it caught up as fast as it could; live heap %.0f)\n",
		float64(d.Freed)/mb, float64(d.RSS)/mb, float64(d.Peak)/mb, float64(d.Heap)/mb)
	return float64(d.Freed) / mb, nil
}
