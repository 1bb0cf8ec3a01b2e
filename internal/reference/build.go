package reference

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/consumers"
	"github.com/driftd/driftd/internal/fold"
	"github.com/driftd/driftd/internal/wire"
)

// Source gives events in the order of the file or topic; io.EOF at the end.
type Source interface {
	Next() (json []byte, at int64, err error)
}

// Options say how a reference is built.
type Options struct {
	Model       string
	Map         consumers.Map
	Tags        []driftd.SegmentTag      // tags to cut by; values are found when none are given
	Lengths     []time.Duration          // window lengths, the base first
	Location    *time.Location           // where days begin, and whose hours the seasonal slots are
	Baseline    string                   // BaselineAuto ("" too) or BaselineFixed
	Flat        bool                     // rows have no time: one sample without windows
	Whole       bool                     // row clock: the first window is not cut, whenever its first event comes, and hours are none of a day
	End         func(events int64) int64 // where the data of the last window end; nil: a minute after the last event
	Description string                   // Reference.Source
	Columns     []string
	Progress    func(pass int, events int64)
}

// Report is what a builder has to say beside the reference.
type Report struct {
	Events  int64
	Windows []int // used, by length
	Notes   []string
}

// maxTagValues is how many values of a tag get a segment of their own when the
// config lists none.
const maxTagValues = 20

// Build reads the source twice: once to cut the columns up, once to count. The
// result depends on the events alone, not on when or where it runs.
func Build(open func() (Source, error), opt Options) (*wire.Bundle, *Report, error) {
	b := &builder{opt: opt, byName: map[string]*facts{}, report: &Report{}}
	if len(opt.Lengths) == 0 && !opt.Flat {
		return nil, nil, errors.New("build reference: no window length")
	}
	if err := b.opt.checkBaseline(); err != nil {
		return nil, nil, b.fail(err)
	}
	if err := b.pass(open, 1, b.look); err != nil {
		return nil, nil, err
	}
	if b.report.Events == 0 {
		return nil, nil, b.fail(errors.New("the input has no events"))
	}
	if err := b.cut(); err != nil {
		return nil, nil, err
	}
	if err := b.pass(open, 2, b.count); err != nil {
		return nil, nil, err
	}
	bundle, err := b.fit()
	return bundle, b.report, err
}

type builder struct {
	opt     Options
	byName  map[string]*facts
	columns []*facts // in order of first appearance
	tags    []map[string]uint64
	report  *Report

	seq         int64
	at          int64
	first, last int64
	windows     []int64 // starts of the current event's windows, by length

	layout  *driftd.Layout
	model   *consumers.Model
	series  []*seriesCounts
	singles []map[uint64][]int64 // by column: level hash -> its only window, by length
	once    []map[uint64]bool    // by column: levels seen once
	hashes  [][]uint64           // of the categories' names
}

// pass runs all events through do, decoded by the same decoder as live traffic.
func (b *builder) pass(open func() (Source, error), n int, do func(*consumers.Event, *consumers.Decoder)) error {
	src, err := open()
	if err != nil {
		return err
	}
	if c, ok := src.(io.Closer); ok {
		defer func() { _ = c.Close() }() // was only read
	}
	model := b.model
	if model == nil {
		model = consumers.NewModel(b.opt.Model, nil, nil)
	}
	dec, err := consumers.NewDecoder(b.opt.Map, b.opt.Model, consumers.FixedCatalog{b.opt.Model: model})
	if err != nil {
		return err
	}
	if n == 1 {
		dec.Raw = b.rawColumn
	}
	b.seq = 0
	b.windows = make([]int64, len(b.opt.Lengths))
	for {
		json, at, err := src.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		if !b.opt.Flat && (at == driftd.MinTime || at == driftd.MaxTime) {
			return b.fail(fmt.Errorf("event %d has no time, or one that cannot be: mend or remove it", b.seq+1))
		}
		b.place(at)
		err = dec.Decode(json, at, func(ev *consumers.Event) error {
			do(ev, dec)
			return nil
		})
		if err != nil {
			return b.fail(b.explain(err))
		}
		b.seq++
		if b.opt.Progress != nil && b.seq%65536 == 0 {
			b.opt.Progress(n, b.seq)
		}
	}
	b.report.Events = b.seq
	if b.opt.Progress != nil {
		b.opt.Progress(n, b.seq)
	}
	return nil
}

// fail says what was being built.
func (b *builder) fail(err error) error {
	if b.opt.Description == "" {
		return fmt.Errorf("build reference: %w", err)
	}
	return fmt.Errorf("build reference from %s: %w", b.opt.Description, err)
}

