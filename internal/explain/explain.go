// Package explain shows why an incident was told: each number of the decision
// with its formula, what moved, and what other budgets would have said. It works
// on results as they were written, wherever they are read from, and needs the
// reference only to name bins. What does not belong here: reading results (files,
// ClickHouse, topics: cmd/driftd, sinks/clickhouse, internal/pipeline).
package explain

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/alerts"
	"github.com/driftd/driftd/detectors"
)

// Explanation is all that is known of an incident.
type Explanation struct {
	Incident driftd.IncidentResult `json:"incident"`
	History  []Change              `json:"history"`
	Columns  []Column              `json:"columns"`
}

// Change is one change of the incident's state.
type Change struct {
	At      time.Time `json:"at"`
	State   string    `json:"state"`
	Columns []string  `json:"columns"`
}

// Column is one column of the incident, in the last window that flagged it.
type Column struct {
	Column      string              `json:"column"`
	WindowStart time.Time           `json:"window_start"`
	WindowEnd   time.Time           `json:"window_end"`
	N           uint64              `json:"n"`
	NEff        driftd.Float        `json:"n_eff"`
	Effect      driftd.Float        `json:"effect"`
	PValue      driftd.Float        `json:"p_value"`
	Alpha       driftd.Float        `json:"alpha"`
	MDE         driftd.Float        `json:"mde"`
	Moved       string              `json:"moved"`
	Baseline    string              `json:"baseline"`
	Tests       []Test              `json:"tests"`
	Bins        []detectors.BinMove `json:"bins"`    // what moved most; empty without a reference
	Windows     []Window            `json:"windows"` // of its length, before and while the incident is open
	Budgets     []Budget            `json:"budgets"`
	// Causes split the change by the model's tags: how much is change within each
	// segment, how much another mix of them. Of incidents of all, where windows of
	// the segments are still there.
	Causes []detectors.TagSplit `json:"causes"`
}

// Test is one number of the decision.
type Test struct {
	driftd.TestResult
	Level   driftd.Float `json:"level"` // it flags at a p-value of at most this; null where it decides nothing
	Flags   bool         `json:"flags"`
	Formula string       `json:"formula,omitempty"`
}

// Window is one evaluated window of the column.
type Window struct {
	Start  time.Time    `json:"start"`
	PValue driftd.Float `json:"p_value"`
	Effect driftd.Float `json:"effect"`
	Flag   bool         `json:"flag"`
}

// Budget is what a budget that is Times today's would have said.
type Budget struct {
	Times float64      `json:"times"`
	Alpha driftd.Float `json:"alpha"`
	Flags int          `json:"flags"`    // of Windows
	Page  *time.Time   `json:"page"`     // end of the window at which it would have paged; nil: never
	Most  bool         `json:"at_limit"` // alpha is at its limit: a larger budget changes nothing
}

// budgets that are tried, as multiples of today's.
var budgets = []float64{.1, .2, .5, 1, 2, 5, 10}

// shownBins is how many bins that moved are listed.
const shownBins = 5

// Around is how long before an incident's beginning windows are of use.
const Around = 7 * 24 * time.Hour

// Input is what was read.
type Input struct {
	Changes []driftd.IncidentResult // of one incident, in order of time
	Columns []driftd.ColumnResult   // of its series and columns, from Around before its beginning on
	// Layout and Reference are those that judged; nil where they are not at hand.
	Layout    *driftd.Layout
	Reference *driftd.Reference
	Causes    map[string][]detectors.TagSplit // by column
}

// Explain puts it together.
func Explain(in *Input) *Explanation {
	last := in.Changes[len(in.Changes)-1]
	e := &Explanation{Incident: last, Columns: []Column{}}
	for _, c := range in.Changes {
		change := Change{At: c.ChangedAt, State: c.State, Columns: []string{}}
		for _, x := range c.Columns {
			change.Columns = append(change.Columns, x.Column)
		}
		e.History = append(e.History, change)
	}
	if last.Type != alerts.TypeDrift {
		return e
	}
	for _, x := range last.Columns {
		if c := explainColumn(in, &last, x.Column); c != nil {
			e.Columns = append(e.Columns, *c)
		}
	}
	return e
}

