//go:build e2e

package e2e

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/e2e/stack"
	"github.com/driftd/driftd/sinks/clickhouse"
)

// statements are those of a file; one ends with a line that ends in a semicolon.
func statements(t *testing.T, name string) (all []string) {
	t.Helper()
	b, err := os.ReadFile(name)
	must(t, err)
	text := regexp.MustCompile(`(?m)^--.*$`).ReplaceAllString(string(b), "")
	for s := range strings.SplitSeq(text, ";\n") {
		if s = strings.TrimSpace(s); s != "" {
			all = append(all, s)
		}
	}
	return all
}

// The users of deploy/clickhouse can do what they are for, and nothing else. This server keeps users in files alone, so
// they come from users.d/driftd.xml; of grants.sql the server checks that it can be read, and a test in deploy that it
// grants the same.
func TestClickHouseGrants(t *testing.T) {
	ctx := contextOf(t, 30*time.Second)
	t.Setenv("DRIFTD_PASSWORD", "change-me-writer")
	t.Setenv("GRAFANA_PASSWORD", "change-me-reader")
	dir := t.TempDir()
	users, err := os.ReadFile("../deploy/clickhouse/users.d/driftd.xml")
	must(t, err)
	users = []byte(strings.NewReplacer("<driftd>", "<least>", "</driftd>", "</least>").Replace(string(users))) // the stack's administrator is called driftd
	one := regexp.MustCompile(`(?s)<least>.*</least>`).FindString(string(users))
	engineless := strings.NewReplacer("least>", "engineless>", "<query>GRANT TABLE ENGINE ON ReplacingMergeTree</query>", "").Replace(one)
	users = []byte(strings.Replace(string(users), one, one+engineless, 1))
	must(t, os.MkdirAll(filepath.Join(dir, "clickhouse", "users.d"), 0o755))
	must(t, os.WriteFile(filepath.Join(dir, "clickhouse", "users.d", "driftd.xml"), users, 0o644))
	c, err := stack.StartClickHouse(ctx, dir)
	must(t, err)
	t.Cleanup(c.Kill9)
	admin := openClickHouse(t, c, c.User, c.Password)
	for _, s := range statements(t, "../deploy/clickhouse/grants.sql") {
		if err := admin.Exec(ctx, "EXPLAIN AST "+s); err != nil {
			t.Errorf("grants.sql: %s: %v", s, err)
		}
	}
	user := func(name, password string) clickhouse.Config {
		cfg := writerConfig(c)
		cfg.Username, cfg.Password = name, password
		cfg.Hooks.Retried = func(_ string, err error) { t.Errorf("%s: %v", name, err) }
		return cfg
	}
	refused := func(name, password string, queries ...string) {
		t.Helper()
		conn := openClickHouse(t, c, name, password)
		for _, s := range queries {
			if err := conn.Exec(ctx, s); err == nil || !strings.Contains(err.Error(), "Not enough privileges") && !strings.Contains(err.Error(), "readonly") {
				t.Errorf("%s: %s: %v, want a refusal", name, s, err)
			}
		}
	}

	// The right to an engine is easily forgotten: the check names it, and so does the error of whoever did not check.
	without := user("engineless", "change-me-writer")
	f, err := clickhouse.Look(ctx, without)
	must(t, err)
	if len(f.Missing) != 1 || f.Missing[0] != "TABLE ENGINE ON ReplacingMergeTree" || f.Unchecked != nil {
		t.Errorf("a user without the right to the engine lacks %q, %v", f.Missing, f.Unchecked)
	}
	var told string
	short, stop := context.WithTimeout(ctx, 3*time.Second)
	defer stop()
	without.Hooks.Retried = func(_ string, err error) { told = err.Error(); stop() }
	w := clickhouse.New(without)
	if err := w.Open(short); err == nil {
		t.Error("tables were made without the right to their engine")
	}
	must(t, w.Close())
	if !strings.Contains(told, "GRANT TABLE ENGINE ON ReplacingMergeTree TO the user") {
		t.Errorf("the error without the right to the engine: %s", told)
	}

	// driftd makes the database and the tables by itself, writes, and changes the retention.
	w = openWriter(ctx, t, user("least", "change-me-writer"))
	must(t, w.Write(ctx, []driftd.Result{windowResult("fraud", 0, 1), columnResult("amount", 0, 1), incidentResult(driftd.StateOpen, 1)}))
	longer := user("least", "change-me-writer")
	longer.Retention = 500 * 24 * time.Hour
	openWriter(ctx, t, longer)
	refused("least", "change-me-writer", "DROP TABLE driftd.driftd_windows", "TRUNCATE TABLE driftd.driftd_windows",
		"ALTER TABLE driftd.driftd_windows DELETE WHERE 1", "CREATE DATABASE other", "CREATE USER x", "SELECT * FROM system.users")

	// Grafana reads, with settings of its own.
	reader := openClickHouse(t, c, "grafana", "change-me-reader")
	if n := query[uint64](ctx, t, reader, "SELECT count() FROM driftd.driftd_columns FINAL SETTINGS max_execution_time = 10"); n != 1 {
		t.Errorf("grafana sees %d rows, want 1", n)
	}
	refused("grafana", "change-me-reader", "INSERT INTO driftd.driftd_migrations (version) VALUES (9)", "DROP TABLE driftd.driftd_windows",
		"CREATE TABLE driftd.t (x Int8) ENGINE = Memory", "SELECT * FROM system.users")
}

// schema.sql makes the very tables that driftd makes, and a driftd that may only write finds nothing left to do.
func TestClickHouseSchemaFile(t *testing.T) {
	ctx := contextOf(t, 30*time.Second)
	tables := func(conn driver.Conn) string {
		return query[string](ctx, t, conn, "SELECT arrayStringConcat(groupArray(create_table_query), '\n') FROM (SELECT create_table_query FROM system.tables WHERE database = 'driftd' ORDER BY name)")
	}
	byFile := startClickHouse(t)
	admin := openClickHouse(t, byFile, byFile.User, byFile.Password)
	for _, s := range statements(t, "../deploy/clickhouse/schema.sql") {
		must(t, admin.Exec(ctx, s))
	}
	must(t, writeAs(ctx, t, byFile, byFile.InsertUser))
	made := tables(admin)

	must(t, admin.Exec(ctx, "DROP DATABASE driftd SYNC"))
	openWriter(ctx, t, writerConfig(byFile))
	if own := tables(admin); own != made || !strings.Contains(made, "driftd_incidents") {
		t.Errorf("schema.sql made\n%s\nand driftd makes\n%s", made, own)
	}
}

func writeAs(ctx context.Context, t *testing.T, c *stack.ClickHouse, user string) error {
	t.Helper()
	cfg := writerConfig(c)
	cfg.Username = user
	return openWriter(ctx, t, cfg).Write(ctx, []driftd.Result{windowResult("fraud", 0, 1), columnResult("amount", 0, 1)})
}
