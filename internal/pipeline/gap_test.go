package pipeline

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/internal/detect"
	"github.com/driftd/driftd/internal/wire"
)

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

// The first events of a topic that was made anew may be older than what had been
// closed of the one before. What is lost begins there all the same, and lasts until
// the new one has come as far [E7].
func TestBegunAnewBehindTheFrontier(t *testing.T) {
	s := newScripted(t)
	s.marker(5, 5, driftd.MinTime)
	s.profile(5, 100, 10)
	s.marker(5, 5, minute(150))
	s.marker(9, 9, driftd.MinTime) // another start
	s.feed(&wire.ProfileRecord{Epoch: 9, Gap: &wire.Gap{From: driftd.MinTime, To: minute(140), Why: "lost", Fresh: true, Beyond: int64(7 * time.Minute)}})
	s.profile(9, 130, 4)
	s.marker(9, 9, minute(141))
	s.profile(9, 160, 5)
	s.marker(9, 9, minute(174))
	s.profile(9, 185, 6)
	s.marker(9, 9, minute(310))
	s.want("01:00 n=10 complete=1", "02:00 n=5 complete=0", "03:00 n=6 complete=0", "04:00 n=0 complete=1")
}

// A state between the two keeps that.
func TestGapWithoutEndIsKept(t *testing.T) {
	v := wire.SourceFrontier{Epoch: 9, Frontier: minute(150), Beyond: 7, Gaps: []detect.Gap{{From: minute(150), To: driftd.MaxTime, Why: "lost"}}}
	of := wire.SourcePartition{Topic: "a"}
	b, err := wire.EncodeState(&wire.State{Frontiers: map[wire.SourcePartition]wire.SourceFrontier{of: v}})
	if err != nil {
		t.Fatal(err)
	}
	st, err := wire.DecodeState(b, nil)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(v, st.Frontiers[of]); d != "" {
		t.Error(d)
	}
}

// Nor do they replace what the topic before had in panes that wait for a slower
// partition [E3].
func TestBegunAnewReplacesNothing(t *testing.T) {
	s := newScripted(t)
	marker := func(partition int32, epoch, start, frontier int64) {
		t.Helper()
		s.feed(&wire.ProfileRecord{Partition: partition, Epoch: epoch, Marker: &wire.Marker{Frontier: frontier, Partitions: 2, Begin: minute(0), Start: start}})
	}
	marker(0, 5, 5, driftd.MinTime)
	marker(1, 5, 5, minute(65))
	s.profile(5, 70, 10)
	marker(0, 5, 5, minute(125))
	marker(0, 9, 9, driftd.MinTime) // another start
	s.feed(&wire.ProfileRecord{Epoch: 9, Gap: &wire.Gap{From: driftd.MinTime, To: minute(75), Why: "lost", Fresh: true, Beyond: int64(7 * time.Minute)}})
	s.profile(9, 70, 3)
	marker(0, 9, 9, minute(130))
	marker(1, 5, 5, minute(130))
	s.want("01:00 n=10 complete=1")
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
