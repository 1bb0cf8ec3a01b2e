// Package fleet makes many models of one.
package fleet

import (
	"github.com/driftd/driftd"
	"github.com/driftd/driftd/internal/wire"
)

// Bundles are n models' references: those of one, under each name.
func Bundles(first *wire.Bundle, n int, name func(i int) string) ([]*wire.Bundle, error) {
	out := make([]*wire.Bundle, n)
	for i := range out {
		l := *first.Layout
		l.Model = name(i)
		refs := make([]*driftd.Reference, len(first.References))
		for k, r := range first.References {
			c := *r
			c.Model = l.Model
			refs[k] = &c
		}
		var err error
		if out[i], err = wire.NewBundle(&l, refs); err != nil {
			return nil, err
		}
	}
	return out, nil
}
