package pipeline

import (
	"slices"
	"sort"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/consumers"
)

// taskCatalog finds models for a profile task's decoder: those that have a
// layout, those that config names, and a bounded number of others, which are
// only counted.
type taskCatalog struct {
	set     *Settings
	src     *Source
	refs    *References
	version int64
	config  int64
	now     int64 // pane of the last event: which layout is likely
	models  map[string]*modelLayouts
	strange map[string]*consumers.Model
}

// modelLayouts are a model's layouts by the pane from which they hold.
type modelLayouts struct {
	from   []int64
	models []*consumers.Model
}

// maxStrange is how many models without layout or config a pane of a partition
// tells apart: those of smallest hash of the name, so that it does not depend on
// who came first [E10]. The others count together.
const maxStrange = 64

// otherModel is the name under which models beyond maxStrange count.
const otherModel = "(other)"

func newTaskCatalog(set *Settings, src *Source, refs *References) *taskCatalog {
	c := &taskCatalog{set: set, src: src, refs: refs, now: driftd.MinTime, strange: map[string]*consumers.Model{}}
	c.refresh()
	return c
}

// refresh takes what references and config say now.
func (c *taskCatalog) refresh() {
	old := c.models
	c.version, c.config = c.refs.Version(), c.set.Models.Generation()
	c.models = map[string]*modelLayouts{}
	for _, name := range c.refs.Models() {
		if !c.src.carries(name) {
			continue
		}
		ml := &modelLayouts{}
		for _, u := range c.refs.Uses(driftd.Series{Model: name, Segment: driftd.AllSegment}) {
			m := consumers.NewModel(name, u.Layout, segmentTags(c.set.Models.Segments(name), u.Layout))
			if same := reuse(old[name], m); same != nil {
				m = same
			}
			ml.from, ml.models = append(ml.from, u.From), append(ml.models, m)
		}
		if len(ml.models) > 0 {
			c.models[name] = ml
		}
	}
}

// reuse keeps the same Model for the same layout and segments, so that open
// panes go on.
func reuse(old *modelLayouts, now *consumers.Model) *consumers.Model {
	if old != nil {
		for _, m := range old.models {
			if m.Layout == now.Layout && slices.Equal(m.Segments, now.Segments) {
				return m
			}
		}
	}
	return nil
}

// Model implements consumers.Catalog: in the layout that the last event's pane had.
func (c *taskCatalog) Model(name []byte) *consumers.Model {
	if ml := c.models[string(name)]; ml != nil {
		if m := ml.at(c.now); m != nil {
			return m
		}
		return c.unknown(string(name))
	}
	if !c.src.carries(string(name)) {
		return nil
	}
	return c.unknown(string(name))
}

// at is the model as pane start has it; nil before the first layout, when it is
// only counted.
func (m *modelLayouts) at(start int64) *consumers.Model {
	i := sort.Search(len(m.from), func(i int) bool { return m.from[i] > start }) - 1
	if i < 0 {
		return nil
	}
	return m.models[i]
}

// at is the model in which an event of this pane must be decoded.
func (c *taskCatalog) at(m *consumers.Model, start int64) *consumers.Model {
	c.now = start
	ml := c.models[m.Name]
	if ml == nil {
		return m
	}
	if in := ml.at(start); in != nil {
		return in
	}
	return c.unknown(m.Name)
}

// modelAt is the model of a name as pane start has it.
func (c *taskCatalog) modelAt(name string, start int64) *consumers.Model {
	if ml := c.models[name]; ml != nil {
		if m := ml.at(start); m != nil {
			return m
		}
	}
	return c.unknown(name)
}

// unknown is a model that is only counted.
func (c *taskCatalog) unknown(name string) *consumers.Model {
	if m := c.strange[name]; m != nil {
		return m
	}
	if len(c.strange) >= 16*maxStrange { // a cache: what it forgets is made again
		clear(c.strange)
	}
	m := consumers.NewModel(name, nil, segmentTags(c.set.Models.Segments(name), nil))
	c.strange[name] = m
	return m
}

// isStrange says that a model is neither in a reference nor in config.
func (c *taskCatalog) isStrange(m *consumers.Model) bool {
	return m.Layout == nil && !c.set.Models.Known(m.Name)
}
