package detectors

// Part is a segment's counts of one column: in the reference and now, in the
// same bins or categories.
type Part struct {
	Name     string
	Ref, Now []float64
}

// TagSplit is where a column's change comes from, by the values of one tag (or of
// tags that are crossed): the parts' Within and Mix add up to 1.
type TagSplit struct {
	Tag   string  `json:"tag"`
	Mix   float64 `json:"mix"` // from another mix of the values
	Parts []Cause `json:"parts"`
}

// Cause is one segment's part of a change.
type Cause struct {
	Segment   string  `json:"segment"`
	Reference float64 `json:"reference"` // share of the values, 0 to 1
	Now       float64 `json:"now"`
	Within    float64 `json:"within"` // of the change, from change within the segment
}

// SplitTag splits a column's change by a tag's segments; false where Split can not.
func SplitTag(tag string, parts []Part) (TagSplit, bool) {
	within, mix, ok := Split(parts)
	if !ok {
		return TagSplit{}, false
	}
	t := TagSplit{Tag: tag, Mix: mix}
	var m, n float64
	for _, p := range parts {
		m, n = m+sum(p.Ref), n+sum(p.Now)
	}
	for i, p := range parts {
		t.Parts = append(t.Parts, Cause{p.Name, sum(p.Ref) / m, sum(p.Now) / n, within[i]})
	}
	return t, true
}

// Split says how much of a column's change comes from within each of parts, which
// together are all of the traffic, and how much from a change of their mix; the
// shares and the mix add up to 1. With w_s and v_s the parts' shares of the events
// now and in the reference,
//
//	q - p = sum_s w_s (q_s - p_s)  +  sum_s (w_s - v_s) p_s,
//
// (Oaxaca, Male-female wage differentials in urban labor markets, 1973, for
// means) weighed by bin as Pearson's divergence does, with g_i = (q_i - p_i)/p_i.
// Shares can be negative or above 1, where parts move against each other. ok is
// false when nothing has changed or a part has no reference.
func Split(parts []Part) (within []float64, mix float64, ok bool) {
	if len(parts) == 0 {
		return nil, 0, false
	}
	bins := len(parts[0].Now)
	ref, now := make([]float64, bins), make([]float64, bins)
	var m, n float64
	for _, p := range parts {
		if len(p.Now) != bins || len(p.Ref) != bins {
			return nil, 0, false
		}
		for i := range p.Now {
			ref[i], now[i] = ref[i]+p.Ref[i], now[i]+p.Now[i]
			m, n = m+p.Ref[i], n+p.Now[i]
		}
	}
	if m == 0 || n == 0 {
		return nil, 0, false
	}
	g, total := make([]float64, bins), 0.0
	for i := range g {
		d := now[i]/n - ref[i]/m
		g[i] = d / ((ref[i] + .5) / (m + float64(bins)/2))
		total += float64(g[i] * d)
	}
	if total <= 0 {
		return nil, 0, false
	}
	mix = 1
	for _, p := range parts {
		ps, qs := sum(p.Ref), sum(p.Now)
		x := 0.0
		switch {
		case qs == 0:
		case ps == 0: // it did not exist: all of it is a change of the mix
		default:
			for i := range g {
				x += float64(g[i] * (qs / n) * (p.Now[i]/qs - p.Ref[i]/ps))
			}
		}
		within = append(within, x/total)
		mix -= x / total
	}
	return within, mix, true
}

func sum(x []float64) (s float64) {
	for _, v := range x {
		s += v
	}
	return s
}
