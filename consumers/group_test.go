package consumers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/driftd/driftd/internal/kafka"
)

func newGroupCluster(t *testing.T, opts ...kfake.Opt) (*kfake.Cluster, *kafka.Client) {
	t.Helper()
	cl, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1), kfake.GroupMinSessionTimeout(100 * time.Millisecond)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	c, err := kafka.New(kafka.Config{Brokers: cl.ListenAddrs()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return cl, c
}

// groupMember runs one Group and keeps what it serves.
type groupMember struct {
	g      *Group
	client *kafka.Client
	cancel context.CancelFunc
	done   chan error

	mu  sync.Mutex
	now *Membership // nil between generations
}

func joinGroup(t *testing.T, c *kafka.Client) *groupMember {
	t.Helper()
	g, err := NewGroup(GroupConfig{
		Name: "g", Topic: "t", Client: c, HeartbeatInterval: 20 * time.Millisecond, SessionTimeout: 2 * time.Second,
		RebalanceTimeout: 2 * time.Second, WatchInterval: 20 * time.Millisecond, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	m := &groupMember{g: g, client: c, cancel: cancel, done: make(chan error, 1)}
	go func() { m.done <- g.Run(ctx, m.serve) }()
	t.Cleanup(cancel)
	return m
}

func (m *groupMember) serve(ctx context.Context, s Membership) error {
	m.set(&s)
	defer m.set(nil)
	<-ctx.Done()
	return ctx.Err()
}

func (m *groupMember) set(s *Membership) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now = s
}

func (m *groupMember) get() *Membership {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.now
}

func (m *groupMember) commit(s *Membership, p int, offset int64) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return m.client.CommitOffset(ctx, "g", s.Generation, s.MemberID, "t", p, offset, "")
}

func (m *groupMember) leave(t *testing.T) error {
	t.Helper()
	m.cancel()
	select {
	case err := <-m.done:
		return err
	case <-time.After(5 * time.Second):
		t.Fatal("the member does not leave")
	}
	return nil
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatal("not within 10 s: " + what)
}

func has(m *groupMember, partitions int) func() bool {
	return func() bool { s := m.get(); return s != nil && len(s.Partitions) == partitions }
}

func TestGroupShares(t *testing.T) {
	_, c := newGroupCluster(t, kfake.SeedTopics(4, "t"))
	a := joinGroup(t, c)
	eventually(t, "one member has all", has(a, 4))
	old := a.get()
	if err := a.commit(old, 3, 10); err != nil {
		t.Fatal(err)
	}
	if w := a.g.Waiting(); w != "" {
		t.Errorf("a member waits for %q", w)
	}
	b := joinGroup(t, c)
	eventually(t, "two members share", func() bool { return has(a, 2)() && has(b, 2)() })
	if fmt.Sprint(a.get().Partitions) == fmt.Sprint(b.get().Partitions) {
		t.Errorf("both have %v", a.get().Partitions)
	}
	// What a had in its old generation it can no longer commit.
	if err := a.commit(old, 3, 11); !errors.Is(err, kafka.ErrFenced) {
		t.Errorf("a commit of an old generation: %v", err)
	}
	gone := a.get()
	if err := a.leave(t); !errors.Is(err, context.Canceled) {
		t.Errorf("Run: %v", err)
	}
	eventually(t, "the other has all", has(b, 4))
	if err := a.commit(gone, 0, 11); !errors.Is(err, kafka.ErrFenced) {
		t.Errorf("a commit of one that has left: %v", err)
	}
	if err := b.commit(b.get(), 3, 12); err != nil {
		t.Error(err)
	}
	got, err := c.CommittedOffsets(context.Background(), "g", "t", []int{3})
	if err != nil || got[3].Offset != 12 {
		t.Errorf("committed %v, %v", got, err)
	}
}

// A topic that goes away ends the generation; the group waits for it to come
// back, at rest.
func TestGroupTopicVanishes(t *testing.T) {
	cl, c := newGroupCluster(t, kfake.SeedTopics(2, "t"))
	m := joinGroup(t, c)
	eventually(t, "it has two", has(m, 2))
	if err := cl.DeleteTopic("t"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it waits", func() bool { return m.g.Waiting() == "topic t does not exist yet" })
	if m.get() != nil {
		t.Error("it serves a topic that does not exist")
	}
	joins := cl.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.JoinGroup}, Observe: true, Count: -1})
	time.Sleep(100 * time.Millisecond)
	if n := joins.Hits(); n > 1 {
		t.Errorf("%d joins in 100 ms for a topic that does not exist", n)
	}
	if err := cl.CreateTopic("t", 3, nil); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it has three", has(m, 3))
}

