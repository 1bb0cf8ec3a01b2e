package config

import (
	"math"
	"strings"

	"github.com/driftd/driftd/detectors"
	"github.com/driftd/driftd/detectors/classic"
	"github.com/goccy/go-yaml/ast"
)

// ruleKey is the table's key of a classic rule's limits, wherever it stands.
const ruleKey = "models.<name>.rule"

// ruleDriftd is driftd's own rule.
const ruleDriftd = "driftd"

// ruleKeys are the limits that a classic rule may have.
func ruleKeys() (ks []Key) {
	for i := range detectors.Measures {
		m := &detectors.Measures[i]
		k := Key{Path: ruleKey + "." + m.Name, Type: limitType(m), Default: "none", Meaning: "Drift from this value on: " + m.Meaning + "."}
		if m.P {
			k.Meaning = "Drift below this value: " + m.Meaning + "."
		}
		ks = append(ks, k)
	}
	return ks
}

func measureNames() string {
	var names []string
	for i := range detectors.Measures {
		names = append(names, detectors.Measures[i].Name)
	}
	return strings.Join(names, ", ")
}

func limitType(m *detectors.Measure) string {
	if m.Most == 1 {
		return "number from 0 to 1"
	}
	return "number"
}

// rule reads a rule: a name, or limits by measure. nil stands for driftd's own; ok for a good one.
func (f *file) rule(v at) (r *classic.Rule, ok bool) {
	v.key = ruleKey
	if _, mapping := v.node.(*ast.MappingNode); !mapping {
		var name string
		if f.oneOf(v, &name, append([]string{ruleDriftd}, classic.Presets...)...); name == "" {
			return nil, false
		}
		if name == ruleDriftd {
			return nil, true
		}
		return &classic.Rule{Name: name}, true
	}
	r = &classic.Rule{}
	o := f.object(v)
	for i := range detectors.Measures {
		m := &detectors.Measures[i]
		x, has := o[m.Name]
		if !has {
			continue
		}
		at := math.NaN()
		most, mend := math.MaxFloat64, "a number from 0 up; write "+m.Name+": 0.1"
		if m.Most == 1 {
			most, mend = 1, "a number from 0 to 1; write "+m.Name+": 0.1"
		}
		if f.number(x, &at, 0, most, mend); !math.IsNaN(at) {
			r.Limits = append(r.Limits, classic.Limit{Measure: m, At: at})
		}
	}
	if len(r.Limits) == 0 {
		if len(o) == 0 {
			f.bad(v.node, "%s: no limit in it; write it as `%s`, or as one of %s", v.path, "rule: {psi: 0.2}", strings.Join(append([]string{ruleDriftd}, classic.Presets...), ", "))
		}
		return nil, false
	}
	return r, true
}

// measures reads the list of measures to show.
func (f *file) measures(v at, to *[]string) {
	names, out := strings.Split(measureNames(), ", "), []string{}
	for _, x := range f.list(v, "a list; write it as `"+example(v.key)+"`") {
		name := ""
		if f.oneOf(x, &name, names...); name == "" {
			continue
		}
		for _, have := range out {
			if have == name {
				f.bad(x.node, "%s: %s is in the list twice; keep one of them", x.path, name)
			}
		}
		out = append(out, name)
	}
	*to = out
}
