package pipeline

import (
	"errors"

	"github.com/driftd/driftd/internal/kafka"
)

// hole is a place where records are missing. Telling it in band belongs to
// [E7], which comes with the fault suite; until then it is logged and counted.
func (t *profileTask) hole(err error, seek func(int64)) error {
	var out *kafka.OffsetOutOfRange
	var corrupt *kafka.CorruptBatch
	switch {
	case errors.As(err, &out):
		to := out.LogStart
		t.log.Error("records were deleted before they were read: going on at the log's start; windows of that time miss them", "offset", out.Offset, "log_start", out.LogStart, "log_end", out.LogEnd)
		t.set.Metrics.Gap(t.src.Topic, max(0, to-out.Offset))
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
	t.log.Error("a batch is damaged and is stepped over", "first", c.First, "last", c.Last, "reason", c.Reason)
	t.set.Metrics.Gap(t.src.Topic, c.Last-c.First+1)
	t.next = c.Last + 1
}