// Waiting for a topic does not make it; more partitions bring a new generation.
func TestGroupFollowsTheTopic(t *testing.T) {
	cl, c := newGroupCluster(t, kfake.AllowAutoTopicCreation())
	m := joinGroup(t, c)
	eventually(t, "it waits", func() bool { return m.g.Waiting() == "topic t does not exist yet" })
	time.Sleep(50 * time.Millisecond)
	if cl.TopicInfo("t") != nil {
		t.Fatal("waiting for a topic has made it")
	}
	if err := cl.CreateTopic("t", 2, nil); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it has two", has(m, 2))

	k, err := kgo.NewClient(kgo.SeedBrokers(cl.ListenAddrs()...))
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	req := kmsg.NewPtrCreatePartitionsRequest()
	rt := kmsg.NewCreatePartitionsRequestTopic()
	rt.Topic, rt.Count = "t", 5
	req.Topics = append(req.Topics, rt)
	if _, err := req.RequestWith(context.Background(), k); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it has five", has(m, 5))
}

func TestGroupJoinIsRetried(t *testing.T) {
	cl, c := newGroupCluster(t, kfake.SeedTopics(1, "t"))
	cl.Fault(
		kfake.Fault{Keys: []kmsg.Key{kmsg.FindCoordinator}, Err: kerr.CoordinatorNotAvailable, Count: 2},
		kfake.Fault{Keys: []kmsg.Key{kmsg.JoinGroup}, Err: kerr.CoordinatorLoadInProgress},
		kfake.Fault{Keys: []kmsg.Key{kmsg.SyncGroup}, Err: kerr.NotCoordinator},
	)
	m := joinGroup(t, c)
	eventually(t, "it joins", has(m, 1))
}

func TestGroupServeReturns(t *testing.T) {
	_, c := newGroupCluster(t, kfake.SeedTopics(1, "t"))
	run := func(serve func(ctx context.Context, m Membership) error) error {
		g, err := NewGroup(GroupConfig{Name: "g", Topic: "t", Client: c, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		return g.Run(ctx, serve)
	}
	// Fenced, done, or of a topic that is being made anew: it joins again. Anything
	// else ends Run.
	broken := errors.New("broken for good")
	n := 0
	err := run(func(context.Context, Membership) error {
		n++
		return []error{1: fmt.Errorf("commit: %w", kafka.ErrFenced), 2: nil, 3: fmt.Errorf("ask: %w", kafka.ErrUnknownTopic), 4: broken}[n]
	})
	if err != broken || n != 4 {
		t.Errorf("Run: %v after %d generations", err, n)
	}
	err = run(func(context.Context, Membership) error { panic("boom") })
	var p *PanicError
	if !errors.As(err, &p) || p.Value != "boom" || !strings.Contains(err.Error(), "group_test.go") {
		t.Errorf("Run: %v, want the panic and its stack", err)
	}
	// Also while it is being told to end.
	ctx, cancel := context.WithCancel(context.Background())
	g, err := NewGroup(GroupConfig{Name: "g", Topic: "t", Client: c, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		t.Fatal(err)
	}
	err = g.Run(ctx, func(context.Context, Membership) error { cancel(); panic("late") })
	if !errors.As(err, &p) || p.Value != "late" {
		t.Errorf("Run: %v, want the late panic", err)
	}
}

// A member that waits for the others to join can still be told to end.
func TestGroupLeavesWhileJoining(t *testing.T) {
	cl, c := newGroupCluster(t, kfake.SeedTopics(1, "t"))
	a := joinGroup(t, c)
	eventually(t, "it joins", has(a, 1))
	block := make(chan struct{})
	t.Cleanup(func() { close(block) })
	joining := make(chan struct{}, 1)
	cl.ControlKey(int16(kmsg.JoinGroup), func(kmsg.Request) (kmsg.Response, error, bool) {
		joining <- struct{}{}
		cl.SleepControl(func() { <-block })
		return nil, nil, false
	})
	b := joinGroup(t, c)
	<-joining
	began := time.Now()
	if err := b.leave(t); !errors.Is(err, context.Canceled) || time.Since(began) > time.Second {
		t.Errorf("Run: %v after %v", err, time.Since(began))
	}
}
