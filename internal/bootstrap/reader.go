package bootstrap

import (
	"fmt"

	"github.com/driftd/driftd/consumers"
	"github.com/driftd/driftd/internal/kafka"
	"github.com/driftd/driftd/internal/reference"
)

// reader decodes a topic's records under the bounds that live traffic has.
type reader struct {
	topic *Topic
	dec   *consumers.Decoder
	cat   *catalog
	raws  reference.Raws
	time  int64 // of the record at hand (ns)
}

// catalog makes models by name as they come.
type catalog struct {
	carries func(string) bool
	make    func(name string) *consumers.Model
	models  map[string]*consumers.Model
}

// Model implements consumers.Catalog.
func (c *catalog) Model(name []byte) *consumers.Model {
	if m, ok := c.models[string(name)]; ok {
		return m
	}
	if !c.carries(string(name)) {
		return nil
	}
	if len(c.models) >= maxNames { // a cache: what it forgets is made again
		clear(c.models)
	}
	m := c.make(string(name))
	c.models[string(name)] = m
	return m
}

// maxNames bounds the names of models that a reader remembers.
const maxNames = 10_000

func newReader(t *Topic, model func(name string) *consumers.Model) (*reader, error) {
	r := &reader{topic: t, cat: &catalog{carries: t.Carries, make: model, models: map[string]*consumers.Model{}}}
	var err error
	if r.dec, err = consumers.NewDecoder(t.Map, t.Model, r.cat); err != nil {
		return nil, fmt.Errorf("topic %s: %w", t.Name, err)
	}
	return r, nil
}

// read gives the events of a record to fn; an error is a *consumers.Reject or
// fn's own. A batch counts whole or not at all; an event that is too old counts
// for nothing.
func (r *reader) read(rec *kafka.Rec, fn func(*consumers.Event) error) error {
	if len(rec.Value) > r.topic.MaxBytes {
		return &consumers.Reject{Reason: consumers.Oversize, Err: fmt.Errorf("%d bytes, above max_record_bytes %d", len(rec.Value), r.topic.MaxBytes)}
	}
	r.time = rec.Timestamp * 1e6
	if r.topic.Map.Rows != "" {
		raw := r.dec.Raw
		r.dec.Raw = nil
		err := r.dec.Decode(rec.Value, r.time, r.bound)
		if r.dec.Raw = raw; err != nil {
			return err
		}
	}
	err := r.dec.Decode(rec.Value, r.time, func(ev *consumers.Event) error {
		if err := r.bound(ev); err != nil {
			return err
		}
		if ev.Time < r.time-int64(r.topic.MaxAge) {
			r.raws.Reset()
			return nil
		}
		return fn(ev)
	})
	r.raws.Reset() // of an event that came to nothing
	return err
}

func (r *reader) bound(ev *consumers.Event) error {
	if ev.Time > r.time+int64(r.topic.MaxSkew) {
		return &consumers.Reject{Reason: consumers.TooFarAhead, Err: fmt.Errorf("event time is more than max_skew %v ahead of the record's", r.topic.MaxSkew)}
	}
	return nil
}
