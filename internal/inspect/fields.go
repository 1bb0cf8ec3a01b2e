package inspect

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// event is one event of the sample as JSON: a record, or a row of one.
type event struct {
	root *node
	head *node // of a batch: the record around its rows
	at   int64 // record time, ns; negative: none
}

// field is what is known of one dotted path over the events of the sample.
type field struct {
	path   string
	keys   []string
	plain  bool // the path can be written in a map
	head   bool // stands beside the rows, not in them
	n      [kinds]int
	values map[string]int // distinct scalars; nil beyond maxValues
	bytes  int            // of all strings
	seen   []sighting     // the scalars, in order; at most maxSeen
	low    float64        // of numbers
	high   float64
	below  int // scalars that stand anywhere below an object
}

// sighting is a scalar and the time of its record.
type sighting struct {
	text string
	kind kind
	at   int64
}

const (
	maxValues = 1000
	maxSeen   = 5000
	maxFields = 2000
	maxDepth  = 4 // of paths that are looked at
)

func (f *field) last() string  { return f.keys[len(f.keys)-1] }
func (f *field) scalars() int  { return f.n[isBool] + f.n[isNumber] + f.n[isText] }
func (f *field) distinct() int { return len(f.values) }
func (f *field) many() bool    { return f.values == nil }
func (f *field) mostly(k kind) bool {
	return f.n[k] > 0 && 10*f.n[k] >= 9*(f.scalars()+f.n[isObject]+f.n[isArray])
}

// in says that the field stands at or below a path; "" is the event itself.
func (f *field) in(path string) bool {
	return path == "" || path == "." || f.path == path || strings.HasPrefix(f.path, path+".")
}

// directly says that the field is a member of the object at a path.
func (f *field) directly(path string) bool {
	if path == "" || path == "." {
		return len(f.keys) == 1
	}
	return strings.Join(f.keys[:len(f.keys)-1], ".") == path && len(f.keys) > 1
}

// fields are all paths of the sample in order of appearance.
type fields struct {
	all    []*field
	byPath map[string]*field
	events int
}

func collect(events []event) *fields {
	fs := &fields{byPath: map[string]*field{}, events: len(events)}
	for _, e := range events {
		fs.walk(e.root, nil, e.at, false)
		if e.head != nil {
			fs.walk(e.head, nil, e.at, true)
		}
	}
	return fs
}

func (fs *fields) walk(n *node, keys []string, at int64, head bool) (scalars int) {
	for _, m := range n.members {
		keys := append(slices.Clip(keys), m.name)
		// A key with a dot in it is another path than its parts: told apart by the separator.
		id := strings.Join(keys, "\x00")
		if head {
			id = "\x00head\x00" + id
		}
		f := fs.byPath[id]
		if f == nil {
			if len(fs.all) >= maxFields {
				continue
			}
			f = &field{path: strings.Join(keys, "."), keys: keys, plain: !slices.ContainsFunc(keys, func(k string) bool { return !expressible(k) || strings.Contains(k, ".") }),
				head: head, values: map[string]int{}}
			fs.byPath[id] = f
			fs.all = append(fs.all, f)
		}
		f.add(m.value, at)
		switch {
		case m.value.kind == isObject && len(keys) < maxDepth:
			below := fs.walk(m.value, keys, at, head)
			f.below += below
			scalars += below
		case m.value.kind != isNull && m.value.kind != isObject && m.value.kind != isArray:
			scalars++
		}
	}
	return scalars
}

func (f *field) add(v *node, at int64) {
	f.n[v.kind]++
	if v.kind != isBool && v.kind != isNumber && v.kind != isText {
		return
	}
	if v.kind == isNumber {
		if x, ok := number(v.text); ok {
			if f.n[isNumber] == 1 {
				f.low, f.high = x, x
			}
			f.low, f.high = min(f.low, x), max(f.high, x)
		}
	}
	if v.kind == isText {
		f.bytes += len(v.text)
	}
	if len(f.seen) < maxSeen {
		f.seen = append(f.seen, sighting{v.text, v.kind, at})
	}
	if f.values != nil {
		if f.values[v.text]++; len(f.values) > maxValues {
			f.values = nil
		}
	}
}

// usual says that at least half of the events have a value there.
func (fs *fields) usual(f *field) bool {
	return 2*(f.scalars()+f.n[isObject]+f.n[isArray]) >= fs.events
}

// expressible says that YAML can hold a name and the config takes it.
func expressible(s string) bool {
	if len(s) > 512 || strings.TrimSpace(s) == "" || !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if unicode.IsControl(r) || r == unicode.ReplacementChar || r == 0xfeff || r == 0x2028 || r == 0x2029 {
			return false
		}
	}
	return true
}
