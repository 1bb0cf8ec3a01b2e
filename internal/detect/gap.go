package detect

import (
	"cmp"
	"slices"
)

// Gap is a stretch of event time of which records are lost [E7]: they would have
// counted in the panes from From on and before To.
type Gap struct {
	From, To int64
	Why      string // for people
}

// AddGap adds g to gaps, in order. What is told twice stands once; two with one
// cause that overlap become one.
func AddGap(gaps []Gap, g Gap) []Gap {
	out := make([]Gap, 0, len(gaps)+1)
	for _, o := range gaps {
		if o.Why == g.Why && o.From <= g.To && g.From <= o.To {
			g.From, g.To = min(o.From, g.From), max(o.To, g.To)
			continue
		}
		out = append(out, o)
	}
	at, _ := slices.BinarySearchFunc(out, g, compareGaps)
	return slices.Insert(out, at, g)
}

func compareGaps(a, b Gap) int {
	return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To), cmp.Compare(a.Why, b.Why))
}

// gapIn is why records of a window are lost, "" when none is known to be.
func gapIn(gaps []Gap, start, end int64) string {
	for i := range gaps {
		if g := &gaps[i]; g.From < end && g.To > start {
			return g.Why
		}
	}
	return ""
}
