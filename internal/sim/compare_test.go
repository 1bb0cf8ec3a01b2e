package sim

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/internal/oracle"
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
	c := oracle.Count(w.bundle, append(slices.Clone(w.past), w.sources...))
	wrong := c.Compare(oracle.Rows(c.Results(w.cfg, w.bundle, w.uses, end+int64(time.Hour), end)), w.rows, end)
	for id, row := range w.rows {
		var in driftd.IncidentResult
		if strings.HasPrefix(id, "incident") && json.Unmarshal([]byte(row), &in) == nil && w.told[in.Segment+" "+in.Type+" "+in.ID] == "" {
			wrong = append(wrong, "an incident was not told: "+id)
		}
	}
	w.failed = slices.DeleteFunc(w.failed, func(s string) bool { return strings.HasPrefix(s, "table: ") })
	for _, problem := range wrong[:min(len(wrong), *show)] {
		w.failed = append(w.failed, "table: "+problem)
	}
	return len(wrong)
}

// judgedByLater is how many rows were judged by the reference that was pushed.
func (w *world) judgedByLater() (n int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, row := range w.rows {
		for _, r := range w.later.References {
			if strings.Contains(row, r.Fingerprint) {
				n++
			}
		}
	}
	return n
}
