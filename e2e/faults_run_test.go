//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/e2e/stack"
	"github.com/driftd/driftd/internal/kafka"
	"github.com/driftd/driftd/internal/oracle"
)

const (
	faultHours = 5                // of event time in a run
	driftHour  = 2                // when the traffic drifts
	settleIn   = 2 * time.Minute  // after the last fault
	tellIn     = 90 * time.Second // incidents are sent again every minute
)

// faultRun is one run.
type faultRun struct {
	*site
	src     *traffic
	t       *testing.T
	ctx     context.Context
	seed    uint64
	rng     *rand.Rand
	dir     string
	disk    string // the small file system with the file sinks' files; empty: none could be mounted
	files   []string
	prefix  string
	base    string // the database in ClickHouse
	members []*member
	am      *stack.Alertmanager
	amLink  *stack.Proxy
	hook    *stack.Webhook
	began   time.Time
	sent    time.Time // event time up to which events have been sent
	speed   float64   // event time to the clock's
	agenda  []due
	busy    map[string]bool // what is in trouble
	beside  sync.WaitGroup
	done    chan func() // what follows on what was done beside the run
	out     outcome
	signs   map[string]sign
	watcher watcher
	begun   []begun

	mu    sync.Mutex
	trace strings.Builder
}

// begun is a fault that was injected.
type begun struct {
	kind  string
	at    time.Time
	lasts time.Duration
}

// due is something to do at a time.
type due struct {
	at time.Time
	do func()
}

func (r *faultRun) note(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fmt.Fprintf(&r.trace, "%7.2fs  %s  %s\n", time.Since(r.began).Seconds(), time.Now().UTC().Format("15:04:05.000"), fmt.Sprintf(format, args...))
}

// clock is event time now.
func (r *faultRun) clock() time.Time {
	return r.born.Add(min(time.Duration(float64(time.Since(r.began))*r.speed), faultHours*time.Hour))
}

func (r *faultRun) after(d time.Duration, do func()) {
	r.agenda = append(r.agenda, due{time.Now().Add(d), do})
}

func (s *site) newRun(t *testing.T, seed uint64) *faultRun {
	rng := rand.New(rand.NewPCG(seed, 2))
	name := fmt.Sprint("r", seed)
	ctx := contextOf(t, *faultTraffic+settleIn+tellIn+2*time.Minute)
	return &faultRun{site: s, t: t, signs: signs(t), watcher: watcher{samples: map[string][]sampled{}}, ctx: ctx, seed: seed, rng: rng, dir: t.TempDir(), prefix: "driftd." + name, base: name, busy: map[string]bool{},
		speed: float64(faultHours*time.Hour) / float64(*faultTraffic), out: outcome{kinds: map[string]int{}, seen: map[string]int{}}, began: time.Now(), sent: s.born, done: make(chan func(), 100),
		src: &traffic{topic: "events-" + name, seeds: s.seeds, client: s.client, rng: rng, admin: s.admin(t)}}
}

// run is a run from its start to its end.
func (r *faultRun) run() {
	r.set()
	r.live()
	r.settle()
}

// set makes the run's topics, tables and processes.
func (r *faultRun) set() {
	t := r.t
	partitions := 2 + r.rng.IntN(2)
	must(t, r.client.EnsureTopics(r.ctx, []kafka.TopicSpec{{Name: r.src.topic, Partitions: partitions, Replication: 3}}))
	for p := range partitions {
		r.src.sources = append(r.src.sources, &oracle.Source{Topic: r.src.topic, Partition: p, Known: driftd.MinTime})
	}
	grant(r.ctx, t, r.src.admin, "driftd", r.src.topic)
	must(t, r.src.newProducer())
	t.Cleanup(func() { r.src.producer.Close() })

	var err error
	r.hook, err = stack.StartWebhook()
	must(t, err)
	t.Cleanup(func() { must(t, r.hook.Stop()) })
	// Each alert is told by itself and at once: what is held back for the sake of
	// people is tested with the config that they get.
	r.am, err = stack.StartAlertmanager(r.ctx, r.dir, fmt.Sprintf("route: {receiver: all, group_by: ['...'], group_wait: 0s, group_interval: 1s}\nreceivers: [{name: all, webhook_configs: [{url: %q, send_resolved: true}]}]\n", r.hook.URL))
	must(t, err)
	t.Cleanup(r.am.Kill9)
	r.amLink, err = stack.StartProxy(strings.TrimPrefix(r.am.URL, "http://"))
	must(t, err)
	t.Cleanup(r.amLink.Stop)

	r.disk = filepath.Join(r.dir, "disk")
	must(t, os.Mkdir(r.disk, 0o755))
	if err := syscall.Mount("none", r.disk, "tmpfs", 0, "size=32m"); err != nil {
		t.Logf("no disk will be full, for want of the right to mount a small one: %v", err)
		r.busy["disk"] = true
	} else {
		t.Cleanup(func() { must(t, syscall.Unmount(r.disk, 0)) })
	}
	t.Cleanup(r.over)
	t.Setenv("CH_PASSWORD", r.ch.Password)
	for i := range 4 { // the last one is a guest
		m := &member{id: i, config: filepath.Join(r.dir, fmt.Sprintf("driftd%d.yml", i)), log: filepath.Join(r.dir, fmt.Sprintf("driftd%d.log", i)), addr: freeAddr(t)}
		file := filepath.Join(r.disk, fmt.Sprintf("results%d.jsonl", i))
		must(t, os.WriteFile(m.config, fmt.Appendf(nil, `
kafka:
  brokers: [%q, %q, %q]
  topic_prefix: %s
  partitions: 2
  tls: {ca_file: %q}
  sasl: {mechanism: scram-sha-512, username: driftd, password_file: %q}
sources: [{topic: %s, models: [%s], lateness: %v, max_skew: %v, max_age: %v, idle_timeout: 1h}]
pane: %v
defaults: {windows: [1h, 2h]}
models: {%s: {reference: {file: %q}}}
sinks:
  clickhouse: {addresses: [%q], database: %s, username: %s, password_env: CH_PASSWORD}
  file: {path: %q}
alerts: {alertmanagers: ["http://%s"], page_max_age: 365d}
http: {listen: %q}
start: earliest
`, r.links[0].Addr, r.links[1].Addr, r.links[2].Addr, r.prefix, r.ca.ca(), filepath.Join(r.ca.dir, "kafka.password"), r.src.topic, oracle.Model, oracle.Lateness, oracle.MaxSkew, oracle.MaxAge, oracle.Pane,
			oracle.Model, r.reference, r.chLink.Addr, r.base, r.ch.User, file, r.amLink.Addr, m.addr), 0o600))
		r.members, r.files = append(r.members, m), append(r.files, file)
		if i < 3 {
			must(t, m.start(r.bin))
		}
	}
	for _, m := range r.members[:3] {
		until(r.ctx, t, fmt.Sprintf("process %d", m.id), func() bool {
			if !m.up() {
				t.Fatalf("process %d ended: %v", m.id, m.err)
			}
			return m.ready()
		})
	}
}

