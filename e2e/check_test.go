//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/driftd/driftd/e2e/stack"
	"github.com/driftd/driftd/internal/check"
	"github.com/driftd/driftd/internal/kafka"
)

// checked is what `driftd check --json` prints.
type checked struct {
	OK       bool           `json:"ok"`
	Failures int            `json:"failures"`
	Checks   []check.Result `json:"checks"`
}

func checks(t *testing.T, bin, config string) checked {
	t.Helper()
	out, err := exec.Command(bin, "check", "-c", config, "--json").Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	var c checked
	must(t, json.Unmarshal(out, &c))
	if c.OK != (err == nil) {
		t.Errorf("ok is %v and the command ended with %v", c.OK, err)
	}
	return c
}

// expect wants a check that ends so and says the words.
func (c *checked) expect(t *testing.T, area check.Area, name, subject string, status check.Status, words ...string) {
	t.Helper()
	i := slices.IndexFunc(c.Checks, func(r check.Result) bool { return r.Area == area && r.Name == name && r.Subject == subject })
	if i < 0 {
		t.Errorf("no check %s %s of %q in %+v", area, name, subject, c.Checks)
		return
	}
	r := c.Checks[i]
	if r.Status != status {
		t.Errorf("%+v, want it %s", r, status)
	}
	for _, w := range words {
		if !strings.Contains(r.Found+"\n"+r.Mend, w) {
			t.Errorf("%+v lacks %q", r, w)
		}
	}
}

// driftd check against real servers: a good set-up, one that lacks rights, one
// whose Alertmanager is down, and one that has run. It changes nothing.
func TestCheck(t *testing.T) {
	ctx := contextOf(t, 4*time.Minute)
	bin, dir, k, c := driftdBinary(t), t.TempDir(), startKafka(t), startClickHouse(t)
	hook, err := stack.StartWebhook()
	must(t, err)
	t.Cleanup(func() { must(t, hook.Stop()) })
	routes, err := os.ReadFile("../deploy/alertmanager/alertmanager.yml")
	must(t, err)
	a, err := stack.StartAlertmanager(ctx, dir, stack.AlertmanagerConfig(string(routes), hook.URL))
	must(t, err)
	t.Cleanup(a.Stop)
	client, err := kafka.New(kafka.Config{Brokers: []string{k.Bootstrap}})
	must(t, err)
	t.Cleanup(client.Close)
	must(t, client.EnsureTopics(ctx, []kafka.TopicSpec{
		{Name: "predictions", Partitions: 2, Replication: 1, Configs: map[string]string{"message.timestamp.type": "LogAppendTime"}},
		{Name: "created", Partitions: 1, Replication: 1},
	}))
	start := time.Now().UTC().Truncate(time.Hour).Add(-96 * time.Hour)
	for p := range 2 { // the topic with producers' times can hold the past
		var recs []kafka.Record
		for i := range 95 * 60 {
			at := start.Add(time.Duration(i) * time.Minute)
			recs = append(recs, kafka.Record{Time: at, Value: fmt.Appendf(nil, `{"time":%q,"features":{"x":%d}}`, at.Format(time.RFC3339), i*7%50)})
		}
		if p == 0 {
			_, err = client.Produce(ctx, "created", 0, recs)
			must(t, err)
		}
		_, err = client.Produce(ctx, "predictions", p, []kafka.Record{{Value: fmt.Appendf(nil, `{"time":%q,"features":{"x":1}}`, time.Now().UTC().Format(time.RFC3339Nano))}})
		must(t, err)
	}
	t.Setenv("CLICKHOUSE_PASSWORD", c.Password)
	listen := freeAddr(t)
	config := func(user, alertmanager string) string {
		path := filepath.Join(dir, "driftd.yml")
		must(t, os.WriteFile(path, fmt.Appendf(nil, `
kafka: {brokers: [%q], replication: 1}
sources: [{topic: predictions, model: shop}, {topic: created, model: loans}]
defaults: {windows: [1h]}
sinks: {clickhouse: {addresses: [%q], username: %s, password_env: CLICKHOUSE_PASSWORD}}
alerts: {alertmanagers: [%q]}
http: {listen: %q}
start: earliest
`, k.Bootstrap, c.Native, user, alertmanager, listen), 0o644))
		return path
	}
	admin := openClickHouse(t, c, c.User, c.Password)
	things := func() string {
		d, err := client.Describe(ctx, nil)
		must(t, err)
		var names []string
		for name := range d.Topics {
			names = append(names, name)
		}
		slices.Sort(names)
		return fmt.Sprint(names, query[uint64](ctx, t, admin, "SELECT count() FROM system.databases WHERE name = 'driftd'"))
	}

	before := things()
	good := checks(t, bin, config(c.User, a.URL))
	if good.Failures > 0 {
		t.Errorf("failures on a set-up that is well: %+v", good.Checks)
	}
	good.expect(t, check.AreaBrokers, "reachable", k.Bootstrap, check.StatusOK, "Kafka 4.")
	good.expect(t, check.AreaTopics, "timestamps", "predictions", check.StatusOK, "LogAppendTime")
	good.expect(t, check.AreaTopics, "timestamps", "created", check.StatusWarning, "CreateTime", "--add-config message.timestamp.type=LogAppendTime")
	good.expect(t, check.AreaEvents, "decodable", "predictions", check.StatusOK)
	good.expect(t, check.AreaOwnTopics, "exists", "driftd.profiles", check.StatusOK, "not there yet")
	good.expect(t, check.AreaRights, "read", "predictions", check.StatusOK)
	good.expect(t, check.AreaClickHouse, "tables", "driftd", check.StatusOK, "no such database yet")
	good.expect(t, check.AreaClickHouse, "rights", c.User, check.StatusOK)
	good.expect(t, check.AreaAlertmanager, "reachable", a.URL, check.StatusOK, "v2 API")
	good.expect(t, check.AreaAlertmanager, "clock", a.URL, check.StatusOK)

	poor := checks(t, bin, config(c.InsertUser, a.URL))
	poor.expect(t, check.AreaClickHouse, "rights", c.InsertUser, check.StatusFailure,
		"GRANT CREATE DATABASE ON driftd.* TO inserter;", "GRANT CREATE TABLE ON driftd.* TO inserter;", "GRANT TABLE ENGINE ON ReplacingMergeTree TO inserter;")
	down := checks(t, bin, config(c.User, "http://127.0.0.1:1"))
	down.expect(t, check.AreaAlertmanager, "reachable", "http://127.0.0.1:1", check.StatusFailure, "connection refused", "Alertmanager runs")
	if after := things(); after != before {
		t.Errorf("before %s, after %s", before, after)
	}

	// Its own topics by the printed commands, as an administrator would paste them.
	makeTopics(ctx, t, client, command(ctx, t, bin, "check", "-c", config(c.User, a.URL), "--print-topics"))
	made := checks(t, bin, config(c.User, a.URL))
	made.expect(t, check.AreaOwnTopics, "settings", "driftd.windows", check.StatusOK, "compact,delete")
	made.expect(t, check.AreaOwnTopics, "fixed", "driftd", check.StatusOK, "no driftd has run")

	log := filepath.Join(dir, "driftd.log")
	d := startDaemon(t, bin, config(c.User, a.URL), log)
	ran := func() bool {
		r := checks(t, bin, config(c.User, a.URL))
		return slices.ContainsFunc(r.Checks, func(x check.Result) bool {
			return x.Name == "smallest_shift" && x.Subject == "loans" && strings.Contains(x.Found, "can be judged")
		})
	}
	until(ctx, t, "a window of loans that has closed", ran)
	r := checks(t, bin, config(c.User, a.URL))
	r.expect(t, check.AreaOwnTopics, "fixed", "driftd", check.StatusOK, "as now")
	r.expect(t, check.AreaReferences, "in_use", "loans", check.StatusOK, "in use since", "provisional")
	r.expect(t, check.AreaBudget, "tests", "loans", check.StatusOK, "1 column x 1 series x windows of 1h = 168 tests a week")
	r.expect(t, check.AreaRights, "group", "driftd.detect", check.StatusOK)
	r.expect(t, check.AreaLocal, "listen", listen, check.StatusSkipped, "a driftd runs here")
	r.expect(t, check.AreaClickHouse, "rights", c.User, check.StatusOK)
	if r.Failures > 0 {
		t.Errorf("failures beside a driftd that runs: %+v", r.Checks)
	}
	d.terminate(t)

	// Last, because the stack's ClickHouse, an embedded engine, ends with a refused login.
	t.Setenv("CLICKHOUSE_PASSWORD", "wrong")
	refused := checks(t, bin, config(c.User, a.URL))
	refused.expect(t, check.AreaClickHouse, "login", c.User, check.StatusFailure, "password_file")
}

