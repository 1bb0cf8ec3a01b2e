package pipeline

import (
	"context"
	"errors"
	"fmt"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/internal/kafka"
	"github.com/driftd/driftd/internal/wire"
)

// gap is a stretch of the log that cannot be read any more. It is told in band,
// before the next profile and the next frontier [E7]: every window that its
// records may have belonged to says complete=0.
//
// When its records were is not known, but they would have been late below the
// frontier before it. And where records come in the order that lateness and
// max_skew allow, they cannot have been further ahead than that of what follows,
// up to the record that moves the frontier on: then to is known. The first one
// would not do: it may be far too late itself.
type gap struct {
	why   string
	from  int64 // pane
	to    int64 // pane; driftd.MinTime: nothing has come since
	fresh bool  // see commitMeta.Fresh
}

// Why records are lost, as a window's reason says it after the partition's name.
const (
	gapDeleted     = "records were deleted before they were read"
	gapAnew        = "the topic was made anew, with what was not read yet"
	gapCorrupt     = "a damaged batch was stepped over"
	gapUncommitted = "the group's commits are gone, and most likely the topic was made anew"
)

// hole is a place where records are missing.
func (t *profileTask) hole(err error, seek func(int64)) error {
	var out *kafka.OffsetOutOfRange
	var corrupt *kafka.CorruptBatch
	switch {
	case errors.As(err, &out):
		to := out.LogStart
		if out.Offset < to {
			t.log.Error("records were deleted before they were read: going on at the log's start; windows of that time say complete=0", "offset", out.Offset, "log_start", out.LogStart, "log_end", out.LogEnd)
			t.open(gapDeleted, to-out.Offset)
		} else {
			t.log.Error("the log ends before what was read: the topic was made anew, most likely; going on at its start; windows of that time say complete=0", "offset", out.Offset, "log_start", out.LogStart, "log_end", out.LogEnd)
			t.open(gapAnew, 1)
			t.meta.Since = to // offsets begin again: none was settled before
		}
		t.panes.Rebase(to)
		t.next = to
		seek(to)
	case errors.As(err, &corrupt):
		t.corrupt(corrupt)
		seek(corrupt.Last + 1)
	default:
		return err
	}
	return nil
}

func (t *profileTask) corrupt(c *kafka.CorruptBatch) {
	t.log.Error("a batch is damaged and is stepped over; windows of its time say complete=0", "first", c.First, "last", c.Last, "reason", c.Reason)
	t.open(gapCorrupt, c.Last-c.First+1)
	t.next = c.Last + 1
}

// open begins a gap of n records.
func (t *profileTask) open(why string, n int64) {
	t.set.Metrics.Gap(t.src.Topic, n)
	t.gaps = append(t.gaps, gap{why: why, from: t.meta.Frontier, to: driftd.MinTime})
	t.unbound = true
}

// boundGaps takes the time of a record after the gaps, or the clock where nothing
// has come.
func (t *profileTask) boundGaps(at int64) {
	for i := range t.gaps {
		g := &t.gaps[i]
		g.to = max(g.to, max(driftd.FloorTo(at+int64(t.src.Lateness)+int64(t.src.MaxSkew), t.panes.Length), g.from)+t.panes.Length)
	}
}

// tellGaps writes the gaps to every profiles partition. told is false while the
// end of one is not known: no profile, frontier or commit may pass it.
func (t *profileTask) tellGaps(ctx context.Context) (told bool, err error) {
	if t.unbound {
		return false, nil
	}
	// A record that moves a frontier is at most a pane and the lateness past it, and
	// the end of a gap as boundGaps has it.
	beyond := 2*int64(t.src.Lateness) + int64(t.src.MaxSkew) + 2*t.panes.Length
	for _, g := range t.gaps {
		why := fmt.Sprintf("%s, partition %d: %s", t.src.Topic, t.partition, g.why)
		if err := t.out.gap(ctx, &wire.Gap{From: g.from, To: g.to, Why: why, Fresh: g.fresh, Beyond: beyond}); err != nil {
			return false, err
		}
		if !g.fresh {
			t.log.Warn("told of lost records", "why", g.why, "from", timeText(g.from), "to", timeText(g.to))
		}
	}
	t.gaps, t.meta.Fresh = nil, false
	return true, nil
}
