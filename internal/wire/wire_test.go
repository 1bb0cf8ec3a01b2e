package wire

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/alerts"
	"github.com/driftd/driftd/internal/detect"
)

func testLayout(t testing.TB) *driftd.Layout {
	t.Helper()
	l := &driftd.Layout{Model: "fraud", Columns: []driftd.ColumnLayout{
		{Name: "amount", Kind: driftd.Numeric, Min: -1, Upper: []float64{0, 1, 2.5}},
		{Name: "items", Kind: driftd.Numeric, Min: 1, Upper: []float64{math.Nextafter(2, 0), 2}, Values: []float64{1, 2}},
		{Name: "nothing", Kind: driftd.Numeric},
		{Name: "merchant", Kind: driftd.Categorical, Categories: []string{"a", "b"}, Rare: []uint64{driftd.Hash64("rare")}},
		{Name: "prediction.ok", Group: driftd.Prediction, Kind: driftd.Boolean, Categories: []string{"false", "true"}},
	}, Excluded: []driftd.Excluded{{Name: "id", Reason: "differs"}}, Segments: []driftd.SegmentTag{{Tags: []string{"country"}, Values: []string{"DE"}}}}
	if _, err := EncodeLayout(l); err != nil {
		t.Fatal(err)
	}
	if err := l.Compile(); err != nil {
		t.Fatal(err)
	}
	return l
}

func drawProfile(t *rapid.T, l *driftd.Layout) *driftd.Profile {
	p := driftd.NewProfile(l)
	values := make([]driftd.Value, len(l.Columns))
	for range rapid.IntRange(0, 40).Draw(t, "events") {
		for i := range values {
			c, v := &l.Columns[i], &values[i]
			*v = driftd.Value{Class: rapid.SampledFrom([]driftd.Class{driftd.Missing, driftd.Placed, driftd.Null, driftd.NaN, driftd.PosInf, driftd.TypeError}).Draw(t, "class")}
			switch {
			case v.Class != driftd.Placed:
			case c.Kind == driftd.Numeric:
				c.Number(rapid.Float64Range(-3, 4).Draw(t, "x"), v)
			case c.Kind == driftd.Boolean:
				c.Bool(rapid.Bool().Draw(t, "b"), v)
			default:
				c.Level([]byte(rapid.SampledFrom([]string{"a", "b", "rare", "new", "newer"}).Draw(t, "level")), v)
			}
		}
		p.Add([2]bool{true, rapid.Bool().Draw(t, "prediction")}, values, rapid.Uint64().Draw(t, "key"))
	}
	if rapid.Bool().Draw(t, "unknown") {
		p.AddUnknown([]byte("zip"))
		p.Late = 3
	}
	return p
}

