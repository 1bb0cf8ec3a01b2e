package sim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/internal/config"
	"github.com/driftd/driftd/internal/detect"
	"github.com/driftd/driftd/internal/kafka"
	"github.com/driftd/driftd/internal/oracle"
	"github.com/driftd/driftd/internal/pipeline"
	"github.com/driftd/driftd/internal/wire"
	"github.com/driftd/driftd/sinks/prometheus"
)

const (
	topic  = "events"
	speed  = 480 // event time to the bubble's
	hours  = 4   // of traffic
	length = hours * time.Hour / speed
	grace  = 4 * time.Minute // of the bubble, to come to an end
)

// born is when every bubble begins; events begin then, too.
var born = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// world is one run.
type world struct {
	t      *testing.T
	seed   uint64
	rng    *rand.Rand // of the world's own goroutine
	began  time.Time
	stack  kfake.VirtualNetwork
	broker *kfake.Cluster
	cfg    *config.Config
	bundle *wire.Bundle
	later  *wire.Bundle  // another reference
	pushAt time.Duration // since the start; 0: never
	pushed bool          // it was tried: it may have been written
	asked  bool          // it was written
	faults []*fault
	slots  []*slot
	held   []held
	open   []*transaction
	quiet  bool // no more faults
	turned int  // times that a process could not join a group since then
	addr   string

	mu      sync.Mutex
	sources []*oracle.Source
	past    []*oracle.Source                                 // of the topic that was deleted
	commits map[int32]kmsg.OffsetCommitRequestTopicPartition // the newest of the source topic
	before  map[int32]int64                                  // the frontier of the commit before it, of which DETECT was told
	uses    map[string][]detect.Use                          // by segment; nil: those of bundle
	rows    map[string]string                                // what the sink has
	whole   map[string]string                                // the same, with revisions
	differ  []string
	writes  int
	told    map[string]string // incident -> the states that people were told
	sinkOff time.Time         // the sink takes nothing before
	failed  []string          // what no run may do
	trace   strings.Builder
	hits    int
}

// slot is a place for a process: when one dies, the next starts there.
type slot struct {
	w     *world
	id    int
	roles pipeline.Roles
	proc  *process
	again time.Time     // when a dead one is followed
	skew  atomic.Int64  // of its clock, ns
	seen  map[int16]int // requests by key, of all its processes
}

type process struct {
	link *link
	stop context.CancelFunc
	done chan struct{}
	dead bool
	c    *kafka.Client
}

func (w *world) note(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	fmt.Fprintf(&w.trace, "%8.3fs  %s\n", time.Since(w.began).Seconds(), fmt.Sprintf(format, args...))
}

func (w *world) fail(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.failed = append(w.failed, fmt.Sprintf(format, args...))
}

// clock is event time now.
func (w *world) clock() time.Time { return born.Add(time.Since(w.began) * speed) }

// setting is what all worlds share: made once, outside every bubble.
type setting struct {
	bundle *wire.Bundle
	later  *wire.Bundle
	cfg    *config.Config
}

func newSetting(t testing.TB) *setting {
	t.Helper()
	b, err := oracle.Reference(born)
	if err != nil {
		t.Fatal(err)
	}
	later, err := another(b)
	if err != nil {
		t.Fatal(err)
	}
	return &setting{b, later, oracle.Config()}
}

