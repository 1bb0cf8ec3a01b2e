package inspect

import (
	"fmt"
	"slices"
)

// maxModels are listed in a source; a topic with more gets no list, because a
// sample does not see them all.
const maxModels = 50

// nameModels gives the model of events that name none.
func (r *Report) nameModels(p *proposer, given string) {
	usual := p.model != nil && p.fields.usual(p.model)
	switch {
	case given != "":
		r.Source.Model = given
	case p.model != nil && !usual:
		r.Source.Model = r.Topic
		r.note(fmt.Sprintf("fewer than half of the events name their model: the others are of model %s, the topic's name; change sources[].model if that is wrong", quoted(r.Topic)))
	case !usual && !(p.native && p.has("model")):
		r.Source.Model = r.Topic
		r.note(fmt.Sprintf("no event names its model: all are of model %s, the topic's name; change sources[].model if that is wrong", quoted(r.Topic)))
	}
}

// carries lists the models that the source may carry, when there are several.
func (r *Report) carries(d *decoded) {
	var names []string
	strange := 0
	for _, m := range r.Models {
		if !expressible(m.Name) {
			strange++
			continue
		}
		names = append(names, m.Name)
	}
	if strange > 0 {
		r.note(fmt.Sprintf("%d names of models cannot stand in the config (blank, longer than 512 bytes, or with control characters): any model is accepted; have the producer mend them", strange))
		if r.Source.Model != "" { // a model alone would shut the others out
			r.note(fmt.Sprintf("sources[].model is left out for the same reason: it would shut out every other model than %s", quoted(r.Source.Model)))
			r.Source.Model = ""
		}
		return
	}
	slices.Sort(names)
	alone := len(names) == 1 && (r.Source.Model == "" || names[0] == r.Source.Model)
	switch {
	case alone:
	case len(names) > maxModels:
		r.note(fmt.Sprintf("%d models in the sample: any model is accepted; list them in sources[].models to keep others out", len(names)))
		r.Source.Model = ""
	default:
		r.Source.Models = names
	}
}

// tagNames are the tags to ask the decoder for: those of the map, or, in driftd's
// own shape, version and the members of tags.
func (p *proposer) tagNames() []string {
	var names []string
	add := func(name string) {
		if !slices.Contains(names, name) && len(names) < 100 {
			names = append(names, name)
		}
	}
	if p.version != nil || p.native && p.has("version") {
		add("version")
	}
	if !p.native {
		for _, name := range sorted(p.m.Tags) {
			add(name)
		}
		return names
	}
	for _, f := range p.fields.all {
		if len(f.keys) == 2 && f.keys[0] == "tags" && f.scalars() > 0 {
			add(f.keys[1])
		}
	}
	return names
}
