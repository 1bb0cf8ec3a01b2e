//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/go-cmp/cmp"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/e2e/stack"
	"github.com/driftd/driftd/sinks/clickhouse"
)

func writerConfig(c *stack.ClickHouse) clickhouse.Config {
	return clickhouse.Config{Addresses: []string{c.Native}, Username: c.User, Password: c.Password, Timeout: 10 * time.Second}
}

func openWriter(ctx context.Context, t *testing.T, cfg clickhouse.Config) *clickhouse.Writer {
	t.Helper()
	w := clickhouse.New(cfg)
	must(t, w.Open(ctx))
	t.Cleanup(func() { must(t, w.Close()) })
	return w
}

// The hour of the windows; recent, because ClickHouse drops rows that are older than the retention.
var firstHour = time.Now().UTC().Truncate(time.Hour).Add(-24 * time.Hour)

func windowResult(model string, hour int, revision int64) driftd.Result {
	start := firstHour.Add(time.Duration(hour) * time.Hour)
	return driftd.Result{Window: &driftd.WindowResult{
		Kind: "window", Model: model, Segment: "all", WindowStart: start, WindowEnd: start.Add(time.Hour), WindowLength: 3600,
		N: uint64(1000 + hour), Late: 3, Complete: 1, Verdict: driftd.OK, Flags: 1, Columns: 2, Unknown: 4, UnknownNames: []string{"new_one"}, Listed: []string{"amount"},
		Stamp: stamp(revision),
	}}
}

func stamp(revision int64) driftd.Stamp {
	return driftd.Stamp{Reference: "f00d", Revision: revision, ConfigHash: "c0ffee", Version: "test", Labels: map[string]string{"team": "risk"}}
}

func columnResult(column string, hour int, revision int64) driftd.Result {
	start := firstHour.Add(time.Duration(hour) * time.Hour)
	nan := driftd.Float(math.NaN())
	return driftd.Result{Column: &driftd.ColumnResult{
		Kind: "column", Model: "fraud", Segment: "country=DE", Column: column, WindowStart: start, WindowEnd: start.Add(time.Hour), WindowLength: 3600,
		N: 1000, NEff: 512.5, Effect: .31, PValue: 1e-9, Alpha: 1e-5, MDE: nan, Verdict: driftd.Drift, Flag: true, Evaluated: true, Score: -.25, Moved: "up by 12 %",
		Tests: []driftd.TestResult{{Name: "w1", Statistic: 3.5, Effect: .31, Threshold: 2.5, PValue: 1e-9}, {Name: "psi", Statistic: .2, Effect: .2, Threshold: nan, PValue: nan}},
		Bins:  []uint64{0, 5, math.MaxUint64, 0}, Quantiles: []driftd.Float{1, 2, 3, 4, 5}, Mean: 3.25, Nulls: 1, NaNs: 2, TypeErrors: 3, Complete: 1, Late: 4, Watched: true, Baseline: driftd.BaselineSeasonal,
		Stamp: stamp(revision),
	}}
}

func incidentResult(state string, revision int64) driftd.Result {
	i := &driftd.IncidentResult{
		Kind: "incident", ID: "fraud/all/1", Model: "fraud", Segment: "all", Type: "drift", State: state, Severity: "page",
		OpenedAt: firstHour.Add(2 * time.Hour), DriftSince: firstHour, ChangedAt: firstHour.Add(2 * time.Hour), Pace: "sudden",
		Columns: []driftd.IncidentColumn{{Column: "amount", Test: "w1", Effect: .31, FirstFlag: firstHour, Moved: "up", PValue: 1e-9, Threshold: 2.5, N: 1000}},
		Summary: "amount went up", Stamp: stamp(revision),
	}
	if state == driftd.StateResolved {
		at := firstHour.Add(5 * time.Hour)
		i.ResolvedAt, i.ChangedAt = &at, at
	}
	return driftd.Result{Incident: i}
}

func query[T any](ctx context.Context, t *testing.T, conn driver.Conn, sql string, args ...any) T {
	t.Helper()
	var v T
	if err := conn.QueryRow(ctx, sql, args...).Scan(&v); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return v
}

// migrations is how many there are.
func migrations(t *testing.T) uint64 {
	t.Helper()
	files, err := filepath.Glob("../sinks/clickhouse/schema/*.sql")
	must(t, err)
	return uint64(len(files))
}