// newWorld draws a world from a seed.
func newWorld(t *testing.T, s *setting, seed uint64, most int) *world {
	w := &world{t: t, seed: seed, rng: rand.New(rand.NewPCG(seed, 1)), began: time.Now(), cfg: s.cfg, bundle: s.bundle, later: s.later,
		commits: map[int32]kmsg.OffsetCommitRequestTopicPartition{}, before: map[int32]int64{}, rows: map[string]string{}, whole: map[string]string{}, told: map[string]string{}}
	for i := range 1 + w.rng.IntN(3) {
		w.slots = append(w.slots, &slot{w: w, id: i, roles: pipeline.Roles{Profile: true, Detect: true, Write: true}, seen: map[int16]int{}})
		w.slots[i].skew.Store(w.rng.Int64N(int64(time.Minute)))
	}
	if len(w.slots) == 3 && w.rng.IntN(3) == 0 {
		w.slots[0].roles, w.slots[1].roles, w.slots[2].roles = pipeline.Roles{Profile: true}, pipeline.Roles{Detect: true}, pipeline.Roles{Write: true}
	}
	if most > 0 {
		w.faults = drawFaults(w.rng, len(w.slots), most, length)
	}
	w.drawPush()
	for p := range 1 + w.rng.IntN(3) {
		w.sources = append(w.sources, &oracle.Source{Topic: topic, Partition: p, Known: driftd.MinTime})
	}
	var err error
	var opts []kfake.Opt
	if *brokerLog {
		opts = append(opts, kfake.WithLogger(kfake.BasicLogger(brokerTo{w}, kfake.LogLevelDebug)))
	}
	w.broker, err = kfake.NewCluster(append(opts, kfake.NumBrokers(1), kfake.Ports(9092), kfake.ListenFn(w.stack.Listen), kfake.GroupMinSessionTimeout(100*time.Millisecond),
		kfake.BrokerConfigs(map[string]string{"message.max.bytes": "8388608"}), kfake.SeedTopics(int32(len(w.sources)), topic))...)
	if err != nil {
		t.Fatal(err)
	}
	w.addr = w.broker.ListenAddrs()[0]
	return w
}

// start puts a process into a slot.
func (s *slot) start() {
	w := s.w
	ctx, stop := context.WithCancel(context.Background())
	p := &process{stop: stop, done: make(chan struct{})}
	p.link = &link{stack: &w.stack, conns: map[net.Conn]struct{}{}, hit: s.hit, acked: w.acked,
		kill: func(why string) { s.kill(p, why) }}
	var err error
	p.c, err = kafka.New(kafka.Config{Brokers: []string{w.addr}, ClientID: fmt.Sprintf("driftd-%d", s.id), Dial: p.link.dial})
	if err != nil {
		w.t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(logTo{w, s.id, p}, &slog.HandlerOptions{Level: slog.LevelInfo, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey || a.Key == slog.LevelKey {
			return slog.Attr{}
		}
		return a
	}}))
	set := &pipeline.Settings{Prefix: "d", Pane: oracle.Pane, Partitions: 2, Replication: -1, Version: "sim", Models: pipeline.NewLive(w.cfg, "sim"), Log: log,
		Metrics: prometheus.New(prometheus.Config{Version: "sim"}, []string{topic}, nil), Start: pipeline.Start{Earliest: true},
		Now:     func() time.Time { return w.clock().Add(time.Duration(s.skew.Load())) },
		Bundles: []*wire.Bundle{w.bundle}, Session: 6 * time.Second,
		Sources: []pipeline.Source{{Topic: topic, Models: []string{oracle.Model}, Lateness: oracle.Lateness, IdleTimeout: time.Second, MaxSkew: oracle.MaxSkew,
			MaxAge: oracle.MaxAge, MaxBytes: 1 << 20, DeadLetters: "headers"}}}
	pl := pipeline.New(set, p.c, s.roles, map[string]pipeline.Sink{"table": sink{w, p}}, teller{w, p})
	s.proc = p
	w.note("process %d starts", s.id)
	go func() {
		err := pl.Run(ctx)
		p.c.Close()
		if err != nil && !errors.Is(err, context.Canceled) && ctx.Err() == nil {
			w.fail("process %d ended: %v", s.id, err)
		}
		close(p.done)
	}()
}

// kill ends a process as kill -9 does: its connections close, and what it has
// not sent is lost.
func (s *slot) kill(p *process, why string) {
	p.link.die()
	p.stop()
	s.w.mu.Lock()
	if !p.dead {
		p.dead = true
		s.again = time.Now().Add(100*time.Millisecond + time.Duration(s.w.seed*uint64(s.id+7)%4000)*time.Millisecond)
	}
	s.w.mu.Unlock()
	if why != "" {
		s.w.note("kill: %s", why)
	}
}

// hit counts a request and finds the fault that it meets.
func (s *slot) hit(key int16) *fault {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	s.seen[key]++
	if s.w.quiet {
		return nil
	}
	for _, f := range s.w.faults {
		if !f.done && f.what < requestKinds && f.slot == s.id && f.key == key && s.seen[key] >= f.nth {
			f.done = true
			s.w.hits++
			fmt.Fprintf(&s.w.trace, "%8.3fs  fault: %v\n", time.Since(s.w.began).Seconds(), f)
			return f
		}
	}
	return nil
}

