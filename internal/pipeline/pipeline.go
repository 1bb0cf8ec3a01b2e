package pipeline

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/consumers"
	"github.com/driftd/driftd/internal/detect"
	"github.com/driftd/driftd/internal/kafka"
)

// Roles are the boxes that a process runs.
type Roles struct{ Profile, Detect, Write bool }

// Pipeline runs roles in one process.
type Pipeline struct {
	set    *Settings
	client *kafka.Client
	roles  Roles
	sinks  map[string]Sink
	alert  Alerter
	refs   *References
	learn  *learner

	mu      sync.Mutex
	groups  map[string]*consumers.Group
	started bool
}

// New makes a pipeline; Run starts it.
func New(set *Settings, c *kafka.Client, roles Roles, sinks map[string]Sink, alert Alerter) *Pipeline {
	if set.Now == nil {
		set.Now = time.Now
	}
	if set.StateEvery <= 0 {
		set.StateEvery = 10
	}
	if set.MaxAhead <= 0 {
		set.MaxAhead = DefaultMaxAhead
	}
	refs := newReferences(set.referencesTopic(), set.Log)
	return &Pipeline{set: set, client: c, roles: roles, sinks: sinks, alert: alert, refs: refs, groups: map[string]*consumers.Group{},
		learn: &learner{set: set, client: c, refs: refs, log: set.Log}}
}

// Run makes the topics and runs the roles until ctx ends or one of them fails
// for good.
func (p *Pipeline) Run(ctx context.Context) error {
	if err := ensureTopics(ctx, p.client, p.set); err != nil {
		return err
	}
	p.mu.Lock()
	p.started = true
	p.mu.Unlock()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return ctxErr(ctx, p.refs.Follow(ctx, p.client)) })
	if err := p.refs.wait(ctx, func() bool { return true }); err != nil {
		return cmp.Or(g.Wait(), ctxErr(ctx, err))
	}
	if err := p.pushConfigured(ctx); err != nil {
		return err
	}
	if p.roles.Profile {
		pc := newPace(p.set, p.client)
		g.Go(func() error { return pc.run(ctx) })
		for i := range p.set.Sources {
			src, mem := &p.set.Sources[i], &memory[*profileTask]{}
			p.group(g, ctx, p.set.profileGroup(src.Topic), src.Topic, func(ctx context.Context, m consumers.Membership) error {
				return serveProfile(ctx, p.set, src, p.client, p.refs, pc, mem, m)
			})
		}
	}
	if p.roles.Detect {
		mem := &memory[*detectTask]{}
		p.group(g, ctx, p.set.detectGroup(), p.set.profilesTopic(), func(ctx context.Context, m consumers.Membership) error {
			return serveDetect(ctx, p.set, p.client, p.refs, p.learn, p.alert, mem, m)
		})
	}
	if p.roles.Write {
		for _, name := range slices.Sorted(maps.Keys(p.sinks)) {
			group := p.set.writeGroup() + "." + name
			p.group(g, ctx, group, p.set.resultsTopic(), func(ctx context.Context, m consumers.Membership) error {
				return serveWrite(ctx, p.set, p.client, group, p.sinks[name], m)
			})
		}
	}
	return g.Wait()
}

func (p *Pipeline) group(g *errgroup.Group, ctx context.Context, name, topic string, serve func(context.Context, consumers.Membership) error) {
	g.Go(func() error {
		gr, err := consumers.NewGroup(consumers.GroupConfig{Name: name, Topic: topic, Client: p.client, Logger: p.set.Log, SessionTimeout: p.set.Session})
		if err != nil {
			return err
		}
		p.mu.Lock()
		p.groups[name] = gr
		p.mu.Unlock()
		if err := ctxErr(ctx, gr.Run(ctx, serve)); err != nil {
			return fmt.Errorf("group %s: %w", name, err)
		}
		return nil
	})
}

// Waiting says what the process still waits for, "" when every role is at work.
func (p *Pipeline) Waiting() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.started {
		return "the brokers (driftd's topics are not there yet)"
	}
	var out []string
	for _, name := range slices.Sorted(maps.Keys(p.groups)) {
		if w := p.groups[name].Waiting(); w != "" {
			out = append(out, name+": "+w)
		}
	}
	if learning := p.learn.status(); learning != "" {
		out = append(out, learning)
	}
	return strings.Join(out, "; ")
}

// pushConfigured puts the references that config names into Kafka, before any
// record is profiled. A reference that its series have used before is left
// alone: somebody may have gone on to a newer one since.
func (p *Pipeline) pushConfigured(ctx context.Context) error {
	for _, b := range p.set.Bundles {
		used := true
		for _, ref := range b.References {
			used = used && p.refs.used(driftd.Series{Model: ref.Model, Segment: ref.Segment}, ref.Fingerprint)
		}
		if used {
			continue
		}
		if err := Push(ctx, p.client, p.set.Prefix, b, detect.Origin{Kind: detect.Pushed, By: "config", At: p.set.Now().UnixNano()}); err != nil {
			return err
		}
		// Our own requests must have come back before anybody asks whether some are
		// open: else the first events are profiled without the reference.
		short, stop := context.WithTimeout(ctx, requestPatience)
		err := p.refs.wait(short, func() bool { return p.refs.asked(b) })
		stop()
		if err != nil && ctx.Err() == nil {
			p.set.Log.Warn("a pushed reference has not come back: going on without it", "model", b.Layout.Model, "topic", p.set.referencesTopic())
		}
	}
	return nil
}
