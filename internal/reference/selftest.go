package reference

import (
	"github.com/driftd/driftd"
	"github.com/driftd/driftd/detectors"
	"github.com/driftd/driftd/internal/detect"
)

// selfBlock is how many windows stay together when a reference's windows are dealt
// out: a day of hours, so that both halves have each hour.
const selfBlock = 24

// selfTest is an A/A test: the windows of a reference in two halves, day by day in
// turn, each judged by a reference of the other as if it were live. Where the
// rule keeps its word, some detectors.MaxAlpha of the column windows flag. Zero
// where a half is too short, or too short for the hours that the whole has.
func selfTest(l *driftd.Layout, windows []*detect.Kept, whole *driftd.Reference, opt FitOptions) (t driftd.SelfTest) {
	ws := usable(l, windows)
	var halves [2][]*detect.Kept
	for i, w := range ws {
		k := i / selfBlock % 2
		halves[k] = append(halves[k], w)
	}
	if min(len(halves[0]), len(halves[1])) < detectors.MinWindows {
		return t
	}
	opt.Lengths = opt.Lengths[:1]
	for k := range halves {
		ref, err := fitWindows(l, halves[1-k], opt)
		if err != nil || (ref.Timezone == "") != (whole.Timezone == "") {
			return driftd.SelfTest{}
		}
		for c := range l.Columns {
			col := detectors.NewColumn(&l.Columns[c], &ref.Columns[c], &ref.Scales[0].Columns[c], detectors.MaxAlpha)
			for _, w := range halves[k] {
				cw := columnWindow(l, c, ref, w, opt.Location)
				if d := col.Judge(&cw, true, ""); d.Evaluated {
					t.Windows++
					if d.Flag {
						t.Flags++
					}
				}
			}
		}
	}
	return t
}
