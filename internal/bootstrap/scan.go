package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/consumers"
	"github.com/driftd/driftd/internal/fold"
	"github.com/driftd/driftd/internal/kafka"
	"github.com/driftd/driftd/internal/reference"
)

// Model is what config says of a model that is to be learned.
type Model struct {
	Lengths  []time.Duration // the base first
	Location *time.Location
	Baseline string              // of reference.Options
	Pairs    bool                // the same
	Tags     []driftd.SegmentTag // values are found where none are given
	Alpha    func(layout *driftd.Layout, series int) float64
}

// Options of a scan.
type Options struct {
	Topics []Topic
	Plan   *Plan
	// Model gives what config says of a model; false: it is not to be learned.
	Model    func(name string) (Model, bool)
	Progress func(Progress)
}

// Progress is how far a scan has come.
type Progress struct {
	Records, Of int64 // of both passes
	Took        time.Duration
}

// Remaining is about how long it will still take; 0 while nothing is known.
func (p Progress) Remaining() time.Duration {
	if p.Records == 0 || p.Took < time.Second {
		return 0
	}
	return time.Duration(float64(p.Took) * float64(p.Of-p.Records) / float64(p.Records)).Round(time.Second)
}

// Found is what a scan has found.
type Found struct {
	Plan     *Plan
	Models   []*Learned // by name
	Records  int64
	Rejected map[consumers.Reason]int64
	Example  error // the first rejection
	Damaged  int64 // records in batches that cannot be read
	More     int   // models beyond maxModels
	Took     time.Duration
}

// maxModels is how many models one scan learns: each holds samples of its columns.
const maxModels = 100

// RetentionError says that records of the plan were deleted before they were read.
type RetentionError struct {
	Topic     string
	Partition int
	Err       *kafka.OffsetOutOfRange
}

func (e *RetentionError) Error() string {
	return fmt.Sprintf("records of %s partition %d were deleted while they were being read (%v): retention ends there, a new scan starts behind it", e.Topic, e.Partition, e.Err)
}

// Unwrap gives the cause.
func (e *RetentionError) Unwrap() error { return e.Err }

// Scan reads the plan twice and learns every model that it finds. The result is
// a function of the records, the plan and the options.
func Scan(ctx context.Context, c *kafka.Client, opt Options) (*Found, error) {
	s := &scan{c: c, opt: opt, began: time.Now(), models: map[string]*learning{}, found: &Found{Plan: opt.Plan, Rejected: map[consumers.Reason]int64{}}}
	if err := s.pass(ctx, 1); err != nil {
		return nil, err
	}
	s.found.Records = s.done
	s.cut()
	if len(s.learned()) > 0 {
		if err := s.pass(ctx, 2); err != nil {
			return nil, err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.models)) {
		l, err := s.models[name].finish(opt.Plan)
		if err != nil {
			return nil, err
		}
		s.found.Models = append(s.found.Models, l)
	}
	s.found.Took = time.Since(s.began)
	return s.found, nil
}

type scan struct {
	c      *kafka.Client
	opt    Options
	began  time.Time
	told   time.Time
	models map[string]*learning
	found  *Found
	done   int64 // records read
}

// learning is one model while it is being learned.
type learning struct {
	name     string
	conf     Model
	blank    *consumers.Model // without a layout
	builder  *reference.Builder
	events   int64 // before the cut
	first    int64
	last     int64
	notReady error // why no layout could be made of it
}

// learned are the models that have a layout.
func (s *scan) learned() (out []*learning) {
	for _, name := range slices.Sorted(maps.Keys(s.models)) {
		if m := s.models[name]; m.notReady == nil {
			out = append(out, m)
		}
	}
	return out
}

// find is the model of a name, begun when it is to be learned; nil when it is not.
func (s *scan) find(name string) *learning {
	if m := s.models[name]; m != nil {
		return m
	}
	conf, ok := s.opt.Model(name)
	if !ok {
		return nil
	}
	if len(s.models) >= maxModels {
		s.found.More++
		return nil
	}
	m := &learning{name: name, conf: conf, blank: consumers.NewModel(name, nil, nil), first: driftd.MaxTime, last: driftd.MinTime}
	m.builder, m.notReady = reference.NewBuilder(reference.Options{Model: name, Tags: conf.Tags, Lengths: conf.Lengths, Location: conf.Location, Baseline: conf.Baseline, Pairs: conf.Pairs, Unordered: true,
		End: m.end, Description: "what the topics held"})
	if m.notReady != nil {
		return nil
	}
	s.models[name] = m
	return m
}

// end is where the data end: a minute after the last event.
func (m *learning) end(int64) int64 { return m.last + int64(time.Minute) }

