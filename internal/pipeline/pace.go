package pipeline

import (
	"context"
	"math"
	"sync"
	"time"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/internal/kafka"
	"github.com/driftd/driftd/internal/wire"
)

// pace keeps source partitions together in event time [T5]: one that is more
// than max_ahead past the slowest stops reading. Its profiles could not be used
// before the slowest has come as far, and would only fill DETECT's memory.
//
// Partitions of this process are known at once, those of others from the
// frontiers in their groups' commits.
type pace struct {
	set    *Settings
	client *kafka.Client

	mu        sync.Mutex
	own       map[wire.SourcePartition]int64
	committed map[wire.SourcePartition]int64
}

const (
	// DefaultMaxAhead is how far a partition may be past the slowest.
	DefaultMaxAhead = time.Hour
	paceEvery       = 5 * time.Second
)

func newPace(set *Settings, c *kafka.Client) *pace {
	return &pace{set: set, client: c, own: map[wire.SourcePartition]int64{}, committed: map[wire.SourcePartition]int64{}}
}

// run asks the groups' commits now and then.
func (p *pace) run(ctx context.Context) error {
	for {
		for i := range p.set.Sources {
			p.ask(ctx, p.set.Sources[i].Topic)
		}
		select {
		case <-time.After(paceEvery):
		case <-ctx.Done():
			return nil
		}
	}
}

// ask reads one topic's commits; what fails is asked again next time.
func (p *pace) ask(ctx context.Context, topic string) {
	n, err := p.client.Partitions(ctx, topic)
	if err != nil {
		return // a topic that is not there yet keeps nobody from reading
	}
	parts := make([]int, n)
	for i := range parts {
		parts[i] = i
	}
	commits, err := p.client.CommittedOffsets(ctx, p.set.profileGroup(topic), topic, parts)
	if err != nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for k, c := range commits {
		m, err := parseMeta(c.Metadata)
		if err != nil || c.Offset < 0 {
			m.Frontier = driftd.MinTime // nobody has read it: it is the slowest
		}
		p.committed[wire.SourcePartition{Topic: topic, Partition: k}] = m.Frontier
	}
}

// at tells how far a partition of this process has come.
func (p *pace) at(topic string, partition int, frontier int64) {
	p.mu.Lock()
	p.own[wire.SourcePartition{Topic: topic, Partition: partition}] = frontier
	p.mu.Unlock()
}

// leave forgets a partition that another process may own now.
func (p *pace) leave(topic string, partition int) {
	k := wire.SourcePartition{Topic: topic, Partition: partition}
	p.mu.Lock()
	if f, ok := p.own[k]; ok {
		p.committed[k] = f
		delete(p.own, k)
	}
	p.mu.Unlock()
}

// tooFar says that a source's frontier is too far past the slowest partition of
// the topics that it shares models with. A partition without a frontier never is.
func (p *pace) tooFar(src *Source, frontier int64) bool {
	if frontier == driftd.MinTime {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	least := int64(math.MaxInt64)
	for k, f := range p.committed {
		if own, ok := p.own[k]; ok {
			f = own
		}
		if p.shares(src, k.Topic) {
			least = min(least, f)
		}
	}
	for k, f := range p.own {
		if p.shares(src, k.Topic) {
			least = min(least, f)
		}
	}
	ahead := int64(p.set.MaxAhead)
	return least != math.MaxInt64 && (least == driftd.MinTime || frontier-least > ahead)
}

// shares says whether windows of the source's models wait for a topic.
func (p *pace) shares(src *Source, topic string) bool {
	if src.Topic == topic {
		return true
	}
	for i := range p.set.Sources {
		if o := &p.set.Sources[i]; o.Topic == topic {
			return src.overlaps(o)
		}
	}
	return false
}

// overlaps says whether two sources may carry a model in common.
func (s *Source) overlaps(o *Source) bool {
	mine := s.Models
	if s.Model != "" {
		mine = append([]string{s.Model}, mine...)
	}
	if len(mine) == 0 {
		return true
	}
	for _, m := range mine {
		if o.carries(m) {
			return true
		}
	}
	return false
}

// partitionOf is a partition as its fetcher has it.
type partitionOf struct {
	f *kafka.Fetcher
	p int
}

func (f partitionOf) seek(to int64) { f.f.Seek(f.p, to) }

// keepPace stops reading while this partition is too far ahead of the others.
func (t *profileTask) keepPace(fetch partitionOf) {
	t.pace.at(t.src.Topic, t.partition, t.meta.Frontier)
	far := t.pace.tooFar(t.src, t.meta.Frontier)
	switch {
	case far && !t.paused:
		fetch.f.Pause(fetch.p)
	case !far && t.paused:
		fetch.f.Resume(fetch.p)
	}
	t.paused = far
	t.set.Metrics.Paused(t.src.Topic, t.partition, far)
}
