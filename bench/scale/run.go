package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/driftd/driftd/bench/internal/proc"
	"github.com/driftd/driftd/e2e/stack"
	"github.com/driftd/driftd/internal/detect"
	"github.com/driftd/driftd/internal/kafka"
	"github.com/driftd/driftd/internal/pipeline"
)

// place is the servers, and the command.
type place struct {
	dir, bin string
	k        *stack.Kafka
	ch       *stack.ClickHouse
	client   *kafka.Client
	conn     driver.Conn
	runs     int
}

func newPlace(ctx context.Context) (p *place, err error) {
	p = &place{}
	if p.dir, err = os.MkdirTemp("", "driftd-scale"); err != nil {
		return nil, err
	}
	p.bin = filepath.Join(p.dir, "driftd")
	if out, err := exec.CommandContext(ctx, "go", "build", "-C", "..", "-o", p.bin, "./cmd/driftd").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build driftd: %w\n%s", err, out)
	}
	if p.k, err = stack.StartKafka(ctx, p.dir); err != nil {
		return nil, err
	}
	if p.ch, err = stack.StartClickHouse(ctx, p.dir); err != nil {
		return nil, err
	}
	if p.client, err = kafka.New(kafka.Config{Brokers: []string{p.k.Bootstrap}}); err != nil {
		return nil, err
	}
	p.conn, err = clickhouse.Open(&clickhouse.Options{Addr: []string{p.ch.Native}, Auth: clickhouse.Auth{Username: p.ch.User, Password: p.ch.Password}})
	return p, err
}

func (p *place) close() {
	p.client.Close()
	_ = p.conn.Close()
	p.ch.Kill9()
	p.k.Kill9()
	os.RemoveAll(p.dir)
}

// measured is what a shape has cost.
type measured struct {
	shape
	CPU                              float64       // s
	RSS, Peak                        float64       // MB: of a process that has started again with that state, and the most while the first one read
	Again                            time.Duration // until it had read what its state and references are
	Source, Profiles, State, Results float64       // MB in Kafka
	Rows, Bytes                      float64       // of all tables in ClickHouse; MB
	Wall                             time.Duration
}

func (m measured) series() float64 { return float64(m.Models * m.Segments) }

func (m measured) row() string {
	keyed := ""
	if m.Keyed {
		keyed = "yes"
	}
	return fmt.Sprintf("| %d | %d | %d | %d | %d | %s | %.2f | %.0f | %.0f | %.1f | %.1f | %.1f | %.1f | %.0f | %.2f |", m.Events, m.Columns, m.Segments, m.Models, m.Partitions, keyed,
		m.CPU, m.RSS, m.Peak, m.Source, m.Profiles, m.State, m.Results, m.Rows, m.Bytes)
}

// process is a driftd that runs.
type process struct {
	cmd  *exec.Cmd
	log  string
	done chan struct{} // closed when it has ended
	err  error         // how
}

func (p *place) start(ctx context.Context, config string) (*process, error) {
	log := strings.TrimSuffix(config, ".yml") + ".log"
	f, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // the process has its own
	c := exec.CommandContext(ctx, p.bin, "run", "-c", config)
	c.Env = append(os.Environ(), "CH_PASSWORD="+p.ch.Password, "GOMEMLIMIT=8GiB") // as deploy/ has one, for a machine that others use too
	c.Stdout, c.Stderr = f, f
	d := &process{cmd: c, log: log, done: make(chan struct{})}
	if err := c.Start(); err != nil {
		return nil, err
	}
	go func() {
		d.err = c.Wait()
		close(d.done)
	}()
	return d, nil
}

// end ends a process gently.
func (p *process) end() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	if <-p.done; p.err != nil {
		return fmt.Errorf("driftd ended: %w: %s", p.err, p.tail())
	}
	return nil
}

func (p *process) tail() string {
	b, _ := os.ReadFile(p.log) // of an error that is told
	return string(b[max(0, len(b)-2000):])
}

// cpu is what the process has used, user and kernel.
func (p *process) cpu() (float64, error) {
	select {
	case <-p.done:
		return 0, fmt.Errorf("driftd ended by itself: %w: %s", p.err, p.tail())
	default:
	}
	used, err := proc.CPU(p.cmd.Process.Pid)
	return used.Seconds(), err
}

// memory is a line of the process's status, in MB.
func (p *process) memory(key string) (float64, error) {
	n, err := proc.Memory(p.cmd.Process.Pid, key)
	return float64(n) / (1 << 20), err
}

