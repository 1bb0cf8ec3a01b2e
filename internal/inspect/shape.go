package inspect

import (
	"fmt"
	"slices"
	"strings"
)

// layout is where events stand in records.
type layout struct {
	envelope string   // its name in words, "" for none
	base     string   // path of the payload in an event; "": the event itself
	rows     string   // path of the array of events in a record; "": a record is one
	columns  []string // names of the values of rows that are arrays
	guessed  bool     // the columns have no names in the record
	events   []event
}

// findLayout looks for batches and envelopes. A form counts when at least half of the
// records have it.
func findLayout(records []parsed) layout {
	var l layout
	arrays := 0
	for _, r := range records {
		if r.root.kind == isArray {
			arrays++
		}
	}
	if 2*arrays > len(records) {
		l.rows = "."
		l.unroll(records)
		l.envelope, l.base = envelope(l.events)
		return l
	}
	for _, r := range records {
		if r.root.kind == isObject {
			l.events = append(l.events, event{root: r.root, at: r.rec.Time})
		}
	}
	l.envelope, l.base = envelope(l.events)
	if l.rows = findRows(l.events, l.base); l.rows != "" {
		l.base = ""
		l.unroll(records)
	}
	return l
}

// find is the node at a dotted path of plain keys, nil when there is none.
func (n *node) find(path string) *node {
	if path == "" || path == "." {
		return n
	}
	for key := range strings.SplitSeq(path, ".") {
		if n = n.get(key); n == nil {
			return nil
		}
	}
	return n
}

// envelopes are the standard wrappings of events:
// CloudEvents 1.0 (section 3, JSON event format), Debezium's change events, and
// Kafka Connect's JsonConverter with schemas.enable=true.
var envelopes = []struct {
	name, base string
	is         func(n *node) bool
}{
	{"Debezium change events with their schema", "payload.after", func(n *node) bool { return isChange(n.get("payload")) }},
	{"Debezium change events", "after", isChange},
	{"CloudEvents", "data", func(n *node) bool {
		return n.get("specversion").is(isText) && (n.get("data").is(isObject) || n.get("data").is(isArray))
	}},
	{"Kafka Connect JSON with its schema", "payload", func(n *node) bool {
		return len(n.members) == 2 && n.get("schema").is(isObject) && n.get("payload").is(isObject)
	}},
}

func isChange(n *node) bool {
	return n.get("op").is(isText) && n.get("after") != nil && (n.get("after").is(isObject) || n.get("before").is(isObject))
}

func envelope(events []event) (name, base string) {
	for _, e := range envelopes {
		n := 0
		for _, x := range events {
			if e.is(x.root) {
				n++
			}
		}
		if n > 0 && 2*n >= len(events) {
			return e.name, e.base
		}
	}
	return "", ""
}

// findRows is the path of the array that holds the events of a batch. An array
// that merely belongs to an event, as the items of a shopping cart do, has other
// values beside it.
func findRows(events []event, base string) string {
	counts := map[string]int{}
	var order []string
	for _, e := range events {
		if e.root.find(base).is(isArray) {
			counts[base]++
			order = append(order, base)
			continue
		}
		for _, path := range rowPaths(e.root.find(base), base, 0) {
			if counts[path]++; counts[path] == 1 {
				order = append(order, path)
			}
		}
	}
	for _, path := range order {
		if 2*counts[path] < len(events) {
			continue
		}
		keys := strings.Split(path, ".")
		if path == base || among(rowNames, keys[len(keys)-1]) || !featuresBeside(events, base, path) {
			return path
		}
	}
	return ""
}

// rowPaths are paths of arrays of objects or arrays, at most three deep.
func rowPaths(n *node, path string, depth int) (out []string) {
	if n == nil || depth > 2 {
		return nil
	}
	for _, m := range n.members {
		if !expressible(m.name) || strings.Contains(m.name, ".") || among(featureGroups[:6], m.name) && m.value.kind == isObject {
			continue
		}
		at := m.name
		if path != "" {
			at = path + "." + m.name
		}
		switch v := m.value; {
		case v.kind == isObject:
			out = append(out, rowPaths(v, at, depth+1)...)
		case v.kind == isArray && len(v.items) > 0 && (v.items[0].kind == isObject || v.items[0].kind == isArray):
			out = append(out, at)
		}
	}
	return out
}

// featuresBeside says that most events have values that look like features
// outside the array.
func featuresBeside(events []event, base, path string) bool {
	without := make([]event, len(events))
	for i, e := range events {
		without[i] = event{root: e.root, at: e.at}
	}
	for _, f := range collect(without).all {
		if !f.in(base) || 2*f.n[isNumber]+2*f.n[isBool] < len(events) || f.in(path) {
			continue
		}
		if _, isTime := timingOf(f); isTime || isID(f) != "" || among(versionNames, f.last()) || among(modelNames, f.last()) || countWord(f.last()) {
			continue
		}
		return true
	}
	return false
}

// countWord names the size of a batch.
func countWord(key string) bool {
	return slices.Contains([]string{"n", "count", "size", "length", "num", "offset", "seq", "batchsize", "numrows"}, norm(key))
}

// unroll makes events of rows. Rows that are arrays become objects by their
// columns' names.
func (l *layout) unroll(records []parsed) {
	l.events = nil
	for _, r := range records {
		array, head := r.root.find(l.rows), r.root
		if !array.is(isArray) {
			continue
		}
		if l.rows == "." {
			head = nil
		} else {
			head = without(head, l.rows)
		}
		for _, row := range array.items {
			if row.kind == isArray {
				if l.columns == nil {
					l.nameColumns(records, len(row.items))
				}
				row = byName(row, l.columns)
			}
			if row.kind == isObject {
				l.events = append(l.events, event{row, head, r.rec.Time})
			}
		}
	}
}

// without is a copy of n that lacks what stands at a path.
func without(n *node, path string) *node {
	key, rest, deeper := strings.Cut(path, ".")
	out := &node{kind: isObject}
	for _, m := range n.members {
		switch {
		case m.name != key:
			out.members = append(out.members, m)
		case deeper && m.value.kind == isObject:
			out.members = append(out.members, member{m.name, without(m.value, rest)})
		}
	}
	return out
}

func byName(row *node, names []string) *node {
	out := &node{kind: isObject}
	for i, v := range row.items {
		if i < len(names) {
			out.members = append(out.members, member{names[i], v})
		}
	}
	return out
}

// nameColumns takes the names of positional values from an array of as many
// texts beside the rows, or makes some up.
func (l *layout) nameColumns(records []parsed, n int) {
	for _, r := range records {
		for _, m := range r.root.members {
			if !among(columnNames, m.name) || m.value.kind != isArray || m.value.length != n || n > maxItems {
				continue
			}
			var names []string
			for _, x := range m.value.items {
				if x.kind == isText && expressible(x.text) && !slices.Contains(names, x.text) {
					names = append(names, x.text)
				}
			}
			if len(names) == n {
				l.columns = names
				return
			}
		}
	}
	l.guessed = true
	for i := range n {
		l.columns = append(l.columns, fmt.Sprintf("v%d", i))
	}
}
