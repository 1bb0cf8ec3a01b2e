package sim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/internal/config"
	"github.com/driftd/driftd/internal/kafka"
	"github.com/driftd/driftd/internal/pipeline"
	"github.com/driftd/driftd/internal/reference"
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
	faults []*fault
	slots  []*slot
	held   []held
	open   []*transaction
	quiet  bool // no more faults
	turned int  // times that a process could not join a group since then
	addr   string

	mu      sync.Mutex
	sources []*source
	past    []*source                                        // of the topic that was deleted
	commits map[int32]kmsg.OffsetCommitRequestTopicPartition // the newest of the source topic
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
	cfg    *config.Config
}

type sample struct {
	rng  *rand.Rand
	left int
	at   time.Time
}

func (s *sample) Next() ([]byte, int64, error) {
	if s.left--; s.left < 0 {
		return nil, 0, io.EOF
	}
	s.at = s.at.Add(20 * time.Second)
	return []byte(event(s.rng, s.at, 0)), s.at.UnixNano(), nil
}

func newSetting(t testing.TB) *setting {
	t.Helper()
	b, _, err := reference.Build(func() (reference.Source, error) {
		return &sample{rand.New(rand.NewPCG(1, 1)), 180 * 72, born.Add(-72 * time.Hour)}, nil
	}, reference.Options{Model: "m", Lengths: windowLengths, Location: time.UTC, Pairs: false, Tags: []driftd.SegmentTag{{Tags: []string{"country"}, Values: []string{"DE"}}}})
	if err != nil {
		t.Fatal(err)
	}
	cfg := config.Default()
	cfg.Alerts.PageMaxAge = 100_000 * time.Hour // what is old depends on the clock
	cfg.Defaults.Windows = windowLengths
	return &setting{b, cfg}
}

// newWorld draws a world from a seed.
func newWorld(t *testing.T, s *setting, seed uint64, most int) *world {
	w := &world{t: t, seed: seed, rng: rand.New(rand.NewPCG(seed, 1)), began: time.Now(), cfg: s.cfg, bundle: s.bundle,
		commits: map[int32]kmsg.OffsetCommitRequestTopicPartition{}, rows: map[string]string{}, whole: map[string]string{}, told: map[string]string{}}
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
	for p := range 1 + w.rng.IntN(3) {
		w.sources = append(w.sources, &source{topic: topic, partition: p, known: driftd.MinTime})
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
	set := &pipeline.Settings{Prefix: "d", Pane: time.Duration(paneLen), Partitions: 2, Replication: -1, Version: "sim", Models: pipeline.NewLive(w.cfg, "sim"), Log: log,
		Metrics: prometheus.New(prometheus.Config{Version: "sim"}, []string{topic}, nil), Start: pipeline.Start{Earliest: true},
		Now:     func() time.Time { return w.clock().Add(time.Duration(s.skew.Load())) },
		Bundles: []*wire.Bundle{w.bundle}, Session: 6 * time.Second,
		Sources: []pipeline.Source{{Topic: topic, Models: []string{"m"}, Lateness: time.Duration(lateness), IdleTimeout: time.Second, MaxSkew: time.Duration(maxSkew),
			MaxAge: time.Duration(maxAge), MaxBytes: 1 << 20, DeadLetters: "headers"}}}
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
			w.commits[p.Partition] = p
			var m struct{ F, S int64 }
			if p.Metadata == nil || json.Unmarshal([]byte(*p.Metadata), &m) != nil {
				w.failed = append(w.failed, "a commit without metadata")
				continue
			}
			if m.F == driftd.MinTime {
				continue
			}
			s := w.sources[p.Partition]
			if m.S > int64(len(s.records)) {
				continue // of the topic that was deleted
			}
			if !slices.Contains(s.idle, moved{m.S, m.F}) {
				s.idle = append(s.idle, moved{m.S, m.F})
			}
		}
	}
}

// sink is the table: the newest row of an identity stays, and all must say the same.
type sink struct {
	w *world
	p *process
}

