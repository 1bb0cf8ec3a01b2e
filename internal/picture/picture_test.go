package picture

import (
	"strings"
	"testing"

	"github.com/driftd/driftd"
)

func TestNumericPicture(t *testing.T) {
	l := &driftd.ColumnLayout{Name: "x", Kind: driftd.Numeric, Min: 0, Upper: []float64{1, 2}}
	p := &driftd.ColumnProfile{Bins: []driftd.Bin{{}, {Count: 75}, {Count: 25}, {}}}
	got := Column(l, p, []uint64{0, 10, 20, 10})
	for _, want := range []string{"0..1 |░░░░", " 75.0 %", "1..2 |", " 25.0 %", "above |", "░ reference  █ window"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

func TestLevelPicture(t *testing.T) {
	l := &driftd.ColumnLayout{Name: "c", Kind: driftd.Categorical, Categories: []string{"a", strings.Repeat("long", 20)}}
	p := &driftd.ColumnProfile{Counts: []uint64{3, 1}}
	got := Column(l, p, []uint64{1, 1, 0, 2})
	for _, want := range []string{"a |", "longlong", "…", "(new) |", " 50.0 %"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

func TestNothingToDraw(t *testing.T) {
	l := &driftd.ColumnLayout{Kind: driftd.Numeric}
	if got := Column(l, &driftd.ColumnProfile{Bins: make([]driftd.Bin, 2)}, nil); !strings.Contains(got, "no values") {
		t.Fatal(got)
	}
}
