package pipeline

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/consumers"
	"github.com/driftd/driftd/internal/fold"
	"github.com/driftd/driftd/internal/kafka"
)

// requestPatience is how long PROFILE waits for pushed references to be taken up.
const requestPatience = 60 * time.Second

// serveProfile runs the tasks of one generation of a source topic's group.
func serveProfile(ctx context.Context, set *Settings, src *Source, c *kafka.Client, refs *References, pc *pace, mem *memory[*profileTask], m consumers.Membership) error {
	mem.only(m.Partitions, func(*profileTask) {})
	if len(m.Partitions) == 0 {
		<-ctx.Done()
		return nil
	}
	if err := refs.CatchUp(ctx, c); err != nil {
		return ctxErr(ctx, err)
	}
	if err := refs.Ready(ctx, requestPatience); err != nil {
		return ctxErr(ctx, err)
	}
	committed, err := c.CommittedOffsets(ctx, set.profileGroup(src.Topic), src.Topic, m.Partitions)
	if err != nil {
		return ctxErr(ctx, fmt.Errorf("ask the commits of %s: %w", src.Topic, err))
	}
	start, err := firstTime(ctx, set, src, refs, committed)
	if err != nil {
		return ctxErr(ctx, err)
	}
	f := c.NewFetcher(kafka.FetchConfig{Topic: src.Topic})
	g, ctx := errgroup.WithContext(ctx)
	for _, p := range m.Partitions {
		g.Go(func() error {
			t, again := mem.take(p)
			again = again && t.goesOn(committed[p], m)
			if !again {
				t = newProfileTask(set, src, c, refs, m, p)
				t.pace = pc
			}
			t.room = roomOf(len(m.Partitions))
			defer pc.leave(src.Topic, p)
			defer set.Metrics.DropPartition(set.profileGroup(src.Topic), src.Topic, p)
			if !again {
				if err := t.take(ctx, committed[p], start); err != nil {
					return ctxErr(ctx, err)
				}
			}
			err := t.run(ctx, f.Add(p, t.next), partitionOf{f, p})
			if ctx.Err() != nil {
				mem.keep(p, t)
			}
			return ctxErr(ctx, err)
		})
	}
	g.Go(func() error { return ctxErr(ctx, f.Run(ctx)) })
	return g.Wait()
}

// goesOn says that the partition has come back as this task left it: the newest
// commit is still of its epoch, so nobody else has owned it since [E2]. A task may
// end between any two requests: what it had not been told of is told again. But
// not in an idle move: records must not be judged by one that may not have been
// committed [T3].
func (t *profileTask) goesOn(c kafka.Committed, m consumers.Membership) bool {
	meta, err := parseMeta(c.Metadata)
	if err != nil || c.Offset < 0 || meta.Epoch != t.meta.Epoch || t.byClock {
		return false
	}
	t.member, t.paused = m, false
	t.show()
	t.log.Info("the partition has come back: going on from memory", "offset", t.next)
	return true
}

// firstTime is T0 of a topic that nobody has read. Where its models learn from
// what it holds, that is done first: reading begins where what taught ends.
func firstTime(ctx context.Context, set *Settings, src *Source, refs *References, committed map[int]kafka.Committed) (int64, error) {
	fresh := true // a partition that is added to a topic that is read begins where its siblings did
	for _, c := range committed {
		fresh = fresh && c.Offset < 0
	}
	if !fresh || !set.learns(src) {
		return set.startTime(), nil
	}
	waiting := time.AfterFunc(time.Minute, func() {
		set.Log.Warn("reading waits until references have been learned from what the topic holds: is a driftd with the role detect running, with this topic in its config?", "topic", src.Topic)
	})
	defer waiting.Stop()
	from, err := refs.learned(ctx, src.Topic)
	if err != nil {
		return 0, err
	}
	if err := refs.Ready(ctx, requestPatience); err != nil { // what was learned is to be in use
		return 0, err
	}
	if from != driftd.MinTime {
		return from, nil
	}
	return set.startTime(), nil
}

