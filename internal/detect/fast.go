package detect

import (
	"slices"
	"time"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/alerts"
)

// What the fast lane calls a break: a column that at least brokenUsual of the
// reference's events had, and that at least brokenShare of a pane's events lack,
// or have with a value of another type; a source brokenRecords of whose records
// are no events. docs/adr/0008-fast-lane.md says why.
const (
	brokenUsual   = .95
	brokenShare   = .4
	brokenRecords = .2
)

// Tally is what the fast lane counts: of one pane, or of several in a row where
// these have few events.
type Tally struct {
	Layout     string // fingerprint
	Start      int64  // of the first pane (ns)
	Events     uint64
	Rejected   uint64
	Groups     [2]uint64
	Had, Typed []uint64 // by column: events with a value, with one of another type
}

func (y *Tally) add(p *driftd.Profile) {
	y.Events += p.Events
	y.Rejected += p.Rejected
	for g := range y.Groups {
		y.Groups[g] += p.Groups[g]
	}
	if y.Had == nil {
		y.Had, y.Typed = make([]uint64, len(p.Columns)), make([]uint64, len(p.Columns))
	}
	for i := range p.Columns {
		c := &p.Columns[i]
		y.Had[i] += c.Present() - c.Classes[driftd.Null]
		y.Typed[i] += c.Classes[driftd.TypeError]
	}
}

// FastLane says whether schema breaks are looked for at a pane and the windows'
// lengths: not where a window is as quick.
func FastLane(pane time.Duration, lengths []time.Duration) bool {
	return pane > 0 && alerts.BreakPanes*pane <= lengths[0]
}

// fast gives a pane to the series' fast lane, which looks when it has counted
// events enough. What takes longer than a window to count is left to windows.
func (s *State) fast(r *Rules, p Pane, in Input, out []driftd.Result) []driftd.Result {
	if !FastLane(r.Pane, r.Lengths) || p.Profile == nil {
		return out
	}
	y := s.Tally
	if y == nil || y.Layout != p.Layout || p.Start-y.Start >= int64(r.Lengths[0]) {
		y = &Tally{Layout: p.Layout, Start: p.Start}
	} else {
		y = y.clone() // a state that was handed on does not change
	}
	y.add(p.Profile)
	if s.Tally = y; y.Events+y.Rejected < alerts.BreakEvents {
		return out
	}
	s.Tally = nil
	l := &alerts.Look{Model: r.Series.Model, Segment: r.Series.Segment, Start: y.Start, End: p.Start + int64(r.Pane), Remember: 2 * r.Lengths[len(r.Lengths)-1],
		Stamp: driftd.Stamp{Revision: in.Revision, ConfigHash: r.ConfigHash, Version: r.Version}}
	l.Historic = in.Now > 0 && r.PageMaxAge > 0 && in.Now-l.End > int64(r.PageMaxAge)
	if r.Policy != nil {
		l.Stamp.Labels = r.Policy.Labels
	}
	s.lostRecords(l, y)
	if use, found := r.useFor(p.Start, p.Layout); found && use.Reference != nil && p.Layout != "" {
		l.Stamp.Reference = use.Reference.Fingerprint
		s.lostColumns(r, l, use, y)
	}
	if len(l.Losses) == 0 && len(s.Alerts.Breaks) == 0 {
		return out
	}
	for _, n := range p.Profile.UnknownNames {
		l.New = append(l.New, n.Name)
	}
	slices.Sort(l.New)
	if change := s.Alerts.Look(r.Policy, l); change != nil {
		out = append(out, driftd.Result{Incident: change})
	}
	return out
}

func (y *Tally) clone() *Tally {
	z := *y
	z.Had, z.Typed = slices.Clone(y.Had), slices.Clone(y.Typed)
	return &z
}

// lostRecords looks at records that were no events.
func (s *State) lostRecords(l *alerts.Look, y *Tally) {
	n := y.Events + y.Rejected
	s.lost(l, alerts.Loss{Column: alerts.BreakRecords, Kind: alerts.BreakUndecodable, N: n, Share: float64(y.Rejected) / float64(n), Threshold: brokenRecords})
}

func (s *State) lostColumns(r *Rules, l *alerts.Look, use Use, y *Tally) {
	prep := r.prepare(use, r.Lengths[0])
	slot := prep.slot(driftd.WindowAt(l.Start, r.Lengths[0], r.Location))
	ref := use.Reference
	for i := range use.Layout.Columns {
		c := &use.Layout.Columns[i]
		// Where nearly all of the reference's events have the column's group, an
		// event without it lacks the column too.
		n := y.Groups[c.Group]
		if float64(ref.Groups[c.Group]) >= brokenUsual*float64(ref.Events) {
			n = y.Events
		}
		if n < alerts.BreakEvents || !r.watched(c.Name) {
			continue
		}
		null, typed := prep.columns[i].UsualBroken(slot)
		s.lost(l, alerts.Loss{Column: c.Name, Kind: alerts.BreakGone, N: n, Share: 1 - float64(y.Had[i])/float64(n), Usual: null, Threshold: brokenShare})
		s.lost(l, alerts.Loss{Column: c.Name, Kind: alerts.BreakType, N: n, Share: float64(y.Typed[i]) / float64(n), Usual: typed, Threshold: brokenShare})
	}
}

// lost adds a loss to the look where it matters.
func (s *State) lost(l *alerts.Look, x alerts.Loss) {
	x.Broken = x.Share >= x.Threshold && x.Usual <= 1-brokenUsual
	if x.Broken || s.Alerts.Watching(x.Column, x.Kind) {
		l.Losses = append(l.Losses, x)
	}
}

// spoiled says which columns' flags in a window tell nobody: a schema break that
// lies in it has been told of.
func (s *State) spoiled(w *OpenWindow, waived func(string) bool) func(string) bool {
	if len(s.Alerts.Breaks) == 0 {
		return waived
	}
	return func(column string) bool {
		return waived != nil && waived(column) || s.Alerts.BrokenIn(column, w.Start, w.End)
	}
}
