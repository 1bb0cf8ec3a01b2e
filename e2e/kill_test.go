//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/driftd/driftd/internal/kafka"
)

// kills is how often a process dies. After each the groups wait out the dead
// member's session of 10 s, unless the next kill comes first.
const kills = 8

// seedOf is DRIFTD_SEED, or a new seed; it is printed, so that a run can be had again.
func seedOf(t *testing.T) uint64 {
	t.Helper()
	seed := uint64(time.Now().UnixNano() % 1_000_000)
	if s := os.Getenv("DRIFTD_SEED"); s != "" {
		var err error
		seed, err = strconv.ParseUint(s, 10, 64)
		must(t, err)
	}
	t.Logf("DRIFTD_SEED=%d", seed)
	return seed
}

// [E9] Two processes share the groups, and one or the other is killed with -9
// again and again while events come in, also in the middle of a rebalance. What
// ends up in ClickHouse is bit-identical to a replay, and nothing else was ever
// written on the way.
func TestKilledManyTimes(t *testing.T) {
	ctx := contextOf(t, 4*time.Minute)
	rng := rand.New(rand.NewPCG(seedOf(t), 0))
	dir := t.TempDir()
	bin := driftdBinary(t)
	k, ch := startKafka(t), startClickHouse(t)
	keepAlive(ctx, t, ch)

	client, err := kafka.New(kafka.Config{Brokers: []string{k.Bootstrap}})
	must(t, err)
	t.Cleanup(client.Close)
	must(t, client.EnsureTopics(ctx, []kafka.TopicSpec{{Name: "predictions", Partitions: 4, Replication: 1}}))

	header, analysis := readCSV(t, carLoan(t, "analysis"))
	refHeader, ref := readCSV(t, carLoan(t, "reference"))
	whole, back := filepath.Join(dir, "whole.csv"), filepath.Join(dir, "back.csv")
	writeCSV(t, back, header, refHeader, ref[:5200])
	_, backRows := plainCSV(t, back)
	writeCSV(t, whole, header, header, slices.Concat(analysis, backRows))

	start := time.Now().UTC().Truncate(time.Hour).Add(-60 * time.Hour)
	flags := []string{"--model", "car", "--window-rows", "1000", "--score", "y_pred_proba", "--class", "y_pred"}
	reference := filepath.Join(dir, "car.ref")
	command(ctx, t, bin, append([]string{"reference", "build", carLoan(t, "reference"), "-o", reference, "--pairs", "--exclude", "id,timestamp,repaid"}, flags...)...)

	t.Setenv("CH_PASSWORD", ch.Password)
	const columns = "models: {car: {columns: {car_value: {sequential: [{adwin: {clock: 1}}, {page_hinkley: {threshold: 500, min_instances: 5}}, {kswin: {window_size: 20, stat_size: 8}}, cusum]}, prediction.score: {sequential: [hddm_a, hddm_w, fhddm, ddm]}}}}\n"
	replayed := filepath.Join(dir, "replay.yml")
	must(t, os.WriteFile(replayed, []byte(columns), 0o644))
	var daemons [2]*daemon
	var configs, logs [2]string
	for i := range daemons {
		configs[i], logs[i] = filepath.Join(dir, fmt.Sprintf("driftd%d.yml", i)), filepath.Join(dir, fmt.Sprintf("driftd%d.log", i))
		must(t, os.WriteFile(configs[i], fmt.Appendf(nil, `
kafka: {brokers: [%q], replication: 1}
sources:
  - {topic: predictions, idle_timeout: 30m, models: [car]}
defaults: {windows: [1h]}
sinks:
  clickhouse: {addresses: [%q], database: driftd, username: %q, password_env: CH_PASSWORD}
alerts: {page_max_age: 168h}
http: {listen: %q}
start: earliest
%s`, k.Bootstrap, ch.Native, ch.User, freeAddr(t), columns), 0o644))
	}
	command(ctx, t, bin, "reference", "push", reference, "-c", configs[0])
	t.Cleanup(func() {
		for i := range logs {
			if b, _ := os.ReadFile(logs[i]); t.Failed() {
				t.Logf("the log of process %d:\n%s", i, b[max(0, len(b)-8000):])
			}
		}
	})
	for i := range daemons {
		daemons[i] = startDaemon(t, bin, configs[i], logs[i])
	}

	produced := make(chan struct{})
	go func() {
		defer close(produced)
		args := append([]string{"produce", "--brokers", k.Bootstrap, "--topic", "predictions", "--start", start.Format(time.RFC3339), "--exclude", "id,timestamp", "--rate", "800"}, flags...)
		command(ctx, t, bin, append(args, whole)...)
	}()
	conn := dialClickHouse(ctx, t, ch)
	until(ctx, t, "the first rows in ClickHouse", func() bool { return count(ctx, conn, "driftd_windows") >= 2 })
	for range kills {
		// Before the dead member's session is over the rebalance still waits for it;
		// soon after, tasks take their partitions over and make up for lost time.
		gap := 300*time.Millisecond + time.Duration(rng.Int64N(int64(6*time.Second)))
		if rng.IntN(2) == 0 {
			gap = 10500*time.Millisecond + time.Duration(rng.Int64N(int64(4*time.Second)))
		}
		time.Sleep(gap)
		victim := rng.IntN(len(daemons))
		daemons[victim].kill9(t)
		t.Logf("killed process %d after %v, when ClickHouse had %d windows", victim, gap.Round(time.Millisecond), count(ctx, conn, "driftd_windows"))
		daemons[victim] = startDaemon(t, bin, configs[victim], logs[victim])
	}
	<-produced
	until(ctx, t, "the last window", func() bool {
		return countWhere(ctx, conn, "driftd_windows", "model = 'car'") >= 55 && countWhere(ctx, conn, "driftd_columns", "model = 'car'") >= 55*9
	})
	until(ctx, t, "the end of the incident", func() bool { return countWhere(ctx, conn, "driftd_incidents", "state = 'resolved'") >= 1 })
	for _, d := range daemons {
		d.kill9(t) // one may have been started just now
	}

	compareWithReplay(ctx, t, bin, conn, dir, reference, whole, start, append(slices.Clone(flags), "-c", replayed))
	if n := countWhere(ctx, conn, "driftd_columns", "model = 'car' AND has(tests.name, 'adwin') AND has(tests.name, 'page_hinkley')"); n < 50 {
		t.Errorf("%d rows have sequential detectors", n)
	}
	oneVersion(ctx, t, conn, "driftd_windows", "model, segment, window_length, window_start")
	oneVersion(ctx, t, conn, "driftd_columns", "model, segment, column, window_length, window_start")
	resultsAgree(ctx, t, client, k.Bootstrap)
}

