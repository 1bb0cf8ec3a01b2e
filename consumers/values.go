package consumers

import (
	"errors"
	"math"

	"github.com/driftd/driftd"
)

// object reads the members of the object at i under a shape.
func (d *Decoder) object(s *shape, b []byte, i, depth int) (int, error) {
	if depth > maxDepth {
		return 0, errDepth
	}
	if s.does == members {
		d.ev.Groups[s.group] = true
	}
	i = skipSpace(b, i+1)
	if i < len(b) && b[i] == '}' {
		return i + 1, nil
	}
	for place := 0; ; place++ {
		cached := d.cache.nodes[s.id]
		var m *member
		// The key that stood here in the last event, most likely.
		if place < len(cached) {
			if p, next := cached[place].match(b, i); p {
				m, i = &cached[place], next
			}
		}
		if m == nil {
			key, next, escaped, err := d.key(b, i)
			if err != nil {
				return i, err
			}
			i = next
			found := d.resolve(s, key)
			switch {
			case escaped || place > 4096:
				m = &found
			case place < len(cached):
				cached[place] = found
				m = &cached[place]
			default:
				for len(cached) < place { // places before were escaped keys
					cached = append(cached, member{})
				}
				cached = append(cached, found)
				d.cache.nodes[s.id] = cached
				m = &cached[place]
			}
		}
		var err error
		if i, err = d.value(m, s, b, i, depth+1); err != nil {
			return i, err
		}
		i = skipSpace(b, i)
		if i >= len(b) {
			return i, errEnd
		}
		if b[i] == '}' {
			return i + 1, nil
		}
		if b[i] != ',' {
			return i, errSyntax
		}
		i = skipSpace(b, i+1)
	}
}

// key reads a member's key, and says whether it was written with escapes.
func (d *Decoder) key(b []byte, i int) (key []byte, next int, escaped bool, err error) {
	key, next, escaped, err = readKey(b, i)
	if err == nil && escaped {
		key, err = d.unescaped(key)
	}
	return key, next, escaped, err
}

// match says that `"key":` stands at i, and where its value begins.
func (m *member) match(b []byte, i int) (bool, int) {
	n := len(m.key)
	if i+n+3 > len(b) || b[i] != '"' || b[i+n+1] != '"' || string(b[i+1:i+1+n]) != m.key || n == 0 {
		return false, i
	}
	i = skipSpace(b, i+n+2)
	if i >= len(b) || b[i] != ':' {
		return false, i
	}
	return true, skipSpace(b, i+1)
}

// resolve finds what a key of an object means under the current model.
func (d *Decoder) resolve(s *shape, key []byte) member {
	m := member{key: string(key), index: -2}
	child := s.children[string(key)]
	switch {
	case child != nil && child.does != column:
		m.shape = child
		return m
	case child != nil:
		m.shape = child
		key = []byte(child.name)
	case s.does == members:
		if s.prefix != "" {
			key = append([]byte(s.prefix), key...)
		}
	default:
		return m
	}
	m.index = -1
	if d.model != nil && d.model.Layout != nil {
		m.index = d.model.Layout.Index(key)
		if m.index < 0 && d.model.excluded[string(key)] {
			m.index = -2
		}
	}
	if d.Raw != nil {
		m.index = -1
	}
	return m
}

// value reads one member's value.
func (d *Decoder) value(m *member, in *shape, b []byte, i, depth int) (int, error) {
	if i >= len(b) {
		return i, errEnd
	}
	if m.index >= 0 {
		g := in.group
		if m.shape != nil {
			g = m.shape.group
		}
		d.ev.Groups[g] = true
		d.columned = true
		return d.place(m.index, b, i, depth)
	}
	if m.index == -1 {
		return d.unknown(m, in, b, i, depth)
	}
	if m.shape == nil {
		return skipValue(b, i, depth)
	}
	switch m.shape.does {
	case descend, members:
		if b[i] == '{' {
			return d.object(m.shape, b, i, depth)
		}
	case setModel:
		text, next, err := d.scalar(b, i, depth)
		if err == nil && text != nil {
			d.setModel(text)
		}
		return next, err
	case setTime:
		return d.readTime(b, i, depth)
	case setTag:
		text, next, err := d.scalar(b, i, depth)
		if err == nil && text != nil {
			d.tags = append(d.tags, tagValue{m.shape.nameBytes(), text})
		}
		return next, err
	case tagMembers:
		if b[i] == '{' {
			return d.tagObject(b, i)
		}
	case rows:
		if b[i] == '[' {
			d.rowsAt = i
		}
	}
	return skipValue(b, i, depth)
}

