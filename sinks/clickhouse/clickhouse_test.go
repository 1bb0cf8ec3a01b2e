package clickhouse

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/driftd/driftd"
)

func TestSplit(t *testing.T) {
	got := split(`-- first; comment
CREATE TABLE a -- what it is
(
    x Int64 -- counted; in rows
);

  -- between
ALTER TABLE a ADD COLUMN IF NOT EXISTS y String DEFAULT ';'
;
SELECT 1`)
	want := []string{
		"CREATE TABLE a -- what it is\n(\n    x Int64 -- counted; in rows\n)",
		"ALTER TABLE a ADD COLUMN IF NOT EXISTS y String DEFAULT ';'\n",
		"SELECT 1",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestMigrationsAreNumberedWithoutGaps(t *testing.T) {
	for _, names := range [][]string{{"0002_a.sql"}, {"0001_a.sql", "0003_b.sql"}, {"0001_a.sql", "0001_b.sql"}, {"a.sql"}} {
		files := fstest.MapFS{}
		for _, n := range names {
			files["schema/"+n] = &fstest.MapFile{Data: []byte("SELECT 1;")}
		}
		if _, err := migrations(files); err == nil || !strings.Contains(err.Error(), "its number has to be 000") {
			t.Errorf("%v: %v, want an error that names the number", names, err)
		}
	}
}

// A process that dies between a statement and its record in driftd_migrations runs the statement again.
func TestMigrationsCanRunTwice(t *testing.T) {
	all, err := migrations(schema)
	if err != nil {
		t.Fatal(err)
	}
	again := regexp.MustCompile(`(?i)\b(IF NOT EXISTS|IF EXISTS|MODIFY)\b`)
	placeholder := regexp.MustCompile(`\$\{`)
	for _, m := range all {
		for _, s := range m.statements {
			if !again.MatchString(s) {
				t.Errorf("%s: a statement that fails the second time:\n%s", m.name, s)
			}
			if filled := New(Config{Cluster: "c"}).cfg.fill(s); placeholder.MatchString(filled) {
				t.Errorf("%s: an unknown placeholder:\n%s", m.name, filled)
			}
		}
	}
	if len(all) != 5 {
		t.Errorf("%d migrations, want 5: add those that are new to the released ones below", len(all))
	}
}

// Files of a release are never edited: a table that was made from one would differ from a new one without a trace.
func TestReleasedMigrationsStay(t *testing.T) {
	all, err := migrations(schema)
	if err != nil {
		t.Fatal(err)
	}
	released := map[uint32]string{} // version -> checksum; filled in by each release
	for _, m := range all {
		if want, ok := released[m.version]; ok && m.checksum != want {
			t.Errorf("%s was edited: write a new migration", m.name)
		}
	}
}

func TestClusterMakesTablesReplicated(t *testing.T) {
	const statement = "CREATE TABLE ${database}.t ${on_cluster} (x Int8) ENGINE = ${engine} TTL t + toIntervalDay(${retention_days})"
	for _, c := range []struct {
		cfg  Config
		want string
	}{
		{Config{}, "CREATE TABLE driftd.t  (x Int8) ENGINE = ReplacingMergeTree(revision) TTL t + toIntervalDay(400)"},
		{Config{Database: "d", Cluster: "c", Retention: 36 * time.Hour},
			"CREATE TABLE d.t ON CLUSTER c (x Int8) ENGINE = ReplicatedReplacingMergeTree(revision) TTL t + toIntervalDay(2)"},
	} {
		if got := New(c.cfg).cfg.fill(statement); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

func TestConfigErrorsAreAllTold(t *testing.T) {
	err := New(Config{Database: "a;b", Cluster: "c d", Retention: time.Hour}).cfg.validate()
	for _, want := range []string{"no addresses", `database "a;b"`, `cluster "c d"`, "retention 1h0m0s"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %q lacks %q", err, want)
		}
	}
	if err := New(Config{Addresses: []string{"a:9000"}}).cfg.validate(); err != nil {
		t.Error(err)
	}
}

// Columns are the fields of the public format, all of them, but for kind (the table) and window_index (replay only).
func TestColumnsAreTheFieldsOfResults(t *testing.T) {
	for i, result := range []any{driftd.WindowResult{}, driftd.ColumnResult{}, driftd.IncidentResult{}} {
		var want []string
		for _, name := range jsonNames(reflect.TypeOf(result), "") {
			if name != "kind" && name != "window_index" && name != "-" {
				want = append(want, name)
			}
		}
		got := slices.Clone(tables[i].columns)
		slices.Sort(want)
		slices.Sort(got)
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: fields (-) and columns (+):\n%s", tables[i].name, d)
		}
	}
}

func jsonNames(t reflect.Type, prefix string) []string {
	var names []string
	for f := range fields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous:
			names = append(names, jsonNames(f.Type, prefix)...)
		case f.Type.Kind() == reflect.Slice && f.Type.Elem().Kind() == reflect.Struct:
			names = append(names, jsonNames(f.Type.Elem(), name+".")...)
		default:
			names = append(names, prefix+name)
		}
	}
	return names
}

