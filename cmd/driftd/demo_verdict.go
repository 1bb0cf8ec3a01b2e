package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/internal/embedded"
)

// explained says that a flag or page of a column follows from a change. A page
// may come a few windows after the change has ended.
func explained(c *embedded.Change, model, segment, column string, at time.Time) bool {
	const after = 4 * time.Hour
	return c.Model == model && (column == c.Column || slices.Contains(c.Also, column)) &&
		(segment == c.Segment || slices.Contains(c.AlsoSegments, segment)) &&
		!at.Before(c.At) && (c.Until.IsZero() || at.Before(c.Until.Add(after)))
}

// verdict prints what was done to the data, what was found, and what paged
// without cause; true when all that matters was found and nothing else paged.
func (d *demo) verdict(out io.Writer, took time.Duration) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	changes := d.gen.Changes()
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	say := func(format string, args ...any) { _, _ = fmt.Fprintf(w, format, args...) } // Flush gives the error
	say("\nWHAT WAS DONE\tIN\tSINCE\tWHAT WAS FOUND\tFLAGGED AFTER\tPAGED AFTER\n")
	good := true
	for i := range changes {
		c := &changes[i]
		flag, page := d.firstFlag(c), d.firstPage(c)
		found := "found"
		switch {
		case c.Matters && page == nil:
			found, good = "MISSED", false
		case !c.Matters && page != nil:
			found, good = "paged, though too small to matter", false
		case !c.Matters:
			found = "rightly silent"
		}
		say("%s\t%s %s %s\t%s\t%s\t%s\t%s\n", c.Text, c.Model, c.Segment, c.Column, c.At.Format("Mon 15:04"), found, windowsAfter(c.At, flag), windowsAfter(c.At, page))
	}
	false_ := d.unexplained(changes)
	good = good && len(false_) == 0
	say("\nPages sent without cause: %d\n", len(false_))
	for _, s := range false_ {
		say("  %s\n", s)
	}
	say("%d windows of %d series judged; %.0f s in all\n", d.windows, len(d.closed), took.Seconds())
	return w.Flush() == nil && good
}

func windowsAfter(from time.Time, to *time.Time) string {
	if to == nil {
		return "-"
	}
	n := int((to.Sub(from) + time.Hour - 1) / time.Hour)
	if n == 1 {
		return "1 window"
	}
	return fmt.Sprintf("%d windows", n)
}

// firstFlag is the end of the first window whose flag the change explains.
func (d *demo) firstFlag(c *embedded.Change) *time.Time {
	var first *time.Time
	for i := range d.flags {
		f := &d.flags[i]
		if f.Column == c.Column && explained(c, f.Model, f.Segment, f.Column, f.WindowStart) && (first == nil || f.WindowEnd.Before(*first)) {
			first = &f.WindowEnd
		}
	}
	return first
}

// firstPage is when an incident told of the changed column.
func (d *demo) firstPage(c *embedded.Change) *time.Time {
	var first *time.Time
	for i := range d.incidents {
		in := &d.incidents[i]
		for _, col := range in.Columns {
			if in.State == driftd.StateOpen && col.Column == c.Column && explained(c, in.Model, in.Segment, col.Column, col.FirstFlag) && (first == nil || in.ChangedAt.Before(*first)) {
				first = &in.ChangedAt
			}
		}
	}
	return first
}

// unexplained are columns of incidents that follow from no change that matters.
func (d *demo) unexplained(changes []embedded.Change) []string {
	seen := map[string]bool{}
	var out []string
	for _, in := range d.incidents {
		if in.State != driftd.StateOpen {
			continue
		}
		for _, col := range in.Columns {
			right := false
			for i := range changes {
				right = right || changes[i].Matters && explained(&changes[i], in.Model, in.Segment, col.Column, col.FirstFlag)
			}
			s := fmt.Sprintf("%s %s %s at %s (%s)", in.Model, in.Segment, col.Column, col.FirstFlag.Format("Mon 15:04"), col.Moved)
			if !right && !seen[s] {
				seen[s] = true
				out = append(out, s)
			}
		}
	}
	return out
}

// wrap breaks text at spaces into lines of at most n characters.
func wrap(s string, n int) string {
	var b strings.Builder
	line := 0
	for word := range strings.FieldsSeq(s) {
		l := len([]rune(word))
		if line > 0 && line+1+l > n {
			b.WriteByte('\n')
			line = 0
		} else if line > 0 {
			b.WriteByte(' ')
			line++
		}
		b.WriteString(word)
		line += l
	}
	return b.String()
}
