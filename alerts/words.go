package alerts

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/driftd/driftd"
)

// named is how many columns a summary names at most.
const named = 5

// summarise says what a person who is woken wants to know: what has moved, how
// far, since when, how sure that is, and what to do.
func summarise(i *Incident, o *Observation) string {
	r := &i.Result
	if r.Type == TypeNoData {
		return fmt.Sprintf("Model %s has sent no events since %s. Is its service running, and does it still write to its topic? "+
			"If it was switched off on purpose, set models.%s.expect to false.", r.Model, clock(r.DriftSince), r.Model)
	}
	c := r.Columns[0]
	var b strings.Builder
	fmt.Fprintf(&b, "Drift in %s since %s", where(r), clock(r.DriftSince))
	if r.Pace != "" {
		fmt.Fprintf(&b, " (%s)", r.Pace)
	}
	fmt.Fprintf(&b, ": %s: %s (", c.Column, howFar(&c))
	alpha := driftd.Float(math.NaN())
	for _, x := range o.Columns {
		if x.Column == c.Column {
			alpha = x.Alpha
		}
	}
	if strings.HasPrefix(c.Test, driftd.RulePrefix) {
		fmt.Fprintf(&b, "a classic rule, which without drift flags about %s %% of windows", number(100*alpha))
	} else {
		fmt.Fprintf(&b, "p %s", number(c.PValue))
		if !math.IsNaN(float64(alpha)) {
			fmt.Fprintf(&b, ", flags at %s", number(alpha))
		}
		if c.Test != "" {
			fmt.Fprintf(&b, "; %s has the threshold %s", c.Test, number(c.Threshold))
		}
	}
	fmt.Fprintf(&b, "; n %d in the %s to %s).", c.N, span(o.length()), clock(o.Window.WindowEnd))
	others(&b, r.Columns[1:])
	beside(&b, r.Columns, o.Window.Listed)
	if r.Historic {
		b.WriteString(" Found in old windows: nobody was told.")
	}
	if r.Provisional {
		b.WriteString(" Provisional: the reference is still young, false alarms may exceed the budget.")
	}
	what, produces := c.Column, c.Column
	if c.Column == driftd.PairsColumn {
		what, produces = "the two columns", "them"
	}
	fmt.Fprintf(&b, " What to do: look at %s over time and at what was deployed around %s. If the change is wanted, make it the "+
		"new normal: `%s`. If not: ask who produces %s.", what, clock(r.DriftSince), AcceptCommand(r), produces)
	return b.String()
}

// AcceptCommand is the command that makes an incident's change the new normal.
func AcceptCommand(r *driftd.IncidentResult) string {
	c := "driftd reference accept --model " + Argument(r.Model)
	if r.Segment != driftd.AllSegment {
		c += " --segment " + Argument(r.Segment)
	}
	return c + " --since " + r.DriftSince.UTC().Format(time.RFC3339)
}

// Title names an incident in a few words.
func Title(r *driftd.IncidentResult) string {
	name := r.Model
	if r.Segment != driftd.AllSegment {
		name += ", " + r.Segment
	}
	switch {
	case r.Type == TypeNoData:
		return name + " is silent"
	case r.Type == TypeSchema:
		t := fmt.Sprintf("%s: schema break: %s %s", name, r.Columns[0].Column, Size(&r.Columns[0]))
		if n := len(r.Columns) - 1; n > 0 {
			t += fmt.Sprintf(", and %d more", n)
		}
		return t
	case len(r.Columns) == 0:
		return name + " drifts"
	}
	t := fmt.Sprintf("%s: %s moved: %s", name, r.Columns[0].Column, Size(&r.Columns[0]))
	if n := len(r.Columns) - 1; n > 0 {
		t += fmt.Sprintf(", and %d more", n)
	}
	return t
}

func others(b *strings.Builder, columns []driftd.IncidentColumn) {
	for k := range columns {
		switch {
		case k == 0:
			b.WriteString(" Also: ")
		case k == named-1:
			fmt.Fprintf(b, "; and %d more.", len(columns)-k)
			return
		default:
			b.WriteString("; ")
		}
		fmt.Fprintf(b, "%s: %s", columns[k].Column, howFar(&columns[k]))
	}
	if len(columns) > 0 {
		b.WriteString(".")
	}
}

// beside names the columns that the window lists and the incident does not have:
// they moved too, though not enough to page.
func beside(b *strings.Builder, columns []driftd.IncidentColumn, listed []string) {
	var more []string
	for _, name := range listed {
		if !slices.ContainsFunc(columns, func(c driftd.IncidentColumn) bool { return c.Column == name }) {
			more = append(more, name)
		}
	}
	if len(more) > named {
		more = append(more[:named], fmt.Sprintf("%d more", len(more)-named))
	}
	if len(more) > 0 {
		fmt.Fprintf(b, " Less surely: %s.", strings.Join(more, ", "))
	}
}

// ending is the summary of an incident that is over.
func ending(r *driftd.IncidentResult) string {
	over := clock(*r.ResolvedAt)
	switch {
	case r.Type == TypeNoData:
		return fmt.Sprintf("Over: model %s is silent no more (it was from %s; seen at %s).", r.Model, clock(r.DriftSince), over)
	case r.Type == TypeSchema:
		return fmt.Sprintf("Over at %s: events of %s are whole again (broken from %s).", over, where(r), clock(r.DriftSince))
	case r.State == driftd.StateAccepted:
		return fmt.Sprintf("Accepted at %s: what has come in %s since %s is the new normal.", over, where(r), clock(r.DriftSince))
	}
	return fmt.Sprintf("Over at %s: %s is back within its reference in every column that had drifted since %s.", over, where(r), clock(r.DriftSince))
}

// leftover is the summary of an incident of which some columns were accepted.
func leftover(r *driftd.IncidentResult, accepted []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Drift in %s since %s goes on in ", where(r), clock(r.DriftSince))
	for i := range r.Columns[:min(named, len(r.Columns))] {
		if i > 0 {
			b.WriteString("; ")
		}
		fmt.Fprintf(&b, "%s: %s", r.Columns[i].Column, howFar(&r.Columns[i]))
	}
	fmt.Fprintf(&b, ". Accepted as the new normal at %s: %s.", clock(r.ChangedAt), strings.Join(accepted, ", "))
	return b.String()
}

// Size is how far a column has moved in a few words, without its bins.
func Size(c *driftd.IncidentColumn) string {
	size, _, _ := strings.Cut(howFar(c), ";")
	return size
}

func howFar(c *driftd.IncidentColumn) string {
	if c.Moved != "" {
		return c.Moved
	}
	return "effect " + number(c.Effect)
}

func where(r *driftd.IncidentResult) string {
	if r.Segment == driftd.AllSegment {
		return "model " + r.Model
	}
	return "model " + r.Model + ", segment " + r.Segment
}

func clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

func number(f driftd.Float) string {
	if math.IsNaN(float64(f)) {
		return "unknown"
	}
	return strconv.FormatFloat(float64(f), 'g', 2, 64)
}

// span is a length in the words of config: 1h, 1d, 90m.
func span(d time.Duration) string {
	for _, u := range []struct {
		unit time.Duration
		name string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "m"}} {
		if d >= u.unit && d%u.unit == 0 {
			return strconv.FormatInt(int64(d/u.unit), 10) + u.name
		}
	}
	return d.String()
}

// Argument is a word as a shell reads it back.
func Argument(s string) string {
	strange := func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._-/:@%+", r))
	}
	if s != "" && strings.IndexFunc(s, strange) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