func TestClickHouseMigratesAndWritesIdempotently(t *testing.T) {
	ctx := contextOf(t, 2*time.Minute)
	c := startClickHouse(t)
	conn := openClickHouse(t, c, c.User, c.Password)
	w := openWriter(ctx, t, writerConfig(c))
	openWriter(ctx, t, writerConfig(c)) // migrates again
	if n := query[uint64](ctx, t, conn, "SELECT count() FROM driftd.driftd_migrations"); n != migrations(t) {
		t.Errorf("%d migrations recorded after migrating twice, want %d", n, migrations(t))
	}

	batch := []driftd.Result{
		windowResult("fraud", 0, 7), windowResult("fraud", 1, 8), columnResult("amount", 0, 7), columnResult("age", 0, 7),
		incidentResult(driftd.StateOpen, 9), incidentResult(driftd.StateResolved, 9), // a tie: the last wins
	}
	must(t, w.Write(ctx, batch))
	must(t, w.Write(ctx, batch))
	older := columnResult("amount", 0, 6)
	older.Column.N = 1
	must(t, w.Write(ctx, []driftd.Result{older})) // a zombie's: the greater revision stays

	for table, want := range map[string]uint64{"driftd_windows": 2, "driftd_columns": 2, "driftd_incidents": 1} {
		if n := query[uint64](ctx, t, conn, "SELECT count() FROM driftd."+table+" FINAL"); n != want {
			t.Errorf("%s has %d rows, want %d", table, n, want)
		}
	}
	// Every value, as text, so that a value in the wrong column shows. Format of toString and arrays: ClickHouse's own.
	got := query[string](ctx, t, conn, `SELECT toString(tuple(model, segment, column, window_start, window_end, window_length, n, n_eff, effect, p_value, alpha, mde,
		verdict, flag, evaluated, score, moved, tests.name, tests.statistic, tests.effect, tests.threshold, tests.p_value, bins, quantiles, mean, nulls, nans, type_errors,
		complete, reason, late, provisional, watched, baseline, reference, revision, config_hash, version, labels)) FROM driftd.driftd_columns FINAL WHERE column = 'amount'`)
	want := fmt.Sprintf(`('fraud','country=DE','amount','%s','%s',3600,1000,512.5,0.31,1e-9,0.00001,NULL,`+
		`'drift',true,true,-0.25,'up by 12 %%',['w1','psi'],[3.5,0.2],[0.31,0.2],[2.5,nan],[1e-9,nan],[0,5,18446744073709551615,0],[1,2,3,4,5],3.25,1,2,3,`+
		`1,'',4,false,true,'seasonal','f00d',7,'c0ffee','test',{'team':'risk'})`, stampOf(firstHour), stampOf(firstHour.Add(time.Hour)))
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("a row of driftd_columns (-want +got):\n%s", d)
	}
	got = query[string](ctx, t, conn, `SELECT toString(tuple(model, segment, window_start, window_end, window_length, n, late, complete, reason, verdict, flags, columns,
		unknown, unknown_names, listed, reference, revision, config_hash, version, labels)) FROM driftd.driftd_windows FINAL ORDER BY window_start LIMIT 1`)
	want = fmt.Sprintf(`('fraud','all','%s','%s',3600,1000,3,1,'','ok',1,2,4,['new_one'],['amount'],'f00d',7,'c0ffee','test',{'team':'risk'})`,
		stampOf(firstHour), stampOf(firstHour.Add(time.Hour)))
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("a row of driftd_windows (-want +got):\n%s", d)
	}
	got = query[string](ctx, t, conn, `SELECT toString(tuple(id, model, segment, type, state, severity, historic, provisional, opened_at, drift_since, resolved_at, changed_at,
		pace, columns.column, columns.test, columns.effect, columns.first_flag, columns.moved, columns.p_value, columns.threshold, columns.n, summary,
		reference, revision, config_hash, version, labels)) FROM driftd.driftd_incidents FINAL`)
	want = fmt.Sprintf(`('fraud/all/1','fraud','all','drift','resolved','page',false,false,'%s','%s','%s','%s','sudden',['amount'],['w1'],[0.31],['%s'],['up'],[1e-9],[2.5],[1000],`+
		`'amount went up','f00d',9,'c0ffee','test',{'team':'risk'})`,
		stampOf(firstHour.Add(2*time.Hour)), stampOf(firstHour), stampOf(firstHour.Add(5*time.Hour)), stampOf(firstHour.Add(5*time.Hour)), stampOf(firstHour))
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("a row of driftd_incidents (-want +got):\n%s", d)
	}
}

func stampOf(at time.Time) string { return at.Format("2006-01-02 15:04:05.000") }

