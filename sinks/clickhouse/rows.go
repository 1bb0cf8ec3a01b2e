package clickhouse

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/driftd/driftd"
)

const (
	windowsTable   = "driftd_windows"
	columnsTable   = "driftd_columns"
	incidentsTable = "driftd_incidents"
)

// table says how a kind of result becomes a row. A value stands beside its column, so that the two cannot get out of
// step.
type table struct {
	name        string
	partitioned string                      // the column that decides partition and end of life
	has         func(r driftd.Result) bool  // the results that it keeps
	row         func(r driftd.Result) []any // in the order of columns
	columns     []string
}

var tables = []table{
	{
		name: windowsTable, partitioned: "window_start",
		has: func(r driftd.Result) bool { return r.Window != nil },
		row: func(r driftd.Result) []any { return windowRow(r.Window) },
		columns: []string{"model", "segment", "window_start", "window_end", "window_length", "n", "late", "complete", "reason", "verdict",
			"flags", "columns", "unknown", "unknown_names", "listed", "reference", "revision", "config_hash", "version", "labels"},
	},
	{
		name: columnsTable, partitioned: "window_start",
		has: func(r driftd.Result) bool { return r.Column != nil },
		row: func(r driftd.Result) []any { return columnRow(r.Column) },
		columns: []string{"model", "segment", "column", "window_start", "window_end", "window_length", "n", "n_eff", "effect", "p_value", "alpha",
			"mde", "verdict", "flag", "evaluated", "score", "moved", "tests.name", "tests.statistic", "tests.effect", "tests.threshold", "tests.p_value", "tests.drift", "tests.warning", "tests.note", "bins",
			"quantiles", "mean", "nulls", "nans", "type_errors", "complete", "reason", "late", "provisional", "watched", "baseline",
			"reference", "revision", "config_hash", "version", "labels"},
	},
	{
		name: incidentsTable, partitioned: "opened_at",
		has: func(r driftd.Result) bool { return r.Incident != nil },
		row: func(r driftd.Result) []any { return incidentRow(r.Incident) },
		columns: []string{"id", "model", "segment", "type", "state", "severity", "historic", "provisional", "opened_at", "drift_since",
			"resolved_at", "changed_at", "pace", "columns.column", "columns.test", "columns.effect", "columns.first_flag", "columns.moved",
			"columns.p_value", "columns.threshold", "columns.n", "summary", "reference", "revision", "config_hash", "version", "labels"},
	},
}

func (t table) insert(database string) string {
	return fmt.Sprintf("INSERT INTO %s.%s (`%s`)", database, t.name, strings.Join(t.columns, "`, `"))
}

func windowRow(w *driftd.WindowResult) []any {
	return append([]any{
		w.Model, w.Segment, w.WindowStart, w.WindowEnd, uint32(w.WindowLength), w.N, w.Late, uint8(w.Complete), w.Reason, string(w.Verdict),
		uint32(w.Flags), uint32(w.Columns), w.Unknown, w.UnknownNames, w.Listed,
	}, stampRow(w.Stamp)...)
}

func columnRow(c *driftd.ColumnResult) []any {
	var names, notes []string
	var drifts, warnings []bool
	var statistics, effects, thresholds, pValues []float64
	for _, t := range c.Tests {
		names = append(names, t.Name)
		statistics = append(statistics, float64(t.Statistic))
		effects = append(effects, float64(t.Effect))
		thresholds = append(thresholds, float64(t.Threshold))
		pValues = append(pValues, float64(t.PValue))
		drifts = append(drifts, t.Drift)
		warnings = append(warnings, t.Warning)
		notes = append(notes, t.Note)
	}
	return append([]any{
		c.Model, c.Segment, c.Column, c.WindowStart, c.WindowEnd, uint32(c.WindowLength), c.N, number(c.NEff), number(c.Effect), number(c.PValue), number(c.Alpha),
		number(c.MDE), string(c.Verdict), c.Flag, c.Evaluated, number(c.Score), c.Moved, names, statistics, effects, thresholds, pValues, drifts, warnings, notes, c.Bins,
		floats(c.Quantiles), number(c.Mean), c.Nulls, c.NaNs, c.TypeErrors, uint8(c.Complete), c.Reason, c.Late, c.Provisional, c.Watched, c.Baseline,
	}, stampRow(c.Stamp)...)
}

func incidentRow(i *driftd.IncidentResult) []any {
	var columns, tests, moved []string
	var effects, pValues, thresholds []float64
	var flagged []time.Time
	var n []uint64
	for _, c := range i.Columns {
		columns = append(columns, c.Column)
		tests = append(tests, c.Test)
		effects = append(effects, float64(c.Effect))
		flagged = append(flagged, c.FirstFlag)
		moved = append(moved, c.Moved)
		pValues = append(pValues, float64(c.PValue))
		thresholds = append(thresholds, float64(c.Threshold))
		n = append(n, c.N)
	}
	return append([]any{
		i.ID, i.Model, i.Segment, i.Type, i.State, i.Severity, i.Historic, i.Provisional, i.OpenedAt, i.DriftSince,
		i.ResolvedAt, i.ChangedAt, i.Pace, columns, tests, effects, flagged, moved,
		pValues, thresholds, n, i.Summary,
	}, stampRow(i.Stamp)...)
}

func stampRow(s driftd.Stamp) []any {
	return []any{s.Reference, uint64(s.Revision), s.ConfigHash, s.Version, s.Labels}
}

// number is a float that is NULL in ClickHouse where it is null in the result's JSON.
func number(f driftd.Float) *float64 {
	x := float64(f)
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return nil
	}
	return &x
}

func floats(fs []driftd.Float) []float64 {
	xs := make([]float64, len(fs))
	for i, f := range fs {
		xs[i] = float64(f)
	}
	return xs
}

// The years in which a row can be kept: DateTime64 itself reaches further, but the end of a row's life is reckoned in 32
// bits of seconds since 1970, and the client stores a time that is out of range as another one without a word.
var (
	firstTime = time.Unix(0, 0)
	lastTime  = time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)
)

// check tells why ClickHouse would keep another thing than the result, or delete it at once.
func check(r driftd.Result) error {
	var named []namedTime
	length, complete, revision := int64(0), 0, int64(0)
	switch {
	case r.Window != nil:
		w := r.Window
		named = []namedTime{{"window_start", w.WindowStart}, {"window_end", w.WindowEnd}}
		length, complete, revision = w.WindowLength, w.Complete, w.Revision
	case r.Column != nil:
		c := r.Column
		named = []namedTime{{"window_start", c.WindowStart}, {"window_end", c.WindowEnd}}
		length, complete, revision = c.WindowLength, c.Complete, c.Revision
	case r.Incident != nil:
		i := r.Incident
		named = []namedTime{{"opened_at", i.OpenedAt}, {"changed_at", i.ChangedAt}}
		revision = i.Revision
	}
	for _, t := range named {
		if t.at.Before(firstTime) || !t.at.Before(lastTime) {
			return fmt.Errorf("%s is %s: ClickHouse keeps rows from 1970 to 2099", t.name, t.at.UTC().Format(time.RFC3339))
		}
	}
	if length < 0 || length > math.MaxUint32 {
		return fmt.Errorf("window_length is %d seconds: it does not fit into 32 bits", length)
	}
	if complete < 0 || complete > 1 {
		return fmt.Errorf("complete is %d: it has to be 0 or 1", complete)
	}
	if revision < 0 {
		return fmt.Errorf("revision is %d: an offset is not negative", revision)
	}
	return nil
}

type namedTime struct {
	name string
	at   time.Time
}
