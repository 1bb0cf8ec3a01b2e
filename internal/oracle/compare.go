package oracle

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/driftd/driftd"
)

// Rows gives results by their identity.
func Rows(results []driftd.Result) map[string]string {
	out := map[string]string{}
	for _, r := range results {
		id, row, _ := Row(r)
		out[id] = row
	}
	return out
}

// Compare holds a table against the rows that it must have, and says of each that
// is wrong why. Rows of windows that end after end are not looked at.
func (c *Counted) Compare(want, got map[string]string, end int64) (wrong []string) {
	problem := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	for _, w := range c.wrong {
		problem("%s", w)
	}
	for _, id := range slices.Sorted(maps.Keys(want)) {
		row, ok := got[id]
		switch {
		case !ok && len(c.wild) > 0 && strings.HasPrefix(id, "incident"):
		case !ok && c.anew && c.wildRow(headOf(want[id])): // all that it had may be lost
		case !ok:
			problem("missing: %s", id)
		case row == want[id]:
		case len(c.wild) == 0:
			problem("%s\n  want %s\n  got  %s", id, want[id], row)
		default:
			if why := c.tolerable(id, want[id], row); why != "" {
				problem("%s: %s\n  want %s\n  got  %s", id, why, want[id], row)
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(got)) {
		if _, ok := want[id]; !ok && len(c.wild) == 0 && headOf(got[id]).End.UnixNano() <= end {
			problem("not expected: %s\n  %s", id, got[id])
		}
	}
	return wrong
}

// Whole says whether every record counts, so that every row is known to the bit.
func (c *Counted) Whole() bool { return len(c.wild) == 0 }

// head is what a row of any kind says of itself.
type head struct {
	Segment  string    `json:"segment"`
	N        uint64    `json:"n"`
	Complete int       `json:"complete"`
	Start    time.Time `json:"window_start"`
	End      time.Time `json:"window_end"`
	Changed  time.Time `json:"changed_at"` // of an incident, which has no window
}

func headOf(row string) head {
	var h head
	if err := json.Unmarshal([]byte(row), &h); err != nil {
		panic(err) // Row has made it
	}
	if h.End.IsZero() {
		h.Start, h.End = h.Changed, h.Changed
	}
	return h
}

// wildRow says whether a row's window may say complete=0.
func (c *Counted) wildRow(h head) bool { return c.isWild(h.Start.UnixNano(), h.End.UnixNano()) }

// tolerable says what is wrong about a row that differs, where records were lost:
// a window that they may have belonged to says complete=0, or has them all; every
// other one is as if nothing had happened.
func (c *Counted) tolerable(id, want, got string) string {
	if strings.HasPrefix(id, "incident") {
		return "" // what was flagged depends on the windows that are not complete
	}
	a, b := headOf(want), headOf(got)
	switch {
	case !c.wildRow(a):
		return "differs"
	case strings.HasPrefix(id, "window") && b.Complete == 1 && b.N < a.N+c.lost(a.Segment, a.Start.UnixNano(), a.End.UnixNano()):
		return "lacks records and says that it is complete"
	}
	return ""
}