// setModel notes the event's model and reads on under it.
func (d *Decoder) setModel(name []byte) {
	d.named = name
	if !d.columned {
		if own := d.ownModel(); own != d.model {
			groups := d.ev.Groups
			d.use(own)
			d.ev.Groups = groups
		}
	}
}

// unknown handles a column that the layout does not have, or every column when
// a layout is yet to be made.
func (d *Decoder) unknown(m *member, in *shape, b []byte, i, depth int) (int, error) {
	g := in.group
	name := in.prefix + m.key
	if m.shape != nil {
		g, name = m.shape.group, m.shape.name
	}
	d.ev.Groups[g] = true
	d.columned = true
	if b[i] == '{' && m.shape == nil {
		nested := in.nestedAt(m.key, d.shape)
		if nested == nil {
			return skipValue(b, i, depth)
		}
		if nested.id >= len(d.cache.nodes) {
			d.cache.nodes = append(d.cache.nodes, make([][]member, nested.id+1-len(d.cache.nodes))...)
		}
		return d.object(nested, b, i, depth)
	}
	if d.Raw != nil {
		return d.raw(g, name, b, i, depth)
	}
	if d.model != nil && d.model.Layout != nil {
		d.ev.Unknown = append(d.ev.Unknown, []byte(name))
	}
	return skipValue(b, i, depth)
}

// nestedAt is the shape of an object among columns: its members are columns with
// dotted names. nil beyond maxNested different ones: a producer that puts ids
// into keys must not fill the memory.
func (s *shape) nestedAt(key string, c *compiled) *shape {
	child := s.inner[key]
	if child == nil && c.nodes < maxNested {
		child = c.node(members)
		child.group, child.prefix = s.group, s.prefix+key+"."
		if s.inner == nil {
			s.inner = map[string]*shape{}
		}
		s.inner[key] = child
	}
	return child
}

const maxNested = 2048

func (d *Decoder) raw(g driftd.Group, name string, b []byte, i, depth int) (int, error) {
	token, text, next := b[i], b[i:i], 0
	var err error
	switch {
	case token == '"':
		text, next, err = d.scalar(b, i, depth)
	default:
		next, err = skipValue(b, i, depth)
		if err == nil {
			text = b[i:next]
		}
		switch {
		case token == 'f':
			token = 't'
		case token == '[':
			token = '{'
		case token >= '0' && token <= '9' || token == '-' && i+1 < len(b) && b[i+1] != 'I':
			token = '0'
		case token == '-':
			token = 'I'
		}
	}
	if err == nil {
		d.Raw(g, name, token, text)
	}
	return next, err
}

