package consumers

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/driftd/driftd"
)

// TimeUnit says how a number is read as a time.
type TimeUnit string

// The units. Auto takes RFC 3339 strings, and numbers by their size.
const (
	UnitAuto   TimeUnit = ""
	UnitSecond TimeUnit = "s"
	UnitMilli  TimeUnit = "ms"
	UnitMicro  TimeUnit = "us"
	UnitNano   TimeUnit = "ns"
	UnitRecord TimeUnit = "record" // the Kafka record's own time
)

// Map says where an event's parts stand in a JSON record. Paths are dotted; "."
// is the record (or row) itself. The zero Map is the native shape.
type Map struct {
	Model       string
	Time        string
	TimeUnit    TimeUnit
	Version     string
	Features    string   // path of the object whose members are features
	Exclude     []string // members of Features that are none
	Tags        map[string]string
	Predictions map[string]string // part ("score") -> path
	Rows        string            // path of the array of events in a batch record
	Columns     []string          // names of the positional values of a row that is an array
}

// NativeMap is the shape of driftd's own JSON.
var NativeMap = Map{}

// action is what a member of a record means.
type action uint8

const (
	skip action = iota
	descend
	setModel
	setTime
	setTag
	column  // the member is one column of fixed name
	members // descend, and every member not otherwise known is a column
	tagMembers
	rows
)

// shape is a compiled node of a Map: what to do with each member of an object.
type shape struct {
	id       int
	does     action
	children map[string]*shape
	group    driftd.Group
	prefix   string            // members: put before the member's name
	name     string            // column or tag name
	inner    map[string]*shape // members: shapes of the objects inside, by key
	bytes    []byte            // name
}

func (s *shape) nameBytes() []byte {
	if s.bytes == nil {
		s.bytes = []byte(s.name)
	}
	return s.bytes
}

// compiled is a whole record's shape.
type compiled struct {
	root    *shape
	row     *shape // nil without rows
	columns []string
	nodes   int
	unit    TimeUnit
}

func (c *compiled) node(does action) *shape {
	c.nodes++
	return &shape{id: c.nodes - 1, does: does, children: map[string]*shape{}}
}

// compile turns a Map into shapes. Errors name the key of the map at fault.
func (m Map) compile() (*compiled, error) {
	c := &compiled{unit: m.TimeUnit, columns: m.Columns}
	switch m.TimeUnit {
	case UnitAuto, UnitSecond, UnitMilli, UnitMicro, UnitNano, UnitRecord:
	default:
		return nil, fmt.Errorf("map.time.unit: %q is not one of s, ms, us, ns, record", m.TimeUnit)
	}
	c.root = c.node(descend)
	at := c.root
	if m.Rows != "" {
		if err := c.put(c.root, m.Rows, func(s *shape) { s.does = rows }); err != nil {
			return nil, fmt.Errorf("map.rows: %w", err)
		}
		c.row = c.node(descend)
		at = c.row
	}
	if m.native() {
		c.native(at)
		if at != c.root { // a batch may give model, time, version and tags once for all rows
			c.nativeHead(c.root)
		}
		return c, nil
	}
	return c, c.custom(m, at)
}

// native says that the map only names rows: events have driftd's own shape.
func (m Map) native() bool {
	return m.Model == "" && m.Time == "" && m.Version == "" && m.Features == "" && len(m.Tags) == 0 && len(m.Predictions) == 0 && len(m.Columns) == 0
}

func (c *compiled) nativeHead(at *shape) {
	at.children["model"] = c.node(setModel)
	at.children["time"] = c.node(setTime)
	version := c.node(setTag)
	version.name = "version"
	at.children["version"] = version
	at.children["tags"] = c.node(tagMembers)
}

func (c *compiled) native(at *shape) {
	c.nativeHead(at)
	at.children["features"] = c.columnsOf(driftd.Features, "")
	at.children["prediction"] = c.columnsOf(driftd.Prediction, "prediction.")
}

// columnsOf is an object whose members are columns; objects inside it are
// flattened with dotted names.
func (c *compiled) columnsOf(g driftd.Group, prefix string) *shape {
	s := c.node(members)
	s.group, s.prefix = g, prefix
	return s
}

func (c *compiled) custom(m Map, at *shape) error {
	// Parts are looked for in the row first; with rows, the head may have them too.
	heads := []*shape{at}
	if at != c.root {
		heads = append(heads, c.root)
	}
	for _, h := range heads {
		if err := c.head(m, h); err != nil {
			return err
		}
	}
	if m.Features != "" {
		if err := c.put(at, m.Features, func(s *shape) { s.does, s.group = members, driftd.Features }); err != nil {
			return fmt.Errorf("map.features: %w", err)
		}
	}
	for _, part := range sortedKeys(m.Predictions) {
		if err := c.put(at, m.Predictions[part], func(s *shape) {
			s.does, s.group, s.name = column, driftd.Prediction, "prediction."+part
		}); err != nil {
			return fmt.Errorf("map.prediction.%s: %w", part, err)
		}
	}
	if m.Features == "" {
		return nil
	}
	// Last: an excluded member that holds other parts is still descended into.
	for _, name := range m.Exclude {
		path := name
		if m.Features != "." {
			path = m.Features + "." + name
		}
		if err := c.put(at, path, func(s *shape) {
			if len(s.children) == 0 && s.does == descend {
				s.does = skip
			}
		}); err != nil {
			return fmt.Errorf("map.features.exclude: %w", err)
		}
	}
	return nil
}

func (c *compiled) head(m Map, at *shape) error {
	puts := []struct {
		key, path string
		do        func(*shape)
	}{
		{"model", m.Model, func(s *shape) { s.does = setModel }},
		{"time", m.Time, func(s *shape) { s.does = setTime }},
		{"version", m.Version, func(s *shape) { s.does, s.name = setTag, "version" }},
	}
	for _, tag := range sortedKeys(m.Tags) {
		puts = append(puts, struct {
			key, path string
			do        func(*shape)
		}{"tags." + tag, m.Tags[tag], func(s *shape) { s.does, s.name = setTag, tag }})
	}
	for _, p := range puts {
		if p.path == "" {
			continue
		}
		if err := c.put(at, p.path, p.do); err != nil {
			return fmt.Errorf("map.%s: %w", p.key, err)
		}
	}
	return nil
}

// put finds or makes the node at a dotted path below at and changes it.
func (c *compiled) put(at *shape, path string, do func(*shape)) error {
	if path == "." {
		do(at)
		return nil
	}
	for part := range strings.SplitSeq(path, ".") {
		if part == "" {
			return fmt.Errorf("path %q has an empty part; write a.b.c, or . for the record itself", path)
		}
		next := at.children[part]
		if next == nil {
			next = c.node(descend)
			at.children[part] = next
		}
		at = next
	}
	do(at)
	return nil
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// unitOf is the number of nanoseconds of a unit.
func unitOf(u TimeUnit, x float64) float64 {
	switch u {
	case UnitSecond:
		return float64(time.Second)
	case UnitMilli:
		return float64(time.Millisecond)
	case UnitMicro:
		return float64(time.Microsecond)
	case UnitNano:
		return 1
	}
	if x < 0 {
		x = -x
	}
	switch { // by size: seconds until the year 5138, and so on
	case x < 1e11:
		return float64(time.Second)
	case x < 1e14:
		return float64(time.Millisecond)
	case x < 1e17:
		return float64(time.Microsecond)
	}
	return 1
}
