//go:build e2e

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/internal/kafka"
)

// A broker that is killed and comes back stops nothing for good: driftd goes on
// by itself and no event is lost or counted twice.
func TestBrokerComesBack(t *testing.T) {
	ctx := contextOf(t, 4*time.Minute)
	bin, k, dir := driftdBinary(t), startKafka(t), t.TempDir()
	client, err := kafka.New(kafka.Config{Brokers: []string{k.Bootstrap}})
	must(t, err)
	t.Cleanup(client.Close)
	must(t, client.EnsureTopics(ctx, []kafka.TopicSpec{{Name: "predictions", Partitions: 2, Replication: 1}}))
	config, out, log := filepath.Join(dir, "driftd.yml"), filepath.Join(dir, "results.jsonl"), filepath.Join(dir, "driftd.log")
	must(t, os.WriteFile(config, fmt.Appendf(nil, `
kafka: {brokers: [%q], replication: 1}
sources: [{topic: predictions, model: shop, idle_timeout: 30m}]
defaults: {windows: [1h]}
sinks: {file: {path: %q}}
http: {listen: %q}
start: earliest
`, k.Bootstrap, out, freeAddr(t)), 0o644))
	t.Cleanup(func() {
		if t.Failed() {
			b, _ := os.ReadFile(log)
			t.Logf("driftd's log:\n%s", b[max(0, len(b)-6000):])
		}
	})
	start := time.Now().UTC().Truncate(time.Hour).Add(-20 * time.Hour)
	produce := func(from, hours int) {
		for p := range 2 {
			var recs []kafka.Record
			for i := range hours * 60 {
				at := start.Add(time.Duration(from*60+i) * time.Minute)
				recs = append(recs, kafka.Record{Time: at, Value: []byte(`{"features":{"x":1}}`)})
			}
			_, err := client.Produce(ctx, "predictions", p, recs)
			must(t, err)
		}
	}
	counted := func() (windows int, events uint64) {
		b, err := os.ReadFile(out)
		if err != nil {
			return 0, 0
		}
		seen := map[time.Time]uint64{}
		for line := range bytes.Lines(b) {
			var r driftd.Result
			if json.Unmarshal(line, &r) == nil && r.Window != nil && r.Window.Segment == "all" {
				seen[r.Window.WindowStart] = r.Window.N
			}
		}
		for _, n := range seen {
			events += n
		}
		return len(seen), events
	}
	d := startDaemon(t, bin, config, log)
	for round, from := range []int{0, 5, 10} {
		produce(from, 5)
		want := from + 4 // the last hour stays open: its frontier is two minutes behind
		until(ctx, t, fmt.Sprintf("%d windows", want), func() bool { n, _ := counted(); return n >= want })
		if round < 2 {
			k.Kill9()
			time.Sleep(time.Duration(3+3*round) * time.Second)
			must(t, k.Restart(ctx))
		}
	}
	if windows, events := counted(); events != uint64(windows*120) {
		t.Errorf("%d windows hold %d events, want 120 each", windows, events)
	}
	if d.cmd.ProcessState != nil {
		t.Error("driftd ended")
	}
	d.terminate(t)
}
