//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/driftd/driftd/e2e/stack"
)

// What deploy/compose starts, without its containers: the past comes into the topic, references are learned from it, and
// with the config as users get it the models are judged within moments. That each change is found is the demo's affair.
func TestComposeStackJudgesTheDemo(t *testing.T) {
	ctx := contextOf(t, 2*time.Minute)
	dir := t.TempDir()
	bin := driftdBinary(t)
	k, ch := startKafka(t), startClickHouse(t)
	keepAlive(ctx, t, ch)
	am, err := os.ReadFile("../deploy/alertmanager/alertmanager.yml")
	must(t, err)
	a, err := stack.StartAlertmanager(ctx, t.TempDir(), string(am))
	must(t, err)
	t.Cleanup(a.Stop)

	b, err := os.ReadFile("../deploy/compose/driftd.yml")
	must(t, err)
	listen := freeAddr(t)
	text := string(b)
	for _, r := range [][2]string{{"kafka:29092", k.Bootstrap}, {"clickhouse:9000", ch.Native}, {"http://alertmanager:9093", a.URL}, {`":9110"`, `"` + listen + `"`}} {
		if !strings.Contains(text, r[0]) {
			t.Fatalf("deploy/compose/driftd.yml has no %s any more: adapt the test", r[0])
		}
		text = strings.ReplaceAll(text, r[0], r[1])
	}
	config, log := filepath.Join(dir, "driftd.yml"), filepath.Join(dir, "driftd.log")
	must(t, os.WriteFile(config, []byte(text), 0o644))
	t.Cleanup(func() {
		if b, _ := os.ReadFile(log); t.Failed() {
			t.Logf("the log of driftd:\n%s", b[max(0, len(b)-8000):])
		}
	})

	command(ctx, t, bin, "produce", "--brokers", k.Bootstrap, "--topic", "demo.predictions", "--demo", "--no-live")
	t.Setenv("CLICKHOUSE_PASSWORD", ch.Password)
	startDaemon(t, bin, config, log)
	conn := dialClickHouse(ctx, t, ch)
	until(ctx, t, "verdicts on all three models and their countries", func() bool {
		var series uint64
		err := conn.QueryRow(ctx, `SELECT uniqExact(model, segment) FROM driftd.driftd_windows
			WHERE window_length = 3600 AND verdict IN ('ok', 'drift') AND labels['team'] != ''`).Scan(&series)
		return err == nil && series == 9
	})
	command(ctx, t, bin, "healthcheck", "http://"+listen+"/-/ready")
}
