package config

import (
	"slices"
	"strings"
	"time"

	"github.com/driftd/driftd/consumers"
	"github.com/goccy/go-yaml/ast"
)

func (f *file) sources(v at, c *Config) {
	items := f.list(v, "a list; write it as `"+example(v.key)+"`")
	if len(items) == 0 && (isNull(v.node) || isEmpty(v.node)) {
		f.bad(v.node, "sources is empty: name at least one topic, as in `%s`", example(v.key))
	}
	seen := map[string]int{}
	for _, x := range items {
		s := defaultSource()
		f.source(x, &s)
		if s.Topic != "" {
			if line, twice := seen[s.Topic]; twice {
				f.bad(x.node, "%s: topic %q is a source already, in line %d; a topic is read once", x.path, s.Topic, line)
			}
			seen[s.Topic] = lineOf(x.node)
			if strings.HasPrefix(s.Topic, c.Kafka.TopicPrefix+".") {
				f.bad(x.node, "%s: topic %q has the name of one of driftd's own; change kafka.topic_prefix", x.path, s.Topic)
			}
		}
		c.Sources = append(c.Sources, s)
	}
}

func (f *file) source(v at, s *Source) {
	o := f.object(v)
	if x, ok := o["topic"]; ok {
		f.fits(x, &s.Topic, isTopic, "a topic's name; use letters, digits, dots, - and _, at most 249")
	} else {
		f.bad(v.node, "%s.topic is missing; name the topic with the events", v.path)
	}
	if x, ok := o["model"]; ok {
		f.text(x, &s.Model)
	}
	if x, ok := o["models"]; ok {
		f.texts(x, &s.Models)
	}
	if x, ok := o["map"]; ok {
		f.shape(x, s)
	}
	if x, ok := o["lateness"]; ok {
		f.duration(x, &s.Lateness, 0, day)
	}
	if x, ok := o["idle_timeout"]; ok {
		f.duration(x, &s.IdleTimeout, 10*time.Second, day)
	}
	if x, ok := o["max_skew"]; ok {
		f.duration(x, &s.MaxSkew, 0, day)
	}
	if x, ok := o["max_age"]; ok {
		f.duration(x, &s.MaxAge, time.Minute, 3650*day)
		if s.MaxAge < s.Lateness {
			f.bad(x.node, "%s: %s is less than lateness (%s): events would be refused before they are late; raise it", x.path, words(s.MaxAge), words(s.Lateness))
		}
	}
	if x, ok := o["max_record_bytes"]; ok {
		f.size(x, &s.MaxBytes, 1<<10, 256<<20)
	}
	if x, ok := o["deadletters"]; ok {
		f.oneOf(x, &s.DeadLetters, DeadLettersHeaders, DeadLettersFull, DeadLettersOff)
	}
}

// shape reads a map and compiles it, for its own mistakes.
func (f *file) shape(v at, s *Source) {
	before := len(f.mistakes)
	parts := map[string]at{} // where each part of the map stands
	m := &s.Map
	flat := f.flatPredictions(v, m, parts)
	o := f.object(flat)
	for name, to := range map[string]*string{"model": &m.Model, "version": &m.Version, "rows": &m.Rows} {
		if x, ok := o[name]; ok {
			f.text(x, to)
			parts[name] = x
		}
	}
	if x, ok := o["time"]; ok {
		f.time(x, m)
		parts["time"] = x
	}
	if x, ok := o["features"]; ok {
		f.features(x, m)
		parts["features"] = x
	}
	if x, ok := o["tags"]; ok {
		m.Tags = map[string]string{}
		for _, p := range f.pairs(x) {
			parts["tags."+p.name] = p.at
			path := ""
			f.text(p.at, &path)
			m.Tags[p.name] = path
		}
	}
	if x, ok := o["columns"]; ok {
		f.texts(x, &m.Columns)
		parts["columns"] = x
		if m.Rows == "" {
			f.bad(x.node, "%s names the values of rows, and rows is not set; set rows too, or remove it", x.path)
		}
	}
	if len(f.mistakes) > before {
		return
	}
	if _, err := consumers.NewDecoder(*m, s.Model, nil); err != nil {
		where := v
		for name, x := range parts {
			if strings.HasPrefix(err.Error(), "map."+name+":") || strings.HasPrefix(err.Error(), "map."+name+".") {
				where = x
			}
		}
		f.bad(where.node, "%s", strings.Replace(err.Error(), "map", v.path, 1))
	}
}

// flatPredictions takes `prediction.score: path` and `prediction: {score: path}` out of the map.
func (f *file) flatPredictions(v at, m *consumers.Map, parts map[string]at) at {
	whole, ok := f.real(v.node).(*ast.MappingNode)
	if !ok {
		return v
	}
	add := func(name string, x at) {
		path := ""
		f.text(x, &path)
		if m.Predictions == nil {
			m.Predictions = map[string]string{}
		}
		if _, twice := m.Predictions[name]; twice {
			f.bad(x.node, "%s: the part %q of the prediction is given twice; keep one of them", x.path, name)
		}
		m.Predictions[name] = path
		parts["prediction."+name] = x
	}
	rest := *whole
	rest.Values = nil
	for _, p := range whole.Values {
		name := nameOf(p.Key)
		one := at{join(v.path, name), v.key, f.real(p.Value)}
		switch part, isPart := strings.CutPrefix(name, "prediction."); {
		case isPart && part != "":
			add(part, one)
		case name == "prediction":
			for _, q := range f.pairs(one) {
				add(q.name, q.at)
			}
		default:
			rest.Values = append(rest.Values, p)
		}
	}
	v.node = &rest
	if len(rest.Values) == 0 {
		v.node = ast.Null(whole.GetToken())
	}
	return v
}

func (f *file) time(v at, m *consumers.Map) {
	if _, scalar := f.raw(v); scalar {
		f.text(v, &m.Time)
		return
	}
	o := f.object(v)
	unit := ""
	if x, ok := o["unit"]; ok {
		f.oneOf(x, &unit, "s", "ms", "us", "ns", "record")
	}
	m.TimeUnit = consumers.TimeUnit(unit)
	if x, ok := o["path"]; ok {
		f.text(x, &m.Time)
	} else if m.TimeUnit != consumers.UnitRecord {
		f.bad(v.node, "%s.path is missing; say where the time stands, as in `%s`", v.path, example(v.key))
	}
}

func (f *file) features(v at, m *consumers.Map) {
	if _, scalar := f.raw(v); scalar {
		f.text(v, &m.Features)
		return
	}
	o := f.object(v)
	if x, ok := o["path"]; ok {
		f.text(x, &m.Features)
	} else {
		f.bad(v.node, "%s.path is missing; say where the features stand, as in `%s`", v.path, example(v.key))
	}
	if x, ok := o["exclude"]; ok {
		f.texts(x, &m.Exclude)
		slices.Sort(m.Exclude)
	}
}
