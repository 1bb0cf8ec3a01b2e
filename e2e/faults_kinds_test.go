//go:build e2e

package e2e

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/e2e/stack"
	"github.com/driftd/driftd/internal/oracle"
)

// faultKind is something that goes wrong. do begins it, and puts its end on the
// agenda; it is false when that is not possible now.
type faultKind struct {
	name   string
	weight int
	do     func(r *faultRun, d time.Duration) bool
}

var faultKinds = []faultKind{
	{"driftd killed", 4, (*faultRun).killMember},
	{"driftd paused", 4, (*faultRun).pauseMember},
	{"driftd ended", 2, (*faultRun).endMember},
	{"driftd ended while committing", 2, (*faultRun).endCommitting},
	{"driftd joins and leaves", 2, (*faultRun).guest},
	{"broker killed", 3, (*faultRun).killBroker},
	{"broker paused", 3, (*faultRun).pauseBroker},
	{"ClickHouse killed", 2, (*faultRun).killClickHouse},
	{"ClickHouse paused", 1, (*faultRun).pauseClickHouse},
	{"Alertmanager killed", 2, (*faultRun).killAlertmanager},
	{"connections cut", 3, (*faultRun).cut},
	{"connections delayed", 3, (*faultRun).delay},
	{"connections held", 3, (*faultRun).hold},
	{"disk full", 2, (*faultRun).fillDisk},
	{"transaction", 2, (*faultRun).transact},
	{"transaction hangs", 1, (*faultRun).hang},
}

// Of these a run has one at most: what they lose makes rows uncertain, and where
// nothing was lost every row must be right.
var specials = []faultKind{
	{"", 2, nil},
	{"partition added", 1, (*faultRun).addPartition},
	{"records deleted", 1, (*faultRun).deleteRecords},
	{"topic made anew", 1, (*faultRun).remakeTopic},
}

func pick(r *faultRun, kinds []faultKind) faultKind {
	sum := 0
	for _, k := range kinds {
		sum += k.weight
	}
	n := r.rng.IntN(sum)
	for _, k := range kinds {
		if n -= k.weight; n < 0 {
			return k
		}
	}
	panic("weights")
}

// draw puts the run's faults on the agenda. Which kind one is of is drawn when its
// time has come, among those that can be then.
func (r *faultRun) draw() {
	whole := *faultTraffic
	for range *faultCount {
		at := whole/20 + time.Duration(r.rng.Int64N(int64(whole*17/20)))
		d := min(300*time.Millisecond+time.Duration(r.rng.ExpFloat64()*float64(5*time.Second)), whole/2)
		r.after(at, func() {
			for range 100 {
				k := pick(r, faultKinds)
				if k.do(r, d) {
					r.injected(k.name, d)
					return
				}
			}
		})
	}
	if k := pick(r, specials); k.do != nil {
		var attempt func()
		attempt = func() {
			switch {
			case k.do(r, time.Second):
				r.injected(k.name, 0)
			case time.Since(r.began) < whole*8/10: // soon, perhaps
				r.after(time.Second, attempt)
			}
		}
		at := whole*6/10 + time.Duration(r.rng.Int64N(int64(whole/10))) // a new log must not grow as long as the old one was
		r.after(at, attempt)
	}
}

func (r *faultRun) injected(kind string, lasts time.Duration) {
	r.begun = append(r.begun, begun{kind, time.Now().Add(-time.Second), lasts})
	r.out.injected++
	r.out.kinds[kind]++
}

// during has something in trouble until d is over, unless it is already.
func (r *faultRun) during(what string, d time.Duration, begin, end func()) bool {
	if r.busy[what] {
		return false
	}
	r.busy[what] = true
	begin()
	r.after(d, func() {
		r.busy[what] = false
		end()
	})
	return true
}

