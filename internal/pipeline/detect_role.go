package pipeline

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/proto"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/consumers"
	"github.com/driftd/driftd/internal/detect"
	"github.com/driftd/driftd/internal/kafka"
	"github.com/driftd/driftd/internal/wire"
)

// serveDetect runs the tasks of one generation of the detect group.
func serveDetect(ctx context.Context, set *Settings, c *kafka.Client, refs *References, learn *learner, al Alerter, mem *memory[*detectTask], m consumers.Membership) error {
	mem.only(m.Partitions, (*detectTask).leave)
	if len(m.Partitions) == 0 {
		<-ctx.Done()
		return nil
	}
	epochs, err := refs.claim(ctx, c, m.Partitions, m.MemberID)
	if err != nil {
		return ctxErr(ctx, err)
	}
	f := c.NewFetcher(kafka.FetchConfig{Topic: set.profilesTopic()})
	g, ctx := errgroup.WithContext(ctx)
	for _, p := range m.Partitions {
		g.Go(func() error {
			t, again := mem.take(p)
			if !again {
				t = &detectTask{set: set, client: c, refs: refs, alerter: al, partition: p, log: set.Log.With(slog.Int("profiles_partition", p)),
					front: newFrontiers(set.Sources), series: map[driftd.Series]*judged{}, moved: map[string]bool{}, where: make(chan driftd.IncidentResult, 16), greeted: map[driftd.Series]int64{}}
				if err := t.restore(ctx); err != nil {
					t.leave()
					return ctxErr(ctx, err)
				}
			} else if err := t.goOn(ctx); err != nil {
				t.leave()
				return ctxErr(ctx, err)
			}
			t.member, t.epoch = m.MemberID, epochs[p]
			defer set.Metrics.DropLag(set.detectGroup(), set.profilesTopic(), p)
			commit := func(ctx context.Context, at int64) error {
				return c.CommitOffset(ctx, set.detectGroup(), m.Generation, m.MemberID, set.profilesTopic(), p, at, "")
			}
			err := t.run(ctx, f.Add(p, t.next), commit, g.Go)
			if ctx.Err() != nil {
				mem.keep(p, t)
			}
			return ctxErr(ctx, err)
		})
	}
	if slices.Contains(m.Partitions, 0) {
		g.Go(func() error { return ctxErr(ctx, learn.run(ctx)) })
	}
	g.Go(func() error { return ctxErr(ctx, f.Run(ctx)) })
	return g.Wait()
}

// goOn takes a partition that has come back on from memory: the log says the same
// to every owner, and whoever had it meanwhile has written the same [E9]. But
// people may have been told of what this one still has to read.
func (t *detectTask) goOn(ctx context.Context) error {
	end, err := t.client.Offsets(ctx, t.set.profilesTopic(), []int{t.partition}, kafka.AtEnd)
	if err != nil {
		return err
	}
	t.replay = end[t.partition]
	t.log.Info("the partition has come back: going on from memory", "offset", t.next, "end", t.replay)
	return nil
}

// restore reads the partition's state and finds where reading begins: the least
// as-of of its series, or the log's start.
func (t *detectTask) restore(ctx context.Context) error {
	t.refsAt, t.confAt = t.refs.Version(), t.set.Models.Generation()
	t.gone = t.refs.forgotten()
	parts := []int{t.partition}
	start, err := t.client.Offsets(ctx, t.set.profilesTopic(), parts, kafka.AtStart)
	if err != nil {
		return err
	}
	end, err := t.client.Offsets(ctx, t.set.profilesTopic(), parts, kafka.AtEnd)
	if err != nil {
		return err
	}
	t.next, t.replay = start[t.partition], end[t.partition]
	latest := map[string][]byte{}
	if err := readAll(ctx, t.client, t.set.stateTopic(), t.partition, func(rec *kafka.Rec) error {
		switch key := string(rec.Key); {
		case key == fixedKey:
		case len(rec.Value) == 0:
			delete(latest, key)
		default:
			latest[key] = append([]byte(nil), rec.Value...)
		}
		return nil
	}); err != nil {
		return fmt.Errorf("read %s partition %d: %w", t.set.stateTopic(), t.partition, err)
	}
	first := true
	var over []kafka.Record
	for key, raw := range latest {
		old, err := t.outlived(key, raw)
		if err != nil {
			return err
		}
		if old { // it was written while, or after, it was forgotten
			over = append(over, kafka.Record{Key: []byte(key)})
			continue
		}
		st, err := wire.DecodeState(raw, func(fp string) (*driftd.Layout, error) { return t.refs.Layout(ctx, fp) })
		if err != nil {
			return err
		}
		s := t.find(st.Series)
		s.state, s.since, s.fresh, s.written = st.Detect, st.Since, false, st.Detect.Merged
		for _, in := range s.state.Alerts.Incidents() {
			t.set.Metrics.Incident(&in.Result)
		}
		oldest := first || st.AsOf < t.next
		if t.front.restore(st.Frontiers, oldest); oldest {
			t.next = st.AsOf
		}
		first = false
	}
	t.next = max(t.next, start[t.partition])
	return t.bury(ctx, over)
}

