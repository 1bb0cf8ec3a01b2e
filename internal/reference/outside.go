package reference

import (
	"fmt"
	"slices"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/internal/detect"
)

// MaxOutside is the share of a column's values that may lie outside the layout
// for it to be kept: where more does, its bins no longer show what happens there.
const MaxOutside = .05

// Outside says which columns have too much outside the layout in the windows
// that are to teach, and what: numbers beyond the outer edges, levels that the
// layout does not know, values of another kind.
func Outside(l *driftd.Layout, windows []*detect.Kept, o *detect.Origin, keep func(column string) bool) (out []string) {
	ws := usable(l, windows)
	for c := range l.Columns {
		lc := &l.Columns[c]
		if keep != nil && keep(lc.Name) {
			continue
		}
		sum := driftd.NewProfile(l)
		for _, w := range ws {
			if w.Start >= o.SinceOf(lc.Name) { // also where it drifted: that is what is to be normal
				sum.MergeColumn(c, w.Profile)
			}
		}
		p := &sum.Columns[c]
		values := float64(p.Placed() + p.Classes[driftd.RareLevel] + p.Classes[driftd.NewLevel] + p.Classes[driftd.TypeError])
		if values == 0 {
			continue
		}
		say := func(n uint64, what string) {
			if share := float64(n) / values; share > MaxOutside {
				out = append(out, fmt.Sprintf("%s: %.0f %% of its values %s", lc.Name, 100*share, what))
			}
		}
		if lc.Kind == driftd.Numeric && len(p.Bins) > 2 {
			say(p.Bins[0].Count+p.Bins[len(p.Bins)-1].Count+p.Unlisted, "lie outside what the layout has bins for")
		} else {
			say(p.Classes[driftd.NewLevel], "are levels that the layout does not know")
		}
		say(p.Classes[driftd.TypeError], "are of another kind than "+lc.Kind.String())
	}
	slices.Sort(out)
	return out
}
