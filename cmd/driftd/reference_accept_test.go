package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/internal/config"
	"github.com/driftd/driftd/internal/detect"
	"github.com/driftd/driftd/internal/embedded"
	"github.com/driftd/driftd/internal/kafka"
	"github.com/driftd/driftd/internal/pipeline"
	"github.com/driftd/driftd/sinks/prometheus"
)

// fleet is a driftd over a broker in the process, with a clock and traffic that
// the test moves on.
type fleet struct {
	t      *testing.T
	config string
	client *kafka.Client
	rng    *rand.Rand

	only string // the country that shifts; "": both

	mu        sync.Mutex
	now       time.Time
	told      []driftd.IncidentResult // to the alerter
	incidents []driftd.IncidentResult
	windows   map[string]driftd.WindowResult
	said      []string
}

// acceptModel is a name of 300 characters with everything that somebody might put into one.
var acceptModel = "o'brien / \"café\" " + strings.Repeat("ü", 283)

func newFleet(t *testing.T, now time.Time) *fleet {
	broker, err := embedded.Start(embedded.Options{Topics: map[string]int{"events": 2}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(broker.Close)
	f := &fleet{t: t, config: filepath.Join(t.TempDir(), "driftd.yml"), rng: rand.New(rand.NewPCG(3, 4)), now: now, windows: map[string]driftd.WindowResult{}}
	f.must(os.WriteFile(f.config, fmt.Appendf(nil, "kafka: {brokers: [%q]}\nsources: [{topic: events}]\ndefaults: {segments: [country], windows: [1h]}\nalerts: {page_max_age: 300d}\n", broker.Addr), 0o600))
	f.client, err = kafka.New(kafka.Config{Brokers: []string{broker.Addr}})
	f.must(err)
	t.Cleanup(f.client.Close)
	return f
}

func (f *fleet) must(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

// traffic sends hours of events: x ~ N(shift, 1), 200 an hour, in two countries.
func (f *fleet) traffic(from time.Time, hours int, shift float64) {
	f.t.Helper()
	var recs [2][]kafka.Record
	for i := range hours * 200 {
		at := from.Add(time.Duration(i) * 18 * time.Second)
		country := []string{"DE", "FR"}[f.rng.IntN(2)]
		shift := shift
		if f.only != "" && country != f.only {
			shift = 0
		}
		v := fmt.Appendf(nil, `{"model":%q,"time":%q,"tags":{"country":%q},"features":{"x":%v,"y":%v}}`, acceptModel, at.Format(time.RFC3339Nano), country, f.rng.NormFloat64()+shift, f.rng.NormFloat64())
		recs[i%2] = append(recs[i%2], kafka.Record{Value: v, Time: at})
	}
	for p := range recs {
		_, err := f.client.Produce(context.Background(), "events", p, recs[p])
		f.must(err)
	}
}

func (f *fleet) move(to time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now = to
}

// Write implements pipeline.Sink.
func (f *fleet) Write(_ context.Context, batch []driftd.Result) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range batch {
		switch {
		case r.Incident != nil:
			f.incidents = append(f.incidents, *r.Incident)
		case r.Window != nil:
			f.windows[r.Window.Segment+" "+r.Window.WindowStart.Format(time.RFC3339)] = *r.Window
		}
	}
	return nil
}

// alerter notes what would be sent.
type alerter struct{ *fleet }

func (a alerter) Set(in driftd.IncidentResult) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.told = append(a.told, in)
}

func (alerter) Drop(driftd.Series) {}

func (f *fleet) run() {
	cfg, err := config.Load(f.config)
	f.must(err)
	metrics := prometheus.New(prometheus.Config{Version: "test"}, []string{"events"}, nil)
	set := pipeline.SettingsOf(cfg, pipeline.NewLive(cfg, "test"), "test", slog.New(slog.NewTextHandler(io.Discard, nil)), metrics)
	set.Session, set.Sources[0].IdleTimeout = 6*time.Second, 300*time.Millisecond
	set.Now = func() time.Time { f.mu.Lock(); defer f.mu.Unlock(); return f.now }
	set.Say = func(s string) { f.mu.Lock(); defer f.mu.Unlock(); f.said = append(f.said, s) }
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- pipeline.New(set, f.client, pipeline.Roles{Profile: true, Detect: true, Write: true}, map[string]pipeline.Sink{"test": f}, alerter{f}).Run(ctx)
	}()
	f.t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			f.t.Error(err)
		}
	})
}

