package config

import (
	"regexp"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // time zones by name, whatever the machine has

	"github.com/driftd/driftd"
	"github.com/goccy/go-yaml/ast"
)

// maxWindows is how many window lengths a model may have.
const maxWindows = 4

func (f *file) models(v at, c *Config) {
	c.Models = map[string]*Model{}
	for _, p := range f.pairs(v) {
		if strings.TrimSpace(p.name) == "" {
			f.bad(p.at.node, "models: a model needs a name; write it as `%s`", example(v.key))
			continue
		}
		m := c.Defaults.clone()
		m.Name = p.name
		x := p.at
		x.key = "models.<name>"
		f.model(x, m, c.Pane)
		c.Models[p.name] = m
	}
}

// model reads the keys of defaults or a model over what m has.
func (f *file) model(v at, m *Model, pane time.Duration) {
	o := f.object(v)
	if x, ok := o["windows"]; ok {
		f.windows(x, &m.Windows, pane)
	}
	if x, ok := o["timezone"]; ok {
		f.timezone(x, m)
	}
	if x, ok := o["budget"]; ok {
		if y, ok := f.object(x)["pages_per_week"]; ok {
			f.number(y, &m.PagesPerWeek, .001, 1000, "a number from 0.001 to 1000; write pages_per_week: 1")
		}
	}
	if x, ok := o["segments"]; ok {
		f.segments(x, &m.Segments)
	}
	if x, ok := o["labels"]; ok {
		f.labels(x, m)
	}
	if x, ok := o["severity"]; ok {
		f.oneOf(x, &m.Severity, "page", "ticket")
	}
	if x, ok := o["expect"]; ok {
		f.boolean(x, &m.Expect)
	}
	if x, ok := o["columns"]; ok {
		f.columns(x, m)
	}
	if x, ok := o["rule"]; ok {
		if r, good := f.rule(x); good {
			m.Rule = r
		}
	}
	if x, ok := o["measures"]; ok {
		f.measures(x, &m.Measures)
	}
	if x, ok := o["reference"]; ok {
		ref := f.object(x)
		if y, ok := ref["file"]; ok {
			f.text(y, &m.ReferenceFile)
		}
		if y, ok := ref["baseline"]; ok {
			f.oneOf(y, &m.Baseline, "auto", "fixed")
		}
		if y, ok := ref["pairs"]; ok {
			f.boolean(y, &m.Pairs)
		}
		if y, ok := ref["bootstrap"]; ok {
			f.bootstrap(y, &m.Bootstrap)
		}
	}
}

// bootstrap is how far back a reference is learned from; off is 0.
func (f *file) bootstrap(v at, to *time.Duration) {
	word, ok := f.raw(v)
	switch d, isDuration := parseDuration(word); {
	case ok && (word == "off" || word == "false"):
		*to = 0
	case ok && isDuration && d >= time.Hour && d <= 90*day:
		*to = d
	default:
		f.wrong(v, "off or a duration from 1h to 90d; write bootstrap: 14d")
	}
}

func (f *file) windows(v at, to *[]time.Duration, pane time.Duration) {
	items := f.list(v, "a list of durations; write it as [1h, 1d]")
	var out []time.Duration
	for _, x := range items {
		var d time.Duration
		f.duration(x, &d, time.Second, 365*day)
		switch {
		case d == 0:
		case d%pane != 0:
			f.bad(x.node, "%s: %s is not a whole multiple of the pane (%s); choose one that is", x.path, words(d), words(pane))
		case slices.Contains(out, d):
			f.bad(x.node, "%s: %s is in the list twice; keep one of them", x.path, words(d))
		default:
			out = append(out, d)
		}
	}
	switch {
	case isNull(v.node) || isEmpty(v.node):
		f.bad(v.node, "%s: the list is empty; name at least one length, as in [1h, 1d]", v.path)
	case len(items) > maxWindows:
		f.bad(v.node, "%s: %d lengths are too many; name at most %d", v.path, len(items), maxWindows)
	case len(out) > 0:
		slices.Sort(out)
		*to = out
	}
}

func (f *file) timezone(v at, m *Model) {
	var name string
	f.text(v, &name)
	if name == "" {
		return
	}
	l, err := time.LoadLocation(name)
	if err != nil || name == "Local" { // Local is another place on another machine
		f.wrong(v, "a time zone; write it as UTC or Europe/Berlin")
		return
	}
	m.Timezone, m.location = name, l
}