// explainColumn takes the last window that flagged while the incident was open.
func explainColumn(in *Input, incident *driftd.IncidentResult, name string) *Column {
	var mine []driftd.ColumnResult
	for _, c := range in.Columns {
		if c.Column == name && c.Evaluated {
			mine = append(mine, c)
		}
	}
	slices.SortFunc(mine, func(a, b driftd.ColumnResult) int {
		return cmp.Or(a.WindowStart.Compare(b.WindowStart), cmp.Compare(a.WindowLength, b.WindowLength))
	})
	var at *driftd.ColumnResult
	for i := range mine {
		c := &mine[i]
		if c.Flag && !c.WindowEnd.After(incident.ChangedAt) && !c.WindowStart.Before(incident.DriftSince) {
			at = c
		}
	}
	if at == nil {
		return nil
	}
	out := &Column{Column: name, WindowStart: at.WindowStart, WindowEnd: at.WindowEnd, N: at.N, NEff: at.NEff, Effect: at.Effect, PValue: at.PValue, Alpha: at.Alpha, MDE: at.MDE,
		Moved: at.Moved, Baseline: at.Baseline, Bins: []detectors.BinMove{}, Causes: []detectors.TagSplit{}}
	if t := in.Causes[name]; t != nil {
		out.Causes = t
	}
	kind := kindOf(at)
	for _, t := range at.Tests {
		out.Tests = append(out.Tests, explainTest(t, kind, float64(at.Alpha)))
	}
	if bins := moves(in, at); bins != nil {
		out.Bins = bins
	}
	for i := range mine {
		if c := &mine[i]; c.WindowLength == at.WindowLength {
			out.Windows = append(out.Windows, Window{c.WindowStart, c.PValue, c.Effect, c.Flag})
		}
	}
	out.Budgets = tryBudgets(out.Windows, time.Duration(at.WindowLength)*time.Second, float64(at.Alpha))
	return out
}

// kindOf tells numbers by their quantiles.
func kindOf(c *driftd.ColumnResult) driftd.Kind {
	if slices.ContainsFunc(c.Tests, func(t driftd.TestResult) bool {
		return t.Name == detectors.TestCategory || t.Name == detectors.TestNew
	}) {
		return driftd.Categorical
	}
	return driftd.Numeric
}

func explainTest(t driftd.TestResult, kind driftd.Kind, alpha float64) Test {
	out := Test{TestResult: t, Level: driftd.Float(math.NaN())}
	switch {
	case strings.HasPrefix(t.Name, driftd.RulePrefix):
		out.Flags, out.Formula = t.Drift, "a classic rule: drift where the measure passes its limit; "+t.Note
	case !math.IsNaN(float64(t.PValue)):
		out.Level = driftd.Float(alpha * detectors.ShareOf(kind, t.Name))
		out.Flags, out.Formula = t.PValue <= out.Level, detectors.Formula(t.Name)
	}
	return out
}

// tryBudgets runs the hold rule at other levels: a flag is p <= alpha, and all
// else that a flag needs is in the p-value.
func tryBudgets(windows []Window, length time.Duration, alpha float64) []Budget {
	if !(alpha > 0) || slices.ContainsFunc(windows, func(w Window) bool { return w.Flag && math.IsNaN(float64(w.PValue)) }) {
		return []Budget{} // a classic rule, which has no budget
	}
	var out []Budget
	for _, times := range budgets {
		a := min(alpha*times, detectors.MaxAlpha)
		b := Budget{Times: times, Alpha: driftd.Float(a), Most: times > 1 && a == detectors.MaxAlpha}
		var flags []bool
		for _, w := range windows {
			flag := float64(w.PValue) <= a
			if flags = append(flags, flag); flag {
				b.Flags++
			}
			if b.Page == nil && flag && count(flags[max(0, len(flags)-alerts.Span):]) >= alerts.Opening {
				end := w.Start.Add(length)
				b.Page = &end
			}
		}
		out = append(out, b)
	}
	return out
}

func count(flags []bool) (n int) {
	for _, f := range flags {
		if f {
			n++
		}
	}
	return n
}

// moves names bins by the reference that judged.
func moves(in *Input, c *driftd.ColumnResult) []detectors.BinMove {
	if in.Reference == nil || in.Reference.Fingerprint != c.Reference {
		return nil
	}
	i := in.Layout.IndexOf(c.Column)
	if i < 0 {
		return nil
	}
	l := &in.Layout.Columns[i]
	p := driftd.NewProfile(in.Layout).Columns[i]
	switch {
	case l.Kind == driftd.Numeric && len(c.Bins) == len(p.Bins):
		for j, n := range c.Bins {
			p.Bins[j].Count = n
		}
	case l.Kind != driftd.Numeric && len(c.Bins) == len(p.Counts)+2:
		copy(p.Counts, c.Bins)
		p.Classes[driftd.RareLevel], p.Classes[driftd.NewLevel] = c.Bins[len(p.Counts)], c.Bins[len(p.Counts)+1]
	default:
		return nil
	}
	var scale *driftd.ColumnScale
	if sc := in.Reference.Scale(time.Duration(c.WindowLength) * time.Second); sc != nil {
		scale = &sc.Columns[i]
	}
	col := detectors.NewColumn(l, &in.Reference.Columns[i], scale, float64(c.Alpha))
	return col.Moves(&detectors.ColumnWindow{Profile: &p}, shownBins)
}
