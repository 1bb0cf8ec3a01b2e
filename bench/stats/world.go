package main

import (
	"math"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/consumers"
	"github.com/driftd/driftd/internal/config"
	"github.com/driftd/driftd/internal/detect"
	"github.com/driftd/driftd/internal/pipeline"
	"github.com/driftd/driftd/internal/reference"
	"github.com/driftd/driftd/internal/wire"
)

// column is one column of a simulated model.
type column struct {
	name   string
	levels []string // of a categorical one, whose values are indices
	stream newTraffic
}

// setup is a simulated model and how it is judged.
type setup struct {
	columns  []column
	n        int                       // events a window
	sizes    func(rng *rand.Rand) int  // instead of n: of each window
	length   time.Duration             // 0: an hour
	long     time.Duration             // a second length; 0: none
	windows  int                       // of the reference
	alpha    float64                   // a column's level
	baseline string                    // reference.BaselineFixed ("") or BaselineAuto
	season   func(start int64) float64 // added to numeric values of a window
	look     int                       // one event in so many cuts the layout; 0: so that there are 8,192
}

// world is a setup with its reference, made by the code that `driftd reference
// build` runs, and judged by the code that DETECT runs.
type world struct {
	*setup
	rng    *rand.Rand
	layout *driftd.Layout
	ref    *driftd.Reference
	rules  detect.Rules
	state  *detect.State
	flow   []traffic
	level  [][]driftd.Value // by column: the value of each level
	values []driftd.Value
	buffer [][]float64
	at     int64 // start of the next window
}

// monday is when simulated time begins.
var monday = time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC).UnixNano()

func numeric(name string, s newTraffic) column { return column{name: name, stream: s} }

func categorical(name string, k int, s newTraffic) column {
	c := column{name: name, stream: s}
	for i := range k {
		c.levels = append(c.levels, "level-"+strconv.Itoa(i))
	}
	return c
}

// copies are n columns of the same stream.
func copies(n int, s newTraffic) (out []column) {
	for i := range n {
		out = append(out, numeric("x"+strconv.Itoa(i), s))
	}
	return out
}

func (s *setup) base() time.Duration {
	if s.length == 0 {
		return time.Hour
	}
	return s.length
}

func (s *setup) lengths() []time.Duration {
	if s.long == 0 {
		return []time.Duration{s.base()}
	}
	return []time.Duration{s.base(), s.long}
}

// build makes the reference. The events are generated twice from one seed, as a
// file is read twice.
func (s *setup) build(seed uint64) (*world, error) {
	base := "fixed"
	if s.baseline != "" {
		base = s.baseline
	}
	end := monday + int64(s.windows)*int64(s.base())
	b, err := reference.NewBuilder(reference.Options{Model: "m", Lengths: s.lengths(), Location: time.UTC, Baseline: base,
		Whole: base == reference.BaselineFixed, End: func(int64) int64 { return end }})
	if err != nil {
		return nil, err
	}
	w := &world{setup: s}
	every := s.look
	if every == 0 {
		every = max(1, s.windows*s.n/8192)
	}
	var raws reference.Raws
	w.begin(seed)
	for i := range s.windows {
		w.fill(nil)
		for row := range w.rows() {
			if (i+row)%every != 0 {
				continue
			}
			for c := range s.columns {
				token, text := s.columns[c].json(w.buffer[c][row])
				raws.Take(driftd.Features, s.columns[c].name, token, text)
			}
			b.Look(&raws, nil, w.time(row), w.key(row))
		}
		w.at += int64(s.base())
	}
	if err := b.Cut(); err != nil {
		return nil, err
	}
	w.layout = b.Model().Layout
	w.findLevels()
	w.begin(seed)
	for range s.windows {
		w.fill(nil)
		for row := range w.rows() {
			w.place(row)
			ev := consumers.Event{Model: b.Model(), Time: w.time(row), Groups: [2]bool{true}, Values: w.values, Segments: []int{0}}
			b.Count(&ev, ev.Time, w.key(row))
		}
		w.at += int64(s.base())
	}
	bundle, _, err := b.Finish()
	if err != nil {
		return nil, err
	}
	w.ref = bundle.Of(driftd.AllSegment)
	w.judgeBy(bundle)
	return w, nil
}

func (w *world) judgeBy(b *wire.Bundle) {
	w.rules = pipeline.RulesOf(config.Default(), driftd.Series{Model: "m", Segment: driftd.AllSegment}, "stats")
	w.rules.Lengths, w.rules.SeriesCount = w.lengths(), 1
	w.rules.Uses = []detect.Use{{From: driftd.MinTime, Layout: b.Layout, Reference: w.ref}}
	// The level is asked for by the budget that gives it to a base window.
	share := 1.0
	if w.long != 0 {
		share = .7
	}
	w.rules.PagesPerWeek = w.alpha * driftd.PerWeek(w.base()) * float64(len(w.columns)) / share
	w.fresh()
}

