package pipeline

import (
	"context"
	"slices"
	"time"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/detectors"
	"github.com/driftd/driftd/internal/detect"
	"github.com/driftd/driftd/internal/reference"
)

// lesson is a series for which a fuller reference can be fitted.
type lesson struct {
	series driftd.Series
	rules  detect.Rules
	use    detect.Use
	from   int64 // Origin.First of what is fitted
	kept   []*detect.Kept
}

// retryWindows is how many windows must close before what could not be fitted is
// tried again: some of those that were counted had drifted.
const retryWindows = 24

// learn fits references whose time has come: the first at 30 windows, fuller
// ones at 100 windows, 14 and 30 days. It goes on beside the task, because it
// reads driftd.windows; what it writes is a request like any other.
func (t *detectTask) learn(ctx context.Context, start func(func() error)) {
	if t.next < t.replay || !t.fitting.CompareAndSwap(false, true) {
		return
	}
	var due []*lesson
	for _, s := range t.series {
		use, ok := t.refs.own(s.series)
		if !ok || !grows(&use) {
			continue
		}
		have, first := s.state.Learnable(&use)
		if s.tried > 0 && have < s.tried+retryWindows && have >= s.tried {
			continue
		}
		fuller := stage(have, s.state.Merged-first) > stageOf(use.Reference)
		if !fuller && (!inherited(use.Reference) || have < use.Origin.Learned+relearn(use.Origin.Learned)) {
			continue
		}
		s.tried = have
		due = append(due, &lesson{series: s.series, rules: s.rules, use: use, from: first})
	}
	if len(due) == 0 {
		t.fitting.Store(false)
		return
	}
	start(func() error {
		defer t.fitting.Store(false)
		if err := t.fit(ctx, due); err != nil && ctx.Err() == nil {
			t.log.Error("references could not be learned from closed windows; they are tried again later", "series", len(due), "err", err)
		}
		return nil
	})
}

// grows says that a reference goes on learning by itself: not what somebody has
// made from a file, or went back to.
func grows(u *detect.Use) bool {
	switch u.Origin.Kind {
	case detect.Bootstrap, detect.Learned, detect.Accepted:
		return true
	}
	return false
}

// inherited says that a reference takes over from the one before how windows
// vary, and is to be fitted again as windows come.
func inherited(r *driftd.Reference) bool {
	return r != nil && !r.Flat() && slices.ContainsFunc(r.Scales[0].Columns, func(c driftd.ColumnScale) bool { return c.Inherited() })
}

// relearn is after how many more windows that is done: a day of hours, sooner
// while there are few.
func relearn(learned int64) int64 { return min(24, max(4, learned)) }

// stage is how full a reference of so many windows over so much time is: 0 below
// 30 windows, then one more at 100 windows, 7 days (each hour has its own usual),
// 14 and 30 days each.
func stage(windows, span int64) int {
	if windows < detectors.MinWindows {
		return 0
	}
	n := 1
	if windows >= detect.FullWindows {
		n++
	}
	for _, d := range []time.Duration{reference.SeasonalSpan, detect.FullSpan, 30 * 24 * time.Hour} {
		if span >= int64(d) {
			n++
		}
	}
	return n
}

func stageOf(r *driftd.Reference) int {
	if r == nil || r.Flat() {
		return 0
	}
	return stage(int64(r.Scales[0].Windows), r.To-r.From)
}

// fit reads the windows of the series, and writes what they teach.
func (t *detectTask) fit(ctx context.Context, due []*lesson) error {
	if err := readWindows(ctx, t.client, t.set.windowsTopic(), t.partition, due); err != nil {
		return err
	}
	for _, l := range due {
		o := detect.Origin{Kind: detect.Learned, By: "driftd", At: t.set.Now().UnixNano(), Since: l.use.Origin.Since, Trusted: l.use.Origin.Trusted, Columns: l.use.Origin.Columns, First: l.from}
		var keep func(string) bool
		if o.Columns != nil && l.use.Reference != nil { // the others keep their reference
			keep = func(column string) bool { return !slices.Contains(o.Columns, column) }
		}
		ref, err := reference.FitWindows(l.use.Layout, l.kept, reference.FitOptions{Model: l.series.Model, Segment: l.series.Segment,
			Lengths: l.rules.Lengths, Location: l.rules.Location, Baseline: l.rules.Baseline, Origin: o, Inherit: l.use.Reference, Keep: keep, Source: "learned from closed windows"})
		if err != nil {
			t.log.Warn("a reference cannot be learned yet", "model", l.series.Model, "segment", l.series.Segment, "err", err)
			continue
		}
		o.Learned = int64(ref.Scales[0].Windows)
		if stageOf(ref) <= stageOf(l.use.Reference) && !inherited(l.use.Reference) {
			continue // windows that drifted, or came late, taught nothing
		}
		if now, ok := t.refs.own(l.series); !ok || now.From != l.use.From || now.Layout != l.use.Layout {
			continue // forgotten, or changed, meanwhile
		}
		if err := propose(ctx, t.client, t.set.referencesTopic(), l.use.Layout, ref, o); err != nil {
			return err
		}
		t.log.Info("a reference was learned", "model", l.series.Model, "segment", l.series.Segment, "reference", short(ref.Fingerprint), "windows", o.Learned)
	}
	return nil
}
