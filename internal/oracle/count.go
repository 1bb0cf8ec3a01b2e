package oracle

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/internal/fold"
	"github.com/driftd/driftd/internal/wire"
)

// Record is one of a source partition, as it stands at its offset.
type Record struct {
	Time  int64 // its timestamp, ns
	Value []byte
	Sent  int64 // the clock when it was written, ns
	Void  bool  // of an aborted transaction, the mark of a transaction's end, or deleted unread: it counts for nothing [E8]
	ev    *body // nil: not read yet, or it is none
	read  bool
}

// Move is a commit: from an offset on, records meet this frontier. What a frontier
// moves for is either a record, which the oracle sees too, or the clock.
type Move struct {
	Offset   int64
	Frontier int64
}

// Lost is what was deleted of a partition before it was settled: records before To.
type Lost struct {
	To       int64
	Frontier int64 // committed when it happened
	From     int64 // committed offset
	Read     int64 // committed with it: up to here, what belongs below the frontier was settled
	reached  int64 // the frontier that the deleted records would have moved to
}

// Source is one partition.
type Source struct {
	Topic     string
	Partition int
	Records   []Record // by offset
	Idle      []Move   // the clock's moves among the records', in order
	Lost      *Lost
	Grown     bool  // it was added while driftd ran
	Anew      bool  // the topic was deleted and made anew, and this is of the new one
	Known     int64 // the frontier that had been committed by then; driftd.MinTime: none
	Told      int64 // of a topic made anew: the frontier up to which DETECT had been told at least
	Reached   int64 // of a topic made anew: the first frontier beyond Known that its reader told; 0: none
	Since     int64 // the clock by then
}

// body is a record's JSON.
type body struct {
	Model      *string            `json:"model"`
	Time       *string            `json:"time"`
	Features   map[string]any     `json:"features"`
	Prediction map[string]float64 `json:"prediction"`
	Tags       map[string]string  `json:"tags"`
}

const (
	lateness = int64(Lateness)
	maxSkew  = int64(MaxSkew)
	maxAge   = int64(MaxAge)
	paneLen  = int64(Pane)
)

// cell is one pane of one series.
type cell struct {
	segment string
	pane    int64
}

// Counted is what the oracle makes of the records.
type Counted struct {
	cells map[cell]*driftd.Profile
	begin int64
	wild  []span          // event time whose windows may say complete=0
	gone  map[cell]uint64 // events that were deleted before they were read, and not late
	anew  bool            // a topic was made anew: all that it had may be lost
	wrong []string
}

type span struct{ from, to int64 }

func (c *Counted) isWild(start, end int64) bool {
	return slices.ContainsFunc(c.wild, func(s span) bool { return s.from < end && s.to > start })
}

func (c *Counted) at(l *driftd.Layout, segment string, pane int64) *driftd.Profile {
	k := cell{segment, pane}
	if c.cells[k] == nil {
		c.cells[k] = driftd.NewProfile(l)
	}
	return c.cells[k]
}

// Count applies the rules of time to the records of every partition: how late it is, how far
// ahead, how old, and what was lost around it.
func Count(b *wire.Bundle, sources []*Source) *Counted {
	out := &Counted{cells: map[cell]*driftd.Profile{}, gone: map[cell]uint64{}, begin: driftd.MaxTime}
	for _, s := range sources {
		s.count(b.Layout, out)
		out.anew = out.anew || s.Anew
		if s.Grown { // when it was found is not known
			out.wild = append(out.wild, span{driftd.MinTime, driftd.MaxTime})
		}
	}
	return out
}

