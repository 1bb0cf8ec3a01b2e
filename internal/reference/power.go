package reference

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
	Halved  Halved
}

// Halved is what would make a column's smallest detectable shift half as large.
// The zero value: nothing that could be seen from the reference's windows.
type Halved struct {
	Windows int           // as many further ones of the same length
	Length  time.Duration // or windows of this length instead
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
		cw := columnWindow(layout, c, ref, w, location)
		d := col.Judge(&cw, true, "")
		p := Power{Column: lc.Name, Kind: lc.Kind, MDE: d.MDE, Verdict: d.Verdict, Reason: d.Reason}
		p.Halved.Windows = furtherWindows(lc, &ref.Columns[c], &ref.Scales[0].Columns[c], &cw, alpha, d.MDE)
		out = append(out, p)
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

// manyTimes is up to how many times as many windows it is looked whether they
// would halve the smallest detectable shift.
const manyTimes = 16

// furtherWindows is how many more windows would halve mde if they varied like
// those that there are: they only make the variance better known, so that beyond
// some hundred it is events that count. 0 when no reasonable number would.
func furtherWindows(l *driftd.ColumnLayout, ref *driftd.ColumnReference, scale *driftd.ColumnScale, w *detectors.ColumnWindow, alpha, mde float64) int {
	if math.IsNaN(mde) {
		return 0
	}
	at := func(k int) float64 {
		more := *scale
		more.Fits = slices.Clone(scale.Fits)
		for i := range more.Fits {
			f := &more.Fits[i]
			f.R, f.RE, f.MeanRE = f.R*k, f.RE*float64(k), f.MeanRE*float64(k)
			f.SlotDays = timesDays(f.SlotDays, k)
		}
		more.SlotDays = timesDays(scale.SlotDays, k)
		d := detectors.NewColumn(l, ref, &more, alpha).Judge(w, true, "")
		return d.MDE
	}
	for k := 2; k <= manyTimes; k *= 2 {
		if at(k) <= mde/2 {
			return scale.Windows * (k - 1)
		}
	}
	return 0
}

func timesDays(days []uint32, k int) []uint32 {
	out := slices.Clone(days)
	for i := range out {
		out[i] *= uint32(k)
	}
	return out
}

// longerWindows looks for a length whose windows, made of those that there are,
// would show half the shift, for columns that no number of windows helps.
func longerWindows(l *driftd.Layout, windows []*detect.Kept, opt FitOptions, alpha float64, power []Power) {
	base := opt.Lengths[0]
	for _, k := range []time.Duration{2, 4, 6, 12, 24} {
		length := k * base
		if length > 24*time.Hour || 24*time.Hour%length != 0 || len(windows) < detectors.MinWindows*int(k) {
			continue
		}
		with := opt
		with.Lengths, with.Baseline = []time.Duration{base, length}, BaselineFixed
		ref, err := fitWindows(l, windows, with)
		if err != nil || len(ref.Scales) < 2 || ref.Scales[1].Windows < detectors.MinWindows {
			continue
		}
		usual := usualOf(longer(usable(l, windows), length, false, opt.Location))
		for i := range power {
			p := &power[i]
			if p.Halved != (Halved{}) || math.IsNaN(p.MDE) {
				continue
			}
			c := l.IndexOf(p.Column)
			col := detectors.NewColumn(&l.Columns[c], &ref.Columns[c], &ref.Scales[1].Columns[c], min(alpha*float64(k), detectors.MaxAlpha))
			d := col.Judge(&detectors.ColumnWindow{Profile: &usual.Columns[c], Missing: usual.Missing(&l.Columns[c], c)}, true, "")
			if d.MDE <= p.MDE/2 {
				p.Halved.Length = length
			}
		}
	}
}

// usualOf is the profile of the window of median size.
func usualOf(ws []fitWindow) *driftd.Profile {
	slices.SortFunc(ws, func(a, b fitWindow) int {
		return cmp.Or(cmp.Compare(a.profile.Events, b.profile.Events), cmp.Compare(a.start, b.start))
	})
	return ws[len(ws)/2].profile
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
