//go:build e2e

package e2e

import (
	"context"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/internal/kafka"
	"github.com/driftd/driftd/internal/reference"
)

var (
	soakFor  = flag.Duration("soak.for", 40*time.Second, "how long the soak's load lasts")
	soakRate = flag.Int("soak.rate", 2000, "events a second")
	soakOut  = flag.String("soak.out", "", "a file that the numbers go to")
)

const (
	soakColumns    = 20
	soakPartitions = 4
	soakLateness   = 10 * time.Second
	soakPane       = 10 * time.Second
)

// soakEvent is an event of twenty features. One in a hundred has a tag's value and
// a feature that nobody has ever seen; one in fifty is up to an hour late; one in
// five hundred is of a model that is none of ours, and one is broken.
func soakEvent(rng *rand.Rand, at time.Time, odd bool) []byte {
	model, country, extra := "shop", []string{"DE", "FR", "PL"}[rng.IntN(3)], ""
	if odd {
		switch rng.IntN(500) {
		case 0, 1, 2, 3, 4:
			country = fmt.Sprint("X", rng.Uint32())
			extra = fmt.Sprintf(`,"f%d":1`, rng.Uint32())
		case 5, 6, 7, 8, 9, 10, 11, 12, 13, 14:
			at = at.Add(-time.Duration(rng.Int64N(int64(time.Hour))))
		case 15:
			model = fmt.Sprint("m", rng.Uint32())
		case 16:
			return []byte(`{"model":"shop","features":{"x":`)
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, `{"model":%q,"time":%q,"tags":{"country":%q},"features":{"level":%q%s`, model, at.UTC().Format(time.RFC3339Nano), country, []string{"a", "b", "c"}[rng.IntN(3)], extra)
	for i := range soakColumns - 1 {
		fmt.Fprintf(&b, `,"x%d":%.4f`, i, rng.NormFloat64())
	}
	b.WriteString(`}}`)
	return []byte(b.String())
}

type soakSample struct {
	rng  *rand.Rand
	at   time.Time
	left int
}

func (s *soakSample) Next() ([]byte, int64, error) {
	if s.left--; s.left < 0 {
		return nil, 0, io.EOF
	}
	s.at = s.at.Add(time.Second)
	return soakEvent(s.rng, s.at, false), s.at.UnixNano(), nil
}

// soaked is what was seen at one time.
type soaked struct {
	at                           time.Duration
	rss, heap                    float64 // MB
	goroutines, panes            float64
	lag, sinkLag                 float64 // records
	age                          float64 // of the oldest frontier, s
	read, late, dead, rows, away float64
}

// Load with odd tags, late and broken events for as long as one likes, while
// ClickHouse is away for a quarter of the time: memory stays, nothing queues up
// without end, and the frontier is where it should be. Then a restart, with all
// that state.
func TestSoak(t *testing.T) {
	whole := *soakFor
	ctx := contextOf(t, whole+4*time.Minute)
	dir := t.TempDir()
	bin, k, ch := driftdBinary(t), startKafka(t), startClickHouse(t)
	client, err := kafka.New(kafka.Config{Brokers: []string{k.Bootstrap}})
	must(t, err)
	t.Cleanup(client.Close)
	must(t, client.EnsureTopics(ctx, []kafka.TopicSpec{{Name: "predictions", Partitions: soakPartitions, Replication: 1}}))
	bundle, _, err := reference.Build(func() (reference.Source, error) {
		return &soakSample{rand.New(rand.NewPCG(1, 1)), time.Now().Add(-100_000 * time.Second), 100_000}, nil
	}, reference.Options{Model: "shop", Lengths: []time.Duration{time.Minute, 5 * time.Minute}, Location: time.UTC, Tags: []driftd.SegmentTag{{Tags: []string{"country"}, Values: []string{"DE", "FR"}}}})
	must(t, err)
	raw, err := bundle.File()
	must(t, err)
	ref, config, log, addr := filepath.Join(dir, "shop.ref"), filepath.Join(dir, "driftd.yml"), filepath.Join(dir, "driftd.log"), freeAddr(t)
	must(t, os.WriteFile(ref, raw, 0o600))
	t.Setenv("CH_PASSWORD", ch.Password)
	must(t, os.WriteFile(config, fmt.Appendf(nil, `
kafka: {brokers: [%q], replication: 1}
sources: [{topic: predictions, models: [shop], lateness: %v, max_age: 2h}]
pane: %v
defaults: {windows: [1m, 5m]}
models: {shop: {reference: {file: %q}}}
sinks: {clickhouse: {addresses: [%q], database: driftd, username: %q, password_env: CH_PASSWORD}}
http: {listen: %q}
start: earliest
`, k.Bootstrap, soakLateness, soakPane, ref, ch.Native, ch.User, addr), 0o600))
	t.Cleanup(func() {
		if b, _ := os.ReadFile(log); t.Failed() {
			t.Logf("driftd's log:\n%s", b[max(0, len(b)-5000):])
		}
	})
	d := startDaemon(t, bin, config, log)

	load, stopLoad := context.WithCancel(ctx)
	loaded := make(chan error, 1)
	go func() { loaded <- soakLoad(load, k.Bootstrap) }()
	defer stopLoad()
	began, away, back := time.Now(), whole/4, whole/2
	var all []soaked
	for step := max(whole/240, time.Second); time.Since(began) < whole; time.Sleep(step) {
		at := time.Since(began)
		if at >= away && at < back && ch.PID() != 0 {
			ch.Kill9()
		}
		if ch.Gone() { // its embedded build may end by itself
			ch.Kill9()
		}
		if (at < away || at >= back) && ch.PID() == 0 {
			must(t, ch.Restart(ctx))
		}
		s := soakLook(ctx, addr, d.cmd.Process.Pid)
		s.at, s.away = at, float64(b2i(ch.PID() == 0))
		all = append(all, s)
	}

	// A restart with all its state, while the load goes on.
	d.terminate(t)
	d = startDaemon(t, bin, config, log)
	restarted := time.Now()
	t.Cleanup(func() { _ = d.cmd.Process.Kill() })
	until(ctx, t, "the frontiers after a restart", func() bool {
		s := soakLook(ctx, addr, d.cmd.Process.Pid)
		return s.read > 0 && s.age < (soakLateness+2*soakPane).Seconds() && s.lag < float64(2**soakRate)
	})
	restart := time.Since(restarted)
	stopLoad()
	must(t, <-loaded)

	last := all[len(all)-1]
	if last.age > (soakLateness + 2*soakPane).Seconds() {
		t.Errorf("the frontier is %.0f s old in the end", last.age)
	}
	if last.sinkLag > 500 || last.rows == 0 {
		t.Errorf("ClickHouse lacks %.0f results in the end, and has taken %.0f", last.sinkLag, last.rows)
	}
	early, late := medianOf(all, whole/6, whole/3), medianOf(all, whole*5/6, whole)
	if late > 1.1*early+20 {
		t.Errorf("RSS grew from %.0f to %.0f MB", early, late)
	}
	if restart > 5*time.Second {
		t.Errorf("a restart took %v", restart)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "| minute | RSS MB | heap in use MB | goroutines | open panes | lag, records | results that wait for ClickHouse | oldest frontier, s | records read | late | dead letters |\n|---|---|---|---|---|---|---|---|---|---|---|\n")
	for i, s := range all {
		if i%max(1, len(all)/24) != 0 && i != len(all)-1 {
			continue
		}
		note := ""
		if s.away == 1 {
			note = " (ClickHouse is away)"
		}
		fmt.Fprintf(&b, "| %.1f%s | %.0f | %.0f | %.0f | %.0f | %.0f | %.0f | %.1f | %.0f | %.0f | %.0f |\n", s.at.Minutes(), note, s.rss, s.heap, s.goroutines, s.panes, s.lag, s.sinkLag, s.age, s.read, s.late, s.dead)
	}
	fmt.Fprintf(&b, "\nRSS, median of the minutes %.1f to %.1f: %.0f MB; of the last sixth: %.0f MB. The restart took %.1f s until all partitions were read up to now.\n",
		(whole / 6).Minutes(), (whole / 3).Minutes(), early, late, restart.Seconds())
	t.Logf("\n%s", b.String())
	if *soakOut != "" {
		soakWrite(t, *soakOut, b.String())
	}
}

// soakWrite puts the numbers between the marks of the document.
func soakWrite(t *testing.T, path, table string) {
	t.Helper()
	old, err := os.ReadFile(path)
	must(t, err)
	head, rest, ok := strings.Cut(string(old), "<!-- numbers -->\n")
	_, tail, ok2 := strings.Cut(rest, "<!-- end -->\n")
	if !ok || !ok2 {
		t.Fatalf("%s lacks its marks", path)
	}
	must(t, os.WriteFile(path, []byte(head+"<!-- numbers -->\n"+table+"<!-- end -->\n"+tail), 0o644))
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

func medianOf(all []soaked, from, to time.Duration) float64 {
	var rss []float64
	for _, s := range all {
		if s.at >= from && s.at < to {
			rss = append(rss, s.rss)
		}
	}
	slices.Sort(rss)
	if len(rss) == 0 {
		return 0
	}
	return rss[len(rss)/2]
}

// soakLoad writes events of now, until ctx ends.
func soakLoad(ctx context.Context, broker string) error {
	cl, err := kgo.NewClient(kgo.SeedBrokers(broker), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchCompression(kgo.Lz4Compression()))
	if err != nil {
		return err
	}
	defer cl.Close()
	rng, sent, began := rand.New(rand.NewPCG(2, 2)), 0, time.Now()
	for ctx.Err() == nil {
		for due := int(time.Since(began).Seconds() * float64(*soakRate)); sent < due; sent++ {
			now := time.Now()
			cl.Produce(context.WithoutCancel(ctx), &kgo.Record{Topic: "predictions", Partition: int32(sent % soakPartitions), Value: soakEvent(rng, now, true), Timestamp: now}, nil)
		}
		time.Sleep(20 * time.Millisecond)
	}
	return nil
}

var vmRSS = regexp.MustCompile(`VmRSS:\s+(\d+) kB`)

// soakLook reads a process's metrics and memory.
func soakLook(ctx context.Context, addr string, pid int) (s soaked) {
	if b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid)); err == nil {
		if m := vmRSS.FindSubmatch(b); m != nil {
			kb, _ := strconv.ParseFloat(string(m[1]), 64)
			s.rss = kb / 1024
		}
	}
	oldest := 0.
	scrape(ctx, addr, func(name, labels string, v float64) {
		switch name {
		case "driftd_open_panes":
			s.panes += v
		case "driftd_consumer_lag_records":
			if strings.Contains(labels, `group="driftd.write.clickhouse"`) {
				s.sinkLag += v
			} else if strings.Contains(labels, `topic="predictions"`) {
				s.lag += v
			}
		case "driftd_frontier_timestamp_seconds":
			if oldest == 0 || v < oldest {
				oldest = v
			}
		case "driftd_records_total":
			s.read += v
		case "driftd_late_events_total":
			s.late += v
		case "driftd_dead_letters_total":
			s.dead += v
		case "driftd_sink_rows_total":
			s.rows += v
		case "go_goroutines":
			s.goroutines = v
		case "go_memstats_heap_inuse_bytes":
			s.heap = v / 1e6
		}
	})
	if oldest > 0 {
		s.age = float64(time.Now().UnixMilli())/1000 - oldest
	}
	return s
}
