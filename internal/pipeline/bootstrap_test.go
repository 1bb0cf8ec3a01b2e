package pipeline

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/internal/embedded"
	"github.com/driftd/driftd/internal/wire"
)

// A topic with nine days of traffic and no reference: what it holds becomes one,
// and the last two days are judged at once, as a replay with the same reference
// would. A second run finds the same.
func TestBootstrap(t *testing.T) {
	live := embedded.LiveStart
	begin, end := live.Add(-7*24*time.Hour), live.Add(48*time.Hour)
	ev := traffic(t, embedded.Churn, begin, end.Add(30*time.Minute), true)
	uses := map[string]bool{}
	for run := range 2 {
		w := newWorld(t, "predictions", 3)
		w.now = func() time.Time { return end.Add(30 * time.Minute) }
		w.produce(3, ev)
		tb := newTable()
		text := make(chan string, 10)
		w.say = func(s string) { text <- s }
		p := w.start(tb)
		await(t, "the last windows", func() bool { return tb.closedUntil(end) == 1 })
		summary := <-text
		t.Log(summary)
		for _, want := range []string{"Model churn:", "columns, of which", "to 2026-11-23 00:00 UTC", "Provisional: 168 windows over 7.0 days"} {
			if !strings.Contains(summary, want) {
				t.Errorf("the summary does not say %q", want)
			}
		}
		for _, u := range p.p.refs.Uses(driftd.Series{Model: embedded.Churn, Segment: driftd.AllSegment}) {
			uses[u.Reference.Fingerprint] = true
			if i := u.Layout.IndexOf(driftd.PairsColumn); i < 0 || len(u.Reference.Scales[0].Columns[i].Fits) == 0 {
				t.Error("no pairs were learned")
			}
		}
		p.end(t)
		tb.mu.Lock()
		verdicts := map[string]int{}
		for _, id := range slices.Sorted(maps.Keys(tb.rows)) {
			if strings.HasPrefix(id, "window churn all 3600") {
				for _, v := range []string{"ok", "drift", "insufficient", "learning"} {
					if strings.Contains(tb.rows[id], fmt.Sprintf(`"verdict":%q`, v)) {
						verdicts[v]++
					}
				}
			}
		}
		tb.mu.Unlock()
		if verdicts["ok"]+verdicts["drift"] != 48 || verdicts["drift"] == 0 {
			t.Errorf("run %d: verdicts of the last two days: %v", run, verdicts)
		}
	}
	if len(uses) != 1 {
		t.Errorf("two runs over the same records learned different references: %v", uses)
	}
}

// The process that learns dies at it; another goes on by the plan that is written,
// and finds the same reference, although the topic has gone on meanwhile.
func TestLearningIsTakenOver(t *testing.T) {
	live := embedded.LiveStart
	ev := traffic(t, embedded.Churn, live.Add(-5*24*time.Hour), live, false)
	s := driftd.Series{Model: embedded.Churn, Segment: driftd.AllSegment}
	var prints []string
	for _, dies := range []bool{false, true} {
		w := newWorld(t, "predictions", 3)
		clock := newClock(live)
		w.now = clock.now
		w.produce(3, ev)
		p := w.start(newTable())
		var plan *wire.Bootstrap
		await(t, "a plan", func() bool { plan = p.p.refs.plan("predictions"); return plan != nil })
		if dies {
			p.stop() // at once: before anything is learned, or in the middle of writing it
			p.end(t)
			clock.set(live.Add(3 * time.Hour))
			w.produce(3, traffic(t, embedded.Churn, live, live.Add(3*time.Hour), true))
			p = w.start(newTable())
		}
		await(t, "a reference", func() bool { u := p.p.refs.Uses(s); return len(u) > 0 && u[0].Reference != nil })
		if now := p.p.refs.plan("predictions"); now.Made != plan.Made {
			t.Errorf("dies %v: the plan was made anew", dies)
		}
		prints = append(prints, p.p.refs.Uses(s)[0].Reference.Fingerprint)
		p.end(t)
	}
	if prints[0] != prints[1] {
		t.Errorf("two processes learned %s, one alone %s", prints[1], prints[0])
	}
}

// A topic whose retention holds a few hours only: the layout comes from them,
// the windows from live traffic, and after thirty of them verdicts begin. Until
// then the verdict says how far it is.
func TestLearnLive(t *testing.T) {
	live := embedded.LiveStart
	begin := live.Add(-8 * time.Hour)
	ev := traffic(t, embedded.Churn, begin, live.Add(28*time.Hour), false)
	n := 0
	for ev.at[n].Before(live.Add(10 * time.Minute)) {
		n++
	}
	w := newWorld(t, "predictions", 2)
	clock := newClock(live.Add(10 * time.Minute))
	w.now = clock.now
	w.produce(2, &events{json: ev.json[:n], at: ev.at[:n], key: ev.key[:n]})
	tb := newTable()
	text := make(chan string, 10)
	w.say = func(s string) { text <- s }
	p := w.start(tb)
	if summary := <-text; !strings.Contains(summary, "learning: 8 of 30 windows; verdicts begin in about 22h") {
		t.Errorf("the summary: %s", summary)
	}
	w.produce(2, &events{json: ev.json[n:], at: ev.at[n:], key: ev.key[n:]})
	clock.set(live.Add(28 * time.Hour))
	s := driftd.Series{Model: embedded.Churn, Segment: driftd.AllSegment}
	await(t, "a reference", func() bool {
		u := p.p.refs.Uses(s)
		return len(u) > 1 && u[len(u)-1].Reference != nil
	})
	// The windows until it takes effect are still told as learning; it judges after.
	more := traffic(t, embedded.Churn, live.Add(28*time.Hour), live.Add(33*time.Hour+30*time.Minute), false)
	w.produce(2, more)
	clock.set(live.Add(33*time.Hour + 30*time.Minute))
	await(t, "the last windows", func() bool { return tb.closedUntil(live.Add(33*time.Hour)) == 1 })
	uses := p.p.refs.Uses(s)
	p.end(t)
	last := uses[len(uses)-1]
	if last.Origin.Kind != "learned" || last.Origin.Learned < 30 || last.Origin.Learned > 36 || last.Origin.First != begin.UnixNano() {
		t.Errorf("the reference's origin: %+v", last.Origin)
	}
	tb.mu.Lock()
	defer tb.mu.Unlock()
	row := tb.rows["window churn all 3600 "+live.Add(2*time.Hour).Format(time.RFC3339)]
	if !strings.Contains(row, `"verdict":"learning"`) || !strings.Contains(row, "learning: 11 of 30 windows of 1h; about 19h still") {
		t.Errorf("a window while learning: %s", row)
	}
	row = tb.rows["window churn all 3600 "+live.Add(32*time.Hour).Format(time.RFC3339)]
	if !strings.Contains(row, `"verdict":"ok"`) {
		t.Errorf("a window after: %s", row)
	}
}

// settable is a clock that a test moves.
type settable struct{ at atomic.Int64 }

func newClock(t time.Time) *settable {
	c := &settable{}
	c.set(t)
	return c
}

func (c *settable) set(t time.Time) { c.at.Store(t.UnixNano()) }

func (c *settable) now() time.Time { return time.Unix(0, c.at.Load()) }
