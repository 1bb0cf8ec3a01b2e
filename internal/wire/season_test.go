package wire

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/driftd/driftd"
)

// seasonalReference is testReference with slots whose means are drawn.
func seasonalReference(l *driftd.Layout, mean func(slot int) float32) *driftd.Reference {
	r := testReference(l)
	r.Timezone = "Europe/Berlin"
	for i := range r.Scales[0].Columns {
		c := &r.Scales[0].Columns[i]
		c.Residual.MeanSlotNC = 3.5
		f := driftd.Fit{Name: "spread", R: 336, RE: 289, V: .001, Pooled: true, MedianN: 99, MaxN: 120}
		for slot := range driftd.SlotCount {
			c.SlotDays = append(c.SlotDays, uint32(slot%7))
			f.SlotDays = append(f.SlotDays, uint32(slot%5))
			f.SlotMeans = append(f.SlotMeans, mean(slot))
		}
		c.Fits = append(c.Fits, f) // beside a constant one
	}
	return r
}

func encoded(t testing.TB, l *driftd.Layout, r *driftd.Reference) []byte {
	t.Helper()
	if _, err := EncodeLayout(l); err != nil {
		t.Fatal(err)
	}
	r.Layout = l.Fingerprint
	b, err := EncodeReference(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestSeasonalReferenceRoundTrip(t *testing.T) {
	l := testLayout(t)
	rapid.Check(t, func(t *rapid.T) {
		r := seasonalReference(l, func(int) float32 { return rapid.Float32Range(-6, 6).Draw(t, "mean") })
		if _, err := EncodeLayout(l); err != nil {
			t.Fatal(err)
		}
		r.Layout = l.Fingerprint
		b, err := EncodeReference(r)
		if err != nil {
			t.Fatal(err)
		}
		got, err := DecodeReference(b, l)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(r, got); d != "" {
			t.Fatal(d)
		}
	})
}

// A reader that knows no slots must not pass over them; one without is read by all.
func TestSeasonalReferenceAsksForItsReader(t *testing.T) {
	l := testLayout(t)
	for want, r := range map[uint32]*driftd.Reference{1: testReference(l), 2: seasonalReference(l, func(int) float32 { return .1 })} {
		var m Reference
		if err := proto.Unmarshal(encoded(t, l, r), &m); err != nil {
			t.Fatal(err)
		}
		if m.MinReader != want {
			t.Errorf("time zone %q: min_reader %d, want %d", r.Timezone, m.MinReader, want)
		}
	}
}

func TestSlotsThatCannotBe(t *testing.T) {
	l := testLayout(t)
	for want, spoil := range map[string]func(*driftd.Reference){
		`47 slots in time zone "Europe/Berlin", not 48`:           func(r *driftd.Reference) { r.Scales[0].Columns[0].SlotDays = r.Scales[0].Columns[0].SlotDays[1:] },
		`score spread has means of 1 slots and days of 48`:        func(r *driftd.Reference) { r.Scales[0].Columns[1].Fits[1].SlotMeans = []float32{1} },
		`48 slots in time zone ""`:                                func(r *driftd.Reference) { r.Timezone = "" },
		"hours of Europe/Atlantis: unknown time zone":             func(r *driftd.Reference) { r.Timezone = "Europe/Atlantis" },
		"bring the time zones of this machine up to date":         func(r *driftd.Reference) { r.Timezone = "Europe/Atlantis" },
		`decode reference of model "fraud": the reference's seas`: func(r *driftd.Reference) { r.Timezone = "../etc" },
	} {
		r := seasonalReference(l, func(int) float32 { return .1 })
		spoil(r)
		if _, err := DecodeReference(encoded(t, l, r), l); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

// The bytes of format 2 are read for ever.
func TestStoredSeasonalBytesStayReadable(t *testing.T) {
	l := testLayout(t)
	bundle, err := NewBundle(l, []*driftd.Reference{seasonalReference(l, func(slot int) float32 { return float32(slot-20) / 64 })})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", "v2.ref")
	if *update {
		file, err := bundle.File()
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, file, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	old, err := ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(bundle.References, old.References); d != "" {
		t.Errorf("the reference reads otherwise (-now +stored):\n%s", d)
	}
}
