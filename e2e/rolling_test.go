//go:build e2e

package e2e

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/driftd/driftd/internal/kafka"
)

var sampleLine = regexp.MustCompile(`^(\w+?)(?:\{([^}]*)\})? ([0-9.e+-]+)$`)

// scrape reads the metrics of a process, none when it does not answer.
func scrape(ctx context.Context, addr string, each func(name, labels string, value float64)) {
	ctx, stop := context.WithTimeout(ctx, time.Second)
	defer stop()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/metrics", nil)
	if err != nil {
		return
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return
	}
	defer res.Body.Close()
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		if m := sampleLine.FindStringSubmatch(lines.Text()); m != nil {
			if v, err := strconv.ParseFloat(m[3], 64); err == nil {
				each(m[1], m[2], v)
			}
		}
	}
}

// Three processes are replaced one after the other while events come in. No
// partition falls further behind than a pane and the lateness, and what is read
// again is what was open of the partitions that moved.
func TestRollingRestart(t *testing.T) {
	ctx := contextOf(t, 3*time.Minute)
	bin, k, dir := driftdBinary(t), startKafka(t), t.TempDir()
	client, err := kafka.New(kafka.Config{Brokers: []string{k.Bootstrap}})
	must(t, err)
	t.Cleanup(client.Close)
	const partitions, pane, lateness = 6, 10 * time.Second, 5 * time.Second
	must(t, client.EnsureTopics(ctx, []kafka.TopicSpec{{Name: "predictions", Partitions: partitions, Replication: 1}}))
	var daemons [3]*daemon
	var configs, logs, addrs [3]string
	for i := range daemons {
		configs[i], logs[i], addrs[i] = filepath.Join(dir, fmt.Sprintf("driftd%d.yml", i)), filepath.Join(dir, fmt.Sprintf("driftd%d.log", i)), freeAddr(t)
		must(t, os.WriteFile(configs[i], fmt.Appendf(nil, `
kafka: {brokers: [%q], replication: 1}
sources: [{topic: predictions, model: shop, lateness: %v, idle_timeout: 5m}]
pane: %v
defaults: {windows: [1h]}
sinks: {file: {path: %q}}
http: {listen: %q}
start: earliest
`, k.Bootstrap, lateness, pane, filepath.Join(dir, fmt.Sprintf("results%d.jsonl", i)), addrs[i]), 0o644))
		daemons[i] = startDaemon(t, bin, configs[i], logs[i])
	}
	t.Cleanup(func() {
		for i, d := range daemons {
			_ = d.cmd.Process.Kill()
			if b, _ := os.ReadFile(logs[i]); t.Failed() {
				t.Logf("the log of process %d:\n%s", i, b[max(0, len(b)-4000):])
			}
		}
	})

	// Load, and how far each partition is behind it.
	load, stopLoad := context.WithCancel(ctx)
	var beside sync.WaitGroup
	defer beside.Wait()
	defer stopLoad()
	produced := 0
	var mu sync.Mutex
	frontier, oldest, read := map[string]float64{}, 0., map[int]float64{}
	beside.Go(func() {
		for load.Err() == nil {
			for p := range partitions {
				recs := make([]kafka.Record, 20)
				for i := range recs {
					recs[i] = kafka.Record{Time: time.Now(), Value: []byte(`{"features":{"x":1}}`)}
				}
				if _, err := client.Produce(load, "predictions", p, recs); err == nil {
					mu.Lock()
					produced += len(recs)
					mu.Unlock()
				}
			}
			time.Sleep(200 * time.Millisecond)
		}
	})
	life := [3]int{}
	beside.Go(func() {
		for load.Err() == nil {
			for i, addr := range addrs {
				mu.Lock()
				key := 10*i + life[i]
				mu.Unlock()
				scrape(load, addr, func(name, labels string, v float64) {
					mu.Lock()
					defer mu.Unlock()
					switch name {
					case "driftd_frontier_timestamp_seconds":
						frontier[labels] = max(frontier[labels], v)
					case "driftd_records_total":
						read[key] = max(read[key], v)
					}
				})
			}
			mu.Lock()
			if now := float64(time.Now().UnixMilli()) / 1000; len(frontier) == partitions {
				for _, f := range frontier {
					oldest = max(oldest, now-f)
				}
			}
			mu.Unlock()
			time.Sleep(200 * time.Millisecond)
		}
	})
	ready := func(i int) func() bool {
		return func() bool {
			res, err := http.Get("http://" + addrs[i] + "/-/ready")
			if err != nil {
				return false
			}
			defer res.Body.Close()
			_, _ = io.Copy(io.Discard, res.Body)
			return res.StatusCode == http.StatusOK
		}
	}
	for i := range daemons {
		until(ctx, t, fmt.Sprintf("process %d", i), ready(i))
	}
	until(ctx, t, "a frontier of every partition", func() bool { mu.Lock(); defer mu.Unlock(); return len(frontier) == partitions })
	age := func() time.Duration {
		mu.Lock()
		defer mu.Unlock()
		a := time.Duration(oldest * float64(time.Second))
		oldest = 0
		return a
	}
	time.Sleep(pane + lateness)
	age()
	time.Sleep(pane + lateness)
	steady := age()
	for i := range daemons {
		daemons[i].terminate(t)
		mu.Lock()
		life[i]++
		mu.Unlock()
		daemons[i] = startDaemon(t, bin, configs[i], logs[i])
		until(ctx, t, fmt.Sprintf("process %d again", i), ready(i))
		time.Sleep(3 * time.Second)
	}
	restarts := age()
	time.Sleep(2 * time.Second)
	mu.Lock()
	defer mu.Unlock()
	sum := 0.
	for _, n := range read {
		sum += n
	}
	again := sum - float64(produced)
	t.Logf("the oldest frontier was %.1f s old without restarts (a pane and the lateness are %v), %.1f s with them; %.0f of %d records were read again or are not counted yet (%.1f %%)",
		steady.Seconds(), pane+lateness, restarts.Seconds(), again, produced, 100*again/float64(produced))
	if lost := restarts - steady; lost > pane+lateness {
		t.Errorf("three restarts lost %v of time, more than a pane and the lateness", lost)
	}
}
