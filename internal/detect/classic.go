package detect

import (
	"math"
	"time"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/detectors"
	"github.com/driftd/driftd/detectors/classic"
)

// FalseAlarm is how often a column's classic rule flags windows in which nothing
// has changed.
type FalseAlarm struct {
	Column string
	Rule   *classic.Rule
	N      float64 // values in a window, about
	Rate   float64 // 0 to 1
}

// ClassicOf is the classic rule that decides about a column; nil: driftd's own,
// as always for pairs.
func (r *Rules) ClassicOf(column string) *classic.Rule {
	if column == driftd.PairsColumn {
		return nil
	}
	if c, ok := r.Classic[column]; ok {
		return c
	}
	return r.Classic[""]
}

// FalseAlarms computes the rate of each watched column under a classic rule, in
// windows of the size that the reference's windows of the length usually have.
// unfit says which columns their rule is not for.
func (r *Rules) FalseAlarms(u Use, length time.Duration) (rates []FalseAlarm, unfit []string) {
	p := r.prepare(u, length)
	for i, a := range p.classic {
		name := u.Layout.Columns[i].Name
		if a == nil || !r.watched(name) {
			continue
		}
		if why := a.Rule.Unfit(u.Layout.Columns[i].Kind); why != "" {
			unfit = append(unfit, "columns."+name+": "+why)
			continue
		}
		n := float64(u.Reference.Columns[i].Profile.Present())
		if sc := u.Reference.Scale(length); sc != nil {
			n = sc.Columns[i].MedianN
		}
		if n < detectors.MinWindowN || math.IsNaN(n) {
			continue
		}
		null := a.Null(n)
		rates = append(rates, FalseAlarm{name, a.Rule, null.N, null.Rate()})
	}
	return rates, unfit
}

// classically lets the column's classic rule, if it has one, decide.
func (p *prepared) classically(i int, w *detectors.ColumnWindow, evaluable bool, reason string, length time.Duration, d *detectors.Decision) {
	if a := p.classic[i]; a != nil {
		a.Judge(w, evaluable, reason, driftd.PerWeek(length), d)
	}
}