func (s sink) Write(ctx context.Context, batch []driftd.Result) error {
	for {
		s.w.mu.Lock()
		wait := time.Until(s.w.sinkOff)
		s.w.mu.Unlock()
		if wait <= 0 {
			break
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
	s.p.link.thaw()
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	if s.p.dead {
		return errDead
	}
	for _, r := range batch {
		s.w.writes++
		id, row, _ := rowOf(r)
		whole, err := json.Marshal(r)
		if err != nil {
			return err
		}
		if old, ok := s.w.whole[id]; ok && old != string(whole) { // the revision is the same, too [E5]
			s.w.differ = append(s.w.differ, fmt.Sprintf("%s was written in two versions:\n  %s\n  %s", id, old, whole))
		}
		s.w.rows[id], s.w.whole[id] = row, string(whole)
	}
	return nil
}

// teller stands for Alertmanager.
type teller struct {
	w *world
	p *process
}

func (s teller) Set(in driftd.IncidentResult) {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	if !s.p.dead {
		k := in.Segment + " " + in.Type + " " + in.ID
		if !strings.HasSuffix(s.w.told[k], in.State) {
			s.w.told[k] += " " + in.State
		}
	}
}

func (s teller) Drop(driftd.Series) {}

type logTo struct {
	w    *world
	slot int
	p    *process
}

func (l logTo) Write(b []byte) (int, error) {
	if strings.Contains(string(b), "cannot join the group yet") {
		l.w.mu.Lock()
		if l.w.quiet {
			l.w.turned++
		}
		l.w.mu.Unlock()
	}
	l.w.note("    %d: %s", l.slot, strings.TrimSpace(string(b)))
	return len(b), nil
}

type brokerTo struct{ w *world }

func (l brokerTo) Write(b []byte) (int, error) {
	l.w.note("        broker: %s", strings.TrimSpace(string(b)))
	return len(b), nil
}

// partitions is how many the source topic has.
func (w *world) partitions() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.sources)
}

// send writes the records that are due: events of a stretch of event time, in
// the partitions that there are.
func (w *world) send(c *kafka.Client, from, to time.Time) {
	n := w.partitions()
	batches := make([][]kafka.Record, n)
	for at := from; at.Before(to); at = at.Add(time.Duration(w.rng.ExpFloat64() * float64(25*time.Second))) {
		p := w.rng.IntN(n)
		if p > 0 && (at.Hour()+p)%3 == 0 {
			continue // idle for an hour
		}
		shift := 0.
		if at.Hour() == 2 {
			shift = 1.5
		}
		sent := at
		if (at.Hour()*2+at.Minute()/30+p+int(w.seed))%5 == 0 {
			// For half an hour the records of a partition come half an hour later,
			// with the times that they had.
			sent = at.Add(30 * time.Minute)
		}
		when := at.Add(-time.Duration(w.rng.ExpFloat64() * float64(20*time.Second)))
		switch w.rng.IntN(60) {
		case 0:
			when = at.Add(-time.Duration(w.rng.Int64N(int64(10 * time.Minute))))
		case 1:
			when = at.Add(time.Duration(w.rng.Int64N(int64(8 * time.Minute))))
		case 2:
			when = at.Add(-3 * time.Hour)
		}
		value := event(w.rng, when, shift)
		if w.rng.IntN(100) == 0 {
			value = value[:len(value)/2]
		}
		w.held = append(w.held, held{p, sent, kafka.Record{Value: []byte(value), Time: at.Truncate(time.Millisecond)}})
	}
	w.held = slices.DeleteFunc(w.held, func(h held) bool {
		due := h.sent.Before(to)
		if due {
			batches[h.partition] = append(batches[h.partition], h.record)
		}
		return due
	})
	for p, recs := range batches {
		w.put(c, p, recs)
	}
}

// held is a record that is to be sent.
type held struct {
	partition int
	sent      time.Time
	record    kafka.Record
}