// await waits until ok says so of what has been written.
func (f *fleet) await(what string, ok func() bool) {
	f.t.Helper()
	for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		f.mu.Lock()
		done := ok()
		f.mu.Unlock()
		if done {
			return
		}
		if time.Now().After(deadline) {
			f.t.Fatalf("timed out waiting for %s", what)
		}
	}
}

func (f *fleet) closed(segment string, start time.Time) func() bool {
	return func() bool { _, ok := f.windows[segment+" "+start.Format(time.RFC3339)]; return ok }
}

// inUse waits until no change of a reference waits to be taken up, since each
// series' owner answers for itself, and check says so much of the one in use.
func (f *fleet) inUse(says string) {
	f.t.Helper()
	cfg, err := config.Load(f.config)
	f.must(err)
	for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		waits, found := false, false
		for _, r := range runChecks(context.Background(), cfg) {
			waits = waits || r.Name == "request"
			found = found || r.Name == "in_use" && strings.Contains(r.Found, says)
		}
		if found && !waits {
			return
		}
		if time.Now().After(deadline) {
			f.t.Fatalf("a change of a reference waits: %v; one that says %q is in use: %v", waits, says, found)
		}
	}
}

// last is the newest state of a segment's incident. f.mu is held.
func (f *fleet) last(segment string) (in driftd.IncidentResult) {
	for _, i := range f.incidents {
		if i.Segment == segment {
			in = i
		}
	}
	return in
}

// A change that is wanted: it pages, is accepted, ends its incidents at once, and
// the next windows are clean. Going back to the first reference pages again.
func TestAcceptAndBack(t *testing.T) {
	live := time.Now().UTC().Truncate(24 * time.Hour).Add(-24 * time.Hour)
	f := newFleet(t, live)
	f.traffic(live.Add(-8*24*time.Hour), 8*24, 0)
	f.run()
	f.await("what was learned", func() bool { return len(f.said) > 0 })
	f.traffic(live, 4, .8)
	f.move(live.Add(4*time.Hour + 10*time.Minute))
	f.await("an incident of all", func() bool { return f.last("all").State == driftd.StateOpen })
	f.await("the fourth window", f.closed("country=DE", live.Add(3*time.Hour)))
	f.inUse("")

	ctx := context.Background()
	fails := func(c acceptCmd, want string) {
		t.Helper()
		c.Config, c.Yes = f.config, true
		if err := c.Run(ctx); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("accept %+v gives %v, want %q", c, err, want)
		}
	}
	since := live.Format(time.RFC3339)
	fails(acceptCmd{Model: "nobody", Since: since}, `model "nobody" has no reference in driftd.references: there are `+acceptModel)
	fails(acceptCmd{Model: acceptModel, Since: "yesterday"}, "--since: \"yesterday\" is neither a time nor a duration")
	fails(acceptCmd{Model: acceptModel, Since: live.Add(6 * time.Hour).Format(time.RFC3339)}, "has begun and closed since")
	fails(acceptCmd{Model: acceptModel, Since: since, Segment: "country=IT"}, `has no segment "country=IT" with a reference: there are all, country=DE`)
	fails(acceptCmd{Model: acceptModel, Since: since, Column: "z"}, `has no column "z": there are`)

	f.must((&acceptCmd{Config: f.config, Model: acceptModel, Since: since, DryRun: true}).Run(ctx))
	// Twice at once: the change is accepted once, and whoever comes second is told.
	both := make(chan error, 2)
	for range 2 {
		go func() {
			both <- (&acceptCmd{Config: f.config, Model: acceptModel, Since: since, Reason: "new tariff", Yes: true}).Run(ctx)
		}()
	}
	one, other := <-both, <-both
	for _, err := range []error{one, other} {
		if err != nil && !strings.Contains(err.Error(), "at the same time") && !strings.Contains(err.Error(), "is not taken up yet") {
			t.Errorf("accepted twice at once: %v", err)
		}
	}
	if one != nil && other != nil {
		t.Errorf("accepted twice at once, and neither holds: %v; %v", one, other)
	}
	f.await("its end", func() bool { return f.last("all").State == driftd.StateAccepted })
	f.mu.Lock()
	if in := f.last("all"); !strings.Contains(in.Summary, "is the new normal") {
		t.Errorf("the summary: %s", in.Summary)
	}
	f.mu.Unlock()

	f.traffic(live.Add(4*time.Hour), 4, .8)
	f.move(live.Add(8*time.Hour + 10*time.Minute))
	f.await("the windows after", f.closed("all", live.Add(7*time.Hour)))
	f.mu.Lock()
	for h := 6; h < 8; h++ { // hours that the new reference has not seen yet are not judged; none drifts
		w := f.windows["all "+live.Add(time.Duration(h)*time.Hour).Format(time.RFC3339)]
		if w.Verdict == driftd.Drift || w.Flags > 0 {
			t.Errorf("hour %d after acceptance: %+v", h, w)
		}
	}
	n := len(f.incidents)
	f.mu.Unlock()

	// The same hours a day later are those that were accepted: judged, and clean.
	f.traffic(live.Add(24*time.Hour), 3, .8)
	f.move(live.Add(27*time.Hour + 10*time.Minute))
	f.await("the windows a day later", f.closed("all", live.Add(26*time.Hour)))
	f.mu.Lock()
	if len(f.incidents) != n {
		t.Errorf("an accepted change pages: %+v", f.incidents[n:])
	}
	f.mu.Unlock()

	first := f.firstReference(t)
	f.must((&useCmd{Fingerprint: first[:16], Config: f.config, Reason: "taken back", Yes: true}).Run(ctx))
	f.traffic(live.Add(28*time.Hour), 5, .8)
	f.move(live.Add(33*time.Hour + 10*time.Minute))
	f.await("the incident again", func() bool { return f.last("all").State == driftd.StateOpen })
	f.must((&logCmd{Config: f.config, Segment: "all"}).Run(ctx))
	f.must((&diffCmd{A: first[:16], B: first[:16], Config: f.config, Segment: "all"}).Run(ctx))
}

