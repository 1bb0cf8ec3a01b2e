package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v4"
)

// newBackoff is how everything here waits: from 100 ms to 5 s, with jitter, for
// ever.
func newBackoff() *backoff.ExponentialBackOff {
	return backoff.NewExponentialBackOff(
		backoff.WithInitialInterval(100*time.Millisecond),
		backoff.WithMaxInterval(5*time.Second),
		backoff.WithMaxElapsedTime(0),
	)
}

// retry calls f until it succeeds, fails for good or ctx ends. An unknown topic
// is for good unless op is "produce": see Produce.
func (c *Client) retry(ctx context.Context, op string, f func() error) error {
	var last error
	err := backoff.RetryNotify(func() error {
		last = f()
		switch {
		case last == nil:
			return nil
		case ctx.Err() != nil || !retriable(last) || (isUnknownTopic(last) && op != "produce"):
			return backoff.Permanent(last)
		}
		return last
	}, backoff.WithContext(newBackoff(), ctx), func(err error, _ time.Duration) { c.cfg.OnRetry(op, err) })
	// What kept failing says more than "context deadline exceeded" alone.
	if err != nil && ctx.Err() != nil && last != nil && !errors.Is(last, ctx.Err()) {
		return fmt.Errorf("%w (last failure: %w)", ctx.Err(), last)
	}
	return err
}
