//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/driftd/driftd/e2e/stack"
)

var update = flag.Bool("update", false, "write testdata/messages.golden anew; read the diff")

// message is an alert as it is posted, fixed in time.
type message struct {
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	StartsAt    time.Time         `json:"startsAt"`
	EndsAt      *time.Time        `json:"endsAt,omitempty"`
}

// What a person reads in Slack and in an e-mail, and what PagerDuty says, through the real Alertmanager, the receivers
// that deploy/alertmanager/alertmanager.yml has as examples, and its templates. The texts are in testdata/messages.golden.
func TestMessages(t *testing.T) {
	ctx := contextOf(t, 2*time.Minute)
	posts := make(chan posted, 100)
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		posts <- posted{r.URL.Path, b}
		if r.URL.Path == "/pagerduty" {
			w.WriteHeader(http.StatusAccepted)
			return
		}
		_, _ = io.WriteString(w, "ok") // as Slack answers
	})}
	l := listen(t)
	go server.Serve(l) //nolint:errcheck // ends with ErrServerClosed
	t.Cleanup(func() { must(t, server.Close()) })
	mails := startSMTP(t)

	a, err := stack.StartAlertmanager(ctx, t.TempDir(), exampleReceivers(t, "http://"+l.Addr().String(), mails.addr))
	must(t, err)
	t.Cleanup(a.Stop)

	since := time.Date(2026, 11, 24, 3, 0, 0, 0, time.UTC)
	var out bytes.Buffer
	for _, c := range messageCases(since) {
		body, err := json.Marshal(c.alerts)
		must(t, err)
		post(ctx, t, a.URL+"/api/v2/alerts", body)
		fmt.Fprintf(&out, "==== %s ====\n", c.name)
		for range 2 { // Slack, and e-mail (tickets) or PagerDuty (pages), in the order of this list
			select {
			case p := <-posts:
				c.got = append(c.got, p.text(t))
			case m := <-mails.got:
				c.got = append(c.got, m.text(t))
			case <-ctx.Done():
				t.Fatalf("%s: %d of 2 messages came", c.name, len(c.got))
			}
		}
		if strings.HasPrefix(c.got[1], "-- Slack") {
			c.got[0], c.got[1] = c.got[1], c.got[0]
		}
		out.WriteString(strings.Join(c.got, "\n") + "\n")
	}
	got := regexp.MustCompile(`http://[^/\s"]+/#/`).ReplaceAllString(out.String(), "http://alertmanager/#/")
	const golden = "testdata/messages.golden"
	if *update {
		must(t, os.WriteFile(golden, []byte(got), 0o644))
	}
	want, err := os.ReadFile(golden)
	must(t, err)
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("messages (-%s +got), see -update:\n%s", golden, d)
	}
}

// exampleReceivers is the config with its examples in force, and their services in the test.
func exampleReceivers(t *testing.T, web, smtp string) string {
	t.Helper()
	b, err := os.ReadFile("../deploy/alertmanager/alertmanager.yml")
	must(t, err)
	templates, err := filepath.Abs("../deploy/alertmanager/templates")
	must(t, err)
	replace := []string{
		"#: ", "",
		"templates/*.tmpl", templates + "/*.tmpl",
		"api_url_file: /etc/alertmanager/secrets/slack-url", "api_url: " + web + "/slack",
		"routing_key_file: /etc/alertmanager/secrets/pagerduty-risk", "routing_key: k\n        url: " + web + "/pagerduty",
		"smtp_smarthost: mail.example:587", "smtp_smarthost: " + smtp + "\n  smtp_require_tls: false",
		"smtp_auth_username: driftd\n", "\n",
		"  smtp_auth_password_file: /etc/alertmanager/secrets/smtp-password\n", "",
	}
	text := string(b)
	for i := 0; i < len(replace); i += 2 {
		if !strings.Contains(text, replace[i]) {
			t.Fatalf("deploy/alertmanager/alertmanager.yml has no %q any more: adapt the test", replace[i])
		}
		text = strings.ReplaceAll(text, replace[i], replace[i+1])
	}
	return stack.AlertmanagerConfig(text, web+"/hook/")
}