// roundTrip writes a profile and reads it.
func roundTrip(t *rapid.T, p *driftd.Profile, l *driftd.Layout) *driftd.Profile {
	b, err := proto.Marshal(ProfileToWire(p))
	if err != nil {
		t.Fatal(err)
	}
	var m Profile
	if err := proto.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	q, err := ProfileFromWire(&m, l)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func TestProfileRoundTrip(t *testing.T) {
	l := testLayout(t)
	rapid.Check(t, func(t *rapid.T) {
		p := drawProfile(t, l)
		q := roundTrip(t, p, l)
		if d := cmp.Diff(p, q); d != "" {
			t.Fatal(d)
		}
	})
}

func testReference(l *driftd.Layout) *driftd.Reference {
	p := driftd.NewProfile(l)
	r := &driftd.Reference{Model: "fraud", Segment: "all", Layout: l.Fingerprint, Source: "a file", From: 1, To: 2, Events: 3, Groups: [2]uint64{3, 2}}
	sc := driftd.Scale{Length: time.Hour, Windows: 40, MedianN: 100}
	for i := range l.Columns {
		r.Columns = append(r.Columns, driftd.ColumnReference{Profile: p.Columns[i], Missing: 1, Singletons: 2})
		sc.Columns = append(sc.Columns, driftd.ColumnScale{Windows: 40, MedianN: 99, MaxN: 120, NewShare: .01, Kept: []int{0, 1},
			Fits: []driftd.Fit{{Name: "location", R: 40, RE: 33.5, D: 1.5, Tau2: .001, Pooled: true, V: .02, MedianN: 99, MaxN: 120}}, Residual: driftd.ResidualFit{R: 40, MeanLog: 3, SDLog: .2, MeanNX: 60, MeanNC: 64, MaxN: 120}})
	}
	r.Scales = []driftd.Scale{sc}
	return r
}

func TestReferenceFile(t *testing.T) {
	l := testLayout(t)
	b, err := NewBundle(l, []*driftd.Reference{testReference(l)})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := b.File()
	if err != nil {
		t.Fatal(err)
	}
	again, err := ParseFile(raw)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(b.References, again.References); d != "" {
		t.Fatal(d)
	}
	if again.Layout.Fingerprint != l.Fingerprint || again.Layout.IndexOf("merchant") != 3 || again.Layout.Columns[1].Values == nil {
		t.Fatalf("the layout came back as %+v", again.Layout)
	}
	other, err := NewBundle(l, []*driftd.Reference{testReference(l)})
	if err != nil {
		t.Fatal(err)
	}
	if other.References[0].Fingerprint != b.References[0].Fingerprint {
		t.Fatal("the same content has two fingerprints")
	}
	for cut := range len(raw) {
		if _, err := ParseFile(raw[:cut]); err == nil {
			t.Fatalf("a file cut after %d of %d bytes was read", cut, len(raw))
		}
	}
	path := filepath.Join(t.TempDir(), "x.ref")
	if err := os.WriteFile(path, raw[:len(raw)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadFile(path); err == nil || !strings.Contains(err.Error(), path) {
		t.Fatalf("the error does not name the file: %v", err)
	}
}

func testState(l *driftd.Layout) *State {
	end := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	return &State{Series: driftd.Series{Model: "fraud", Segment: "country=DE"}, AsOf: 17,
		Frontiers: map[SourcePartition]SourceFrontier{
			{"p", 0}: {Epoch: 5, Frontier: 6, Partitions: 2, Begin: 7, Cut: true, First: 1},
			{"p", 1}: {Epoch: 5, Frontier: driftd.MinTime, Partitions: 2, Begin: driftd.MaxTime, First: 2, Grown: true}},
		Detect: detect.State{Merged: 99, Windows: []detect.OpenWindow{
			{Window: driftd.Window{Length: time.Hour, Start: 1, End: 2}, Layout: l.Fingerprint, Profile: driftd.NewProfile(l), Incomplete: "why", Empty: 3}, {Window: driftd.Window{Length: 24 * time.Hour}}},
			Alerts: alerts.State{Silent: 2, Histories: []alerts.History{{Column: "amount", Length: time.Hour, Flags: []bool{true, false}, Starts: []int64{1, 2}, Scores: []float64{.5, -.5}}},
				Incident: &alerts.Incident{Lengths: map[string][]time.Duration{"amount": {time.Hour}}, Result: driftd.IncidentResult{Kind: "incident", ID: "x", Model: "fraud", Segment: "country=DE", Type: "drift", State: "resolved",
					Severity: "page", Historic: true, Provisional: true, OpenedAt: end, DriftSince: end, ResolvedAt: &end, ChangedAt: end, Pace: "sudden", Summary: "s",
					Columns: []driftd.IncidentColumn{{Column: "amount", Test: "location", Effect: 1, FirstFlag: end, Moved: "up", PValue: .1, Threshold: .2, N: 5}},
					Stamp:   driftd.Stamp{Reference: "r", Revision: 4, ConfigHash: "c", Version: "v", Labels: map[string]string{"team": "risk"}}}}}}}
}

func TestStateRoundTrip(t *testing.T) {
	l := testLayout(t)
	s := testState(l)
	f := s.Frontiers[SourcePartition{"p", 0}]
	f.Start, f.Anew, f.Gaps = 3, true, []detect.Gap{{From: 1, To: 2, Why: "deleted"}}
	s.Frontiers[SourcePartition{"p", 0}] = f
	b, err := EncodeState(s)
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeState(b, func(fp string) (*driftd.Layout, error) { return l, nil })
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(s, got); d != "" {
		t.Fatal(d)
	}
}

// A record of a newer format is refused, and says what to do.
func TestNewerFormat(t *testing.T) {
	for name, m := range map[string]proto.Message{"layout": &Layout{MinReader: Version + 1}, "state": &SeriesState{MinReader: Version + 1}} {
		b, err := proto.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if name == "layout" {
			_, err = DecodeLayout(b)
		} else {
			_, err = DecodeState(b, nil)
		}
		var newer *NewerError
		if !errors.As(err, &newer) || !strings.Contains(err.Error(), "upgrade") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Whatever bytes come, decoding gives an error or something usable.
func FuzzDecode(f *testing.F) {
	l := testLayout(f)
	b, err := NewBundle(l, []*driftd.Reference{testReference(l)})
	if err != nil {
		f.Fatal(err)
	}
	raw, err := b.File()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add(b.LayoutBytes)
	f.Add(encoded(f, l, seasonalReference(l, func(int) float32 { return .1 })))
	p, err := proto.Marshal(ProfileToWire(driftd.NewProfile(l)))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(p)
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _ = ParseFile(b)    // must not panic
		_, _ = DecodeLayout(b) // nor this
		_, _ = DecodeReference(b, l)
		_, _ = DecodeState(b, func(string) (*driftd.Layout, error) { return l, nil })
		var m Profile
		if proto.Unmarshal(b, &m) == nil {
			if q, err := ProfileFromWire(&m, l); err == nil {
				q.Merge(driftd.NewProfile(l))
			}
		}
	})
}

// What was added after the first release comes back too: detectors' states, and
// long-run variances of a reference.
func TestSequencesRoundTrip(t *testing.T) {
	l := testLayout(t)
	s := testState(l)
	s.Detect.Sequences = []detect.Sequence{{Column: "amount", Detector: "adwin(delta=0.002)", Basis: l.Fingerprint, State: []byte{1, 0, 255}}, {Column: "merchant", Detector: "cusum/category", Basis: "r", State: []byte{1}}}
	b, err := EncodeState(s)
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeState(b, func(string) (*driftd.Layout, error) { return l, nil })
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(s, got); d != "" {
		t.Fatal(d)
	}
	r := testReference(l)
	plain, err := NewBundle(l, []*driftd.Reference{testReference(l)})
	if err != nil {
		t.Fatal(err)
	}
	r.Scales[0].Columns[0].Fits[0].LRV = 2.5
	bundle, err := NewBundle(l, []*driftd.Reference{r})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := bundle.File()
	if err != nil {
		t.Fatal(err)
	}
	again, err := ParseFile(raw)
	if err != nil {
		t.Fatal(err)
	}
	if f := again.References[0].Scales[0].Columns[0].Fits[0]; f.LRV != 2.5 || bundle.References[0].Fingerprint == plain.References[0].Fingerprint {
		t.Fatalf("the fit came back as %+v", f)
	}
}
