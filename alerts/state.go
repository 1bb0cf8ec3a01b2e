package alerts

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/driftd/driftd"
)

// The hold rule: an incident opens at Opening flags of a column among its last
// Span evaluated windows of one length, and closes when every column and length
// that flagged has Span clean ones in a row.
const (
	Opening = 2
	Span    = 3
)

// keptScores is how many scores a history keeps to tell sudden from gradual.
const keptScores = 8

// Types of incidents.
const (
	TypeDrift  = "drift"
	TypeNoData = "no_data"
	TypeSchema = "schema_break"
)

// State is what is remembered of a series. The zero State is that of a new one.
type State struct {
	Histories []History // by column, then length
	Incident  *Incident // the last one of windows; nil before the first
	Breaks    []Break   // of columns, from the fast lane
	Schema    *Incident // the last one of these; nil before the first
	Silent    int       // consecutive complete base windows without events
}

// History is one column's last evaluated windows of one length.
type History struct {
	Column string
	Length time.Duration
	Flags  []bool    // the last Span, oldest first
	Starts []int64   // of the same windows (ns)
	Scores []float64 // the last keptScores, oldest first
}

// Incident is one as it stands.
type Incident struct {
	Result  driftd.IncidentResult      // as it was last told
	Lengths map[string][]time.Duration // by column: lengths in which it made Opening of Span
}

// Open says that the incident is going on.
func (i *Incident) Open() bool { return i != nil && i.Result.State == driftd.StateOpen }

func (i *Incident) openOf(kind string) bool { return i.Open() && i.Result.Type == kind }

// Incidents are the last ones of the series, of windows and of the fast lane.
func (s *State) Incidents() (out []*Incident) {
	for _, in := range []*Incident{s.Incident, s.Schema} {
		if in != nil {
			out = append(out, in)
		}
	}
	return out
}

// told is a copy of the result that later changes leave alone.
func (i *Incident) told() driftd.IncidentResult {
	r := i.Result
	r.Columns = slices.Clone(r.Columns)
	return r
}

func (i *Incident) column(name string) *driftd.IncidentColumn {
	for k := range i.Result.Columns {
		if c := &i.Result.Columns[k]; c.Column == name {
			return c
		}
	}
	return nil
}

// incidentID is a function of what the incident is.
func incidentID(r *driftd.IncidentResult) string {
	return fmt.Sprintf("%016x", driftd.Hash64(fmt.Sprintf("%s\x00%s\x00%s\x00%d", r.Model, r.Segment, r.Type, r.OpenedAt.UnixNano())))
}

// history finds or makes the history of a column and length.
func (s *State) history(column string, length time.Duration) *History {
	i, found := slices.BinarySearchFunc(s.Histories, History{Column: column, Length: length}, func(a, b History) int {
		return cmp.Or(cmp.Compare(a.Column, b.Column), cmp.Compare(a.Length, b.Length))
	})
	if !found {
		s.Histories = slices.Insert(s.Histories, i, History{Column: column, Length: length})
	}
	return &s.Histories[i]
}

func (h *History) push(c *driftd.ColumnResult) {
	score := float64(c.Score)
	if score != score {
		score = 0
	}
	h.Flags = last(append(h.Flags, c.Flag), Span)
	h.Starts = last(append(h.Starts, c.WindowStart.UnixNano()), Span)
	h.Scores = last(append(h.Scores, score), keptScores)
}

// last is the last n, in memory of its own: states may be copied and go on apart.
func last[T any](x []T, n int) []T { return slices.Clone(x[max(0, len(x)-n):]) }

func (h *History) flags() (n int) {
	for _, f := range h.Flags {
		if f {
			n++
		}
	}
	return n
}

// firstFlag is the start of the first flagged window that is remembered.
func (h *History) firstFlag() int64 {
	if i := slices.Index(h.Flags, true); i >= 0 {
		return h.Starts[i]
	}
	return 0
}
