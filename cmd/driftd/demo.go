package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/internal/config"
	"github.com/driftd/driftd/internal/embedded"
	"github.com/driftd/driftd/internal/kafka"
	"github.com/driftd/driftd/internal/picture"
	"github.com/driftd/driftd/internal/pipeline"
	"github.com/driftd/driftd/internal/reference"
	"github.com/driftd/driftd/internal/wire"
	"github.com/driftd/driftd/sinks/prometheus"
)

type demoCmd struct {
	Serve  bool   `help:"Go on serving /metrics after the end, until interrupted."`
	Listen string `default:"127.0.0.1:9110" help:"HTTP address with --serve."`
	Seed   uint64 `default:"1" help:"Other traffic with the same changes."`
	Debug  bool   `help:"Log what the pipeline does."`
}

// Help is shown by --help.
func (demoCmd) Help() string {
	return `Example:
  driftd demo

A broker inside the process carries two weeks of three models' traffic, from which
references are learned, and then four days in which known things change. The
pipeline is that of driftd run; only time runs fast. Exit code 0 when everything
that matters was found and nothing else paged.`
}

const demoTopic = "demo.predictions"

// Run implements the command.
func (c *demoCmd) Run(ctx context.Context) error {
	began := time.Now()
	p := newProgress()
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	if c.Debug {
		log = newLog(true)
	}
	broker, err := embedded.Start(embedded.Options{Topics: map[string]int{demoTopic: 4}})
	if err != nil {
		return err
	}
	defer broker.Close()
	client, err := kafka.New(kafka.Config{Brokers: []string{broker.Addr}, ClientID: "driftd-demo"})
	if err != nil {
		return err
	}
	defer client.Close()
	live := time.Now().UTC().Truncate(24 * time.Hour).Add(-embedded.LiveSpan)
	gen := embedded.New(c.Seed, live)

	fmt.Println("driftd demo: two weeks of traffic of three models become references ..")
	refs, events, err := demoReferences(gen, live, p)
	if err != nil {
		return err
	}
	p.done("%s events read, %d references in %.1f s", thousands(events), len(refs)*3, time.Since(began).Seconds())
	fmt.Println("\nFour days follow, in which known things change. What driftd tells while they pass:")

	d := &demo{gen: gen, live: live, refs: refs, client: client, p: p, log: log}
	if err := d.run(ctx); err != nil {
		return err
	}
	ok := d.verdict(os.Stdout, time.Since(began))
	if c.Serve {
		if err := d.serve(ctx, c.Listen); err != nil {
			return err
		}
	}
	if !ok {
		return exitError(1)
	}
	return nil
}

// memorySource gives one model's events from memory.
type memorySource struct {
	data []byte
	ends []int
	at   []int64
	i    int
}

// Next implements reference.Source.
func (s *memorySource) Next() ([]byte, int64, error) {
	if s.i == len(s.ends) {
		return nil, 0, io.EOF
	}
	from := 0
	if s.i > 0 {
		from = s.ends[s.i-1]
	}
	s.i++
	return s.data[from:s.ends[s.i-1]], s.at[s.i-1], nil
}

// demoReferences learns a reference for each model from the clean weeks.
func demoReferences(gen *embedded.Generator, live time.Time, p *progress) ([]*wire.Bundle, int, error) {
	traffic := map[string]*memorySource{}
	total := 0
	err := gen.Events(live.Add(-embedded.ReferenceSpan), live, false, func(e *embedded.Event) error {
		s := traffic[e.Model]
		if s == nil {
			s = &memorySource{}
			traffic[e.Model] = s
		}
		s.data = append(s.data, e.JSON...)
		s.ends, s.at = append(s.ends, len(s.data)), append(s.at, e.At.UnixNano())
		total++
		return nil
	})
	if err != nil {
		return nil, 0, err
	}
	p.print("%s events made", thousands(total))
	models := embedded.Models()
	out := make([]*wire.Bundle, len(models))
	var g errgroup.Group
	g.SetLimit(runtime.NumCPU())
	for i, m := range models {
		g.Go(func() error {
			src := traffic[m]
			b, _, err := reference.Build(func() (reference.Source, error) {
				return &memorySource{data: src.data, ends: src.ends, at: src.at}, nil
			}, reference.Options{Model: m, Lengths: []time.Duration{time.Hour, 24 * time.Hour}, Location: time.UTC, Description: "two weeks of the demo's traffic",
				Tags: []driftd.SegmentTag{{Tags: []string{"country"}}}})
			out[i] = b
			return err
		})
	}
	return out, total, g.Wait()
}

// demo is the live part.
type demo struct {
	gen     *embedded.Generator
	live    time.Time
	refs    []*wire.Bundle
	client  *kafka.Client
	p       *progress
	log     *slog.Logger
	metrics *prometheus.Metrics
	pipe    *pipeline.Pipeline

	mu        sync.Mutex
	now       time.Time // event time: the demo's clock
	incidents []driftd.IncidentResult
	last      map[driftd.Series]map[string]*driftd.ColumnResult
	closed    map[driftd.Series]time.Time
	flags     []driftd.ColumnResult
	windows   int
}

