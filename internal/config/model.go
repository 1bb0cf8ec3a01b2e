package config

import (
	"maps"
	"slices"
	"time"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/detectors/classic"
	"github.com/driftd/driftd/detectors/stream"
)

// Model is what config says of a model.
type Model struct {
	Name          string
	Windows       []time.Duration // shortest first
	Timezone      string
	PagesPerWeek  float64
	Segments      []driftd.SegmentTag // Values nil: from the reference; Segments nil: all from the reference
	Labels        map[string]string
	Severity      string // page or ticket for all its incidents; "": by the columns
	Expect        bool   // its silence is an incident
	Columns       map[string]Column
	ReferenceFile string
	Bootstrap     time.Duration // how far back a reference is learned from where there is none; 0: never
	Rule          *classic.Rule // of columns that have none of their own; nil: driftd's own
	Measures      []string      // shown of each column; nil: detectors.DefaultMeasures
	Baseline      string        // auto or fixed: what a reference that driftd makes itself compares with
	Pairs         bool          // one that it learns from the topics has pairs

	location *time.Location
}

// Column is what config says of a column.
type Column struct {
	Importance *float64 // 0 to 1; nil: not said
	Watch      *bool    // false mutes; nil: not said
	// Sequential are the detectors that look at the column's base windows one after
	// the other, each method once.
	Sequential []stream.Spec `json:",omitempty"`
	// Rule decides about the column where HasRule says so: a classic rule, or nil for
	// driftd's own.
	Rule    *classic.Rule `json:",omitempty"`
	HasRule bool          `json:",omitempty"`
}

// WindowLengths are the window lengths, the base length first.
func (m *Model) WindowLengths() []time.Duration { return slices.Clone(m.Windows) }

// Location is where the model's days begin.
func (m *Model) Location() *time.Location {
	if m.location == nil {
		return time.UTC
	}
	return m.location
}

// ModelOf is what holds for a model: its own settings over the defaults. The caller must not change it.
func (c *Config) ModelOf(name string) *Model {
	if m := c.Models[name]; m != nil {
		return m
	}
	m := c.Defaults.clone()
	m.Name = name
	return m
}

// Known says that the file names the model.
func (c *Config) Known(name string) bool {
	if c.Models[name] != nil {
		return true
	}
	return slices.ContainsFunc(c.Sources, func(s Source) bool { return s.Model == name || slices.Contains(s.Models, name) })
}

func (m *Model) clone() *Model {
	n := *m
	n.Labels, n.Columns = maps.Clone(m.Labels), maps.Clone(m.Columns)
	return &n
}
