package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v4"

	"github.com/driftd/driftd"
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
	w.log.warn("ClickHouse will never accept a row: it is given up", "table", t.name, "model", s.Model, "segment", s.Segment, "error", explain(err))
	if w.cfg.Hooks.Rejected != nil {
		w.cfg.Hooks.Rejected(r, err)
	}
}

// retry makes attempts until one succeeds, an error is backoff.Permanent, or ctx ends.
func (w *Writer) retry(ctx context.Context, operation string, attempt func(context.Context) error) error {
	policy := backoff.NewExponentialBackOff(
		backoff.WithInitialInterval(200*time.Millisecond),
		backoff.WithMaxInterval(15*time.Second),
		backoff.WithMaxElapsedTime(0), // a sink that is down waits for as long as it takes
	)
	failures, began := 0, time.Now()
	var last error
	err := backoff.RetryNotify(func() error {
		ctx, cancel := context.WithTimeout(ctx, w.cfg.Timeout)
		defer cancel()
		return attempt(ctx)
	}, backoff.WithContext(policy, ctx), func(err error, wait time.Duration) {
		failures++
		last = err
		w.log.warn("ClickHouse did not accept: trying again", "operation", operation, "addresses", w.cfg.Addresses, "failures", failures,
			"since", began.UTC().Format(time.RFC3339), "wait", wait.Round(time.Millisecond), "error", explain(err))
		if w.cfg.Hooks.Retried != nil {
			w.cfg.Hooks.Retried(operation, err)
		}
	})
	if err != nil && ctx.Err() != nil && last != nil {
		return fmt.Errorf("%w after %d failed attempts, the last: %w", ctx.Err(), failures, explain(last))
	}
	if err == nil && failures > 0 {
		w.cfg.Log.Info("ClickHouse accepts again", "operation", operation, "failures", failures, "after", time.Since(began).Round(time.Millisecond))
	}
	return err
}
