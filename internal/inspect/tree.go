package inspect

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
)

type kind uint8

const (
	isNull kind = iota
	isBool
	isNumber
	isText
	isObject
	isArray
	kinds
)

// node is a JSON value. Of an array only the first maxItems are kept.
type node struct {
	kind    kind
	text    string // of a scalar; strings without quotes
	members []member
	items   []*node
	length  int // of an array
}

type member struct {
	name  string
	value *node
}

const (
	maxItems = 20
	maxNest  = 64 // as the decoder
)

func (n *node) get(name string) *node {
	if n == nil {
		return nil
	}
	for i := len(n.members) - 1; i >= 0; i-- { // the last one counts, as for the decoder
		if n.members[i].name == name {
			return n.members[i].value
		}
	}
	return nil
}

func (n *node) is(k kind) bool { return n != nil && n.kind == k }

var (
	errMore = errors.New("something follows the JSON value")
	errDeep = errors.New("nested too deep")
)

// parse reads one JSON value; the bare words NaN and Infinity, which Python
// writes, are null.
func parse(b []byte) (*node, error) {
	dec := json.NewDecoder(bytes.NewReader(withoutBareWords(b)))
	dec.UseNumber()
	n, err := parseValue(dec, 0, true)
	if err != nil {
		return nil, err
	}
	if _, err := dec.Token(); err != io.EOF {
		return n, errMore
	}
	return n, nil
}

func parseValue(dec *json.Decoder, depth int, keep bool) (*node, error) {
	if depth > maxNest {
		return nil, errDeep
	}
	t, err := dec.Token()
	if err != nil {
		return nil, err
	}
	switch v := t.(type) {
	case string:
		return &node{kind: isText, text: v}, nil
	case json.Number:
		return &node{kind: isNumber, text: v.String()}, nil
	case bool:
		if v {
			return &node{kind: isBool, text: "true"}, nil
		}
		return &node{kind: isBool, text: "false"}, nil
	case json.Delim:
		n := &node{kind: isObject}
		if v == '[' {
			n.kind = isArray
		}
		for dec.More() {
			name := ""
			if n.kind == isObject {
				key, err := dec.Token()
				if err != nil {
					return nil, err
				}
				name, _ = key.(string)
			}
			kept := keep && (n.kind == isObject || n.length < maxItems)
			child, err := parseValue(dec, depth+1, kept)
			if err != nil {
				return nil, err
			}
			switch {
			case n.kind == isArray:
				n.length++
				if kept {
					n.items = append(n.items, child)
				}
			case kept:
				n.members = append(n.members, member{name, child})
			}
		}
		_, err := dec.Token() // its end
		return n, err
	}
	return &node{kind: isNull}, nil
}

// withoutBareWords puts null for NaN, Infinity and -Infinity outside strings.
func withoutBareWords(b []byte) []byte {
	if !bytes.Contains(b, []byte("NaN")) && !bytes.Contains(b, []byte("Infinity")) {
		return b
	}
	out := make([]byte, 0, len(b))
	inside := false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case inside && c == '\\' && i+1 < len(b):
			out = append(out, c)
			i++
		case c == '"':
			inside = !inside
		case !inside:
			if n := bareWord(b[i:]); n > 0 {
				out = append(out, "null"...)
				i += n - 1
				continue
			}
		}
		out = append(out, b[i])
	}
	return out
}

func bareWord(b []byte) int {
	for _, w := range []string{"NaN", "-Infinity", "Infinity"} {
		if bytes.HasPrefix(b, []byte(w)) {
			return len(w)
		}
	}
	return 0
}