func (w *world) put(c *kafka.Client, p int, recs []kafka.Record) {
	if len(recs) == 0 {
		return
	}
	w.mu.Lock()
	s := w.sources[p]
	at := int64(len(s.records))
	for _, r := range recs {
		s.records = append(s.records, logged{ts: r.Time.UnixNano(), value: r.Value, sent: w.clock().UnixNano()})
	}
	w.mu.Unlock()
	base, err := c.Produce(context.Background(), topic, p, recs)
	if err != nil || base != at {
		w.fail("the producer wrote at %d, not at %d: %v", base, at, err)
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

// happen carries out the faults that are due by the time.
func (w *world) happen(c *kafka.Client) {
	for _, f := range w.faults {
		if f.what < requestKinds || f.done || time.Since(w.began) < f.at { // the others' done is hit's
			continue
		}
		f.done = true
		w.mu.Lock()
		w.hits++
		w.mu.Unlock()
		w.note("fault: %v", f)
		s := w.slots[f.slot]
		switch f.what {
		case stopGently:
			if p := s.proc; p != nil {
				p.stop()
				go func() {
					time.Sleep(2 * time.Second) // to leave its groups
					s.kill(p, "")
				}()
			}
		case refuse:
			refusals := []kfake.Fault{
				{Keys: []kmsg.Key{kmsg.Produce}, Topic: "d.profiles", Err: kerr.NotEnoughReplicasAfterAppend},
				{Keys: []kmsg.Key{kmsg.Produce}, Topic: "d.state", Err: kerr.RequestTimedOut},
				{Keys: []kmsg.Key{kmsg.Produce}, Topic: "d.results", Err: kerr.NotLeaderForPartition},
				{Keys: []kmsg.Key{kmsg.OffsetCommit}, Err: kerr.RequestTimedOut},
				{Keys: []kmsg.Key{kmsg.OffsetCommit}, Err: kerr.CoordinatorNotAvailable},
				{Keys: []kmsg.Key{kmsg.Fetch}, Err: kerr.NotLeaderForPartition},
				{Keys: []kmsg.Key{kmsg.Heartbeat}, Err: kerr.RebalanceInProgress, TopLevel: true},
			}
			x := refusals[w.rng.IntN(len(refusals))]
			x.Count = 1 + w.rng.IntN(12)
			w.broker.Fault(x)
		case sinkAway:
			w.mu.Lock()
			w.sinkOff = time.Now().Add(4 * f.d)
			w.mu.Unlock()
		case skew:
			s.skew.Store(w.rng.Int64N(int64(2*time.Minute)) - int64(time.Minute))
		case grow:
			w.grow(c)
		case lose:
			w.lose()
		case transact:
			w.begin(f.d)
		case remake:
			w.remake()
		}
	}
	w.endDue(false)
}

// remake deletes the source topic and makes it anew.
func (w *world) remake() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.past) > 0 || slices.ContainsFunc(w.open, func(tx *transaction) bool { return tx.cl != nil }) || slices.ContainsFunc(w.sources, func(s *source) bool { return s.lost != nil || s.grown }) {
		return // one such thing in a world
	}
	// kfake keeps a deleted topic's commits, which brokers delete. Without them a
	// reader that comes late could find its old offset in the new log: so only when
	// that cannot grow as long.
	n := len(w.sources)
	for p, s := range w.sources {
		if c, ok := w.commits[int32(p)]; !ok || time.Since(w.began) < length*6/10 || c.Offset < int64(len(s.records))*9/10 {
			return
		}
	}
	if err := w.broker.DeleteTopic(topic); err != nil {
		w.failed = append(w.failed, err.Error())
		return
	}
	if err := w.broker.CreateTopic(topic, int32(n), nil); err != nil {
		w.failed = append(w.failed, err.Error())
		return
	}
	for p, s := range w.sources {
		var m struct{ F int64 }
		if err := json.Unmarshal([]byte(*w.commits[int32(p)].Metadata), &m); err != nil {
			w.failed = append(w.failed, err.Error())
		}
		s.old = true
		w.past = append(w.past, s)
		w.sources[p] = &source{topic: topic, partition: p, anew: true, known: m.F, since: w.clock().UnixNano()}
	}
}

// transaction is one of a users' producer.
type transaction struct {
	cl        *kgo.Client
	partition int
	first     int // of its records
	n         int
	end       time.Time
	commits   bool
}

