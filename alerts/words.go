package alerts

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/driftd/driftd"
)

func clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

func where(r *driftd.IncidentResult) string {
	if r.Segment == driftd.AllSegment {
		return "model " + r.Model
	}
	return "model " + r.Model + ", segment " + r.Segment
}

// pace tells a sudden change from a gradual one by the column's last scores
// (base length): sudden when the step into the first of the moved windows makes
// at least 60 % of the whole way from the mean of the windows before; "" while
// there are too few to tell.
func (s *State) pace(column string) string {
	for i := range s.Histories {
		h := &s.Histories[i]
		if h.Column != column {
			continue
		}
		n, flagged := len(h.Scores), 0
		for k := len(h.Flags) - 1; k >= 0 && flagged < len(h.Flags); k-- {
			if h.Flags[k] {
				flagged = len(h.Flags) - k
			}
		}
		at := n - flagged // the first flagged window
		if flagged == 0 || at < 2 {
			return ""
		}
		before := 0.0
		for _, x := range h.Scores[:at-1] { // the window just before may have begun to move
			before += x
		}
		before /= float64(at - 1)
		whole := h.Scores[n-1] - before
		step := h.Scores[at] - h.Scores[at-1]
		switch {
		case whole == 0:
			return ""
		case step/whole >= .6:
			return "sudden"
		}
		return "gradual"
	}
	return ""
}

// summarise says what a person who is woken wants to know.
func summarise(r *driftd.IncidentResult) string {
	c := r.Columns[0]
	var b strings.Builder
	fmt.Fprintf(&b, "Drift in %s since %s", where(r), clock(r.DriftSince))
	if r.Pace != "" {
		fmt.Fprintf(&b, " (%s)", r.Pace)
	}
	fmt.Fprintf(&b, ": %s", c.Column)
	if c.Moved != "" {
		fmt.Fprintf(&b, ": %s", c.Moved)
	}
	fmt.Fprintf(&b, " [%s, effect %.2f", c.Test, float64(c.Effect))
	if t := float64(c.Threshold); !math.IsNaN(t) {
		fmt.Fprintf(&b, ", threshold %.2g", t)
	}
	fmt.Fprintf(&b, ", p %.1e, n %d].", float64(c.PValue), c.N)
	if len(r.Columns) > 1 {
		var names []string
		for _, x := range r.Columns[1:] {
			names = append(names, x.Column)
		}
		fmt.Fprintf(&b, " Also: %s.", strings.Join(names, ", "))
	}
	if r.Provisional {
		b.WriteString(" The reference is provisional.")
	}
	fmt.Fprintf(&b, " What to do: see what feeds %s and what was deployed around %s. If the change is wanted, build a reference from data after it and push it (driftd reference build, driftd reference push); to mute the column, set models.%s.columns.%s.watch: false.",
		c.Column, clock(r.DriftSince), r.Model, c.Column)
	return b.String()
}
