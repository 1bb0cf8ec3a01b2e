package inspect

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/driftd/driftd"
)

// Tag is a tag of the events and whether to cut the traffic by it.
type Tag struct {
	Name    string  `json:"name"`
	Present float64 `json:"present"` // share of events that have it
	Levels  int     `json:"levels"`
	More    bool    `json:"more"` // there are more than Levels
	Top     []Share `json:"top"`
	Segment bool    `json:"segment"` // proposed
	Why     string  `json:"why"`     // or why not
}

type tagCount struct {
	n      int
	values map[string]int
	more   bool
}

func (t *tagCount) add(v string) {
	t.n++
	if _, known := t.values[v]; known || len(t.values) < maxValues {
		t.values[v]++
		return
	}
	t.more = true
}

// segment is a tag as the config will name it; values nil: all of them.
type segment struct {
	tag    string
	values []string
	why    string // not "": written as a comment
}

const (
	mostSegments = 20
	leastShare   = .01 // of the events, for a value to be a segment of its own
)

// judgeTags says which tags make good segments, version first.
func (r *Report) judgeTags(d *decoded) {
	for _, name := range r.ownTags {
		c := d.tags[name]
		if c == nil {
			continue
		}
		t := Tag{Name: name, Present: float64(c.n) / float64(max(1, len(d.events))), Levels: len(c.values), More: c.more}
		all := top(c.values, len(d.events))
		t.Top = all
		var good []string
		for v, n := range c.values {
			if float64(n) >= leastShare*float64(len(d.events)) {
				good = append(good, v)
			}
		}
		slices.Sort(good)
		s := segment{tag: name}
		switch {
		case !expressible(name) || strings.ContainsAny(name, ",=/"):
			s.why = "its name cannot be one of a segment (commas, = and / have a meaning there)"
		case t.More || t.Levels > mostSegments && len(good) < t.Levels:
			s.why = fmt.Sprintf("too many values (%s)", atLeast(t.Levels, t.More))
		case t.Levels > mostSegments:
			s.why = fmt.Sprintf("too many values (%d); list the few that matter", t.Levels)
		case t.Levels == 1:
			s.why = "one value in the sample"
		case len(good) < 2:
			s.why = "all but one of its values are rare"
		case len(good) < t.Levels && !slices.ContainsFunc(good, unlistable):
			s.values = good
		}
		t.Segment, t.Why = s.why == "", s.why
		if t.Segment {
			t.Why = fmt.Sprintf("%d values, each with at least 1 %% of the events", len(good))
			if s.values != nil {
				t.Why = fmt.Sprintf("%d of %d values have at least 1 %% of the events; the others count as one", len(good), t.Levels)
			}
		}
		r.Tags = append(r.Tags, t)
		r.segments = append(r.segments, s)
	}
	slices.SortStableFunc(r.segments, func(a, b segment) int {
		return cmp.Compare(boolInt(a.tag != "version"), boolInt(b.tag != "version"))
	})
}

// unlistable values cannot stand in a config's list of values.
func unlistable(v string) bool {
	return !expressible(v) || strings.Contains(v, ",") || v == driftd.OtherValue
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

func atLeast(n int, more bool) string {
	if more {
		return fmt.Sprintf("more than %d", n)
	}
	return fmt.Sprint(n)
}
