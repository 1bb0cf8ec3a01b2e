//go:build e2e

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/driftd/driftd/e2e/stack"
)

// Every query that the runbooks tell people to type is one that the servers take.
func TestRunbookQueries(t *testing.T) {
	ctx := contextOf(t, time.Minute)
	c := startClickHouse(t)
	openWriter(ctx, t, writerConfig(c)) // makes the tables
	conn := openClickHouse(t, c, c.User, c.Password)
	p, err := stack.StartPrometheus(ctx, t.TempDir(), "global: {}\n")
	must(t, err)
	t.Cleanup(p.Stop)

	files, err := filepath.Glob("../docs/runbooks/*.md")
	must(t, err)
	sql, promql := map[string]string{}, map[string]string{}
	for _, f := range files {
		b, err := os.ReadFile(f)
		must(t, err)
		for line := range strings.Lines(string(b)) {
			line = strings.TrimSpace(line)
			if q, ok := strings.CutPrefix(line, `clickhouse-client --query "`); ok {
				sql[strings.TrimSuffix(q, `"`)] = f
			}
			if q, ok := strings.CutPrefix(line, "promtool query instant http://localhost:9090 '"); ok {
				promql[strings.TrimSuffix(q, "'")] = f
			}
		}
	}
	if len(sql) < 10 || len(promql) < 20 {
		t.Fatalf("%d queries of SQL and %d of PromQL were found", len(sql), len(promql))
	}
	for q, f := range sql {
		q, _, _ = strings.Cut(q, " FORMAT ") // the client's business
		if err := conn.Exec(ctx, q); err != nil {
			t.Errorf("%s: %s: %v", f, q, err)
		}
	}
	for q, f := range promql {
		if out, err := exec.CommandContext(ctx, "promtool", "query", "instant", p.URL, q).CombinedOutput(); err != nil {
			t.Errorf("%s: %s: %v: %s", f, q, err, out)
		}
	}
}