// explain says which event could not be read, and what to do.
func (b *builder) explain(err error) error {
	var r *consumers.Reject
	if errors.As(err, &r) && r.Reason == consumers.UnknownModel {
		return fmt.Errorf("event %d is of another model than %q, for which the reference is: give its name with --model, and files of one model each (%w)", b.seq+1, b.opt.Model, err)
	}
	return fmt.Errorf("event %d: %w", b.seq+1, err)
}

// place finds the windows of an event's time. In a pass over Raw columns the
// time must be known before the columns, so it is the source's.
func (b *builder) place(at int64) {
	b.at = at
	if b.seq == 0 {
		b.first, b.last = at, at
	}
	b.first, b.last = min(b.first, at), max(b.last, at)
	for i, l := range b.opt.Lengths {
		b.windows[i] = driftd.WindowAt(at, l, b.opt.Location).Start
	}
}

// rawColumn is the first pass: what kind of values does a column have?
func (b *builder) rawColumn(g driftd.Group, name []byte, token byte, text []byte) {
	if token == 0 {
		return
	}
	full := string(name)
	f := b.byName[full]
	if f == nil {
		if b.opt.Columns != nil && !slices.Contains(b.opt.Columns, full) {
			return
		}
		f = &facts{name: full, group: g, distinct: map[float64]struct{}{}, levels: map[string]*level{}}
		b.byName[full] = f
		b.columns = append(b.columns, f)
	}
	d := drawn{hash: driftd.Mix64(uint64(b.seq)), seq: b.at}
	if b.opt.Flat || d.seq == 0 {
		d.seq = b.seq
	}
	switch token {
	case '0':
		x, err := strconv.ParseFloat(string(text), 64)
		if err == nil && !math.IsInf(x, 0) {
			f.number(x, d)
			return
		}
		f.others++
	case 't':
		f.bools++
	case '"':
		if c := consumers.WordClass(text); c != driftd.TypeError && f.strings == 0 {
			f.others++
			return
		}
		f.text(text, d, b.windows)
	default:
		f.others++
	}
}

func (b *builder) look(_ *consumers.Event, dec *consumers.Decoder) {
	if b.tags == nil {
		b.tags = make([]map[string]uint64, len(b.opt.Tags))
		for i := range b.tags {
			b.tags[i] = map[string]uint64{}
		}
	}
	for i, t := range b.opt.Tags {
		if t.Values == nil {
			if v := dec.Tag(t.Tags); v != nil && len(b.tags[i]) < maxLevels {
				b.tags[i][string(v)]++
			}
		}
	}
}

// cut makes the layout.
func (b *builder) cut() error {
	l := &driftd.Layout{Model: b.opt.Model}
	for _, f := range b.columns {
		if why := f.exclusion(); why != "" {
			l.Excluded = append(l.Excluded, driftd.Excluded{Name: f.name, Reason: why})
			b.report.Notes = append(b.report.Notes, fmt.Sprintf("column %s is left out: it %s", f.name, why))
			continue
		}
		l.Columns = append(l.Columns, f.layoutColumn())
	}
	if len(l.Columns) == 0 {
		return b.fail(errors.New("no column is left to watch; the events have no features and no prediction, or all of them are left out"))
	}
	for i, t := range b.opt.Tags {
		if t.Values == nil {
			names := driftd.SortCategories(b.tags[i])
			t.Values = names[:min(len(names), maxTagValues)]
			slices.Sort(t.Values)
			if len(names) > maxTagValues {
				b.report.Notes = append(b.report.Notes, fmt.Sprintf("tag %s has %d values: the %d most frequent get a segment, the others count in %s", t.Name(), len(names), maxTagValues, t.Segment(driftd.OtherValue)))
			}
		}
		l.Segments = append(l.Segments, t)
	}
	if err := l.Compile(); err != nil {
		return err
	}
	b.layout = l
	b.model = consumers.NewModel(b.opt.Model, l, l.Segments)
	b.singles, b.once = make([]map[uint64][]int64, len(l.Columns)), make([]map[uint64]bool, len(l.Columns))
	for i := range l.Columns {
		f := b.byName[l.Columns[i].Name]
		b.singles[i], b.once[i] = map[uint64][]int64{}, map[uint64]bool{}
		if l.Columns[i].Kind != driftd.Categorical {
			continue
		}
		for s, lv := range f.levels {
			h := driftd.Hash64(s)
			if slices.ContainsFunc(lv.window, func(w int64) bool { return w != manyWindows }) {
				b.singles[i][h] = lv.window
			}
			if lv.count == 1 {
				b.once[i][h] = true
			}
		}
	}
	for range b.model.Segments {
		b.series = append(b.series, newSeriesCounts(l, len(b.opt.Lengths)))
	}
	return nil
}

// count is the second pass.
func (b *builder) count(ev *consumers.Event, _ *consumers.Decoder) {
	key := fold.EventKey(0, 0, b.seq, ev.Row)
	for _, s := range ev.Segments {
		b.series[s].add(b, ev, key)
	}
}
