package wire

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/driftd/driftd"
)

var update = flag.Bool("update", false, "write the stored bytes of the format of today; those of a release never change")

// The bytes that a release has written are read for ever, and mean the same.
func TestStoredBytesStayReadable(t *testing.T) {
	l := testLayout(t)
	bundle, err := NewBundle(l, []*driftd.Reference{testReference(l)})
	if err != nil {
		t.Fatal(err)
	}
	file, err := bundle.File()
	if err != nil {
		t.Fatal(err)
	}
	state := testState(l)
	raw, err := EncodeState(state)
	if err != nil {
		t.Fatal(err)
	}
	reference := filepath.Join("testdata", "v1.ref")
	stored := filepath.Join("testdata", "v1.state")
	if *update {
		for path, b := range map[string][]byte{reference: file, stored: raw} {
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	old, err := ReadFile(reference)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(bundle.References, old.References); d != "" {
		t.Errorf("the reference reads otherwise (-now +stored):\n%s", d)
	}
	if old.Layout.Fingerprint != l.Fingerprint {
		t.Errorf("the layout's bytes have changed: fingerprint %.12s, stored %.12s; every stored reference would lose its layout", l.Fingerprint, old.Layout.Fingerprint)
	}
	b, err := os.ReadFile(stored)
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeState(b, func(string) (*driftd.Layout, error) { return l, nil })
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(state, got); d != "" {
		t.Errorf("the state reads otherwise (-now +stored):\n%s", d)
	}
}
