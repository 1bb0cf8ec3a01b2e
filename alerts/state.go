package alerts

import (
	"encoding/hex"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/driftd/driftd"
)

// The hold rule: an incident opens at Opening flags of a column among its last
// Span evaluated windows of one length, and closes when every column and length
// that flagged has Span clean ones in a row.
const (
	Opening = 2
	Span    = 3
)

// keptScores is how many scores a history keeps to tell sudden from gradual.
const keptScores = 8

// State is what is remembered of a series.
type State struct {
	Histories []History // by column, then length
	Incident  *Incident // the last one; nil before the first
	Silent    int       // consecutive base windows without events
}

// History is one column's last evaluated windows of one length.
type History struct {
	Column string
	Length time.Duration
	Flags  []bool    // the last Span, oldest first
	Starts []int64   // of the same windows (ns)
	Scores []float64 // the last keptScores, oldest first
}

// Incident is one as it stands.
type Incident struct {
	Result  driftd.IncidentResult
	Lengths map[string][]time.Duration // by column: lengths in which it flagged
}

// Open says that the incident is going on.
func (i *Incident) Open() bool { return i != nil && i.Result.State == driftd.StateOpen }

// Observation is one closed window of the series.
type Observation struct {
	Window   *driftd.WindowResult
	Columns  []*driftd.ColumnResult
	Base     bool // of the shortest length
	Historic bool // too old to be told to anybody
	NoPage   bool // flags only: the reference carries no guarantee
	Stamp    driftd.Stamp
}

// Observe takes a closed window and gives what changed: an incident that opened,
// grew or was resolved.
func (s *State) Observe(p *Policy, o Observation) []driftd.IncidentResult {
	if o.Base {
		if out, done := s.silence(p, o); done {
			return out
		}
	}
	var qualified []*driftd.ColumnResult
	for _, c := range o.Columns {
		if !c.Evaluated {
			continue
		}
		h := s.history(c.Column, time.Duration(c.WindowLength)*time.Second)
		h.push(c)
		if p.Watched(c.Column) && h.flags() >= Opening && c.Flag {
			qualified = append(qualified, c)
		}
	}
	if o.NoPage {
		return nil
	}
	if s.Incident.Open() && s.Incident.Result.Type == typeDrift {
		return s.goOn(p, o, qualified)
	}
	if len(qualified) == 0 {
		return nil
	}
	return s.open(p, o, qualified)
}

// Types of incidents.
const (
	typeDrift  = "drift"
	typeNoData = "no_data"
)

// silence opens an incident for an expected model that sends nothing for
// Opening base windows, and closes it at the first window with events. A drift
// incident that is open stays the only one.
func (s *State) silence(p *Policy, o Observation) (out []driftd.IncidentResult, done bool) {
	if o.Window.N > 0 {
		s.Silent = 0
		if s.Incident.Open() && s.Incident.Result.Type == typeNoData {
			return []driftd.IncidentResult{s.close(o, driftd.StateResolved)}, false
		}
		return nil, false
	}
	s.Silent++
	if p == nil || !p.Expect || o.Window.Segment != driftd.AllSegment || s.Silent != Opening || s.Incident.Open() {
		return nil, false
	}
	since := o.Window.WindowStart.Add(-time.Duration(o.Window.WindowLength) * time.Second)
	s.start(p, o, typeNoData, since)
	r := &s.Incident.Result
	r.Severity = Page
	if p.Severity != "" {
		r.Severity = p.Severity
	}
	r.Summary = "Model " + r.Model + " has sent no events since " + clock(since) + ". Is its service running, and does it still write to its topic?"
	return []driftd.IncidentResult{*r}, true
}

func (s *State) start(p *Policy, o Observation, kind string, since time.Time) {
	w := o.Window
	r := driftd.IncidentResult{Kind: "incident", Model: w.Model, Segment: w.Segment, Type: kind, State: driftd.StateOpen, Historic: o.Historic,
		OpenedAt: w.WindowEnd, DriftSince: since, ChangedAt: w.WindowEnd, Columns: []driftd.IncidentColumn{}, Stamp: o.Stamp}
	r.ID = incidentID(&r)
	s.Incident = &Incident{Result: r, Lengths: map[string][]time.Duration{}}
}

// incidentID is a function of what the incident is.
func incidentID(r *driftd.IncidentResult) string {
	h := driftd.Hash64(strings.Join([]string{r.Model, r.Segment, r.Type, strconv.FormatInt(r.OpenedAt.UnixNano(), 10)}, "\x00"))
	return hex.EncodeToString([]byte{byte(h >> 56), byte(h >> 48), byte(h >> 40), byte(h >> 32), byte(h >> 24), byte(h >> 16), byte(h >> 8), byte(h)})
}

func (s *State) open(p *Policy, o Observation, qualified []*driftd.ColumnResult) []driftd.IncidentResult {
	s.start(p, o, typeDrift, time.Time{})
	s.add(p, o, qualified)
	return []driftd.IncidentResult{s.Incident.Result}
}

