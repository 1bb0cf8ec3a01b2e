//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/e2e/stack"
	"github.com/driftd/driftd/internal/embedded"
	"github.com/driftd/driftd/internal/kafka"
	"github.com/driftd/driftd/internal/reference"
)

// The models of this test are those of the generator; two have names that break a query which does not treat them as text.
const (
	quoted    = `o'brien "x" / ü`
	backslash = `a\' -- $__toTime ${x} /*`
)

var grafanaNames = map[string]string{embedded.Fraud: quoted, embedded.Churn: backslash, embedded.Ranking: embedded.Ranking}

// renamed is an event under its model's name here.
func renamed(e *embedded.Event) []byte {
	name, err := json.Marshal(grafanaNames[e.Model])
	if err != nil {
		panic(err) // a string always has a JSON form
	}
	return bytes.Replace(e.JSON, []byte(`"model":"`+e.Model+`"`), append([]byte(`"model":`), name...), 1)
}

type remembered struct {
	json [][]byte
	at   []int64
}

// Next makes it a reference.Source by a copy that walks.
func (r *remembered) walk() reference.Source { return &walker{r, 0} }

type walker struct {
	*remembered
	i int
}

// Next implements reference.Source.
func (w *walker) Next() ([]byte, int64, error) {
	if w.i == len(w.json) {
		return nil, 0, io.EOF
	}
	w.i++
	return w.json[w.i-1], w.at[w.i-1], nil
}

// grafanaReferences learns references from eight days before live and gives their files by model.
func grafanaReferences(t *testing.T, gen *embedded.Generator, live time.Time, dir string) map[string]string {
	t.Helper()
	events := map[string]*remembered{}
	must(t, gen.Events(live.Add(-8*24*time.Hour), live, false, func(e *embedded.Event) error {
		r := events[e.Model]
		if r == nil {
			r = &remembered{}
			events[e.Model] = r
		}
		r.json, r.at = append(r.json, renamed(e)), append(r.at, e.At.UnixNano())
		return nil
	}))
	files := map[string]string{}
	for _, m := range embedded.Models() {
		b, _, err := reference.Build(func() (reference.Source, error) { return events[m].walk(), nil }, reference.Options{Model: grafanaNames[m], Pairs: true, Lengths: []time.Duration{time.Hour, 24 * time.Hour},
			Location: time.UTC, Description: "eight days", Tags: []driftd.SegmentTag{{Tags: []string{"country"}}, {Tags: []string{"version"}}}})
		must(t, err)
		raw, err := b.File()
		must(t, err)
		path := filepath.Join(dir, m+".ref")
		must(t, os.WriteFile(path, raw, 0o644))
		files[grafanaNames[m]] = path
	}
	return files
}

// produceGrafana writes four days of traffic with its changes, from the middle of an hour on (which is thereby incomplete), with some
// events that come three hours late, and records that cannot be used.
func produceGrafana(ctx context.Context, t *testing.T, broker, topic string, gen *embedded.Generator, live, end time.Time) {
	t.Helper()
	const partitions = 4
	cl, err := kgo.NewClient(kgo.SeedBrokers(broker), kgo.DefaultProduceTopic(topic), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(50*time.Millisecond))
	must(t, err)
	defer cl.Close()
	type lateOne struct {
		at     time.Time
		record *kgo.Record
	}
	var late []lateOne
	n := 0
	must(t, gen.Events(live.Add(25*time.Minute), end, true, func(e *embedded.Event) error {
		n++
		r := &kgo.Record{Value: renamed(e), Timestamp: e.At, Partition: int32(len(e.Key)*7+int(e.Key[len(e.Key)-1])) % partitions}
		if e.Model == embedded.Fraud && e.At.Sub(live).Truncate(time.Hour) == 60*time.Hour && n%3 == 0 {
			r.Timestamp = e.At.Add(3 * time.Hour)
			late = append(late, lateOne{r.Timestamp, r})
			return nil
		}
		for len(late) > 0 && !late[0].at.After(e.At) {
			cl.Produce(ctx, late[0].record, nil)
			late = late[1:]
		}
		cl.Produce(ctx, r, nil)
		return nil
	}))
	must(t, cl.Flush(ctx))
	for i, v := range []string{`{"model":`, `{"features":{"amount":1}}`} {
		cl.Produce(ctx, &kgo.Record{Value: []byte(v), Timestamp: end, Partition: int32(i)}, nil)
	}
	must(t, cl.Flush(ctx))
}

