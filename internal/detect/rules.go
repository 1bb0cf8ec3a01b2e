package detect

import (
	"fmt"
	"slices"
	"time"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/alerts"
	"github.com/driftd/driftd/detectors"
	"github.com/driftd/driftd/detectors/classic"
	"github.com/driftd/driftd/detectors/stream"
)

// Use is a reference and when it takes effect. Reference is nil while one is
// being learned, and for a segment that the reference's data did not have.
type Use struct {
	From      int64 // a window that starts then or later is judged by it
	Layout    *driftd.Layout
	Reference *driftd.Reference
	Origin    Origin

	// Accepted is the event time (ns) at which an open incident ends because what
	// drifted has been accepted; 0: none. Windows that end later and start before
	// From are still judged by the reference before, but tell nobody.
	Accepted int64
}

// Kinds of Origin.
const (
	Pushed    = "pushed"    // made from a file
	Bootstrap = "bootstrap" // learned from what the topics held
	Learned   = "learned"   // from windows that were judged since
	Accepted  = "accepted"  // somebody said that the change is wanted
	Back      = "back"      // somebody went back to an earlier one
)

// Origin says where a reference came from.
type Origin struct {
	Kind, By, Reason string
	At               int64 // clock, ns
	// Since is the start (ns) of the first window that teaches a column; by name,
	// "" for all others; none: every window that is kept.
	Since   map[string]int64
	Learned int64 // kept windows that there were to learn from
	First   int64 // start of the first of them (ns)
	// Columns that were accepted; nil: all.
	Columns []string
	// Trusted is the start of the last window that teaches whatever it was flagged
	// for: somebody has said that it is normal.
	Trusted int64
}

// SinceOf is the start of the first window that teaches a column.
func (o *Origin) SinceOf(column string) int64 {
	if t, ok := o.Since[column]; ok {
		return t
	}
	if t, ok := o.Since[""]; ok {
		return t
	}
	return driftd.MinTime
}

// key tells uses of one series apart.
func (u *Use) key() string {
	if u.Reference == nil {
		return u.Layout.Fingerprint + "/"
	}
	return u.Layout.Fingerprint + "/" + u.Reference.Fingerprint
}

// accepts says whether the use makes what a column has become its normal.
func (u *Use) accepts(column string) bool {
	return u.Accepted != 0 && (u.Origin.Columns == nil || slices.Contains(u.Origin.Columns, column))
}

// Rules are everything beside the data that a series is judged by: config and
// references. Not safe for concurrent use (it keeps prepared columns).
type Rules struct {
	Series       driftd.Series
	Lengths      []time.Duration // the base length first
	Location     *time.Location
	Pane         time.Duration // the grain of Input.Panes; 0: schema breaks are not looked for
	PagesPerWeek float64
	SeriesCount  int                      // of the model, where CountSeries is nil
	CountSeries  func(*driftd.Layout) int // of the model in a layout: a window is judged by that of its own
	Policy       *alerts.Policy
	Uses         []Use // by From, ascending
	PageMaxAge   time.Duration
	Sequential   map[string][]stream.Spec // detectors over the base windows, by column
	Measures     []*detectors.Measure     // shown of each column; nil: detectors.DefaultMeasures
	Classic      map[string]*classic.Rule // by column, "" for all others: decides instead of driftd's rule
	Baseline     string                   // of references that are learned: reference.BaselineAuto or BaselineFixed
	Pairs        bool                     // one that is learned from topics has pairs
	ConfigHash   string
	Version      string

	prepared map[prepareKey]*prepared
}

// A reference is full, not provisional, from FullWindows windows over FullSpan on.
const (
	FullWindows = 100
	FullSpan    = 14 * 24 * time.Hour
)

type prepareKey struct {
	reference string
	length    time.Duration
}

// prepared is a reference made ready for windows of one length.
type prepared struct {
	alpha       float64
	runLength   float64 // base windows between false alarms of a CUSUM
	provisional bool    // the reference is young
	columns     []*detectors.Column
	scratch     detectors.Scratch
	classic     []*classic.Applied // nil where driftd's rule decides
	location    *time.Location     // of the reference's slots; nil when it cannot be had: no hour is known then
}