type messageCase struct {
	name   string
	alerts []message
	got    []string
}

// messageCases are an incident as driftd says it in few annotations, one that says all, a group, a rule's alert, ends.
func messageCases(since time.Time) []messageCase {
	labels := func(model, segment, severity string) map[string]string {
		return map[string]string{"alertname": "DriftdIncident", "model": model, "segment": segment, "severity": severity, "team": "risk"}
	}
	few := map[string]string{"summary": "Drift in model fraud since 2026-11-24 03:00 UTC (sudden): amount: location +0.31 sd (p 3e-07, n 1000 < 2000 & more).",
		"columns": "amount, age", "drift_since": "2026-11-24T03:00:00Z"}
	all := map[string]string{
		"title": "churn: age is null in 35 % of events", "summary": "In model churn, age has been null in 35 % of events instead of 2 % since Tue 03:00 UTC.",
		"since": "Tue 2026-11-24 03:00 UTC", "where": "model churn, version 12, all segments",
		"columns":   "age           nulls 2 % -> 35 %\nmonthly_fee   mean +0.3 sd\nplan          family +4 %",
		"dashboard": "https://grafana.example/d/driftd-model?var-model=churn&from=1795485600000&to=1795507200000",
		"runbook":   "https://wiki.example/drift", "accept": "driftd reference accept --model churn --since 2026-11-24T03:00:00Z -c driftd.yml",
	}
	over := since.Add(5 * time.Hour)
	rule := map[string]string{"alertname": "DriftdUndecodable", "component": "model", "severity": "page", "topic": "payments", "team": "risk"}
	said := map[string]string{"summary": "More than a fifth of the records in topic payments cannot be read.",
		"description": "What was released at the producer?", "runbook_url": "https://github.com/driftd/driftd/blob/main/docs/runbooks/DriftdUndecodable.md"}
	silent := labels("ranking", "all", "ticket")
	silent["alertname"] = "DriftdNoData"
	return []messageCase{
		{name: "a ticket with few annotations", alerts: []message{{labels("fraud", "country=DE & more", "ticket"), few, since, nil}}},
		{name: "a page with all annotations", alerts: []message{{labels("churn", "all", "page"), all, since, nil}}},
		{name: "two segments at once, a ticket", alerts: []message{
			{labels("basket", "country=DE", "ticket"), map[string]string{"summary": "Drift in DE."}, since, nil},
			{labels("basket", "country=FR", "ticket"), map[string]string{"summary": "Drift in FR."}, since, nil}}},
		{name: "an alert of a rule, a page", alerts: []message{{rule, said, since, nil}}},
		{name: "a model that is silent", alerts: []message{{silent, map[string]string{"summary": "Model ranking has sent no events."}, since, nil}}},
		{name: "the end of the rule's alert", alerts: []message{{rule, said, since, &over}}},
		{name: "the end of the silence", alerts: []message{{silent, map[string]string{"summary": "Over: model ranking is silent no more."}, since, &over}}},
	}
}

// posted is one call of Slack's or PagerDuty's API.
type posted struct {
	path string
	body []byte
}

func (p posted) text(t *testing.T) string {
	t.Helper()
	var v struct {
		Attachments []struct {
			Title, Text, Color string
			Link               string `json:"title_link"`
		}
		Payload struct {
			Summary string
			Details map[string]any `json:"custom_details"`
		}
	}
	must(t, json.Unmarshal(p.body, &v))
	if p.path == "/pagerduty" {
		return fmt.Sprintf("-- PagerDuty: %s\n%v\n", v.Payload.Summary, v.Payload.Details["text"])
	}
	if p.path != "/slack" || len(v.Attachments) != 1 {
		t.Fatalf("%s was called with %s", p.path, p.body)
	}
	s := v.Attachments[0]
	return fmt.Sprintf("-- Slack: %s\n   (%s, %s)\n%s\n", s.Title, s.Color, s.Link, s.Text)
}

func post(ctx context.Context, t *testing.T, url string, body []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	must(t, err)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	must(t, err)
	answer, err := io.ReadAll(resp.Body)
	must(t, err)
	must(t, resp.Body.Close())
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("post to %s: %s: %s", url, resp.Status, answer)
	}
}