// pass reads all records of the plan, partition after partition: what is found
// does not depend on how partitions interleave.
func (s *scan) pass(ctx context.Context, n int) error {
	topics := slices.Clone(s.opt.Topics)
	slices.SortFunc(topics, func(a, b Topic) int { return strings.Compare(a.Name, b.Name) })
	for i := range topics {
		t := &topics[i]
		byModel := map[*consumers.Model]*learning{}
		r, err := newReader(t, func(name string) *consumers.Model {
			m := s.find(name)
			if m == nil {
				return consumers.NewModel(name, nil, nil)
			}
			model := m.blank
			if n == 2 && m.notReady == nil {
				model = m.builder.Model()
			}
			byModel[model] = m
			return model
		})
		if err != nil {
			return err
		}
		if n == 1 {
			r.dec.Raw = r.raws.Take
		}
		topic := driftd.Hash64(t.Name)
		for _, span := range s.opt.Plan.Spans[t.Name] {
			event := func(ev *consumers.Event, offset int64) {
				m := byModel[ev.Model]
				if m == nil || ev.Time >= s.opt.Plan.Cut || ev.Time < s.opt.Plan.From {
					r.raws.Reset()
					return
				}
				key := fold.EventKey(topic, span.Partition, offset, ev.Row)
				switch {
				case n == 1:
					m.events++
					m.first, m.last = min(m.first, ev.Time), max(m.last, ev.Time)
					m.builder.Look(&r.raws, r.dec, ev.Time, key)
				case m.notReady == nil:
					m.builder.Count(ev, ev.Time, key)
				}
			}
			if err := s.partition(ctx, t, span, n, r, event); err != nil {
				return err
			}
		}
	}
	return nil
}

// partition reads one partition of the plan.
func (s *scan) partition(ctx context.Context, t *Topic, span Span, n int, r *reader, event func(*consumers.Event, int64)) error {
	if span.Start >= span.End {
		return nil
	}
	record := func(rec *kafka.Rec) error {
		if rec.Offset >= span.End {
			return nil
		}
		err := r.read(rec, func(ev *consumers.Event) error { event(ev, rec.Offset); return nil })
		var reject *consumers.Reject
		if errors.As(err, &reject) {
			if n == 1 {
				s.reject(t, span, rec, reject)
			}
			return nil
		}
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	f := s.c.NewFetcher(kafka.FetchConfig{Topic: t.Name, MaxWait: 100 * time.Millisecond, Queue: 4})
	chunks := f.Add(span.Partition, span.Start)
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	var w kafka.Walker
	at := span.Start
	for chunk := range chunks {
		if err := s.chunk(t, &chunk, &w, f, n, record); err != nil {
			return err
		}
		if chunk.Err == nil {
			s.count(min(chunk.Next, span.End) - at)
			at = chunk.Next
		}
		if at >= span.End {
			return nil
		}
	}
	if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return context.Cause(ctx)
}

// chunk walks one chunk; batches that cannot be read are stepped over and counted.
func (s *scan) chunk(t *Topic, chunk *kafka.Chunk, w *kafka.Walker, f *kafka.Fetcher, n int, record func(*kafka.Rec) error) error {
	var out *kafka.OffsetOutOfRange
	var corrupt *kafka.CorruptBatch
	damaged := func(c *kafka.CorruptBatch) {
		if n == 1 {
			s.found.Damaged += c.Last - c.First + 1
		}
	}
	switch {
	case errors.As(chunk.Err, &out):
		return &RetentionError{t.Name, chunk.Partition, out}
	case errors.As(chunk.Err, &corrupt):
		damaged(corrupt)
		f.Seek(chunk.Partition, corrupt.Last+1)
		return nil
	case chunk.Err != nil:
		return fmt.Errorf("read %s partition %d: %w", t.Name, chunk.Partition, chunk.Err)
	}
	for {
		err := w.Walk(chunk, record)
		if !errors.As(err, &corrupt) {
			return err
		}
		damaged(corrupt)
		chunk.Offset = corrupt.Last + 1
	}
}

func (s *scan) reject(t *Topic, span Span, rec *kafka.Rec, err *consumers.Reject) {
	if s.found.Example == nil {
		s.found.Example = fmt.Errorf("%s partition %d offset %d: %w", t.Name, span.Partition, rec.Offset, err)
	}
	s.found.Rejected[err.Reason]++
}

// count moves the progress on.
func (s *scan) count(records int64) {
	s.done += records
	if s.opt.Progress != nil && time.Since(s.told) > time.Second {
		s.told = time.Now()
		s.opt.Progress(Progress{s.done, 2 * s.opt.Plan.Records(), time.Since(s.began)})
	}
}

// Rows that shape a layout: as many as a reference's sample has, or fewer when
// there are no more in a day.
const (
	fewestRows      = 1000
	fewestRowsAfter = 24 * time.Hour
)

// cut makes the layouts of the models that have enough events.
func (s *scan) cut() {
	for _, m := range s.models {
		switch {
		case m.events >= reference.SampleSize || m.events >= fewestRows && m.last-m.first >= int64(fewestRowsAfter):
			m.notReady = m.builder.Cut()
		case m.last-m.first >= int64(fewestRowsAfter):
			m.notReady = fmt.Errorf("%d events are too few to see what is usual: it waits for %d", m.events, fewestRows)
		default:
			m.notReady = fmt.Errorf("%d events are too few to see what is usual: it waits for %d, or for %d within a day", m.events, reference.SampleSize, fewestRows)
		}
	}
}
