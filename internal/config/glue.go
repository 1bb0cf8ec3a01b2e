package config

import (
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// glued undoes a slip of the YAML parser: in a list inside {}, it takes the plain text host:9092 for the mapping
// {host: 9092}, though no space follows the colon. ok is false when n is something else.
func glued(n ast.Node) (text *ast.StringNode, ok bool) {
	m, isMap := n.(*ast.MappingNode)
	if !isMap || m.IsFlowStyle || len(m.Values) != 1 {
		return nil, false
	}
	p := m.Values[0]
	if p.Key == nil || p.Value == nil || p.Start == nil || p.Start.Position == nil {
		return nil, false
	}
	k := p.Key.GetToken()
	if k == nil || k.Type == token.SingleQuoteType || k.Type == token.DoubleQuoteType || k.Position == nil {
		return nil, false
	}
	rest, restAt := "", (*token.Position)(nil)
	if inner, isText := glued(p.Value); isText {
		rest, restAt = inner.Value, inner.Token.Position
	} else {
		switch p.Value.(type) {
		case *ast.StringNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
			rest, restAt = p.Value.GetToken().Value, p.Value.GetToken().Position
		}
	}
	colon := p.Start.Position
	if restAt == nil || restAt.Line != colon.Line || restAt.Column != colon.Column+1 {
		return nil, false
	}
	s := k.Value + ":" + rest
	return ast.String(token.String(s, s, k.Position)), true
}
