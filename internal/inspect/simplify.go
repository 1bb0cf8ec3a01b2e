package inspect

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/driftd/driftd/consumers"
)

// findTags takes text fields with few values outside the features. In a flat
// event only those with the common names of tags: any other is a feature.
func (p *proposer) findTags() {
	tags := map[string]string{}
	for _, f := range p.fields.all {
		if p.used[f] || !f.plain || !f.in(p.base) || p.inFeatures(f) || f.scalars() == 0 || f.many() || f.distinct() > 200 || len(f.keys) > 3 {
			continue
		}
		parent := ""
		if len(f.keys) > 1 {
			parent = f.keys[len(f.keys)-2]
		}
		grouped := among(tagGroups, parent)
		named := among(tagNames, f.last()) && (f.mostly(isText) || f.mostly(isNumber))
		few := f.mostly(isText) && f.distinct() <= 20 && (f.scalars() < 20 || 2*f.distinct() <= f.scalars())
		free := p.group && !among(metaGroups, parent) && p.predictionGroup(f) == ""
		if !grouped && (!named && (!few || !free) || isID(f) != "" || p.flatReason(f) != "") {
			continue
		}
		name := f.last()
		if _, taken := tags[name]; taken {
			name = strings.Join(f.keys, "_")
		}
		if _, taken := tags[name]; taken || name == "version" && p.version != nil {
			continue
		}
		tags[name] = f.path
		p.used[f] = true
	}
	if len(tags) > 0 {
		p.m.Tags = tags
	}
}

// simplify leaves the map out where it says what driftd's own shape says anyway.
func (p *proposer) simplify() {
	m := &p.m
	own := len(m.Columns) == 0 && len(m.Exclude) == 0 && (m.Features == "" || m.Features == "features") && (m.Features != "" || len(m.Predictions) > 0)
	for path, native := range map[string]string{m.Model: "model", m.Time: "time", m.Version: "version"} {
		own = own && (path == "" || path == native)
	}
	for name, path := range m.Tags {
		own = own && path == "tags."+name
	}
	for name, path := range m.Predictions {
		own = own && path == "prediction."+name
	}
	if !own {
		return
	}
	p.native = true
	p.m = consumers.Map{Rows: m.Rows}
	if p.time == nil && p.has("time") || p.model == nil && p.has("model") {
		p.r.note("the events have a member `time` or `model` that does not look like one; driftd's own shape reads it all the same: see the records that do not decode")
	}
	var unread []string
	for _, f := range p.fields.all {
		if len(f.keys) == 1 && !f.head && !slices.Contains([]string{"model", "version", "time", "id", "tags", "features", "prediction"}, f.path) {
			unread = append(unread, quoted(f.path))
		}
	}
	if len(unread) > 0 {
		p.r.note("these members are not read: " + strings.Join(unread[:min(len(unread), 20)], ", "))
	}
}

func (p *proposer) has(path string) bool {
	return slices.ContainsFunc(p.fields.all, func(f *field) bool { return f.path == path && f.scalars() > 0 })
}

// describe says in words what the records are.
func (p *proposer) describe() {
	what := "JSON of another shape, read with a map"
	if p.native {
		what = "JSON in driftd's own shape"
	}
	if p.envelope != "" {
		what = p.envelope + ", read with a map below " + p.base
		if p.base == "" {
			what = p.envelope + ", read with a map"
		}
	}
	switch {
	case p.rows == ".":
		what += "; a record is an array of events"
	case p.rows != "":
		what += "; a record is a batch, its events are in " + p.rows
	}
	p.r.Is = what
	if p.guessed {
		p.r.note("rows are arrays without names: they are called v0, v1, ..; write the true names into map.columns")
	}
	if strings.HasPrefix(p.envelope, "Debezium") {
		gone := "counts as an event without features"
		if p.model != nil {
			gone = "becomes a dead letter, for it names no model"
		}
		p.r.note("every change of a row counts as an event; a deletion has no `after` and " + gone)
	}
	if p.time == nil {
		p.r.note("no member looks like the time of the event: the Kafka record's own time is used")
	} else if p.time.head && p.rows == "" {
		p.r.note("the time is that of the record's head")
	}
}

// fieldList names the fields, for people.
func (p *proposer) fieldList() string {
	var names []string
	for _, f := range p.fields.all {
		names = append(names, quoted(f.path))
	}
	if len(names) == 0 {
		return "none"
	}
	if len(names) > 12 {
		return strings.Join(names[:12], ", ") + fmt.Sprintf(" and %d more", len(names)-12)
	}
	return strings.Join(names, ", ")
}

// quoted is a name for people: as it is when it is simple, else in quotes; cut
// when it is long.
func quoted(s string) string {
	if len(s) > 80 {
		s = strings.ToValidUTF8(s[:80], "") + ".."
	}
	if plainWord.MatchString(s) {
		return s
	}
	return strconv.Quote(s)
}