// makeTopics makes what kafka-topics.sh would be told to make, as a shell reads
// the script; the tool itself is not part of the stack.
func makeTopics(ctx context.Context, t *testing.T, client *kafka.Client, script string) {
	t.Helper()
	stubs := "topics() { printf '%s\n' \"$@\"; echo ---; }\nacls() { :; }\n"
	out, err := exec.Command("sh", "-euc", stubs+strings.NewReplacer("kafka-topics.sh ", "topics ", "kafka-acls.sh ", "acls ").Replace(script)).CombinedOutput()
	must(t, err)
	var specs []kafka.TopicSpec
	for one := range strings.SplitSeq(strings.TrimSuffix(string(out), "---\n"), "---\n") {
		words := strings.Split(strings.TrimSpace(one), "\n")
		s := kafka.TopicSpec{Configs: map[string]string{}}
		for i, w := range words[:len(words)-1] {
			switch next := words[i+1]; w {
			case "--topic":
				s.Name = next
			case "--partitions":
				s.Partitions, err = strconv.Atoi(next)
			case "--replication-factor":
				s.Replication, err = strconv.Atoi(next)
			case "--config":
				key, value, _ := strings.Cut(next, "=")
				s.Configs[key] = value
			}
			must(t, err)
		}
		specs = append(specs, s)
	}
	if len(specs) != 6 {
		t.Fatalf("%d topics are printed:\n%s", len(specs), script)
	}
	must(t, client.EnsureTopics(ctx, specs))
}
