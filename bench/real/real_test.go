package main

import (
	"bytes"
	"math"
	"strings"
	"testing"

	"github.com/driftd/driftd/internal/realdata"
)

// The report can fail: a missed column, a false flag, and a schema break each make
// a set off; labelled anomalies do not.
func TestReportCanFail(t *testing.T) {
	set := &realdata.Set{Name: "s", Cur: "s.csv", Window: 100, RefRows: 1000, Known: true, Drifts: map[string]int64{"x": 6}, Before: 5, Silent: []string{"y"}}
	found := func(x, y []int64) *realdata.Found {
		return &realdata.Found{Set: set, Windows: 10, Columns: map[string]*realdata.Column{"x": {Flags: x}, "y": {Flags: y}}}
	}
	for name, c := range map[string]struct {
		f    *realdata.Found
		want int
	}{
		"right":          {found([]int64{5, 6}, nil), 0},
		"missed":         {found(nil, nil), 1},
		"too late":       {found([]int64{7}, nil), 1},
		"too early":      {found([]int64{3, 5}, nil), 1},
		"another column": {found([]int64{5}, []int64{8}), 1},
	} {
		var b bytes.Buffer
		if got := truth(&b, []*realdata.Found{c.f}, nil); got != c.want || (c.want > 0) != strings.Contains(b.String(), "**off**") {
			t.Errorf("%s: %d sets are off:\n%s", name, got, &b)
		}
	}
	broken := found([]int64{5}, nil)
	broken.Breaks = []string{"x is gone"}
	if truth(&bytes.Buffer{}, []*realdata.Found{broken}, nil) != 1 {
		t.Error("a schema break that is none")
	}
}

// F1 as TCPD has it, on a case by hand: two annotators, one point of theirs found.
func TestCover(t *testing.T) {
	p := points{annotations: map[string][]int{"1": {50}, "2": {52, 80}}}
	precision, recall, f := p.cover([]int{53, 20})
	// Found: 0, 53, 20; of the union 0, 50, 52, 80 two have a point of their own: 0, and one of 50 and 52.
	if math.Abs(precision-2./3) > 1e-12 || math.Abs(recall-(1+2./3)/2) > 1e-12 || math.Abs(f-2*precision*recall/(precision+recall)) > 1e-12 {
		t.Errorf("precision %v, recall %v, F1 %v", precision, recall, f)
	}
	if _, _, f := (&points{annotations: map[string][]int{"1": {}}}).cover(nil); f != 1 {
		t.Errorf("nothing marked, nothing found: %v", f)
	}
}
