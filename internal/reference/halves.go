package reference

import (
	"github.com/driftd/driftd"
	"github.com/driftd/driftd/detectors"
	"github.com/driftd/driftd/internal/detect"
)

// Unsteady is a column that drifted inside a reference's own period.
type Unsteady struct {
	Column string
	From   int64 // start of the first window that flags (ns)
	Flags  int   // windows of the second half that flag
	Of     int   // evaluated windows of the second half
	Moved  string
}

// Halves judges the second half of a reference's windows by its first half, with
// the rule itself (STATISTICS 7: a reference with an incident inside hides the
// next one like it). It names the columns that would have paged, 2 flags in 3
// windows. alpha is the level of a column. nil too when a half is too short.
func Halves(l *driftd.Layout, windows []*detect.Kept, opt FitOptions, alpha float64) []Unsteady {
	ws := usable(l, windows)
	half := len(ws) / 2
	if half < detectors.MinWindows {
		return nil
	}
	first, err := fitWindows(l, ws[:half], opt)
	if err != nil {
		return nil
	}
	var out []Unsteady
	for c := range l.Columns {
		col := detectors.NewColumn(&l.Columns[c], &first.Columns[c], &first.Scales[0].Columns[c], alpha)
		u := Unsteady{Column: l.Columns[c].Name}
		paged, before, beforeThat := false, false, false
		for _, w := range ws[half:] {
			cw := columnWindow(l, c, first, w, opt.Location)
			d := col.Judge(&cw, true, "")
			if !d.Evaluated {
				continue
			}
			u.Of++
			if d.Flag {
				if u.Flags == 0 {
					u.From, u.Moved = w.Start, d.Moved
				}
				u.Flags++
			}
			paged = paged || d.Flag && (before || beforeThat)
			before, beforeThat = d.Flag, before
		}
		if paged {
			out = append(out, u)
		}
	}
	return out
}
