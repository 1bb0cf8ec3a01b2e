package reference

import (
	"fmt"
	"io"
	"math"
	"time"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/alerts"
	"github.com/driftd/driftd/internal/detect"
)

// Examination is what a reference's own windows say about it, before it judges
// anything.
type Examination struct {
	Model    string
	Usual    uint64     // events of the usual window
	Unsteady []Unsteady // columns that moved inside it
	Outliers []Outlier  // windows that stand out in it
	SelfTest driftd.SelfTest
	Power    []Power // what each column can show, the least sensitive first
}

// Examine judges a reference by its own halves and windows. nil for one without
// windows. alpha is the level of a column.
func Examine(l *driftd.Layout, ref *driftd.Reference, windows []*detect.Kept, opt FitOptions, alpha float64) *Examination {
	usual := UsualWindow(windows)
	if usual == nil || ref.Flat() {
		return nil
	}
	e := &Examination{Model: ref.Model, SelfTest: ref.SelfTest, Usual: usual.Profile.Events,
		Unsteady: Halves(l, windows, opt, alpha),
		Outliers: Outliers(l, ref, windows, opt.Location),
		Power:    Detectable(l, ref, usual, alpha, opt.Location)}
	longerWindows(l, windows, opt, alpha, e.Power)
	return e
}

// Lines of Describe, at most, of windows and of columns.
const (
	describedWindows = 5
	describedColumns = 12
)

// Describe puts it in words.
func (e *Examination) Describe(w io.Writer) {
	e.DescribePower(w)
	if t := e.SelfTest; t.Windows > 0 {
		fmt.Fprintf(w, "  judged by each other, its windows flag in %d of %s cases, at a level of .001\n", t.Flags, thousands(uint64(t.Windows)))
	}
	for _, u := range e.Unsteady {
		fmt.Fprintf(w, "  ! %s moved inside the time that was learned from: since %s, %d of %d windows of the second half (%s).\n"+
			"    If that was on purpose: driftd reference accept --model %s --column %s --since %s\n",
			u.Column, clock(u.From), u.Flags, u.Of, u.Moved, alerts.Argument(e.Model), alerts.Argument(u.Column), time.Unix(0, u.From).UTC().Format(time.RFC3339))
	}
	for _, o := range e.Outliers[:min(describedWindows, len(e.Outliers))] {
		fmt.Fprintf(w, "  ! the window from %s stands out: %s of %s is %.0f standard errors from the others", clock(o.Start), o.Score, o.Column, o.Sigmas)
		if o.More > 0 {
			fmt.Fprintf(w, ", and %d more columns", o.More)
		}
		fmt.Fprintln(w)
	}
	if n := len(e.Outliers) - describedWindows; n > 0 {
		fmt.Fprintf(w, "    and %d more such windows\n", n)
	}
	if len(e.Outliers) > 0 {
		fmt.Fprintln(w, "    If something was wrong then, leave that time out: it makes the reference blunt.")
	}
}

// DescribePower lists the smallest shift that each column can show in a usual
// window, and what would halve it.
func (e *Examination) DescribePower(w io.Writer) {
	sure := 0
	for _, p := range e.Power {
		if p.Judged() {
			sure++
		}
	}
	fmt.Fprintf(w, "  %d columns, of which %d can be judged in a usual window (%s events); the smallest shift that each can show:\n", len(e.Power), sure, thousands(e.Usual))
	for _, p := range e.Power[:min(describedColumns, len(e.Power))] {
		fmt.Fprintf(w, "    %-28s %-12s %-8s %s", p.Column, p.Kind, mdeText(p.MDE), p.Halved)
		if !p.Judged() {
			fmt.Fprintf(w, " %s: %s", p.Verdict, p.Reason)
		}
		fmt.Fprintln(w)
	}
	if n := len(e.Power) - describedColumns; n > 0 {
		fmt.Fprintf(w, "    and %d more, all of them surer\n", n)
	}
}

// String says what halves it, "" when that is not known.
func (h Halved) String() string {
	switch {
	case h.Windows > 0:
		return fmt.Sprintf("half of it with %d more windows", h.Windows)
	case h.Length > 0:
		return fmt.Sprintf("half of it in windows of %s", driftd.FormatLength(h.Length))
	}
	return ""
}

func mdeText(mde float64) string {
	if math.IsNaN(mde) {
		return "none"
	}
	return fmt.Sprintf("%.2f", mde)
}

func clock(t int64) string { return time.Unix(0, t).UTC().Format("2006-01-02 15:04 UTC") }

// thousands writes a count in groups of three digits.
func thousands(n uint64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
