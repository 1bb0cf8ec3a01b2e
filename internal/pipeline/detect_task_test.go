package pipeline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/internal/config"
	"github.com/driftd/driftd/internal/detect"
	"github.com/driftd/driftd/internal/embedded"
	"github.com/driftd/driftd/internal/kafka"
	"github.com/driftd/driftd/internal/wire"
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
	task := func() *detectTask { return newScripted(t).task }
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

// asking is a broker whose driftd.references asks for a bundle.
func asking(ctx context.Context, t *testing.T) (*world, *Settings, *wire.Bundle) {
	t.Helper()
	bundle := buildBundle(t, embedded.Churn, embedded.LiveStart.Add(-48*time.Hour), embedded.LiveStart)
	w := newWorld(t, "a", 1)
	set := &Settings{Prefix: "d", Pane: time.Minute, Partitions: 1, Replication: -1, Now: time.Now, Models: NewLive(config.Default(), "test"), Sources: []Source{{Topic: "a"}},
		Log: slog.New(slog.NewTextHandler(testWriter{t}, nil))}
	c := w.client()
	if err := ensureTopics(ctx, c, set); err != nil {
		t.Fatal(err)
	}
	if err := Push(ctx, c, set.Prefix, bundle, detect.Origin{Kind: detect.Pushed}); err != nil {
		t.Fatal(err)
	}
	return w, set, bundle
}

// answering is a detect task of partition 0 that has caught up, with references of
// its own.
func answering(ctx context.Context, t *testing.T, w *world, set *Settings, member string) *detectTask {
	t.Helper()
	c, refs := w.client(), newReferences(set.referencesTopic(), set.Log)
	done := make(chan struct{})
	go func() { defer close(done); _ = refs.Follow(ctx, c) }() // ends with ctx
	t.Cleanup(func() { <-done })
	epochs, err := refs.claim(ctx, c, []int{0}, member)
	if err != nil {
		t.Fatal(err)
	}
	return &detectTask{set: set, client: c, refs: refs, log: set.Log, front: newFrontiers(set.Sources), series: map[driftd.Series]*judged{}, member: member, epoch: epochs[0]}
}

func everySeries(driftd.Series) bool { return true }

// While a new owner reads what was judged before, it does not know how far the
// frontiers are: a reference that it gave out by them would hold for windows that
// are closed, and change their rows [E11].
func TestNoReferenceTakesEffectDuringReplay(t *testing.T) {
	ctx, stop := context.WithTimeout(context.Background(), 20*time.Second)
	defer stop()
	w, set, _ := asking(ctx, t)
	d := answering(ctx, t, w, set, "one")
	d.next, d.replay = 5, 10
	before := len(d.refs.Pending(everySeries))
	if err := d.answer(ctx); err != nil {
		t.Fatal(err)
	}
	if n := len(d.refs.Pending(everySeries)); before == 0 || n != before {
		t.Errorf("%d of %d requests were answered while older records were read again", before-n, before)
	}
	d.next = 10
	if err := d.answer(ctx); err != nil {
		t.Fatal(err)
	}
	if n := len(d.refs.Pending(everySeries)); n != 0 {
		t.Errorf("%d of %d requests are not answered after the replay", n, before)
	}
}

