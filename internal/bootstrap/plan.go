// Package bootstrap learns references from what the users' topics hold, with the
// decoder and the fit that everything else uses. What it reads is fixed in a
// plan first, so that the result does not depend on who does it, or when.
package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/consumers"
	"github.com/driftd/driftd/detectors"
	"github.com/driftd/driftd/internal/kafka"
)

// Topic is one of the users' topics, and how its records are read.
type Topic struct {
	Name     string
	Map      consumers.Map
	Model    string // of events that name none
	Carries  func(model string) bool
	MaxSkew  time.Duration
	MaxAge   time.Duration
	MaxBytes int
}

// Span is what is read of a partition: offsets [Start, End).
type Span struct {
	Partition  int
	Start, End int64
}

// Plan fixes what is read.
type Plan struct {
	Made  int64             // clock (ns)
	Spans map[string][]Span // by topic, in order of partitions
	Names map[string]int    // models in the sample, and its events of each
	From  int64             // event time (ns): events before it are left alone; driftd.MinTime: none
	Cut   int64             // event time (ns): events before it teach, those from it on are judged; driftd.MaxTime: all teach
}

// Records is how many records a plan may read at most.
func (p *Plan) Records() (n int64) {
	for _, spans := range p.Spans {
		for _, s := range spans {
			n += s.End - s.Start
		}
	}
	return n
}

// Scope says how much a plan may take in.
type Scope struct {
	Now  time.Time
	Back time.Duration // records older than that are left alone
	Base time.Duration // the shortest window
}

// MakePlan looks where the topics begin and end, and samples their event times
// to find what is left to be judged.
func MakePlan(ctx context.Context, c *kafka.Client, topics []Topic, scope Scope) (*Plan, error) {
	p := &Plan{Made: scope.Now.UnixNano(), Spans: map[string][]Span{}, Names: map[string]int{}, From: driftd.MinTime, Cut: driftd.MaxTime}
	var times []int64
	for i := range topics {
		t := &topics[i]
		spans, err := spansOf(ctx, c, t.Name, scope)
		if err != nil {
			return nil, err
		}
		p.Spans[t.Name] = spans
		found := make([]sample, len(spans))
		g, gctx := errgroup.WithContext(ctx)
		g.SetLimit(8)
		for k, span := range spans {
			g.Go(func() error {
				var err error
				found[k], err = takeSample(gctx, c, t, span)
				return err
			})
		}
		if err := g.Wait(); err != nil {
			return nil, err
		}
		for _, smp := range found {
			times = append(times, smp.times...)
			for name, events := range smp.names {
				p.Names[name] += events
			}
		}
	}
	p.Cut = cutOf(times, scope.Base)
	return p, nil
}

func spansOf(ctx context.Context, c *kafka.Client, topic string, scope Scope) ([]Span, error) {
	n, err := c.Partitions(ctx, topic)
	if err != nil {
		return nil, fmt.Errorf("ask the partitions of %s: %w", topic, err)
	}
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	start, err := c.Offsets(ctx, topic, all, kafka.AtTime(scope.Now.Add(-scope.Back)))
	if err != nil {
		return nil, err
	}
	end, err := c.Offsets(ctx, topic, all, kafka.AtStable)
	if err != nil {
		return nil, err
	}
	spans := make([]Span, n)
	for i := range spans {
		spans[i] = Span{i, min(start[i], end[i]), end[i]}
	}
	return spans, nil
}

// What of a topic is judged at once instead of learned from.
const (
	heldSpan  = 48 * time.Hour // at most
	heldShare = 3              // at most a third
)

// cutOf is where the events to be judged begin: two days before the last, at
// most a third of the time there is, but never so much that fewer windows than a
// reference needs are left; driftd.MaxTime when there are too few anyway. The
// times are a sample: one in two hundred at either end may be a clock that is wrong.
func cutOf(times []int64, base time.Duration) int64 {
	if len(times) == 0 {
		return driftd.MaxTime
	}
	slices.Sort(times)
	odd := len(times) / 200
	first, last := times[odd], times[len(times)-1-odd]
	need := int64(detectors.MinWindows+1) * int64(base) // the first window is cut
	span := last - first
	held := min(int64(heldSpan), span/heldShare, span-need)
	if held < int64(base) {
		return driftd.MaxTime
	}
	return driftd.FloorTo(last-held, int64(base))
}

const (
	probes   = 64 // places of a partition that are looked at
	perProbe = 32 // records at each
)

// places are the offsets at which a partition is sampled, evenly from its first
// records to its very last: those say when the topic ends. Only its start when
// the places would cover it all.
func places(s Span) []int64 {
	room := s.End - s.Start - perProbe // from the first place to the last
	if room < (probes-1)*perProbe {
		return []int64{s.Start}
	}
	out := make([]int64, probes)
	for i := range out {
		out[i] = s.Start + room*int64(i)/(probes-1)
	}
	return out
}

// sample is events from all over a partition.
type sample struct {
	times []int64 // of events (ns)
	names map[string]int
}

// takeSample passes over records that cannot be read: they are counted by those
// who read them all.
func takeSample(ctx context.Context, c *kafka.Client, t *Topic, span Span) (out sample, err error) {
	out.names = map[string]int{}
	size := span.End - span.Start
	if size <= 0 {
		return out, nil
	}
	d, err := newReader(t, func(name string) *consumers.Model { return consumers.NewModel(name, nil, nil) })
	if err != nil {
		return out, err
	}
	look := places(span)
	next, most := 0, int64(perProbe)
	if len(look) == 1 {
		most = size
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	f := c.NewFetcher(kafka.FetchConfig{Topic: t.Name, MaxBytes: 128 << 10, MaxWait: 50 * time.Millisecond, Queue: 1})
	chunks := f.Add(span.Partition, look[0])
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	var w kafka.Walker
	at, left := look[0], most
	for chunk := range chunks {
		if chunk.Err == nil && chunk.Offset != at {
			continue // from before the seek
		}
		if chunk.Err == nil {
			err := w.Walk(&chunk, func(rec *kafka.Rec) error {
				if left == 0 || rec.Offset >= span.End {
					return errEnough
				}
				left--
				_ = d.read(rec, func(ev *consumers.Event) error { // what cannot be read is passed over
					out.times = append(out.times, ev.Time)
					out.names[ev.Model.Name]++
					return nil
				})
				return nil
			})
			if err == nil && left > 0 && chunk.Next < span.End {
				at = chunk.Next
				continue
			}
		}
		for next < len(look) && look[next] <= at { // a chunk can pass over places
			next++
		}
		if next == len(look) {
			return out, nil
		}
		at, left = look[next], most
		f.Seek(span.Partition, at)
	}
	if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
		return out, err
	}
	return out, context.Cause(ctx)
}

var errEnough = errors.New("enough")
