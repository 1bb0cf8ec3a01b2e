package consumers

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/driftd/driftd"
)

// Event is one decoded event, its values placed in the model's layout. It and
// everything it points to is valid during the callback only.
type Event struct {
	Model    *Model
	Time     int64 // ns; the record's when the event has none
	Groups   [2]bool
	Values   []driftd.Value // as Model.Layout.Columns; empty without a layout
	Segments []int          // indices in Model.Segments: `all`, then one for each tag
	Row      int            // place in a batch record
	Unknown  [][]byte       // names of columns that the layout does not have
}

// Reason is why a record became a dead letter: a closed set.
type Reason string

// The reasons.
const (
	Undecodable  Reason = "undecodable"
	NoModel      Reason = "no_model"
	UnknownModel Reason = "unknown_model"
	BadTime      Reason = "bad_time"
	TooFarAhead  Reason = "too_far_ahead"
	Oversize     Reason = "oversize"
	Panicked     Reason = "decoder_panic"
)

// Reject is the error of a record that cannot be used.
type Reject struct {
	Reason Reason
	Err    error
}

func (r *Reject) Error() string { return string(r.Reason) + ": " + r.Err.Error() }

// Unwrap gives the cause.
func (r *Reject) Unwrap() error { return r.Err }

// RawColumn is called, when set, for each column of an event instead of placing
// it: whoever builds a layout sees values before there is one. text is the
// token, unquoted for strings; token is one of '"', '0' (number), 't', 'n'
// (null), 'N' (NaN), 'I' (infinity), '{' (object or array); 0 means that the event
// is read again from its start.
type RawColumn func(group driftd.Group, name string, token byte, text []byte)

// Decoder reads records of one source. Not safe for concurrent use.
type Decoder struct {
	Catalog Catalog
	Raw     RawColumn

	shape *compiled

	ev       Event
	model    *Model // under which columns are being read
	named    []byte // the model as the event names it
	hasTime  bool
	time     int64
	tags     []tagValue
	rowsAt   int
	columned bool // a column was placed under model

	defaultName []byte // model of events that name none, nil for none

	caches map[*Model]*cache
	cache  *cache
	text   []byte // unescaped strings of this event, never moved once sliced
	path   []byte
}

type tagValue struct{ name, value []byte }

// cache predicts, for one model, the members of each object from those of the
// last event: services write the same keys in the same order.
type cache struct {
	nodes [][]member
}

type member struct {
	key   string
	shape *shape
	index int // column, or -1 for one that the layout does not have, -2 for none
}

// NewDecoder compiles a map. Errors say which key of the map is wrong.
func NewDecoder(m Map, defaultModel string, catalog Catalog) (*Decoder, error) {
	c, err := m.compile()
	if err != nil {
		return nil, err
	}
	d := &Decoder{Catalog: catalog, shape: c, caches: map[*Model]*cache{}}
	if defaultModel != "" {
		d.defaultName = []byte(defaultModel)
	}
	return d, nil
}

// Decode calls fn for each event of the record. recordTime (ns) stands in where
// an event has no time. An error is a *Reject, or fn's own; events before it in
// a batch have been given to fn, so fn must not act until Decode returns nil.
func (d *Decoder) Decode(value []byte, recordTime int64, fn func(*Event) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			d.Forget()
			err = &Reject{Panicked, fmt.Errorf("%v", p)}
		}
	}()
	d.begin()
	d.rowsAt = -1
	if err := d.record(value); err != nil {
		return err
	}
	if d.shape.row == nil {
		if err := d.retryUnderOwnModel(d.shape.root, value, 0); err != nil {
			return err
		}
		return d.finish(0, recordTime, fn)
	}
	if d.rowsAt < 0 {
		return &Reject{Undecodable, errors.New("the record has no array at the path of rows")}
	}
	return d.rows(value, recordTime, fn)
}

func (d *Decoder) begin() {
	d.named, d.hasTime, d.columned = nil, false, false
	d.tags, d.text = d.tags[:0], d.text[:0]
	d.beginRow()
}

func (d *Decoder) beginRow() {
	d.columned = false
	d.ev.Groups = [2]bool{}
	d.ev.Unknown = d.ev.Unknown[:0]
	d.use(d.model)
}