// slot is the window's hour as the reference has hours, whatever config says.
func (p *prepared) slot(w driftd.Window) driftd.Slot {
	if p.location == nil || !driftd.HasSlots(w.Length) {
		return driftd.NoSlot
	}
	s, _ := driftd.SlotAt(w.Start, p.location)
	return s
}

// useFor finds the reference for a window: the latest in effect at its start
// that is in the layout of its profiles ("" when it has none).
func (r *Rules) useFor(start int64, layout string) (Use, bool) {
	for _, u := range slices.Backward(r.Uses) {
		if u.From <= start && (layout == "" || u.Layout.Fingerprint == layout) {
			return u, true
		}
	}
	return Use{}, false
}

// watched says whether a column is tested and paged.
func (r *Rules) watched(column string) bool {
	return r.Policy == nil || r.Policy.Watched(column)
}

// Budget is the level arithmetic of a reference under these rules: what is
// tested is a function of config and reference, not of traffic.
func (r *Rules) Budget(u Use) detectors.Budget {
	b := detectors.Budget{PagesPerWeek: r.PagesPerWeek, Series: max(1, r.SeriesCount)}
	if r.CountSeries != nil {
		b.Series = max(1, r.CountSeries(u.Layout))
	}
	for i := range u.Layout.Columns {
		if name := u.Layout.Columns[i].Name; r.watched(name) && r.ClassicOf(name) == nil {
			b.Columns++
		}
	}
	for i, l := range r.Lengths {
		sc := u.Reference.Scale(l)
		if i == 0 || sc != nil && sc.Windows >= detectors.MinWindows {
			b.Lengths = append(b.Lengths, l)
		}
	}
	return b
}

func (r *Rules) prepare(u Use, length time.Duration) *prepared {
	key := prepareKey{u.Reference.Fingerprint, length}
	if p := r.prepared[key]; p != nil {
		return p
	}
	if r.prepared == nil {
		r.prepared = map[prepareKey]*prepared{}
	}
	budget := r.Budget(u)
	budget.Columns = max(1, budget.Columns) // none of driftd's rule: its numbers are shown all the same
	p := &prepared{alpha: budget.Alpha(length), runLength: budget.RunLength(length)}
	p.location, _ = u.Reference.Location() // internal/wire has refused a reference whose zone is not known here
	scale := u.Reference.Scale(length)
	base := u.Reference.Scale(r.Lengths[0])
	p.provisional = base == nil || base.Windows < FullWindows || time.Duration(u.Reference.To-u.Reference.From) < FullSpan-time.Hour
	for i := range u.Layout.Columns {
		var sc *driftd.ColumnScale
		switch {
		case scale != nil:
			sc = &scale.Columns[i]
		case !u.Reference.Flat():
			sc = &driftd.ColumnScale{} // windows of this length were never fitted: learning
		}
		c := detectors.NewColumn(&u.Layout.Columns[i], &u.Reference.Columns[i], sc, p.alpha)
		if r.Measures != nil {
			c.Shown = r.Measures
		}
		p.columns = append(p.columns, c)
		var applied *classic.Applied
		if rule := r.ClassicOf(u.Layout.Columns[i].Name); rule != nil {
			applied = rule.Apply(c)
		}
		p.classic = append(p.classic, applied)
	}
	r.prepared[key] = p
	return p
}

// noReference says why a series without reference is not judged.
func noReference(r *Rules, st *State, use *Use) string {
	s := r.Series
	switch {
	case use == nil || use.Layout == nil:
		return fmt.Sprintf("no reference for model %s: make one with `driftd reference build` and `driftd reference push`", s.Model)
	case use.Origin.Kind == Bootstrap || use.Origin.Kind == Learned || use.Origin.Kind == Accepted:
		have, _ := st.Learnable(use)
		return learning(r, have)
	}
	return fmt.Sprintf("no reference for segment %s in the layout of its profiles", s.Segment)
}

// learning says how far a reference that is being learned has come, and how long
// it still takes.
func learning(r *Rules, have int64) string {
	need := int64(detectors.MinWindows)
	if have >= need {
		return fmt.Sprintf("learning: %d windows are there, the reference is being fitted", have)
	}
	return fmt.Sprintf("learning: %d of %d windows of %s; about %s still", have, need, driftd.FormatLength(r.Lengths[0]), driftd.FormatLength(time.Duration(need-have)*r.Lengths[0]))
}
