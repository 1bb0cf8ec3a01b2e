package inspect

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/driftd/driftd/consumers"
)

// proposer finds the parts of an event and writes them down as a map.
type proposer struct {
	layout
	r      *Report
	fields *fields
	used   map[*field]bool
	left   map[string]string // fields of a flat event that are no features: why

	m           consumers.Map
	features    string // path of the object with features; "" for none
	group       bool   // features is an object of its own, not the event
	time, model *field
	version     *field
	timing      timing
	native      bool
}

func newProposer(records []parsed, r *Report) *proposer {
	p := &proposer{layout: findLayout(records), r: r, used: map[*field]bool{}, left: map[string]string{}}
	p.fields = collect(p.events)
	return p
}

// nothing says that the proposal reads neither features nor predictions.
func (p *proposer) nothing() bool {
	return !p.native && p.m.Features == "" && len(p.m.Predictions) == 0
}

// inFeatures says that a field stands in the group of features.
func (p *proposer) inFeatures(f *field) bool { return p.group && f.in(p.features) }

func (p *proposer) propose() {
	p.m.Rows, p.m.Columns = p.rows, p.columns
	p.findFeatures()
	if p.time, p.timing = p.findTime(); p.time != nil {
		p.used[p.time] = true
		p.m.Time, p.m.TimeUnit = p.time.path, p.timing.unit
	}
	if p.model = p.findName(modelNames, "name", "id"); p.model != nil {
		p.m.Model = p.model.path
		p.used[p.model] = true
	}
	if p.version = p.findName(versionNames, "version", "revision"); p.version != nil {
		p.m.Version = p.version.path
		p.used[p.version] = true
	}
	p.findPredictions()
	p.flatFeatures()
	p.findTags()
	p.exclude()
	p.simplify()
	p.describe()
}

// findFeatures looks for the object that holds the features by its name, or as
// the only one with values beside an event's head.
func (p *proposer) findFeatures() {
	if len(p.columns) > 0 {
		return
	}
	least := len(featureGroups) * 10
	for _, f := range p.fields.all {
		at := rank(featureGroups, f.last())
		if at < 0 || f.head || !f.plain || !f.in(p.base) || f.path == p.base || 2*f.n[isObject] < p.fields.events || f.below == 0 {
			continue
		}
		if cost := at + 3*len(f.keys); cost < least {
			p.features, p.group, least = f.path, true, cost
		}
	}
}

// findName is the field with the model's name or version: by its own name, or as
// model.name and model.version.
func (p *proposer) findName(names []string, inModel ...string) *field {
	var best *field
	least := 1 << 20
	for _, f := range p.fields.all {
		at := rank(names, f.last())
		if len(f.keys) > 1 && among(modelNames[:1], f.keys[len(f.keys)-2]) && slices.Contains(inModel, norm(f.last())) {
			at = 0
		}
		if at < 0 || p.used[f] || !f.plain || !f.in(p.base) || p.inFeatures(f) || f.scalars() == 0 || f.many() || f.distinct() > 100 {
			continue
		}
		if f.mostly(isNumber) && f.high-f.low > 1000 || f.mostly(isBool) {
			continue
		}
		cost := at + 10*len(f.keys)
		if !p.fields.usual(f) {
			cost += 100
		}
		if cost < least {
			best, least = f, cost
		}
	}
	return best
}

// findPredictions looks for scores and classes by name, and for objects that
// hold nothing else.
func (p *proposer) findPredictions() {
	parts := map[string]string{}
	for _, f := range p.fields.all {
		if p.used[f] || !f.plain || f.head || !f.in(p.base) || p.inFeatures(f) || f.scalars() == 0 || len(f.keys) > 3+strings.Count(p.base, ".") {
			continue
		}
		group := p.predictionGroup(f)
		name := p.part(f, group)
		if name == "" || !expressible(name) {
			continue
		}
		for taken := name; parts[name] != ""; name += "_2" {
			if name == taken && norm(f.last()) != taken {
				name = f.last()
				if parts[name] == "" {
					break
				}
			}
		}
		parts[name] = f.path
		p.used[f] = true
	}
	if len(parts) > 0 {
		p.m.Predictions = parts
	}
}

// predictionGroup is the path of the object around a field that holds a
// prediction, "" for none.
func (p *proposer) predictionGroup(f *field) string {
	for i, key := range f.keys[:len(f.keys)-1] {
		if path := strings.Join(f.keys[:i+1], "."); among(predictionGroups, key) && path != p.base && !(p.base != "" && strings.HasPrefix(p.base, path+".")) {
			return path
		}
	}
	return ""
}

