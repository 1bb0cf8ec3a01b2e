package pipeline

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/internal/config"
	"github.com/driftd/driftd/internal/detect"
	"github.com/driftd/driftd/internal/kafka"
	"github.com/driftd/driftd/internal/wire"
	"github.com/driftd/driftd/sinks/prometheus"
)

// scripted is a detect task that is fed records of driftd.profiles by hand; times
// are minutes.
type scripted struct {
	t    *testing.T
	task *detectTask
	log  [][]byte
}

const scriptStart = int64(1767225600 * 1e9) // an hour begins

func minute(m int) int64 { return scriptStart + int64(m)*int64(time.Minute) }

func newScripted(t *testing.T) *scripted {
	set := &Settings{Prefix: "d", Pane: time.Minute, Partitions: 1, Now: time.Now, Models: NewLive(config.Default(), "test"), Sources: []Source{{Topic: "a"}},
		Metrics: prometheus.New(prometheus.Config{Version: "test"}, []string{"a"}, nil), Log: slog.New(slog.DiscardHandler)}
	return &scripted{t: t, task: &detectTask{set: set, refs: newReferences("d.references", set.Log), log: set.Log, front: newFrontiers(set.Sources),
		series: map[driftd.Series]*judged{}, moved: map[string]bool{}}}
}

func (s *scripted) feed(m *wire.ProfileRecord) {
	s.t.Helper()
	m.MinReader, m.Topic = 1, "a"
	b, err := proto.Marshal(m)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.task.record(context.Background(), &kafka.Rec{Offset: int64(len(s.log)), Value: b}); err != nil {
		s.t.Fatal(err)
	}
	s.log = append(s.log, b)
}

func (s *scripted) marker(epoch, start int64, frontier int64) {
	s.t.Helper()
	s.feed(&wire.ProfileRecord{Epoch: epoch, Marker: &wire.Marker{Frontier: frontier, Partitions: 1, Begin: minute(0), Start: start}})
}

func (s *scripted) profile(epoch int64, pane int, events uint64) {
	s.t.Helper()
	p := driftd.NewProfile(nil)
	p.Events = events
	s.feed(&wire.ProfileRecord{Epoch: epoch, Pane: minute(pane), Model: "m", Segment: driftd.AllSegment, Profile: wire.ProfileToWire(p)})
}

func (s *scripted) gap(epoch int64, from, to int64, fresh bool) {
	s.t.Helper()
	s.feed(&wire.ProfileRecord{Epoch: epoch, Gap: &wire.Gap{From: from, To: to, Why: "lost", Fresh: fresh}})
}

// windows are the results so far: start, n and reason.
func (s *scripted) windows() (out []string) {
	for _, r := range s.task.results {
		if w := r.Window; w != nil {
			out = append(out, fmt.Sprintf("%s n=%d complete=%d", w.WindowStart.Format("15:04"), w.N, w.Complete))
		}
	}
	return out
}

func (s *scripted) want(want ...string) {
	s.t.Helper()
	got := s.windows()
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || got[i] != want[i] {
			s.t.Fatalf("windows %q, want %q", got, want)
		}
	}
}

// A profile that is made after a gap replaces none from before; the window that
// the gap touches is not complete, the next one is [E7].
func TestGapInBand(t *testing.T) {
	s := newScripted(t)
	s.marker(5, 5, driftd.MinTime)
	s.profile(5, 0, 10)
	s.marker(5, 5, minute(1))
	s.profile(5, 50, 20)      // a pane that is not closed yet: its owner dies before the commit
	s.marker(6, 5, minute(1)) // the next one finds the log's start past its commit
	s.gap(6, minute(1), minute(60), false)
	s.profile(6, 50, 3) // what is left of it
	s.profile(6, 55, 4)
	s.profile(6, 70, 7)
	s.marker(6, 5, minute(130))
	s.want("00:00 n=34 complete=0", "01:00 n=7 complete=1")
}

// The same gap from an owner who has been followed says nothing, and neither does
// what lies below the frontier.
func TestGapThatSaysNothing(t *testing.T) {
	s := newScripted(t)
	s.marker(6, 5, minute(60))
	s.profile(6, 60, 1)
	s.gap(5, minute(60), minute(70), false) // a zombie's
	s.gap(6, minute(1), minute(59), false)  // all of it was closed
	s.marker(6, 5, minute(130))
	s.want("01:00 n=1 complete=1")
}