// begin writes records in a transaction, which stays open for a while: what comes
// after it waits behind it.
func (w *world) begin(d time.Duration) {
	cl, err := kgo.NewClient(kgo.SeedBrokers(w.addr), kgo.Dialer(w.stack.DialContext), kgo.TransactionalID(fmt.Sprint("t", len(w.open))), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerLinger(0), kgo.TransactionTimeout(5*time.Minute))
	if err != nil {
		w.fail("%v", err)
		return
	}
	p := w.rng.IntN(w.partitions())
	tx := &transaction{cl: cl, partition: p, n: 1 + w.rng.IntN(8), end: time.Now().Add(d), commits: w.rng.IntN(2) == 0}
	w.open = append(w.open, tx)
	if err := cl.BeginTransaction(); err != nil {
		w.fail("%v", err)
		return
	}
	now := w.clock()
	var recs []*kgo.Record
	w.mu.Lock()
	s := w.sources[p]
	tx.first = len(s.records)
	for range tx.n {
		v := []byte(event(w.rng, now, 0))
		at := now.Truncate(time.Millisecond)
		recs = append(recs, &kgo.Record{Topic: topic, Partition: int32(p), Value: v, Timestamp: at})
		s.records = append(s.records, logged{ts: at.UnixNano(), value: v, sent: now.UnixNano()})
	}
	w.mu.Unlock()
	if err := cl.ProduceSync(context.Background(), recs...).FirstErr(); err != nil || recs[0].Offset != int64(tx.first) {
		w.fail("the transaction wrote at %d, not at %d: %v", recs[0].Offset, tx.first, err)
	}
}

// endDue ends the transactions whose time has come, or all of them.
func (w *world) endDue(all bool) {
	for _, tx := range w.open {
		if tx.cl == nil || !all && time.Now().Before(tx.end) {
			continue
		}
		w.mu.Lock() // what is read from now on may know its end
		s := w.sources[tx.partition]
		for i := range tx.n {
			s.records[tx.first+i].void = !tx.commits
		}
		s.records = append(s.records, logged{sent: w.clock().UnixNano(), void: true})
		w.mu.Unlock()
		if err := tx.cl.EndTransaction(context.Background(), kgo.TransactionEndTry(tx.commits)); err != nil {
			w.fail("end a transaction: %v", err)
		}
		tx.cl.Close()
		tx.cl = nil
		w.note("a transaction of partition %d ends: %d records, committed: %v", tx.partition, tx.n, tx.commits)
	}
}

