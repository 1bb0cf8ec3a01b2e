package pipeline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/consumers"
	"github.com/driftd/driftd/internal/fold"
	"github.com/driftd/driftd/internal/kafka"
	"github.com/driftd/driftd/sinks/prometheus"
)

// profileTask turns one partition of a source topic into profiles. It lives for
// one ownership of the partition (an epoch).
type profileTask struct {
	set       *Settings
	src       *Source
	client    *kafka.Client
	refs      *References
	member    consumers.Membership
	partition int
	log       *slog.Logger

	catalog *taskCatalog
	dec     *consumers.Decoder
	panes   *fold.Panes
	letters letters
	out     emitter

	meta      commitMeta
	next      int64 // offset after the last record
	emitted   int64 // frontier that DETECT knows
	lastEmit  time.Time
	room      int       // columns of closed panes that may wait, see roomOf
	lastData  time.Time // by the clock: for idleness alone
	clock     clockTrail
	topicHash uint64
	pace      *pace
	paused    bool
	moved     bool              // the frontier, since it was last looked at
	byClock   bool              // the frontier was moved by an idle move that is not told yet
	gaps      []gap             // records that are lost, until it is told
	unbound   bool              // the end of a gap is not known yet
	hanging   time.Time         // since when a transaction has kept records back
	warned    bool              // of it
	counts    prometheus.Counts // since the last chunk
	recTime   int64             // of the record at hand
	least     int64             // least event time of the record at hand
}

// record is an event's whole way from Kafka's bytes into the profile of its
// pane: decode, bound its time, move the watermark, judge lateness, fold.
func (t *profileTask) record(rec *kafka.Rec) error {
	t.next = rec.Offset + 1
	t.recTime = rec.Timestamp * int64(time.Millisecond)
	t.least = t.recTime
	t.counts.Records++
	t.counts.Bytes += uint64(len(rec.Value))

	err := t.decode(rec)
	var reject *consumers.Reject
	switch {
	case errors.As(err, &reject):
		t.letters.add(rec, reject) // [T1] a record that is not counted moves the watermark by its own time
		t.least = t.recTime
		t.rejected(rec.Offset)
	case err != nil:
		return err
	}
	if t.unbound {
		t.boundGaps(t.recTime)
	}
	t.advance(t.least-int64(t.src.Lateness), rec.Offset)
	return nil
}

// rejected counts a record that was no event, in the profile of the one model
// that the source carries, for the fast lane; of a source with many, metrics
// alone count it.
func (t *profileTask) rejected(offset int64) {
	start := driftd.FloorTo(t.recTime, t.panes.Length)
	if name := t.src.only(); name != "" && start >= t.meta.Frontier {
		t.panes.AddRejected(t.catalog.modelAt(name, start), start, offset)
	}
}

// decode gives each event of the record to event. A batch is decoded once
// without effect first: a record counts whole or not at all.
func (t *profileTask) decode(rec *kafka.Rec) error {
	if len(rec.Value) > t.src.MaxBytes {
		return &consumers.Reject{Reason: consumers.Oversize, Err: fmt.Errorf("%d bytes, above max_record_bytes %d", len(rec.Value), t.src.MaxBytes)}
	}
	if t.src.Map.Rows != "" {
		return t.batch(rec)
	}
	count := func(ev *consumers.Event) error { return t.event(ev, rec.Offset) }
	err := t.dec.Decode(rec.Value, t.recTime, count)
	if errors.Is(err, errOtherLayout) {
		t.dec.Forget()
		err = t.dec.Decode(rec.Value, t.recTime, count)
	}
	return err
}

// batch decodes a record of many rows once without effect: it counts whole or
// not at all, in the layout of its first row's pane.
func (t *profileTask) batch(rec *kafka.Rec) error {
	before := t.catalog.now
	err := t.dec.Decode(rec.Value, t.recTime, func(ev *consumers.Event) error {
		if ev.Row == 0 {
			t.catalog.now = driftd.FloorTo(ev.Time, t.panes.Length)
		}
		return t.bound(ev)
	})
	if err != nil {
		return err
	}
	if t.catalog.now != before {
		t.dec.Forget()
	}
	return t.dec.Decode(rec.Value, t.recTime, func(ev *consumers.Event) error { return t.event(ev, rec.Offset) })
}

