package pipeline

import (
	"log/slog"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/consumers"
	"github.com/driftd/driftd/internal/config"
	"github.com/driftd/driftd/internal/embedded"
	"github.com/driftd/driftd/internal/kafka"
	"github.com/driftd/driftd/internal/wire"
	"github.com/driftd/driftd/sinks/prometheus"
)

// unconnected makes a profile task that is fed by hand.
func unconnected(t *testing.T, src Source, tags []driftd.SegmentTag, bundles ...*wire.Bundle) *profileTask {
	t.Helper()
	src.Topic, src.Lateness, src.MaxSkew, src.MaxAge, src.MaxBytes, src.DeadLetters = "t", 2*time.Minute, 5*time.Minute, 24*time.Hour, 1<<20, "headers"
	cfg := config.Default()
	cfg.Defaults.Segments = tags
	set := &Settings{Prefix: "d", Pane: time.Minute, Partitions: 2, Models: NewLive(cfg, "test"), Log: slog.New(slog.NewTextHandler(testWriter{t}, nil)),
		Metrics: prometheus.New(prometheus.Config{}, []string{"t"}, nil), Now: time.Now, Sources: []Source{src}}
	refs := newReferences("r", set.Log)
	for _, b := range bundles {
		use(t, refs, b, driftd.MinTime)
	}
	task := newProfileTask(set, &set.Sources[0], nil, refs, consumers.Membership{}, 0)
	task.meta = newMeta()
	return task
}

// use puts a bundle's records into refs, in effect from a time on.
func use(t *testing.T, refs *References, b *wire.Bundle, from int64) {
	t.Helper()
	put := func(key string, value []byte) {
		if err := refs.take(&kafka.Rec{Key: []byte(key), Value: value}); err != nil {
			t.Fatal(err)
		}
	}
	put("layout/"+b.Layout.Fingerprint, b.LayoutBytes)
	for i, r := range b.References {
		put("reference/"+r.Fingerprint, b.ReferencesBytes[i])
		u, err := proto.Marshal(&wire.Use{MinReader: 1, Entries: []*wire.UseEntry{{Reference: r.Fingerprint, Layout: b.Layout.Fingerprint, EffectiveFrom: from}}})
		if err != nil {
			t.Fatal(err)
		}
		put("use/"+driftd.Series{Model: r.Model, Segment: r.Segment}.Key(), u)
	}
}

// refresh is what a chunk begins with.
func (t *profileTask) refreshForTest() {
	t.catalog.refresh()
	t.dec.Forget()
	t.panes.Forget()
}