// oneVersion looks at every row that ClickHouse still holds, also those that
// newer ones replace.
func oneVersion(ctx context.Context, t *testing.T, conn driver.Conn, table, identity string) {
	t.Helper()
	if n := sum(ctx, t, conn, "SELECT count() FROM (SELECT 1 FROM driftd."+table+" GROUP BY "+identity+" HAVING uniqExact(toString(tuple(* EXCEPT (revision, config_hash, version)))) > 1)"); n != 0 {
		t.Errorf("%s holds versions of %d rows that differ", table, n)
	}
}

// resultsAgree reads all that was ever written to driftd.results: repeats of a
// row say the same, and the model had one incident, that opened and was resolved.
func resultsAgree(ctx context.Context, t *testing.T, client *kafka.Client, broker string) {
	t.Helper()
	n, err := client.Partitions(ctx, "driftd.results")
	must(t, err)
	parts := make([]int, n)
	for i := range parts {
		parts[i] = i
	}
	ends, err := client.Offsets(ctx, "driftd.results", parts, kafka.AtEnd)
	must(t, err)
	left := int64(0)
	for _, end := range ends {
		left += end
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(broker), kgo.ConsumeTopics("driftd.results"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	must(t, err)
	defer cl.Close()
	rows := map[string]string{}
	incidents := map[string][]string{} // states by id, in order, without repeats
	all, bad := left, 0
	for left > 0 {
		fetches := cl.PollFetches(ctx)
		must(t, fetches.Err0())
		for r := range fetches.RecordsAll() {
			left--
			var row map[string]any
			must(t, json.Unmarshal(r.Value, &row))
			for _, name := range []string{"revision", "config_hash", "version"} {
				delete(row, name)
			}
			id := fmt.Sprint(row["kind"], row["model"], row["segment"], row["column"], row["window_start"], row["window_length"], row["id"], row["state"], row["changed_at"])
			b, err := json.MarshalIndent(row, "", " ")
			must(t, err)
			if was, ok := rows[id]; ok && was != string(b) {
				if bad++; bad <= 3 {
					t.Errorf("%s was written in two versions:\n%s", id, cmp.Diff(was, string(b)))
				}
			}
			rows[id] = string(b)
			if row["kind"] == "incident" && row["model"] == "car" {
				key, state := fmt.Sprint(row["id"]), fmt.Sprint(row["state"])
				if !slices.Contains(incidents[key], state) {
					incidents[key] = append(incidents[key], state)
				}
			}
		}
	}
	if len(incidents) != 1 {
		t.Errorf("incidents: %v, want one", incidents)
	}
	for id, states := range incidents {
		if strings.Join(states, " ") != "open resolved" {
			t.Errorf("incident %s was %v, want open, then resolved", id, states)
		}
	}
	t.Logf("%d results written, %d rows, %d in versions that differ; incidents %v", all, len(rows), bad, incidents)
}
