package reference

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/consumers"
	"github.com/driftd/driftd/detectors"
	"github.com/driftd/driftd/internal/detect"
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
	Pairs       bool                     // watch how numeric features go together, too
	Flat        bool                     // rows have no time: one sample without windows
	Whole       bool                     // row clock: the first window is not cut, whenever its first event comes, and hours are none of a day
	End         func(events int64) int64 // where the data of the last window end; nil: a minute after the last event
	Description string                   // Reference.Source
	Columns     []string
	Alpha       func(l *driftd.Layout, series int) float64 // a column's level in a base window, for Report.Examined; nil: that of 1 page a week
	Unordered   bool                                       // events come in no order of their own: columns are sorted by name
	Progress    func(pass int, events int64)
}

// Report is what a builder has to say beside the reference.
type Report struct {
	Events   int64
	Windows  []int // used, by length
	Notes    []string
	Examined *Examination // of `all`; nil for a flat reference
}

// maxTagValues is how many values of a tag get a segment of their own when the
// config lists none.
const maxTagValues = 20

// Build reads the source twice: once to cut the columns up, once to count. The
// result depends on the events alone, not on when or where it runs.
func Build(open func() (Source, error), opt Options) (*wire.Bundle, *Report, error) {
	b, err := NewBuilder(opt)
	if err != nil {
		return nil, nil, err
	}
	if err := b.pass(open, 1); err != nil {
		return nil, nil, err
	}
	if b.report.Events == 0 {
		return nil, nil, b.fail(errors.New("the input has no events"))
	}
	if err := b.Cut(); err != nil {
		return nil, nil, err
	}
	if err := b.pass(open, 2); err != nil {
		return nil, nil, err
	}
	bundle, report, err := b.Finish()
	if err == nil {
		b.examine(bundle)
	}
	return bundle, report, err
}

// examine judges the reference of all events by its own windows.
func (b *Builder) examine(bundle *wire.Bundle) {
	all := bundle.Of(driftd.AllSegment)
	if all == nil || all.Flat() {
		return
	}
	series := len(b.model.Segments)
	alpha := detectors.Budget{PagesPerWeek: 1, Columns: len(b.layout.Columns), Series: series, Lengths: b.opt.Lengths}.Alpha(b.opt.Lengths[0])
	if b.opt.Alpha != nil {
		alpha = b.opt.Alpha(b.layout, series)
	}
	base := b.opt.Baseline
	if all.Timezone == "" {
		base = BaselineFixed
	}
	b.report.Examined = Examine(b.layout, all, b.Kept(0), FitOptions{Model: b.opt.Model, Segment: driftd.AllSegment, Lengths: b.opt.Lengths, Location: b.opt.Location, Baseline: base}, alpha)
}

// Builder makes the references of one model from events that it is shown twice:
// Look at each, Cut, Count each, Finish. The order of events does not matter,
// their keys do. Not safe for concurrent use.
type Builder struct {
	opt     Options
	byName  map[string]*facts
	columns []*facts // in order of first appearance
	tags    []map[string]uint64
	report  *Report

	events      int64
	first, last int64
	windows     []int64 // starts of the current event's windows, by length

	layout  *driftd.Layout
	model   *consumers.Model
	series  []*seriesCounts
	singles []map[uint64][]int64 // by column: level hash -> its only window, by length
	once    []map[uint64]bool    // by column: levels seen once
	hashes  [][]uint64           // of the categories' names
}

// NewBuilder begins. Errors are of the options.
func NewBuilder(opt Options) (*Builder, error) {
	if len(opt.Lengths) == 0 && !opt.Flat {
		return nil, errors.New("build reference: no window length")
	}
	if err := opt.checkBaseline(); err != nil {
		return nil, fmt.Errorf("build reference: %w", err)
	}
	b := &Builder{opt: opt, byName: map[string]*facts{}, report: &Report{}, windows: make([]int64, len(opt.Lengths)), tags: make([]map[string]uint64, len(opt.Tags))}
	for i := range b.tags {
		b.tags[i] = map[string]uint64{}
	}
	return b, nil
}

// pass runs all events through, decoded by the same decoder as live traffic.
func (b *Builder) pass(open func() (Source, error), n int) error {
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
	var raws Raws
	if n == 1 {
		dec.Raw = raws.Take
	}
	b.events = 0
	for seq := int64(0); ; seq++ {
		json, at, err := src.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		if !b.opt.Flat && (at == driftd.MinTime || at == driftd.MaxTime) {
			return b.fail(fmt.Errorf("event %d has no time, or one that cannot be: mend or remove it", seq+1))
		}
		err = dec.Decode(json, at, func(ev *consumers.Event) error {
			if n == 1 {
				b.Look(&raws, dec, at, uint64(seq))
			} else {
				b.Count(ev, at, fold.EventKey(0, 0, seq, ev.Row))
			}
			return nil
		})
		if err != nil {
			return b.fail(b.explain(err, seq))
		}
		if b.opt.Progress != nil && seq%65536 == 65535 {
			b.opt.Progress(n, seq+1)
		}
	}
	if b.opt.Progress != nil {
		b.opt.Progress(n, b.events)
	}
	return nil
}

// fail says what was being built.
func (b *Builder) fail(err error) error {
	if b.opt.Description == "" {
		return fmt.Errorf("build reference: %w", err)
	}
	return fmt.Errorf("build reference from %s: %w", b.opt.Description, err)
}

// explain says which event could not be read, and what to do.
func (b *Builder) explain(err error, seq int64) error {
	var r *consumers.Reject
	if errors.As(err, &r) && r.Reason == consumers.UnknownModel {
		return fmt.Errorf("event %d is of another model than %q, for which the reference is: give its name with --model, and files of one model each (%w)", seq+1, b.opt.Model, err)
	}
	return fmt.Errorf("event %d: %w", seq+1, err)
}

