package pipeline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/internal/bootstrap"
	"github.com/driftd/driftd/internal/kafka"
	"github.com/driftd/driftd/internal/wire"
)

// learner gives the models that have no reference one, from what their topics
// hold. It runs with the owner of profiles partition 0; when that process dies,
// another goes on by the same plan and finds the same.
type learner struct {
	set    *Settings
	client *kafka.Client
	refs   *References
	log    *slog.Logger

	made  int64 // of the plan that is taken up; 0: none
	later map[string]postponed

	progress atomic.Pointer[bootstrap.Progress] // of the scan under way
	told     time.Time
}

// postponed is a model of which nothing could be learned: it is not looked for
// again before a time, each time later.
type postponed struct {
	at   time.Time
	wait time.Duration
}

// postpone keeps a name that too few events have, such as a mistyped one, from
// having all topics read every few minutes.
func (l *learner) postpone(f *bootstrap.Found) {
	if l.later == nil {
		l.later = map[string]postponed{}
	}
	for _, m := range f.Models {
		if m.Err == nil {
			delete(l.later, m.Name)
			continue
		}
		wait := min(max(l.every(), 2*l.later[m.Name].wait), 24*time.Hour)
		l.later[m.Name] = postponed{time.Now().Add(wait), wait}
	}
}

func (l *learner) every() time.Duration {
	if l.set.LearnEvery > 0 {
		return l.set.LearnEvery
	}
	return learnEvery
}

// status says how far a scan has come, "" when none is under way.
func (l *learner) status() string {
	p := l.progress.Load()
	if p == nil {
		return ""
	}
	return fmt.Sprintf("learning references from what the topics hold: %.0f %% done, about %v still", 100*float64(p.Records)/float64(max(1, p.Of)), p.Remaining())
}

// learnEvery is how often topics are looked at again for models that have no
// reference yet.
const learnEvery = 10 * time.Minute

// maxReplans is how often retention may overtake a scan before it is left for later.
const maxReplans = 5

// run learns what is there, and then looks now and then for more.
func (l *learner) run(ctx context.Context) error {
	known, last := 0, time.Time{}
	for {
		sources, missing := l.sources(ctx)
		if len(sources) > 0 && (len(sources) != known || time.Since(last) >= l.every()) {
			known, last = len(sources), time.Now()
			err := l.round(ctx, sources)
			if newer := (*wire.NewerError)(nil); errors.As(err, &newer) {
				return err
			}
			if err != nil && ctx.Err() == nil { // judging goes on; readers of new topics wait
				l.log.Error("references could not be learned from the topics; it is tried again in a minute", "err", err)
				known = 0
			}
		}
		wait := l.every()
		switch {
		case known == 0 && len(sources) > 0:
			wait = min(wait, time.Minute)
		case missing: // their groups wait for them
			wait = min(wait, 5*time.Second)
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil
		}
	}
}

// sources are those that may learn and whose topic is there.
func (l *learner) sources(ctx context.Context) (out []*Source, missing bool) {
	for i := range l.set.Sources {
		src := &l.set.Sources[i]
		if !l.set.learns(src) {
			continue
		}
		if _, err := l.client.Partitions(ctx, src.Topic); err != nil {
			missing = true
			continue
		}
		out = append(out, src)
	}
	return out, missing
}

// round makes or takes up a plan, carries it out and says so.
func (l *learner) round(ctx context.Context, sources []*Source) error {
	l.made = 0
	if p := l.written(sources); p != nil {
		l.made = p.Made
	}
	if l.nothingToLearn(sources) {
		return l.finish(ctx, sources, nil, driftd.MinTime)
	}
	for try := 1; ; try++ {
		plan, fresh, err := l.plan(ctx, sources, try == 1)
		if err != nil {
			return err
		}
		if !l.anyToLearn(plan) {
			return l.finish(ctx, sources, nil, driftd.MinTime)
		}
		if fresh {
			if err := l.write(ctx, sources, plan, nil); err != nil {
				return err
			}
		}
		l.log.Info("learning references from what the topics hold", "records", plan.Records(), "models_in_a_sample", len(plan.Names))
		found, err := bootstrap.Scan(ctx, l.client, l.options(sources, plan))
		l.progress.Store(nil)
		var gone *bootstrap.RetentionError
		if errors.As(err, &gone) && try < maxReplans {
			l.log.Warn("learning begins again behind what was deleted", "err", err)
			continue
		}
		if err != nil {
			return err
		}
		from, err := l.publish(ctx, found)
		if err != nil {
			return err
		}
		l.postpone(found)
		if l.set.Say != nil {
			l.set.Say(found.Summary())
		}
		return l.finish(ctx, sources, plan, from)
	}
}

// nothingToLearn says that the sources name their models, and all have references.
func (l *learner) nothingToLearn(sources []*Source) bool {
	for _, src := range sources {
		names := src.names()
		if len(names) == 0 || slices.ContainsFunc(names, l.wanted) {
			return false
		}
	}
	return true
}

// wanted says that a model is to be learned: not one that was forgotten, though
// its topic still has old events, before it sends new ones.
func (l *learner) wanted(model string) bool {
	return l.set.Models.Bootstrap(model) > 0 && !l.refs.provided(model, l.made) && !l.refs.away(model) && !time.Now().Before(l.later[model].at)
}

