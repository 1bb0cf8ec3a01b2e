package sim

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/internal/config"
	"github.com/driftd/driftd/internal/detect"
	"github.com/driftd/driftd/internal/fold"
	"github.com/driftd/driftd/internal/pipeline"
	"github.com/driftd/driftd/internal/wire"
)

// The oracle: what the table of results must be, from the records alone. It
// shares with the pipeline how a value is placed and a window judged, which other
// tests hold against other things; which record counts where it finds by itself.

// logged is a record as it stands in a source partition.
type logged struct {
	ts    int64 // ns
	value []byte
	sent  int64 // the clock when it was, ns
	void  bool  // of an aborted transaction, or the mark of a transaction's end: it counts for nothing [E8]
	ev    *body // nil: not read yet, or it is none
	read  bool
}

// moved is a commit: from offset on, records meet this frontier. What a frontier
// moves for is either a record, which the oracle sees too, or the clock.
type moved struct {
	offset   int64
	frontier int64
}

// lost is what was deleted of a partition before it was read: records before to.
type lost struct {
	to       int64
	frontier int64 // committed when it happened
	from     int64 // committed offset
	reached  int64 // the frontier that the deleted records would have moved to
}

type source struct {
	topic     string
	partition int
	records   []logged
	idle      []moved // in order
	lost      *lost
	grown     bool
	old       bool  // the topic was deleted since
	anew      bool  // the topic was made anew
	known     int64 // the frontier that had been committed by then; driftd.MinTime: none
	since     int64 // the clock by then
}

const (
	lateness = int64(2 * time.Minute)
	maxSkew  = int64(5 * time.Minute)
	maxAge   = int64(2 * time.Hour)
	paneLen  = int64(time.Minute)
)

var windowLengths = []time.Duration{time.Hour, 2 * time.Hour}

// body is a record's JSON.
type body struct {
	Model      *string            `json:"model"`
	Time       *string            `json:"time"`
	Features   map[string]any     `json:"features"`
	Prediction map[string]float64 `json:"prediction"`
	Tags       map[string]string  `json:"tags"`
}

// cell is one pane of one series.
type cell struct {
	segment string
	pane    int64
}

// counted is what the oracle makes of the records.
type counted struct {
	cells map[cell]*driftd.Profile
	begin int64
	wild  []span          // event time whose windows may say complete=0
	gone  map[cell]uint64 // events that were deleted before they were read, and not late
	wrong []string
}

type span struct{ from, to int64 }

func (c *counted) isWild(start, end int64) bool {
	return slices.ContainsFunc(c.wild, func(s span) bool { return s.from < end && s.to > start })
}

func (c *counted) at(l *driftd.Layout, segment string, pane int64) *driftd.Profile {
	k := cell{segment, pane}
	if c.cells[k] == nil {
		c.cells[k] = driftd.NewProfile(l)
	}
	return c.cells[k]
}

// count applies the rules of time to the records of every partition.
func count(b *wire.Bundle, sources []*source) *counted {
	out := &counted{cells: map[cell]*driftd.Profile{}, gone: map[cell]uint64{}, begin: driftd.MaxTime}
	for _, s := range sources {
		s.count(b.Layout, out)
	}
	return out
}

