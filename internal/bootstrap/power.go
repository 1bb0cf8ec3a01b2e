package bootstrap

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/detectors"
	"github.com/driftd/driftd/internal/detect"
)

// Power is what a column can show in a window.
type Power struct {
	Column  string
	Kind    driftd.Kind
	MDE     float64 // minimum detectable effect, in the units of the column's effect size; NaN: none
	Verdict driftd.Verdict
	Reason  string // of a verdict that is neither ok nor drift
}

// Judged says that the column can be judged at all.
func (p *Power) Judged() bool { return p.Verdict == driftd.OK || p.Verdict == driftd.Drift }

// Detectable judges the columns of a base window of the series `all` at level
// alpha, and tells the least sensitive first.
func Detectable(layout *driftd.Layout, ref *driftd.Reference, w *detect.Kept, alpha float64, location *time.Location) []Power {
	var out []Power
	for c := range layout.Columns {
		lc := &layout.Columns[c]
		col := detectors.NewColumn(lc, &ref.Columns[c], &ref.Scales[0].Columns[c], alpha)
		cw := detectors.ColumnWindow{Profile: &w.Profile.Columns[c], Missing: w.Profile.Missing(lc, c)}
		if ref.Timezone != "" {
			cw.Slot, cw.Day = driftd.SlotAt(w.Start, location)
		}
		d := col.Judge(&cw, true, "")
		out = append(out, Power{lc.Name, lc.Kind, d.MDE, d.Verdict, d.Reason})
	}
	slices.SortStableFunc(out, func(x, y Power) int { return cmp.Compare(worst(y.MDE), worst(x.MDE)) })
	return out
}

func worst(mde float64) float64 {
	if math.IsNaN(mde) {
		return math.Inf(1)
	}
	return mde
}

// UsualWindow is the one of median size among those that can teach; nil when
// there is none.
func UsualWindow(ws []*detect.Kept) *detect.Kept {
	var fit []*detect.Kept
	for _, k := range ws {
		if !k.Unfit {
			fit = append(fit, k)
		}
	}
	if len(fit) == 0 {
		return nil
	}
	slices.SortFunc(fit, func(a, b *detect.Kept) int {
		return cmp.Or(cmp.Compare(a.Profile.Events, b.Profile.Events), cmp.Compare(a.Start, b.Start))
	})
	return fit[len(fit)/2]
}
