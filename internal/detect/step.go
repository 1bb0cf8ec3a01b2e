package detect

import (
	"slices"
	"time"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/alerts"
)

// State is what is known of one series between steps.
type State struct {
	Merged  int64 // panes below are in the windows; driftd.MinTime before the first
	Windows []OpenWindow
	Alerts  alerts.State

	Accepted int64 // Use.Accepted of the last that was carried out

	// Base windows that can teach a reference, since LearnedUse took effect.
	Learned      int64
	LearnedFirst int64  // start of the first of them (ns)
	LearnedUse   string // Use.key

	Tally *Tally // of the fast lane, where panes have few events; nil: nothing was counted yet

	Sequences []Sequence // of columns with sequential detectors, in the order of the last base window's results
}

// Learnable is how many windows there are to learn the next reference from, those
// from before the use among them, and the start of the first.
func (s *State) Learnable(u *Use) (windows, first int64) {
	windows, first = u.Origin.Learned, u.Origin.First
	if s.LearnedUse == u.key() {
		if windows == 0 {
			first = s.LearnedFirst
		}
		windows += s.Learned
	}
	return windows, first
}

// Kept is a closed base window that had events in a layout: what references are
// learned from.
type Kept struct {
	driftd.Window
	Layout  string // fingerprint
	Profile *driftd.Profile
	Flagged []int    // columns that drifted
	NewX    []uint64 // by column: values whose level occurs in no other window; nil: what is new to the layout
	Unfit   bool     // incomplete, or too much came late: teaches nothing
}

// Over says that nothing goes on in the series: it had windows, and all have
// retired.
func (s *State) Over() bool {
	for i := range s.Windows {
		if w := &s.Windows[i]; w.open() || w.Start != 0 { // or it is still to begin
			return false
		}
	}
	return s.Merged != driftd.MinTime && len(s.Windows) > 0 && !s.Alerts.Incident.Open() && !s.Alerts.Schema.Open()
}

// Since is the start of the first window that is open; without one Merged.
func (s *State) Since() int64 {
	first := s.Merged
	for i := range s.Windows {
		if w := &s.Windows[i]; w.open() {
			first = min(first, w.Start)
		}
	}
	return first
}

// OpenWindow is a window that still collects panes. A length has none before
// its first pane, and after retirement: then End is not after Start, before which
// none may begin.
type OpenWindow struct {
	driftd.Window
	Layout     string          // fingerprint of the profile's layout
	Profile    *driftd.Profile // nil while nothing came
	Incomplete string          // why it cannot be judged, "" when it can
	Empty      int64           // windows without events just before this one
}

// Pane is the merged profile of one closed pane.
type Pane struct {
	Start   int64
	Layout  string // fingerprint, "" for a model without layout
	Profile *driftd.Profile
}

// Input is what a step adds.
type Input struct {
	Panes    []Pane // in order of time, none below State.Merged
	Until    int64  // every pane below has come: the least frontier
	Begin    int64  // where the data begin; windows that start before are cut
	Gaps     []Gap  // in order: windows that overlap one are not complete
	End      int64  // where the data end (replay); driftd.MaxTime while they go on
	Now      int64  // the clock, for page_max_age alone; 0: nothing is historic
	Revision int64
	Keep     func(*Kept) // takes closed base windows; the profile is the step's own; nil: nobody wants them
}

// RetireAfter is how many windows without events end a segment's rows.
const RetireAfter = 24

// Step merges closed panes into the open windows, closes those that have
// passed and gives their results in order. It changes s to the next state. The
// result depends on the arguments alone.
func Step(r *Rules, s *State, in Input) []driftd.Result {
	var out []driftd.Result
	if !slices.EqualFunc(s.Windows, r.Lengths, func(w OpenWindow, l time.Duration) bool { return w.Length == l }) {
		s.Windows = keepWindows(s.Windows, r.Lengths, s.Merged)
	}
	for _, p := range in.Panes {
		out = closeUntil(r, s, in, p.Start, out)
		for i := range s.Windows {
			s.Windows[i].merge(r, p)
		}
		out = s.fast(r, p, in, out)
	}
	out = closeUntil(r, s, in, in.Until, out)
	s.Merged = max(s.Merged, in.Until)
	return out
}