func (s *source) count(l *driftd.Layout, out *counted) {
	frontier, idle := s.known, s.idle
	begin, hash := driftd.MaxTime, driftd.Hash64(s.topic)
	var gap *span
	if s.anew { // what of the old topic was read is not known
		// Nor how far its reader had come: the gap may end a little later than ours.
		gap = &span{s.known, driftd.FloorTo(s.since, paneLen) + int64(30*time.Minute)}
	}
	if s.lost != nil {
		s.lost.reached = s.lost.frontier
	}
	for i := range s.records {
		offset := int64(i)
		if s.lost != nil && offset >= s.lost.from && offset < s.lost.to {
			if !s.records[i].void {
				s.records[i].lose(l, &s.lost.reached, out)
			}
			continue
		}
		if s.lost != nil && offset == s.lost.to {
			// Who goes on here knows the frontier that was committed; what had been
			// told beyond it lies inside the gap.
			frontier = s.lost.frontier
			gap = &span{frontier, frontier + paneLen}
		}
		if gap != nil && !s.records[i].void {
			gap.to = max(gap.to, driftd.FloorTo(s.records[i].ts+lateness+maxSkew, paneLen)+paneLen)
		}
		for len(idle) > 0 && idle[0].offset <= offset {
			if s.lost == nil || idle[0].offset > s.lost.to || idle[0].offset <= s.lost.from {
				// The clock moves it only while there is nothing to read, so not beyond
				// the clock of when the next record came; one is a minute fast at most.
				if f := idle[0].frontier; f > frontier && f > s.records[i].sent+int64(time.Minute)-lateness {
					out.wrong = append(out.wrong, fmt.Sprintf("partition %d: the frontier was moved to %s before offset %d, which was sent at %s", s.partition,
						time.Unix(0, f).UTC().Format("15:04:05"), i, time.Unix(0, s.records[i].sent).UTC().Format("15:04:05")))
				}
				frontier = max(frontier, idle[0].frontier)
				if begin == driftd.MaxTime { // it was idle before its first record
					begin = idle[0].frontier
				}
			}
			idle = idle[1:]
		}
		rec := &s.records[i]
		if rec.void {
			continue
		}
		least := rec.ts
		at, ok := rec.time()
		switch {
		case !ok:
			if pane := driftd.FloorTo(rec.ts, paneLen); pane >= frontier {
				out.at(l, driftd.AllSegment, pane).Rejected++
			}
		case at < rec.ts-maxAge: // counts for nothing
		default:
			least = min(least, at)
			key := fold.EventKey(hash, s.partition, offset, 0)
			for _, segment := range segmentsOf(rec.ev, l) {
				if pane := driftd.FloorTo(at, paneLen); pane >= frontier {
					groups, values := place(rec.ev, l)
					out.at(l, segment, pane).Add(groups, values, key)
				} else {
					out.at(l, segment, frontier).Late++
				}
			}
		}
		if begin == driftd.MaxTime {
			begin = driftd.FloorTo(least, paneLen)
		}
		frontier = max(frontier, driftd.FloorTo(least-lateness, paneLen))
		if gap != nil && frontier > gap.from { // it is known now, and told
			out.wild, gap = append(out.wild, *gap), nil
		}
	}
	if gap != nil && s.anew {
		out.wild = append(out.wild, span{gap.from, driftd.MaxTime})
	}
	if !s.grown && !s.anew {
		out.begin = min(out.begin, begin)
	}
}

// time is that of the event, false when the record is none that counts.
func (r *logged) time() (at int64, ok bool) {
	ev, ok := r.parse()
	if !ok {
		return 0, false
	}
	at = r.ts
	if ev.Time != nil {
		t, err := time.Parse(time.RFC3339Nano, *ev.Time)
		if err != nil {
			return 0, false
		}
		at = t.UnixNano()
	}
	return at, at <= r.ts+maxSkew
}

// lose notes an event that was deleted, unless it would have been late anyway.
func (r *logged) lose(l *driftd.Layout, frontier *int64, out *counted) {
	least := r.ts
	if at, ok := r.time(); ok && at >= r.ts-maxAge {
		least = min(least, at)
		if pane := driftd.FloorTo(at, paneLen); pane >= *frontier {
			for _, segment := range segmentsOf(r.ev, l) {
				out.gone[cell{segment, pane}]++
			}
		}
	}
	*frontier = max(*frontier, driftd.FloorTo(least-lateness, paneLen))
}

// lost is how many events of a window were deleted.
func (c *counted) lost(segment string, start, end int64) (n uint64) {
	for k, m := range c.gone {
		if k.segment == segment && k.pane >= start && k.pane < end {
			n += m
		}
	}
	return n
}

func (r *logged) parse() (*body, bool) {
	if !r.read {
		var b body
		if r.read = true; json.Unmarshal(r.value, &b) == nil && b.Model != nil {
			r.ev = &b
		}
	}
	return r.ev, r.ev != nil
}