func (w *world) grow(c *kafka.Client) {
	n := w.partitions()
	req := kmsg.NewPtrCreatePartitionsRequest()
	rt := kmsg.NewCreatePartitionsRequestTopic()
	rt.Topic, rt.Count = topic, int32(n+1)
	req.Topics = append(req.Topics, rt)
	if err := w.ask(req); err != nil {
		w.fail("add a partition: %v", err)
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sources = append(w.sources, &source{topic: topic, partition: n, grown: true, known: driftd.MinTime})
}

// lose kills all, and deletes records of a partition that were not committed.
func (w *world) lose() {
	for _, s := range w.slots {
		if s.proc != nil {
			s.kill(s.proc, "")
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.sources[w.rng.IntN(len(w.sources))]
	c, ok := w.commits[int32(s.partition)]
	if !ok || s.lost != nil || slices.ContainsFunc(w.open, func(tx *transaction) bool { return tx.cl != nil }) {
		return
	}
	var m struct{ F, S int64 }
	if json.Unmarshal([]byte(*c.Metadata), &m) != nil || m.F == driftd.MinTime {
		return
	}
	to := c.Offset + 1 + w.rng.Int64N(60)
	if to >= int64(len(s.records)) {
		return
	}
	if err := w.broker.DeleteRecords(topic, int32(s.partition), to); err != nil {
		w.failed = append(w.failed, err.Error())
		return
	}
	s.lost = &lost{to: to, from: c.Offset, frontier: m.F}
	fmt.Fprintf(&w.trace, "          partition %d: records %d to %d are deleted, frontier %s\n", s.partition, c.Offset, to, time.Unix(0, m.F).UTC().Format("15:04"))
}

// ask sends one request to the broker.
func (w *world) ask(req kmsg.Request) error {
	conn, err := w.stack.DialContext(context.Background(), "tcp", w.addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	req.SetVersion(0)
	f := kmsg.NewRequestFormatter(kmsg.FormatterClientID("sim"))
	if _, err := conn.Write(f.AppendRequest(nil, req, 1)); err != nil {
		return err
	}
	_, err = readFrame(conn)
	return err
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
	}()
	sent := born
	for time.Since(w.began) < length {
		w.keep()
		w.happen(c)
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
			w.put(c, p, []kafka.Record{{Value: []byte(event(w.rng, at, 0)), Time: at}})
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
		if w.settled() && w.compare() == 0 {
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

// settled says that the table has the last windows that every series can have.
func (w *world) settled() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, segment := range driftd.Segments(w.bundle.Layout.Segments) {
		if w.rows[fmt.Sprintf("window %s 3600 1T%02d:00", segment, hours-1)] == "" {
			return false
		}
	}
	return true
}

func (w *world) written() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.writes
}

// compare holds the table against the oracle; what is wrong is a failure.
func (w *world) compare() (bad int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	end := born.Add(hours * time.Hour).UnixNano()
	c := count(w.bundle, append(slices.Clone(w.past), w.sources...))
	for _, s := range w.sources {
		if s.grown {
			c.wild = append(c.wild, span{driftd.MinTime, driftd.MaxTime})
		}
	}
	want := c.rows(w.cfg, w.bundle, end+int64(time.Hour), end)
	w.failed = slices.DeleteFunc(w.failed, func(s string) bool { return strings.HasPrefix(s, "table: ") })
	problem := func(format string, args ...any) {
		if bad++; bad <= *show {
			w.failed = append(w.failed, "table: "+fmt.Sprintf(format, args...))
		}
	}
	for _, wrong := range c.wrong {
		problem("%s", wrong)
	}
	for _, id := range slices.Sorted(maps.Keys(want)) {
		got, ok := w.rows[id]
		switch {
		case !ok && len(c.wild) > 0 && strings.HasPrefix(id, "incident"):
		case !ok && w.past != nil && c.isWild(spanOf(want[id])): // all that it had may be lost
		case !ok:
			problem("missing: %s", id)
		case got == want[id]:
		case len(c.wild) == 0:
			problem("%s\n  want %s\n  got  %s", id, want[id], got)
		default:
			if why := tolerable(c, id, want[id], got); why != "" {
				problem("%s: %s\n  want %s\n  got  %s", id, why, want[id], got)
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(w.rows)) {
		if _, ok := want[id]; !ok && len(c.wild) == 0 && endOf(w.rows[id]) <= end {
			problem("not expected: %s\n  %s", id, w.rows[id])
		}
	}
	for id, row := range w.rows {
		var in driftd.IncidentResult
		if strings.HasPrefix(id, "incident") && json.Unmarshal([]byte(row), &in) == nil && w.told[in.Segment+" "+in.Type+" "+in.ID] == "" {
			problem("an incident was not told: %s", id)
		}
	}
	return bad
}

// spanOf is a row's window.
func spanOf(row string) (start, end int64) {
	var r struct {
		Start time.Time `json:"window_start"`
		End   time.Time `json:"window_end"`
	}
	if err := json.Unmarshal([]byte(row), &r); err != nil {
		return 0, 0
	}
	return r.Start.UnixNano(), r.End.UnixNano()
}

// endOf is the end of a row's window.
func endOf(row string) int64 {
	var r struct {
		End     time.Time `json:"window_end"`
		Changed time.Time `json:"changed_at"`
	}
	if err := json.Unmarshal([]byte(row), &r); err != nil {
		return driftd.MaxTime
	}
	if !r.Changed.IsZero() {
		return r.Changed.UnixNano()
	}
	return r.End.UnixNano()
}

// tolerable says what is wrong about a row that differs, in a world that has lost
// records: a window that they may have belonged to says complete=0, or has them
// all; every other one is as if nothing had happened.
func tolerable(c *counted, id, want, got string) string {
	if strings.HasPrefix(id, "incident") {
		return "" // what was flagged depends on the windows that are not complete
	}
	type row struct {
		Segment  string    `json:"segment"`
		N        uint64    `json:"n"`
		Complete int       `json:"complete"`
		Start    time.Time `json:"window_start"`
		End      time.Time `json:"window_end"`
	}
	var a, b row
	if json.Unmarshal([]byte(want), &a) != nil || json.Unmarshal([]byte(got), &b) != nil {
		return "not JSON"
	}
	if !c.isWild(a.Start.UnixNano(), a.End.UnixNano()) {
		return "differs"
	}
	if strings.HasPrefix(id, "window") && b.Complete == 1 && b.N < a.N+c.lost(a.Segment, a.Start.UnixNano(), a.End.UnixNano()) {
		return "lacks records and says that it is complete"
	}
	return ""
}
