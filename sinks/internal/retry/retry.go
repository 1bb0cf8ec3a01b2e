// Package retry is how sinks wait: without end, because results wait in Kafka meanwhile, and without flooding the log.
// What an error means, and whether a retry can help at all, is the sink's to say.
package retry

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/cenkalti/backoff/v4"
)

// Forever makes attempts for one sink.
type Forever struct {
	Sink    string        // its name in messages, such as ClickHouse
	Timeout time.Duration // of one attempt; 0 means none
	Log     *Log
}

// Permanent marks an error that no retry can mend: Do returns it at once.
func Permanent(err error) error { return backoff.Permanent(err) }

// Do makes attempts until one succeeds, an error is Permanent, or ctx ends. failed, which may be nil, is told of each
// failure that is followed by another attempt.
func (f Forever) Do(ctx context.Context, operation string, failed func(error), attempt func(context.Context) error) error {
	policy := backoff.NewExponentialBackOff(
		backoff.WithInitialInterval(200*time.Millisecond),
		backoff.WithMaxInterval(15*time.Second),
		backoff.WithMaxElapsedTime(0),
	)
	failures, began := 0, time.Now()
	var last error
	err := backoff.RetryNotify(func() error {
		ctx := ctx
		if f.Timeout > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, f.Timeout)
			defer cancel()
		}
		return attempt(ctx)
	}, backoff.WithContext(policy, ctx), func(err error, wait time.Duration) {
		failures++
		last = err
		f.Log.Warn(f.Sink+" did not accept: trying again", "operation", operation, "failures", failures,
			"since", began.UTC().Format(time.RFC3339), "wait", wait.Round(time.Millisecond), "error", err)
		if failed != nil {
			failed(err)
		}
	})
	if err != nil && ctx.Err() != nil && last != nil {
		return fmt.Errorf("%w after %d failed attempts, the last: %w", ctx.Err(), failures, last)
	}
	if err == nil && failures > 0 {
		f.Log.log.Info(f.Sink+" accepts again", "operation", operation, "failures", failures, "after", time.Since(began).Round(time.Millisecond))
	}
	return err
}

// every is how often a Log warns at most.
const every = 10 * time.Second

// Log writes a warning at most every ten seconds and says how many it has left out.
type Log struct {
	log  *slog.Logger
	now  func() time.Time
	last time.Time
	held int
}

// NewLog returns a Log over log, or over slog.Default() if that is nil.
func NewLog(log *slog.Logger, now func() time.Time) *Log {
	if log == nil {
		log = slog.Default()
	}
	return &Log{log: log, now: now}
}

// Warn writes a warning, unless it has written one shortly before.
func (l *Log) Warn(msg string, args ...any) {
	now := l.now()
	if !l.last.IsZero() && now.Sub(l.last) < every {
		l.held++
		return
	}
	if l.held > 0 {
		args = append(args, "messages_left_out", l.held)
	}
	l.last, l.held = now, 0
	l.log.Warn(msg, args...)
}
