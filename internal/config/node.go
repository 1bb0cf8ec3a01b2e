package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// Mistake is one thing that is wrong with a file.
type Mistake struct {
	File string
	Line int
	Text string // what, the value and the mend
}

func (m Mistake) String() string { return fmt.Sprintf("%s:%d: %s", m.File, m.Line, m.Text) }

// Error is all that is wrong with a file, in the order of its lines.
type Error struct{ Mistakes []Mistake }

func (e *Error) Error() string {
	lines := make([]string, len(e.Mistakes))
	for i, m := range e.Mistakes {
		lines[i] = m.String()
	}
	return strings.Join(lines, "\n")
}

// file is a YAML file being read.
type file struct {
	name     string
	anchors  map[string]ast.Node
	mistakes []Mistake
	used     map[string]bool // keys of the table
}

func newFile(name string) *file {
	return &file{name: name, anchors: map[string]ast.Node{}, used: map[string]bool{}}
}

// at is a value and where it stands: path as people read it (sources[0].topic), key as the table has it (sources[].topic).
type at struct {
	path, key string
	node      ast.Node
}

// pair is one key of a mapping.
type pair struct {
	name string
	at   at
}

func (f *file) bad(n ast.Node, format string, args ...any) {
	f.badLine(lineOf(n), format, args...)
}

func (f *file) badLine(line int, format string, args ...any) {
	m := Mistake{f.name, max(1, line), fmt.Sprintf(format, args...)}
	if !slices.Contains(f.mistakes, m) { // an alias may repeat what it stands for
		f.mistakes = append(f.mistakes, m)
	}
}

// wrong says that a value cannot be read as what its key needs.
func (f *file) wrong(v at, mend string) {
	if v.path == "" {
		v.path = "the file"
	}
	f.bad(v.node, "%s: %s is not %s", v.path, shown(v.node), mend)
}

func lineOf(n ast.Node) int {
	if n == nil {
		return 1
	}
	if m, ok := n.(*ast.MappingNode); ok && len(m.Values) > 0 {
		return lineOf(m.Values[0])
	}
	if m, ok := n.(*ast.MappingValueNode); ok {
		n = m.Key
	}
	if t := n.GetToken(); t != nil && t.Position != nil {
		return t.Position.Line
	}
	return 1
}

// shown is a value as a message repeats it.
func shown(n ast.Node) string {
	switch x := n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a mapping"
	case *ast.SequenceNode:
		return "a list"
	case *ast.NullNode:
		return "nothing"
	case *ast.StringNode:
		return short(fmt.Sprintf("%q", x.Value))
	case *ast.LiteralNode:
		return short(fmt.Sprintf("%q", x.Value.Value))
	}
	if t := n.GetToken(); t != nil {
		return short(fmt.Sprintf("%q", t.Value))
	}
	return "this"
}

func short(s string) string {
	const most = 60
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + `..."`
	}
	return s
}

// open parses the syntax and gives the top mapping.
func (f *file) open(b []byte) (at, bool) {
	top := at{node: &ast.NullNode{BaseNode: &ast.BaseNode{}}}
	tree, err := parser.ParseBytes(b, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		line, text := 1, err.Error()
		var syntax *yaml.SyntaxError
		if errors.As(err, &syntax) {
			text = syntax.Message
			if t := syntax.Token; t != nil && t.Position != nil {
				line = t.Position.Line
			}
		}
		f.badLine(line, "not YAML: %s", strings.ReplaceAll(text, "\n", " "))
		return top, false
	}
	docs := slices.DeleteFunc(slices.Clone(tree.Docs), func(d *ast.DocumentNode) bool { return d.Body == nil || d.Body.Type() == ast.CommentType })
	if len(docs) == 0 {
		return top, true
	}
	if len(docs) > 1 {
		f.bad(docs[1].Body, "a second YAML document begins here: driftd reads one; put all keys into the first")
	}
	top.node = docs[0].Body
	ast.Walk(f, top.node)
	top.node = f.real(top.node)
	return top, true
}

// Visit collects anchors.
func (f *file) Visit(n ast.Node) ast.Visitor {
	if a, ok := n.(*ast.AnchorNode); ok && a.Name != nil {
		f.anchors[nameOf(a.Name)] = a.Value
	}
	return f
}