// errOtherLayout asks for the event to be decoded again in the layout of its pane.
var errOtherLayout = errors.New("the event's pane has another layout")

// bound refuses an event that is too far ahead of its record.
func (t *profileTask) bound(ev *consumers.Event) error {
	if ev.Time > t.recTime+int64(t.src.MaxSkew) {
		return &consumers.Reject{Reason: consumers.TooFarAhead, Err: fmt.Errorf("event time is more than max_skew %v ahead of the record's", t.src.MaxSkew)}
	}
	return nil
}

// event bounds one event's time against its record's, and counts it.
func (t *profileTask) event(ev *consumers.Event, offset int64) error {
	if err := t.bound(ev); err != nil {
		return err
	}
	if ev.Time < t.recTime-int64(t.src.MaxAge) {
		t.counts.TooOld++
		return nil // counts for nothing; the record's time moves the watermark
	}
	t.least = min(t.least, ev.Time)
	start := driftd.FloorTo(ev.Time, t.panes.Length)
	switch key := fold.EventKey(t.topicHash, t.partition, offset, ev.Row); {
	case start >= t.meta.Frontier:
		if t.src.Map.Rows == "" && t.catalog.at(ev.Model, start) != ev.Model {
			return errOtherLayout
		}
		t.panes.Add(ev, ev.Time, key, offset)
		t.counts.Events++
	case offset >= t.meta.Since: // [E1] below S it was settled before
		t.panes.AddLate(ev, t.meta.Frontier, offset)
		t.counts.Late++
	}
	return nil
}

// advance moves the frontier to the pane of watermark wm.
func (t *profileTask) advance(wm, offset int64) {
	if t.meta.Begin == driftd.MaxTime {
		t.meta.Begin = driftd.FloorTo(t.least, t.panes.Length)
		if t.meta.T0 != driftd.MinTime {
			t.meta.Begin = max(t.meta.Begin, t.meta.T0)
		}
	}
	if f := driftd.FloorTo(wm, t.panes.Length); f > t.meta.Frontier {
		t.meta.Frontier, t.meta.Since = f, offset+1
		t.moved, t.unbound = true, false
	}
}

// recordBounded is record, and closes panes in the middle of a chunk when many
// profiles wait: thin traffic of many models has hours in one.
func (t *profileTask) recordBounded(ctx context.Context, rec *kafka.Rec) error {
	if err := t.record(rec); err != nil || !t.moved {
		return err
	}
	t.moved = false
	if t.panes.Weight(t.meta.Frontier) < t.room {
		return nil
	}
	return t.emit(ctx)
}

// run owns the partition until ctx ends.
func (t *profileTask) run(ctx context.Context, chunks <-chan kafka.Chunk, fetch partitionOf) error {
	var w kafka.Walker
	tick := time.NewTicker(t.tick())
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			t.clock.note(t.set.Now())
			if err := t.maybeEmit(ctx, true); err != nil {
				return err
			}
			t.keepPace(fetch)
		case chunk, ok := <-chunks:
			if !ok {
				return nil
			}
			if err := t.chunk(ctx, &w, &chunk, fetch.seek); err != nil {
				return err
			}
			t.keepPace(fetch)
		}
	}
}

// tick is how often a task without data looks at the clock and at the others.
func (t *profileTask) tick() time.Duration {
	return max(50*time.Millisecond, min(200*time.Millisecond, t.src.IdleTimeout/10))
}

