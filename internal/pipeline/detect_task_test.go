package pipeline

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/internal/config"
	"github.com/driftd/driftd/internal/kafka"
	"github.com/driftd/driftd/internal/wire"
	"github.com/driftd/driftd/sinks/prometheus"
)

// A pane that waits for a slow partition was written by an owner who has since
// been followed by another, and the state goes back to it: whoever reads on from
// that state has to take the pane as it was taken before [E4].
func TestStateGoesBackBehindAChangeOfOwner(t *testing.T) {
	start := driftd.FloorTo(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).UnixNano(), int64(time.Hour))
	minute := func(m int) int64 { return start + int64(m)*int64(time.Minute) }
	prof := driftd.NewProfile(nil)
	prof.Events = 7
	profile := func(partition int32, epoch, pane int64) *wire.ProfileRecord {
		return &wire.ProfileRecord{MinReader: 1, Topic: "a", Partition: partition, Epoch: epoch, Pane: pane, Model: "m", Segment: driftd.AllSegment, Profile: wire.ProfileToWire(prof)}
	}
	marker := func(partition int32, epoch, frontier int64) *wire.ProfileRecord {
		return &wire.ProfileRecord{MinReader: 1, Topic: "a", Partition: partition, Epoch: epoch, Marker: &wire.Marker{Frontier: frontier, Partitions: 2, Begin: start}}
	}
	log := []*wire.ProfileRecord{
		marker(0, 5, start), marker(1, 5, start),
		profile(0, 5, minute(3)), marker(0, 5, minute(4)), // waits for partition 1
		marker(0, 6, minute(4)), marker(1, 6, start), // new owners
		profile(0, 5, minute(3)),                          // too late: a zombie's
		profile(1, 6, minute(0)), marker(1, 6, minute(2)), // the state is written here
		marker(1, 6, minute(70)), marker(0, 6, minute(70)),
	}
	set := &Settings{Prefix: "d", Pane: time.Minute, Partitions: 1, Now: time.Now, Models: NewLive(config.Default(), "test"), Sources: []Source{{Topic: "a"}},
		Metrics: prometheus.New(prometheus.Config{Version: "test"}, []string{"a"}, nil), Log: slog.New(slog.DiscardHandler)}
	task := func() *detectTask {
		return &detectTask{set: set, refs: newReferences("d.references", set.Log), log: set.Log, front: newFrontiers(set.Sources), series: map[driftd.Series]*judged{}, moved: map[string]bool{}}
	}
	read := func(d *detectTask, from, to int64) {
		t.Helper()
		for i := from; i < to; i++ {
			b, err := proto.Marshal(log[i])
			if err != nil {
				t.Fatal(err)
			}
			if err := d.record(context.Background(), &kafka.Rec{Offset: i, Value: b}); err != nil {
				t.Fatal(err)
			}
		}
	}
	events := func(d *detectTask) (n []uint64) {
		for _, r := range d.results {
			if r.Window != nil {
				n = append(n, r.Window.N)
			}
		}
		return n
	}
	first := task()
	read(first, 0, 9)
	st := first.stateOf(first.find(driftd.Series{Model: "m", Segment: driftd.AllSegment}))
	if st.AsOf != 2 {
		t.Fatalf("the state goes back to offset %d, want 2: the pane that waits", st.AsOf)
	}
	b, err := wire.EncodeState(st)
	if err != nil {
		t.Fatal(err)
	}
	read(first, 9, int64(len(log)))

	if st, err = wire.DecodeState(b, nil); err != nil {
		t.Fatal(err)
	}
	second := task()
	s := second.find(st.Series)
	s.state, s.fresh, s.written = st.Detect, false, st.Detect.Merged
	second.front.restore(st.Frontiers, true)
	read(second, st.AsOf, int64(len(log)))
	if a, b := events(first), events(second); len(a) != 1 || a[0] != 14 || len(b) != 1 || b[0] != 14 {
		t.Errorf("events of the windows: %v, after a restart %v; want [14] both times", a, b)
	}
}
