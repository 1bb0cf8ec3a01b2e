package compare

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// Print writes the table for people. all adds every test and measure.
func (r *Report) Print(w io.Writer, all bool) error {
	var b strings.Builder
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "column\tkind\trows\teffect\tverdict\twhat moved")
	for i := range r.Columns {
		c := &r.Columns[i]
		rows := "–"
		if c.Tests != nil && c.Rows[0].Rows > 0 {
			rows = fmt.Sprintf("%s, %s", count(int(c.Rows[0].Rows)), count(int(c.Rows[1].Rows)))
		}
		what := c.Moved
		if what == "" {
			what = c.Reason
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", shorten(c.Name, 40), c.Kind, rows, number(c.Effect), verdictWords(*c), what)
	}
	_ = t.Flush() // into memory
	fmt.Fprintf(&b, "\n%s\n", r.Sentence())
	fmt.Fprintln(&b, "Rows are taken to be independent; where they are not (sessions, batches), more is flagged than should be.")
	for _, n := range r.Notes {
		fmt.Fprintln(&b, n)
	}
	if all {
		for i := range r.Columns {
			r.Columns[i].printAll(&b)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (c *Column) printAll(b *strings.Builder) {
	if len(c.Tests) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%s: p %s, over all columns %s; smallest effect that would show %s\n", c.Name, pvalue(c.PValue), pvalue(c.Adjusted), number(c.MDE))
	t := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "  test of the rule\tstatistic\teffect\tthreshold\tp")
	for _, x := range c.Tests {
		fmt.Fprintf(t, "  %s\t%s\t%s\t%s\t%s\n", x.Name, number(x.Statistic), number(x.Effect), number(x.Threshold), pvalue(x.PValue))
	}
	if len(c.TwoSided) > 0 {
		fmt.Fprintln(t, "  two-sample test\tstatistic\t\t\tp")
		for _, x := range c.TwoSided {
			fmt.Fprintf(t, "  %s\t%s\t\t\t%s\n", x.Name, number(x.Statistic), pvalue(x.PValue))
		}
	}
	fmt.Fprintln(t, "  measure\tvalue\tless what chance gives\t\t")
	for _, x := range c.Measures {
		fmt.Fprintf(t, "  %s\t%s\t%s\t\t\n", x.Name, number(x.Statistic), number(x.Effect))
	}
	_ = t.Flush() // into memory
}
