package alerts

import (
	"slices"
	"strings"
	"time"
)

// The paces of a drift.
const (
	Sudden  = "sudden"
	Gradual = "gradual"
)

// minBefore is how many windows before the first flag it takes to tell a pace.
const minBefore = 3

// pace tells a jump from a slope by the scores of the first column's windows
// around its first flag. b is the mean of the windows before it, j the larger of
// the steps into it and into the window just before (where it could not be seen yet), t the whole way from b to the last window:
// sudden when j >= t/2, else gradual. (A slope over w windows has j/t of about
// 2/w.) "" with fewer than 3 windows before, and for what the score does not
// follow: rates of nulls and the like, and local changes.
func (s *State) pace(length time.Duration) string {
	c := s.Incident.Result.Columns[0]
	if strings.HasSuffix(c.Test, "_rate") && c.Test != "minority_rate" || c.Test == "residual" {
		return ""
	}
	h := s.history(c.Column, length)
	first := slices.Index(h.Flags, true) + len(h.Scores) - len(h.Flags)
	if first < minBefore {
		return ""
	}
	before := 0.0
	for _, x := range h.Scores[:first] {
		before += x / float64(first)
	}
	whole := h.Scores[len(h.Scores)-1] - before
	step := h.Scores[first] - h.Scores[first-1]
	if s := h.Scores[first-1] - h.Scores[first-2]; s*whole > step*whole {
		step = s // the jump came one window before it could be seen
	}
	switch {
	case whole == 0:
		return ""
	case step/whole >= .5:
		return Sudden
	}
	return Gradual
}
