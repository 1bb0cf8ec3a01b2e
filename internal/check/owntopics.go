package check

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/driftd/driftd/internal/kafka"
	"github.com/driftd/driftd/internal/pipeline"
)

// What a cluster of three brokers and more should give driftd's topics.
const (
	wantReplicas = 3
	wantInSync   = 2
)

// leastRetention is how long an outage driftd should be able to make up for.
const leastRetention = 3 * 24 * time.Hour

// OwnTopics checks driftd's own topics: that they are as they must be, or can be
// made.
func OwnTopics(ctx context.Context, t *Target) []Result {
	l := &list{area: AreaOwnTopics}
	specs := t.Settings.Topics()
	names := make([]string, len(specs))
	for i := range specs {
		names[i] = specs[i].Name
	}
	ask, stop := context.WithTimeout(ctx, askWithin)
	defer stop()
	d, err := t.Client.Describe(ask, names)
	if err != nil {
		l.fail("exists", "", err.Error(), "see the broker's log")
		return l.out
	}
	there := 0
	var missing []kafka.TopicSpec
	for _, spec := range specs {
		x := d.Topics[spec.Name]
		if errors.Is(x.Err, kafka.ErrUnknownTopic) {
			missing = append(missing, spec)
			continue
		}
		if t.exists(l, spec.Name, &x) {
			there++
			t.replicas(l, spec.Name, x.Replication, len(d.Brokers))
			t.asSpecified(ctx, l, spec, x.Replication, len(d.Brokers))
		}
	}
	t.makeable(ctx, l, missing, len(d.Brokers))
	switch {
	case there == len(specs):
		t.fixed(ctx, l)
	case there > 0:
		l.skip("fixed", t.Settings.Prefix, "pane and partitions are compared once all of driftd's topics are there")
	}
	return l.out
}

// makeable asks the cluster whether it would make the topics that are missing.
func (t *Target) makeable(ctx context.Context, l *list, missing []kafka.TopicSpec, brokers int) {
	if len(missing) == 0 {
		return
	}
	ask, stop := context.WithTimeout(ctx, askWithin)
	defer stop()
	not, err := t.Client.CouldMake(ask, missing)
	for _, spec := range missing {
		_, denied := kafka.Denied(not[spec.Name])
		switch {
		case err != nil:
			l.skip("exists", spec.Name, "it is missing, and whether it can be made is not known: %v", err)
		case denied:
			l.fail("exists", spec.Name, "it is missing, and this user may not make it", "have an administrator run what `driftd check --print-topics` prints, or grant the right:\n"+t.acls(aclOwnTopics(t.Settings.Prefix)))
		case not[spec.Name] != nil:
			l.fail("exists", spec.Name, fmt.Sprintf("it is missing, and the cluster would refuse to make it: %v", not[spec.Name]), "mend kafka.partitions or kafka.replication, or have an administrator run what `driftd check --print-topics` prints")
		default:
			l.ok("exists", spec.Name, "not there yet: `driftd run` makes it")
			if spec.Replication > 0 {
				t.replicas(l, spec.Name, spec.Replication, brokers)
			}
		}
	}
}

func (t *Target) replicas(l *list, name string, replicas, brokers int) {
	if brokers < wantReplicas || replicas >= wantReplicas {
		if replicas > 1 {
			l.ok("replication", name, "%s", plural(replicas, "replica"))
		}
		return
	}
	l.warn("replication", name, fmt.Sprintf("%s, and the cluster has %d brokers: a broker that is lost may take state with it", plural(replicas, "replica"), brokers),
		"write kafka.replication: 3 before the first start; afterwards raise it with kafka-reassign-partitions.sh")
}