func segmentsOf(ev *body, l *driftd.Layout) []string {
	out := []string{driftd.AllSegment}
	for _, t := range l.Segments {
		v := ev.Tags[t.Tags[0]]
		if v == "" {
			continue
		}
		if !slices.Contains(t.Values, v) {
			v = driftd.OtherValue
		}
		out = append(out, t.Segment(v))
	}
	return out
}

func place(ev *body, l *driftd.Layout) (groups [2]bool, values []driftd.Value) {
	values = make([]driftd.Value, len(l.Columns))
	groups[driftd.Features], groups[driftd.Prediction] = ev.Features != nil, ev.Prediction != nil
	for i := range l.Columns {
		c, v := &l.Columns[i], &values[i]
		if c.Name == "prediction.score" {
			if x, ok := ev.Prediction["score"]; ok {
				c.Number(x, v)
			}
			continue
		}
		switch x := ev.Features[c.Name].(type) {
		case nil:
			if _, there := ev.Features[c.Name]; there {
				v.Class = driftd.Null
			}
		case float64:
			c.Number(x, v)
		case string:
			c.Level([]byte(x), v)
		}
	}
	return groups, values
}

// rows judges what was counted, and gives each row of a window that ends by end
// by its identity.
func (c *counted) rows(cfg *config.Config, b *wire.Bundle, until, end int64) map[string]string {
	out := map[string]string{}
	panes := map[string][]detect.Pane{}
	for k, p := range c.cells {
		panes[k.segment] = append(panes[k.segment], detect.Pane{Start: k.pane, Layout: b.Layout.Fingerprint, Profile: p})
	}
	for segment, ps := range panes {
		slices.SortFunc(ps, func(a, b detect.Pane) int { return int((a.Start - b.Start) / paneLen) })
		series := driftd.Series{Model: b.Layout.Model, Segment: segment}
		rules := pipeline.RulesOf(cfg, series, "sim")
		rules.Series, rules.Pane = series, time.Duration(paneLen)
		rules.CountSeries = func(l *driftd.Layout) int { return len(driftd.Segments(l.Segments)) }
		rules.Uses = []detect.Use{{From: driftd.MinTime, Layout: b.Layout, Reference: b.Of(segment)}}
		state := detect.State{Merged: driftd.MinTime}
		for _, r := range detect.Step(&rules, &state, detect.Input{Panes: ps, Until: until, Begin: c.begin, End: driftd.MaxTime, Now: 1}) {
			if id, row, at := rowOf(r); at <= end {
				out[id] = row
			}
		}
	}
	return out
}

// rowOf is a result's identity, its content without revision, and the end of its
// window.
func rowOf(r driftd.Result) (id, row string, end int64) {
	var stamp *driftd.Stamp
	switch {
	case r.Window != nil:
		w := *r.Window
		stamp, r.Window, end = &w.Stamp, &w, w.WindowEnd.UnixNano()
		id = fmt.Sprintf("window %s %d %s", w.Segment, w.WindowLength, w.WindowStart.Format("2T15:04"))
	case r.Column != nil:
		c := *r.Column
		stamp, r.Column, end = &c.Stamp, &c, c.WindowEnd.UnixNano()
		id = fmt.Sprintf("column %s %s %d %s", c.Segment, c.Column, c.WindowLength, c.WindowStart.Format("2T15:04"))
	default:
		in := *r.Incident
		stamp, r.Incident, end = &in.Stamp, &in, in.ChangedAt.UnixNano()
		id = fmt.Sprintf("incident %s %s %s %s %s", in.Type, in.Segment, in.ID, in.State, in.ChangedAt.Format("2T15:04"))
	}
	stamp.Revision, stamp.ConfigHash, stamp.Version = 0, "", ""
	b, err := json.Marshal(r)
	if err != nil {
		panic(err)
	}
	return id, string(b), end
}

// The traffic: a numeric feature, a category, a score and a tag.