// Who finds no commit for a partition that DETECT knows begins a topic that was
// made anew, most likely: what was not closed is lost. Who begins a new one, and
// is followed before the first commit, does not [E7].
func TestBegunAnew(t *testing.T) {
	s := newScripted(t)
	s.marker(5, 5, driftd.MinTime)
	s.gap(5, driftd.MinTime, minute(8), true)
	s.profile(5, 1, 1)
	s.marker(5, 5, minute(5))
	s.marker(6, 5, driftd.MinTime) // the same start: died before the commit
	s.gap(6, driftd.MinTime, minute(8), true)
	s.profile(6, 1, 1)
	s.marker(6, 5, minute(5))
	s.profile(6, 62, 2)
	s.marker(6, 5, minute(65))
	s.want("00:00 n=1 complete=1")

	s.marker(9, 9, driftd.MinTime) // another start
	s.gap(9, driftd.MinTime, minute(90), true)
	s.profile(9, 80, 4)
	s.profile(9, 130, 5)
	s.marker(9, 9, minute(190))
	s.want("00:00 n=1 complete=1", "01:00 n=6 complete=0", "02:00 n=5 complete=1")
}

// So does whoever begins anew a partition that had no frontier yet.
func TestBegunAnewBeforeAFrontier(t *testing.T) {
	s := newScripted(t)
	s.marker(5, 5, driftd.MinTime)
	s.marker(9, 9, driftd.MinTime)
	s.gap(9, driftd.MinTime, minute(20), true)
	s.profile(9, 15, 4)
	s.profile(9, 75, 5)
	s.marker(9, 9, minute(130))
	s.want("00:00 n=4 complete=0", "01:00 n=5 complete=1")
}

// A state that is written between a gap and the windows that it touches keeps it.
func TestGapIsKept(t *testing.T) {
	s := newScripted(t)
	s.marker(5, 5, driftd.MinTime)
	s.profile(5, 0, 10)
	s.gap(5, minute(1), minute(60), false)
	s.marker(5, 5, minute(30))
	st := s.task.stateOf(s.task.find(driftd.Series{Model: "m", Segment: driftd.AllSegment}))
	b, err := wire.EncodeState(st)
	if err != nil {
		t.Fatal(err)
	}
	if st, err = wire.DecodeState(b, nil); err != nil {
		t.Fatal(err)
	}
	again := newScripted(t)
	again.log = s.log[:st.AsOf:st.AsOf]
	again.task.next = st.AsOf
	in := again.task.find(st.Series)
	in.state, in.fresh = st.Detect, false
	again.task.front.restore(st.Frontiers, true)
	again.marker(5, 5, minute(60))
	again.want("00:00 n=10 complete=0")
}

// A gap goes when no open window can overlap it, and not before.
func TestGapGoesWithItsWindows(t *testing.T) {
	s := newScripted(t)
	s.marker(5, 5, driftd.MinTime)
	s.profile(5, 0, 1)
	s.gap(5, minute(1), minute(20), false)
	of := wire.SourcePartition{Topic: "a"}
	for _, m := range []int{10, 30, 59} {
		if s.marker(5, 5, minute(m)); len(s.task.front.at[of].Gaps) != 1 {
			t.Fatalf("the gap is gone at minute %d", m)
		}
	}
	s.marker(5, 5, minute(60))
	s.want("00:00 n=1 complete=0")
	if s.marker(5, 5, minute(24*60)); len(s.task.front.at[of].Gaps) != 0 { // the day's window has closed
		t.Error("the gap stays for ever")
	}
}

// What an owner who has been followed still writes counts for nothing [E2].
func TestZombie(t *testing.T) {
	s := newScripted(t)
	s.marker(5, 5, driftd.MinTime)
	s.profile(5, 0, 10)
	s.marker(6, 5, driftd.MinTime)
	s.profile(5, 0, 99)
	s.profile(5, 1, 99)
	s.marker(5, 5, minute(60))
	s.want()
	s.profile(6, 0, 10)
	s.marker(6, 5, minute(60))
	s.want("00:00 n=10 complete=1")
}