// asSpecified compares the settings that are in force with those that driftd
// would have made.
func (t *Target) asSpecified(ctx context.Context, l *list, spec kafka.TopicSpec, replicas, brokers int) {
	ask, stop := context.WithTimeout(ctx, askWithin)
	defer stop()
	conf, err := t.Client.DescribeTopicConfig(ask, spec.Name)
	if err != nil {
		why := err.Error()
		if _, denied := kafka.Denied(err); denied {
			why = "this user may not see the topic's settings (DescribeConfigs)"
		}
		l.skip("settings", spec.Name, "not checked: %s", why)
		return
	}
	alter := func(key, value string) string {
		return fmt.Sprintf("kafka-configs.sh %s --alter --entity-type topics --entity-name %s --add-config %s", t.server(), shellQuote(spec.Name), shellQuote(key+"="+listed(value)))
	}
	before := len(l.out)
	want := spec.Configs["cleanup.policy"]
	if want == "" {
		want = "delete"
	}
	if got := conf["cleanup.policy"]; !samePolicy(got, want) {
		bad := strings.Contains(got, "compact") != strings.Contains(want, "compact") || !strings.Contains(want, "delete") // something that is needed goes
		l.judge(bad, "cleanup_policy", spec.Name, fmt.Sprintf("cleanup.policy is %s, it must be %s", got, want), alter("cleanup.policy", want))
	}
	size := number(spec.Configs["max.message.bytes"])
	if got := number(conf["max.message.bytes"]); got < size {
		l.fail("max_message_bytes", spec.Name, fmt.Sprintf("max.message.bytes is %d: a profile or state of a large model would be refused, and its partition would stop", got), alter("max.message.bytes", strconv.FormatInt(size, 10)))
	}
	if text, ok := spec.Configs["retention.ms"]; ok && strings.Contains(conf["cleanup.policy"], "delete") {
		least := leastRetention.Milliseconds()
		if strings.Contains(want, "compact") { // windows to learn from
			least = number(text)
		}
		if got := number(conf["retention.ms"]); got >= 0 && got < least {
			l.warn("retention", spec.Name, fmt.Sprintf("records are kept for %s; %s is what driftd would have set: what an outage leaves unread, or a reference has to learn from, is deleted before", length(time.Duration(got)*time.Millisecond), length(time.Duration(number(text))*time.Millisecond)), alter("retention.ms", text))
		}
	}
	if got := number(conf["min.insync.replicas"]); brokers >= wantReplicas && replicas >= wantReplicas && got < wantInSync {
		l.warn("min_insync_replicas", spec.Name, fmt.Sprintf("min.insync.replicas is %d: what was acknowledged may be lost with one broker", got), alter("min.insync.replicas", strconv.Itoa(wantInSync)))
	}
	if len(l.out) == before {
		l.ok("settings", spec.Name, "cleanup.policy %s, records up to %d MiB", conf["cleanup.policy"], number(conf["max.message.bytes"])>>20)
	}
}

// fixed compares pane and partitions with what the prefix was begun with.
func (t *Target) fixed(ctx context.Context, l *list) {
	ctx, stop := context.WithTimeout(ctx, askWithin)
	defer stop()
	own := *t.Settings
	begun, err := pipeline.CheckTopics(ctx, t.Client, &own)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		l.skip("fixed", own.Prefix, "not checked: state could not be read in time")
	case err != nil:
		found, mend, _ := strings.Cut(err.Error(), "; ")
		l.fail("fixed", own.Prefix, found, mend)
	case begun:
		l.ok("fixed", own.Prefix, "begun with panes of %s and %s, as now", length(own.Pane), plural(own.Partitions, "partition"))
	default:
		l.ok("fixed", own.Prefix, "no driftd has run with this prefix yet")
	}
}

// listed is a value for kafka-configs.sh, which splits at commas.
func listed(value string) string {
	if strings.Contains(value, ",") {
		return "[" + value + "]"
	}
	return value
}

func samePolicy(a, b string) bool {
	x, y := strings.Split(a, ","), strings.Split(b, ",")
	slices.Sort(x)
	slices.Sort(y)
	return slices.Equal(x, y)
}

func number(s string) int64 {
	n, _ := strconv.ParseInt(s, 10, 64) // brokers give numbers
	return n
}
