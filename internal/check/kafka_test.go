package check_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/driftd/driftd/internal/check"
	"github.com/driftd/driftd/internal/config"
	"github.com/driftd/driftd/internal/kafka"
	"github.com/driftd/driftd/internal/pipeline"
)

// cluster is a Kafka in this process; its superuser is admin.
func cluster(t *testing.T, opts ...kfake.Opt) *kfake.Cluster {
	t.Helper()
	c, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func client(t *testing.T, addrs []string, user string) *kafka.Client {
	t.Helper()
	c := kafka.Config{Brokers: addrs}
	if user != "" {
		var err error
		if c.SASL, err = kafka.SASL("plain", user, "secret"); err != nil {
			t.Fatal(err)
		}
	}
	client, err := kafka.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// target reads a config whose text has %BROKERS%.
func target(t *testing.T, addrs []string, user, text string) *check.Target {
	t.Helper()
	brokers := `["` + strings.Join(addrs, `","`) + `"]`
	cfg, err := config.Parse("driftd.yml", []byte(strings.ReplaceAll(text, "%BROKERS%", brokers)))
	if err != nil {
		t.Fatal(err)
	}
	return &check.Target{Config: cfg, Version: "test", Client: client(t, addrs, user), Settings: settings(cfg)}
}

func settings(cfg *config.Config) *pipeline.Settings {
	return pipeline.SettingsOf(cfg, pipeline.NewLive(cfg, "test"), "test", slog.New(slog.NewTextHandler(io.Discard, nil)), nil)
}

func within(t *testing.T) context.Context {
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(stop)
	return ctx
}

// find gives the one result of a name and subject.
func find(t *testing.T, rs []check.Result, area check.Area, name, subject string) check.Result {
	t.Helper()
	i := slices.IndexFunc(rs, func(r check.Result) bool { return r.Area == area && r.Name == name && r.Subject == subject })
	if i < 0 {
		t.Fatalf("no %s %s of %q in %v", area, name, subject, rs)
	}
	return rs[i]
}

// want checks a result's status, and that words are in what was found or in the mend.
func want(t *testing.T, r check.Result, s check.Status, words ...string) {
	t.Helper()
	if r.Status != s {
		t.Errorf("%s %s %s is %s, want %s: %s", r.Area, r.Name, r.Subject, r.Status, s, r.Found)
	}
	for _, w := range words {
		if !strings.Contains(r.Found+"\n"+r.Mend, w) {
			t.Errorf("%s %s %s lacks %q: %s\n%s", r.Area, r.Name, r.Subject, w, r.Found, r.Mend)
		}
	}
	if r.Status == check.StatusFailure && r.Mend == "" {
		t.Errorf("%s %s %s is a failure without a mend: %s", r.Area, r.Name, r.Subject, r.Found)
	}
}

// events are n of a second each; delay is how much later than they happened they
// were written.
func events(n int, delay func(i int) time.Duration) []kafka.Record {
	at := time.Now().Add(-time.Duration(n) * time.Second).Truncate(time.Millisecond)
	out := make([]kafka.Record, n)
	for i := range out {
		rec := at.Add(time.Duration(i) * time.Second)
		out[i] = kafka.Record{Time: rec, Value: fmt.Appendf(nil, `{"model":"fraud","time":%q,"features":{"amount":%d}}`, rec.Add(-delay(i)).UTC().Format(time.RFC3339Nano), i)}
	}
	return out
}

func produce(t *testing.T, c *kafka.Client, topic string, partition int, recs []kafka.Record) {
	t.Helper()
	if _, err := c.Produce(within(t), topic, partition, recs); err != nil {
		t.Fatal(err)
	}
}

const oneSource = `
kafka: {brokers: %BROKERS%}
sources: [{topic: predictions}]
`

// Whatever is checked, the cluster is the same before and after.
func TestChangesNothing(t *testing.T) {
	c := cluster(t, kfake.SeedTopics(2, "predictions"))
	tg := target(t, c.ListenAddrs(), "", oneSource+"http: {listen: \""+freeAddr(t)+"\"}\n")
	produce(t, tg.Client, "predictions", 0, events(10, func(int) time.Duration { return 0 }))
	look := func() []string {
		d, err := tg.Client.Describe(within(t), nil)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for name := range d.Topics {
			names = append(names, name)
		}
		slices.Sort(names)
		return names
	}
	before := look()
	rs := check.Run(within(t), tg)
	if diff := cmp.Diff(before, look()); diff != "" {
		t.Errorf("topics (-before +after)\n%s", diff)
	}
	if len(before) != 1 {
		t.Errorf("topics: %v, want one", before)
	}
	for _, r := range rs {
		if r.Status == check.StatusFailure {
			t.Errorf("a failure on a cluster that is well: %+v", r)
		}
	}
	want(t, find(t, rs, check.AreaOwnTopics, "exists", "driftd.state"), check.StatusOK, "not there yet")
	want(t, find(t, rs, check.AreaReferences, "library", ""), check.StatusOK, "none yet")
}

// What the broker is not: each step has its own word and mend.
func TestBrokersThatCannotBeUsed(t *testing.T) {
	c := cluster(t)
	live := c.ListenAddrs()[0]
	tg := target(t, []string{"127.0.0.1:1", "no-such-host.invalid:9092", live}, "", oneSource)
	rs, reached := check.Brokers(within(t), tg)
	if !reached {
		t.Fatal("the one that is well was not reached")
	}
	want(t, find(t, rs, check.AreaBrokers, "reachable", "127.0.0.1:1"), check.StatusWarning, "TCP: ", "firewall")
	want(t, find(t, rs, check.AreaBrokers, "reachable", "no-such-host.invalid:9092"), check.StatusWarning, "DNS: ", "kafka.brokers")
	want(t, find(t, rs, check.AreaBrokers, "reachable", live), check.StatusOK, "Kafka ")
	want(t, find(t, rs, check.AreaBrokers, "cluster", ""), check.StatusOK, "1 broker")

	rs, reached = check.Brokers(within(t), target(t, []string{"127.0.0.1:1"}, "", oneSource))
	if reached || rs[0].Status != check.StatusFailure {
		t.Errorf("reached %v: %v", reached, rs)
	}

	secure := cluster(t, kfake.EnableSASL(), kfake.Superuser("PLAIN", "admin", "secret"))
	rs, _ = check.Brokers(within(t), target(t, secure.ListenAddrs(), "stranger", oneSource))
	want(t, rs[0], check.StatusFailure, "SASL: ", "kafka.sasl")
	rs, _ = check.Brokers(within(t), target(t, secure.ListenAddrs(), "admin", oneSource))
	want(t, rs[0], check.StatusOK)
}

func TestTopics(t *testing.T) {
	c := cluster(t, kfake.SeedTopics(3, "predictions", "empty"))
	tg := target(t, c.ListenAddrs(), "", `
kafka: {brokers: %BROKERS%}
sources: [{topic: predictions}, {topic: "missing.one"}, {topic: empty}]
defaults: {windows: [1h, 14d]}
`)
	if err := tg.Client.EnsureTopics(within(t), []kafka.TopicSpec{{Name: "missing", Partitions: 1}}); err != nil {
		t.Fatal(err)
	}
	rs := check.Topics(within(t), tg, check.Samples(within(t), tg))
	want(t, find(t, rs, check.AreaTopics, "exists", "predictions"), check.StatusOK, "3 partitions")
	want(t, find(t, rs, check.AreaTopics, "exists", "missing.one"), check.StatusFailure, "no such topic", "kafka-topics.sh ", "--topic missing.one")
	want(t, find(t, rs, check.AreaTopics, "timestamps", "predictions"), check.StatusWarning, "CreateTime", "message.timestamp.type=LogAppendTime")
	want(t, find(t, rs, check.AreaTopics, "retention", "predictions"), check.StatusWarning, "kept for 7d", "longest window (14d)")
}

func TestTopicsWithTheBrokersClock(t *testing.T) {
	c := cluster(t)
	tg := target(t, c.ListenAddrs(), "", oneSource)
	for _, x := range []struct{ retention, status, words string }{
		{"604800000", "ok", "learned from that much"}, {"-1", "ok", "for ever"}, {"86400000", "warning", "fewer than 30 windows"}, {"3600000", "warning", "longest window (1d)"}, {"2592000000", "ok", "kept for 30d"},
	} {
		topic := "kept" + strings.TrimPrefix(x.retention, "-")
		tg.Config.Sources[0].Topic = topic
		tg.Settings.Sources[0].Topic = topic
		if err := tg.Client.EnsureTopics(within(t), []kafka.TopicSpec{{Name: topic, Partitions: 1, Configs: map[string]string{"message.timestamp.type": "LogAppendTime", "retention.ms": x.retention}}}); err != nil {
			t.Fatal(err)
		}
		rs := check.Topics(within(t), tg, check.Samples(within(t), tg))
		want(t, find(t, rs, check.AreaTopics, "timestamps", topic), check.StatusOK, "broker's clock")
		want(t, find(t, rs, check.AreaTopics, "retention", topic), check.Status(x.status), x.words)
	}
}

// The user sees and reads one topic, may describe another, and has nothing else.
func TestRights(t *testing.T) {
	allow := func(kind kmsg.ACLResourceType, name string, pattern kmsg.ACLResourcePatternType, ops ...kmsg.ACLOperation) (out []kfake.ACL) {
		for _, o := range ops {
			out = append(out, kfake.ACL{Resource: kind, Name: name, Pattern: pattern, Operation: o, Allow: true})
		}
		return out
	}
	acls := slices.Concat(
		allow(kmsg.ACLResourceTypeTopic, "mine", kmsg.ACLResourcePatternTypeLiteral, kmsg.ACLOperationRead),
		allow(kmsg.ACLResourceTypeTopic, "seen", kmsg.ACLResourcePatternTypeLiteral, kmsg.ACLOperationDescribe),
		allow(kmsg.ACLResourceTypeTopic, "driftd.state", kmsg.ACLResourcePatternTypeLiteral, kmsg.ACLOperationRead),
		allow(kmsg.ACLResourceTypeTopic, "driftd.results", kmsg.ACLResourcePatternTypeLiteral, kmsg.ACLOperationDescribe),
		allow(kmsg.ACLResourceTypeGroup, "driftd.detect", kmsg.ACLResourcePatternTypeLiteral, kmsg.ACLOperationRead),
		allow(kmsg.ACLResourceTypeGroup, "driftd.write", kmsg.ACLResourcePatternTypeLiteral, kmsg.ACLOperationDescribe),
	)
	c := cluster(t, kfake.EnableSASL(), kfake.EnableACLs(), kfake.Superuser("PLAIN", "admin", "secret"), kfake.User("PLAIN", "driftd", "secret", acls...),
		kfake.SeedTopics(1, "mine", "seen", "hidden", "driftd.state"))
	tg := target(t, c.ListenAddrs(), "driftd", `
kafka:
  brokers: %BROKERS%
  sasl: {mechanism: plain, username: driftd, password_env: X}
sources: [{topic: mine}, {topic: seen}, {topic: hidden}]
`)
	produce(t, client(t, c.ListenAddrs(), "admin"), "seen", 0, events(3, func(int) time.Duration { return 0 }))
	rs := append(check.Topics(within(t), tg, check.Samples(within(t), tg)), check.Rights(within(t), tg)...)
	want(t, find(t, rs, check.AreaTopics, "readable", "mine"), check.StatusOK)
	want(t, find(t, rs, check.AreaRights, "read", "mine"), check.StatusOK)
	want(t, find(t, rs, check.AreaTopics, "timestamps", "mine"), check.StatusSkipped, "DescribeConfigs")
	want(t, find(t, rs, check.AreaTopics, "exists", "seen"), check.StatusOK)
	want(t, find(t, rs, check.AreaTopics, "readable", "seen"), check.StatusFailure, "may not read", "kafka-acls.sh ", "--command-config admin.properties --add --allow-principal User:driftd", "--operation Read", "--topic seen")
	want(t, find(t, rs, check.AreaRights, "read", "seen"), check.StatusFailure, "--topic seen")
	want(t, find(t, rs, check.AreaTopics, "exists", "hidden"), check.StatusFailure, "may not see", "--topic hidden")
	want(t, find(t, rs, check.AreaRights, "read_write", "driftd.state"), check.StatusFailure, "--operation Write", "--topic driftd. --resource-pattern-type prefixed")
	want(t, find(t, rs, check.AreaRights, "group", "driftd.detect"), check.StatusOK)
	want(t, find(t, rs, check.AreaRights, "group", "driftd.write"), check.StatusFailure, "--group driftd. --resource-pattern-type prefixed")
	want(t, find(t, rs, check.AreaRights, "group", "driftd.profile.mine"), check.StatusFailure)

	own := check.OwnTopics(within(t), tg)
	want(t, find(t, own, check.AreaOwnTopics, "exists", "driftd.results"), check.StatusFailure, "may not make it", "--print-topics", "--operation Create")

	admin := target(t, c.ListenAddrs(), "admin", strings.ReplaceAll(oneSource, "predictions", "mine"))
	for _, r := range check.Rights(within(t), admin) {
		want(t, r, check.StatusOK)
	}
}

func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
