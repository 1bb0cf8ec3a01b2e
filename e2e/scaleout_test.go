//go:build e2e

package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/internal/kafka"
	"github.com/driftd/driftd/internal/oracle"
)

// One, two and three processes share the partitions of the same events, and give
// the same table, which is the oracle's.
func TestScaleOut(t *testing.T) {
	ctx := contextOf(t, 4*time.Minute)
	bin, k, dir := driftdBinary(t), startKafka(t), t.TempDir()
	client, err := kafka.New(kafka.Config{Brokers: []string{k.Bootstrap}})
	must(t, err)
	t.Cleanup(client.Close)
	const partitions, hours, topic = 6, 4, "events"
	born := time.Now().UTC().Truncate(time.Hour).Add(-12 * time.Hour)
	bundle, err := oracle.Reference(born)
	must(t, err)
	raw, err := bundle.File()
	must(t, err)
	reference := filepath.Join(dir, "m.ref")
	must(t, os.WriteFile(reference, raw, 0o600))

	// The events, which close every window in the end.
	must(t, client.EnsureTopics(ctx, []kafka.TopicSpec{{Name: topic, Partitions: partitions, Replication: 1}}))
	rng, sources, total := rand.New(rand.NewPCG(7, 7)), make([]*oracle.Source, partitions), 0
	for p := range sources {
		sources[p] = &oracle.Source{Topic: topic, Partition: p, Known: driftd.MinTime}
		var recs []kafka.Record
		for at := born; at.Before(born.Add((hours + 1) * time.Hour)); at = at.Add(time.Duration(rng.ExpFloat64() * float64(4*time.Second))) {
			shift := 0.
			if at.After(born.Add(2 * time.Hour)) {
				shift = 1
			}
			value, stamp := oracle.At(rng, at, shift)
			recs = append(recs, kafka.Record{Time: stamp, Value: value})
			sources[p].Records = append(sources[p].Records, oracle.Record{Time: stamp.UnixNano(), Value: value})
		}
		base, err := client.Produce(ctx, topic, p, recs)
		must(t, err)
		if base != 0 {
			t.Fatalf("partition %d begins at %d", p, base)
		}
		total += len(recs)
	}
	end := born.Add(hours * time.Hour).UnixNano()
	counted := oracle.Count(bundle, sources)
	want := oracle.Rows(counted.Results(oracle.Config(), bundle, nil, end+int64(time.Hour), end))

	for n := 1; n <= 3; n++ {
		prefix := fmt.Sprint("with", n)
		var daemons []*daemon
		var files, addrs []string
		for i := range n {
			name := filepath.Join(dir, fmt.Sprintf("%s-%d", prefix, i))
			files, addrs = append(files, name+".jsonl"), append(addrs, freeAddr(t))
			must(t, os.WriteFile(name+".yml", fmt.Appendf(nil, `
kafka: {brokers: [%q], topic_prefix: %s, replication: 1}
sources: [{topic: %s, models: [%s], lateness: %v, max_skew: %v, max_age: %v, idle_timeout: 1h}]
pane: %v
defaults: {windows: [1h, 2h]}
models: {%s: {reference: {file: %q}}}
sinks: {file: {path: %q}}
alerts: {page_max_age: 365d}
http: {listen: %q}
start: earliest
`, k.Bootstrap, prefix, topic, oracle.Model, oracle.Lateness, oracle.MaxSkew, oracle.MaxAge, oracle.Pane, oracle.Model, reference, files[i], addrs[i]), 0o600))
			d := startDaemon(t, bin, name+".yml", name+".log")
			t.Cleanup(func() { _ = d.cmd.Process.Kill() })
			daemons = append(daemons, d)
		}
		var wrong []string
		for deadline := time.Now().Add(time.Minute); ; time.Sleep(300 * time.Millisecond) {
			got, err := written(files)
			must(t, err)
			if wrong = counted.Compare(want, got, end); len(wrong) == 0 || time.Now().After(deadline) {
				break
			}
		}
		if len(wrong) > 0 {
			t.Errorf("%d processes: %d rows differ:\n%s", n, len(wrong), strings.Join(wrong[:min(3, len(wrong))], "\n"))
		}
		// Each has work in the end.
		owned := make([]int, n)
		until(ctx, t, "partitions of every process", func() bool {
			for i, addr := range addrs {
				owned[i] = 0
				scrape(ctx, addr, func(name, _ string, _ float64) {
					if name == "driftd_frontier_timestamp_seconds" {
						owned[i]++
					}
				})
				if owned[i] != partitions/n {
					return false
				}
			}
			return true
		})
		t.Logf("%d processes own %v of %d partitions: %d rows of %d events, %d wrong", n, owned, partitions, len(want), total, len(wrong))
		for _, d := range daemons {
			d.terminate(t)
		}
	}
}
