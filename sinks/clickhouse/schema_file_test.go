package clickhouse

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write deploy/clickhouse/schema.sql anew")

// schemaFile is what migrate does on an empty server with a default Config, as
// one file for an administrator. It records the migrations, so that a driftd
// with no right to make tables finds nothing left to do.
func schemaFile(t *testing.T) string {
	t.Helper()
	all, err := migrations(schema)
	if err != nil {
		t.Fatal(err)
	}
	cfg := New(Config{}).cfg
	var b strings.Builder
	b.WriteString("-- Made from sinks/clickhouse/schema by `go test ./sinks/clickhouse -update`; change it there, by a new file.\n" +
		"-- driftd makes the same by itself where it may. Where it may not: clickhouse-client --multiquery < schema.sql\n")
	one := func(s string) {
		for line := range strings.Lines(cfg.fill(s)) { // nothing stands where ON CLUSTER would
			b.WriteString(strings.TrimRight(line, " \n") + "\n")
		}
	}
	one("\n" + createDatabase + ";")
	one("\n" + createMigrations + ";")
	for _, m := range all {
		fmt.Fprintf(&b, "\n-- %s\n", m.name)
		for _, s := range m.statements {
			one(s + ";")
		}
		one(fmt.Sprintf("INSERT INTO ${database}.%s (version, name, checksum, revision)\n    SELECT %d, '%s', '%s', toUnixTimestamp(now());",
			migrationsTable, m.version, m.name, m.checksum))
	}
	return b.String()
}

func TestSchemaFileIsFresh(t *testing.T) {
	const name = "../../deploy/clickhouse/schema.sql"
	want := schemaFile(t)
	if *update {
		if err := os.WriteFile(name, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, string(got)); d != "" {
		t.Errorf("%s is not what the migrations make: run go test ./sinks/clickhouse -update (-want +got):\n%s", name, d)
	}
}
