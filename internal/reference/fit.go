package reference

import (
	"fmt"
	"slices"
	"time"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/consumers"
	"github.com/driftd/driftd/detectors"
	"github.com/driftd/driftd/internal/detect"
	"github.com/driftd/driftd/internal/wire"
)

// seriesCounts are the counts of one series: whole, and by window.
type seriesCounts struct {
	total      *driftd.Profile
	singletons []uint64
	scales     []map[int64]*windowCounts
}

type windowCounts struct {
	start   int64
	profile *driftd.Profile
	newX    []uint64 // by column: values whose level occurs in no other window
}

func newSeriesCounts(l *driftd.Layout, lengths int) *seriesCounts {
	s := &seriesCounts{total: driftd.NewProfile(l), singletons: make([]uint64, len(l.Columns)), scales: make([]map[int64]*windowCounts, lengths)}
	for i := range s.scales {
		s.scales[i] = map[int64]*windowCounts{}
	}
	return s
}

func (s *seriesCounts) add(b *Builder, ev *consumers.Event, key uint64) {
	s.total.Add(ev.Groups, ev.Values, key)
	// Only the base windows count events; longer ones are merged from them when
	// they fit, which an hour of a day always does.
	for i := range s.scales {
		if i > 0 && !b.opt.Flat && b.opt.Lengths[i]%b.opt.Lengths[0] == 0 {
			continue
		}
		w := s.window(i, b.windows[i], b.layout)
		w.profile.Add(ev.Groups, ev.Values, key)
	}
	for c := range ev.Values {
		v := &ev.Values[c]
		if b.layout.Columns[c].Kind != driftd.Categorical || len(b.singles[c]) == 0 {
			continue
		}
		h := v.Hash
		switch v.Class {
		case driftd.Placed:
			h = b.categoryHash(c, int(v.Bin))
		case driftd.RareLevel, driftd.NewLevel:
		default:
			continue
		}
		if b.once[c][h] {
			s.singletons[c]++
		}
		for i, only := range b.singles[c][h] {
			if only != manyWindows {
				s.window(i, only, b.layout).newX[c]++
			}
		}
	}
}

func (s *seriesCounts) window(i int, start int64, l *driftd.Layout) *windowCounts {
	w := s.scales[i][start]
	if w == nil {
		w = &windowCounts{start: start, profile: driftd.NewProfile(l), newX: make([]uint64, len(l.Columns))}
		s.scales[i][start] = w
	}
	return w
}

// categoryHash is the hash of a category's name, found once.
func (b *Builder) categoryHash(c, bin int) uint64 {
	if b.hashes == nil {
		b.hashes = make([][]uint64, len(b.layout.Columns))
	}
	if b.hashes[c] == nil {
		for _, s := range b.layout.Columns[c].Categories {
			b.hashes[c] = append(b.hashes[c], driftd.Hash64(s))
		}
	}
	return b.hashes[c][bin]
}

// fit makes the references of all series.
func (b *Builder) fit() (*wire.Bundle, error) {
	var refs []*driftd.Reference
	for i, s := range b.series {
		segment := b.model.Segments[i]
		if s.total.Events == 0 {
			continue // a declared value, or `other`, that never came
		}
		ref := b.fitSeries(segment, s)
		if !b.opt.Flat {
			base := b.opt.Baseline
			if ref.Timezone == "" {
				base = BaselineFixed
			}
			ref.SelfTest = selfTest(b.layout, b.Kept(i), ref, FitOptions{Model: b.opt.Model, Segment: segment, Lengths: b.opt.Lengths, Location: b.opt.Location, Baseline: base})
		}
		refs = append(refs, ref)
	}
	return wire.NewBundle(b.layout, refs)
}

func (b *Builder) fitSeries(segment string, s *seriesCounts) *driftd.Reference {
	r := &driftd.Reference{Model: b.opt.Model, Segment: segment, Source: b.opt.Description, Events: s.total.Events, Groups: s.total.Groups}
	if !b.opt.Flat {
		r.From, r.To = b.first, b.last
	}
	for c := range b.layout.Columns {
		r.Columns = append(r.Columns, driftd.ColumnReference{Profile: s.total.Columns[c], Missing: s.total.Missing(&b.layout.Columns[c], c), Singletons: s.singletons[c]})
	}
	if b.opt.Flat {
		return r
	}
	f := fitter{layout: b.layout, ref: r, lengths: b.opt.Lengths}
	base := s.complete(b, 0, b.opt.Lengths[0])
	if b.opt.seasonal(base) {
		f.slots(b.opt.zone())
	}
	for i, length := range b.opt.Lengths {
		windows := s.complete(b, i, length)
		if segment == driftd.AllSegment {
			b.report.Windows = append(b.report.Windows, len(windows))
		}
		fit := make([]fitWindow, len(windows))
		for k, w := range windows {
			fit[k] = fitWindow{start: w.start, profile: w.profile, newX: w.newX}
		}
		f.scale(length, fit, nil)
	}
	return r
}