// besides does what takes its time without holding up the run, and what follows on
// it within the run.
func (r *faultRun) besides(what string, do func() error, then func()) {
	r.beside.Go(func() {
		if err := do(); err != nil {
			r.note("%s: %v", what, err)
			r.t.Errorf("%s: %v", what, err)
		}
		r.done <- then
	})
}

func (r *faultRun) member() *member { return r.members[r.rng.IntN(3)] }

func (r *faultRun) killMember(d time.Duration) bool {
	m := r.member()
	return m.up() && r.during(place(m), d, func() {
		r.note("kill -9 of process %d for %v", m.id, d)
		m.kill9()
	}, func() { r.startMember(m) })
}

func (r *faultRun) startMember(m *member) {
	r.busy[place(m)] = false
	r.note("process %d starts", m.id)
	if err := m.start(r.bin); err != nil {
		r.t.Errorf("start process %d: %v", m.id, err)
	}
}

func (r *faultRun) pauseMember(d time.Duration) bool {
	m := r.member()
	if r.rng.IntN(2) == 0 {
		d += 12 * time.Second // its session ends meanwhile
	}
	return m.up() && r.during(place(m), d, func() {
		r.note("process %d stands still for %v", m.id, d)
		m.signal(syscall.SIGSTOP)
	}, func() {
		r.note("process %d goes on", m.id)
		m.signal(syscall.SIGCONT)
	})
}

func (r *faultRun) endMember(d time.Duration) bool {
	m := r.member()
	if !m.up() || r.busy[place(m)] {
		return false
	}
	r.note("SIGTERM to process %d", m.id)
	r.terminate(m, func() { r.after(d, func() { r.startMember(m) }) })
	return true
}

func place(m *member) string { return fmt.Sprint("driftd", m.id) }

// terminate ends a process gently. Its place is busy until it is started again.
func (r *faultRun) terminate(m *member, then func()) {
	r.busy[place(m)], m.leaving = true, true
	r.besides("SIGTERM", m.terminate, func() {
		r.note("process %d has ended", m.id)
		then()
	})
}

// endCommitting ends a process when nothing comes through to the brokers, so that
// a commit is under way, and lets it through while the process is ending.
func (r *faultRun) endCommitting(d time.Duration) bool {
	m := r.member()
	if !m.up() || r.busy[place(m)] || r.busy["link0"] || r.busy["link1"] || r.busy["link2"] {
		return false
	}
	d = min(d, 5*time.Second)
	r.note("nothing comes through to the brokers for %v, and SIGTERM to process %d", d, m.id)
	for i, p := range r.links {
		r.during(fmt.Sprint("link", i), d, func() { p.Set(stack.Trouble{Hold: true}) }, func() { p.Set(stack.Trouble{}) })
	}
	r.busy[place(m)] = true
	r.after(min(d/2, 300*time.Millisecond), func() {
		r.terminate(m, func() { r.after(time.Second, func() { r.startMember(m) }) })
	})
	return true
}

// guest is a fourth process, which takes partitions from the others and gives them back.
func (r *faultRun) guest(d time.Duration) bool {
	m := r.members[3]
	if r.busy[place(m)] {
		return false
	}
	r.startMember(m)
	r.busy[place(m)] = true
	r.after(d+4*time.Second, func() {
		r.note("process %d leaves", m.id)
		r.terminate(m, func() { r.busy[place(m)] = false })
	})
	return true
}

func (r *faultRun) killBroker(d time.Duration) bool {
	i := r.rng.IntN(len(r.brokers))
	return r.during("broker", d, func() {
		r.note("kill -9 of broker %d for %v", i+1, d)
		r.brokers[i].Kill9()
	}, func() {
		r.busy["broker"] = true // the next one may not be away before this one is back
		r.besides("restart a broker", func() error { return r.brokers[i].Restart(r.ctx) }, func() {
			r.note("broker %d is back", i+1)
			r.busy["broker"] = false
		})
	})
}