func TestClickHouseRetentionIsChanged(t *testing.T) {
	ctx := contextOf(t, 2*time.Minute)
	c := startClickHouse(t)
	conn := openClickHouse(t, c, c.User, c.Password)
	for _, days := range []int{400, 30, 30} {
		cfg := writerConfig(c)
		cfg.Retention = time.Duration(days) * 24 * time.Hour
		openWriter(ctx, t, cfg)
		for _, table := range clickhouse.Tables {
			engine := query[string](ctx, t, conn, "SELECT engine_full FROM system.tables WHERE database = 'driftd' AND name = ?", table)
			if want := fmt.Sprintf("toIntervalDay(%d)", days); !strings.Contains(engine, want) {
				t.Errorf("%s lacks %s: %s", table, want, engine)
			}
		}
	}
	old := windowResult("fraud", 0, 1)
	old.Window.WindowStart = firstHour.Add(-60 * 24 * time.Hour)
	old.Window.WindowEnd = old.Window.WindowStart.Add(time.Hour)
	w := openWriter(ctx, t, func() clickhouse.Config { c := writerConfig(c); c.Retention = 30 * 24 * time.Hour; return c }())
	must(t, w.Write(ctx, []driftd.Result{old, windowResult("fraud", 0, 1)}))
	must(t, conn.Exec(ctx, "OPTIMIZE TABLE driftd.driftd_windows FINAL"))
	if n := query[uint64](ctx, t, conn, "SELECT count() FROM driftd.driftd_windows"); n != 1 {
		t.Errorf("%d rows after a merge, want 1: the other is older than the retention", n)
	}
}

func TestClickHouseEditedMigrationIsRefused(t *testing.T) {
	ctx := contextOf(t, time.Minute)
	c := startClickHouse(t)
	openWriter(ctx, t, writerConfig(c))
	conn := openClickHouse(t, c, c.User, c.Password)
	must(t, conn.Exec(ctx, "INSERT INTO driftd.driftd_migrations (version, name, checksum, revision) VALUES (2, '0002_columns', 'edited', 4000000000)"))
	err := clickhouse.New(writerConfig(c)).Open(ctx)
	if err == nil || !strings.Contains(err.Error(), "0002_columns in database driftd was applied with checksum edited") {
		t.Errorf("Open: %v, want a refusal", err)
	}
}

// Processes that start at the same moment migrate at the same moment.
func TestClickHouseMigratesFromManyProcessesAtOnce(t *testing.T) {
	ctx := contextOf(t, time.Minute)
	c := startClickHouse(t)
	errs := make(chan error)
	const processes = 6
	for range processes {
		go func() {
			cfg := writerConfig(c)
			cfg.Hooks.Retried = func(_ string, err error) { t.Errorf("a migration failed: %v", err) }
			w := clickhouse.New(cfg)
			errs <- errors.Join(w.Open(ctx), w.Close())
		}()
	}
	for range processes {
		must(t, <-errs)
	}
	conn := openClickHouse(t, c, c.User, c.Password)
	if n := query[uint64](ctx, t, conn, "SELECT count() FROM driftd.driftd_migrations FINAL"); n != migrations(t) {
		t.Errorf("%d migrations recorded, want %d", n, migrations(t))
	}
}

// A user with no right to make tables runs driftd once they are made.
func TestClickHouseNeedsNoDDLOnceMigrated(t *testing.T) {
	ctx := contextOf(t, time.Minute)
	c := startClickHouse(t)
	openWriter(ctx, t, writerConfig(c))
	cfg := writerConfig(c)
	cfg.Username = c.InsertUser
	if err := openClickHouse(t, c, c.InsertUser, c.Password).Exec(ctx, "CREATE TABLE driftd.t (x Int8) ENGINE = Memory"); err == nil {
		t.Fatal("the user that shall only select and insert made a table")
	}
	must(t, openWriter(ctx, t, cfg).Write(ctx, []driftd.Result{windowResult("fraud", 0, 1)}))
}

