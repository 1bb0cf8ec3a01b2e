package main

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/internal/replay"
)

// replayRow sums up one column's windows of one length.
type replayRow struct {
	windows, evaluated, flags int
	first                     string
	largest                   float64
	moved                     string
	reasons                   map[string]int // why windows are neither ok nor drift
}

type replayKey struct {
	segment, column string
	length          int64
}

// summed are the rows in the order in which columns came.
func summed(results []driftd.Result) (map[replayKey]*replayRow, []replayKey) {
	rows := map[replayKey]*replayRow{}
	var order []replayKey
	for _, r := range results {
		c := r.Column
		if c == nil {
			continue
		}
		k := replayKey{c.Segment, c.Column, c.WindowLength}
		row := rows[k]
		if row == nil {
			row = &replayRow{reasons: map[string]int{}}
			rows[k] = row
			order = append(order, k)
		}
		row.add(c)
	}
	return rows, order
}

func (r *replayRow) add(c *driftd.ColumnResult) {
	r.windows++
	if c.Evaluated {
		r.evaluated++
	}
	if c.Verdict != driftd.OK && c.Verdict != driftd.Drift {
		r.reasons[string(c.Verdict)+": "+c.Reason]++
	}
	if !c.Flag {
		return
	}
	if r.flags++; r.flags == 1 {
		r.first = c.WindowStart.Format("2006-01-02 15:04")
		if c.WindowIndex != nil {
			r.first = fmt.Sprintf("%d (%s)", *c.WindowIndex, r.first)
		}
	}
	if e := float64(c.Effect); e >= r.largest {
		r.largest, r.moved = e, c.Moved
	}
}

// mostly is the commonest reason, with the number of windows that have it.
func (r *replayRow) mostly() string {
	best, n := "", 0
	for reason, k := range r.reasons {
		if k > n || k == n && reason < best {
			best, n = reason, k
		}
	}
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%d %s", n, best)
}

// printReplay writes what people want to know: each column, then the incidents.
func printReplay(out io.Writer, results []driftd.Result, sum *replay.Summary) error {
	rows, order := summed(results)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	say := func(format string, args ...any) { _, _ = fmt.Fprintf(w, format, args...) } // Flush gives the error
	say("segment\tcolumn\tlength\twindows\tevaluated\tflags\tfirst flag\tlargest effect\twhat moved\tnot ok and no drift\n")
	evaluated, why := 0, ""
	for _, k := range order {
		r := rows[k]
		effect := ""
		if r.flags > 0 {
			effect = fmt.Sprintf("%.2f", r.largest)
		}
		evaluated += r.evaluated
		if why == "" {
			why = r.mostly()
		}
		say("%s\t%s\t%s\t%d\t%d\t%d\t%s\t%s\t%s\t%s\n", k.segment, k.column, driftd.FormatLength(time.Duration(k.length)*time.Second), r.windows, r.evaluated, r.flags, r.first, effect, r.moved, r.mostly())
	}
	opened := 0
	for _, r := range results {
		if r.Incident != nil && r.Incident.State == driftd.StateOpen {
			opened++
		}
	}
	say("\n%s events", thousands(sum.Events))
	switch {
	case evaluated == 0:
		say("; NOTHING COULD BE EVALUATED (%s): silence says nothing here\n", why)
	case opened == 0:
		say("; no incident\n")
	default:
		say("\n")
	}
	for _, r := range results {
		if i := r.Incident; i != nil {
			say("\n%s  %s  %s\n", i.ChangedAt.Format(time.RFC3339), i.State, i.Summary)
		}
	}
	return w.Flush()
}