// place reads the value of column i of the layout.
func (d *Decoder) place(index int, b []byte, i, depth int) (int, error) {
	c := &d.model.Layout.Columns[index]
	v := &d.ev.Values[index]
	v.Cut = false
	switch ch := b[i]; {
	case ch >= '0' && ch <= '9' || ch == '-' && i+1 < len(b) && b[i+1] != 'I':
		x, next, err := readNumber(b, i)
		switch {
		case err != nil:
		case c.Kind != driftd.Numeric:
			v.Class = driftd.TypeError
		case math.IsInf(x, 0):
			v.Class = infinity(x > 0)
		default:
			c.Number(x, v)
		}
		return next, err
	case ch == '"':
		end, escaped, err := stringEnd(b, i+1)
		if err != nil {
			return i, err
		}
		s := b[i+1 : end]
		if c.Kind == driftd.Categorical {
			if escaped {
				if s, err = d.unescaped(s); err != nil {
					return i, err
				}
			}
			c.Level(s, v)
		} else {
			v.Class = driftd.TypeError
			if c.Kind == driftd.Numeric {
				v.Class = WordClass(s)
			}
		}
		return end + 1, nil
	case ch == 't' || ch == 'f':
		next, err := skipWord(b, i)
		if v.Class = driftd.TypeError; err == nil && c.Kind == driftd.Boolean {
			c.Bool(ch == 't', v)
		}
		return next, err
	case ch == '{' || ch == '[':
		v.Class = driftd.TypeError
		return skipValue(b, i, depth)
	}
	next, err := skipWord(b, i)
	if err != nil {
		return i, err
	}
	switch b[i] {
	case 'n':
		v.Class = driftd.Null
	case 'N':
		v.Class = driftd.NaN
	default:
		v.Class = infinity(b[i] == 'I')
	}
	if b[i] != 'n' && c.Kind != driftd.Numeric {
		v.Class = driftd.TypeError
	}
	return next, nil
}

func infinity(positive bool) driftd.Class {
	if positive {
		return driftd.PosInf
	}
	return driftd.NegInf
}

// WordClass is the class of a string in a numeric column: NaN and infinities
// have no JSON of their own, so services write them as words.
func WordClass(s []byte) driftd.Class {
	switch string(s) {
	case "NaN", "nan", "NAN":
		return driftd.NaN
	case "Infinity", "inf", "Inf", "+Infinity", "+inf":
		return driftd.PosInf
	case "-Infinity", "-inf", "-Inf":
		return driftd.NegInf
	}
	return driftd.TypeError
}

// scalar is the text of a string, number or word; nil for null, objects, arrays.
func (d *Decoder) scalar(b []byte, i, depth int) (text []byte, next int, err error) {
	if i < len(b) && b[i] == '"' {
		end, escaped, err := stringEnd(b, i+1)
		if err != nil {
			return nil, i, err
		}
		text = b[i+1 : end]
		if escaped {
			text, err = d.unescaped(text)
		}
		return text, end + 1, err
	}
	if next, err = skipValue(b, i, depth); err != nil || b[i] == 'n' || b[i] == '{' || b[i] == '[' {
		return nil, next, err
	}
	return b[i:next], next, nil
}

// unescaped gives the contents of a string with escapes. The bytes live until
// the next record.
func (d *Decoder) unescaped(s []byte) ([]byte, error) {
	if cap(d.text)-len(d.text) < len(s) {
		d.text = make([]byte, 0, max(4096, 2*len(s))) // the old buffer stays with the slices made of it
	}
	from := len(d.text)
	out, err := unescape(d.text, s)
	d.text = out
	return out[from:len(out):len(out)], err
}

func (d *Decoder) tagObject(b []byte, i int) (int, error) {
	i = skipSpace(b, i+1)
	if i < len(b) && b[i] == '}' {
		return i + 1, nil
	}
	for {
		key, next, _, err := d.key(b, i)
		if err != nil {
			return i, err
		}
		text, next, err := d.scalar(b, next, 2)
		if err != nil {
			return i, err
		}
		if text != nil && len(d.tags) < 256 {
			d.tags = append(d.tags, tagValue{key, text})
		}
		i = skipSpace(b, next)
		if i >= len(b) {
			return i, errEnd
		}
		if b[i] == '}' {
			return i + 1, nil
		}
		if b[i] != ',' {
			return i, errSyntax
		}
		i = skipSpace(b, i+1)
	}
}

func (d *Decoder) readTime(b []byte, i, depth int) (int, error) {
	if d.shape.unit == UnitRecord {
		return skipValue(b, i, depth)
	}
	text, next, err := d.scalar(b, i, depth)
	if err != nil || text == nil {
		return next, err
	}
	t, ok := parseTime(text, d.shape.unit)
	if !ok {
		return next, &Reject{BadTime, errors.New("time " + string(truncate(text, 64)) + " is neither RFC 3339 nor a number")}
	}
	d.hasTime, d.time = true, t
	return next, nil
}