func (r *faultRun) pauseBroker(d time.Duration) bool {
	i := r.rng.IntN(len(r.brokers))
	return r.during("broker", d, func() {
		r.note("broker %d stands still for %v", i+1, d)
		r.brokers[i].Pause()
	}, func() {
		r.note("broker %d goes on", i+1)
		r.brokers[i].Resume()
	})
}

func (r *faultRun) killClickHouse(d time.Duration) bool {
	d *= 3
	return r.during("clickhouse", d, func() {
		r.note("kill -9 of ClickHouse for %v", d)
		r.ch.Kill9()
	}, func() {
		r.busy["clickhouse"] = true
		r.besides("restart ClickHouse", func() error { return r.ch.Restart(r.ctx) }, func() {
			r.note("ClickHouse is back")
			r.busy["clickhouse"] = false
		})
	})
}

func (r *faultRun) pauseClickHouse(d time.Duration) bool {
	return r.during("clickhouse", d, func() {
		r.note("ClickHouse stands still for %v", d)
		r.ch.Pause()
	}, func() { r.ch.Resume() })
}

func (r *faultRun) killAlertmanager(d time.Duration) bool {
	d *= 3
	return r.during("alertmanager", d, func() {
		r.note("kill -9 of Alertmanager for %v", d)
		r.am.Kill9()
	}, func() {
		r.busy["alertmanager"] = true
		r.besides("restart Alertmanager", func() error { return r.am.Restart(r.ctx) }, func() {
			r.note("Alertmanager is back")
			r.busy["alertmanager"] = false
		})
	})
}

// link is a way from driftd to a server, the brokers' more often than others.
func (r *faultRun) link() (string, *stack.Proxy) {
	switch n := r.rng.IntN(8); n {
	case 0:
		return "link-clickhouse", r.chLink
	case 1:
		return "link-alertmanager", r.amLink
	default:
		return fmt.Sprint("link", n%3), r.links[n%3]
	}
}

func (r *faultRun) cut(time.Duration) bool {
	name, p := r.link()
	if r.busy[name] {
		return false
	}
	r.note("%s: all connections are cut", name)
	p.Cut()
	return true
}

func (r *faultRun) delay(d time.Duration) bool {
	name, p := r.link()
	by := time.Duration(10+r.rng.IntN(500)) * time.Millisecond
	return r.during(name, d, func() {
		r.note("%s: each piece takes %v longer for %v", name, by, d)
		p.Set(stack.Trouble{Delay: by})
	}, func() { p.Set(stack.Trouble{}) })
}

func (r *faultRun) hold(d time.Duration) bool {
	name, p := r.link()
	every := 1 + r.rng.IntN(2)
	if r.rng.IntN(2) == 0 {
		d += 12 * time.Second // longer than a session or a request's deadline
	}
	return r.during(name, d, func() {
		r.note("%s: nothing comes through on each %d. connection for %v", name, every, d)
		p.Set(stack.Trouble{Hold: true, Every: every})
	}, func() {
		p.Set(stack.Trouble{})
		if r.rng.IntN(2) == 0 {
			p.Cut()
		}
	})
}

