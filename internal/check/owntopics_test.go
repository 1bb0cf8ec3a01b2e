package check_test

import (
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/driftd/driftd/internal/check"
)

func TestOwnTopics(t *testing.T) {
	c := cluster(t, kfake.NumBrokers(3))
	tg := target(t, c.ListenAddrs(), "", oneSource)
	want(t, find(t, check.OwnTopics(within(t), tg), check.AreaOwnTopics, "exists", "driftd.profiles"), check.StatusOK, "not there yet")
	many := target(t, c.ListenAddrs(), "", strings.Replace(oneSource, "brokers:", "replication: 5, brokers:", 1))
	want(t, find(t, check.OwnTopics(within(t), many), check.AreaOwnTopics, "exists", "driftd.profiles"), check.StatusFailure, "would refuse", "kafka.replication")

	// As driftd makes them, on three brokers and begun by nobody yet.
	if err := tg.Client.EnsureTopics(within(t), tg.Settings.Topics()); err != nil {
		t.Fatal(err)
	}
	rs := check.OwnTopics(within(t), tg)
	want(t, find(t, rs, check.AreaOwnTopics, "min_insync_replicas", "driftd.windows"), check.StatusWarning, "min.insync.replicas=2")
	want(t, find(t, rs, check.AreaOwnTopics, "fixed", "driftd"), check.StatusOK, "no driftd has run")

	// Made by hand, and each wrong in its own way.
	tg = target(t, c.ListenAddrs(), "", strings.Replace(oneSource, "brokers:", "topic_prefix: byhand, brokers:", 1))
	specs := tg.Settings.Topics()
	for i := range specs {
		s := &specs[i]
		s.Replication = 3
		conf := map[string]string{}
		for k, v := range s.Configs {
			conf[k] = v
		}
		switch s.Name {
		case "byhand.profiles":
			s.Partitions = 4
			s.Replication = 1
			conf["retention.ms"] = "3600000"
		case "byhand.state":
			conf["cleanup.policy"] = "delete"
		case "byhand.references":
			conf["max.message.bytes"] = "1000000"
		case "byhand.windows":
			conf["cleanup.policy"] = "compact"
		case "byhand.results":
			conf["min.insync.replicas"] = "2"
		}
		s.Configs = conf
	}
	if err := tg.Client.EnsureTopics(within(t), specs); err != nil {
		t.Fatal(err)
	}
	rs = check.OwnTopics(within(t), tg)
	want(t, find(t, rs, check.AreaOwnTopics, "replication", "byhand.profiles"), check.StatusWarning, "1 replica", "3 brokers", "kafka.replication: 3")
	want(t, find(t, rs, check.AreaOwnTopics, "retention", "byhand.profiles"), check.StatusWarning, "kept for 1h", "retention.ms=604800000")
	want(t, find(t, rs, check.AreaOwnTopics, "cleanup_policy", "byhand.state"), check.StatusFailure, "is delete, it must be compact", "cleanup.policy=compact")
	want(t, find(t, rs, check.AreaOwnTopics, "cleanup_policy", "byhand.windows"), check.StatusWarning, "cleanup.policy=[compact,delete]")
	want(t, find(t, rs, check.AreaOwnTopics, "max_message_bytes", "byhand.references"), check.StatusFailure, "1000000", "max.message.bytes=8388608")
	want(t, find(t, rs, check.AreaOwnTopics, "min_insync_replicas", "byhand.state"), check.StatusWarning)
	want(t, find(t, rs, check.AreaOwnTopics, "settings", "byhand.results"), check.StatusOK, "delete", "8 MiB")
	want(t, find(t, rs, check.AreaOwnTopics, "fixed", "byhand"), check.StatusFailure, "4, 6 and 6 partitions")
}
