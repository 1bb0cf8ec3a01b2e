package consumers

import (
	"github.com/driftd/driftd"
)

// Model is what the decoder needs of a model: its layout and its segments.
// Immutable.
type Model struct {
	Name     string
	Layout   *driftd.Layout // nil: no reference yet; events are only counted
	Segments []string       // names, as driftd.Segments has them

	tags     []tagIndex
	excluded map[string]bool // columns that the layout leaves out on purpose
}

type tagIndex struct {
	names  []string
	values map[string]int // value (crossed: joined by ",") -> index in Segments
	other  int
}

// NewModel makes a model. tags overrides the layout's segments unless nil.
func NewModel(name string, layout *driftd.Layout, tags []driftd.SegmentTag) *Model {
	if tags == nil && layout != nil {
		tags = layout.Segments
	}
	m := &Model{Name: name, Layout: layout, Segments: driftd.Segments(tags), excluded: map[string]bool{}}
	if layout != nil {
		for _, x := range layout.Excluded {
			m.excluded[x.Name] = true
		}
	}
	at := 1
	for _, t := range tags {
		ti := tagIndex{names: t.Tags, values: make(map[string]int, len(t.Values))}
		for _, v := range t.Values {
			ti.values[v] = at
			at++
		}
		ti.other = at
		at++
		m.tags = append(m.tags, ti)
	}
	return m
}

// Catalog finds models. A name that it does not know gets a nil.
type Catalog interface {
	// Model is called for every event with a name other than the last one's. It
	// must return the same pointer for the same name until Decoder.Forget.
	Model(name []byte) *Model
}

// FixedCatalog is a Catalog of a map.
type FixedCatalog map[string]*Model

// Model implements Catalog.
func (c FixedCatalog) Model(name []byte) *Model { return c[string(name)] }
