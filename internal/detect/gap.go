package detect

import "slices"

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
	switch {
	case a.From != b.From:
		return cmp64(a.From, b.From)
	case a.To != b.To:
		return cmp64(a.To, b.To)
	case a.Why < b.Why:
		return -1
	case a.Why > b.Why:
		return 1
	}
	return 0
}

func cmp64(a, b int64) int {
	if a < b {
		return -1
	}
	return 1
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