// startGrafanaData fills ClickHouse and Prometheus by a real driftd on a real Kafka.
func startGrafanaData(ctx context.Context, t *testing.T) *grafana {
	t.Helper()
	began := time.Now()
	dir := t.TempDir()
	bin := driftdBinary(t)
	k, ch := startKafka(t), startClickHouse(t)
	am, err := stack.StartAlertmanager(ctx, t.TempDir(), "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n")
	must(t, err)
	t.Cleanup(am.Stop)
	listen := freeAddr(t)
	prom, err := stack.StartPrometheus(ctx, t.TempDir(), fmt.Sprintf("global: {scrape_interval: 1s}\nscrape_configs:\n  - {job_name: driftd, static_configs: [{targets: [%q]}]}\n", listen))
	must(t, err)
	t.Cleanup(prom.Stop)

	end := time.Now().UTC().Truncate(time.Hour)
	live := end.Add(-embedded.LiveSpan)
	gen := embedded.New(1, live)
	files := grafanaReferences(t, gen, live, dir)
	client, err := kafka.New(kafka.Config{Brokers: []string{k.Bootstrap}})
	must(t, err)
	t.Cleanup(client.Close)
	must(t, client.EnsureTopics(ctx, []kafka.TopicSpec{{Name: "events", Partitions: 4, Replication: 1}}))

	config := fmt.Appendf(nil, `
kafka: {brokers: [%q], replication: 1, partitions: 2}
sources: [{topic: events}]
defaults: {segments: [country, version], windows: [1h, 1d]}
sinks:
  clickhouse: {addresses: [%q], database: driftd, username: %q, password_env: CH_PASSWORD}
alerts: {alertmanagers: [%q, "http://%s"], page_max_age: 300h, interval: 1s}
http: {listen: %q}
start: earliest
models:
`, k.Bootstrap, ch.Native, ch.User, am.URL, freeAddr(t), listen)
	for name, file := range files {
		quotedName, err := json.Marshal(name)
		must(t, err)
		config = fmt.Appendf(config, "  %s: {reference: {file: %q}}\n", quotedName, file)
	}
	path := filepath.Join(dir, "driftd.yml")
	must(t, os.WriteFile(path, config, 0o644))
	t.Setenv("CH_PASSWORD", ch.Password)
	log := filepath.Join(dir, "driftd.log")
	t.Cleanup(func() {
		if t.Failed() {
			b, _ := os.ReadFile(log)
			t.Logf("driftd's log:\n%s", b[max(0, len(b)-4000):])
		}
	})
	t.Logf("servers and references after %.1f s", time.Since(began).Seconds())
	d := startDaemon(t, bin, path, log)
	t.Cleanup(func() { d.terminate(t) })
	produceGrafana(ctx, t, k.Bootstrap, "events", gen, live, end)
	t.Logf("produced after %.1f s", time.Since(began).Seconds())
	conn := dialClickHouse(ctx, t, ch)
	last := end.Add(-2 * time.Hour).Format("2006-01-02 15:04:05")
	until(ctx, t, "the last windows of all models", func() bool {
		return countWhere(ctx, conn, "driftd_windows", "segment = 'all' AND window_length = 3600 AND window_start >= '"+last+"'") >= 3
	})
	t.Logf("all windows in ClickHouse after %.1f s", time.Since(began).Seconds())
	u, err := url.Parse(prom.URL)
	must(t, err)
	return &grafana{click: ch, prom: u.String(), from: live.Add(-24 * time.Hour), to: time.Now(), vars: map[string]string{"instance": ".*"}}
}