// prepare makes a shape's topic, has its references taken up, and fills the topic.
func (p *place) prepare(ctx context.Context, s shape) (prefix, topic, config string, err error) {
	p.runs++
	prefix = fmt.Sprint("s", p.runs)
	topic, config = "events-"+prefix, filepath.Join(p.dir, prefix+".yml")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return
	}
	listen := l.Addr().String()
	_ = l.Close() // for driftd
	if err = os.WriteFile(config, fmt.Appendf(nil, `
kafka: {brokers: [%q], topic_prefix: %s, partitions: 4, replication: 1}
sources: [{topic: %s, idle_timeout: 1h}]
defaults: {windows: [1h], reference: {bootstrap: off}}
sinks: {clickhouse: {addresses: [%q], database: %s, username: %s, password_env: CH_PASSWORD}}
http: {listen: %q}
start: earliest
`, p.k.Bootstrap, prefix, topic, p.ch.Native, prefix, p.ch.User, listen), 0o600); err != nil {
		return
	}
	if err = p.client.EnsureTopics(ctx, []kafka.TopicSpec{{Name: topic, Partitions: s.Partitions, Replication: 1, Configs: map[string]string{"compression.type": "producer"}},
		{Name: prefix + ".references", Partitions: 1, Replication: 1, Configs: map[string]string{"cleanup.policy": "compact", "max.message.bytes": "8388608"}}}); err != nil {
		return
	}
	bundles, err := s.bundles()
	if err != nil {
		return
	}
	for _, b := range bundles {
		if err = pipeline.Push(ctx, p.client, prefix, b, detect.Origin{Kind: detect.Pushed}); err != nil {
			return
		}
	}
	d, err := p.start(ctx, config)
	if err != nil {
		return
	}
	answered, stop := context.WithCancel(ctx)
	go func() {
		<-d.done // or else nobody would answer
		stop()
	}()
	if err = pipeline.AwaitAnswers(answered, p.client, prefix); err != nil {
		err = fmt.Errorf("references are not taken up: %w: %s", err, d.tail())
		return
	}
	if err = d.end(); err != nil {
		return
	}
	err = s.produce(ctx, p.client, topic)
	return
}

// count is how many rows a table has.
func (p *place) count(ctx context.Context, database, table string) (n uint64, err error) {
	err = p.conn.QueryRow(ctx, "SELECT count() FROM "+database+"."+table).Scan(&n)
	return n, err
}

// measure runs driftd over a shape until all windows are in ClickHouse.
func (p *place) measure(ctx context.Context, s shape) (m measured, err error) {
	ctx, stop := context.WithTimeout(ctx, time.Hour)
	defer stop()
	prefix, topic, config, err := p.prepare(ctx, s)
	if err != nil {
		return m, err
	}
	began := time.Now()
	d, err := p.start(ctx, config)
	if err != nil {
		return m, err
	}
	m = measured{shape: s}
	want := uint64(m.series()) * windows * uint64(s.Columns)
	for got := uint64(0); got < want; time.Sleep(100 * time.Millisecond) {
		if got, err = p.count(ctx, prefix, "driftd_columns"); err != nil && ctx.Err() != nil {
			return m, fmt.Errorf("%d of %d rows: %w: %s", got, want, err, d.tail())
		}
		if m.CPU, err = d.cpu(); err != nil {
			return m, err
		}
	}
	m.Wall = time.Since(began)
	if m.Peak, err = d.memory("VmHWM"); err != nil {
		return m, err
	}
	if err := d.end(); err != nil {
		return m, err
	}
	if m.RSS, m.Again, err = p.restart(ctx, config); err != nil {
		return m, err
	}
	for name, mb := range map[string]*float64{topic: &m.Source, prefix + ".profiles": &m.Profiles, prefix + ".state": &m.State, prefix + ".results": &m.Results} {
		if *mb, err = p.size(name); err != nil {
			return m, err
		}
	}
	var rows, bytes uint64
	err = p.conn.QueryRow(ctx, "SELECT sum(rows), sum(bytes_on_disk) FROM system.parts WHERE active AND database = ? AND table != 'driftd_migrations'", prefix).Scan(&rows, &bytes)
	m.Rows, m.Bytes = float64(rows), float64(bytes)/1e6
	return m, errors.Join(err, p.conn.Exec(ctx, "DROP DATABASE "+prefix))
}

// restart starts driftd again, and waits until it has nothing to do: then it has all
// its state, and how much memory it uses is told.
func (p *place) restart(ctx context.Context, config string) (rss float64, took time.Duration, err error) {
	began := time.Now()
	d, err := p.start(ctx, config)
	if err != nil {
		return 0, 0, err
	}
	last := -1.
	for quiet := 0; quiet < 10; time.Sleep(100 * time.Millisecond) {
		cpu, err := d.cpu()
		if err != nil {
			return 0, 0, err
		}
		if quiet++; cpu > last+.015 {
			quiet, took = 0, time.Since(began)
		}
		last = cpu
	}
	if rss, err = d.memory("VmRSS"); err != nil {
		return 0, 0, err
	}
	return rss, took, d.end()
}

// size is what a topic takes on the broker's disk, in MB.
func (p *place) size(topic string) (float64, error) {
	files, err := filepath.Glob(filepath.Join(p.dir, "kafka", "data", topic+"-*", "*.log"))
	if err != nil {
		return 0, err
	}
	sum := int64(0)
	for _, f := range files {
		info, err := os.Stat(f)
		if err != nil {
			return 0, err
		}
		sum += info.Size()
	}
	return float64(sum) / 1e6, nil
}
