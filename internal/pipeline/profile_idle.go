package pipeline

import (
	"context"
	"time"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/internal/kafka"
)

// idle moves the frontier of a partition that has had nothing for idle_timeout,
// by the clock as it was when the broker was asked: an answer that lay in a
// queue says nothing of what has come since.
func (t *profileTask) idle(ctx context.Context, asked time.Time) error {
	now, known := t.clock.at(asked)
	if !known || asked.Sub(t.lastData) < t.src.IdleTimeout {
		return nil
	}
	f := driftd.FloorTo(now-int64(t.src.IdleTimeout)-int64(t.src.Lateness), t.panes.Length)
	if f <= t.meta.Frontier {
		return nil
	}
	if t.unbound {
		t.boundGaps(now)
		t.unbound = false
	}
	t.meta.Frontier, t.meta.Since, t.byClock = f, t.next, true
	if t.meta.Begin == driftd.MaxTime {
		t.meta.Begin = f
	}
	return t.emit(ctx)
}

// hangingAfter is when an open transaction at the log's end no longer keeps the
// partition from being idle.
const hangingAfter = 15 * time.Minute

// hangs says that records have been kept back by an open transaction for
// hangingAfter: its producer is gone, most likely.
func (t *profileTask) hangs(c *kafka.Chunk) bool {
	switch {
	case c.LastStable == c.HighWatermark:
		t.hanging, t.warned = time.Time{}, false
		return false
	case t.hanging.IsZero() || len(c.Raw) > 0: // it begins, or another one went on
		t.hanging = c.Asked
	}
	if c.Asked.Sub(t.hanging) < hangingAfter {
		return false
	}
	if !t.warned {
		t.warned = true
		t.log.Warn("a transaction has been open for 15 minutes and keeps its records back: the partition counts as idle; look for a producer that is gone", "last_stable_offset", c.LastStable, "high_watermark", c.HighWatermark)
	}
	return true
}
