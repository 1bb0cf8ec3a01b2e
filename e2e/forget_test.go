//go:build e2e

package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/sinks/clickhouse"
)

// A model's rows are gone, whatever its name is, and those of another are not.
func TestClickHouseForgets(t *testing.T) {
	ctx := contextOf(t, time.Minute)
	c := startClickHouse(t)
	w := openWriter(ctx, t, writerConfig(c))
	other := "o'brien"
	models := []string{`a 'quoted' "one" \ / with ? and {x:String} and $1`, "o'brien / café", strings.Repeat("長", 100), "it''s; DROP TABLE driftd.driftd_windows --", other}
	var batch []driftd.Result
	for _, model := range models {
		for _, segment := range []string{"all", "country=Côte d'Ivoire"} {
			win, col, in := windowResult(model, 0, 1), columnResult("amount", 0, 1), incidentResult(driftd.StateOpen, 1)
			win.Window.Segment, col.Column.Model, col.Column.Segment = segment, model, segment
			in.Incident.Model, in.Incident.Segment, in.Incident.ID = model, segment, model+segment
			batch = append(batch, win, col, in)
		}
	}
	must(t, w.Write(ctx, batch))

	e, err := clickhouse.NewEraser(ctx, writerConfig(c))
	must(t, err)
	t.Cleanup(func() { must(t, e.Close()) })
	has := func(model, segment string, want uint64) {
		t.Helper()
		got, err := e.Count(ctx, model, segment)
		must(t, err)
		if d := cmp.Diff(map[string]uint64{"driftd_windows": want, "driftd_columns": want, "driftd_incidents": want}, got); d != "" {
			t.Errorf("rows of %q %q:\n%s", model, segment, d)
		}
	}
	for _, model := range models[:len(models)-1] {
		has(model, "", 2)
		must(t, e.Delete(ctx, model, "country=Côte d'Ivoire"))
		has(model, "country=Côte d'Ivoire", 0)
		has(model, "all", 1)
		must(t, e.Delete(ctx, model, ""))
		has(model, "", 0)
	}
	has(other, "", 2)
	conn := openClickHouse(t, c, c.User, c.Password)
	for _, table := range clickhouse.Tables {
		if n := query[uint64](ctx, t, conn, "SELECT count() FROM driftd."+table); n != 2 {
			t.Errorf("%s has %d rows, want the 2 of the other model", table, n)
		}
	}
	must(t, e.Delete(ctx, "nobody", "")) // nothing to do is no error
}

// Where driftd has never written there is nothing.
func TestClickHouseForgetsWithoutTables(t *testing.T) {
	ctx := contextOf(t, time.Minute)
	c := startClickHouse(t)
	e, err := clickhouse.NewEraser(ctx, writerConfig(c))
	must(t, err)
	defer func() { must(t, e.Close()) }()
	got, err := e.Count(ctx, "fraud", "")
	must(t, err)
	if got["driftd_windows"] != 0 {
		t.Errorf("%v", got)
	}
	must(t, e.Delete(ctx, "fraud", ""))
}