// leave forgets what another process judges now.
func (t *detectTask) leave() {
	for k := range t.series {
		t.set.Metrics.DropSeries(k)
		if t.alerter != nil {
			t.alerter.Drop(k)
		}
	}
}

// layoutDelay is how many panes ahead of the furthest frontier a new layout
// takes effect: everyone who profiles must have heard of it by then.
const layoutDelay = 10

// answer takes up requests for references of the series of this partition: the
// owner alone decides from when one holds [E11]. Not before what was there at
// assignment has been read: by the frontiers of then a reference could hold for
// windows that have been judged by the one before.
func (t *detectTask) answer(ctx context.Context) error {
	if t.next < t.replay {
		return nil
	}
	mine := func(s driftd.Series) bool { return s.Partition(t.set.Partitions) == t.partition }
	for _, q := range t.refs.Pending(mine) {
		from := t.effectiveFrom(q)
		entry := &wire.UseEntry{Reference: q.ask.Reference, Layout: q.ask.Layout, EffectiveFrom: from, Origin: q.ask.Origin}
		if s := t.series[q.series]; s != nil && q.ask.Origin.GetKind() == detect.Accepted && s.state.Merged != driftd.MinTime {
			entry.Accepted = s.state.Merged // every window that ends by then has been judged
		}
		t.log.Info("a reference takes effect", "model", q.series.Model, "segment", q.series.Segment, "reference", short(q.ask.Reference), "from", timeText(from), "origin", q.ask.Origin.GetKind())
		if err := t.say(ctx, q.series, append(slices.Clone(q.uses), entry)); err != nil {
			return err
		}
	}
	uses, claim := t.refs.covered(t.partition, mine)
	for s, u := range uses {
		if err := t.say(ctx, s, u); err != nil {
			return err
		}
	}
	if !claim {
		return nil
	}
	rec, err := claimRecord(t.partition, t.epoch, t.member)
	if err != nil {
		return err
	}
	return t.refs.write(ctx, t.client, rec)
}

// say writes the uses of a series (none: that it has none), and waits until that
// has been read: nothing is said twice. The error wraps kafka.ErrFenced where
// another process has claimed the partition: what we say does not count then.
func (t *detectTask) say(ctx context.Context, s driftd.Series, uses []*wire.UseEntry) error {
	rec := kafka.Record{Key: []byte("use/" + s.Key())}
	if len(uses) > 0 {
		var err error
		if rec.Value, err = proto.Marshal(&wire.Use{MinReader: 1, Entries: uses, Partition: int32(t.partition), Epoch: t.epoch}); err != nil {
			return err
		}
	}
	if err := t.refs.write(ctx, t.client, rec); err != nil {
		return fmt.Errorf("take up a reference of %s: %w", s.Key(), err)
	}
	if t.refs.epoch(t.partition) > t.epoch {
		return fmt.Errorf("another process answers for partition %d of %s: %w", t.partition, t.set.profilesTopic(), kafka.ErrFenced)
	}
	return nil
}

// effectiveFrom: at once when nothing of the model has been read yet; at the
// next base window for the same layout; for a new one after every profiler has
// had time to hear of it.
func (t *detectTask) effectiveFrom(q request) int64 {
	furthest := t.front.furthest(q.series.Model)
	if furthest == driftd.MinTime {
		return driftd.MinTime
	}
	rules := t.set.Models.Rules(q.series)
	at := furthest
	if len(q.uses) == 0 || q.uses[len(q.uses)-1].Layout != q.ask.Layout {
		at += layoutDelay * int64(t.set.Pane)
	}
	return driftd.WindowAt(at, rules.Lengths[0], rules.Location).End
}

// short is a fingerprint as people see it.
func short(fingerprint string) string { return fingerprint[:min(12, len(fingerprint))] }

func timeText(t int64) string {
	if t == driftd.MinTime {
		return "the beginning"
	}
	return time.Unix(0, t).UTC().Format(time.RFC3339)
}