func (f *file) segments(v at, to *[]driftd.SegmentTag) {
	out := []driftd.SegmentTag{}
	seen := map[string]bool{}
	for _, x := range f.list(v, "a list; write it as `"+example(v.key)+"`") {
		t, ok := f.segment(x)
		if !ok {
			continue
		}
		if seen[t.Name()] {
			f.bad(x.node, "%s: %s is declared twice; keep one of them", x.path, t.Name())
			continue
		}
		seen[t.Name()] = true
		out = append(out, t)
	}
	*to = out
}

// segment reads a tag, crossed tags, or a tag with its values.
func (f *file) segment(v at) (driftd.SegmentTag, bool) {
	var t driftd.SegmentTag
	switch v.node.(type) {
	case *ast.SequenceNode:
		f.texts(v, &t.Tags)
	case *ast.MappingNode:
		ps := f.pairs(v)
		if len(ps) != 1 {
			f.bad(v.node, "%s: %d tags in one entry; give each its own, as in `%s`", v.path, len(ps), example(v.key))
			return t, false
		}
		t.Tags = strings.Split(ps[0].name, ",")
		for i := range t.Tags {
			t.Tags[i] = strings.TrimSpace(t.Tags[i])
		}
		f.texts(ps[0].at, &t.Values)
		f.segmentValues(ps[0].at, t)
	default:
		tag := ""
		f.text(v, &tag)
		if tag == "" {
			return t, false
		}
		t.Tags = []string{tag}
	}
	for _, tag := range t.Tags {
		if tag == "" || strings.ContainsAny(tag, ",=/") {
			f.bad(v.node, "%s: %q is no name of a tag; leave out commas, = and /, and cross tags as [country, device]", v.path, tag)
			return t, false
		}
	}
	if len(t.Tags) == 0 || len(t.Tags) > 3 {
		f.bad(v.node, "%s: %d tags are crossed; cross two or three, as in [country, device]", v.path, len(t.Tags))
		return t, false
	}
	return t, true
}

func (f *file) segmentValues(v at, t driftd.SegmentTag) {
	const most = 200
	switch n := len(t.Values); {
	case n == 0:
		f.bad(v.node, "%s: no values; list them, or write the tag alone to take them from the reference", v.path)
	case n > most:
		f.bad(v.node, "%s: %d values are too many; list at most %d, the rest counts as other", v.path, n, most)
	}
	for _, x := range t.Values {
		if parts := strings.Count(x, ",") + 1; parts != len(t.Tags) {
			f.bad(v.node, "%s: %q has %d parts for %d tags; write one part a tag, joined by commas", v.path, x, parts, len(t.Tags))
		}
		if x == driftd.OtherValue {
			f.bad(v.node, "%s: %q stands for all values that are not listed; leave it out", v.path, x)
		}
	}
}

var labelName = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)

// ownLabels are those of driftd's alerts and metrics.
var ownLabels = []string{"alertname", "model", "segment", "severity", "column", "window", "state", "le"}

func (f *file) labels(v at, m *Model) {
	if m.Labels == nil {
		m.Labels = map[string]string{}
	}
	for _, p := range f.pairs(v) {
		switch {
		case !labelName.MatchString(p.name) || strings.HasPrefix(p.name, "__"):
			f.bad(p.at.node, "%s: %q is no name of a label; use letters, digits and _", p.at.path, p.name)
		case slices.Contains(ownLabels, p.name):
			f.bad(p.at.node, "%s: driftd sets this label itself; choose another name", p.at.path)
		default:
			value := ""
			f.text(p.at, &value)
			m.Labels[p.name] = value
		}
	}
}

func (f *file) columns(v at, m *Model) {
	if m.Columns == nil {
		m.Columns = map[string]Column{}
	}
	for _, p := range f.pairs(v) {
		x := p.at
		x.key = v.key + ".<name>"
		c := m.Columns[p.name]
		o := f.object(x)
		if y, ok := o["importance"]; ok {
			i := 0.
			f.number(y, &i, 0, 1, "a number from 0 to 1; write importance: .5")
			c.Importance = &i
		}
		if y, ok := o["watch"]; ok {
			w := true
			f.boolean(y, &w)
			c.Watch = &w
		}
		if y, ok := o["sequential"]; ok {
			f.sequential(y, &c.Sequential)
		}
		if y, ok := o["rule"]; ok {
			if r, good := f.rule(y); good {
				c.Rule, c.HasRule = r, true
			}
		}
		m.Columns[p.name] = c
	}
}