func (d *demo) clock() time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.now
}

// Write implements pipeline.Sink: it shows incidents as they come.
func (d *demo) Write(_ context.Context, batch []driftd.Result) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, r := range batch {
		switch {
		case r.Window != nil:
			if r.Window.WindowLength == 3600 {
				d.windows++
				d.closed[r.Series()] = r.Window.WindowEnd
			}
		case r.Column != nil:
			c := r.Column
			if d.last[r.Series()] == nil {
				d.last[r.Series()] = map[string]*driftd.ColumnResult{}
			}
			if c.WindowLength == 3600 {
				d.last[r.Series()][c.Column] = c
			}
			if c.Flag {
				d.flags = append(d.flags, *c)
			}
		case r.Incident != nil:
			d.incidents = append(d.incidents, *r.Incident)
			d.tell(r.Incident)
		}
	}
	return nil
}

// tell prints an incident as a person would want to read it.
func (d *demo) tell(in *driftd.IncidentResult) {
	d.p.done("\n── %s  %s  %s ──", in.ChangedAt.Format("Mon 15:04"), in.State, in.Severity)
	fmt.Fprintln(os.Stderr, wrap(in.Summary, 100))
	if in.State != driftd.StateOpen || len(in.Columns) == 0 {
		return
	}
	worst := in.Columns[0].Column
	for _, b := range d.refs {
		ref := b.Of(in.Segment)
		i := b.Layout.IndexOf(worst)
		if b.Layout.Model != in.Model || ref == nil || i < 0 {
			continue
		}
		if c := d.last[driftd.Series{Model: in.Model, Segment: in.Segment}][worst]; c != nil {
			fmt.Fprint(os.Stderr, picture.Column(&b.Layout.Columns[i], &ref.Columns[i].Profile, c.Bins))
		}
	}
}

func (d *demo) run(ctx context.Context) error {
	cfg := config.Default()
	cfg.Kafka.TopicPrefix = "driftd"
	d.last, d.closed = map[driftd.Series]map[string]*driftd.ColumnResult{}, map[driftd.Series]time.Time{}
	d.now = d.live
	d.metrics = prometheus.New(prometheus.Config{Version: version}, []string{demoTopic}, nil)
	live := pipeline.NewLive(cfg, version)
	set := &pipeline.Settings{Prefix: "driftd", Pane: time.Minute, Partitions: 2, Replication: -1, Version: version, Models: live, Log: d.log, Metrics: d.metrics,
		Start: pipeline.Start{Earliest: true}, Now: d.clock, Bundles: d.refs, Session: 6 * time.Second,
		Sources: []pipeline.Source{{Topic: demoTopic, Lateness: 2 * time.Minute, IdleTimeout: 2 * time.Second, MaxSkew: 5 * time.Minute, MaxAge: 24 * time.Hour, MaxBytes: 1 << 20, DeadLetters: "headers"}}}
	d.pipe = pipeline.New(set, d.client, pipeline.Roles{Profile: true, Detect: true, Write: true}, map[string]pipeline.Sink{"screen": d}, nil)
	failed := make(chan error, 1)
	go func() { failed <- d.pipe.Run(ctx) }()

	end := d.live.Add(embedded.LiveSpan)
	for at := d.live; at.Before(end); at = at.Add(time.Hour) {
		if _, err := d.gen.WriteTo(ctx, d.client, demoTopic, 4, embedded.Span{From: at, To: at.Add(time.Hour), Changed: true}, nil); err != nil {
			return err
		}
		d.mu.Lock()
		d.now = at.Add(time.Hour)
		d.mu.Unlock()
		d.p.say("event time %s", at.Format("Mon 15:04"))
		select { // about 15 s for four days: slow enough to follow
		case <-time.After(100 * time.Millisecond):
		case err := <-failed:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	// Time goes on although nothing comes: idle partitions close the last windows.
	d.mu.Lock()
	d.now = end.Add(30 * time.Minute)
	d.mu.Unlock()
	for deadline := time.Now().Add(30 * time.Second); !d.done(end); {
		if time.Now().After(deadline) {
			return fmt.Errorf("demo: the last windows did not close within 30 s")
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case err := <-failed:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// done says that every series has closed its windows up to end.
func (d *demo) done(end time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.closed) < 3*len(d.refs) {
		return false
	}
	for _, t := range d.closed {
		if t.Before(end) {
			return false
		}
	}
	return true
}

// serve keeps the endpoints up until ctx ends.
func (d *demo) serve(ctx context.Context, listen string) error {
	srv, err := serveHTTP(listen, "", endpoints(d.metrics, d.pipe, nil, false), newLog(false))
	if err != nil {
		return err
	}
	fmt.Printf("\nServing http://%s/metrics until interrupted.\n", listen)
	<-ctx.Done()
	short, stop := context.WithTimeout(context.Background(), closeWithin)
	defer stop()
	return srv.Shutdown(short)
}