// use makes m the model under which columns are read, with no value yet.
func (d *Decoder) use(m *Model) {
	if m != d.model || d.cache == nil {
		d.model = m
		if d.cache = d.caches[m]; d.cache == nil {
			if len(d.caches) > 256 { // models that are gone, or references replaced
				clear(d.caches)
			}
			d.cache = &cache{nodes: make([][]member, d.shape.nodes)}
			d.caches[m] = d.cache
		}
	}
	n := 0
	if m != nil && m.Layout != nil {
		n = len(m.Layout.Columns)
	}
	if cap(d.ev.Values) < n {
		d.ev.Values = make([]driftd.Value, n)
	}
	d.ev.Values = d.ev.Values[:n]
	for i := range d.ev.Values {
		d.ev.Values[i].Class = driftd.Missing
	}
}

func (d *Decoder) record(value []byte) error {
	i := skipSpace(value, 0)
	if i >= len(value) {
		return &Reject{Undecodable, errors.New("the record is empty")}
	}
	if value[i] != '{' {
		if d.shape.row != nil && value[i] == '[' && d.shape.root.does == rows {
			d.rowsAt = i
			return nil
		}
		return &Reject{Undecodable, describe(value[i:])}
	}
	end, err := d.object(d.shape.root, value, i, 0)
	if err == nil && skipSpace(value, end) != len(value) {
		err = errTrailer
	}
	return undecodable(err, end)
}

func undecodable(err error, at int) error {
	if err == nil {
		return nil
	}
	var r *Reject
	if errors.As(err, &r) {
		return err
	}
	if at == 0 { // where it was is not known
		return &Reject{Undecodable, err}
	}
	return &Reject{Undecodable, fmt.Errorf("%w (near byte %d)", err, at)}
}

// describe guesses what bytes are that are not a JSON object, to help whoever
// reads the dead letter.
func describe(b []byte) error {
	switch {
	case b[0] == 0 && len(b) >= 5:
		return errors.New("not JSON: begins with a zero byte, as Avro or Protobuf with a schema registry id does")
	case b[0] == '[':
		return errors.New("a JSON array; set map.rows: . to read its elements as events")
	case bytes.IndexByte(b[:min(len(b), 64)], 0) >= 0:
		return errors.New("not JSON: binary data")
	}
	return errSyntax
}

// rows decodes each element of the array at rowsAt as an event of its own. What
// the head of the record said (model, time, tags) holds for rows that are silent.
func (d *Decoder) rows(b []byte, recordTime int64, fn func(*Event) error) error {
	named, hasTime, at, tags := d.named, d.hasTime, d.time, len(d.tags)
	i := skipSpace(b, d.rowsAt+1)
	if i < len(b) && b[i] == ']' {
		return nil
	}
	for row := 0; ; row++ {
		d.named, d.hasTime, d.time, d.tags = named, hasTime, at, d.tags[:tags]
		d.beginRow()
		start := i
		end, err := d.row(b, i)
		if err != nil {
			return undecodable(err, i)
		}
		if err := d.retryUnderOwnModel(d.shape.row, b, start); err != nil {
			return err
		}
		if err := d.finish(row, recordTime, fn); err != nil {
			return err
		}
		i = skipSpace(b, end)
		if i >= len(b) {
			return &Reject{Undecodable, errEnd}
		}
		if b[i] == ']' {
			return nil
		}
		if b[i] != ',' {
			return &Reject{Undecodable, errSyntax}
		}
		i = skipSpace(b, i+1)
	}
}

func (d *Decoder) row(b []byte, i int) (int, error) {
	if i >= len(b) {
		return 0, errEnd
	}
	switch {
	case b[i] == '{':
		return d.object(d.shape.row, b, i, 0)
	case b[i] == '[' && len(d.shape.columns) > 0:
		return d.positional(b, i)
	case b[i] == '[':
		return 0, errors.New("a row is an array; name its values in map.columns")
	}
	return 0, errors.New("a row is neither an object nor an array")
}