func (l *learner) anyToLearn(p *bootstrap.Plan) bool {
	for name := range p.Names {
		if l.wanted(name) {
			return true
		}
	}
	return false
}

// plan takes up the plan that is written for all the sources, or makes one.
func (l *learner) plan(ctx context.Context, sources []*Source, resume bool) (p *bootstrap.Plan, fresh bool, err error) {
	if p := l.written(sources); p != nil && resume {
		return p, false, nil
	}
	scope := bootstrap.Scope{Now: l.set.Now(), Base: l.set.Models.Rules(driftd.Series{Segment: driftd.AllSegment}).Lengths[0]}
	scope.Back = l.set.Models.Bootstrap("")
	for _, src := range sources {
		for _, name := range src.names() {
			scope.Back = max(scope.Back, l.set.Models.Bootstrap(name))
			scope.Base = min(scope.Base, l.set.Models.Rules(driftd.Series{Model: name, Segment: driftd.AllSegment}).Lengths[0])
		}
	}
	if p, err = bootstrap.MakePlan(ctx, l.client, topicsOf(sources), scope); err != nil {
		return nil, false, fmt.Errorf("plan what references are learned from: %w", err)
	}
	return p, true, nil
}

// written is the plan of a process that did not finish it.
func (l *learner) written(sources []*Source) *bootstrap.Plan {
	out := &bootstrap.Plan{Spans: map[string][]bootstrap.Span{}, Names: map[string]int{}, From: driftd.MinTime}
	for _, src := range sources {
		w := l.refs.plan(src.Topic)
		if w == nil || w.Done && !w.Again || out.Made != 0 && w.Made != out.Made {
			return nil
		}
		out.Made, out.Cut = w.Made, w.Cut
		for _, s := range w.Spans {
			out.Spans[src.Topic] = append(out.Spans[src.Topic], bootstrap.Span{Partition: int(s.Partition), Start: s.Start, End: s.End})
		}
		for _, name := range w.Names {
			out.Names[name]++
		}
	}
	return out
}

// write says what is planned, or with from that it is done. A topic that was
// learned from before stays done: whoever reads it need not wait.
func (l *learner) write(ctx context.Context, sources []*Source, p *bootstrap.Plan, from *int64) error {
	host, _ := os.Hostname() // for people alone
	var recs []kafka.Record
	for _, src := range sources {
		w := &wire.Bootstrap{MinReader: 1, Topic: src.Topic, From: driftd.MinTime, By: host}
		if p != nil {
			w.Made, w.Cut = p.Made, p.Cut
			for _, s := range p.Spans[src.Topic] {
				w.Spans = append(w.Spans, &wire.Span{Partition: int32(s.Partition), Start: s.Start, End: s.End})
			}
			for name := range p.Names {
				w.Names = append(w.Names, name)
			}
			slices.Sort(w.Names)
		}
		if old := l.refs.plan(src.Topic); old != nil && old.Done {
			w.Done, w.From, w.Again = true, old.From, from == nil
		} else if from != nil {
			w.Done, w.From = true, *from
		}
		b, err := proto.Marshal(w)
		if err != nil {
			return err
		}
		recs = append(recs, kafka.Record{Key: []byte("bootstrap/" + src.Topic), Value: b})
	}
	if _, err := l.client.Produce(ctx, l.set.referencesTopic(), 0, recs); err != nil {
		return fmt.Errorf("write what references are learned from: %w", err)
	}
	return nil
}

// finish lets the readers of the topics begin.
func (l *learner) finish(ctx context.Context, sources []*Source, p *bootstrap.Plan, from int64) error {
	if p == nil && !slices.ContainsFunc(sources, func(s *Source) bool { w := l.refs.plan(s.Topic); return w == nil || !w.Done }) {
		return nil
	}
	if err := l.write(ctx, sources, p, &from); err != nil {
		return err
	}
	return l.refs.wait(ctx, func() bool { // not again before our own record has come back
		for _, s := range sources {
			if w := l.refs.plans[s.Topic]; w == nil || !w.Done || w.Again {
				return false
			}
		}
		return true
	})
}

func topicsOf(sources []*Source) (out []bootstrap.Topic) {
	for _, s := range sources {
		out = append(out, bootstrap.Topic{Name: s.Topic, Map: s.Map, Model: s.Model, Carries: s.carries, MaxSkew: s.MaxSkew, MaxAge: s.MaxAge, MaxBytes: s.MaxBytes})
	}
	return out
}

func (l *learner) options(sources []*Source, p *bootstrap.Plan) bootstrap.Options {
	return bootstrap.Options{Topics: topicsOf(sources), Plan: p,
		Model: func(name string) (bootstrap.Model, bool) {
			if !l.wanted(name) {
				return bootstrap.Model{}, false
			}
			return learnedModel(l.set, name), true
		},
		Progress: func(p bootstrap.Progress) {
			l.progress.Store(&p)
			if now := time.Now(); now.Sub(l.told) > 5*time.Second {
				l.told = now
				l.log.Info("learning references", "done", fmt.Sprintf("%.0f %%", 100*float64(p.Records)/float64(max(1, p.Of))), "remaining", p.Remaining())
			}
		}}
}