// emitted sums the events of the records that a task would write, by series and
// layout, and how many records each has in a pane.
func emitted(t *testing.T, task *profileTask) (events map[string]uint64, most int) {
	t.Helper()
	events = map[string]uint64{}
	for _, p := range task.panes.Below(driftd.MaxTime) {
		records := map[string]int{}
		if err := eachSeries(p, func(s driftd.Series, l *driftd.Layout, prof *driftd.Profile) error {
			k := s.Key()
			if l == nil {
				k += " without layout"
			}
			events[k] += prof.Events
			records[k]++
			most = max(most, records[k])
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	return events, most
}

func feed(t *testing.T, task *profileTask, ev *events, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		if err := task.record(&kafka.Rec{Offset: int64(i), Timestamp: ev.at[i].UnixMilli(), Value: ev.json[i]}); err != nil {
			t.Fatal(err)
		}
	}
}

// A reload in the middle of a pane loses nothing, whether segments change or not:
// one record a series, with every event.
func TestReloadInsideAPane(t *testing.T) {
	bundle := buildBundle(t, embedded.Churn, embedded.LiveStart.Add(-3*time.Hour), embedded.LiveStart)
	ev := traffic(t, embedded.Churn, embedded.LiveStart, embedded.LiveStart.Add(time.Minute), false)
	for name, tags := range map[string][]driftd.SegmentTag{"the same segments": nil, "other segments": {{Tags: []string{"version"}, Values: []string{"1"}}}} {
		t.Run(name, func(t *testing.T) {
			task := unconnected(t, Source{}, nil, bundle)
			half := len(ev.json) / 2
			feed(t, task, ev, 0, half)
			cfg := config.Default()
			cfg.Defaults.Segments = tags
			task.set.Models.(*Live).Reload(cfg)
			task.refreshForTest()
			feed(t, task, ev, half, len(ev.json))
			got, most := emitted(t, task)
			if got["churn/all"] != uint64(len(ev.json)) || most != 1 {
				t.Fatalf("%d of %d events, %d records of one series: %v", got["churn/all"], len(ev.json), most, got)
			}
		})
	}
}

// A reference that is pushed again, as every process does with those of its
// config, changes nothing in an open pane: two records of one series and pane
// would overwrite each other [E3].
func TestPushedAgainInsideAPane(t *testing.T) {
	bundle := buildBundle(t, embedded.Churn, embedded.LiveStart.Add(-3*time.Hour), embedded.LiveStart)
	ev := traffic(t, embedded.Churn, embedded.LiveStart, embedded.LiveStart.Add(time.Minute), false)
	task := unconnected(t, Source{}, nil, bundle)
	half := len(ev.json) / 2
	feed(t, task, ev, 0, half)
	use(t, task.refs, bundle, driftd.MinTime)
	task.refreshForTest()
	feed(t, task, ev, half, len(ev.json))
	got, most := emitted(t, task)
	if got["churn/all"] != uint64(len(ev.json)) || most != 1 {
		t.Fatalf("%d of %d events, %d records of one series: %v", got["churn/all"], len(ev.json), most, got)
	}
}

// A layout that is written again stays the same object.
func TestPushedAgainKeepsTheLayout(t *testing.T) {
	bundle := buildBundle(t, embedded.Churn, embedded.LiveStart.Add(-3*time.Hour), embedded.LiveStart)
	task := unconnected(t, Source{}, nil, bundle)
	before := task.refs.layouts[bundle.Layout.Fingerprint]
	use(t, task.refs, bundle, driftd.MinTime)
	if before == nil || task.refs.layouts[bundle.Layout.Fingerprint] != before {
		t.Fatal("the layout is another object")
	}
}

// In a topic that was made anew offsets begin again: what lies below S there was
// not settled before [E7].
func TestTopicMadeAnew(t *testing.T) {
	task := unconnected(t, Source{Model: "m"}, nil)
	at := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	rec := func(offset int64, at time.Time) {
		t.Helper()
		v := []byte(`{"time":"` + at.Format(time.RFC3339) + `","features":{"a":1}}`)
		if err := task.record(&kafka.Rec{Offset: offset, Timestamp: at.UnixMilli(), Value: v}); err != nil {
			t.Fatal(err)
		}
	}
	rec(100, at)
	rec(101, at.Add(30*time.Minute))
	sought := int64(-1)
	if err := task.hole(&kafka.OffsetOutOfRange{Offset: 102, LogStart: 0, LogEnd: 7}, func(to int64) { sought = to }); err != nil || sought != 0 {
		t.Fatal(sought, err)
	}
	if told, err := task.tellGaps(t.Context()); told || err != nil {
		t.Fatal("a gap was told whose end is not known", err)
	}
	if first := task.panes.FirstNeeded(); first != 0 {
		t.Errorf("open panes need offset %d of a topic that has other records there", first)
	}
	rec(0, at.Add(time.Minute)) // late: its pane has closed
	late := uint64(0)
	for _, p := range task.panes.Below(driftd.MaxTime) {
		if err := eachSeries(p, func(_ driftd.Series, _ *driftd.Layout, prof *driftd.Profile) error { late += prof.Late; return nil }); err != nil {
			t.Fatal(err)
		}
	}
	if late != 1 {
		t.Errorf("%d late events, want 1", late)
	}
	if g := task.gaps[0]; g.from != at.Add(28*time.Minute).UnixNano() || g.to <= g.from {
		t.Errorf("gap from %v to %v", time.Unix(0, g.from).UTC(), time.Unix(0, g.to).UTC())
	}
}

// Before a layout takes effect events are counted without columns; from then on
// they are placed, also when an event of the time before comes between.
func TestLayoutTakesEffectAtItsTime(t *testing.T) {
	bundle := buildBundle(t, embedded.Churn, embedded.LiveStart.Add(-3*time.Hour), embedded.LiveStart)
	task := unconnected(t, Source{}, nil)
	switchAt := embedded.LiveStart.Add(5 * time.Minute)
	use(t, task.refs, bundle, switchAt.UnixNano())
	task.refreshForTest()
	ev := traffic(t, embedded.Churn, embedded.LiveStart.Add(4*time.Minute), embedded.LiveStart.Add(6*time.Minute), false)
	before := uint64(0)
	for _, at := range ev.at {
		if at.Before(switchAt) {
			before++
		}
	}
	feed(t, task, ev, 0, len(ev.json))
	task.meta.Frontier = driftd.MinTime // so that the one out of order is not late
	feed(t, task, &events{json: ev.json[:1], at: ev.at[:1]}, 0, 1)
	got, _ := emitted(t, task)
	if got["churn/all without layout"] != before+1 || got["churn/all"] != uint64(len(ev.json))-before {
		t.Fatalf("%d before the switch of %d: %v", before, len(ev.json), got)
	}
}

// A batch with one row too far ahead is a dead letter as a whole.
func TestBatchCountsWholeOrNotAtAll(t *testing.T) {
	task := unconnected(t, Source{Model: "m", Map: consumers.Map{Rows: "rows"}}, nil)
	at := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	for i, second := range []string{"2026-11-24T12:30:00Z", "2026-11-24T12:01:00Z"} {
		v := `{"rows":[{"time":"2026-11-24T12:00:00Z","features":{"a":1}},{"time":"` + second + `","features":{"a":1}}]}`
		if err := task.record(&kafka.Rec{Offset: int64(i), Timestamp: at.UnixMilli(), Value: []byte(v)}); err != nil {
			t.Fatal(err)
		}
	}
	if got, _ := emitted(t, task); got["m/all without layout"] != 2 || len(task.letters.pending) != 1 {
		t.Fatalf("%v, %d dead letters; want the second batch's 2 events and the first as a letter", got, len(task.letters.pending))
	}
}

func TestWhereDataBegin(t *testing.T) {
	h := int64(time.Hour)
	mark := func(f *frontiers, topic string, p int, n int32, epoch, frontier, begin int64, cut bool) {
		f.mark(wire.SourcePartition{Topic: topic, Partition: p}, epoch, &wire.Marker{Frontier: frontier, Partitions: n, Begin: begin, Cut: cut}, 0)
	}
	f := newFrontiers([]Source{{Topic: "a"}, {Topic: "b"}})
	mark(f, "a", 0, 1, 1, 20*h, 10*h+h/2, true)
	mark(f, "b", 0, 1, 1, 20*h, 9*h, false)
	if _, begin := f.model("m"); begin != 10*h+h/2 {
		t.Errorf("topic a lacks what came before 10:30, but the data begin at %v", time.Duration(begin))
	}

	f = newFrontiers([]Source{{Topic: "a"}})
	mark(f, "a", 0, 1, 5, 20*h, 9*h, false)
	mark(f, "a", 0, 2, 5, 21*h+h/2, 9*h, false) // the topic has grown
	if least, _ := f.model("m"); least != driftd.MinTime {
		t.Error("a partition without frontier must hold the windows")
	}
	mark(f, "a", 1, 2, 6, 21*h, 19*h, false)
	mark(f, "a", 1, 2, 6, 22*h, 19*h, false)
	if least, begin := f.model("m"); begin != 21*h+h/2 || least != 21*h+h/2 {
		t.Errorf("least %v begin %v: windows that were open at 21:30, when the partition appeared, are not whole", time.Duration(least), time.Duration(begin))
	}
}

// Two epochs that are equal (taken in one millisecond) do not make the number of
// partitions a matter of chance.
func TestGreaterNumberOfPartitionsHolds(t *testing.T) {
	for range 20 {
		f := newFrontiers([]Source{{Topic: "a"}})
		f.mark(wire.SourcePartition{Topic: "a", Partition: 0}, 5, &wire.Marker{Frontier: 9, Partitions: 2, Begin: 1}, 0)
		f.mark(wire.SourcePartition{Topic: "a", Partition: 1}, 5, &wire.Marker{Frontier: 9, Partitions: 3, Begin: 1}, 1)
		if least, _ := f.model("m"); least != driftd.MinTime {
			t.Fatal("the third partition does not hold")
		}
	}
}
