package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/sinks/internal/retry"
)

// Write inserts the batch and returns nil once ClickHouse has accepted every row, or has been given up on those that it
// will never accept (Hooks.Rejected). It tries until then; the only error is that ctx has ended, and then any part of
// the batch may be there: write it again.
func (w *Writer) Write(ctx context.Context, batch []driftd.Result) error {
	if w.conn == nil {
		return errors.New("write to ClickHouse: the writer is not open: call Open first")
	}
	for _, t := range tables {
		var rows []driftd.Result
		for _, r := range batch {
			if !t.has(r) {
				continue
			}
			if err := check(r); err != nil {
				w.reject(t, r, err)
				continue
			}
			rows = append(rows, r)
		}
		if err := w.writeTable(ctx, t, rows); err != nil {
			return fmt.Errorf("write %d rows to %s.%s: %w", len(rows), w.cfg.Database, t.name, err)
		}
	}
	return nil
}

// writeTable inserts rows of one table. A refusal that is the data's fault is followed down to the rows that cause it by
// halving, so that one bad row costs only itself.
func (w *Writer) writeTable(ctx context.Context, t table, rows []driftd.Result) error {
	if len(rows) == 0 {
		return nil
	}
	began := time.Now()
	var refusal error
	err := w.retry(ctx, t.name, func(ctx context.Context) error {
		refusal = nil
		err := w.insert(ctx, t, rows)
		if isData(err) {
			refusal = err
			return nil
		}
		return err
	})
	if err != nil {
		return err
	}
	if refusal == nil {
		if w.cfg.Hooks.Wrote != nil {
			w.cfg.Hooks.Wrote(t.name, len(rows), time.Since(began))
		}
		return nil
	}
	if len(rows) == 1 {
		w.reject(t, rows[0], refusal)
		return nil
	}
	half := len(rows) / 2
	if err := w.writeTable(ctx, t, rows[:half]); err != nil {
		return err
	}
	return w.writeTable(ctx, t, rows[half:])
}

// insert makes one attempt.
func (w *Writer) insert(ctx context.Context, t table, rows []driftd.Result) error {
	batch, err := w.conn.PrepareBatch(ctx, t.insert(w.cfg.Database))
	if err != nil {
		return err
	}
	defer batch.Close() //nolint:errcheck // after Send it only gives the connection back
	for _, r := range rows {
		if err := batch.Append(t.row(r)...); err != nil {
			return dataError{err} // nothing but the row decides it
		}
	}
	return batch.Send()
}

func (w *Writer) reject(t table, r driftd.Result, err error) {
	s := r.Series()
	w.log.Warn("ClickHouse will never accept a row: it is given up", "table", t.name, "model", s.Model, "segment", s.Segment, "error", explain(err))
	if w.cfg.Hooks.Rejected != nil {
		w.cfg.Hooks.Rejected(r, err)
	}
}

// retry makes attempts until one succeeds, an error is permanent, or ctx ends.
func (w *Writer) retry(ctx context.Context, operation string, attempt func(context.Context) error) error {
	failed := func(err error) {
		if w.cfg.Hooks.Retried != nil {
			w.cfg.Hooks.Retried(operation, err)
		}
	}
	forever := retry.Forever{Sink: "ClickHouse", Timeout: w.cfg.Timeout, Log: w.log}
	return forever.Do(ctx, operation, failed, func(ctx context.Context) error {
		return explain(attempt(ctx))
	})
}
