package alerts

import (
	"slices"
	"time"

	"github.com/driftd/driftd"
)

// Observation is one closed window of the series.
type Observation struct {
	Window   *driftd.WindowResult
	Columns  []*driftd.ColumnResult   // every column of the layout; none for a series without reference
	Base     bool                     // of the shortest length
	Historic bool                     // too old to be told to anybody
	NoPage   bool                     // flags only: the reference carries no guarantee
	Waived   func(column string) bool // columns whose flags tell nobody in this window; nil: none
	Lengths  []time.Duration          // of the series' windows as config has them now; nil: any
	Stamp    driftd.Stamp
}

func (o *Observation) length() time.Duration {
	return time.Duration(o.Window.WindowLength) * time.Second
}

// Observe takes a closed window and gives what changed, in order: an incident
// that opened, grew or was resolved. Windows of one length come in the order of
// their time. The result and the next state depend on the arguments alone.
func (s *State) Observe(p *Policy, o Observation) []driftd.IncidentResult {
	if p == nil {
		p = &Policy{}
	}
	var out []driftd.IncidentResult
	if o.Base && s.silence(p, &o) {
		out = append(out, s.Incident.told())
	}
	qualified := s.remember(p, &o)
	switch {
	case s.Incident.openOf(TypeNoData): // drift waits for its end
	case s.Incident.openOf(TypeDrift):
		if s.goOn(p, &o, qualified) {
			out = append(out, s.Incident.told())
		}
	case len(qualified) > 0:
		s.start(&o, TypeDrift, time.Time{})
		s.add(p, &o, qualified)
		s.Incident.Result.Pace = s.pace(o.length())
		s.Incident.Result.Summary = summarise(s.Incident, &o)
		out = append(out, s.Incident.told())
	}
	return out
}

// silence counts base windows without events; it opens an incident for an
// expected model at Opening of them in a row, and closes it at the first window
// with events, or when the model is expected no more. A window that is not whole
// is no sign of silence, only its events are one of life.
func (s *State) silence(p *Policy, o *Observation) (changed bool) {
	switch {
	case o.Window.N > 0:
		s.Silent = 0
	case o.Window.Complete == 1:
		s.Silent++
	}
	expected := p.Expect && o.Window.Segment == driftd.AllSegment
	if s.Incident.openOf(TypeNoData) {
		if s.Silent > 0 && expected {
			r := &s.Incident.Result
			recent := r.Historic && !o.Historic // told as late as goOn tells drift
			if recent {
				r.Historic, r.ChangedAt, r.Stamp = false, o.Window.WindowEnd, o.Stamp
			}
			return recent
		}
		s.Incident.end(driftd.StateResolved, o.Window.WindowEnd, o.Stamp)
		return true
	}
	if !expected || s.Silent < Opening || o.Window.N > 0 || s.Incident.Open() {
		return false
	}
	s.start(o, TypeNoData, o.Window.WindowStart.Add(-o.length()*time.Duration(s.Silent-1)))
	s.Incident.Result.Severity = p.noDataSeverity()
	s.Incident.Result.Summary = summarise(s.Incident, o)
	return true
}

// remember puts the window into the histories and gives the columns that
// qualify: flagged in it, and Opening times in Span.
func (s *State) remember(p *Policy, o *Observation) (qualified []*driftd.ColumnResult) {
	length := o.length()
	present := make(map[string]bool, len(o.Columns))
	for _, c := range o.Columns {
		present[c.Column] = true
	}
	// What cannot flag any more keeps no incident open: columns that were muted,
	// those that a new layout lacks, lengths that config lacks, all of them under
	// a reference that pages nobody.
	s.Histories = slices.DeleteFunc(s.Histories, func(h History) bool {
		gone := h.Length == length && len(present) > 0 && (o.NoPage || !present[h.Column])
		return gone || !p.Watched(h.Column) || o.Lengths != nil && !slices.Contains(o.Lengths, h.Length)
	})
	if o.NoPage {
		return nil
	}
	for _, c := range o.Columns {
		if !c.Evaluated || !p.Watched(c.Column) || o.Waived != nil && o.Waived(c.Column) {
			continue
		}
		h := s.history(c.Column, length)
		h.push(c)
		if c.Flag && h.flags() >= Opening {
			qualified = append(qualified, c)
		}
	}
	return qualified
}

// goOn grows an open incident, or closes it, and says whether it changed.
func (s *State) goOn(p *Policy, o *Observation, qualified []*driftd.ColumnResult) (changed bool) {
	r := &s.Incident.Result
	grown := s.add(p, o, qualified)
	// Drift that is found in old windows is told once it is seen in recent ones.
	recent := r.Historic && !o.Historic && len(qualified) > 0
	if recent {
		r.Historic = false
	}
	switch {
	case grown || recent:
		r.ChangedAt, r.Stamp = o.Window.WindowEnd, o.Stamp
		r.Summary = summarise(s.Incident, o)
		return true
	case s.clean(p):
		s.Incident.end(driftd.StateResolved, o.Window.WindowEnd, o.Stamp)
		return true
	}
	return false
}

// clean says that each column and length that flagged while the incident was
// open, or made it open, has had Span clean windows in a row since: then no flag
// of theirs is remembered.
func (s *State) clean(p *Policy) bool {
	opened := s.Incident.Result.OpenedAt.UnixNano()
	for _, h := range s.Histories {
		if !p.Watched(h.Column) {
			continue
		}
		qualified := slices.Contains(s.Incident.Lengths[h.Column], h.Length)
		for i, flag := range h.Flags {
			if flag && (qualified || h.Starts[i]+int64(h.Length) >= opened) {
				return false
			}
		}
	}
	return true
}
