package alerts

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/driftd/driftd"
)

// The fast lane: what breaks a schema is told by panes, without waiting for a
// window, and without a test that costs any of the windows' budget. A pane counts
// when it has BreakEvents events; a break opens an incident when BreakPanes such
// panes in a row are broken, and is over when as many are whole.
const (
	BreakPanes  = 3
	BreakEvents = 50
)

// Kinds of breaks.
const (
	BreakGone        = "gone"        // events lack the column, or have null
	BreakType        = "type"        // values of another type
	BreakUndecodable = "undecodable" // records that are no events
)

// BreakRecords stands for a column where the records themselves are broken.
const BreakRecords = "(records)"

// Loss is what one pane has lost of what nearly all of the reference's events had.
type Loss struct {
	Column, Kind string
	N            uint64  // events (records, where these are broken)
	Share, Usual float64 // of N, and of the reference's events
	Threshold    float64
	Broken       bool
}

// Look is one pane of a series.
type Look struct {
	Model, Segment string
	Start, End     int64
	Losses         []Loss   // of what had events enough: all that is broken, and whatever Watching says
	New            []string // names of columns that came and that the layout has not
	Historic       bool
	Remember       time.Duration // for how long windows ask whether a break was inside them
	Stamp          driftd.Stamp
}

// Break is a loss over several panes.
type Break struct {
	Column, Kind  string
	Broken, Whole int // panes in a row
	Open          bool
	Since, Until  int64 // start of the first broken pane, end of the last one (ns)
}

func (s *State) breakOf(column, kind string) int {
	return slices.IndexFunc(s.Breaks, func(b Break) bool { return b.Column == column && b.Kind == kind })
}

// Watching says that it matters whether the column is whole again.
func (s *State) Watching(column, kind string) bool { return s.breakOf(column, kind) >= 0 }

// BrokenIn says that a break of the column was told of, and lies inside a span: a window that it spoils tells nobody again.
func (s *State) BrokenIn(column string, start, end int64) bool {
	return slices.ContainsFunc(s.Breaks, func(b Break) bool {
		return b.Column == column && b.Since < end && b.Until > start && (b.Open || b.Whole >= BreakPanes)
	})
}

// Look takes a pane, in order of time, and gives what it changes; nil: nothing.
func (s *State) Look(p *Policy, l *Look) *driftd.IncidentResult {
	var opened []Loss
	for _, x := range l.Losses {
		i := s.breakOf(x.Column, x.Kind)
		if i < 0 {
			if !x.Broken {
				continue
			}
			i = len(s.Breaks)
			s.Breaks = append(slices.Clip(s.Breaks), Break{Column: x.Column, Kind: x.Kind, Since: l.Start})
		}
		if b := &s.Breaks[i]; b.step(&x, l) {
			opened = append(opened, x)
		}
	}
	s.Breaks = slices.DeleteFunc(slices.Clone(s.Breaks), func(b Break) bool {
		return !b.Open && b.Broken == 0 && (b.Whole < BreakPanes || b.Until+int64(l.Remember) < l.Start)
	})
	return s.tellBreaks(p, l, opened)
}

// step moves the break by one pane, and says whether it has opened.
func (b *Break) step(x *Loss, l *Look) (opened bool) {
	if !x.Broken {
		if b.Broken = 0; b.Open {
			if b.Whole++; b.Whole >= BreakPanes {
				b.Open = false
			}
		}
		return false
	}
	if b.Broken == 0 && !b.Open {
		b.Since = l.Start
	}
	b.Broken, b.Whole, b.Until = min(b.Broken+1, BreakPanes), 0, l.End
	if b.Open || b.Broken < BreakPanes {
		return false
	}
	b.Open = true
	return true
}

