package check

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/driftd/driftd/internal/config"
	"github.com/driftd/driftd/internal/kafka"
	"github.com/driftd/driftd/internal/pipeline"
)

// Commands are what an administrator pastes into a shell where driftd may not
// make its topics: kafka-topics.sh for the topics and kafka-acls.sh for the rights,
// which only a cluster with an authorizer needs. No broker is asked.
func Commands(cfg *config.Config, set *pipeline.Settings) string {
	t := &Target{Config: cfg, Settings: set}
	var b strings.Builder
	if cfg.Kafka.TLS != nil || cfg.Kafka.SASL != nil {
		b.WriteString("# admin.properties holds the login of somebody who may make topics and grant rights.\n")
	}
	b.WriteString("# driftd's own topics.\n")
	for _, spec := range set.Topics() {
		b.WriteString(t.topicCommand(spec) + "\n")
	}
	b.WriteString("\n# What driftd's user may do; for clusters with an authorizer. Without Create on its topics driftd\n# waits until the topics above are there.\n")
	var all []acl
	for i := range cfg.Sources {
		all = append(all, aclRead(cfg.Sources[i].Topic))
	}
	all = append(all, aclOwnTopics(set.Prefix), aclGroups(set.Prefix))
	b.WriteString(t.acls(all...) + "\n")
	return b.String()
}

func (t *Target) topicCommand(spec kafka.TopicSpec) string {
	var b strings.Builder
	fmt.Fprintf(&b, "kafka-topics.sh %s --create --if-not-exists --topic %s --partitions %d", t.server(), shellQuote(spec.Name), spec.Partitions)
	if spec.Replication > 0 {
		fmt.Fprintf(&b, " --replication-factor %d", spec.Replication)
	}
	for _, k := range slices.Sorted(maps.Keys(spec.Configs)) {
		fmt.Fprintf(&b, " --config %s", shellQuote(k+"="+spec.Configs[k]))
	}
	return b.String()
}

// server is how the tools reach the cluster.
func (t *Target) server() string {
	s := "--bootstrap-server " + shellQuote(strings.Join(t.Config.Kafka.Brokers, ","))
	if t.Config.Kafka.TLS != nil || t.Config.Kafka.SASL != nil {
		s += " --command-config admin.properties"
	}
	return s
}

// acl is one grant: operations on a topic or group, by its name or its prefix.
type acl struct {
	operations []string
	resource   string // topic or group
	name       string
	prefixed   bool
}

func aclRead(topic string) acl {
	return acl{[]string{"Read", "Describe", "DescribeConfigs"}, "topic", topic, false}
}

func aclOwnTopics(prefix string) acl {
	return acl{[]string{"Read", "Write", "Create", "Describe", "DescribeConfigs"}, "topic", prefix + ".", true}
}

func aclGroups(prefix string) acl {
	return acl{[]string{"Read", "Describe"}, "group", prefix + ".", true}
}

// acls are the commands that grant.
func (t *Target) acls(grants ...acl) string {
	var lines []string
	for _, g := range grants {
		var b strings.Builder
		fmt.Fprintf(&b, "kafka-acls.sh %s --add --allow-principal %s", t.server(), shellQuote(t.principal()))
		for _, o := range g.operations {
			fmt.Fprintf(&b, " --operation %s", o)
		}
		fmt.Fprintf(&b, " --%s %s", g.resource, shellQuote(g.name))
		if g.prefixed {
			b.WriteString(" --resource-pattern-type prefixed")
		}
		lines = append(lines, b.String())
	}
	return strings.Join(lines, "\n")
}

// principal is the user as the cluster's authorizer names it.
func (t *Target) principal() string {
	k := &t.Config.Kafka
	if k.SASL != nil {
		return "User:" + k.SASL.Username
	}
	if k.TLS != nil && k.TLS.CertFile != "" {
		if tls, err := kafka.TLSConfig("", k.TLS.CertFile, k.TLS.KeyFile); err == nil && tls.Certificates[0].Leaf != nil {
			return "User:" + tls.Certificates[0].Leaf.Subject.String()
		}
	}
	return "User:ANONYMOUS"
}

// shellQuote is a word as a shell reads it back.
func shellQuote(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._-/:@%+,=", r)
	}
	if s != "" && !strings.ContainsFunc(s, func(r rune) bool { return !plain(r) }) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
