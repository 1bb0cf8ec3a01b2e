//go:build e2e

package e2e

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/e2e/stack"
	"github.com/driftd/driftd/internal/kafka"
	"github.com/driftd/driftd/sinks/prometheus"
)

// carLoan is the data set beside the project (it is not part of it).
func carLoan(t *testing.T, part string) string {
	t.Helper()
	path := filepath.Join("..", "..", "shared", "data", "nannyml_car_loan", "synthetic_car_loan_"+part+".csv.gz")
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("the data set is not here: %v", err)
	}
	return path
}

func readCSV(t *testing.T, path string) (header []string, rows [][]string) {
	t.Helper()
	f, err := os.Open(path)
	must(t, err)
	defer func() { _ = f.Close() }() // was only read
	z, err := gzip.NewReader(f)
	must(t, err)
	all, err := csv.NewReader(z).ReadAll()
	must(t, err)
	return all[0], all[1:]
}

// writeCSV writes rows of the columns in header, taken from rows with the header from.
func writeCSV(t *testing.T, path string, header, from []string, rows [][]string) {
	t.Helper()
	f, err := os.Create(path)
	must(t, err)
	w := csv.NewWriter(f)
	must(t, w.Write(header))
	at := make([]int, len(header))
	for i, name := range header {
		for j, other := range from {
			if other == name {
				at[i] = j
			}
		}
	}
	for _, r := range rows {
		out := make([]string, len(header))
		for i, j := range at {
			out[i] = r[j]
		}
		must(t, w.Write(out))
	}
	w.Flush()
	must(t, w.Error())
	must(t, f.Close())
}

// driftdBinary builds the command as users get it.
func driftdBinary(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "driftd")
	out, err := exec.Command("go", "build", "-o", path, "../cmd/driftd").CombinedOutput()
	if err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return path
}

func command(ctx context.Context, t *testing.T, bin string, args ...string) string {
	t.Helper()
	c := exec.CommandContext(ctx, bin, args...)
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("driftd %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	t.Logf("driftd %s\n%s", strings.Join(args, " "), out)
	return string(out)
}

// daemon is a `driftd run` in a process of its own.
type daemon struct {
	cmd *exec.Cmd
	log *os.File
}

func startDaemon(t *testing.T, bin, config, log string) *daemon {
	t.Helper()
	f, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	must(t, err)
	c := exec.Command(bin, "run", "-c", config)
	c.Stdout, c.Stderr = f, f
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	must(t, c.Start())
	return &daemon{c, f}
}

func (d *daemon) kill9(t *testing.T) {
	t.Helper()
	must(t, d.cmd.Process.Kill())
	_ = d.cmd.Wait() // killed, as asked
	_ = d.log.Close()
}

func (d *daemon) terminate(t *testing.T) {
	t.Helper()
	must(t, d.cmd.Process.Signal(syscall.SIGTERM))
	done := make(chan error, 1)
	go func() { done <- d.cmd.Wait() }()
	select {
	case err := <-done:
		if err != nil {
			t.Errorf("driftd ended with %v after SIGTERM", err)
		}
	case <-time.After(30 * time.Second):
		t.Error("driftd did not end within 30 s of SIGTERM")
		_ = d.cmd.Process.Kill()
	}
	_ = d.log.Close()
}

func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	return l.Addr().String()
}