// positional reads an array whose places are named by map.columns.
func (d *Decoder) positional(b []byte, i int) (int, error) {
	s := d.shape.row
	cached := d.cache.nodes[s.id]
	i = skipSpace(b, i+1)
	if i < len(b) && b[i] == ']' {
		return i + 1, nil
	}
	if s.does == members {
		d.ev.Groups[s.group] = true
	}
	for k := 0; ; k++ {
		var err error
		switch {
		case k >= len(d.shape.columns):
			i, err = skipValue(b, i, 1)
		default:
			if k >= len(cached) {
				cached = append(cached, d.resolve(s, []byte(d.shape.columns[k])))
				d.cache.nodes[s.id] = cached
			}
			i, err = d.value(&cached[k], s, b, i, 1)
			cached = d.cache.nodes[s.id]
		}
		if err != nil {
			return 0, err
		}
		i = skipSpace(b, i)
		if i >= len(b) {
			return 0, errEnd
		}
		if b[i] == ']' {
			return i + 1, nil
		}
		if b[i] != ',' {
			return 0, errSyntax
		}
		i = skipSpace(b, i+1)
	}
}

// retryUnderOwnModel reads the event again when its columns were read under
// another model than its own: the model stood behind them.
func (d *Decoder) retryUnderOwnModel(s *shape, b []byte, i int) error {
	own := d.ownModel()
	if own == d.model {
		return nil
	}
	if !d.columned && d.Raw == nil {
		groups := d.ev.Groups // an empty `features` object was seen all the same
		d.use(own)
		d.ev.Groups = groups
		return nil
	}
	d.use(own)
	if d.Raw != nil {
		d.Raw(0, "", 0, nil)
	}
	d.ev.Groups, d.ev.Unknown = [2]bool{}, d.ev.Unknown[:0]
	d.tags = d.tags[:0]
	if d.shape.row != nil {
		// Tags of the head stand in front of the row's: read them again too.
		if _, err := d.object(d.shape.root, b, skipSpace(b, 0), 0); err != nil {
			return undecodable(err, i)
		}
		_, err := d.row(b, i)
		return undecodable(err, i)
	}
	_, err := d.object(s, b, skipSpace(b, i), 0)
	return undecodable(err, i)
}

// ownModel is the model that the event names (nil when nobody knows it).
func (d *Decoder) ownModel() *Model {
	name := d.named
	if name == nil {
		name = d.defaultName
	}
	switch {
	case name == nil:
		return nil
	case d.model != nil && string(name) == d.model.Name:
		return d.model
	}
	return d.Catalog.Model(name)
}

// Forget drops what the decoder remembers of models: the catalog has changed.
func (d *Decoder) Forget() {
	d.model, d.cache = nil, nil
	clear(d.caches)
}

// finish completes the event and hands it on.
func (d *Decoder) finish(row int, recordTime int64, fn func(*Event) error) error {
	if d.named == nil && d.defaultName == nil {
		return &Reject{NoModel, errors.New("the event names no model and the source has no default; set sources[].model or map.model")}
	}
	if d.model == nil {
		name := d.named
		if name == nil {
			name = d.defaultName
		}
		return &Reject{UnknownModel, fmt.Errorf("model %q is not one of this source's models", truncate(name, 100))}
	}
	ev := &d.ev
	ev.Model, ev.Row, ev.Time = d.model, row, recordTime
	if d.hasTime {
		ev.Time = d.time
	}
	ev.Segments = d.segments(ev.Segments[:0])
	return fn(ev)
}

// segments finds the series of the event: `all`, and one for each tag.
func (d *Decoder) segments(out []int) []int {
	out = append(out, 0)
	for i := range d.model.tags {
		t := &d.model.tags[i]
		at, ok := t.values[string(d.Tag(t.names))]
		if !ok {
			at = t.other
		}
		out = append(out, at)
	}
	return out
}

// Tag is the value of a tag (crossed: the values joined by ",") of the event at
// hand, nil when it has none. Valid during the callback.
func (d *Decoder) Tag(names []string) []byte {
	value := d.tagValue(names[0])
	if len(names) == 1 || value == nil {
		return value
	}
	d.path = append(d.path[:0], value...)
	for _, name := range names[1:] {
		d.path = append(append(d.path, ','), d.tagValue(name)...)
	}
	return d.path
}

// tagValue is the last value given for a tag: a row's own stands behind its head's.
func (d *Decoder) tagValue(name string) []byte {
	for i := len(d.tags) - 1; i >= 0; i-- {
		if string(d.tags[i].name) == name {
			return d.tags[i].value
		}
	}
	return nil
}

func truncate(b []byte, n int) []byte { return b[:min(len(b), n)] }
