package reference

import (
	"fmt"
	"slices"
	"time"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/consumers"
	"github.com/driftd/driftd/detectors"
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

func (s *seriesCounts) add(b *builder, ev *consumers.Event, key uint64) {
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
func (b *builder) categoryHash(c, bin int) uint64 {
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
func (b *builder) fit() (*wire.Bundle, error) {
	var refs []*driftd.Reference
	for i, s := range b.series {
		segment := b.model.Segments[i]
		if s.total.Events == 0 {
			continue // a declared value, or `other`, that never came
		}
		refs = append(refs, b.fitSeries(segment, s))
	}
	return wire.NewBundle(b.layout, refs)
}

func (b *builder) fitSeries(segment string, s *seriesCounts) *driftd.Reference {
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
	seasonal := false
	for i, length := range b.opt.Lengths {
		windows := s.complete(b, i, length)
		if i == 0 && b.opt.seasonal(windows) {
			seasonal, r.Timezone = true, b.opt.zone().String()
		}
		slots := seasonal && driftd.HasSlots(length)
		if segment == driftd.AllSegment {
			b.report.Windows = append(b.report.Windows, len(windows))
		}
		sc := driftd.Scale{Length: length, Windows: len(windows)}
		sc.MedianN = medianEvents(windows)
		for c := range b.layout.Columns {
			l := &b.layout.Columns[c]
			cols := make([]detectors.ColumnWindow, len(windows))
			for w, win := range windows {
				cols[w] = detectors.ColumnWindow{Profile: &win.profile.Columns[c], Missing: win.profile.Missing(l, c), NewX: win.newX[c]}
				if slots {
					cols[w].Slot, cols[w].Day = driftd.SlotAt(win.start, b.opt.zone())
				}
			}
			sc.Columns = append(sc.Columns, detectors.FitColumn(l, &r.Columns[c], cols))
		}
		r.Scales = append(r.Scales, sc)
	}
	return r
}

// edge is how near to a window's end the data must come for it to be whole.
const edge = time.Minute

// complete are the windows that the data cover from end to end, in order.
func (s *seriesCounts) complete(b *builder, i int, length time.Duration) []*windowCounts {
	s.mergeBase(b, i, length)
	end := b.last + int64(edge)
	if b.opt.End != nil {
		end = b.opt.End(b.seq)
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
func (s *seriesCounts) mergeBase(b *builder, i int, length time.Duration) {
	if i == 0 || length%b.opt.Lengths[0] != 0 {
		return
	}
	for _, base := range s.scales[0] {
		start := driftd.WindowAt(base.start, length, b.opt.Location).Start
		s.window(i, start, b.layout).profile.Merge(base.profile)
	}
}

func medianEvents(windows []*windowCounts) float64 {
	n := make([]uint64, len(windows))
	for i, w := range windows {
		n[i] = w.profile.Events
	}
	slices.Sort(n)
	if len(n) == 0 {
		return 0
	}
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