func (s *State) tellBreaks(p *Policy, l *Look, opened []Loss) *driftd.IncidentResult {
	in := s.Schema
	switch {
	case len(opened) > 0:
		if !in.Open() {
			in = s.startBreak(p, l)
		}
		for _, x := range opened {
			since := time.Unix(0, s.Breaks[s.breakOf(x.Column, x.Kind)].Since).UTC()
			if since.Before(in.Result.DriftSince) {
				in.Result.DriftSince = since
			}
			c := in.column(x.Column)
			if c == nil {
				in.Result.Columns = append(in.Result.Columns, driftd.IncidentColumn{Column: x.Column})
				c = in.column(x.Column)
			}
			*c = driftd.IncidentColumn{Column: x.Column, Test: x.Kind, Effect: driftd.Float(x.Share), FirstFlag: since, Moved: x.words(),
				PValue: driftd.Float(math.NaN()), Threshold: driftd.Float(x.Threshold), N: x.N}
		}
		in.Result.ChangedAt, in.Result.Stamp, in.Result.Historic = time.Unix(0, l.End).UTC(), l.Stamp, l.Historic
		in.Result.Summary = summariseBreak(&in.Result, l)
	case in.Open() && !slices.ContainsFunc(s.Breaks, func(b Break) bool { return b.Open }):
		in.end(driftd.StateResolved, time.Unix(0, l.End).UTC(), l.Stamp)
	case in.Open() && in.Result.Historic && !l.Historic && slices.ContainsFunc(l.Losses, func(x Loss) bool { return x.Broken }): // found in old panes, and it goes on
		in.Result.Historic, in.Result.ChangedAt, in.Result.Stamp = false, time.Unix(0, l.End).UTC(), l.Stamp
	default:
		return nil
	}
	told := in.told()
	return &told
}

func (s *State) startBreak(p *Policy, l *Look) *Incident {
	end := time.Unix(0, l.End).UTC()
	r := driftd.IncidentResult{Kind: "incident", Model: l.Model, Segment: l.Segment, Type: TypeSchema, State: driftd.StateOpen, OpenedAt: end, ChangedAt: end,
		DriftSince: end, Columns: []driftd.IncidentColumn{}, Severity: p.noDataSeverity()}
	r.ID = incidentID(&r)
	s.Schema = &Incident{Result: r}
	return s.Schema
}

// words say what has changed.
func (x *Loss) words() string {
	now, usual := percent(x.Share), percent(x.Usual)
	switch x.Kind {
	case BreakGone:
		return fmt.Sprintf("gone: %s of events lack it or have null, usually %s", now, usual)
	case BreakType:
		return fmt.Sprintf("another type: %s of its values, usually %s", now, usual)
	}
	return fmt.Sprintf("undecodable: %s of records are no events", now)
}

// percent writes a share in whole points, or with one digit where it is small.
func percent(x float64) string {
	if x > 0 && x < .1 {
		return fmt.Sprintf("%.1f %%", 100*x)
	}
	return fmt.Sprintf("%.0f %%", 100*x)
}

func summariseBreak(r *driftd.IncidentResult, l *Look) string {
	var b strings.Builder
	c := r.Columns[0]
	fmt.Fprintf(&b, "Schema break in %s since %s: %s: %s (%d in the %s to %s).", where(r), clock(r.DriftSince), c.Column, c.Moved, c.N, span(time.Duration(l.End-l.Start)), clock(r.ChangedAt))
	others(&b, r.Columns[1:])
	if len(l.New) > 0 {
		fmt.Fprintf(&b, " Columns that came instead, or are new: %s.", strings.Join(l.New[:min(named, len(l.New))], ", "))
	}
	if r.Historic {
		b.WriteString(" Found in old events: nobody was told.")
	}
	what := "these columns"
	if len(r.Columns) == 1 {
		what = c.Column
	}
	if c.Column == BreakRecords {
		fmt.Fprintf(&b, " What to do: read the reasons in the dead letters topic, and ask who writes these records what was deployed around %s.", clock(r.DriftSince))
		return b.String()
	}
	fmt.Fprintf(&b, " What to do: ask who produces %s what was deployed around %s (a field renamed, another type). If it is to stay so, make a reference from the new events (`driftd reference build`).", what, clock(r.DriftSince))
	return b.String()
}