// real is the value itself: aliases replaced, anchors, tags and comments left out.
func (f *file) real(n ast.Node) ast.Node {
	for range 100 { // an alias may stand for itself
		if text, ok := glued(n); ok {
			return text
		}
		switch x := n.(type) {
		case nil:
			return &ast.NullNode{BaseNode: &ast.BaseNode{}}
		case *ast.AnchorNode:
			n = x.Value
		case *ast.AliasNode:
			to, ok := f.anchors[nameOf(x.Value)]
			if !ok {
				f.bad(x, "*%s: no anchor &%s is in this file; write the value out", nameOf(x.Value), nameOf(x.Value))
				return &ast.NullNode{BaseNode: &ast.BaseNode{}}
			}
			n = to
		case *ast.TagNode:
			n = x.Value
		case *ast.CommentGroupNode:
			return &ast.NullNode{BaseNode: &ast.BaseNode{}}
		case *ast.MappingValueNode:
			return ast.Mapping(x.GetToken(), false, x)
		default:
			return n
		}
	}
	return &ast.NullNode{BaseNode: &ast.BaseNode{}}
}

func nameOf(n ast.Node) string {
	if n == nil {
		return ""
	}
	switch x := n.(type) {
	case *ast.StringNode:
		return x.Value
	case *ast.MappingKeyNode:
		return nameOf(x.Value)
	}
	if t := n.GetToken(); t != nil {
		return t.Value
	}
	return ""
}

// pairs are the keys of a mapping, each once; nothing where the value was left empty.
func (f *file) pairs(v at) []pair {
	var m *ast.MappingNode
	switch x := f.real(v.node).(type) {
	case *ast.NullNode:
		return nil
	case *ast.MappingNode:
		m = x
	default:
		f.wrong(at{v.path, v.key, x}, "a mapping; write keys below it, as in `"+example(v.key)+"`")
		return nil
	}
	seen := map[string]int{}
	var out []pair
	for _, value := range m.Values {
		if value.Key == nil {
			continue
		}
		name := nameOf(value.Key)
		if value.Key.IsMergeKey() {
			f.bad(value, "%s: merge keys (<<) are not supported; write the keys out", join(v.path, name))
			continue
		}
		if first, twice := seen[name]; twice {
			f.bad(value, "%s is given twice, first in line %d; keep one of them", join(v.path, name), first)
			continue
		}
		seen[name] = lineOf(value)
		n := f.real(value.Value)
		if _, null := n.(*ast.NullNode); null { // its line is that of the key
			n = ast.Null(value.Key.GetToken())
		}
		out = append(out, pair{name, at{join(v.path, name), join(v.key, name), n}})
	}
	return out
}

// object is the keys of a mapping that the table knows, by name; others are mistakes.
func (f *file) object(v at) map[string]at {
	known := childrenOf(v.key)
	out := map[string]at{}
	for _, p := range f.pairs(v) {
		k, ok := known[p.name]
		switch {
		case !ok:
			mend := nearest(p.name, known)
			if _, secret := known["password_file"]; secret && p.name == "password" {
				mend = "secrets are read from a file or the environment: use password_file or password_env"
			}
			f.bad(p.at.node, "%s: unknown key; %s", p.at.path, mend)
		case k.Soon != "":
			f.bad(p.at.node, "%s is not supported yet; %s", p.at.path, k.Soon)
		default:
			out[p.name] = p.at
			f.used[k.Path] = true
		}
	}
	return out
}

// list is the values of a sequence.
func (f *file) list(v at, mend string) []at {
	switch x := f.real(v.node).(type) {
	case *ast.NullNode:
		return nil
	case *ast.SequenceNode:
		out := make([]at, 0, len(x.Values))
		for i, n := range x.Values {
			out = append(out, at{fmt.Sprintf("%s[%d]", v.path, i), v.key + "[]", f.real(n)})
		}
		return out
	default:
		f.wrong(at{v.path, v.key, x}, mend)
		return nil
	}
}

func isNull(n ast.Node) bool { return n == nil || n.Type() == ast.NullType }

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}
