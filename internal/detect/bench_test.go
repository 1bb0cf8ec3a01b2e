package detect

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/detectors"
)

// wide is a reference of n numeric columns with 100 hours, these hours together,
// and one hour more.
func wide(tb testing.TB, n int) (r *Rules, usual, next *driftd.Profile) {
	tb.Helper()
	l := &driftd.Layout{Model: "m", Fingerprint: "l"}
	for i := range n {
		c := driftd.ColumnLayout{Name: fmt.Sprintf("c%03d", i), Kind: driftd.Numeric}
		for j := range 64 {
			c.Upper = append(c.Upper, float64(j+1)/64)
		}
		l.Columns = append(l.Columns, c)
	}
	if err := l.Compile(); err != nil {
		tb.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 1))
	hour := func() *driftd.Profile {
		p := driftd.NewProfile(l)
		v := make([]driftd.Value, n)
		for k := range 500 {
			for i := range v {
				v[i] = driftd.Value{}
				l.Columns[i].Number(rng.Float64(), &v[i])
			}
			p.Add([2]bool{true, false}, v, uint64(k))
		}
		return p
	}
	all := driftd.NewProfile(l)
	var hours []*driftd.Profile
	for range 100 {
		p := hour()
		all.Merge(p)
		hours = append(hours, p)
	}
	ref := &driftd.Reference{Fingerprint: "r", Layout: "l", Events: all.Events, Groups: all.Groups}
	scale := driftd.Scale{Length: time.Hour, Windows: 100}
	for i := range l.Columns {
		cr := driftd.ColumnReference{Profile: all.Columns[i]}
		var panel []detectors.ColumnWindow
		for _, h := range hours {
			panel = append(panel, detectors.ColumnWindow{Profile: &h.Columns[i]})
		}
		ref.Columns = append(ref.Columns, cr)
		scale.Columns = append(scale.Columns, detectors.FitColumn(&l.Columns[i], &cr, panel))
	}
	ref.Scales = []driftd.Scale{scale}
	r = &Rules{Series: driftd.Series{Model: "m", Segment: "all"}, Lengths: []time.Duration{time.Hour}, Location: time.UTC, PagesPerWeek: 1, SeriesCount: 1,
		Uses: []Use{{From: driftd.MinTime, Layout: l, Reference: ref}}}
	return r, all, hour()
}

// One window of 100 numeric columns: merge a pane, close, judge.
func BenchmarkWindow(b *testing.B) {
	for _, n := range []int{10, 100} {
		b.Run(fmt.Sprintf("%d columns", n), func(b *testing.B) {
			r, _, p := wide(b, n)
			s := &State{Merged: driftd.MinTime}
			at := int64(0)
			step := func() {
				out := Step(r, s, Input{Panes: []Pane{{Start: at, Layout: "l", Profile: p}}, Until: at + int64(time.Hour), Begin: driftd.MinTime, End: driftd.MaxTime})
				if len(out) != n+1 {
					b.Fatal(len(out))
				}
				at += int64(time.Hour)
			}
			step()
			b.ReportAllocs()
			for b.Loop() {
				step()
			}
		})
	}
}

// Judging a window allocates a few pieces of memory, not some for each column.
func TestWindowAllocations(t *testing.T) {
	allocs := func(n int) float64 {
		r, p, _ := wide(t, n)
		s := &State{Merged: driftd.MinTime}
		at := int64(0)
		return testing.AllocsPerRun(20, func() {
			Step(r, s, Input{Panes: []Pane{{Start: at, Layout: "l", Profile: p}}, Until: at + int64(time.Hour), Begin: driftd.MinTime, End: driftd.MaxTime})
			at += int64(time.Hour)
		})
	}
	few, many := allocs(10), allocs(200)
	t.Logf("%v allocations with 10 columns, %v with 200", few, many)
	if many > few+10 {
		t.Errorf("%v allocations with 10 columns, %v with 200: they grow with columns", few, many)
	}
}
