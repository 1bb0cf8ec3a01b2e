package oracle

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/internal/config"
	"github.com/driftd/driftd/internal/detect"
	"github.com/driftd/driftd/internal/pipeline"
	"github.com/driftd/driftd/internal/wire"
)

// Results judges what was counted: the results of windows that end by end, when
// the frontier has reached until. uses are the references by segment, and from when
// on each holds; nil: those of b, from the beginning on.
func (c *Counted) Results(cfg *config.Config, b *wire.Bundle, uses map[string][]detect.Use, until, end int64) (out []driftd.Result) {
	panes := map[string][]detect.Pane{}
	for k, p := range c.cells {
		panes[k.segment] = append(panes[k.segment], detect.Pane{Start: k.pane, Layout: b.Layout.Fingerprint, Profile: p})
	}
	for segment, ps := range panes {
		slices.SortFunc(ps, func(a, b detect.Pane) int { return int((a.Start - b.Start) / paneLen) })
		series := driftd.Series{Model: b.Layout.Model, Segment: segment}
		rules := pipeline.RulesOf(cfg, series, "oracle")
		rules.Series, rules.Pane = series, Pane
		rules.CountSeries = func(l *driftd.Layout) int { return len(driftd.Segments(l.Segments)) }
		if rules.Uses = uses[segment]; uses == nil {
			rules.Uses = []detect.Use{{From: driftd.MinTime, Layout: b.Layout, Reference: b.Of(segment)}}
		}
		state := detect.State{Merged: driftd.MinTime}
		for _, r := range detect.Step(&rules, &state, detect.Input{Panes: ps, Until: until, Begin: c.begin, End: driftd.MaxTime, Now: 1}) {
			if _, _, at := Row(r); at <= end {
				out = append(out, r)
			}
		}
	}
	return out
}

// Row is a result's identity, its content without revision, and the end of its
// window.
func Row(r driftd.Result) (id, row string, end int64) {
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
