package pipeline

import (
	"context"
	"errors"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/consumers"
	"github.com/driftd/driftd/internal/kafka"
	"github.com/driftd/driftd/internal/wire"
)

// [E1] A partition that is added begins where its siblings began, not where the
// clock says now.
func TestAddedPartitionBegins(t *testing.T) {
	w := newWorld(t, "predictions", 2)
	c := w.client()
	ctx := context.Background()
	t0 := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	var recs []kafka.Record
	for m := range 10 {
		recs = append(recs, kafka.Record{Value: []byte("{}"), Time: t0.Add(time.Duration(m-5) * time.Minute)})
	}
	if _, err := c.Produce(ctx, "predictions", 1, recs); err != nil {
		t.Fatal(err)
	}
	set := settingsOf("predictions", 1)
	sibling := newMeta()
	sibling.T0 = t0.UnixNano()
	if err := c.CommitOffset(ctx, set.profileGroup("predictions"), -1, "", "predictions", 0, 0, sibling.String()); err != nil {
		t.Fatal(err)
	}
	task := &profileTask{set: set, src: &set.Sources[0], client: c, partition: 1}
	meta := newMeta()
	if err := task.firstStart(ctx, &meta, driftd.MinTime); err != nil {
		t.Fatal(err)
	}
	if task.next != 5 || meta.T0 != t0.UnixNano() || !meta.Cut {
		t.Errorf("begins at offset %d (T0 %v, cut %v), want 5: the first at or after the sibling's T0", task.next, time.Unix(0, meta.T0).UTC(), meta.Cut)
	}
}

// [E2] A new owner commits a greater epoch than any before, and tells it to every
// profiles partition, before it reads.
func TestTakeRaisesTheEpoch(t *testing.T) {
	w := newWorld(t, "predictions", 1)
	c := w.client()
	ctx := context.Background()
	set := settingsOf("predictions", 2)
	set.Now = func() time.Time { return time.UnixMilli(5) }
	if err := ensureTopics(ctx, c, set); err != nil {
		t.Fatal(err)
	}
	before := newMeta()
	before.Epoch, before.Frontier, before.Since = 7, int64(time.Hour), 3 // the clock has gone back since
	outside := consumers.Membership{Generation: -1}
	task := newProfileTask(set, &set.Sources[0], c, newReferences("d.references", set.Log), outside, 0)
	if err := task.take(ctx, kafka.Committed{Offset: 2, Metadata: before.String()}, driftd.MinTime); err != nil {
		t.Fatal(err)
	}
	if task.next != 2 || task.meta.Epoch != 8 || task.meta.Frontier != before.Frontier || task.meta.Since != 3 {
		t.Errorf("goes on at %d with %+v, want offset 2 and epoch 8", task.next, task.meta)
	}
	committed, err := c.CommittedOffsets(ctx, set.profileGroup("predictions"), "predictions", []int{0})
	if err != nil {
		t.Fatal(err)
	}
	if m, err := parseMeta(committed[0].Metadata); err != nil || m != task.meta || committed[0].Offset != 2 {
		t.Errorf("committed %d, %+v: %v", committed[0].Offset, m, err)
	}
	for p := range 2 {
		var markers []*wire.ProfileRecord
		if err := readAll(ctx, c, "d.profiles", p, func(r *kafka.Rec) error {
			var m wire.ProfileRecord
			markers = append(markers, &m)
			return proto.Unmarshal(r.Value, &m)
		}); err != nil {
			t.Fatal(err)
		}
		if len(markers) != 1 || markers[0].Marker == nil || markers[0].Epoch != 8 || markers[0].Marker.Frontier != before.Frontier {
			t.Errorf("profiles partition %d has heard %v", p, markers)
		}
	}
}

// A partition that comes back goes on from memory when nobody has owned it since,
// and not in the middle of an idle move: it may not have been committed [E2] [T3].
func TestGoesOn(t *testing.T) {
	for name, c := range map[string]struct {
		epoch   int64
		byClock bool
		want    bool
	}{"nobody since": {5, false, true}, "somebody since": {6, false, false}, "an idle move": {5, true, false}} {
		task := unconnected(t, Source{}, nil)
		task.meta.Epoch, task.byClock, task.paused = 5, c.byClock, true
		task.meta.Frontier = minute(7)
		committed := newMeta()
		committed.Epoch = c.epoch
		again := consumers.Membership{Generation: 9, MemberID: "x"}
		if got := task.goesOn(kafka.Committed{Offset: 3, Metadata: committed.String()}, again); got != c.want {
			t.Errorf("%s: goes on: %v", name, got)
		} else if got && (task.member.Generation != 9 || task.paused) {
			t.Errorf("%s: it is fenced by generation %d, paused %v", name, task.member.Generation, task.paused)
		}
		// What nobody shows nobody owns, for those who look at the metrics.
		if shown := (&process{m: task.set.Metrics}).count(t, "driftd_frontier_timestamp_seconds"); (shown == float64(minute(7))/1e9) != c.want {
			t.Errorf("%s: the frontier shown is %v", name, shown)
		}
	}
	if unconnected(t, Source{}, nil).goesOn(kafka.Committed{Offset: -1}, consumers.Membership{}) {
		t.Error("goes on although there is no commit")
	}
}

// [T3] An idle move whose commit is refused is told to nobody: whoever owns the
// partition now would not know of it.
func TestIdleMoveThatIsNotCommitted(t *testing.T) {
	w := newWorld(t, "predictions", 1)
	c := w.client()
	ctx := context.Background()
	set := settingsOf("predictions", 1)
	set.Sources[0].IdleTimeout, set.Sources[0].Lateness = time.Minute, 2*time.Minute
	if err := ensureTopics(ctx, c, set); err != nil {
		t.Fatal(err)
	}
	stale := consumers.Membership{Generation: 7, MemberID: "one that the group does not know", Partitions: []int{0}}
	task := newProfileTask(set, &set.Sources[0], c, newReferences("d.references", set.Log), stale, 0)
	task.meta, task.emitted = newMeta(), driftd.MinTime
	task.clock.note(time.Now())
	asked := time.Now()
	task.lastData = asked.Add(-time.Hour)
	if err := task.idle(ctx, asked); !errors.Is(err, kafka.ErrFenced) {
		t.Fatalf("an idle move by a stale member: %v", err)
	}
	end, err := c.Offsets(ctx, "d.profiles", []int{0}, kafka.AtEnd)
	if err != nil || end[0] != 0 {
		t.Errorf("%d records of the move were written: %v", end[0], err)
	}
}