// place counts the event and finds the windows of its time.
func (b *Builder) place(at int64) {
	if b.events == 0 {
		b.first, b.last = at, at
	}
	b.events++
	b.first, b.last = min(b.first, at), max(b.last, at)
	for i, l := range b.opt.Lengths {
		b.windows[i] = driftd.WindowAt(at, l, b.opt.Location).Start
	}
}

// Look takes an event of the first pass: its columns as they stand in the
// record, its tags, its time (ns) and a key that no other event of the model has.
func (b *Builder) Look(raws *Raws, dec *consumers.Decoder, at int64, key uint64) {
	b.place(at)
	b.report.Events = b.events
	d := drawn{hash: driftd.Mix64(key), seq: at}
	if b.opt.Flat || d.seq == 0 {
		d.seq = b.events
	}
	for i := range raws.columns {
		b.lookColumn(&raws.columns[i], d)
	}
	raws.columns = raws.columns[:0]
	for i, t := range b.opt.Tags {
		if t.Values == nil {
			if v := dec.Tag(t.Tags); v != nil && len(b.tags[i]) < maxLevels {
				b.tags[i][string(v)]++
			}
		}
	}
}

// lookColumn: what kind of values does a column have?
func (b *Builder) lookColumn(r *raw, d drawn) {
	f := b.byName[r.name]
	if f == nil {
		full := r.name
		if b.opt.Columns != nil && !slices.Contains(b.opt.Columns, full) {
			return
		}
		f = &facts{name: full, group: r.group, distinct: map[float64]struct{}{}, levels: map[string]*level{}}
		b.byName[full] = f
		b.columns = append(b.columns, f)
	}
	switch r.token {
	case '0':
		x, err := strconv.ParseFloat(string(r.text), 64)
		if err == nil && !math.IsInf(x, 0) {
			f.number(x, d)
			return
		}
		f.others++
	case 't':
		f.bools++
	case '"':
		if c := consumers.WordClass(r.text); c != driftd.TypeError && f.strings == 0 {
			f.others++
			return
		}
		f.text(r.text, d, b.windows)
	default:
		f.others++
	}
}

// Cut makes the layout from what was looked at.
func (b *Builder) Cut() error {
	l := &driftd.Layout{Model: b.opt.Model}
	b.sortColumns()
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
			if len(names) == 0 {
				b.report.Notes = append(b.report.Notes, fmt.Sprintf("tag %s: no event has it, so it makes no segments", t.Name()))
				continue
			}
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
	if b.opt.Pairs {
		if err := b.addPairs(l); err != nil {
			return err
		}
	}
	if _, err := wire.EncodeLayout(l); err != nil { // for its fingerprint
		return err
	}
	b.layout = l
	b.model = consumers.NewModel(b.opt.Model, l, l.Segments)
	b.findSingles()
	for _, f := range b.columns { // the layout has what it needs of them
		f.sample, f.distinct, f.levels = nil, nil, nil
	}
	for range b.model.Segments {
		b.series = append(b.series, newSeriesCounts(l, len(b.opt.Lengths)))
	}
	b.events = 0
	return nil
}

// sortColumns puts the columns in an order that does not depend on which event
// came first, for sources that have no order of their own.
func (b *Builder) sortColumns() {
	if b.opt.Unordered {
		slices.SortFunc(b.columns, func(x, y *facts) int { return strings.Compare(x.name, y.name) })
	}
}

// findSingles notes which levels occur in one window alone, and which once.
func (b *Builder) findSingles() {
	l := b.layout
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
}

// Model is the model in the layout that Cut has made: events for Count are
// decoded in it.
func (b *Builder) Model() *consumers.Model { return b.model }

// Count takes an event of the second pass. key is fold.EventKey of its identity.
func (b *Builder) Count(ev *consumers.Event, at int64, key uint64) {
	b.place(at)
	b.report.Events = b.events
	for _, s := range ev.Segments {
		b.series[s].add(b, ev, key)
	}
}

// Finish fits the references.
func (b *Builder) Finish() (*wire.Bundle, *Report, error) {
	bundle, err := b.fit()
	return bundle, b.report, err
}

// Raws are the columns of one event as they stand in its record: what
// Decoder.Raw gives, kept until the event's time is known.
type Raws struct{ columns []raw }

type raw struct {
	group driftd.Group
	token byte
	name  string
	text  []byte
}

// Take is a consumers.RawColumn.
func (r *Raws) Take(g driftd.Group, name string, token byte, text []byte) {
	if token == 0 { // the event is read again from its start
		r.columns = r.columns[:0]
		return
	}
	r.columns = append(r.columns, raw{g, token, name, text})
}

// Reset forgets the columns of an event that came to nothing.
func (r *Raws) Reset() { r.columns = r.columns[:0] }

// Notes are what Cut has to say to people.
func (b *Builder) Notes() []string { return b.report.Notes }

// Singletons are, by column, the levels of a segment that occur once.
func (b *Builder) Singletons(segment int) []uint64 { return b.series[segment].singletons }

// Kept gives the base windows of a segment that the data cover from end to end,
// in order of time.
func (b *Builder) Kept(segment int) []*detect.Kept {
	var out []*detect.Kept
	for _, w := range b.series[segment].complete(b, 0, b.opt.Lengths[0]) {
		out = append(out, &detect.Kept{Window: driftd.WindowAt(w.start, b.opt.Lengths[0], b.opt.Location), Layout: b.layout.Fingerprint,
			Profile: w.profile, NewX: w.newX, Unfit: w.profile.Events < detectors.MinWindowN})
	}
	return out
}
