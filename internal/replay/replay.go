// Package replay runs files through the same code as live traffic: rows become
// the JSON that a service would have sent, the decoder and the fold of PROFILE
// count it, the step of DETECT judges it. What does not belong here: file
// formats (rows), output (cmd/driftd).
package replay

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/alerts"
	"github.com/driftd/driftd/consumers"
	"github.com/driftd/driftd/internal/detect"
	"github.com/driftd/driftd/internal/fold"
	"github.com/driftd/driftd/internal/reference"
	"github.com/driftd/driftd/internal/rows"
	"github.com/driftd/driftd/internal/wire"
)

// Options of a replay.
type Options struct {
	Bundle     *wire.Bundle
	Map        consumers.Map
	Lengths    []time.Duration
	Location   *time.Location
	RowClock   bool // rows fill windows exactly: the last one is whole when it is full
	WindowRows int64
	// Pane is the grain of the fast lane, which looks for schema breaks; 0: it does
	// not run. Must divide every length; memory grows with the number of panes.
	Pane     time.Duration
	Start    int64
	Rules    func(driftd.Series) detect.Rules // config; Series, SeriesCount, Uses are filled in here
	Topic    string                           // part of the identity of events
	Progress func(events int64)
}

// Summary is what was seen beside the results.
type Summary struct {
	Events   int64
	Rejected map[consumers.Reason]int64
	Example  error // the first rejection
}

// Run replays a source and gives its results in order of time.
func Run(src reference.Source, opt Options) ([]driftd.Result, *Summary, error) {
	l := opt.Bundle.Layout
	model := consumers.NewModel(l.Model, l, nil)
	dec, err := consumers.NewDecoder(opt.Map, l.Model, consumers.FixedCatalog{l.Model: model})
	if err != nil {
		return nil, nil, err
	}
	panes := &fold.Panes{Length: int64(paneLength(opt))}
	sum := &Summary{Rejected: map[consumers.Reason]int64{}}
	topic := driftd.Hash64(opt.Topic)
	first, last, row := driftd.MaxTime, driftd.MinTime, int64(0)
	for ; ; row++ {
		json, at, err := src.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, nil, err
		}
		err = dec.Decode(json, at, func(ev *consumers.Event) error {
			if ev.Time == driftd.MinTime || ev.Time == driftd.MaxTime {
				return &consumers.Reject{Reason: consumers.BadTime, Err: fmt.Errorf("row %d has no time, or one that cannot be", row+1)}
			}
			first, last = min(first, ev.Time), max(last, ev.Time)
			panes.Add(ev, ev.Time, fold.EventKey(topic, 0, row, ev.Row), row)
			return nil
		})
		var reject *consumers.Reject
		if errors.As(err, &reject) {
			if sum.Example == nil {
				sum.Example = fmt.Errorf("row %d: %w", row+1, err)
			}
			sum.Rejected[reject.Reason]++
			if at != driftd.MinTime {
				panes.AddRejected(model, at, row)
			}
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		sum.Events++
		if opt.Progress != nil && row%65536 == 0 {
			opt.Progress(row)
		}
	}
	if sum.Events == 0 {
		return nil, sum, nil
	}
	end := last + int64(time.Minute)
	if opt.WindowRows > 0 {
		end = driftd.RowTime(opt.Start, row, opt.WindowRows)
	}
	return detectAll(panes, model, opt, span{first, last, end}), sum, nil
}

// span is the time that the input covers: first and last event, and where the
// data end.
type span struct{ from, last, to int64 }

// paneLength is the longest pane that every window is a whole number of: a
// replay holds all of them. That of the fast lane where one is asked for.
func paneLength(opt Options) time.Duration {
	if opt.Pane > 0 {
		return opt.Pane
	}
	if opt.Location != nil && opt.Location != time.UTC {
		return 15 * time.Minute // time zones differ from UTC by quarters of an hour
	}
	l := opt.Lengths[0]
	for _, x := range opt.Lengths[1:] {
		for x != 0 {
			l, x = x, l%x
		}
	}
	return l
}

func detectAll(panes *fold.Panes, model *consumers.Model, opt Options, data span) []driftd.Result {
	type timed struct {
		end    int64
		result driftd.Result
	}
	var all []timed
	for i, segment := range model.Segments {
		rules := opt.Rules(driftd.Series{Model: model.Name, Segment: segment})
		rules.Series = driftd.Series{Model: model.Name, Segment: segment}
		rules.SeriesCount = len(model.Segments)
		rules.Lengths, rules.Location, rules.Pane = opt.Lengths, opt.Location, opt.Pane
		rules.Uses = []detect.Use{{From: driftd.MinTime, Layout: opt.Bundle.Layout, Reference: opt.Bundle.Of(segment)}}
		in := detect.Input{End: data.to, Begin: begin(opt, data.from), Panes: seriesPanes(panes, i, opt.Bundle.Layout.Fingerprint)}
		if len(in.Panes) == 0 {
			continue
		}
		in.Until = driftd.WindowAt(data.last, opt.Lengths[0], opt.Location).End
		state := detect.State{Merged: driftd.MinTime}
		for _, res := range append(detect.Step(&rules, &state, in), detect.Finish(&rules, &state, in)...) {
			number(&res, opt, data.from)
			all = append(all, timed{resultEnd(res), res})
		}
	}
	slices.SortStableFunc(all, func(a, b timed) int {
		switch {
		case a.end < b.end:
			return -1
		case a.end > b.end:
			return 1
		}
		return 0
	})
	out := make([]driftd.Result, len(all))
	for i := range all {
		out[i] = all[i].result
	}
	return out
}

// begin is where the data begin: a file's first window counts as whole when its
// first event comes within a minute of the window's start.
func begin(opt Options, first int64) int64 {
	if opt.RowClock {
		return driftd.MinTime
	}
	return first - int64(time.Minute)
}

func seriesPanes(panes *fold.Panes, segment int, layout string) []detect.Pane {
	var out []detect.Pane
	for _, p := range panes.Below(driftd.MaxTime) {
		_ = p.Each(func(_ *consumers.Model, seg int, prof *driftd.Profile) error { // fn gives no error
			if seg == segment {
				out = append(out, detect.Pane{Start: p.Start, Layout: layout, Profile: prof})
			}
			return nil
		})
	}
	return out
}

func resultEnd(r driftd.Result) int64 {
	switch {
	case r.Window != nil:
		return r.Window.WindowEnd.UnixNano()
	case r.Column != nil:
		return r.Column.WindowEnd.UnixNano()
	}
	return r.Incident.ChangedAt.UnixNano()
}

// number counts windows from the first of the input.
func number(r *driftd.Result, opt Options, first int64) {
	index := func(start time.Time, length int64) *int64 {
		d := time.Duration(length) * time.Second
		origin := driftd.WindowAt(first, d, opt.Location).Start
		// Days of a time zone differ by an hour: round.
		n := (start.UnixNano() - origin + int64(d)/2) / int64(d)
		return &n
	}
	switch {
	case r.Window != nil:
		r.Window.WindowIndex = index(r.Window.WindowStart, r.Window.WindowLength)
	case r.Column != nil:
		r.Column.WindowIndex = index(r.Column.WindowStart, r.Column.WindowLength)
	}
}

// DefaultPolicy judges without config: every column is watched.
func DefaultPolicy() *alerts.Policy { return &alerts.Policy{} }

// RowSource gives the events of a file of rows.
type RowSource struct{ *rows.File }

// Next implements reference.Source.
func (s RowSource) Next() ([]byte, int64, error) {
	ev, err := s.File.Next()
	return ev.JSON, ev.Time, err
}
