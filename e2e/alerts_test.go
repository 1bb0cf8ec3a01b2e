//go:build e2e

package e2e

import (
	"context"
	"log/slog"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/alerts/alertmanager"
	"github.com/driftd/driftd/e2e/stack"
)

// An incident as the sender tells it reaches a person once through the Alertmanager config that users are given, goes on
// without a word, rises to a page, and is resolved.
func TestIncidentReachesAPersonOnce(t *testing.T) {
	ctx := contextOf(t, 2*time.Minute)
	config, err := os.ReadFile("../deploy/alertmanager/alertmanager.yml")
	must(t, err)
	hook, err := stack.StartWebhook()
	must(t, err)
	t.Cleanup(func() { must(t, hook.Stop()) })
	a, err := stack.StartAlertmanager(ctx, t.TempDir(), stack.AlertmanagerConfig(string(config), hook.URL))
	must(t, err)
	t.Cleanup(a.Stop)

	var sent atomic.Int64
	var skew atomic.Int64
	s := alertmanager.New(alertmanager.Config{
		URLs: []string{a.URL}, Interval: 300 * time.Millisecond, Log: slog.New(slog.NewTextHandler(os.Stderr, nil)),
		Hooks: alertmanager.Hooks{
			Sent:   func(_ string, n int, _ time.Duration) { sent.Add(int64(n)) },
			Failed: func(url string, err error) { t.Errorf("%s: %v", url, err) },
			Skew:   func(_ string, ahead time.Duration) { skew.Store(int64(ahead)) },
		},
	})
	running, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Run(running) }() // ends with its context
	t.Cleanup(func() { stop(); <-done })

	wait := func(status, segment, severity string) stack.Alert {
		t.Helper()
		al, err := hook.Wait(ctx, func(n stack.Notification, al stack.Alert) bool {
			return al.Status == status && al.Labels["segment"] == segment && al.Labels["severity"] == severity && n.Receiver == severity
		})
		must(t, err)
		return al
	}

	since := time.Now().Add(-3 * time.Hour).UTC().Truncate(time.Hour)
	in := driftd.IncidentResult{ID: "f00d", Model: "fraud", Segment: "all", Type: "drift", State: driftd.StateOpen, Severity: "ticket",
		DriftSince: since, OpenedAt: since.Add(2 * time.Hour), Summary: "Drift in model fraud", Stamp: driftd.Stamp{Labels: map[string]string{"team": "risk"}},
		Columns: []driftd.IncidentColumn{{Column: "amount", Test: "location", Effect: .31, Moved: "location +0.31 sd", PValue: 3e-7, Threshold: .18, N: 1000}}}
	s.Set("fraud/all", in)
	segment := in
	segment.Segment = "country=DE"
	s.Set("fraud/country=DE", segment) // `all` speaks for it
	old := in
	old.Model, old.Historic = "old", true
	s.Set("old/all", old)
	silent := in
	silent.Model, silent.Type, silent.Severity, silent.Columns = "churn", "no_data", "page", nil
	s.Set("churn/all", silent)

	// A schema break is an alert of its own beside the incident of windows, and speaks for its segments.
	broken := in
	broken.Model, broken.Type, broken.Severity = "pricing", "schema_break", "page"
	broken.Columns = []driftd.IncidentColumn{{Column: "price", Test: "gone", Effect: 1, Moved: "gone: 100 % of events lack it or have null, usually 0 %", N: 900}}
	s.Set("pricing/all/break", broken)
	inDE := broken
	inDE.Segment = "country=DE"
	s.Set("pricing/country=DE/break", inDE)
	drifts := broken
	drifts.Type, drifts.Severity = "drift", "ticket"
	s.Set("pricing/all", drifts)

	al, err := hook.Wait(ctx, func(n stack.Notification, al stack.Alert) bool {
		return al.Labels["model"] == "pricing" && al.Labels["alertname"] == "DriftdSchemaBreak" && n.Receiver == "page"
	})
	must(t, err)
	if al.Labels["segment"] != "all" || al.Annotations["title"] != "pricing: schema break: price gone: 100 % of events lack it or have null, usually 0 %" {
		t.Errorf("the webhook got %+v", al)
	}
	al, err = hook.Wait(ctx, func(_ stack.Notification, al stack.Alert) bool {
		return al.Labels["model"] == "fraud" && al.Status == "firing"
	})
	must(t, err)
	if al.Labels["alertname"] != "DriftdIncident" || al.Labels["team"] != "risk" || !al.StartsAt.Equal(since) ||
		al.Annotations["summary"] != "Drift in model fraud" || al.Annotations["column"] != "amount" || al.Annotations["p_value"] != "3e-07" {
		t.Errorf("the webhook got %+v", al)
	}
	_, err = hook.Wait(ctx, func(n stack.Notification, al stack.Alert) bool {
		return al.Status == "firing" && al.Labels["model"] == "churn" && al.Labels["alertname"] == "DriftdNoData" && n.Receiver == "page"
	})
	must(t, err)

	for before := sent.Load(); sent.Load() < before+30; { // ten times all three, over several of Alertmanager's group intervals
		time.Sleep(50 * time.Millisecond)
	}
	if n := notified(hook, "firing", "fraud", "ticket"); n != 1 {
		t.Errorf("told %d times of one incident", n)
	}

	silent.State = driftd.StateResolved
	s.Set("churn/all", silent)
	if al := wait("resolved", "all", "page"); al.Labels["model"] != "churn" || time.Since(al.EndsAt) > time.Minute || al.EndsAt.After(time.Now()) {
		t.Errorf("the webhook got %+v", al)
	}

	// The severity rises: the ticket ends, the page begins.
	in.Severity = "page"
	s.Set("fraud/all", in)
	for notified(hook, "firing", "fraud", "page") == 0 || notified(hook, "resolved", "fraud", "ticket") == 0 {
		must(t, ctx.Err())
		time.Sleep(50 * time.Millisecond)
	}
	s.Drop("fraud/country=DE")
	in.State = driftd.StateResolved
	s.Set("fraud/all", in)
	for notified(hook, "resolved", "fraud", "page") == 0 {
		must(t, ctx.Err())
		time.Sleep(50 * time.Millisecond)
	}

	for _, n := range hook.Notifications() {
		for _, al := range n.Alerts {
			if al.Labels["model"] == "pricing" && al.Labels["segment"] != "all" {
				t.Errorf("told of a segment that `all` speaks for: %+v", al)
			}
			if al.Labels["model"] == "old" {
				t.Errorf("told of a historic incident: %+v", al)
			}
		}
	}
	if ahead := time.Duration(skew.Load()); ahead.Abs() > 2*time.Second {
		t.Errorf("a clock of the same machine is %s ahead", ahead)
	}
}

// notified counts the notifications in which an alert of a model's `all` has a status.
func notified(hook *stack.Webhook, status, model, severity string) int {
	n := 0
	for _, got := range hook.Notifications() {
		for _, al := range got.Alerts {
			if al.Status == status && al.Labels["model"] == model && al.Labels["segment"] == "all" && al.Labels["severity"] == severity {
				n++
			}
		}
	}
	return n
}