// fitWindow is a window that teaches.
type fitWindow struct {
	start   int64
	profile *driftd.Profile
	newX    []uint64 // by column: values whose level occurs in no other window
	of      []*detect.Kept
}

// fitter fits the scales of one series' reference.
type fitter struct {
	layout  *driftd.Layout
	ref     *driftd.Reference
	lengths []time.Duration
	zone    *time.Location // of the slots; nil: a fixed baseline
}

// slots makes the baseline seasonal.
func (f *fitter) slots(zone *time.Location) { f.zone, f.ref.Timezone = zone, zone.String() }

// scale fits the windows of one length (in order of time) and adds the scale to
// the reference. fit, when set, decides how a column is fitted.
func (f *fitter) scale(length time.Duration, windows []fitWindow, fit func(c int, windows func(teaches func(*fitWindow) bool) []detectors.ColumnWindow) driftd.ColumnScale) {
	n := make([]uint64, len(windows))
	for i := range windows {
		n[i] = windows[i].profile.Events
	}
	sc := driftd.Scale{Length: length, Windows: len(windows), MedianN: medianCount(n)}
	for c := range f.layout.Columns {
		if fit == nil {
			sc.Columns = append(sc.Columns, detectors.FitColumn(&f.layout.Columns[c], &f.ref.Columns[c], f.column(c, length, windows, nil)))
			continue
		}
		sc.Columns = append(sc.Columns, fit(c, func(teaches func(*fitWindow) bool) []detectors.ColumnWindow {
			return f.column(c, length, windows, teaches)
		}))
	}
	f.ref.Scales = append(f.ref.Scales, sc)
}

// column is what the windows that teach a column say about it.
func (f *fitter) column(c int, length time.Duration, windows []fitWindow, teaches func(*fitWindow) bool) []detectors.ColumnWindow {
	l := &f.layout.Columns[c]
	cols := make([]detectors.ColumnWindow, 0, len(windows))
	for i := range windows {
		w := &windows[i]
		if teaches != nil && !teaches(w) {
			continue
		}
		cw := detectors.ColumnWindow{Profile: &w.profile.Columns[c], Missing: w.profile.Missing(l, c), NewX: w.newX[c]}
		if f.zone != nil && driftd.HasSlots(length) {
			cw.Slot, cw.Day = driftd.SlotAt(w.start, f.zone)
		}
		cols = append(cols, cw)
	}
	return cols
}

// edge is how near to a window's end the data must come for it to be whole.
const edge = time.Minute

// complete are the windows that the data cover from end to end, in order.
func (s *seriesCounts) complete(b *Builder, i int, length time.Duration) []*windowCounts {
	s.mergeBase(b, i, length)
	end := b.last + int64(edge)
	if b.opt.End != nil {
		end = b.opt.End(b.events)
	}
	var out []*windowCounts
	for _, w := range s.scales[i] {
		win := driftd.WindowAt(w.start, length, b.opt.Location)
		if w.profile.Events == 0 || win.End > end || !b.opt.Whole && b.first-win.Start >= int64(edge) {
			continue
		}
		out = append(out, w)
	}
	slices.SortFunc(out, func(a, b *windowCounts) int {
		if a.start < b.start {
			return -1
		}
		return 1
	})
	return out
}

// mergeBase fills a longer length's windows from the base windows.
func (s *seriesCounts) mergeBase(b *Builder, i int, length time.Duration) {
	if i == 0 || length%b.opt.Lengths[0] != 0 {
		return
	}
	for _, base := range s.scales[0] {
		start := driftd.WindowAt(base.start, length, b.opt.Location).Start
		s.window(i, start, b.layout).profile.Merge(base.profile)
	}
}

// medianCount is the (upper) median; n is sorted by it.
func medianCount(n []uint64) float64 {
	if len(n) == 0 {
		return 0
	}
	slices.Sort(n)
	return float64(n[len(n)/2])
}

// Describe puts the report in words.
func (r *Report) Describe(lengths []time.Duration) string {
	s := fmt.Sprintf("%d events", r.Events)
	for i, n := range r.Windows {
		s += fmt.Sprintf(", %d windows of %s", n, driftd.FormatLength(lengths[i]))
	}
	return s
}
