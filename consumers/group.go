package consumers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v4"
	kafkago "github.com/segmentio/kafka-go"

	"github.com/driftd/driftd/internal/kafka"
)

// GroupConfig says which group to join. Zero durations are the defaults.
type GroupConfig struct {
	Name   string // of the consumer group
	Topic  string
	Client *kafka.Client

	SessionTimeout    time.Duration // 30 s: a member that is silent for so long has lost its partitions
	RebalanceTimeout  time.Duration // 30 s: what serve has to return in
	HeartbeatInterval time.Duration // 3 s
	WatchInterval     time.Duration // 5 s: between two looks at the number of partitions

	Logger *slog.Logger
}

// Membership is one generation of a group as one member sees it. Generation and
// MemberID fence this member's commits (kafka.Client.CommitOffsets).
type Membership struct {
	Generation int
	MemberID   string
	Partitions []int // sorted; empty when there are more members than partitions
}

// Group is one membership of a consumer group over one topic. One topic, because
// in a shared group a single missing topic leaves all of them unassigned.
type Group struct {
	cfg GroupConfig

	mu         sync.Mutex
	had        owned // the partitions of the last generation
	waiting    string
	partitions int // of the topic, as seen last
	conns      map[net.Conn]struct{}
}

// NewGroup checks the configuration and does nothing else.
func NewGroup(cfg GroupConfig) (*Group, error) {
	if cfg.Name == "" || cfg.Topic == "" || cfg.Client == nil {
		return nil, errors.New("consumer group: a name, a topic and a client are needed")
	}
	def := func(d *time.Duration, to time.Duration) {
		if *d <= 0 {
			*d = to
		}
	}
	def(&cfg.SessionTimeout, 30*time.Second)
	def(&cfg.RebalanceTimeout, 30*time.Second)
	def(&cfg.HeartbeatInterval, 3*time.Second)
	def(&cfg.WatchInterval, 5*time.Second)
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	cfg.Logger = cfg.Logger.With("group", cfg.Name, "topic", cfg.Topic)
	return &Group{cfg: cfg, waiting: "not started", conns: map[net.Conn]struct{}{}}, nil
}

// Waiting says what the group is waiting for, and is empty while it is a member.
func (g *Group) Waiting() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.waiting
}

func (g *Group) owned() owned {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.had
}

func (g *Group) wait(format string, args ...any) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.waiting = fmt.Sprintf(format, args...)
}

// errRejoin ends one ConsumerGroup so that the topic is looked for again.
var errRejoin = errors.New("join the group anew")

// Run is a member until ctx ends, and returns its error. It waits for the topic
// to exist, joins, and calls serve for each generation with a context that ends
// when the generation does: at a rebalance, when a heartbeat fails, when the
// topic gets more partitions, and with ctx. serve must then return soon, within
// RebalanceTimeout; until it has, neither this member nor the group can go on.
//
// A serve that returns before its context ends gives the generation up: with nil
// or an error that wraps kafka.ErrFenced or, of a topic that is being deleted and
// made anew, kafka.ErrUnknownTopic, the group joins again, after a pause; with any
// other error, or a panic, Run leaves the group and returns it.
func (g *Group) Run(ctx context.Context, serve func(ctx context.Context, m Membership) error) error {
	pause := groupBackoff()
	for ctx.Err() == nil {
		if err := g.awaitTopic(ctx); err != nil {
			return err
		}
		err := g.runGroup(ctx, pause, serve)
		if err != nil && !errors.Is(err, errRejoin) {
			return err
		}
		g.sleep(ctx, pause)
	}
	return ctx.Err()
}

func groupBackoff() *backoff.ExponentialBackOff {
	return backoff.NewExponentialBackOff(
		backoff.WithInitialInterval(200*time.Millisecond),
		backoff.WithMaxInterval(10*time.Second),
		backoff.WithMaxElapsedTime(0),
	)
}