func fields(t reflect.Type) func(func(reflect.StructField) bool) {
	return func(yield func(reflect.StructField) bool) {
		for i := range t.NumField() {
			if !yield(t.Field(i)) {
				return
			}
		}
	}
}

func TestRowsHaveAValueForEachColumn(t *testing.T) {
	results := []driftd.Result{{Window: &driftd.WindowResult{}}, {Column: &driftd.ColumnResult{}}, {Incident: &driftd.IncidentResult{}}}
	for i, table := range tables {
		for j, r := range results {
			if table.has(r) != (i == j) {
				t.Errorf("%s has result %d: %v", table.name, j, table.has(r))
			}
		}
		if got, want := len(table.row(results[i])), len(table.columns); got != want {
			t.Errorf("%s: %d values for %d columns", table.name, got, want)
		}
	}
}

func TestCheck(t *testing.T) {
	at := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	window := func(change func(*driftd.WindowResult)) driftd.Result {
		w := &driftd.WindowResult{WindowStart: at, WindowEnd: at.Add(time.Hour), WindowLength: 3600, Complete: 1}
		change(w)
		return driftd.Result{Window: w}
	}
	for want, r := range map[string]driftd.Result{
		"":                                     window(func(*driftd.WindowResult) {}),
		"window_start is 1969-12-31T23:00:00Z": window(func(w *driftd.WindowResult) { w.WindowStart = time.Unix(-3600, 0) }),
		"window_end is 2100-01-01T00:00:00Z":   window(func(w *driftd.WindowResult) { w.WindowEnd = lastTime }),
		"window_length is -1 seconds":          window(func(w *driftd.WindowResult) { w.WindowLength = -1 }),
		"complete is 2":                        window(func(w *driftd.WindowResult) { w.Complete = 2 }),
		"revision is -1":                       window(func(w *driftd.WindowResult) { w.Revision = -1 }),
		"opened_at is 0001-01-01T00:00:00Z":    {Incident: &driftd.IncidentResult{}},
	} {
		err := check(r)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

func TestNumberIsNullWhereJSONIsNull(t *testing.T) {
	for _, x := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		if got := number(driftd.Float(x)); got != nil {
			t.Errorf("number(%v) = %v, want nil", x, *got)
		}
	}
	if got := number(0.25); got == nil || *got != 0.25 {
		t.Errorf("number(0.25) = %v", got)
	}
}

func TestOnlyErrorsOfTheDataGiveRowsUp(t *testing.T) {
	for _, c := range []struct {
		err  error
		want bool
	}{
		{nil, false},
		{errors.New("EOF"), false},
		{&clickhouse.Exception{Code: 60}, false},  // a missing table is somebody's to mend
		{&clickhouse.Exception{Code: 243}, false}, // a full disk too
		{fmt.Errorf("insert: %w", &clickhouse.Exception{Code: 469}), true},
		{&clickhouse.Exception{Code: 252, Message: "Too many parts (3000). Merges are processing significantly slower than inserts"}, false},
		{&clickhouse.Exception{Code: 252, Message: "Too many partitions for single INSERT block (more than 100)."}, true},
		{dataError{errors.New("converting")}, true},
	} {
		if got := isData(c.err); got != c.want {
			t.Errorf("isData(%v) = %v, want %v", c.err, got, c.want)
		}
	}
}