// A row that ClickHouse will never accept is given up alone; the rest of its batch is written and nothing blocks.
func TestClickHouseGivesUpOnlyBadRows(t *testing.T) {
	ctx := contextOf(t, time.Minute)
	c := startClickHouse(t)
	conn := openClickHouse(t, c, c.User, c.Password)
	cfg := writerConfig(c)
	var rejected []string
	cfg.Hooks.Rejected = func(r driftd.Result, err error) {
		rejected = append(rejected, fmt.Sprintf("%s %v", r.Window.Model, err))
	}
	cfg.Hooks.Retried = func(operation string, err error) { t.Errorf("%s was tried again: %v", operation, err) }
	w := openWriter(ctx, t, cfg)
	must(t, conn.Exec(ctx, "ALTER TABLE driftd.driftd_windows ADD CONSTRAINT c CHECK model != 'bad'"))

	batch := []driftd.Result{windowResult("bad", 50, 1)}
	for i := range 40 {
		batch = append(batch, windowResult("good", i, 1))
	}
	late := windowResult("far", 0, 1)
	late.Window.WindowStart = late.Window.WindowStart.AddDate(300, 0, 0)
	batch = append(batch, late, windowResult("bad", 51, 1))
	must(t, w.Write(ctx, batch))

	if n := query[uint64](ctx, t, conn, "SELECT count() FROM driftd.driftd_windows FINAL WHERE model = 'good'"); n != 40 {
		t.Errorf("%d good rows, want 40", n)
	}
	if n := query[uint64](ctx, t, conn, "SELECT count() FROM driftd.driftd_windows FINAL"); n != 40 {
		t.Errorf("%d rows, want 40", n)
	}
	if len(rejected) != 3 || !strings.Contains(rejected[0], "far window_start is 23") || !strings.Contains(rejected[1], "Constraint") || !strings.Contains(rejected[2], "Constraint") {
		t.Errorf("rejected %q, want far, bad, bad", rejected)
	}
}

// TestClickHouseKilledWhileWriting kills the server with SIGKILL again and again while rows are written: whatever Write
// has returned for has to be there.
func TestClickHouseKilledWhileWriting(t *testing.T) {
	ctx := contextOf(t, 4*time.Minute)
	c := startClickHouse(t)
	cfg := writerConfig(c)
	var retried, rejected, batches atomic.Int64
	cfg.Hooks.Retried = func(string, error) { retried.Add(1) }
	cfg.Hooks.Rejected = func(r driftd.Result, err error) { rejected.Add(1) }
	w := openWriter(ctx, t, cfg)

	const hours, kills = 500, 4
	stop := make(chan struct{})
	done := make(chan error, 1)
	var acknowledged int
	go func() {
		for {
			select {
			case <-stop:
				done <- nil
				return
			default:
			}
			var batch []driftd.Result
			for hour := range hours {
				batch = append(batch, windowResult(fmt.Sprint("m", acknowledged), hour-hours, 1), columnResult(fmt.Sprint("c", acknowledged), hour-hours, 1))
			}
			if err := w.Write(ctx, batch); err != nil {
				done <- err
				return
			}
			acknowledged++
			batches.Add(1)
		}
	}()
	for i := range kills {
		before := batches.Load()
		for batches.Load() < before+5 && ctx.Err() == nil {
			time.Sleep(time.Millisecond)
		}
		time.Sleep(time.Duration(i*7) * time.Millisecond)
		c.Kill9()
		time.Sleep(300 * time.Millisecond)
		must(t, c.Restart(ctx))
	}
	time.Sleep(500 * time.Millisecond)
	close(stop)
	must(t, <-done)

	conn := openClickHouse(t, c, c.User, c.Password)
	for _, table := range []string{"driftd_windows", "driftd_columns"} {
		if n, want := query[uint64](ctx, t, conn, "SELECT count() FROM driftd."+table+" FINAL"), uint64(acknowledged*hours); n != want {
			t.Errorf("%s has %d rows, want %d", table, n, want)
		}
	}
	if retried.Load() == 0 || rejected.Load() != 0 {
		t.Errorf("%d attempts made again and %d rows given up, want some and none: the kills have to hit the writer", retried.Load(), rejected.Load())
	}
	t.Logf("%d rows acknowledged over %d kills, %d attempts made again", 2*acknowledged*hours, kills, retried.Load())
}

// TestClickHouseOpenWaitsForTheServer: a sink that is down when driftd starts does not stop it.
func TestClickHouseOpenWaitsForTheServer(t *testing.T) {
	ctx := contextOf(t, 2*time.Minute)
	c := startClickHouse(t)
	c.Kill9()
	opened := make(chan error, 1)
	down := make(chan struct{}, 100)
	cfg := writerConfig(c)
	cfg.Hooks.Retried = func(operation string, _ error) { down <- struct{}{} }
	w := clickhouse.New(cfg)
	t.Cleanup(func() { must(t, w.Close()) })
	go func() { opened <- w.Open(ctx) }()
	<-down
	must(t, c.Restart(ctx))
	must(t, <-opened)
	must(t, w.Write(ctx, []driftd.Result{windowResult("fraud", 0, 1)}))

	c.Kill9()
	short, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	err := w.Write(short, []driftd.Result{windowResult("fraud", 1, 1)})
	if err == nil || !strings.Contains(err.Error(), "failed attempts, the last") {
		t.Errorf("Write while the server is down, until its context ended: %v", err)
	}
}
