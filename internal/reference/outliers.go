package reference

import (
	"cmp"
	"slices"
	"time"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/detectors"
	"github.com/driftd/driftd/internal/detect"
)

// OutlierSigmas is from how many standard errors on a window of the reference
// stands out (STATISTICS 7).
const OutlierSigmas = 6

// Outlier is a window that does not fit the reference that it is part of.
type Outlier struct {
	Start, End int64 // ns
	Column     string
	Score      string
	Sigmas     float64
	More       int // further columns in which it stands out
}

// Outliers are the windows of a reference that stand out in it, the furthest
// first: each once, with its worst column. location is that of the slots.
func Outliers(l *driftd.Layout, ref *driftd.Reference, windows []*detect.Kept, location *time.Location) (out []Outlier) {
	if ref.Flat() {
		return nil
	}
	byStart := map[int64]*Outlier{}
	for c := range l.Columns {
		col := detectors.NewColumn(&l.Columns[c], &ref.Columns[c], &ref.Scales[0].Columns[c], detectors.MaxAlpha)
		for _, w := range usable(l, windows) {
			cw := columnWindow(l, c, ref, w, location)
			z, score := col.Outlying(&cw)
			if z <= OutlierSigmas {
				continue
			}
			o := byStart[w.Start]
			if o == nil {
				byStart[w.Start] = &Outlier{w.Start, w.End, l.Columns[c].Name, score, z, 0}
				continue
			}
			o.More++
			if z > o.Sigmas {
				o.Column, o.Score, o.Sigmas = l.Columns[c].Name, score, z
			}
		}
	}
	for _, o := range byStart {
		out = append(out, *o)
	}
	slices.SortFunc(out, func(a, b Outlier) int { return cmp.Or(cmp.Compare(b.Sigmas, a.Sigmas), cmp.Compare(a.Start, b.Start)) })
	return out
}

// columnWindow is one window of column c, with its hour where the reference has
// hours.
func columnWindow(l *driftd.Layout, c int, ref *driftd.Reference, w *detect.Kept, loc *time.Location) detectors.ColumnWindow {
	cw := detectors.ColumnWindow{Profile: &w.Profile.Columns[c], Missing: w.Profile.Missing(&l.Columns[c], c)}
	if ref.Timezone != "" {
		cw.Slot, cw.Day = driftd.SlotAt(w.Start, location(loc))
	}
	return cw
}