func (t *profileTask) chunk(ctx context.Context, w *kafka.Walker, c *kafka.Chunk, seek func(int64)) error {
	if c.Err != nil {
		return t.hole(c.Err, seek)
	}
	if t.refs.Version() != t.catalog.version || t.set.Models.Generation() != t.catalog.config {
		t.catalog.refresh()
		t.dec.Forget()
		t.panes.Forget()
	}
	for c.Next > c.Offset || len(c.Raw) > 0 {
		err := w.Walk(c, func(rec *kafka.Rec) error { return t.recordBounded(ctx, rec) })
		var corrupt *kafka.CorruptBatch
		if errors.As(err, &corrupt) {
			t.corrupt(corrupt)
			c.Offset = corrupt.Last + 1
			continue
		}
		if err != nil {
			return err
		}
		break
	}
	if c.Next > t.next {
		t.next = c.Next // control records, aborted ones
	}
	if len(c.Raw) > 0 {
		t.lastData = time.Now()
	}
	t.set.Metrics.Lag(t.set.profileGroup(t.src.Topic), t.src.Topic, t.partition, c.HighWatermark-t.next)
	t.set.Metrics.Profiled(t.src.Topic, t.counts)
	t.counts = prometheus.Counts{}
	t.clock.note(t.set.Now())
	tail := t.next >= c.LastStable
	if tail && (c.LastStable == c.HighWatermark || t.hangs(c)) {
		if err := t.idle(ctx, c.Asked); err != nil {
			return err
		}
	}
	return t.maybeEmit(ctx, tail)
}

// Columns of closed panes' profiles that may wait to be written while there is
// more to read. A column takes about a kilobyte.
const (
	maxClosed = 40_000 // of all partitions of a topic that a process has
	minClosed = 1_000  // of one: each time costs three round trips
)

// roomOf is how many of them a partition has, of so many.
func roomOf(partitions int) int { return max(minClosed, maxClosed/max(1, partitions)) }

// maybeEmit closes panes now and then while there is more to read, and at once
// at the log's end: closing costs round trips, and may be late but never early.
func (t *profileTask) maybeEmit(ctx context.Context, tail bool) error {
	if t.meta.Frontier == t.emitted && !t.letters.full() {
		return nil
	}
	if !tail && time.Since(t.lastEmit) < 250*time.Millisecond && t.panes.Weight(t.meta.Frontier) < t.room && !t.letters.full() {
		return nil
	}
	return t.emit(ctx)
}

// emit closes the panes below the frontier [T2]: profiles produced and
// acknowledged, then the marker to every profiles partition, then the commit.
// An idle move commits before its markers [T3]. A gap comes before all of them.
func (t *profileTask) emit(ctx context.Context) error {
	if err := t.letters.flush(ctx); err != nil {
		return err
	}
	if told, err := t.tellGaps(ctx); !told {
		return err
	}
	if err := t.out.profiles(ctx, t.panes.Below(t.meta.Frontier)); err != nil {
		return err
	}
	t.panes.Drop(t.meta.Frontier)
	steps := []func(context.Context) error{t.mark, t.commit}
	if t.byClock {
		steps[0], steps[1] = steps[1], steps[0]
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
	}
	t.emitted, t.lastEmit, t.byClock = t.meta.Frontier, time.Now(), false
	t.show()
	return nil
}

// show has the metrics of the partition stand at the process that owns it, also
// where no record comes: without them the partition counts as nobody's.
func (t *profileTask) show() {
	if t.meta.Frontier > driftd.MinTime {
		t.set.Metrics.Frontier(t.src.Topic, t.partition, t.meta.Frontier)
	}
	t.set.Metrics.OpenPanes(t.src.Topic, t.partition, t.panes.Open())
}

// commit moves the offset to the first record that an open pane needs.
func (t *profileTask) commit(ctx context.Context) error {
	at := t.panes.FirstNeeded()
	if at < 0 {
		at = t.next
	}
	return t.client.CommitOffset(ctx, t.set.profileGroup(t.src.Topic), t.member.Generation, t.member.MemberID, t.src.Topic, t.partition, at, t.meta.String())
}

// mark tells every profiles partition how far this one has come. The number of
// partitions is asked after the records were fetched [T4].
func (t *profileTask) mark(ctx context.Context) error {
	n, err := t.client.Partitions(ctx, t.src.Topic)
	if err != nil {
		return fmt.Errorf("ask the number of partitions of %s: %w", t.src.Topic, err)
	}
	return t.out.marker(ctx, t.meta, n)
}