func (r *faultRun) fillDisk(d time.Duration) bool {
	filler := filepath.Join(r.disk, "filler")
	return r.during("disk", d, func() {
		f, err := os.Create(filler)
		if err == nil {
			_, err = io.Copy(f, zeros{})
			_ = f.Close()
		}
		if !errors.Is(err, syscall.ENOSPC) {
			r.t.Errorf("the disk is not full: %v", err)
		}
		r.note("the disk is full for %v", d)
	}, func() {
		r.note("the disk has room")
		if err := os.Remove(filler); err != nil {
			r.t.Error(err)
		}
	})
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { return len(b), nil }

func (r *faultRun) transact(d time.Duration) bool {
	if r.busy["broker"] {
		return false
	}
	tx, err := r.src.begin(r.ctx, r.clock(), time.Minute)
	if err != nil {
		r.t.Error(err)
		return false
	}
	commit := r.rng.IntN(2) == 0
	r.note("a transaction is open for %v, and will be committed: %v", d, commit)
	r.after(d, func() { r.src.end(r.ctx, tx, commit) })
	return true
}

// hang leaves a transaction open until the brokers give it up.
func (r *faultRun) hang(time.Duration) bool {
	if r.busy["broker"] || time.Since(r.began) > *faultTraffic*6/10 {
		return false
	}
	d := 5*time.Second + time.Duration(r.rng.Int64N(int64(10*time.Second)))
	tx, err := r.src.begin(r.ctx, r.clock(), d)
	if err != nil {
		r.t.Error(err)
		return false
	}
	r.note("a transaction hangs for %v", d)
	r.after(2*time.Second, func() { r.src.abandon(tx) })
	r.busy["topic"] = true // until it is over
	r.after(d+5*time.Second, func() { r.busy["topic"] = false })
	return true
}

func (r *faultRun) addPartition(time.Duration) bool {
	if r.busy["broker"] {
		return false
	}
	if err := r.src.grow(r.ctx); err != nil {
		r.t.Errorf("add a partition: %v", err)
		return false
	}
	r.note("the topic has %d partitions", len(r.src.sources))
	return true
}

// deleteRecords kills all processes, and deletes records of a partition that they
// had not committed yet.
func (r *faultRun) deleteRecords(time.Duration) bool {
	if r.busy["broker"] || r.busy["topic"] || r.busy[place(r.members[3])] || len(r.src.open) > 0 {
		return false
	}
	for _, m := range r.members[:3] {
		if r.busy[place(m)] || !m.up() {
			return false
		}
	}
	for _, m := range r.members[:3] {
		m.kill9()
	}
	defer func() {
		for _, m := range r.members[:3] {
			r.startMember(m)
		}
	}()
	time.Sleep(2 * time.Second) // more comes in; what was under way has arrived
	r.sendDue()
	if err := r.src.flush(r.ctx); err != nil {
		r.t.Error(err)
		return false
	}
	commits, err := r.src.committed(r.ctx, r.prefix+".profile."+r.src.topic)
	if err != nil {
		r.t.Error(err)
		return false
	}
	p := r.rng.IntN(len(r.src.sources))
	records, err := r.src.read(r.ctx, p)
	if err != nil {
		r.t.Error(err)
		return false
	}
	c := commits[p]
	to := c.offset + 1 + r.rng.Int64N(200)
	if c.frontier == driftd.MinTime || to >= int64(len(records)) {
		return false
	}
	if err := r.src.delete(r.ctx, p, to); err != nil {
		r.t.Errorf("delete records: %v", err)
		return false
	}
	s := r.src.sources[p]
	s.Records, s.Lost = records, &oracle.Lost{From: c.offset, To: to, Read: c.read, Frontier: c.frontier}
	r.note("partition %d: records %d to %d are deleted, frontier %s", p, c.offset, to, time.Unix(0, c.frontier).UTC().Format("15:04"))
	return true
}

func (r *faultRun) remakeTopic(time.Duration) bool {
	if r.busy["broker"] || r.busy["topic"] || len(r.src.open) > 0 {
		return false
	}
	if err := r.src.flush(r.ctx); err != nil {
		r.t.Error(err)
		return false
	}
	for p, s := range r.src.sources {
		records, err := r.src.read(r.ctx, p)
		if err != nil {
			r.t.Error(err)
			return false
		}
		s.Records = records
	}
	commits, err := r.src.committed(r.ctx, r.prefix+".profile."+r.src.topic)
	if err != nil {
		r.t.Error(err)
		return false
	}
	for _, c := range commits {
		if c.frontier == driftd.MinTime {
			return false
		}
	}
	if err := r.src.remake(r.ctx, commits, r.clock()); err != nil {
		r.t.Errorf("make the topic anew: %v", err)
		return false
	}
	r.note("the topic was made anew")
	return true
}