// acked notes the commits of the source topic that the broker has accepted.
func (w *world) acked(key, version int16, request, response []byte) {
	if key != 8 {
		return
	}
	topics, group, err := commits(version, request, response)
	if err != nil {
		w.fail("%v", err)
		return
	}
	if group != "d.profile."+topic {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, t := range topics {
		for _, p := range t.Partitions {
			var m struct{ F, S int64 }
			if old := w.commits[p.Partition].Metadata; old == nil || json.Unmarshal([]byte(*old), &m) != nil {
				m.F = driftd.MinTime
			}
			w.before[p.Partition], w.commits[p.Partition] = m.F, p
			if p.Metadata == nil || json.Unmarshal([]byte(*p.Metadata), &m) != nil {
				w.failed = append(w.failed, "a commit without metadata")
				continue
			}
			if m.F == driftd.MinTime {
				continue
			}
			s := w.sources[p.Partition]
			if m.S > int64(len(s.Records)) {
				continue // of the topic that was deleted
			}
			if s.Anew && s.Reached == 0 && m.F > s.Known {
				s.Reached = m.F
			}
			if !slices.Contains(s.Idle, oracle.Move{Offset: m.S, Frontier: m.F}) {
				s.Idle = append(s.Idle, oracle.Move{Offset: m.S, Frontier: m.F})
			}
		}
	}
}

// keep starts the processes that are due.
func (w *world) keep() {
	for _, s := range w.slots {
		w.mu.Lock()
		due := s.proc == nil || s.proc.dead && !time.Now().Before(s.again)
		w.mu.Unlock()
		if due {
			s.start()
		}
	}
}

// run is the world's whole life.
func (w *world) run() {
	c, err := kafka.New(kafka.Config{Brokers: []string{w.addr}, Dial: w.stack.DialContext})
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() {
		for _, s := range w.slots {
			if s.proc != nil {
				s.kill(s.proc, "")
				<-s.proc.done
			}
		}
		for _, tx := range w.open {
			if tx.cl != nil {
				tx.cl.Close()
			}
		}
		c.Close()
		w.broker.Close()
		time.Sleep(30 * time.Second) // who was frozen wakes up, and finds that all is over
	}()
	sent := born
	for time.Since(w.began) < length {
		w.keep()
		w.happen()
		w.push(c)
		time.Sleep(300*time.Millisecond + time.Duration(w.rng.Int64N(int64(time.Second))))
		now := w.clock()
		w.send(c, sent, now)
		sent = now
	}
	w.endDue(true)
	// Records that close every window, in steps that max_ahead allows.
	end := born.Add(hours * time.Hour)
	for at := sent; at.Before(end.Add(2 * time.Hour)); at = at.Add(20 * time.Minute) {
		for p := range w.partitions() {
			w.put(c, p, []kafka.Record{{Value: []byte(oracle.Event(w.rng, at, 0)), Time: at}})
		}
	}
	w.mu.Lock()
	w.quiet = true
	w.mu.Unlock()
	w.note("no more faults")
	began, mended := time.Now(), false
	for deadline := began.Add(grace); ; {
		w.keep()
		if !mended && time.Since(began) > 75*time.Second {
			mended = w.mendGroups()
		}
		time.Sleep(2 * time.Second)
		settled := w.settled()
		if settled {
			if err := w.readUses(c); err != nil {
				w.fail("%v", err)
				return
			}
		}
		if settled && w.compare() == 0 {
			writes := w.written()
			time.Sleep(8 * time.Second) // what a zombie may still write
			if w.written() != writes {
				w.compare()
			}
			return
		}
		if time.Now().After(deadline) {
			w.compare()
			return
		}
	}
}

// mendGroups has all processes away until every group is empty, when they could
// not join one. kfake counts a member as having joined less when it expires while
// it waits in SyncGroup (kfake 2026-09, group.removeMember), after which no round
// of joins is ever complete; real brokers expire nobody who waits.
func (w *world) mendGroups() bool {
	w.mu.Lock()
	stuck := w.turned >= 2
	w.mu.Unlock()
	if !stuck {
		return false
	}
	w.note("a group of the broker's is stuck: all processes stay away until it is empty")
	for _, s := range w.slots {
		s.kill(s.proc, "")
		w.mu.Lock()
		s.again = time.Now().Add(45 * time.Second)
		w.mu.Unlock()
	}
	return true
}
