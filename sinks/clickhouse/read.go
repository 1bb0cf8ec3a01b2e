package clickhouse

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/driftd/driftd"
)

// readTimeout is how long a query of a Reader may take.
const readTimeout = time.Minute

// Reader reads results back, for commands. Like Eraser it makes no tables and no second attempts.
type Reader struct {
	cfg  Config
	conn driver.Conn
}

// NewReader connects. The error says that the Config is wrong, or that ClickHouse does not answer.
func NewReader(ctx context.Context, cfg Config) (*Reader, error) {
	cfg, conn, err := dial(ctx, cfg, readTimeout)
	if err != nil {
		return nil, err
	}
	return &Reader{cfg, conn}, nil
}

// dial connects once, and sees whether ClickHouse answers.
func dial(ctx context.Context, cfg Config, read time.Duration) (Config, driver.Conn, error) {
	cfg = New(cfg).cfg // with the defaults
	if err := cfg.validate(); err != nil {
		return cfg, nil, fmt.Errorf("open ClickHouse: %w", err)
	}
	conn, err := clickhouse.Open(&clickhouse.Options{
		Addr: cfg.Addresses, Auth: clickhouse.Auth{Username: cfg.Username, Password: cfg.Password}, TLS: cfg.TLS,
		DialTimeout: min(cfg.Timeout, 10*time.Second), ReadTimeout: read, ClientInfo: clientInfo(),
	})
	if err != nil {
		return cfg, nil, fmt.Errorf("open ClickHouse: %w", err)
	}
	short, stop := context.WithTimeout(ctx, cfg.Timeout)
	defer stop()
	if err := conn.Ping(short); err != nil {
		_ = conn.Close() // it has failed already
		return cfg, nil, fmt.Errorf("open ClickHouse at %v: %w", cfg.Addresses, explain(err))
	}
	return cfg, conn, nil
}

// Close ends the connections.
func (r *Reader) Close() error { return r.conn.Close() }

// Incidents are the changes of all incidents whose id begins so, in order of time.
func (r *Reader) Incidents(ctx context.Context, id string) ([]driftd.IncidentResult, error) {
	rows, err := r.conn.Query(ctx, "SELECT id, model, segment, type, state, severity, historic, provisional, opened_at, drift_since, resolved_at, changed_at, pace, "+
		"`columns.column`, `columns.test`, `columns.effect`, `columns.first_flag`, `columns.moved`, `columns.p_value`, `columns.threshold`, `columns.n`, summary, "+stampColumns+
		" FROM "+r.cfg.Database+"."+incidentsTable+" FINAL WHERE startsWith(id, ?) ORDER BY changed_at", id)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", incidentsTable, explain(err))
	}
	defer rows.Close() //nolint:errcheck // was only read
	var out []driftd.IncidentResult
	for rows.Next() {
		i := driftd.IncidentResult{Kind: "incident", Columns: []driftd.IncidentColumn{}}
		var names, tests, moved []string
		var effects, pValues, thresholds []float64
		var first []time.Time
		var n []uint64
		var stamp stampScan
		if err := rows.Scan(append([]any{&i.ID, &i.Model, &i.Segment, &i.Type, &i.State, &i.Severity, &i.Historic, &i.Provisional, &i.OpenedAt, &i.DriftSince, &i.ResolvedAt, &i.ChangedAt, &i.Pace,
			&names, &tests, &effects, &first, &moved, &pValues, &thresholds, &n, &i.Summary}, stamp.into()...)...); err != nil {
			return nil, fmt.Errorf("read %s: %w", incidentsTable, explain(err))
		}
		for k := range names {
			i.Columns = append(i.Columns, driftd.IncidentColumn{Column: names[k], Test: tests[k], Effect: driftd.Float(effects[k]), FirstFlag: first[k], Moved: moved[k],
				PValue: driftd.Float(pValues[k]), Threshold: driftd.Float(thresholds[k]), N: n[k]})
		}
		i.Stamp = stamp.stamp()
		out = append(out, i)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read %s: %w", incidentsTable, explain(err))
	}
	return out, nil
}

