package check

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/detectors"
	"github.com/driftd/driftd/internal/config"
	"github.com/driftd/driftd/internal/kafka"
)

// Topics checks the users' topics; samples are those of Samples.
func Topics(ctx context.Context, t *Target, samples []*Sample) []Result {
	l := &list{area: AreaTopics}
	var names []string
	for i := range t.Config.Sources {
		names = append(names, t.Config.Sources[i].Topic)
	}
	ask, stop := context.WithTimeout(ctx, askWithin)
	defer stop()
	d, err := t.Client.Describe(ask, names)
	if err != nil {
		l.fail("exists", "", err.Error(), "see the broker's log")
		return l.out
	}
	for i, name := range names {
		x := d.Topics[name]
		if !t.exists(l, name, &x) {
			continue
		}
		t.readable(l, samples[i])
		t.settings(ctx, l, &t.Config.Sources[i])
	}
	return l.out
}

// exists tells whether a topic can be used at all.
func (t *Target) exists(l *list, name string, x *kafka.TopicDescription) bool {
	_, denied := kafka.Denied(x.Err)
	switch {
	case denied:
		l.fail("exists", name, "this user may not see it, or there is none", t.acls(aclRead(name)))
	case errors.Is(x.Err, kafka.ErrUnknownTopic):
		l.fail("exists", name, "there is no such topic (or this user may not see it): driftd would wait for it",
			"check sources[].topic, or make it:\n"+t.topicCommand(kafka.TopicSpec{Name: name, Partitions: 6, Replication: -1}))
	case x.Err != nil:
		l.fail("exists", name, x.Err.Error(), "see the broker's log")
	case x.Leaderless > 0:
		l.fail("exists", name, fmt.Sprintf("%d of %s have no leader: windows would wait for them", x.Leaderless, plural(x.Partitions, "partition")), "bring their brokers back")
	default:
		l.ok("exists", name, "%s", plural(x.Partitions, "partition"))
		return true
	}
	return false
}

func (t *Target) readable(l *list, s *Sample) {
	_, denied := kafka.Denied(s.Err)
	switch {
	case denied || errors.Is(s.Err, errDenied):
		l.fail("readable", s.Source.Topic, "this user may not read it", t.acls(aclRead(s.Source.Topic)))
	case errors.Is(s.Err, context.DeadlineExceeded):
		l.fail("readable", s.Source.Topic, fmt.Sprintf("its end could not be read in time: %v", s.Err), "are all brokers reachable from here, and is the network fast enough?")
	case s.Err != nil:
		l.fail("readable", s.Source.Topic, s.Err.Error(), "see the broker's log")
	case s.Tail.Corrupt > 0:
		l.warn("readable", s.Source.Topic, fmt.Sprintf("%d damaged batches of records cannot be read: windows that need them will say complete=0", s.Tail.Corrupt), "see the broker's log and disk")
	case s.Tail.Open > 0:
		l.ok("readable", s.Source.Topic, "about %d records; an open transaction hides the last %d", s.Tail.Log, s.Tail.Open)
	default:
		l.ok("readable", s.Source.Topic, "about %d records", s.Tail.Log)
	}
}

// settings checks what the topic's own settings mean for driftd.
func (t *Target) settings(ctx context.Context, l *list, src *config.Source) {
	ask, stop := context.WithTimeout(ctx, askWithin)
	defer stop()
	conf, err := t.Client.DescribeTopicConfig(ask, src.Topic)
	if err != nil {
		why := err.Error()
		if _, denied := kafka.Denied(err); denied {
			why = "this user may not see the topic's settings (DescribeConfigs); driftd works without"
		}
		l.skip("timestamps", src.Topic, "not checked: %s", why)
		l.skip("retention", src.Topic, "not checked: see timestamps")
		return
	}
	if conf["message.timestamp.type"] == "LogAppendTime" {
		l.ok("timestamps", src.Topic, "LogAppendTime: record times are the broker's clock")
	} else {
		l.warn("timestamps", src.Topic, "CreateTime: record times come from the producers' clocks, and driftd judges by them what is late, too old or too far ahead; one wrong clock closes windows early",
			"if no consumer needs the producers' times (events carry their own):\n"+
				fmt.Sprintf("kafka-configs.sh %s --alter --entity-type topics --entity-name %s --add-config message.timestamp.type=LogAppendTime", t.server(), shellQuote(src.Topic)))
	}
	t.retention(l, src, conf)
}

// retention compares how long records are kept with what is read of them.
func (t *Target) retention(l *list, src *config.Source, conf map[string]string) {
	ms, err := strconv.ParseInt(conf["retention.ms"], 10, 64)
	if err != nil {
		l.skip("retention", src.Topic, "not checked: retention.ms is %q", conf["retention.ms"])
		return
	}
	if ms < 0 || conf["cleanup.policy"] == "compact" {
		l.ok("retention", src.Topic, "records are kept for ever")
		return
	}
	keeps := time.Duration(ms) * time.Millisecond
	var base, longest, span time.Duration
	for _, m := range t.models(src) {
		base = max(base, m.Windows[0])
		longest = max(longest, m.Windows[len(m.Windows)-1])
		if m.ReferenceFile == "" {
			span = max(span, m.Bootstrap)
		}
	}
	mend := fmt.Sprintf("kafka-configs.sh %s --alter --entity-type topics --entity-name %s --add-config retention.ms=%d", t.server(), shellQuote(src.Topic), (14 * 24 * time.Hour).Milliseconds())
	least := time.Duration(detectors.MinWindows)*base + 2*24*time.Hour // the last two days are judged, not learned from
	switch {
	case keeps < longest:
		l.warn("retention", src.Topic, fmt.Sprintf("records are kept for %s, less than the longest window (%s): after an outage a window could not be made up for", length(keeps), length(longest)), "keep them longer:\n"+mend)
	case span > 0 && keeps < least:
		l.warn("retention", src.Topic, fmt.Sprintf("records are kept for %s, which holds fewer than %d windows of %s beside the last two days: a reference is learned from live traffic, and verdicts begin later", length(keeps), detectors.MinWindows, length(base)),
			"keep them longer, or give a reference made of a file (models.<name>.reference.file):\n"+mend)
	case span > keeps:
		l.ok("retention", src.Topic, "records are kept for %s: a reference is learned from that much, not from the %s of reference.bootstrap", length(keeps), length(span))
	default:
		l.ok("retention", src.Topic, "records are kept for %s", length(keeps))
	}
}

// models are those that a source names; the defaults where it names none.
func (t *Target) models(src *config.Source) []*config.Model {
	var out []*config.Model
	for _, name := range append([]string{src.Model}, src.Models...) {
		if name != "" {
			out = append(out, t.Config.ModelOf(name))
		}
	}
	if out == nil {
		out = append(out, &t.Config.Defaults)
	}
	return out
}

func length(d time.Duration) string { return driftd.FormatLength(d) }