// ctxErr is nil when the context has ended: a revocation is no failure.
func ctxErr(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func newProfileTask(set *Settings, src *Source, c *kafka.Client, refs *References, m consumers.Membership, p int) *profileTask {
	log := set.Log.With(slog.String("topic", src.Topic), slog.Int("partition", p))
	catalog := newTaskCatalog(set, src, refs)
	t := &profileTask{set: set, src: src, client: c, refs: refs, member: m, partition: p, log: log, catalog: catalog,
		panes:     &fold.Panes{Length: int64(set.Pane)},
		letters:   letters{set: set, client: c, topic: src.Topic, partition: p, mode: src.DeadLetters},
		topicHash: driftd.Hash64(src.Topic), lastData: time.Now(), room: maxClosed}
	other := consumers.NewModel(otherModel, nil, nil)
	t.panes.Overflow = func(p *fold.Pane) { p.Limit(maxStrange, catalog.isStrange, other) }
	t.out = emitter{set: set, client: c, topic: src.Topic, partition: p, strange: catalog.isStrange, other: other}
	dec, err := consumers.NewDecoder(src.Map, src.Model, catalog)
	if err != nil { // config has compiled the same map before
		panic(err)
	}
	t.dec = dec
	return t
}

// take makes the partition this task's own [E2]: a commit with a new epoch, then
// a marker of that epoch to every profiles partition, then the first record.
// What an older owner still writes carries a lower epoch and is dropped. start is
// T0 of a topic that nobody has read.
func (t *profileTask) take(ctx context.Context, c kafka.Committed, start int64) error {
	meta, err := parseMeta(c.Metadata)
	if err != nil {
		return fmt.Errorf("partition %d of %s: %w", t.partition, t.src.Topic, err)
	}
	t.next = c.Offset
	if c.Offset < 0 {
		if err := t.firstStart(ctx, &meta, start); err != nil {
			return err
		}
	}
	meta.Epoch = max(meta.Epoch+1, t.set.Now().UnixMilli())
	if c.Offset < 0 {
		meta.Start, meta.Fresh = meta.Epoch, true
	}
	if meta.Fresh {
		t.gaps, t.unbound = []gap{{why: gapUncommitted, from: driftd.MinTime, to: driftd.MinTime, fresh: true}}, true
	}
	t.meta, t.out.epoch = meta, meta.Epoch
	t.emitted = meta.Frontier
	if err := t.client.CommitOffset(ctx, t.set.profileGroup(t.src.Topic), t.member.Generation, t.member.MemberID, t.src.Topic, t.partition, t.next, t.meta.String()); err != nil {
		return err
	}
	t.set.Metrics.Epoch(t.src.Topic)
	t.show()
	return t.mark(ctx)
}

// firstStart finds where a partition without a commit begins: at a sibling's T0
// when one has been read before, else at start.
func (t *profileTask) firstStart(ctx context.Context, meta *commitMeta, start int64) error {
	n, err := t.client.Partitions(ctx, t.src.Topic)
	if err != nil {
		return err
	}
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	siblings, err := t.client.CommittedOffsets(ctx, t.set.profileGroup(t.src.Topic), t.src.Topic, all)
	if err != nil {
		return err
	}
	at, known := kafka.AtStart, false
	for _, s := range siblings {
		if m, err := parseMeta(s.Metadata); err == nil && s.Offset >= 0 && s.Metadata != "" {
			meta.T0, known = m.T0, true
			break
		}
	}
	if !known {
		meta.T0 = start
	}
	if meta.T0 != driftd.MinTime {
		at = kafka.AtTime(time.Unix(0, meta.T0))
	}
	offsets, err := t.client.Offsets(ctx, t.src.Topic, []int{t.partition}, at)
	if err != nil {
		return err
	}
	t.next = offsets[t.partition]
	meta.Cut = t.next > 0
	return nil
}

// startTime is T0 of a topic that nobody has read: driftd.MinTime for all of it.
func (s *Settings) startTime() int64 {
	switch {
	case s.Start.Earliest:
		return driftd.MinTime
	case s.Start.Latest:
		return s.Now().UnixNano()
	}
	return driftd.FloorTo(s.Now().Add(-s.Start.Back).UnixNano(), int64(max(s.Start.Round, time.Minute)))
}
