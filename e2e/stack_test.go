//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/segmentio/kafka-go"

	"github.com/driftd/driftd/e2e/stack"
)

func TestStackKafka(t *testing.T) {
	ctx := contextOf(t, 3*time.Minute)
	k := startKafka(t)
	const topic = "things"
	conn, err := kafka.DialContext(ctx, "tcp", k.Bootstrap)
	must(t, err)
	must(t, conn.CreateTopics(kafka.TopicConfig{Topic: topic, NumPartitions: 1, ReplicationFactor: 1}))
	must(t, conn.Close())

	// 8 MiB is what driftd's internal topics are allowed; a default broker refuses more than 1 MiB.
	big := bytes.Repeat([]byte("x"), 8<<20)
	leader, err := kafka.DialLeader(ctx, "tcp", k.Bootstrap, topic, 0)
	must(t, err)
	_, err = leader.WriteMessages(kafka.Message{Value: []byte("one")}, kafka.Message{Value: big})
	must(t, err)
	must(t, leader.Close())

	k.Kill9()
	if k.PID() != 0 {
		t.Fatalf("kafka has the pid %d after Kill9", k.PID())
	}
	must(t, k.Restart(ctx))

	leader, err = kafka.DialLeader(ctx, "tcp", k.Bootstrap, topic, 0)
	must(t, err)
	must(t, leader.SetReadDeadline(time.Now().Add(20*time.Second)))
	batch := leader.ReadBatch(1, 32<<20)
	for i, want := range [][]byte{[]byte("one"), big} {
		m, err := batch.ReadMessage()
		must(t, err)
		if !bytes.Equal(m.Value, want) || m.Offset != int64(i) {
			t.Errorf("record %d: offset %d and %d bytes, want offset %d and %d bytes", i, m.Offset, len(m.Value), i, len(want))
		}
	}
	must(t, batch.Close())
	must(t, leader.Close())

	conn, err = kafka.DialContext(ctx, "tcp", k.Bootstrap)
	must(t, err)
	if p, err := conn.ReadPartitions("nobody-made-this"); err == nil {
		t.Errorf("a topic that nobody made was made by asking for it: %v", p)
	}
	must(t, conn.Close())
}

func TestStackClickHouse(t *testing.T) {
	ctx := contextOf(t, 2*time.Minute)
	c := startClickHouse(t)
	conn := openClickHouse(t, c, c.User, c.Password)
	must(t, conn.Exec(ctx, "CREATE DATABASE d"))
	must(t, conn.Exec(ctx, "CREATE TABLE d.t (id UInt64, s LowCardinality(String)) ENGINE = MergeTree ORDER BY id"))
	insert := func(from, to uint64) {
		batch, err := conn.PrepareBatch(ctx, "INSERT INTO d.t")
		must(t, err)
		for i := from; i < to; i++ {
			must(t, batch.Append(i, fmt.Sprint("s", i%3)))
		}
		must(t, batch.Send())
	}
	insert(0, 1000)
	c.Kill9()
	must(t, c.Restart(ctx))
	conn = openClickHouse(t, c, c.User, c.Password)
	insert(1000, 1500)
	var n, sum uint64
	must(t, conn.QueryRow(ctx, "SELECT count(), sum(id) FROM d.t WHERE s != ''").Scan(&n, &sum))
	if n != 1500 || sum != 1500*1499/2 {
		t.Errorf("count %d and sum %d after kill -9 and restart, want 1500 and %d", n, sum, 1500*1499/2)
	}

	err := openClickHouse(t, c, c.User, "wrong").Ping(ctx)
	if err == nil || !strings.Contains(err.Error(), "Authentication failed") {
		t.Errorf("ping with a wrong password: %v, want a refusal", err)
	}
	// The server has a user "default" for its own start; it must not be of use to a client.
	if err := openClickHouse(t, c, "default", "").QueryRow(ctx, "SELECT count() FROM d.t").Scan(&n); err == nil {
		t.Error("the table could be read without a user and password")
	}
}

func openClickHouse(t *testing.T, c *stack.ClickHouse, user, password string) driver.Conn {
	t.Helper()
	conn, err := clickhouse.Open(&clickhouse.Options{
		Addr: []string{c.Native},
		Auth: clickhouse.Auth{Username: user, Password: password},
	})
	must(t, err)
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Errorf("close the connection to ClickHouse: %v", err)
		}
	})
	return conn
}