// add puts columns into the incident and words it anew.
func (s *State) add(p *Policy, o Observation, qualified []*driftd.ColumnResult) {
	r := &s.Incident.Result
	for _, c := range qualified {
		h := s.history(c.Column, time.Duration(c.WindowLength)*time.Second)
		first := time.Unix(0, h.firstFlag()).UTC()
		if r.DriftSince.IsZero() || first.Before(r.DriftSince) {
			r.DriftSince = first
		}
		r.Columns = append(r.Columns, incidentColumn(c, first))
		r.Provisional = r.Provisional || c.Provisional
		if sev := p.severity(c.Column); r.Severity == "" || sev == Page {
			r.Severity = sev
		}
	}
	for _, c := range o.Columns {
		s.noteLength(c)
	}
	rank(p, r.Columns)
	r.Pace = s.pace(r.Columns[0].Column)
	r.ChangedAt, r.Stamp = o.Window.WindowEnd, o.Stamp
	r.Summary = summarise(r)
}

func incidentColumn(c *driftd.ColumnResult, first time.Time) driftd.IncidentColumn {
	ic := driftd.IncidentColumn{Column: c.Column, Effect: c.Effect, FirstFlag: first, Moved: c.Moved, PValue: c.PValue, N: c.N, Threshold: driftd.Float(math.NaN())}
	best := math.Inf(1)
	for _, t := range c.Tests { // the strongest of the subtests that decide
		if p := float64(t.PValue); p < best {
			best, ic.Test, ic.Threshold = p, t.Name, t.Threshold
		}
	}
	return ic
}

// rank orders columns by effect times importance.
func rank(p *Policy, cols []driftd.IncidentColumn) {
	slices.SortStableFunc(cols, func(a, b driftd.IncidentColumn) int {
		switch x, y := float64(a.Effect)*p.weight(a.Column), float64(b.Effect)*p.weight(b.Column); {
		case x > y:
			return -1
		case x < y:
			return 1
		}
		return strings.Compare(a.Column, b.Column)
	})
}

// noteLength remembers that a column of the incident flagged at this length.
func (s *State) noteLength(c *driftd.ColumnResult) {
	in := slices.ContainsFunc(s.Incident.Result.Columns, func(x driftd.IncidentColumn) bool { return x.Column == c.Column })
	l := time.Duration(c.WindowLength) * time.Second
	if in && c.Flag && !slices.Contains(s.Incident.Lengths[c.Column], l) {
		s.Incident.Lengths[c.Column] = append(s.Incident.Lengths[c.Column], l)
		slices.Sort(s.Incident.Lengths[c.Column])
	}
}

// goOn grows an open incident, or closes it.
func (s *State) goOn(p *Policy, o Observation, qualified []*driftd.ColumnResult) []driftd.IncidentResult {
	for _, c := range o.Columns {
		s.noteLength(c)
	}
	fresh := slices.DeleteFunc(slices.Clone(qualified), func(c *driftd.ColumnResult) bool {
		return slices.ContainsFunc(s.Incident.Result.Columns, func(x driftd.IncidentColumn) bool { return x.Column == c.Column })
	})
	if len(fresh) > 0 {
		s.Incident.Result.Historic = s.Incident.Result.Historic && o.Historic
		s.add(p, o, fresh)
		return []driftd.IncidentResult{s.Incident.Result}
	}
	if s.clean(p) {
		return []driftd.IncidentResult{s.close(o, driftd.StateResolved)}
	}
	return nil
}

// clean says that each column and length that flagged has Span clean windows in
// a row; a column that was muted since counts as clean.
func (s *State) clean(p *Policy) bool {
	for _, c := range s.Incident.Result.Columns {
		if !p.Watched(c.Column) {
			continue
		}
		for _, l := range s.Incident.Lengths[c.Column] {
			h := s.history(c.Column, l)
			if len(h.Flags) < Span || h.flags() > 0 {
				return false
			}
		}
	}
	return true
}

func (s *State) close(o Observation, state string) driftd.IncidentResult {
	r := &s.Incident.Result
	end := o.Window.WindowEnd
	r.State, r.ResolvedAt, r.ChangedAt, r.Stamp = state, &end, end, o.Stamp
	if r.Type == typeNoData {
		r.Summary = "Model " + r.Model + " sends events again (silent from " + clock(r.DriftSince) + " to " + clock(o.Window.WindowStart) + ")."
	} else {
		r.Summary = "Over: " + where(r) + " is back within its reference in every column that had drifted since " + clock(r.DriftSince) + "."
	}
	return *r
}

// history finds or makes the history of a column and length.
func (s *State) history(column string, length time.Duration) *History {
	i, found := slices.BinarySearchFunc(s.Histories, History{Column: column, Length: length}, func(a, b History) int {
		if c := strings.Compare(a.Column, b.Column); c != 0 {
			return c
		}
		return int(min(1, max(-1, a.Length-b.Length)))
	})
	if !found {
		s.Histories = slices.Insert(s.Histories, i, History{Column: column, Length: length})
	}
	return &s.Histories[i]
}

func (h *History) push(c *driftd.ColumnResult) {
	h.Flags = last(append(h.Flags, c.Flag), Span)
	h.Starts = last(append(h.Starts, c.WindowStart.UnixNano()), Span)
	score := float64(c.Score)
	if math.IsNaN(score) {
		score = 0
	}
	h.Scores = last(append(h.Scores, score), keptScores)
}

func last[T any](x []T, n int) []T {
	if len(x) > n {
		return slices.Clone(x[len(x)-n:])
	}
	return x
}

func (h *History) flags() (n int) {
	for _, f := range h.Flags {
		if f {
			n++
		}
	}
	return n
}

func (h *History) firstFlag() int64 {
	for i, f := range h.Flags {
		if f {
			return h.Starts[i]
		}
	}
	return 0
}