// fresh forgets what was judged.
func (w *world) fresh() { w.state = &detect.State{Merged: driftd.MinTime} }

func (w *world) begin(seed uint64) {
	w.rng = rand.New(rand.NewPCG(seed, 0x9e3779b97f4a7c15))
	w.flow = w.flow[:0]
	w.buffer = make([][]float64, len(w.columns))
	for _, c := range w.columns {
		w.flow = append(w.flow, c.stream())
	}
	w.at = monday
}

// fill draws the values of the window at w.at.
func (w *world) fill(d drift) {
	n := w.n
	if w.sizes != nil {
		n = w.sizes(w.rng)
	}
	plus := 0.0
	if w.season != nil {
		plus = w.season(w.at)
	}
	for c := range w.columns {
		if cap(w.buffer[c]) < n {
			w.buffer[c] = make([]float64, n)
		}
		x := w.buffer[c][:n]
		w.buffer[c] = x
		w.flow[c].window(w.rng, x)
		if plus != 0 {
			shift(plus)(nil, x)
		}
		if d != nil {
			d(w.rng, x)
		}
	}
}

func (w *world) rows() int { return len(w.buffer[0]) }

func (w *world) time(row int) int64 {
	return w.at + int64(row)*int64(w.base())/int64(w.rows())
}

func (w *world) key(row int) uint64 { return driftd.Mix64(uint64(w.time(row)) + uint64(row)) }

// json is a value as it stands in a record.
func (c *column) json(x float64) (token byte, text []byte) {
	switch {
	case math.IsNaN(x):
		return 'n', []byte("null")
	case c.levels != nil:
		return '"', []byte(c.levels[int(x)])
	}
	return '0', strconv.AppendFloat(nil, x, 'g', -1, 64)
}

// findLevels places each level once.
func (w *world) findLevels() {
	w.level = make([][]driftd.Value, len(w.columns))
	w.values = make([]driftd.Value, len(w.columns))
	for c := range w.columns {
		for _, name := range w.columns[c].levels {
			var v driftd.Value
			w.layout.Columns[c].Level([]byte(name), &v)
			w.level[c] = append(w.level[c], v)
		}
	}
}

// place puts a row into the layout.
func (w *world) place(row int) {
	for c := range w.columns {
		x, v := w.buffer[c][row], &w.values[c]
		switch {
		case math.IsNaN(x):
			*v = driftd.Value{Class: driftd.Null}
		case w.level[c] != nil:
			*v = w.level[c][int(x)]
		default:
			*v = driftd.Value{}
			w.layout.Columns[c].Number(x, v)
		}
	}
}

// profile is the next window's.
func (w *world) profile(d drift) *driftd.Profile {
	w.fill(d)
	p := driftd.NewProfile(w.layout)
	for row := range w.rows() {
		w.place(row)
		p.Add([2]bool{true}, w.values, w.key(row))
	}
	return p
}

// verdict is what came of one window.
type verdict struct {
	columns []*driftd.ColumnResult // of the base length
	long    []*driftd.ColumnResult
	flags   int      // of columns, base length
	pages   int      // incidents that opened
	paged   []string // columns of incidents that opened or grew
}

// live judges the next window.
func (w *world) live(d drift) verdict { return w.judge(w.profile(d)) }

// judge takes the profile of the next window.
func (w *world) judge(p *driftd.Profile) (v verdict) {
	pane := detect.Pane{Start: w.at, Layout: w.layout.Fingerprint, Profile: p}
	w.at += int64(w.base())
	for _, r := range detect.Step(&w.rules, w.state, detect.Input{Panes: []detect.Pane{pane}, Until: w.at, Begin: driftd.MinTime, End: driftd.MaxTime}) {
		switch {
		case r.Column != nil && r.Column.WindowLength == int64(w.base()/time.Second):
			v.columns = append(v.columns, r.Column)
			if r.Column.Flag {
				v.flags++
			}
		case r.Column != nil:
			v.long = append(v.long, r.Column)
		case r.Incident != nil && r.Incident.State == driftd.StateOpen:
			if r.Incident.OpenedAt.Equal(r.Incident.ChangedAt) {
				v.pages++
			}
			for _, c := range r.Incident.Columns {
				v.paged = append(v.paged, c.Column)
			}
		}
	}
	return v
}
