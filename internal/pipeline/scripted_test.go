package pipeline

import (
	"context"
	"fmt"
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
	set := settingsOf("a", 1)
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

// settingsOf are those of a task that reads one topic.
func settingsOf(topic string, partitions int) *Settings {
	return &Settings{Prefix: "d", Pane: time.Minute, Partitions: partitions, Replication: -1, Now: time.Now, Models: NewLive(config.Default(), "test"),
		Sources: []Source{{Topic: topic, DeadLetters: "headers"}}, Metrics: prometheus.New(prometheus.Config{}, []string{topic}, nil), Log: slog.New(slog.DiscardHandler)}
}