// firstReference is the fingerprint of the first reference of `all`.
func (f *fleet) firstReference(t *testing.T) (first string) {
	f.must(withLibrary(context.Background(), f.config, func(_ context.Context, _ *config.Config, lib *pipeline.Library) error {
		uses := lib.Uses(driftd.Series{Model: acceptModel, Segment: "all"})
		var kinds []string // at 7 days each hour has its own usual; what was accepted is fitted again as windows come
		for _, u := range uses {
			kinds = append(kinds, u.Origin.Kind)
		}
		if got := strings.Join(kinds, " "); got != "bootstrap learned accepted learned" || uses[2].Origin.Reason != "new tariff" {
			t.Errorf("the log of references: %s: %+v", got, uses)
		}
		first = uses[0].Fingerprint
		return nil
	}))
	return first
}

// An incident that is one segment's says so, at its second telling.
func TestIncidentSaysWhere(t *testing.T) {
	live := time.Now().UTC().Truncate(24 * time.Hour).Add(-24 * time.Hour)
	f := newFleet(t, live)
	f.traffic(live.Add(-60*time.Hour), 60, 0)
	f.run()
	f.await("what was learned", func() bool { return len(f.said) > 0 })
	f.only = "DE"
	f.traffic(live, 4, 1.2)
	f.move(live.Add(4*time.Hour + 10*time.Minute))
	where := ""
	f.await("where it is", func() bool {
		for _, in := range f.told {
			if in.Segment == "all" && in.Where != "" {
				where = in.Where
			}
		}
		return where != ""
	})
	if !regexp.MustCompile(`^(9\d|100) % of the change in x is in country=DE, which is [45]\d % of the events$`).MatchString(where) {
		t.Errorf("where: %s", where)
	}

	// Why, from the topic of results and with the reference that is in use.
	f.mu.Lock()
	id := f.last("all").ID
	f.mu.Unlock()
	f.must(withLibrary(context.Background(), f.config, func(ctx context.Context, _ *config.Config, lib *pipeline.Library) error {
		e, err := (&explainCmd{Incident: id[:9]}).explain(ctx, lib, lib)
		if err != nil {
			return err
		}
		if e.Incident.ID != id || len(e.Columns) != 1 || e.Columns[0].Column != "x" || len(e.Columns[0].Bins) == 0 || len(e.Columns[0].Windows) < 2 {
			t.Errorf("explained: %+v", e)
			return nil
		}
		sum := 0.
		for _, split := range e.Columns[0].Causes {
			sum = split.Mix
			for _, p := range split.Parts {
				if sum += p.Within; p.Segment == "country=DE" && (p.Within < .9 || p.Now < .4 || p.Now > .6) {
					t.Errorf("the part of country=DE: %+v", p)
				}
			}
		}
		if len(e.Columns[0].Causes) != 1 || math.Abs(sum-1) > 1e-9 {
			t.Errorf("causes: %+v", e.Columns[0].Causes)
		}
		return nil
	}))
}

