package explain

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/detectors"
)

// Print writes an explanation for people.
func (e *Explanation) Print(w io.Writer) error {
	p := &printer{w: w}
	in := &e.Incident
	p.line("Incident %s: %s of %s, segment %s, %s", in.ID, in.Type, in.Model, in.Segment, in.State)
	p.line("")
	p.line("%s", in.Summary)
	p.line("")
	p.table("AT\tSTATE\tCOLUMNS", func(row func(string, ...any)) {
		for _, c := range e.History {
			row("%s\t%s\t%s", clock(c.At), c.State, strings.Join(c.Columns, ", "))
		}
	})
	if len(e.Columns) == 0 {
		p.line("")
		p.line("Nothing more is known: %s", e.why())
	}
	for i := range e.Columns {
		e.Columns[i].print(p)
	}
	return p.err
}

func (e *Explanation) why() string {
	switch e.Incident.Type {
	case "schema_break":
		return "it comes from panes, by limits and not by a test (docs/adr/0008-fast-lane.md); the summary has all of its numbers."
	case "no_data":
		return "no events came, so there was nothing to test."
	}
	return "the windows of its columns are not where it was looked for."
}

func (c *Column) print(p *printer) {
	p.line("")
	p.line("%s, window %s to %s", c.Column, clock(c.WindowStart), clock(c.WindowEnd))
	if c.Moved != "" {
		p.line("  moved: %s", c.Moved)
	}
	p.line("  n %d events, worth %s independent ones (n_eff); the smallest shift that they could show: %s (mde)", c.N, number(c.NEff), number(c.MDE))
	if math.IsNaN(float64(c.PValue)) {
		p.line("  a classic rule decided; without drift it flags %s of windows", number(c.Alpha))
	} else {
		p.line("  p %s = the least of its tests' p-values, each divided by its share of the level; flagged, because that is at most alpha %s", number(c.PValue), number(c.Alpha))
		p.line("  alpha = pages_per_week x share of the window length / (windows a week x columns x series)")
	}
	if c.Baseline != "" {
		p.line("  against the usual for the window's hour")
	}
	p.line("")
	p.table("  TEST\tSTATISTIC\tEFFECT\tTHRESHOLD\tP\tFLAGS AT\t", func(row func(string, ...any)) {
		for _, t := range c.Tests {
			mark := ""
			if t.Flags {
				mark = "flags"
			}
			row("  %s\t%s\t%s\t%s\t%s\t%s\t%s", t.Name, number(t.Statistic), number(t.Effect), number(t.Threshold), number(t.PValue), number(t.Level), mark)
		}
	})
	said := map[string]bool{}
	for _, t := range c.Tests {
		if t.Flags && t.Formula != "" && !said[t.Formula] {
			said[t.Formula] = true
			p.line("  %s: %s", t.Name, t.Formula)
		}
	}
	if len(c.Bins) > 0 {
		p.line("")
		p.table("  WHAT MOVED\tREFERENCE\tWINDOW\tPART OF IT\tZ", func(row func(string, ...any)) {
			for _, b := range c.Bins {
				row("  %s\t%.1f %%\t%.1f %%\t%.0f %%\t%+.1f", b.Name, 100*float64(b.Reference), 100*float64(b.Window), 100*float64(b.Part), float64(b.Z))
			}
		})
	}
	for _, t := range c.Causes {
		p.line("")
		p.line("  By %s: %.0f %% of the change is another mix of its values, the rest change within them:", t.Tag, 100*t.Mix)
		p.table("  SEGMENT\tOF THE REFERENCE\tNOW\tPART OF THE CHANGE", func(row func(string, ...any)) {
			for _, x := range largest(t.Parts) {
				row("  %s\t%.1f %%\t%.1f %%\t%.0f %%", x.Segment, 100*x.Reference, 100*x.Now, 100*x.Within)
			}
		})
	}
	if len(c.Budgets) > 0 {
		p.line("")
		p.line("  At other budgets, of %d windows that were evaluated:", len(c.Windows))
		if c.Budgets[0].Alpha < c.Alpha && float64(c.Alpha) == detectors.MaxAlpha {
			p.line("  (alpha is at its limit of %s, and may be below what the budget allows: these are multiples of the limit)", number(c.Alpha))
		}
		p.table("  BUDGET\tALPHA\tFLAGS\tPAGES AT", func(row func(string, ...any)) {
			for _, b := range c.Budgets {
				page := "never"
				if b.Page != nil {
					page = clock(*b.Page)
				}
				limit := ""
				if b.Most {
					limit = " (at its limit)"
				}
				row("  %g x\t%s%s\t%d\t%s", b.Times, number(b.Alpha), limit, b.Flags, page)
			}
		})
	}
}

// largest are the parts with the largest part of the change, at most as many as
// people read.
func largest(parts []detectors.Cause) []detectors.Cause {
	out := slices.Clone(parts)
	slices.SortStableFunc(out, func(a, b detectors.Cause) int { return cmp.Compare(math.Abs(b.Within), math.Abs(a.Within)) })
	return out[:min(8, len(out))]
}

// printer remembers the first error.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) line(format string, args ...any) {
	if _, err := fmt.Fprintf(p.w, format+"\n", args...); p.err == nil {
		p.err = err
	}
}

func (p *printer) table(head string, rows func(row func(string, ...any))) {
	t := tabwriter.NewWriter(p.w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(t, head) // Flush tells
	rows(func(format string, args ...any) { _, _ = fmt.Fprintf(t, format+"\n", args...) })
	if err := t.Flush(); p.err == nil {
		p.err = err
	}
}

func clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

func number(f driftd.Float) string {
	if math.IsNaN(float64(f)) || math.IsInf(float64(f), 0) {
		return "-"
	}
	return fmt.Sprintf("%.3g", float64(f))
}