// A process that was paused while it answered, and lost the partition meanwhile,
// writes its answer when it goes on, by frontiers of then: it does not count,
// whether the new owner has answered already or not, nor when compaction has left
// nothing else [E11].
func TestLateAnswersDoNotCount(t *testing.T) {
	ctx, stop := context.WithTimeout(context.Background(), 20*time.Second)
	defer stop()
	w, set, bundle := asking(ctx, t)
	zombie := answering(ctx, t, w, set, "zombie")
	owner := answering(ctx, t, w, set, "owner")
	s, ref := driftd.Series{Model: bundle.Layout.Model, Segment: driftd.AllSegment}, bundle.References[0].Fingerprint
	late := func() {
		t.Helper()
		b, err := proto.Marshal(&wire.Use{MinReader: 1, Epoch: zombie.epoch, Entries: []*wire.UseEntry{{Reference: ref, Layout: bundle.Layout.Fingerprint, EffectiveFrom: 7}}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := zombie.client.Produce(ctx, set.referencesTopic(), 0, []kafka.Record{{Key: []byte("use/" + s.Key()), Value: b}}); err != nil {
			t.Fatal(err)
		}
		if err := owner.refs.CatchUp(ctx, owner.client); err != nil {
			t.Fatal(err)
		}
	}
	late()
	if u := owner.refs.Uses(s); len(u) != 0 {
		t.Fatalf("the answer of a process that has lost the partition counts: %+v", u)
	}
	if err := owner.answer(ctx); err != nil {
		t.Fatal(err)
	}
	late()
	want := owner.refs.Uses(s)
	if len(want) != 1 || want[0].From == 7 {
		t.Fatalf("uses are %+v, want the owner's", want)
	}
	if err := owner.answer(ctx); err != nil {
		t.Fatal(err)
	}
	fresh := compacted(ctx, t, owner)
	if d := cmp.Diff(want[0].From, fresh.Uses(s)[0].From); d != "" || fresh.epoch(0) != owner.epoch {
		t.Errorf("what compaction leaves: epoch %d, want %d; %s", fresh.epoch(0), owner.epoch, d)
	}
}

// compacted are references that read the topic as the log cleaner leaves it: the
// newest record of each key.
func compacted(ctx context.Context, t *testing.T, d *detectTask) *References {
	t.Helper()
	var recs []kafka.Rec
	if err := readAll(ctx, d.client, d.set.referencesTopic(), 0, func(rec *kafka.Rec) error {
		recs = slices.DeleteFunc(recs, func(old kafka.Rec) bool { return string(old.Key) == string(rec.Key) })
		recs = append(recs, kafka.Rec{Offset: rec.Offset, Key: bytes.Clone(rec.Key), Value: bytes.Clone(rec.Value)})
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	out := newReferences(d.set.referencesTopic(), d.set.Log)
	for i := range recs {
		if err := out.take(&recs[i]); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// A late answer for what has been forgotten meanwhile is taken out of the topic:
// new readers of what compaction leaves would take it.
func TestLateAnswerForNothing(t *testing.T) {
	ctx, stop := context.WithTimeout(context.Background(), 20*time.Second)
	defer stop()
	w, set, bundle := asking(ctx, t)
	zombie := answering(ctx, t, w, set, "zombie")
	owner := answering(ctx, t, w, set, "owner")
	s := driftd.Series{Model: bundle.Layout.Model, Segment: driftd.AllSegment}
	if _, err := owner.client.Produce(ctx, set.referencesTopic(), 0, []kafka.Record{{Key: []byte("request/" + s.Key())}}); err != nil {
		t.Fatal(err)
	}
	if err := zombie.say(ctx, s, []*wire.UseEntry{{Reference: bundle.References[0].Fingerprint, Layout: bundle.Layout.Fingerprint, EffectiveFrom: 7}}); !errors.Is(err, kafka.ErrFenced) {
		t.Fatalf("the zombie is told %v, want that it is fenced", err)
	}
	l := &Library{set: set, client: owner.client, refs: newReferences(set.referencesTopic(), set.Log)}
	if _, err := l.refs.read(ctx, owner.client); err != nil {
		t.Fatal(err)
	}
	var h Holding
	if l.references(&h, func(k driftd.Series) bool { return k == s }); !slices.ContainsFunc(h.refs, func(key []byte) bool { return string(key) == "use/"+s.Key() }) {
		t.Errorf("driftd forget does not see it: %s", h.refs)
	}
	if err := owner.refs.CatchUp(ctx, owner.client); err != nil {
		t.Fatal(err)
	}
	if err := owner.answer(ctx); err != nil {
		t.Fatal(err)
	}
	answering(ctx, t, w, set, "the next") // whose claim is the one that is left
	if u := compacted(ctx, t, owner).Uses(s); len(u) > 0 {
		t.Errorf("compaction leaves %+v", u)
	}
}

// A claim that comes late, of an epoch that is taken, changes nothing, nor when
// compaction has left nothing else [E11].
func TestLateClaim(t *testing.T) {
	ctx, stop := context.WithTimeout(context.Background(), 20*time.Second)
	defer stop()
	w, set, _ := asking(ctx, t)
	answering(ctx, t, w, set, "first")
	owner := answering(ctx, t, w, set, "owner")
	for _, epoch := range []int64{owner.epoch, owner.epoch - 1} {
		rec, err := claimRecord(0, epoch, "zombie")
		if err != nil {
			t.Fatal(err)
		}
		if err := owner.refs.write(ctx, owner.client, rec); err != nil {
			t.Fatal(err)
		}
		if err := owner.answer(ctx); err != nil {
			t.Fatal(err)
		}
		if fresh := compacted(ctx, t, owner); !fresh.owns(0, owner.epoch, "owner") || len(fresh.Pending(everySeries)) != 0 {
			t.Errorf("after a claim of epoch %d compaction leaves %v", epoch, fresh.owners)
		}
	}
}

// However many claim at once, each epoch has one owner [E11].
func TestClaimsAtOnce(t *testing.T) {
	ctx, stop := context.WithTimeout(context.Background(), 20*time.Second)
	defer stop()
	w, set, _ := asking(ctx, t)
	var mu sync.Mutex
	owners := map[int64][]string{}
	var all sync.WaitGroup
	for i := range 6 {
		c, refs, member := w.client(), newReferences(set.referencesTopic(), set.Log), fmt.Sprint("member ", i)
		go func() { _ = refs.Follow(ctx, c) }() // ends with ctx
		all.Go(func() {
			epochs, err := refs.claim(ctx, c, []int{0}, member)
			for errors.Is(err, kafka.ErrFenced) { // it joins again
				epochs, err = refs.claim(ctx, c, []int{0}, member)
			}
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			owners[epochs[0]] = append(owners[epochs[0]], member)
		})
	}
	all.Wait()
	if len(owners) != 6 {
		t.Errorf("owners by epoch: %v, want one each", owners)
	}
}

// Who was overtaken by another claim says so to the group, which knows who is
// right: what he has answered does not count, and he answers nothing more by the
// frontiers that he had [E11].
func TestOvertakenOwnerJoinsAgain(t *testing.T) {
	ctx, stop := context.WithTimeout(context.Background(), 20*time.Second)
	defer stop()
	w, set, _ := asking(ctx, t)
	owner := answering(ctx, t, w, set, "owner")
	asked := len(owner.refs.Pending(everySeries))
	answering(ctx, t, w, set, "another")
	if err := owner.answer(ctx); !errors.Is(err, kafka.ErrFenced) {
		t.Errorf("the error is %v, want one that wraps kafka.ErrFenced", err)
	}
	if n := len(owner.refs.Pending(everySeries)); n != asked {
		t.Errorf("%d of %d requests count as answered", asked-n, asked)
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

// [E4] When one series' state is written, so are those that have none, before it:
// reading goes on at the oldest as-of, behind which a series without a record
// would be lost.
func TestNewSeriesHaveAStateFirst(t *testing.T) {
	w := newWorld(t, "predictions", 1)
	s := newScripted(t)
	s.task.client = w.client()
	ctx := context.Background()
	if err := ensureTopics(ctx, s.task.client, s.task.set); err != nil {
		t.Fatal(err)
	}
	s.marker(5, 5, driftd.MinTime)
	s.profile(5, 0, 1)
	s.marker(5, 5, minute(60)) // closes a window of m: its state is due
	p := driftd.NewProfile(nil)
	p.Events = 1
	s.feed(&wire.ProfileRecord{Epoch: 5, Pane: minute(61), Model: "later", Segment: driftd.AllSegment, Profile: wire.ProfileToWire(p)})
	if err := s.task.flush(ctx); err != nil {
		t.Fatal(err)
	}
	var keys []string
	if err := readAll(ctx, s.task.client, "d.state", 0, func(r *kafka.Rec) error {
		if string(r.Key) != fixedKey {
			keys = append(keys, string(r.Key))
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(keys, []string{"later/all", "m/all"}) {
		t.Errorf("states were written of %v", keys)
	}
}

// A state has the frontiers of the offset that it goes back to. With later ones a
// topic that has grown since would be whole again at the first old marker, and
// windows would close before their profiles had been read again [E4].
func TestFrontiersOfAnOffset(t *testing.T) {
	f := newFrontiers([]Source{{Topic: "a"}})
	mark := func(f *frontiers, offset int64, partition int, epoch int64, n int32, frontier int64) {
		f.mark(wire.SourcePartition{Topic: "a", Partition: partition}, epoch, &wire.Marker{Frontier: frontier, Partitions: n, Begin: minute(0)}, offset)
	}
	mark(f, 10, 0, 9, 2, minute(10))
	mark(f, 11, 1, 5, 2, minute(10))
	mark(f, 12, 1, 12, 3, minute(10)) // it has grown: the third partition holds
	mark(f, 13, 0, 9, 3, minute(80))
	mark(f, 14, 1, 12, 3, minute(80))
	again := newFrontiers(f.sources)
	again.restore(f.asOf(12), true)
	if least, _ := again.model("m"); least != minute(10) {
		t.Errorf("at offset 12 the least frontier is minute %d, want 10", (least-minute(0))/int64(time.Minute))
	}
	for _, step := range []func(){func() { mark(again, 12, 1, 12, 3, minute(10)) }, func() { mark(again, 13, 0, 9, 3, minute(80)) }} {
		if step(); true {
			if least, _ := again.model("m"); least != driftd.MinTime {
				t.Error("the third partition does not hold")
			}
		}
	}
	if got := f.asOf(10); len(got) != 0 {
		t.Errorf("before the first marker %v were known", got)
	}
}

// Records of different age are read in any order: the frontiers are those of the
// record that goes back furthest, and no mixture of both.
func TestRestoreTakesTheOldestFrontiers(t *testing.T) {
	of := wire.SourcePartition{Topic: "a"}
	older := map[wire.SourcePartition]wire.SourceFrontier{of: {Epoch: 5, Frontier: minute(10), Partitions: 1, Begin: minute(0)}}
	newer := map[wire.SourcePartition]wire.SourceFrontier{
		of:                         {Epoch: 6, Frontier: minute(80), Partitions: 2, Begin: minute(0), Gaps: []detect.Gap{{From: minute(1), To: minute(2), Why: "lost"}}},
		{Topic: "a", Partition: 1}: {Epoch: 6, Frontier: minute(80), Partitions: 2, Begin: minute(70), Grown: true}}
	want := older[of]
	want.Gaps = newer[of].Gaps
	for _, oldestFirst := range []bool{true, false} {
		f := newFrontiers([]Source{{Topic: "a"}})
		if oldestFirst {
			f.restore(older, true)
			f.restore(newer, false)
		} else {
			f.restore(newer, true)
			f.restore(older, true)
		}
		if d := cmp.Diff(map[wire.SourcePartition]wire.SourceFrontier{of: want}, f.at); d != "" {
			t.Errorf("the oldest first: %v: %s", oldestFirst, d)
		}
	}
}

// Markers are remembered for the states that go back behind them, and no longer.
func TestMarkersAreForgotten(t *testing.T) {
	s := newScripted(t)
	for m := range 1000 {
		s.marker(5, 5, minute(m))
		if err := s.task.flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(s.task.front.past); n > 1 {
		t.Errorf("%d changes are remembered, and there is no series", n)
	}
}

// What a series had sent by the time that it was forgotten is passed over by
// whoever reads it again; what comes later begins it anew [E13].
func TestForgottenProfilesArePassedOver(t *testing.T) {
	s := newScripted(t)
	s.task.gone = forgotten{{Model: "m", Segment: driftd.AllSegment}: &wire.Forgotten{Through: []int64{2}}}
	s.marker(5, 5, driftd.MinTime)
	s.profile(5, 1, 10) // offset 1
	s.profile(5, 2, 3)  // offset 2: was not there when it was forgotten
	s.marker(5, 5, minute(60))
	s.want("00:00 n=3 complete=1")
}

// What an owner who has been followed still writes counts for nothing [E2].
func TestZombie(t *testing.T) {
	s := newScripted(t)
	s.marker(5, 5, driftd.MinTime)
	s.profile(5, 0, 10)
	s.marker(6, 5, driftd.MinTime)
	s.profile(5, 0, 99)
	s.profile(5, 1, 99)
	s.marker(5, 5, minute(60))
	s.want()
	s.profile(6, 0, 10)
	s.marker(6, 5, minute(60))
	s.want("00:00 n=10 complete=1")
}
