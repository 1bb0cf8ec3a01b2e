package pipeline

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/consumers"
	"github.com/driftd/driftd/internal/config"
	"github.com/driftd/driftd/internal/kafka"
	"github.com/driftd/driftd/sinks/prometheus"
)

// [E12] The pane length is fixed for a prefix: another one is refused, and the
// error says what to do.
func TestFixedForAPrefix(t *testing.T) {
	w := newWorld(t, "predictions", 1)
	c := w.client()
	begin := func(pane time.Duration) error {
		return ensureTopics(context.Background(), c, &Settings{Prefix: "d", Pane: pane, Partitions: 3, Replication: -1})
	}
	for range 2 {
		if err := begin(time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	if err := begin(5 * time.Minute); err == nil || !strings.Contains(err.Error(), "choose a new kafka.topic_prefix") {
		t.Errorf("panes of another length: %v", err)
	}
}

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
	set := &Settings{Prefix: "d", Pane: time.Minute, Partitions: 1, Now: time.Now, Models: NewLive(config.Default(), "test"), Sources: []Source{{Topic: "predictions"}},
		Metrics: prometheus.New(prometheus.Config{}, []string{"predictions"}, nil), Log: slog.New(slog.DiscardHandler)}
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

// [T3] An idle move whose commit is refused is told to nobody: whoever owns the
// partition now would not know of it.
func TestIdleMoveThatIsNotCommitted(t *testing.T) {
	w := newWorld(t, "predictions", 1)
	c := w.client()
	ctx := context.Background()
	set := &Settings{Prefix: "d", Pane: time.Minute, Partitions: 1, Replication: -1, Now: time.Now, Models: NewLive(config.Default(), "test"),
		Sources: []Source{{Topic: "predictions", IdleTimeout: time.Minute, Lateness: 2 * time.Minute, DeadLetters: "headers"}},
		Metrics: prometheus.New(prometheus.Config{}, []string{"predictions"}, nil), Log: slog.New(slog.DiscardHandler)}
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
