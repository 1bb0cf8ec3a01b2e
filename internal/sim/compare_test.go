package sim

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/driftd/driftd"
)

// settled says that the table has the last windows that every series can have.
func (w *world) settled() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, segment := range driftd.Segments(w.bundle.Layout.Segments) {
		if w.rows[fmt.Sprintf("window %s 3600 1T%02d:00", segment, hours-1)] == "" {
			return false
		}
	}
	return true
}

func (w *world) written() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.writes
}

// compare holds the table against the oracle; what is wrong is a failure.
func (w *world) compare() (bad int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	end := born.Add(hours * time.Hour).UnixNano()
	c := count(w.bundle, append(slices.Clone(w.past), w.sources...))
	for _, s := range w.sources {
		if s.grown {
			c.wild = append(c.wild, span{driftd.MinTime, driftd.MaxTime})
		}
	}
	want := c.rows(w.cfg, w.bundle, end+int64(time.Hour), end)
	w.failed = slices.DeleteFunc(w.failed, func(s string) bool { return strings.HasPrefix(s, "table: ") })
	problem := func(format string, args ...any) {
		if bad++; bad <= *show {
			w.failed = append(w.failed, "table: "+fmt.Sprintf(format, args...))
		}
	}
	for _, wrong := range c.wrong {
		problem("%s", wrong)
	}
	for _, id := range slices.Sorted(maps.Keys(want)) {
		got, ok := w.rows[id]
		switch {
		case !ok && len(c.wild) > 0 && strings.HasPrefix(id, "incident"):
		case !ok && w.past != nil && c.wildRow(headOf(want[id])): // all that it had may be lost
		case !ok:
			problem("missing: %s", id)
		case got == want[id]:
		case len(c.wild) == 0:
			problem("%s\n  want %s\n  got  %s", id, want[id], got)
		default:
			if why := tolerable(c, id, want[id], got); why != "" {
				problem("%s: %s\n  want %s\n  got  %s", id, why, want[id], got)
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(w.rows)) {
		if _, ok := want[id]; !ok && len(c.wild) == 0 && headOf(w.rows[id]).End.UnixNano() <= end {
			problem("not expected: %s\n  %s", id, w.rows[id])
		}
	}
	for id, row := range w.rows {
		var in driftd.IncidentResult
		if strings.HasPrefix(id, "incident") && json.Unmarshal([]byte(row), &in) == nil && w.told[in.Segment+" "+in.Type+" "+in.ID] == "" {
			problem("an incident was not told: %s", id)
		}
	}
	return bad
}

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
		panic(err) // rowOf has made it
	}
	if h.End.IsZero() {
		h.Start, h.End = h.Changed, h.Changed
	}
	return h
}

// wildRow says whether a row's window may say complete=0.
func (c *counted) wildRow(h head) bool { return c.isWild(h.Start.UnixNano(), h.End.UnixNano()) }

// tolerable says what is wrong about a row that differs, in a world that has lost
// records: a window that they may have belonged to says complete=0, or has them
// all; every other one is as if nothing had happened.
func tolerable(c *counted, id, want, got string) string {
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