func TestStackPrometheus(t *testing.T) {
	ctx := contextOf(t, 2*time.Minute)
	target, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		io.WriteString(w, "driftd_e2e_answer 42\n") //nolint:errcheck // a lost answer shows in the query
	})}
	go srv.Serve(target) //nolint:errcheck // ends with ErrServerClosed
	t.Cleanup(func() { must(t, srv.Close()) })

	config, err := os.ReadFile("../deploy/prometheus/prometheus.yml")
	must(t, err)
	run(t, "promtool", "check", "config", "../deploy/prometheus/prometheus.yml")
	p, err := stack.StartPrometheus(ctx, t.TempDir(),
		strings.NewReplacer("driftd:9110", target.Addr().String(), "scrape_interval: 15s", "scrape_interval: 200ms").Replace(string(config)))
	must(t, err)
	t.Cleanup(p.Stop)

	var body string
	for ctx.Err() == nil && !strings.Contains(body, `"42"`) {
		time.Sleep(50 * time.Millisecond)
		body = get(ctx, t, p.URL+`/api/v1/query?query=driftd_e2e_answer%7Bjob%3D%22driftd%22%7D`)
	}
	if !strings.Contains(body, `"42"`) {
		t.Errorf("prometheus did not scrape the value 42 with the config of deploy/: %s", body)
	}
}

func get(ctx context.Context, t *testing.T, url string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	must(t, err)
	resp, err := http.DefaultClient.Do(req)
	must(t, err)
	b, err := io.ReadAll(resp.Body)
	must(t, err)
	must(t, resp.Body.Close())
	return string(b)
}

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Errorf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}

// TestStackAlertmanager starts Alertmanager with the config of deploy/ and checks what that promises: routes by
// severity, one notification for a model, and a drift of "all" inhibits the model's segments, but a ticket no page.
func TestStackAlertmanager(t *testing.T) {
	ctx := contextOf(t, 2*time.Minute)
	hook, err := stack.StartWebhook()
	must(t, err)
	t.Cleanup(func() { must(t, hook.Stop()) })
	config, err := os.ReadFile("../deploy/alertmanager/alertmanager.yml")
	must(t, err)
	run(t, "amtool", "check-config", "../deploy/alertmanager/alertmanager.yml")
	a, err := stack.StartAlertmanager(ctx, t.TempDir(), stack.AlertmanagerConfig(string(config), hook.URL))
	must(t, err)
	t.Cleanup(a.Stop)

	wait := func(status, model, segment, receiver string) {
		t.Helper()
		_, err := hook.Wait(ctx, func(n stack.Notification, al stack.Alert) bool {
			return n.Receiver == receiver && al.Status == status && al.Labels["model"] == model && al.Labels["segment"] == segment
		})
		must(t, err)
	}
	postAlerts(ctx, t, a, time.Time{}, incident("fraud", "all", "page"), incident("churn", "all", "ticket"))
	wait("firing", "fraud", "all", "page")
	wait("firing", "churn", "all", "ticket")

	postAlerts(ctx, t, a, time.Time{},
		incident("fraud", "country=DE", "page"), incident("fraud", "country=FR", "ticket"),
		incident("churn", "country=DE", "page"), incident("churn", "country=FR", "ticket"))
	wait("firing", "churn", "country=DE", "page") // a ticket inhibits no page
	for _, n := range hook.Notifications() {
		for _, al := range n.Alerts {
			if al.Labels["model"] == "fraud" && al.Labels["segment"] != "all" {
				t.Errorf("notified of a segment while \"all\" of its model pages: %+v", al)
			}
		}
	}

	// What "all" inhibited is told once it is over.
	postAlerts(ctx, t, a, time.Now(), incident("fraud", "all", "page"))
	wait("resolved", "fraud", "all", "page")
	wait("firing", "fraud", "country=DE", "page")
	wait("firing", "fraud", "country=FR", "ticket")

	for _, n := range hook.Notifications() {
		for _, al := range n.Alerts {
			if al.Labels["model"] == "churn" && al.Labels["segment"] == "country=FR" {
				t.Errorf("notified of a segment's ticket while \"all\" of its model fires: %+v", al)
			}
			if n.GroupLabels["model"] != al.Labels["model"] {
				t.Errorf("the alert %v is in the group %v", al.Labels, n.GroupLabels)
			}
		}
	}
}

func incident(model, segment, severity string) map[string]string {
	return map[string]string{"alertname": "DriftdIncident", "model": model, "segment": segment, "severity": severity, "team": "risk"}
}

// postAlerts sends alerts that fire; or that are over, where endsAt is set.
func postAlerts(ctx context.Context, t *testing.T, a *stack.Alertmanager, endsAt time.Time, labels ...map[string]string) {
	t.Helper()
	type alert struct {
		Labels   map[string]string `json:"labels"`
		StartsAt time.Time         `json:"startsAt"`
		EndsAt   *time.Time        `json:"endsAt,omitempty"`
	}
	var alerts []alert
	for _, l := range labels {
		al := alert{Labels: l, StartsAt: time.Now().Add(-time.Hour)}
		if !endsAt.IsZero() {
			al.EndsAt = &endsAt
		}
		alerts = append(alerts, al)
	}
	body, err := json.Marshal(alerts)
	must(t, err)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.URL+"/api/v2/alerts", bytes.NewReader(body))
	must(t, err)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	must(t, err)
	answer, err := io.ReadAll(resp.Body)
	must(t, err)
	must(t, resp.Body.Close())
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("post alerts: %s: %s", resp.Status, answer)
	}
}
