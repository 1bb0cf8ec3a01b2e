package alerts

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/driftd/driftd"
)

func (s *State) start(o *Observation, kind string, since time.Time) {
	w := o.Window
	r := driftd.IncidentResult{Kind: "incident", Model: w.Model, Segment: w.Segment, Type: kind, State: driftd.StateOpen, Historic: o.Historic,
		OpenedAt: w.WindowEnd, DriftSince: since, ChangedAt: w.WindowEnd, Columns: []driftd.IncidentColumn{}, Stamp: o.Stamp}
	r.ID = incidentID(&r)
	s.Incident = &Incident{Result: r, Lengths: map[string][]time.Duration{}}
}

// add puts the columns that are new into the incident and says whether there
// were any. Then those that flag in this window take its numbers.
func (s *State) add(p *Policy, o *Observation, qualified []*driftd.ColumnResult) (grown bool) {
	i, opening := s.Incident, len(s.Incident.Result.Columns) == 0
	r := &i.Result
	for _, c := range qualified {
		if !slices.Contains(i.Lengths[c.Column], o.length()) {
			i.Lengths[c.Column] = append(i.Lengths[c.Column], o.length())
			slices.Sort(i.Lengths[c.Column])
		}
		if i.column(c.Column) != nil {
			continue
		}
		grown = true
		first := time.Unix(0, s.history(c.Column, o.length()).firstFlag()).UTC()
		if opening && (r.DriftSince.IsZero() || first.Before(r.DriftSince)) {
			r.DriftSince = first
		}
		r.Columns = append(r.Columns, driftd.IncidentColumn{Column: c.Column, FirstFlag: first})
		r.Provisional = r.Provisional || c.Provisional
		if sev := p.severity(c.Column); r.Severity == "" || sev == Page {
			r.Severity = sev
		}
	}
	if grown {
		s.refresh(p, o)
	}
	return grown
}

// refresh takes the numbers of the columns that flag in this window, and ranks:
// these first, then by effect times importance.
func (s *State) refresh(p *Policy, o *Observation) {
	now := map[string]int{}
	for _, c := range o.Columns {
		ic := s.Incident.column(c.Column)
		if ic == nil || !c.Flag || !c.Evaluated {
			continue
		}
		now[c.Column] = -1
		t := decisive(c)
		ic.Test, ic.Threshold = t.Name, t.Threshold
		ic.Effect, ic.Moved, ic.PValue, ic.N = c.Effect, c.Moved, c.PValue, c.N
	}
	slices.SortStableFunc(s.Incident.Result.Columns, func(a, b driftd.IncidentColumn) int {
		return cmp.Or(
			cmp.Compare(now[a.Column], now[b.Column]),
			cmp.Compare(float64(b.Effect)*p.weight(b.Column), float64(a.Effect)*p.weight(a.Column)),
			cmp.Compare(a.Column, b.Column))
	})
}

// decisive is the test that flagged a column: the one that Moved speaks of, else
// the one of the least p-value.
func decisive(c *driftd.ColumnResult) driftd.TestResult {
	best := driftd.TestResult{PValue: driftd.Float(math.Inf(1)), Threshold: driftd.Float(math.NaN())}
	for _, t := range c.Tests {
		if t.Drift && strings.HasPrefix(t.Name, driftd.RulePrefix) {
			return t
		}
		if math.IsNaN(float64(t.PValue)) {
			continue
		}
		if strings.HasPrefix(c.Moved, t.Name+" ") {
			return t
		}
		if t.PValue < best.PValue {
			best = t
		}
	}
	return best
}

func (i *Incident) end(state string, at time.Time, stamp driftd.Stamp) {
	r := &i.Result
	r.State, r.ResolvedAt, r.ChangedAt, r.Stamp = state, &at, at, stamp
	r.Summary = ending(r)
}

// Accept ends the open incident because what has drifted is wanted, and forgets
// the flags so far: they speak of another reference. With columns, only these
// are accepted: the incident goes on when others are left. It gives the change,
// nil when there is none.
func (s *State) Accept(columns []string, at time.Time, stamp driftd.Stamp) *driftd.IncidentResult {
	wanted := func(column string) bool { return columns == nil || slices.Contains(columns, column) }
	s.Histories = slices.DeleteFunc(s.Histories, func(h History) bool { return wanted(h.Column) })
	if !s.Incident.openOf(TypeDrift) {
		return nil
	}
	r := &s.Incident.Result
	left := slices.DeleteFunc(slices.Clone(r.Columns), func(c driftd.IncidentColumn) bool { return wanted(c.Column) })
	switch len(left) {
	case len(r.Columns):
		return nil
	case 0: // its columns stay for the record
		s.Incident.end(driftd.StateAccepted, at, stamp)
	default:
		r.Columns, r.ChangedAt, r.Stamp = left, at, stamp
		for c := range s.Incident.Lengths {
			if wanted(c) {
				delete(s.Incident.Lengths, c)
			}
		}
		r.Summary = leftover(r, columns)
	}
	told := s.Incident.told()
	return &told
}

// Retire ends the open incidents of a series that is watched no more, such as a
// segment that is gone, and forgets its windows. It gives the changes.
func (s *State) Retire(at time.Time, stamp driftd.Stamp) (changes []driftd.IncidentResult) {
	s.Histories, s.Silent, s.Breaks = nil, 0, nil
	for _, in := range s.Incidents() {
		if in.Open() {
			in.end(driftd.StateResolved, at, stamp)
			changes = append(changes, in.told())
		}
	}
	return changes
}
