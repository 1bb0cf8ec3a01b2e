package alerts

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/driftd/driftd"
)

// draw makes windows of two lengths in the order of their ends, with columns that flag, are clean or are not evaluated.
func draw(t *rapid.T, flags bool) []Observation {
	columns := []string{"a", "b", "prediction.score"}
	var out []Observation
	for i := range rapid.IntRange(1, 60).Draw(t, "windows") {
		end := dayZero.Add(time.Duration(i+1) * time.Hour)
		lengths := []time.Duration{time.Hour}
		if (i+1)%4 == 0 {
			lengths = append(lengths, 4*time.Hour)
		}
		for _, l := range lengths {
			w := &driftd.WindowResult{Model: "m", Segment: driftd.AllSegment, WindowStart: end.Add(-l), WindowEnd: end, WindowLength: int64(l / time.Second),
				N: rapid.Uint64Range(0, 2).Draw(t, "n"), Complete: rapid.IntRange(0, 1).Draw(t, "complete")}
			o := Observation{Window: w, Base: l == time.Hour, Historic: rapid.IntRange(0, 9).Draw(t, "age") == 0, NoPage: rapid.IntRange(0, 19).Draw(t, "nopage") == 0}
			for _, c := range columns {
				evaluated := w.N > 0 && rapid.Bool().Draw(t, "evaluated")
				o.Columns = append(o.Columns, &driftd.ColumnResult{Column: c, WindowStart: w.WindowStart, WindowEnd: end, WindowLength: w.WindowLength,
					Evaluated: evaluated, Flag: flags && evaluated && rapid.Bool().Draw(t, "flag"), Effect: driftd.Float(rapid.Float64Range(0, 2).Draw(t, "effect")),
					Tests: []driftd.TestResult{{Name: "location", PValue: 1e-9, Threshold: .2}}})
			}
			out = append(out, o)
		}
	}
	return out
}

// Never two open at once; an incident is opened, then changes, then is resolved once; no change comes after its end, and
// none is made of a column twice.
func TestLifeOfAnIncident(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := &Policy{Expect: rapid.Bool().Draw(t, "expect")}
		var s State
		var open *driftd.IncidentResult
		over := map[string]bool{}
		for _, o := range draw(t, true) {
			for _, r := range s.Observe(p, o) {
				switch {
				case over[r.ID]:
					t.Fatalf("a change after the end of %s", r.ID)
				case open == nil && r.State != driftd.StateOpen:
					t.Fatalf("%s is over and was never open", r.ID)
				case open != nil && open.ID != r.ID:
					t.Fatalf("%s while %s is open", r.ID, open.ID)
				case open != nil && r.State == driftd.StateOpen && len(r.Columns) <= len(open.Columns) && r.Historic == open.Historic:
					t.Fatalf("told again without news: %+v", r)
				case !slices.IsSortedFunc([]time.Time{r.DriftSince, r.OpenedAt, r.ChangedAt}, time.Time.Compare):
					t.Fatalf("times out of order: %+v", r)
				case r.Summary == "" || r.Severity == "":
					t.Fatalf("lacks summary or severity: %+v", r)
				}
				open = &r
				if r.State != driftd.StateOpen {
					open, over[r.ID] = nil, true
				}
			}
			if s.Incident.Open() != (open != nil) {
				t.Fatalf("the state says open=%v, the changes say %v", s.Incident.Open(), open != nil)
			}
		}
	})
}

func TestCleanStreamsNeverOpen(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s State
		for _, o := range draw(t, false) {
			if out := s.Observe(&Policy{}, o); out != nil {
				t.Fatalf("a clean stream gives %+v", out)
			}
		}
	})
}

// The same windows give the same changes, and what was told is not changed by what comes later.
func TestToldIsFinal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		windows := draw(t, true)
		var s, again State
		var told, copies []driftd.IncidentResult
		for _, o := range windows {
			for _, r := range s.Observe(nil, o) {
				told = append(told, r)
				r.Columns = slices.Clone(r.Columns)
				copies = append(copies, r)
			}
		}
		if !reflect.DeepEqual(told, copies) {
			t.Fatal("a result that was told has changed")
		}
		var second []driftd.IncidentResult
		for _, o := range windows {
			second = append(second, again.Observe(nil, o)...)
		}
		if len(told) > 0 && !reflect.DeepEqual(told, second) || !reflect.DeepEqual(s, again) {
			t.Fatal("the same windows gave something else")
		}
	})
}
