package realdata

import (
	"fmt"
	"maps"
	"slices"
)

// Score compares what a method flagged with what is known of a set.
type Score struct {
	Missed []string // columns, or labelled spans, that were not found in time
	False  int      // flags in windows or columns in which nothing changed
	Delay  int64    // windows from the first that could show it to the first flag; -1: nothing found
	Hits   int      // labelled spans that were found
}

// Score scores the windows that a method flagged, by column. inTime asks for the
// first flag of a column by the window that Drifts has, else for any later one.
func (s *Set) Score(flags map[string][]int64, inTime bool) Score {
	x := Score{Delay: -1}
	if !s.Known {
		return x
	}
	for _, name := range slices.Sorted(maps.Keys(flags)) {
		for _, i := range flags[name] {
			if s.isFalse(name, i) {
				x.False++
				continue
			}
			if d := i - s.Before; s.Drifts != nil && (x.Delay < 0 || d < x.Delay) {
				x.Delay = d
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.Drifts)) {
		if first, ok := firstFrom(flags[name], s.Before); !ok || inTime && first > s.Drifts[name] {
			x.Missed = append(x.Missed, name)
		}
	}
	for k, span := range s.Spans {
		hit := false
		for _, windows := range flags {
			hit = hit || slices.ContainsFunc(windows, func(i int64) bool { return s.touches(i, span) })
		}
		if hit {
			x.Hits++
		} else {
			x.Missed = append(x.Missed, fmt.Sprintf("anomaly %d", k+1))
		}
	}
	return x
}

func firstFrom(windows []int64, from int64) (int64, bool) {
	for _, i := range windows {
		if i >= from {
			return i, true
		}
	}
	return 0, false
}

// isFalse says that nothing had changed in the column in window i.
func (s *Set) isFalse(column string, i int64) bool {
	switch {
	case slices.Contains(s.Silent, column):
		return true
	case s.Spans != nil:
		return !slices.ContainsFunc(s.Spans, func(span [2]int64) bool { return s.touches(i, span) })
	case s.Drifts == nil:
		return true
	case i < s.Before:
		return true
	}
	_, drifts := s.Drifts[column]
	return !drifts && !s.Wide
}

// touches says that a window after the reference holds rows of a span.
func (s *Set) touches(i int64, span [2]int64) bool {
	from := s.RefRows + i*s.Window
	if s.Ref != "" {
		from = i * s.Window
	}
	return from <= span[1] && from+s.Window > span[0]
}

// Flags are the windows that were flagged, by column.
func (f *Found) Flags() map[string][]int64 {
	out := map[string][]int64{}
	for name, c := range f.Columns {
		if len(c.Flags) > 0 {
			out[name] = c.Flags
		}
	}
	return out
}

// Ranked says whether the columns that are known to drift have the largest effects
// of all when the first incident opened; known is false where that is not known.
func (f *Found) Ranked() (right, known bool) {
	n := len(f.Set.Drifts)
	if n == 0 || len(f.Set.Silent) == 0 || f.Opened < 0 {
		return false, false
	}
	for _, name := range f.Ranking[:min(n, len(f.Ranking))] {
		if _, ok := f.Set.Drifts[name]; !ok {
			return false, true
		}
	}
	return true, true
}
