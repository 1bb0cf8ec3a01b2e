package reference

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/detectors"
	"github.com/driftd/driftd/internal/detect"
)

// FitOptions say how a reference is made from closed windows.
type FitOptions struct {
	Model, Segment string
	Lengths        []time.Duration // the base first: that of the windows
	Location       *time.Location
	Source         string // Reference.Source
	Origin         detect.Origin
	Baseline       string // BaselineAuto ("") or BaselineFixed

	// Inherit is the reference whose dispersion a column takes as long as it has
	// fewer than detectors.MinWindows windows of its own; nil: it has none then.
	Inherit *driftd.Reference

	// Keep are columns that stay as they are in Inherit.
	Keep func(column string) bool

	// Singletons of the layout's columns, when they are known.
	Singletons []uint64
}

// FitWindows makes a reference from base windows in one layout, without the
// events: they may be incomplete in number and order. Unfit windows teach
// nothing, windows that were flagged nothing about the column that drifted.
func FitWindows(l *driftd.Layout, windows []*detect.Kept, opt FitOptions) (*driftd.Reference, error) {
	r, err := fitWindows(l, windows, opt)
	if err == nil && opt.Inherit == nil {
		r.SelfTest = selfTest(l, windows, r, opt)
	}
	return r, err
}

func fitWindows(l *driftd.Layout, windows []*detect.Kept, opt FitOptions) (*driftd.Reference, error) {
	ws := usable(l, windows)
	if opt.Keep == nil { // what nobody learns from is not of the reference
		least := driftd.MaxTime
		for c := range l.Columns {
			least = min(least, opt.Origin.SinceOf(l.Columns[c].Name))
		}
		ws = slices.DeleteFunc(ws, func(w *detect.Kept) bool { return w.Start < least })
	}
	if len(ws) == 0 {
		return nil, fmt.Errorf("no window of model %s, segment %s, can teach a reference", opt.Model, opt.Segment)
	}
	r := &driftd.Reference{Model: opt.Model, Segment: opt.Segment, Source: opt.Source, From: ws[0].Start, To: ws[len(ws)-1].End}
	for _, w := range ws {
		r.Events += w.Profile.Events
		for g := range r.Groups {
			r.Groups[g] += w.Profile.Groups[g]
		}
	}
	for c := range l.Columns {
		r.Columns = append(r.Columns, mergeColumn(l, c, ws, &opt))
	}
	f := fitter{layout: l, ref: r, lengths: opt.Lengths}
	zone, err := opt.zone()
	if err != nil {
		return nil, err
	}
	seasonal := opt.Baseline != BaselineFixed && longEnough(opt.taught(ws), ws[len(ws)-1].Start, opt.Lengths[0])
	if seasonal || opt.Inherit != nil && opt.Inherit.Timezone != "" {
		f.slots(zone)
	}
	for i, length := range opt.Lengths {
		f.scale(length, longer(ws, length, i == 0, opt.Location), opt.column(l, r, length, seasonal))
	}
	if opt.Keep != nil {
		opt.keepSpan(r)
	}
	return r, nil
}

// keepSpan leaves the whole's figures as they are in Inherit: most columns stay.
func (opt *FitOptions) keepSpan(r *driftd.Reference) {
	r.From, r.To, r.Events, r.Groups = opt.Inherit.From, opt.Inherit.To, opt.Inherit.Events, opt.Inherit.Groups
	for i := range r.Scales {
		if sc := opt.Inherit.Scale(r.Scales[i].Length); sc != nil {
			r.Scales[i].Windows, r.Scales[i].MedianN = sc.Windows, sc.MedianN
		}
	}
}

// zone is that of the slots: the earlier reference's, where slots may be taken
// over from it.
func (opt *FitOptions) zone() (*time.Location, error) {
	if opt.Inherit != nil && opt.Inherit.Timezone != "" {
		return opt.Inherit.Location()
	}
	return location(opt.Location), nil
}

// taught is the start of the first window that teaches most columns.
func (opt *FitOptions) taught(ws []*detect.Kept) int64 {
	return max(ws[0].Start, opt.Origin.SinceOf(""))
}

func location(l *time.Location) *time.Location {
	if l == nil {
		return time.UTC
	}
	return l
}

// usable are the windows in the layout that can teach, in order of time, each once.
func usable(l *driftd.Layout, windows []*detect.Kept) []*detect.Kept {
	var ws []*detect.Kept
	for _, w := range windows {
		if !w.Unfit && w.Layout == l.Fingerprint {
			ws = append(ws, w)
		}
	}
	slices.SortStableFunc(ws, func(a, b *detect.Kept) int { return cmp.Compare(a.Start, b.Start) })
	return slices.CompactFunc(ws, func(a, b *detect.Kept) bool { return a.Start == b.Start })
}