func until(ctx context.Context, t *testing.T, what string, ok func() bool) {
	t.Helper()
	for !ok() {
		select {
		case <-ctx.Done():
			t.Fatalf("timed out waiting for %s", what)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// keepAlive starts ClickHouse again should it end: the embedded build was seen
// to do so once when a client was killed. The sink has to bear that.
func keepAlive(ctx context.Context, t *testing.T, ch *stack.ClickHouse) {
	t.Helper()
	ctx, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	t.Cleanup(func() { stop(); <-done })
	go func() {
		defer close(done)
		for failures := 0; ; {
			select {
			case <-ctx.Done():
				return
			case <-time.After(500 * time.Millisecond):
			}
			c, err := net.DialTimeout("tcp", ch.Native, time.Second)
			if err == nil {
				failures = 0
				_ = c.Close()
				continue
			}
			if failures++; failures < 4 || ctx.Err() != nil {
				continue
			}
			b, _ := os.ReadFile(ch.Log())
			t.Logf("ClickHouse ended by itself (%v) and is started again; the end of its log:\n%s", err, b[max(0, len(b)-3000):])
			ch.Kill9() // what is left of it
			if err := ch.Restart(ctx); err != nil && ctx.Err() == nil {
				t.Errorf("restart ClickHouse: %v", err)
				return
			}
			failures = 0
		}
	}()
}

// The whole path on real servers: a reference is built and pushed, 55 hours of
// events are produced, driftd is killed with -9 on the way. The rows in
// ClickHouse are bit-identical to a replay's; a person hears once of the drift
// and once of its end; Prometheus has every metric.
func TestCarLoanEndToEnd(t *testing.T) {
	ctx := contextOf(t, 4*time.Minute)
	dir := t.TempDir()
	bin := driftdBinary(t)
	k, ch := startKafka(t), startClickHouse(t)
	keepAlive(ctx, t, ch)
	hook, err := stack.StartWebhook()
	must(t, err)
	t.Cleanup(func() { must(t, hook.Stop()) })
	amConfig, err := os.ReadFile("../deploy/alertmanager/alertmanager.yml")
	must(t, err)
	am, err := stack.StartAlertmanager(ctx, t.TempDir(), stack.AlertmanagerConfig(string(amConfig), hook.URL))
	must(t, err)
	t.Cleanup(am.Stop)
	listen := freeAddr(t)
	prom, err := stack.StartPrometheus(ctx, t.TempDir(), fmt.Sprintf("global: {scrape_interval: 1s}\nscrape_configs:\n  - {job_name: driftd, static_configs: [{targets: [%q]}]}\n", listen))
	must(t, err)
	t.Cleanup(prom.Stop)

	client, err := kafka.New(kafka.Config{Brokers: []string{k.Bootstrap}})
	must(t, err)
	t.Cleanup(client.Close)
	must(t, client.EnsureTopics(ctx, []kafka.TopicSpec{{Name: "predictions", Partitions: 4, Replication: 1}, {Name: "payments", Partitions: 1, Replication: 1}}))

	// 50,000 rows of the analysis, 5,000 of the reference so that the incident
	// resolves, and some more that move the frontier past the last whole window.
	header, analysis := readCSV(t, carLoan(t, "analysis"))
	refHeader, ref := readCSV(t, carLoan(t, "reference"))
	part1, part2, whole := filepath.Join(dir, "part1.csv"), filepath.Join(dir, "part2.csv"), filepath.Join(dir, "whole.csv")
	back := filepath.Join(dir, "back.csv")
	writeCSV(t, back, header, refHeader, ref[:5200])
	_, backRows := plainCSV(t, back)
	all := append(append([][]string{}, analysis...), backRows...)
	writeCSV(t, part1, header, header, all[:40_000])
	writeCSV(t, part2, header, header, all[40_000:])
	writeCSV(t, whole, header, header, all)

	start := time.Now().UTC().Truncate(time.Hour).Add(-60 * time.Hour)
	flags := []string{"--model", "car", "--window-rows", "1000", "--score", "y_pred_proba", "--class", "y_pred"}
	reference := filepath.Join(dir, "car.ref")
	command(ctx, t, bin, append([]string{"reference", "build", carLoan(t, "reference"), "-o", reference, "--exclude", "id,timestamp,repaid"}, flags...)...)

	config := filepath.Join(dir, "driftd.yml")
	must(t, os.WriteFile(config, fmt.Appendf(nil, `
kafka: {brokers: [%q], replication: 1}
sources:
  - {topic: predictions, idle_timeout: 30m, models: [car]}
  - {topic: payments, idle_timeout: 30m, model: payments}
defaults: {windows: [1h]}
models:
  car: {labels: {team: risk}}
sinks:
  clickhouse: {addresses: [%q], database: driftd, username: %q, password_env: CH_PASSWORD}
alerts: {alertmanagers: [%q], page_max_age: 168h, interval: 1s}
http: {listen: %q}
start: earliest
`, k.Bootstrap, ch.Native, ch.User, am.URL, listen), 0o644))
	t.Setenv("CH_PASSWORD", ch.Password)
	command(ctx, t, bin, "reference", "push", reference, "-c", config)
	produceTransactions(ctx, t, k.Bootstrap, "payments", start)

	log := filepath.Join(dir, "driftd.log")
	t.Cleanup(func() {
		if t.Failed() {
			b, _ := os.ReadFile(log)
			t.Logf("driftd's log:\n%s", b[max(0, len(b)-8000):])
		}
	})
	d := startDaemon(t, bin, config, log)
	produce := func(file string, at time.Time) {
		args := append([]string{"produce", "--brokers", k.Bootstrap, "--topic", "predictions", "--start", at.Format(time.RFC3339), "--exclude", "id,timestamp", "--rate", "12000"}, flags...)
		command(ctx, t, bin, append(args, file)...)
	}
	produced := make(chan struct{})
	go func() { defer close(produced); produce(part1, start) }()
	conn := dialClickHouse(ctx, t, ch)
	until(ctx, t, "the first rows in ClickHouse", func() bool { return count(ctx, conn, "driftd_windows") >= 5 })
	d.kill9(t)
	t.Logf("killed with -9 when ClickHouse had %d windows", count(ctx, conn, "driftd_windows"))
	<-produced
	d = startDaemon(t, bin, config, log)

	isAll := func(status string) func(stack.Notification, stack.Alert) bool {
		return func(_ stack.Notification, a stack.Alert) bool {
			return a.Status == status && a.Labels["model"] == "car" && a.Labels["segment"] == "all"
		}
	}
	fired, err := hook.Wait(ctx, isAll("firing"))
	must(t, err)
	if fired.Labels["team"] != "risk" || !fired.StartsAt.Equal(start.Add(25*time.Hour)) {
		t.Errorf("the alert has labels %v and starts at %v; want team risk and %v", fired.Labels, fired.StartsAt, start.Add(25*time.Hour))
	}
	produce(part2, start.Add(40*time.Hour))
	_, err = hook.Wait(ctx, isAll("resolved"))
	must(t, err)
	until(ctx, t, "the last window", func() bool { return countWhere(ctx, conn, "driftd_windows", "model = 'car'") >= 55 })

	compareWithReplay(ctx, t, bin, conn, dir, reference, whole, start, flags)
	if n := sum(ctx, t, conn, "SELECT sum(n) FROM driftd.driftd_windows FINAL WHERE model = 'payments'"); n != 30 {
		t.Errorf("the transactional topic gave %d events; 30 were committed, 30 aborted", n)
	}
	allMetrics(ctx, t, prom.URL)
	d.terminate(t)
	firing := 0
	for _, n := range hook.Notifications() {
		for _, a := range n.Alerts {
			if n.Status == "firing" && a.Status == "firing" && a.Labels["model"] == "car" {
				firing++
				t.Logf("firing: %s", a.Annotations["summary"])
			}
		}
	}
	if firing != 1 {
		t.Errorf("the webhook got %d firing alerts, want exactly 1", firing)
	}
}

func plainCSV(t *testing.T, path string) (header []string, rows [][]string) {
	t.Helper()
	f, err := os.Open(path)
	must(t, err)
	defer func() { _ = f.Close() }() // was only read
	all, err := csv.NewReader(f).ReadAll()
	must(t, err)
	return all[0], all[1:]
}

// produceTransactions writes 3 committed and 3 aborted transactions of 10
// events in one hour, and a committed one three hours later.
func produceTransactions(ctx context.Context, t *testing.T, broker, topic string, start time.Time) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(broker), kgo.TransactionalID("e2e"), kgo.DefaultProduceTopic(topic), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	must(t, err)
	defer cl.Close()
	for tx := range 7 {
		must(t, cl.BeginTransaction())
		n, at := 10, start.Add(10*time.Minute)
		if tx == 6 {
			n, at = 1, start.Add(3*time.Hour)
		}
		for range n {
			cl.Produce(ctx, &kgo.Record{Value: []byte(`{"features":{"amount":1}}`), Timestamp: at}, nil)
		}
		must(t, cl.Flush(ctx))
		must(t, cl.EndTransaction(ctx, kgo.TransactionEndTry(tx%2 == 0)))
	}
}

func dialClickHouse(ctx context.Context, t *testing.T, c *stack.ClickHouse) driver.Conn {
	t.Helper()
	conn, err := clickhouse.Open(&clickhouse.Options{Addr: []string{c.Native}, Auth: clickhouse.Auth{Username: c.User, Password: c.Password}})
	must(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	must(t, conn.Ping(ctx))
	return conn
}

// count is 0 as long as the table does not exist.
func count(ctx context.Context, conn driver.Conn, table string) int {
	return countWhere(ctx, conn, table, "1")
}

func countWhere(ctx context.Context, conn driver.Conn, table, where string) int {
	var n uint64
	if err := conn.QueryRow(ctx, "SELECT count() FROM driftd."+table+" FINAL WHERE "+where).Scan(&n); err != nil {
		return 0
	}
	return int(n)
}

func sum(ctx context.Context, t *testing.T, conn driver.Conn, sql string) int {
	t.Helper()
	var n uint64
	must(t, conn.QueryRow(ctx, sql).Scan(&n))
	return int(n)
}

// compareWithReplay compares every column's window, to the bit, by ClickHouse's
// own rendering of the numbers and replay's.
func compareWithReplay(ctx context.Context, t *testing.T, bin string, conn driver.Conn, dir, reference, input string, start time.Time, flags []string) {
	t.Helper()
	out := filepath.Join(dir, "replay.jsonl")
	command(ctx, t, bin, append([]string{"replay", "--reference", reference, "--input", input, "--output", out, "--start", start.Format(time.RFC3339), "--exclude", "id,timestamp"}, flags...)...)
	f, err := os.Open(out)
	must(t, err)
	defer func() { _ = f.Close() }() // was only read
	want := map[string]string{}
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var r driftd.Result
		must(t, json.Unmarshal(bytes.Clone(lines.Bytes()), &r))
		if c := r.Column; c != nil && c.Complete == 1 {
			id, row := rowText(c)
			want[id] = row
		}
	}
	must(t, lines.Err())
	rows, err := conn.Query(ctx, "SELECT column, window_start, n, n_eff, effect, p_value, alpha, mde, verdict, flag, evaluated, score, moved, tests.name, tests.statistic, tests.effect, tests.threshold, tests.p_value, tests.drift, tests.warning, tests.note, bins, quantiles, mean, nulls, nans, type_errors, complete, reason, late, reference FROM driftd.driftd_columns FINAL WHERE model = 'car' AND window_start < ?", start.Add(55*time.Hour))
	must(t, err)
	defer func() { _ = rows.Close() }() // rows.Err tells
	got := map[string]string{}
	for rows.Next() {
		id, row := scanRow(t, rows)
		got[id] = row
	}
	must(t, rows.Err())
	if len(got) != len(want) || len(want) < 55*9 {
		t.Errorf("ClickHouse has %d rows, replay %d", len(got), len(want))
	}
	bad := 0
	for id, w := range want {
		if g := got[id]; g != w {
			if bad++; bad <= 3 {
				t.Errorf("%s differs (-replay +clickhouse):\n%s", id, cmp.Diff(w, g))
			}
		}
	}
	t.Logf("%d rows in ClickHouse, %d of the replay, %d differ", len(got), len(want), bad)
}

func num(x any) string {
	switch v := x.(type) {
	case *float64:
		if v == nil {
			return "null"
		}
		return num(*v)
	case float64:
		if v != v {
			return "null"
		}
		b, _ := driftd.Float(v).MarshalJSON()
		return string(b)
	case driftd.Float:
		return num(float64(v))
	}
	return fmt.Sprint(x)
}

func rowText(c *driftd.ColumnResult) (id, row string) {
	var b strings.Builder
	for _, v := range []any{c.N, c.NEff, c.Effect, c.PValue, c.Alpha, c.MDE, c.Verdict, c.Flag, c.Evaluated, c.Score, c.Moved} {
		b.WriteString(num(v) + "|")
	}
	for _, x := range c.Tests {
		b.WriteString(x.Name + " " + num(x.Statistic) + " " + num(x.Effect) + " " + num(x.Threshold) + " " + num(x.PValue) + fmt.Sprintf(" %v %v %s|", x.Drift, x.Warning, x.Note))
	}
	fmt.Fprintf(&b, "%v|", c.Bins)
	for _, q := range c.Quantiles {
		b.WriteString(num(q) + " ")
	}
	for _, v := range []any{c.Mean, c.Nulls, c.NaNs, c.TypeErrors, c.Complete, c.Reason, c.Late, c.Reference} {
		b.WriteString("|" + num(v))
	}
	return c.Column + " " + c.WindowStart.Format(time.RFC3339), b.String()
}

func scanRow(t *testing.T, rows driver.Rows) (id, row string) {
	t.Helper()
	var (
		c                               driftd.ColumnResult
		verdict                         string
		nEff, effect, p, a, mde, score  *float64
		mean                            *float64
		names, notes                    []string
		drifts, warnings                []bool
		statistic, effects, thres, pval []float64
		quantiles                       []float64
		complete                        uint8
	)
	must(t, rows.Scan(&c.Column, &c.WindowStart, &c.N, &nEff, &effect, &p, &a, &mde, &verdict, &c.Flag, &c.Evaluated, &score, &c.Moved, &names, &statistic, &effects, &thres, &pval, &drifts, &warnings, &notes, &c.Bins, &quantiles, &mean, &c.Nulls, &c.NaNs, &c.TypeErrors, &complete, &c.Reason, &c.Late, &c.Reference))
	f := func(x *float64) driftd.Float {
		if x == nil {
			return driftd.Float(nan())
		}
		return driftd.Float(*x)
	}
	c.NEff, c.Effect, c.PValue, c.Alpha, c.MDE, c.Score, c.Mean = f(nEff), f(effect), f(p), f(a), f(mde), f(score), f(mean)
	c.Verdict, c.Complete = driftd.Verdict(verdict), int(complete)
	for i := range names {
		c.Tests = append(c.Tests, driftd.TestResult{Name: names[i], Statistic: driftd.Float(statistic[i]), Effect: driftd.Float(effects[i]), Threshold: driftd.Float(thres[i]), PValue: driftd.Float(pval[i]),
			Drift: drifts[i], Warning: warnings[i], Note: notes[i]})
	}
	for _, q := range quantiles {
		c.Quantiles = append(c.Quantiles, driftd.Float(q))
	}
	c.WindowStart = c.WindowStart.UTC()
	return rowText(&c)
}

func nan() float64 { var z float64; return z / z }

// allMetrics asks Prometheus for every metric that the code declares.
func allMetrics(ctx context.Context, t *testing.T, base string) {
	t.Helper()
	missing := map[string]bool{}
	for _, name := range prometheus.New(prometheus.Config{}, nil, nil).Names() {
		missing[name] = true
	}
	deadline := time.Now().Add(20 * time.Second)
	for len(missing) > 0 && time.Now().Before(deadline) {
		for name := range missing {
			if hasMetric(ctx, base, name) {
				delete(missing, name)
			}
		}
		time.Sleep(500 * time.Millisecond)
	}
	if len(missing) > 0 {
		t.Errorf("Prometheus has no sample of %v", missing)
	}
}

func hasMetric(ctx context.Context, base, name string) bool {
	q := fmt.Sprintf(`{__name__=~"%s(_count)?"}`, name)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/api/v1/query?query="+url.QueryEscape(q), nil)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return err == nil && strings.Contains(string(b), `"metric"`)
}
