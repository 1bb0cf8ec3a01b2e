package alertmanager

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/cenkalti/backoff/v4"

	"github.com/driftd/driftd"
)

const (
	batch  = 200                    // alerts in a request
	gather = 100 * time.Millisecond // changes that come together are sent together
)

// target is one Alertmanager.
type target struct {
	s        *Sender
	name     string // for people
	endpoint string
	access   Access
	changed  chan struct{} // holds one: what is sent is always the newest

	failures int
	warned   time.Time
}

func newTarget(s *Sender, url string) *target {
	access := s.cfg.Access[url]
	if access.Client == nil {
		access.Client = http.DefaultClient
	}
	return &target{s: s, name: withoutPassword(url), endpoint: endpoint(url), access: access, changed: make(chan struct{}, 1)}
}

func (t *target) run(ctx context.Context) {
	retry := backoff.NewExponentialBackOff(
		backoff.WithInitialInterval(min(time.Second, t.s.cfg.Interval)),
		backoff.WithMaxInterval(min(30*time.Second, t.s.cfg.Interval)),
		backoff.WithMaxElapsedTime(0),
	)
	for {
		if !t.send(ctx) {
			if !sleep(ctx, retry.NextBackOff()) {
				return
			}
			continue
		}
		retry.Reset()
		timer := time.NewTimer(t.s.cfg.Interval)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		case <-t.changed:
			timer.Stop()
			if !sleep(ctx, gather) {
				return
			}
		}
	}
}

func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// send makes one attempt to tell everything.
func (t *target) send(ctx context.Context) bool {
	select {
	case <-t.changed: // the snapshot below has it
	default:
	}
	all, explained := true, false
	parts := batches(t.s.snapshot())
	if len(parts) == 0 {
		parts = [][]alert{{}} // an Alertmanager that is away is known before there is something to tell
	}
	for _, part := range parts {
		segments := len(part) > 0 && part[0].Labels["segment"] != driftd.AllSegment
		if segments && explained && !sleep(ctx, gather) {
			return false
		}
		explained = !segments
		began := time.Now()
		if err := t.post(ctx, part); err != nil {
			if ctx.Err() != nil {
				return false
			}
			t.failed(err)
			if !errors.As(err, new(*refused)) {
				return false
			}
			all = false // what it refuses must not keep the other batches from it
			continue
		}
		if h := t.s.cfg.Hooks.Sent; h != nil {
			h(t.name, len(part), time.Since(began))
		}
	}
	if !all {
		return false
	}
	if t.failures > 0 {
		t.s.cfg.Log.Info("Alertmanager takes alerts again", "alertmanager", t.name, "failures", t.failures)
		t.failures, t.warned = 0, time.Time{}
	}
	return true
}

// batches are what is sent in one request each: first what is of whole models. It
// explains what is of their segments, and Alertmanager holds that back only when it
// has come to know of the explanation: alerts that began hours ago it tells at once.
func batches(alerts []alert) (out [][]alert) {
	var whole, segments []alert
	for _, a := range alerts {
		if a.Labels["segment"] == driftd.AllSegment {
			whole = append(whole, a)
		} else {
			segments = append(segments, a)
		}
	}
	return slices.AppendSeq(slices.Collect(slices.Chunk(whole, batch)), slices.Chunk(segments, batch))
}

func (t *target) post(ctx context.Context, alerts []alert) error {
	body, err := json.Marshal(alerts)
	if err != nil {
		return fmt.Errorf("encode %d alerts: %w", len(alerts), err)
	}
	ctx, cancel := context.WithTimeout(ctx, t.s.cfg.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.endpoint, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("send alerts: %w: alerts.alertmanagers wants http://host:port", err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "driftd")
	if t.access.Username != "" {
		req.SetBasicAuth(t.access.Username, t.access.Password)
	}
	before := t.s.cfg.Now()
	resp, err := t.access.Client.Do(req)
	if err != nil {
		return fmt.Errorf("send %d alerts: %w", len(alerts), err)
	}
	defer resp.Body.Close()
	t.measure(resp.Header.Get("Date"), before, t.s.cfg.Now())
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 4096))
	if resp.StatusCode/100 != 2 {
		// Those of the batch that are valid were taken all the same.
		err := fmt.Errorf("send %d alerts: %s: %s", len(alerts), resp.Status, bytes.TrimSpace(answer))
		if resp.StatusCode == http.StatusBadRequest {
			return &refused{err}
		}
		return err
	}
	if err != nil {
		return fmt.Errorf("send %d alerts: read the answer: %w", len(alerts), err)
	}
	return nil
}

// refused is the error of a batch with alerts that are not valid for Alertmanager.
type refused struct{ error }

// measure compares clocks: the answer's Date, cut to seconds, was written between the two times.
func (t *target) measure(date string, before, after time.Time) {
	theirs, err := http.ParseTime(date)
	if err != nil || t.s.cfg.Hooks.Skew == nil {
		return
	}
	ours := before.Add(after.Sub(before) / 2)
	ahead := theirs.Add(500 * time.Millisecond).Sub(ours)
	if ahead.Abs() < time.Second {
		ahead = 0 // that is the header's resolution
	}
	t.s.cfg.Hooks.Skew(t.name, ahead)
}

// failed counts, and warns at once and then every minute.
func (t *target) failed(err error) {
	t.failures++
	if h := t.s.cfg.Hooks.Failed; h != nil {
		h(t.name, err)
	}
	if now := time.Now(); t.warned.IsZero() || now.Sub(t.warned) >= time.Minute {
		t.warned = now
		t.s.cfg.Log.Warn("Alertmanager did not take the alerts: trying again until it does", "alertmanager", t.name, "failures", t.failures, "error", err)
	}
}