// What a series had sent by the time that it was forgotten is passed over by
// whoever reads it again; what comes later begins it anew [E13].
func TestForgottenProfilesArePassedOver(t *testing.T) {
	s := newScripted(t)
	s.task.gone = forgotten{{Model: "m", Segment: driftd.AllSegment}: &wire.Forgotten{Through: []int64{2}}}
	s.marker(5, 5, driftd.MinTime)
	s.profile(5, 1, 10) // offset 1
	s.profile(5, 2, 3)  // offset 2: was not there when it was forgotten
	s.marker(5, 5, minute(60))
	s.want("00:00 n=3 complete=1")
}

// A state has the frontiers of the offset that it goes back to. With later ones a
// topic that has grown since would be whole again at the first old marker, and
// windows would close before their profiles had been read again [E4].
func TestFrontiersOfAnOffset(t *testing.T) {
	f := newFrontiers([]Source{{Topic: "a"}})
	mark := func(f *frontiers, offset int64, partition int, epoch int64, n int32, frontier int64) {
		f.mark(wire.SourcePartition{Topic: "a", Partition: partition}, epoch, &wire.Marker{Frontier: frontier, Partitions: n, Begin: minute(0)}, offset)
	}
	mark(f, 10, 0, 9, 2, minute(10))
	mark(f, 11, 1, 5, 2, minute(10))
	mark(f, 12, 1, 12, 3, minute(10)) // it has grown: the third partition holds
	mark(f, 13, 0, 9, 3, minute(80))
	mark(f, 14, 1, 12, 3, minute(80))
	again := newFrontiers(f.sources)
	again.restore(f.asOf(12), true)
	if least, _ := again.model("m"); least != minute(10) {
		t.Errorf("at offset 12 the least frontier is minute %d, want 10", (least-minute(0))/int64(time.Minute))
	}
	for _, step := range []func(){func() { mark(again, 12, 1, 12, 3, minute(10)) }, func() { mark(again, 13, 0, 9, 3, minute(80)) }} {
		if step(); true {
			if least, _ := again.model("m"); least != driftd.MinTime {
				t.Error("the third partition does not hold")
			}
		}
	}
	if got := f.asOf(10); len(got) != 0 {
		t.Errorf("before the first marker %v were known", got)
	}
}

// Records of different age are read in any order: the frontiers are those of the
// record that goes back furthest, and no mixture of both.
func TestRestoreTakesTheOldestFrontiers(t *testing.T) {
	of := wire.SourcePartition{Topic: "a"}
	older := map[wire.SourcePartition]wire.SourceFrontier{of: {Epoch: 5, Frontier: minute(10), Partitions: 1, Begin: minute(0)}}
	newer := map[wire.SourcePartition]wire.SourceFrontier{
		of:                         {Epoch: 6, Frontier: minute(80), Partitions: 2, Begin: minute(0), Gaps: []detect.Gap{{From: minute(1), To: minute(2), Why: "lost"}}},
		{Topic: "a", Partition: 1}: {Epoch: 6, Frontier: minute(80), Partitions: 2, Begin: minute(70), Grown: true}}
	want := older[of]
	want.Gaps = newer[of].Gaps
	for _, oldestFirst := range []bool{true, false} {
		f := newFrontiers([]Source{{Topic: "a"}})
		if oldestFirst {
			f.restore(older, true)
			f.restore(newer, false)
		} else {
			f.restore(newer, true)
			f.restore(older, true)
		}
		if d := cmp.Diff(map[wire.SourcePartition]wire.SourceFrontier{of: want}, f.at); d != "" {
			t.Errorf("the oldest first: %v: %s", oldestFirst, d)
		}
	}
}

// Markers are remembered for the states that go back behind them, and no longer.
func TestMarkersAreForgotten(t *testing.T) {
	s := newScripted(t)
	for m := range 1000 {
		s.marker(5, 5, minute(m))
		if err := s.task.flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(s.task.front.past); n > 1 {
		t.Errorf("%d changes are remembered, and there is no series", n)
	}
}