// part is the name of a field as a part of the prediction, "" when it is none.
func (p *proposer) part(f *field, group string) string {
	own := group != "" && (among(predictionGroups[:4], lastKey(group)))
	suffix := strings.TrimPrefix(f.path, group+".")
	if group == "prediction" { // driftd's own names stay
		return suffix
	}
	if isID(f) != "" {
		return ""
	}
	key := f.last()
	score := among(scoreNames, key) || norm(key) == "p" && (group != "" || f.mostly(isNumber) && f.low >= 0 && f.high <= 1)
	class := among(classNames, key)
	switch {
	case (score || class) && f.mostly(isNumber) && !class:
		return "score"
	case score || class:
		return "class"
	case own:
		return suffix
	case group != "" && f.mostly(isNumber) && among(predictionGroups[4:7], lastKey(group)) && !p.telling(group):
		return suffix
	}
	return ""
}

// telling says that something below a path has the name of a score or class:
// then the other numbers there (latencies, counts) are none.
func (p *proposer) telling(path string) bool {
	return slices.ContainsFunc(p.fields.all, func(f *field) bool {
		return f.in(path) && f.path != path && (among(scoreNames, f.last()) || among(classNames, f.last()) || norm(f.last()) == "p")
	})
}

func lastKey(path string) string { return path[strings.LastIndexByte(path, '.')+1:] }

// flatFeatures takes the event itself for the object of features when none has
// been found and values are left; or the one object that has them.
func (p *proposer) flatFeatures() {
	if p.features != "" {
		return
	}
	var inside *field
	scalars := 0
	for _, f := range p.fields.all {
		if f.head || !f.in(p.base) || f.path == p.base || p.used[f] {
			continue
		}
		top := f.directly(p.base)
		switch {
		case top && f.scalars() > 0 && p.flatReason(f) == "" && !among(tagNames, f.last()):
			scalars++
		case top && f.plain && f.n[isObject] > 0 && f.below > 0 && p.flatReason(f) == "" && !among(tagGroups, f.last()):
			if inside == nil || f.below > inside.below {
				inside = f
			}
		}
	}
	switch {
	case scalars > 0 && p.base != "":
		p.features = p.base
	case scalars > 0:
		p.features = "."
	case inside != nil:
		p.features, p.group = inside.path, true
	}
}

// flatReason says why a member of a flat event is no feature; "" when it may be one.
func (p *proposer) flatReason(f *field) string {
	switch {
	case f.n[isArray] > 0 && f.n[isArray] >= f.scalars():
		return "an array: only single values can be watched"
	case f.n[isObject] > 0 && (among(metaGroups, f.last()) || among(predictionGroups, f.last())):
		return "not features, by its name"
	}
	if why := isID(f); why != "" {
		return why
	}
	if t, ok := timingOf(f); ok && (t.within == near && (timeWord(f) || t.text) || among(timeNames, f.last())) {
		return "a time: it would follow the clock"
	}
	return ""
}

// exclude names the members of a flat event that are no features.
func (p *proposer) exclude() {
	if p.features == "" {
		return
	}
	p.m.Features = p.features
	if p.group {
		return
	}
	for _, f := range p.fields.all {
		if f.head || !f.in(p.base) || !f.directly(p.base) {
			continue
		}
		why := p.flatReason(f)
		if p.used[f] || why == "" || p.holdsParts(f) {
			continue
		}
		if !f.plain {
			p.r.note(fmt.Sprintf("the member %s is no feature (%s), but a name with a dot or of strange characters cannot be excluded: have the producer rename it", quoted(f.path), why))
			continue
		}
		p.left[f.path] = why
		p.m.Exclude = append(p.m.Exclude, f.last())
	}
	slices.Sort(p.m.Exclude)
}

// holdsParts says that a part of the event stands below a field: the decoder
// then looks for the parts there and for nothing else.
func (p *proposer) holdsParts(f *field) bool {
	below := func(path string) bool { return strings.HasPrefix(path, f.path+".") }
	return below(p.m.Time) || below(p.m.Model) || below(p.m.Version) ||
		slices.ContainsFunc(slices.Collect(maps.Values(p.m.Tags)), below) || slices.ContainsFunc(slices.Collect(maps.Values(p.m.Predictions)), below)
}