func (g *Group) sleep(ctx context.Context, pause *backoff.ExponentialBackOff) {
	timer := time.NewTimer(pause.NextBackOff())
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// awaitTopic returns once the topic exists. It never makes it.
func (g *Group) awaitTopic(ctx context.Context) error {
	for pause := groupBackoff(); ctx.Err() == nil; g.sleep(ctx, pause) {
		n, err := g.cfg.Client.Partitions(ctx, g.cfg.Topic)
		switch {
		case err == nil && n > 0:
			g.mu.Lock()
			g.partitions = n
			g.mu.Unlock()
			return nil
		case err == nil || errors.Is(err, kafka.ErrUnknownTopic):
			g.wait("topic %s does not exist yet", g.cfg.Topic)
		case ctx.Err() == nil:
			g.cfg.Logger.Warn("cannot look at the topic", "err", err)
			g.wait("topic %s cannot be looked at: %v", g.cfg.Topic, err)
		}
	}
	return ctx.Err()
}

// runGroup is one kafka-go ConsumerGroup: many generations.
func (g *Group) runGroup(ctx context.Context, pause *backoff.ExponentialBackOff, serve func(context.Context, Membership) error) error {
	group, err := kafkago.NewConsumerGroup(kafkago.ConsumerGroupConfig{
		ID:                g.cfg.Name,
		Topics:            []string{g.cfg.Topic},
		Brokers:           g.cfg.Client.Brokers(),
		Dialer:            g.dialer(),
		SessionTimeout:    g.cfg.SessionTimeout,
		RebalanceTimeout:  g.cfg.RebalanceTimeout,
		HeartbeatInterval: g.cfg.HeartbeatInterval,
		JoinGroupBackoff:  100 * time.Millisecond, // on top of our own
		// The second is for members of an older version, while they are replaced.
		GroupBalancers: []kafkago.GroupBalancer{sticky{g.cfg.Topic, g.owned}, kafkago.RangeGroupBalancer{}},
		// WatchPartitionChanges stays off: kafka-go's watcher would make a topic
		// that has been deleted, and ends generations as fast as it can while a
		// topic is missing. See watch.
	})
	if err != nil {
		return fmt.Errorf("consumer group %s: %w", g.cfg.Name, err)
	}
	defer g.leave(group)

	for {
		g.wait("joining group %s", g.cfg.Name)
		gen, err := group.Next(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			// [15] Group Coordinator Not Available on a young cluster, brokers away,
			// a rebalance under way: all of them pass.
			g.cfg.Logger.Warn("cannot join the group yet", "err", err)
			g.wait("joining group %s: %v", g.cfg.Name, err)
			g.sleep(ctx, pause)
			continue
		}
		began := time.Now()
		if err := g.generation(ctx, gen, serve); err != nil {
			return err
		}
		if time.Since(began) > g.cfg.HeartbeatInterval {
			pause.Reset()
		}
	}
}

// generation serves one generation to its end.
func (g *Group) generation(ctx context.Context, gen *kafkago.Generation, serve func(context.Context, Membership) error) error {
	m := Membership{Generation: int(gen.ID), MemberID: gen.MemberID}
	for _, a := range gen.Assignments[g.cfg.Topic] {
		m.Partitions = append(m.Partitions, a.ID)
	}
	slices.Sort(m.Partitions)
	g.mu.Lock()
	g.had = owned{m.Generation, m.Partitions}
	g.mu.Unlock()
	g.cfg.Logger.Info("joined the group", "generation", m.Generation, "member", m.MemberID, "partitions", m.Partitions)
	g.wait("")

	result := make(chan error, 1)
	gen.Start(func(genCtx context.Context) {
		serveCtx, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(genCtx, cancel)()
		err := guard(serveCtx, m, serve)
		if serveCtx.Err() != nil && !errors.As(err, new(*PanicError)) {
			err = nil // it was told to end, and did
		} else if err == nil || errors.Is(err, kafka.ErrFenced) || errors.Is(err, kafka.ErrUnknownTopic) {
			g.cfg.Logger.Warn("gave the generation up", "generation", m.Generation, "err", err)
			err = errRejoin
		}
		result <- err
	})
	vanished := make(chan struct{}, 1)
	gen.Start(func(genCtx context.Context) { g.watch(ctx, genCtx, vanished) })

	// Next is not called before serve has returned; kafka-go waits for it as well.
	err := <-result
	select {
	case <-vanished:
		if err == nil {
			err = errRejoin
		}
	default:
	}
	g.wait("rejoining group %s", g.cfg.Name)
	return err
}

// PanicError is a panic of serve.
type PanicError struct {
	Value any
	Stack []byte
}

func (e *PanicError) Error() string {
	return fmt.Sprintf("panic: %v\n%s", e.Value, e.Stack)
}

// guard turns a panic into an error, so that the process can leave its groups in
// good order on its way down.
func guard(ctx context.Context, m Membership, serve func(context.Context, Membership) error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &PanicError{Value: v, Stack: debug.Stack()}
		}
	}()
	return serve(ctx, m)
}

// watch returns, which ends the generation, when the topic has another number of
// partitions, or none any more. The count that it compares with is from before
// the join, so that growth meanwhile is seen.
func (g *Group) watch(ctx, genCtx context.Context, vanished chan<- struct{}) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(genCtx, cancel)()
	ticker := time.NewTicker(g.cfg.WatchInterval)
	defer ticker.Stop()
	changed := 0
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		n, err := g.cfg.Client.Partitions(ctx, g.cfg.Topic)
		g.mu.Lock()
		was := g.partitions
		g.mu.Unlock()
		switch {
		case ctx.Err() != nil:
			return
		case err != nil && !errors.Is(err, kafka.ErrUnknownTopic), err == nil && n == was:
			changed = 0
			continue
		}
		// Seen twice, an interval apart: the broker that assigns partitions hears
		// of new ones a little later or earlier than the one that we asked.
		if changed++; changed < 2 {
			continue
		}
		if err != nil {
			g.cfg.Logger.Warn("the topic is gone")
			vanished <- struct{}{}
			return
		}
		g.cfg.Logger.Info("the topic has another number of partitions", "was", was, "is", n)
		g.mu.Lock()
		g.partitions = n
		g.mu.Unlock()
		return
	}
}

// dialer is the client's, remembering the connections that are open.
func (g *Group) dialer() *kafkago.Dialer {
	d := *g.cfg.Client.Dialer()
	dial := d.DialFunc
	d.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		g.mu.Lock()
		defer g.mu.Unlock()
		c := &groupConn{Conn: conn, g: g}
		g.conns[c] = struct{}{}
		return c, nil
	}
	return &d
}

type groupConn struct {
	net.Conn
	g *Group
}

func (c *groupConn) Close() error {
	c.g.mu.Lock()
	delete(c.g.conns, c)
	c.g.mu.Unlock()
	return c.Conn.Close()
}

// leave closes the group. A JoinGroup under way would hold Close up for
// RebalanceTimeout, for the broker answers it only when all members have come:
// so its connection is cut. Leaving dials anew.
func (g *Group) leave(group *kafkago.ConsumerGroup) {
	closed := make(chan struct{})
	g.hangUp()
	go func() {
		defer close(closed)
		_ = group.Close() // its error is always nil
	}()
	for {
		select {
		case <-closed:
			return
		case <-time.After(3 * time.Second): // it was between two connections
			g.hangUp()
		}
	}
}

// hangUp closes the connections that are open.
func (g *Group) hangUp() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for c := range g.conns {
		_ = c.(*groupConn).Conn.Close()
	}
}