// Finish closes the windows that still have data when there is no more: those
// of longer lengths at the end of a file.
func Finish(r *Rules, s *State, in Input) []driftd.Result {
	var out []driftd.Result
	for i := range s.Windows {
		if w := &s.Windows[i]; w.open() && w.Profile != nil {
			out = closeWindow(r, s, w, i == 0, in, out)
			*w = OpenWindow{Window: driftd.Window{Length: w.Length}}
		}
	}
	return out
}

// keepWindows carries open windows over to the lengths of a changed config. A new
// length begins with its first window that starts at or after the panes that
// have been merged [E12].
func keepWindows(old []OpenWindow, lengths []time.Duration, merged int64) []OpenWindow {
	out := make([]OpenWindow, len(lengths))
	for i, l := range lengths {
		out[i].Window = driftd.Window{Length: l, Start: merged, End: merged}
		for _, w := range old {
			if w.Length == l {
				out[i] = w
			}
		}
	}
	return out
}

// open says that the window is one in time, not just a length.
func (w *OpenWindow) open() bool { return w.End > w.Start }

func (w *OpenWindow) merge(r *Rules, p Pane) {
	if !w.open() {
		first := driftd.WindowAt(p.Start, w.Length, r.Location)
		if first.Start < w.Start {
			return // the length is new, and this window has lost panes
		}
		*w = OpenWindow{Window: first}
	}
	if p.Profile.Events == 0 && p.Profile.Late == 0 {
		return
	}
	switch {
	case w.Profile == nil:
		w.Layout, w.Profile = p.Layout, p.Profile.Clone()
	case w.Layout == p.Layout:
		w.Profile.Merge(p.Profile)
	default:
		w.Incomplete = "the layout changed inside the window"
		if p.Start >= w.Start { // the newer layout goes on, with the counts of both
			events, late := w.Profile.Events, w.Profile.Late
			w.Layout, w.Profile = p.Layout, p.Profile.Clone()
			w.Profile.Events += events
			w.Profile.Late += late
		}
	}
}

// closeUntil closes windows that end at or before t, in order of their ends,
// shorter ones first.
func closeUntil(r *Rules, s *State, in Input, t int64, out []driftd.Result) []driftd.Result {
	for {
		next := -1
		for i := range s.Windows {
			w := &s.Windows[i]
			if w.open() && w.End <= t && (next < 0 || w.End < s.Windows[next].End) {
				next = i
			}
		}
		if next < 0 {
			return accept(r, s, in, t, out)
		}
		w := &s.Windows[next]
		out = accept(r, s, in, w.End-1, out)
		out = closeWindow(r, s, w, next == 0, in, out)
		if w.advance(r); next == 0 && !w.open() {
			out = retire(r, s, in, t, out)
		}
	}
}

// retire ends the incident of a series that has had no events for RetireAfter
// base windows: nothing would ever resolve it.
func retire(r *Rules, s *State, in Input, t int64, out []driftd.Result) []driftd.Result {
	stamp := driftd.Stamp{Revision: in.Revision, ConfigHash: r.ConfigHash, Version: r.Version}
	changes := s.Alerts.Retire(utc(t), stamp)
	for i := range changes {
		out = append(out, driftd.Result{Incident: &changes[i]})
	}
	return out
}

// accept ends what an accepted reference ends, up to event time t: the table of
// incidents is the same whenever the step is made.
func accept(r *Rules, s *State, in Input, t int64, out []driftd.Result) []driftd.Result {
	for i := range r.Uses {
		u := &r.Uses[i]
		if u.Accepted <= s.Accepted || u.Accepted > t {
			continue
		}
		s.Accepted = u.Accepted
		stamp := driftd.Stamp{Revision: in.Revision, ConfigHash: r.ConfigHash, Version: r.Version}
		if change := s.Alerts.Accept(u.Origin.Columns, utc(u.Accepted), stamp); change != nil {
			out = append(out, driftd.Result{Incident: change})
		}
	}
	return out
}

// expected says that the series' silence is itself news: it never retires.
func (r *Rules) expected() bool {
	return r.Series.Segment == driftd.AllSegment && r.Policy != nil && r.Policy.Expect
}

// advance opens the window that follows, or none after RetireAfter empty ones.
func (w *OpenWindow) advance(r *Rules) {
	empty := int64(0)
	if w.Profile == nil || w.Profile.Events == 0 {
		empty = w.Empty + 1
	}
	if empty >= RetireAfter && !r.expected() {
		*w = OpenWindow{Window: driftd.Window{Length: w.Length}}
		return
	}
	*w = OpenWindow{Window: driftd.WindowAt(w.End, w.Length, r.Location), Empty: empty}
}