// over ends the processes, and tells what happened when something was wrong.
func (r *faultRun) over() {
	for _, m := range r.members {
		m.kill9()
	}
	if !r.t.Failed() {
		return
	}
	r.t.Logf("what happened:\n%s\nrun it again: make faults RUNS=1 SEED=%d", r.trace.String(), r.seed)
	for _, m := range r.members {
		if b, err := os.ReadFile(m.log); err == nil {
			r.t.Logf("the log of process %d ends with:\n%s", m.id, b[max(0, len(b)-6000):])
		}
	}
}

// ready asks the process whether it is.
func (m *member) ready() bool {
	c := http.Client{Timeout: time.Second}
	res, err := c.Get("http://" + m.addr + "/-/ready")
	if err != nil {
		return false
	}
	_ = res.Body.Close()
	return res.StatusCode == http.StatusOK
}

// live has events and faults come in.
func (r *faultRun) live() {
	watching, stop := context.WithCancel(r.ctx)
	var watchers sync.WaitGroup
	for _, m := range r.members {
		watchers.Go(func() { r.watcher.watch(watching, m.addr) })
	}
	defer watchers.Wait()
	defer stop()
	r.began = time.Now()
	r.draw()
	for r.clock().Before(r.born.Add(faultHours * time.Hour)) {
		time.Sleep(100 * time.Millisecond)
		r.carryOut(false)
		r.sendDue()
	}
	r.carryOut(true)
	for _, tx := range slices.Clone(r.src.open) {
		r.src.end(r.ctx, tx, true)
	}
	r.note("no more faults")
	r.src.closing(r.ctx, r.sent, r.sent.Add(2*time.Hour))
	must(r.t, r.src.flush(r.ctx))
	time.Sleep(5 * time.Second) // what has moved is scraped
	for _, b := range r.begun {
		if r.watcher.moved(r.signs[b.kind].metrics, b.at, b.at.Add(b.lasts+15*time.Second)) {
			r.out.seen[b.kind]++
		}
	}
}

// sendDue sends the events up to now.
func (r *faultRun) sendDue() {
	now := r.clock()
	r.src.send(r.ctx, r.sent, now, r.born.Add(driftHour*time.Hour))
	r.sent = now
}

// keepClickHouse starts ClickHouse again when it has ended by itself, which its
// embedded build was seen to do when a client was killed.
func (r *faultRun) keepClickHouse() {
	if !r.busy["clickhouse"] && r.ch.Gone() {
		r.note("ClickHouse has ended by itself, and is started again")
		r.ch.Kill9()
		must(r.t, r.ch.Restart(r.ctx))
	}
}

// carryOut does what is due, or all that is left: what has begun comes to its end.
func (r *faultRun) carryOut(all bool) {
	r.keepClickHouse()
	for {
		select {
		case next := <-r.done:
			next()
			continue
		default:
		}
		i := slices.IndexFunc(r.agenda, func(d due) bool { return all || !time.Now().Before(d.at) })
		if i < 0 {
			if all {
				r.beside.Wait()
				if len(r.done) > 0 {
					continue
				}
			}
			break
		}
		d := r.agenda[i]
		r.agenda = slices.Delete(r.agenda, i, i+1)
		d.do()
	}
	for _, m := range r.members {
		if m.cmd != nil && !m.up() && !m.leaving {
			r.stalled("process %d ended by itself: %v", m.id, m.err)
			must(r.t, m.start(r.bin))
		}
	}
}

// stalled notes that something did not go on.
func (r *faultRun) stalled(format string, args ...any) {
	r.out.stalls++
	r.note(format, args...)
	r.t.Errorf(format, args...)
}