func (s *Source) count(l *driftd.Layout, out *Counted) {
	frontier, idle := s.Known, s.Idle
	begin, hash := driftd.MaxTime, driftd.Hash64(s.Topic)
	var gap *span
	if s.Anew { // what of the old topic was read is not known
		// Nor how far its reader had come: the gap may end a little later than ours. Nor
		// what had gathered when he came, which his first frontier passes at once.
		gap = &span{s.Known, driftd.FloorTo(s.Since, paneLen) + int64(30*time.Minute)}
		if s.Reached > 0 {
			gap.to = max(gap.to, s.Reached+2*lateness+maxSkew+2*paneLen)
		}
	}
	if s.Lost != nil {
		s.Lost.reached = s.Lost.Frontier
	}
	for i := range s.Records {
		offset := int64(i)
		settled := driftd.MaxTime // panes below count
		if s.Lost != nil && offset >= s.Lost.From && offset < s.Lost.To {
			if !s.Records[i].Void {
				s.Records[i].lose(l, &s.Lost.reached, out)
			}
			if settled = s.Lost.Frontier; offset >= s.Lost.Read {
				continue
			}
		}
		if s.Lost != nil && offset == s.Lost.To {
			gap = &span{s.Lost.Frontier, s.Lost.Frontier + paneLen}
		}
		if s.Lost != nil && offset == max(s.Lost.To, s.Lost.Read) {
			// Who goes on here knows the frontier that was committed; what had been
			// told beyond it lies inside the gap.
			frontier = s.Lost.Frontier
		}
		if gap != nil && !s.Records[i].Void {
			gap.to = max(gap.to, driftd.FloorTo(s.Records[i].Time+lateness+maxSkew, paneLen)+paneLen)
		}
		for len(idle) > 0 && idle[0].Offset <= offset {
			if s.Lost == nil || idle[0].Offset > s.Lost.To || idle[0].Offset <= max(s.Lost.From, s.Lost.Read) {
				// The clock moves it only while there is nothing to read, so not beyond
				// the clock of when the next record came; one is a minute fast at most.
				if f := idle[0].Frontier; f > frontier && f > s.Records[i].Sent+int64(time.Minute)-lateness {
					out.wrong = append(out.wrong, fmt.Sprintf("partition %d: the frontier was moved to %s before offset %d, which was sent at %s", s.Partition,
						time.Unix(0, f).UTC().Format("15:04:05"), i, time.Unix(0, s.Records[i].Sent).UTC().Format("15:04:05")))
				}
				frontier = max(frontier, idle[0].Frontier)
				if begin == driftd.MaxTime { // it was idle before its first record
					begin = idle[0].Frontier
				}
			}
			idle = idle[1:]
		}
		rec := &s.Records[i]
		if rec.Void {
			continue
		}
		least := rec.Time
		at, ok := rec.time()
		switch {
		case !ok:
			if pane := driftd.FloorTo(rec.Time, paneLen); pane >= frontier && pane < settled {
				out.at(l, driftd.AllSegment, pane).Rejected++
			}
		case at < rec.Time-maxAge: // counts for nothing
		default:
			least = min(least, at)
			key := fold.EventKey(hash, s.Partition, offset, 0)
			for _, segment := range segmentsOf(rec.ev, l) {
				switch pane := driftd.FloorTo(at, paneLen); {
				case pane >= settled:
				case pane >= frontier:
					groups, values := place(rec.ev, l)
					out.at(l, segment, pane).Add(groups, values, key)
				default:
					out.at(l, segment, frontier).Late++
				}
			}
		}
		if begin == driftd.MaxTime {
			begin = driftd.FloorTo(least, paneLen)
		}
		frontier = max(frontier, driftd.FloorTo(least-lateness, paneLen))
		if gap != nil && frontier > gap.from { // it is known now, and told
			if s.Anew { // who finds no commit knows what DETECT was told
				gap.from = min(gap.from, s.Told)
			}
			out.wild, gap = append(out.wild, *gap), nil
		}
	}
	if gap != nil && s.Anew {
		out.wild = append(out.wild, span{min(gap.from, s.Told), driftd.MaxTime})
	}
	if !s.Grown && !s.Anew {
		out.begin = min(out.begin, begin)
	}
}

// time is that of the event, false when the record is none that counts.
func (r *Record) time() (at int64, ok bool) {
	ev, ok := r.parse()
	if !ok {
		return 0, false
	}
	at = r.Time
	if ev.Time != nil {
		t, err := time.Parse(time.RFC3339Nano, *ev.Time)
		if err != nil {
			return 0, false
		}
		at = t.UnixNano()
	}
	return at, at <= r.Time+maxSkew
}

// lose notes an event that was deleted, unless it would have been late anyway.
func (r *Record) lose(l *driftd.Layout, frontier *int64, out *Counted) {
	least := r.Time
	if at, ok := r.time(); ok && at >= r.Time-maxAge {
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
func (c *Counted) lost(segment string, start, end int64) (n uint64) {
	for k, m := range c.gone {
		if k.segment == segment && k.pane >= start && k.pane < end {
			n += m
		}
	}
	return n
}

func (r *Record) parse() (*body, bool) {
	if !r.read {
		var b body
		if r.read = true; json.Unmarshal(r.Value, &b) == nil && b.Model != nil {
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