// teaches says whether a window says something about column c.
func teaches(w *detect.Kept, l *driftd.Layout, c int, o *detect.Origin) bool {
	return w.Start >= o.SinceOf(l.Columns[c].Name) && (w.Start <= o.Trusted || !slices.Contains(w.Flagged, c))
}

// mergeColumn adds the counts of the windows that teach column c up.
func mergeColumn(l *driftd.Layout, c int, ws []*detect.Kept, opt *FitOptions) driftd.ColumnReference {
	if opt.Keep != nil && opt.Keep(l.Columns[c].Name) {
		return opt.Inherit.Columns[c]
	}
	sum := driftd.NewProfile(l)
	ref := driftd.ColumnReference{}
	for _, w := range ws {
		if !teaches(w, l, c, &opt.Origin) {
			continue
		}
		sum.MergeColumn(c, w.Profile)
		ref.Missing += w.Profile.Missing(&l.Columns[c], c)
	}
	ref.Profile = sum.Columns[c]
	if opt.Singletons != nil {
		ref.Singletons = opt.Singletons[c]
	}
	return ref
}

// longer merges base windows into windows of a length. A longer one that has
// fewer than nine tenths of the base windows of the fullest is left out: a hole
// or an end of the data runs through it. So are all of them where there are fewer
// than a week of them and the fullest is not whole: it cannot be told what is.
func longer(ws []*detect.Kept, length time.Duration, base bool, loc *time.Location) []fitWindow {
	var out []fitWindow
	for _, w := range ws {
		start := w.Start
		if !base {
			start = driftd.WindowAt(w.Start, length, loc).Start
		}
		if len(out) == 0 || out[len(out)-1].start != start {
			out = append(out, fitWindow{start: start})
		}
		last := &out[len(out)-1]
		last.of = append(last.of, w)
	}
	if !base {
		most := 0
		for i := range out {
			most = max(most, len(out[i].of))
		}
		whole := int(length / ws[0].Length)
		unsure := len(out) < 7 && 10*most < 9*whole
		out = slices.DeleteFunc(out, func(w fitWindow) bool { return unsure || 10*len(w.of) < 9*most })
	}
	for i := range out {
		w := &out[i]
		w.profile = w.of[0].Profile
		if len(w.of) > 1 {
			w.profile = w.profile.Clone()
			for _, part := range w.of[1:] {
				w.profile.Merge(part.Profile)
			}
		}
		w.newX = newLevels(w.of)
	}
	return out
}

// newLevels is how many values have a level that no other window has, as far as
// that is known: what is new to the layout, where nobody counted it.
func newLevels(of []*detect.Kept) []uint64 {
	n := make([]uint64, len(of[0].Profile.Columns))
	for _, k := range of {
		for c := range n {
			if k.NewX != nil {
				n[c] += k.NewX[c]
			} else {
				n[c] += k.Profile.Columns[c].Classes[driftd.NewLevel]
			}
		}
	}
	return n
}

// column decides how a column is fitted: over its own windows, or as long as
// these are too few with what an earlier reference knows of how they vary. Where
// that knew each hour's usual, enough of them for that are waited for.
func (opt *FitOptions) column(l *driftd.Layout, r *driftd.Reference, length time.Duration, seasonal bool) func(int, func(func(*fitWindow) bool) []detectors.ColumnWindow) driftd.ColumnScale {
	return func(c int, windows func(func(*fitWindow) bool) []detectors.ColumnWindow) driftd.ColumnScale {
		var before *driftd.ColumnScale
		if opt.Inherit != nil {
			if sc := opt.Inherit.Scale(length); sc != nil {
				before = &sc.Columns[c]
			}
		}
		if before != nil && opt.Keep != nil && opt.Keep(l.Columns[c].Name) {
			return *before
		}
		ws := windows(func(w *fitWindow) bool {
			return !slices.ContainsFunc(w.of, func(k *detect.Kept) bool { return !teaches(k, l, c, &opt.Origin) })
		})
		own := detectors.FitColumn(&l.Columns[c], &r.Columns[c], ws)
		enough := own.Windows >= detectors.MinWindows && (seasonal || before != nil && !before.Seasonal())
		if before == nil || before.Windows < detectors.MinWindows || enough {
			return own
		}
		return detectors.InheritColumn(&l.Columns[c], &r.Columns[c], ws, before)
	}
}
