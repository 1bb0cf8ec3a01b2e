package pipeline

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/internal/config"
	"github.com/driftd/driftd/internal/detect"
	"github.com/driftd/driftd/internal/embedded"
	"github.com/driftd/driftd/internal/kafka"
	"github.com/driftd/driftd/internal/wire"
	"github.com/driftd/driftd/sinks/prometheus"
)

// A pane that waits for a slow partition was written by an owner who has since
// been followed by another, and the state goes back to it: whoever reads on from
// that state has to take the pane as it was taken before [E4].
func TestStateGoesBackBehindAChangeOfOwner(t *testing.T) {
	start := driftd.FloorTo(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).UnixNano(), int64(time.Hour))
	minute := func(m int) int64 { return start + int64(m)*int64(time.Minute) }
	prof := driftd.NewProfile(nil)
	prof.Events = 7
	profile := func(partition int32, epoch, pane int64) *wire.ProfileRecord {
		return &wire.ProfileRecord{MinReader: 1, Topic: "a", Partition: partition, Epoch: epoch, Pane: pane, Model: "m", Segment: driftd.AllSegment, Profile: wire.ProfileToWire(prof)}
	}
	marker := func(partition int32, epoch, frontier int64) *wire.ProfileRecord {
		return &wire.ProfileRecord{MinReader: 1, Topic: "a", Partition: partition, Epoch: epoch, Marker: &wire.Marker{Frontier: frontier, Partitions: 2, Begin: start}}
	}
	log := []*wire.ProfileRecord{
		marker(0, 5, start), marker(1, 5, start),
		profile(0, 5, minute(3)), marker(0, 5, minute(4)), // waits for partition 1
		marker(0, 6, minute(4)), marker(1, 6, start), // new owners
		profile(0, 5, minute(3)),                          // too late: a zombie's
		profile(1, 6, minute(0)), marker(1, 6, minute(2)), // the state is written here
		marker(1, 6, minute(70)), marker(0, 6, minute(70)),
	}
	set := &Settings{Prefix: "d", Pane: time.Minute, Partitions: 1, Now: time.Now, Models: NewLive(config.Default(), "test"), Sources: []Source{{Topic: "a"}},
		Metrics: prometheus.New(prometheus.Config{Version: "test"}, []string{"a"}, nil), Log: slog.New(slog.DiscardHandler)}
	task := func() *detectTask {
		return &detectTask{set: set, refs: newReferences("d.references", set.Log), log: set.Log, front: newFrontiers(set.Sources), series: map[driftd.Series]*judged{}, moved: map[string]bool{}}
	}
	read := func(d *detectTask, from, to int64) {
		t.Helper()
		for i := from; i < to; i++ {
			b, err := proto.Marshal(log[i])
			if err != nil {
				t.Fatal(err)
			}
			if err := d.record(context.Background(), &kafka.Rec{Offset: i, Value: b}); err != nil {
				t.Fatal(err)
			}
		}
	}
	events := func(d *detectTask) (n []uint64) {
		for _, r := range d.results {
			if r.Window != nil {
				n = append(n, r.Window.N)
			}
		}
		return n
	}
	first := task()
	read(first, 0, 9)
	st := first.stateOf(first.find(driftd.Series{Model: "m", Segment: driftd.AllSegment}))
	if st.AsOf != 2 {
		t.Fatalf("the state goes back to offset %d, want 2: the pane that waits", st.AsOf)
	}
	b, err := wire.EncodeState(st)
	if err != nil {
		t.Fatal(err)
	}
	read(first, 9, int64(len(log)))

	if st, err = wire.DecodeState(b, nil); err != nil {
		t.Fatal(err)
	}
	second := task()
	s := second.find(st.Series)
	s.state, s.fresh, s.written = st.Detect, false, st.Detect.Merged
	second.front.restore(st.Frontiers, true)
	read(second, st.AsOf, int64(len(log)))
	if a, b := events(first), events(second); len(a) != 1 || a[0] != 14 || len(b) != 1 || b[0] != 14 {
		t.Errorf("events of the windows: %v, after a restart %v; want [14] both times", a, b)
	}
}

// While a new owner reads what was judged before, it does not know how far the
// frontiers are: a reference that it gave out by them would hold for windows that
// are closed, and change their rows [E11].
func TestNoReferenceTakesEffectDuringReplay(t *testing.T) {
	bundle := buildBundle(t, embedded.Churn, embedded.LiveStart.Add(-48*time.Hour), embedded.LiveStart)
	w := newWorld(t, "a", 1)
	c := w.client()
	set := &Settings{Prefix: "d", Pane: time.Minute, Partitions: 1, Replication: -1, Now: time.Now, Models: NewLive(config.Default(), "test"), Sources: []Source{{Topic: "a"}},
		Log: slog.New(slog.NewTextHandler(testWriter{t}, nil))}
	ctx, stop := context.WithTimeout(context.Background(), 20*time.Second)
	defer stop()
	if err := ensureTopics(ctx, c, set); err != nil {
		t.Fatal(err)
	}
	if err := Push(ctx, c, set.Prefix, bundle, detect.Origin{Kind: detect.Pushed}); err != nil {
		t.Fatal(err)
	}
	refs := newReferences(set.referencesTopic(), set.Log)
	go func() { _ = refs.Follow(ctx, c) }() // ends with ctx
	if err := refs.wait(ctx, func() bool { return refs.asked(bundle) }); err != nil {
		t.Fatal(err)
	}
	d := &detectTask{set: set, client: c, refs: refs, log: set.Log, front: newFrontiers(set.Sources), series: map[driftd.Series]*judged{}, next: 5, replay: 10}
	mine := func(driftd.Series) bool { return true }
	before := len(refs.Pending(mine))
	if err := d.answer(ctx); err != nil {
		t.Fatal(err)
	}
	if n := len(refs.Pending(mine)); before == 0 || n != before {
		t.Errorf("%d of %d requests were answered while older records were read again", before-n, before)
	}
	d.next = 10
	if err := d.answer(ctx); err != nil {
		t.Fatal(err)
	}
	if n := len(refs.Pending(mine)); n != 0 {
		t.Errorf("%d of %d requests are not answered after the replay", n, before)
	}
}

// The first owner ended after its first marker and before its first commit: its
// frontier holds, and so must where the data begin, or else the first window is
// taken for cut.
func TestBeginOutlivesItsFirstOwner(t *testing.T) {
	f := newFrontiers([]Source{{Topic: "a"}})
	hour := int64(time.Hour)
	first, second := wire.SourcePartition{Topic: "a", Partition: 0}, wire.SourcePartition{Topic: "a", Partition: 1}
	f.mark(second, 5, &wire.Marker{Frontier: 3 * hour, Partitions: 2, Begin: hour + 1}, 0)
	f.mark(first, 5, &wire.Marker{Frontier: 2 * hour, Partitions: 2, Begin: hour}, 1)
	f.mark(first, 6, &wire.Marker{Frontier: driftd.MinTime, Partitions: 2, Begin: driftd.MaxTime}, 2)
	if least, begin, _, _ := f.topic("a"); least != 2*hour || begin != hour {
		t.Errorf("least frontier %d, begin %d; want %d and %d", least, begin, 2*hour, hour)
	}
}
