package pipeline

import (
	"context"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/internal/embedded"
	"github.com/driftd/driftd/internal/kafka"
	"github.com/driftd/driftd/internal/wire"
)

// Whatever stands in driftd.profiles, DETECT takes it or says why not.
func FuzzProfileRecord(f *testing.F) {
	add := func(m *wire.ProfileRecord) {
		b, err := proto.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	p := driftd.NewProfile(nil)
	p.Events = 3
	add(&wire.ProfileRecord{MinReader: 1, Topic: "a", Epoch: 5, Pane: minute(1), Model: "m", Segment: driftd.AllSegment, Profile: wire.ProfileToWire(p)})
	add(&wire.ProfileRecord{MinReader: 1, Topic: "a", Epoch: 5, Pane: minute(1), Model: "m", Segment: driftd.AllSegment})
	add(&wire.ProfileRecord{MinReader: 1, Topic: "a", Epoch: 5, Marker: &wire.Marker{Frontier: minute(90), Partitions: 1, Begin: minute(0)}})
	add(&wire.ProfileRecord{MinReader: 4, Topic: "a", Epoch: 5, Gap: &wire.Gap{From: minute(1), To: driftd.MaxTime, Why: "x"}})
	add(&wire.ProfileRecord{MinReader: 9})
	f.Fuzz(func(t *testing.T, b []byte) {
		s := newScripted(t)
		s.marker(5, 5, minute(0))
		ctx, stop := context.WithTimeout(t.Context(), 50*time.Millisecond) // for a layout that never comes
		defer stop()
		_ = s.task.record(ctx, &kafka.Rec{Offset: 1, Value: b})
		s.profile(6, 1, 1)
		var m wire.ProfileRecord
		if proto.Unmarshal(b, &m) == nil && m.Marker != nil && (m.Epoch > 1<<40 || m.Marker.Frontier > minute(1e6)) {
			return // windows of millennia would be closed one by one
		}
		s.task.record(ctx, &kafka.Rec{Offset: 3, Value: marshalled(t, &wire.ProfileRecord{MinReader: 1, Topic: "a", Epoch: 7, Marker: &wire.Marker{Frontier: minute(120), Partitions: 1, Begin: minute(0)}})}) //nolint:errcheck // it may be one that waits for a layout
	})
}

func marshalled(t *testing.T, m proto.Message) []byte {
	t.Helper()
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Whatever stands in driftd.references is passed over when it cannot be read.
func FuzzReferences(f *testing.F) {
	bundle := buildBundle(f, embedded.Churn, embedded.LiveStart.Add(-3*time.Hour), embedded.LiveStart)
	f.Add("layout/"+bundle.Layout.Fingerprint, bundle.LayoutBytes)
	f.Add("reference/x", bundle.ReferencesBytes[0])
	for _, key := range []string{"use/churn/all", "request/churn/all", "bootstrap/t", "forgotten/churn/all", "returned/churn/all", "owner/0", "owner/x", "use", "", "?/?"} {
		f.Add(key, []byte{})
		f.Add(key, []byte{8, 1})
	}
	f.Fuzz(func(t *testing.T, key string, value []byte) {
		r := newReferences("r", newScripted(t).task.set.Log)
		_ = r.take(&kafka.Rec{Key: []byte(key), Value: value})
		_ = r.take(&kafka.Rec{Key: []byte("layout/x"), Value: bundle.LayoutBytes})
		for _, m := range r.Models() {
			r.Uses(driftd.Series{Model: m, Segment: driftd.AllSegment})
		}
		r.pending()
	})
}

// A commit's metadata is that of a driftd, or an error; what was read is written
// as it was.
func FuzzCommitMeta(f *testing.F) {
	f.Add(newMeta().String())
	f.Add(`{"v":1,"e":-1,"f":9223372036854775807,"s":5,"b":0,"c":true,"t0":1,"n":3,"nf":true}`)
	f.Add(`{"v":2}`)
	f.Add(`[]`)
	f.Fuzz(func(t *testing.T, s string) {
		m, err := parseMeta(s)
		if err != nil || s == "" {
			return
		}
		if again, err := parseMeta(m.String()); err != nil || again != m {
			t.Fatalf("%+v came back as %+v: %v", m, again, err)
		}
	})
}
