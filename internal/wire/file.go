package wire

import (
	"bytes"
	"fmt"
	"os"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/driftd/driftd"
)

// fileMagic begins every reference file.
var fileMagic = []byte("driftd-reference\n")

// Bundle is a layout with the references made in it, one for each series.
type Bundle struct {
	Layout          *driftd.Layout
	References      []*driftd.Reference
	LayoutBytes     []byte
	ReferencesBytes [][]byte
}

// Of finds the reference of a segment, nil when there is none.
func (b *Bundle) Of(segment string) *driftd.Reference {
	for _, r := range b.References {
		if r.Segment == segment {
			return r
		}
	}
	return nil
}

// NewBundle encodes a layout and its references and sets all fingerprints.
func NewBundle(l *driftd.Layout, refs []*driftd.Reference) (*Bundle, error) {
	b := &Bundle{Layout: l, References: refs}
	var err error
	if b.LayoutBytes, err = EncodeLayout(l); err != nil {
		return nil, err
	}
	for _, r := range refs {
		r.Layout = l.Fingerprint
		raw, err := EncodeReference(r)
		if err != nil {
			return nil, err
		}
		b.ReferencesBytes = append(b.ReferencesBytes, raw)
	}
	return b, nil
}

// File gives the bytes of a reference file.
func (b *Bundle) File() ([]byte, error) {
	raw, err := marshal.Marshal(&ReferenceFile{MinReader: 1, Layout: b.LayoutBytes, References: b.ReferencesBytes})
	return append(bytes.Clone(fileMagic), raw...), err
}

// IsReferenceFile says that a file begins as a reference file does.
func IsReferenceFile(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }() // was only read
	head := make([]byte, len(fileMagic))
	n, _ := f.Read(head)
	return bytes.Equal(head[:n], fileMagic)
}

// ReadFile reads a reference file. Errors say what to do.
func ReadFile(path string) (*Bundle, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read reference: %w", err)
	}
	b, err := ParseFile(raw)
	if err != nil {
		return nil, fmt.Errorf("read reference %s: %w", path, err)
	}
	return b, nil
}

// ParseFile reads the bytes of a reference file.
func ParseFile(raw []byte) (*Bundle, error) {
	body, ok := bytes.CutPrefix(raw, fileMagic)
	if !ok {
		return nil, fmt.Errorf("not a reference file; make one with `driftd reference build`")
	}
	var m ReferenceFile
	if err := proto.Unmarshal(body, &m); err != nil {
		return nil, fmt.Errorf("damaged: %w; copy or build it again", err)
	}
	if err := readable("the reference file", m.MinReader); err != nil {
		return nil, err
	}
	b := &Bundle{LayoutBytes: m.Layout, ReferencesBytes: m.References}
	var err error
	if b.Layout, err = DecodeLayout(m.Layout); err != nil {
		return nil, err
	}
	for _, r := range m.References {
		ref, err := DecodeReference(r, b.Layout)
		if err != nil {
			return nil, err
		}
		b.References = append(b.References, ref)
	}
	if len(b.References) == 0 {
		return nil, fmt.Errorf("holds no reference; copy or build it again")
	}
	return b, nil
}

// toUTF8 makes text that protobuf accepts; names come from users' records.
func toUTF8(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }
