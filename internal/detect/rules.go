package detect

import (
	"fmt"
	"slices"
	"time"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/alerts"
	"github.com/driftd/driftd/detectors"
)

// Use is a reference and when it takes effect. Reference is nil for a segment
// that the reference's data did not have.
type Use struct {
	From      int64 // a window that starts then or later is judged by it
	Layout    *driftd.Layout
	Reference *driftd.Reference
}

// Rules are everything beside the data that a series is judged by: config and
// references. Not safe for concurrent use (it keeps prepared columns).
type Rules struct {
	Series       driftd.Series
	Lengths      []time.Duration // the base length first
	Location     *time.Location
	PagesPerWeek float64
	SeriesCount  int // of the model
	Policy       *alerts.Policy
	Uses         []Use // by From, ascending
	PageMaxAge   time.Duration
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
	provisional bool // the reference is young
	columns     []*detectors.Column
	location    *time.Location // of the reference's slots; nil when it cannot be had: no hour is known then
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
	for i := range u.Layout.Columns {
		if r.watched(u.Layout.Columns[i].Name) {
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
	p := &prepared{alpha: r.Budget(u).Alpha(length)}
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
		p.columns = append(p.columns, detectors.NewColumn(&u.Layout.Columns[i], &u.Reference.Columns[i], sc, p.alpha))
	}
	r.prepared[key] = p
	return p
}

// noReference says why a series without reference is not judged.
func noReference(s driftd.Series, layout string) string {
	if layout == "" {
		return fmt.Sprintf("no reference for model %s: make one with `driftd reference build` and `driftd reference push`", s.Model)
	}
	return fmt.Sprintf("no reference for segment %s in the layout of its profiles", s.Segment)
}
