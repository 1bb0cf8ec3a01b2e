package inspect

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/consumers"
)

// noTime is what the decoder gives for an event without time, when it is told
// that the record's is so.
const noTime = math.MinInt64

// decoded is what the real decoder gave for the sample.
type decoded struct {
	events []decodedEvent
	byName map[string]*column
	order  []*column
	counts map[string]*modelCount
	tags   map[string]*tagCount
}

// decodedEvent is an event's time beside its record's, ns.
type decodedEvent struct {
	record, time int64 // noTime: none
	partition    int
}

type modelCount struct {
	events int
	groups [2]int // events that have the group
}

// allModels is a catalog that knows every model, without a layout.
type allModels map[string]*consumers.Model

// Model implements consumers.Catalog.
func (c allModels) Model(name []byte) *consumers.Model {
	m := c[string(name)]
	if m == nil {
		m = consumers.NewModel(string(name), nil, nil)
		c[string(name)] = m
	}
	return m
}

// pending is an event of a record that is not done yet.
type pending struct {
	model  string
	groups [2]bool
	time   int64
	values []rawValue
	tags   map[string]string
}

type rawValue struct {
	group driftd.Group
	name  string
	token byte
	text  string
}

// decode reads the sample with the proposed map and counts what comes out. It
// fills Decoded, Events and Failures.
func decode(records []Record, r *Report) *decoded {
	return decodeWith(records, r, allModels{})
}

func decodeWith(records []Record, r *Report, catalog consumers.Catalog) *decoded {
	out := &decoded{byName: map[string]*column{}, counts: map[string]*modelCount{}, tags: map[string]*tagCount{}}
	dec, err := consumers.NewDecoder(r.Source.Map, r.Source.Model, catalog)
	if err != nil { // the config's parser will say so too
		r.Failures = append(r.Failures, Failure{Reason: "map", Count: len(records), Error: err.Error()})
		return out
	}
	var values []rawValue
	dec.Raw = func(g driftd.Group, name string, token byte, text []byte) {
		if token == 0 {
			values = nil
			return
		}
		values = append(values, rawValue{g, name, token, string(text[:min(len(text), driftd.MaxLevelBytes)])})
	}
	failed := map[string]*Failure{}
	for i := range records {
		rec := &records[i]
		if len(rec.Value) > r.Source.MaxBytes {
			fail(failed, rec, "oversize", fmt.Errorf("it has %d bytes, more than the greatest max_record_bytes", len(rec.Value)))
			continue
		}
		var done []pending
		values = nil
		err := dec.Decode(rec.Value, noTime, func(ev *consumers.Event) error {
			p := pending{model: ev.Model.Name, groups: ev.Groups, time: ev.Time, values: values, tags: map[string]string{}}
			for _, tag := range r.ownTags {
				if v := dec.Tag([]string{tag}); v != nil {
					p.tags[tag] = string(v)
				}
			}
			done, values = append(done, p), nil
			return nil
		})
		if err != nil {
			reason := string(consumers.Undecodable)
			var reject *consumers.Reject
			if errors.As(err, &reject) {
				reason, err = string(reject.Reason), reject.Err
			}
			if rec.Value == nil {
				err = errors.New("the value is null (a tombstone)")
			}
			fail(failed, rec, reason, err)
			continue
		}
		r.Decoded++
		for _, p := range done {
			out.add(&p, rec)
		}
	}
	r.Events = len(out.events)
	for _, f := range failed {
		r.Failures = append(r.Failures, *f)
	}
	slices.SortFunc(r.Failures, func(a, b Failure) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Reason, b.Reason))
	})
	return out
}

func fail(failed map[string]*Failure, rec *Record, reason string, err error) {
	f := failed[reason]
	if f == nil {
		f = &Failure{Reason: reason, Partition: rec.Partition, Offset: rec.Offset, Error: err.Error(), Excerpt: excerpt(rec.Value)}
		failed[reason] = f
	}
	f.Count++
}

func (d *decoded) add(p *pending, rec *Record) {
	e := decodedEvent{record: noTime, time: p.time, partition: rec.Partition}
	if rec.Time >= 0 {
		e.record = rec.Time
	}
	d.events = append(d.events, e)
	m := d.counts[p.model]
	if m == nil {
		m = &modelCount{}
		d.counts[p.model] = m
	}
	m.events++
	for g, has := range p.groups {
		if has {
			m.groups[g]++
		}
	}
	for name, v := range p.tags {
		t := d.tags[name]
		if t == nil {
			t = &tagCount{values: map[string]int{}}
			d.tags[name] = t
		}
		t.add(v)
	}
	at := e.time
	if at == noTime {
		at = e.record
	}
	for _, v := range p.values {
		c := d.byName[v.name]
		if c == nil {
			if len(d.order) >= maxFields {
				continue
			}
			c = &column{name: v.name, group: v.group, byModel: map[string]int{}, levels: map[string]int{}}
			d.byName[v.name] = c
			d.order = append(d.order, c)
		}
		c.add(p.model, v, at)
	}
}

// models are the names found, the most frequent first.
func (d *decoded) models() []Share {
	var out []Share
	for name, m := range d.counts {
		out = append(out, Share{name, m.events, float64(m.events) / float64(len(d.events))})
	}
	slices.SortFunc(out, func(a, b Share) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Name, b.Name))
	})
	return out
}