// What a change can be accepted from: whole windows that began since then.
func TestWindowsThatTeach(t *testing.T) {
	hour := int64(time.Hour)
	s := driftd.Series{Model: "m", Segment: "all"}
	kept := func(start int64, unfit bool) *detect.Kept {
		return &detect.Kept{Window: driftd.WindowAt(start*hour, time.Hour, time.UTC), Unfit: unfit}
	}
	for _, c := range []struct {
		name    string
		kept    []*detect.Kept
		want    int
		failure string
	}{
		{"two of three", []*detect.Kept{kept(9, false), kept(10, false), kept(11, false)}, 2, ""},
		{"one of them incomplete", []*detect.Kept{kept(10, true), kept(11, false)}, 1, ""},
		{"all of them incomplete", []*detect.Kept{kept(9, false), kept(10, true), kept(11, true)}, 0, "the 2 windows of model m, segment all, that have closed since 1970-01-01T10:00:00Z are incomplete"},
		{"none since", []*detect.Kept{kept(8, false), kept(9, false)}, 0, "has begun and closed since 1970-01-01T10:00:00Z: the last one is that from 1970-01-01T09:00:00Z"},
		{"none at all", nil, 0, "no closed window of model m, segment all, is kept"},
	} {
		teaching, last, err := sinceThen(s, c.kept, 10*hour)
		if len(teaching) != c.want || c.want > 0 && last != 11*hour || (err != nil) != (c.failure != "") || err != nil && !strings.Contains(err.Error(), c.failure) {
			t.Errorf("%s: %d windows, the last at %d, %v", c.name, len(teaching), last, err)
		}
	}
}

// A change that leaves the layout behind is refused, with the way out; --rebuild
// makes a new layout and reference of what has come since, and the fleet takes it.
func TestAcceptRebuild(t *testing.T) {
	live := time.Now().UTC().Truncate(24 * time.Hour).Add(-48 * time.Hour)
	f := newFleet(t, live)
	f.traffic(live.Add(-60*time.Hour), 60, 0)
	f.run()
	f.await("what was learned", func() bool { return len(f.said) > 0 })
	f.traffic(live, 34, 20)
	f.move(live.Add(34*time.Hour + 10*time.Minute))
	f.await("the last window", f.closed("all", live.Add(33*time.Hour)))
	c := acceptCmd{Config: f.config, Model: acceptModel, Since: live.Format(time.RFC3339), Yes: true}
	if err := c.Run(context.Background()); err == nil || !strings.Contains(err.Error(), "x: 100 % of its values lie outside what the layout has bins for") || !strings.Contains(err.Error(), "--rebuild") {
		t.Fatalf("accept of another world: %v", err)
	}
	c.Rebuild = true
	f.must(c.Run(context.Background()))
	f.traffic(live.Add(34*time.Hour), 5, 20)
	f.move(live.Add(39*time.Hour + 10*time.Minute))
	f.await("a window in the new layout", f.closed("all", live.Add(38*time.Hour)))
	f.mu.Lock()
	defer f.mu.Unlock()
	if w := f.windows["all "+live.Add(38*time.Hour).Format(time.RFC3339)]; w.Verdict != driftd.OK || w.Flags > 0 {
		t.Errorf("a window after the rebuild: %+v", w)
	}
	if in := f.last("all"); in.State != driftd.StateAccepted {
		t.Errorf("the incident: %+v", in)
	}
}