// Columns are the windows of some columns of a series that start in a span, in order of time.
func (r *Reader) Columns(ctx context.Context, s driftd.Series, columns []string, from, to time.Time) ([]driftd.ColumnResult, error) {
	marks := strings.TrimSuffix(strings.Repeat("?,", len(columns)), ",")
	args := []any{s.Model, s.Segment, from.UnixMilli(), to.UnixMilli()}
	for _, c := range columns {
		args = append(args, c)
	}
	rows, err := r.conn.Query(ctx, "SELECT column, window_start, window_end, window_length, n, n_eff, effect, p_value, alpha, mde, verdict, flag, evaluated, score, moved, "+
		"`tests.name`, `tests.statistic`, `tests.effect`, `tests.threshold`, `tests.p_value`, `tests.drift`, `tests.warning`, `tests.note`, bins, mean, nulls, nans, type_errors, complete, reason, late, provisional, watched, baseline, "+stampColumns+
		" FROM "+r.cfg.Database+"."+columnsTable+" FINAL WHERE model = ? AND segment = ? AND window_start BETWEEN fromUnixTimestamp64Milli(?, 'UTC') AND fromUnixTimestamp64Milli(?, 'UTC') AND column IN ("+marks+") ORDER BY window_start, window_length, column", args...)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", columnsTable, explain(err))
	}
	defer rows.Close() //nolint:errcheck // was only read
	var out []driftd.ColumnResult
	for rows.Next() {
		c := driftd.ColumnResult{Kind: "column", Model: s.Model, Segment: s.Segment, Quantiles: []driftd.Float{}, Tests: []driftd.TestResult{}}
		var length uint32
		var complete uint8
		var verdict string
		var nEff, effect, p, alpha, mde, score, mean *float64
		var names, notes []string
		var statistics, effects, thresholds, pValues []float64
		var drifts, warnings []bool
		var stamp stampScan
		if err := rows.Scan(append([]any{&c.Column, &c.WindowStart, &c.WindowEnd, &length, &c.N, &nEff, &effect, &p, &alpha, &mde, &verdict, &c.Flag, &c.Evaluated, &score, &c.Moved,
			&names, &statistics, &effects, &thresholds, &pValues, &drifts, &warnings, &notes, &c.Bins, &mean, &c.Nulls, &c.NaNs, &c.TypeErrors, &complete, &c.Reason, &c.Late, &c.Provisional, &c.Watched, &c.Baseline}, stamp.into()...)...); err != nil {
			return nil, fmt.Errorf("read %s: %w", columnsTable, explain(err))
		}
		c.WindowLength, c.Complete, c.Verdict = int64(length), int(complete), driftd.Verdict(verdict)
		c.NEff, c.Effect, c.PValue, c.Alpha, c.MDE, c.Score, c.Mean = float(nEff), float(effect), float(p), float(alpha), float(mde), float(score), float(mean)
		for k := range names {
			t := driftd.TestResult{Name: names[k], Statistic: driftd.Float(statistics[k]), Effect: driftd.Float(effects[k]), Threshold: driftd.Float(thresholds[k]), PValue: driftd.Float(pValues[k])}
			if k < len(drifts) { // rows from before these columns have none
				t.Drift, t.Warning, t.Note = drifts[k], warnings[k], notes[k]
			}
			c.Tests = append(c.Tests, t)
		}
		c.Stamp = stamp.stamp()
		out = append(out, c)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read %s: %w", columnsTable, explain(err))
	}
	return out, nil
}

const stampColumns = "reference, revision, config_hash, version, labels"

type stampScan struct {
	reference, hash, version string
	revision                 uint64
	labels                   map[string]string
}

func (s *stampScan) into() []any {
	return []any{&s.reference, &s.revision, &s.hash, &s.version, &s.labels}
}

func (s *stampScan) stamp() driftd.Stamp {
	return driftd.Stamp{Reference: s.reference, Revision: int64(s.revision), ConfigHash: s.hash, Version: s.version, Labels: s.labels}
}

// float is number's inverse.
func float(x *float64) driftd.Float {
	if x == nil {
		return driftd.Float(math.NaN())
	}
	return driftd.Float(*x)
}
