package check_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/driftd/driftd/internal/check"
	"github.com/driftd/driftd/internal/kafka"
)

func values(texts ...string) (out []kafka.Record) {
	for i, text := range texts {
		out = append(out, kafka.Record{Time: time.Now().Add(time.Duration(i-len(texts)) * time.Second), Value: []byte(text)})
	}
	return out
}

func TestEvents(t *testing.T) {
	topics := []string{"good", "late", "ahead", "old", "garbage", "some", "others", "empty", "untimed"}
	c := cluster(t, kfake.SeedTopics(1, topics...))
	tg := target(t, c.ListenAddrs(), "", `
kafka: {brokers: %BROKERS%}
sources: [{topic: good}, {topic: late}, {topic: ahead}, {topic: old}, {topic: garbage}, {topic: some}, {topic: others, model: churn, models: [churn]}, {topic: empty}, {topic: untimed}]
`)
	constant := func(d time.Duration) func(int) time.Duration { return func(int) time.Duration { return d } }
	rarely := func(d time.Duration) func(int) time.Duration {
		return func(i int) time.Duration {
			if i%10 == 0 {
				return d
			}
			return 0
		}
	}
	produce(t, tg.Client, "good", 0, events(200, constant(time.Second)))
	produce(t, tg.Client, "late", 0, events(200, rarely(40*time.Minute)))
	produce(t, tg.Client, "ahead", 0, events(200, rarely(-2*time.Hour)))
	produce(t, tg.Client, "old", 0, events(200, rarely(48*time.Hour)))
	produce(t, tg.Client, "garbage", 0, values("a,b,1", "c,d,2", "e,f,3"))
	produce(t, tg.Client, "some", 0, values(`{"model":"m","features":{"x":1}}`, `{"model":"m","features":{"x":2}}`, `{"features":{"x":2}}`))
	produce(t, tg.Client, "others", 0, values(`{"model":"churn","features":{"x":1}}`, `{"model":"fraud","features":{"x":2}}`))
	produce(t, tg.Client, "untimed", 0, values(`{"model":"m","features":{"x":1}}`))
	rs := check.Events(tg, check.Samples(within(t), tg))
	for _, x := range []struct {
		name, topic string
		status      check.Status
		words       string
	}{
		{"decodable", "good", check.StatusOK, "100.0 % of the last 200 records"},
		{"models", "good", check.StatusOK, "1 model: fraud"},
		{"lateness", "good", check.StatusOK, "p99.9 1s"},
		{"max_skew", "good", check.StatusOK, "0.00 %"},
		{"max_age", "good", check.StatusOK, "0.00 %"},
		// 10 % come after 40 minutes: the next of the proposed values is 45.
		{"lateness", "late", check.StatusWarning, "write sources[].lateness: 45m"},
		{"max_skew", "ahead", check.StatusWarning, "10.00 % of the events are more than 5m later"},
		{"max_age", "old", check.StatusWarning, "10.00 % of the events are more than 1d older"},
		{"lateness", "old", check.StatusWarning, "more than any lateness allows"},
		{"decodable", "garbage", check.StatusFailure, "Most hold CSV"},
		{"decodable", "garbage", check.StatusFailure, "3 undecodable, the first at partition 0, offset 0"},
		{"decodable", "some", check.StatusWarning, "1 no_model, the first at partition 0, offset 2"},
		{"models", "others", check.StatusWarning, `1 of 2 records are of models`},
		{"decodable", "empty", check.StatusWarning, "the topic is empty"},
		{"lateness", "untimed", check.StatusOK, "no time"},
	} {
		want(t, find(t, rs, check.AreaEvents, x.name, x.topic), x.status, x.words)
	}
	for _, r := range rs {
		if r.Subject == "garbage" && r.Name == "lateness" {
			t.Errorf("a topic of garbage has a lateness: %+v", r)
		}
	}
}

// Few events on many partitions make a profile of nearly every event.
func TestThinTraffic(t *testing.T) {
	c := cluster(t, kfake.SeedTopics(60, "thin"), kfake.SeedTopics(1, "busy"))
	tg := target(t, c.ListenAddrs(), "", `
kafka: {brokers: %BROKERS%}
sources: [{topic: thin}, {topic: busy}]
`)
	var features []string
	for c := range 30 {
		features = append(features, fmt.Sprintf(`"x%d":%d`, c, c))
	}
	value := []byte(`{"model":"m","features":{` + strings.Join(features, ",") + `}}`)
	for p := range 60 { // each partition has an event every ten seconds
		var recs []kafka.Record
		for i := range 20 {
			recs = append(recs, kafka.Record{Time: time.Now().Add(time.Duration(i-20) * 10 * time.Second), Value: value})
		}
		produce(t, tg.Client, "thin", p, recs)
	}
	var many []string
	for range 2000 {
		many = append(many, `{"model":"m","features":{"x":1,"y":2,"z":3}}`)
	}
	recs := values(many...)
	for i := range recs { // 100 a second
		recs[i].Time = time.Now().Add(time.Duration(i-2000) * 10 * time.Millisecond)
	}
	produce(t, tg.Client, "busy", 0, recs)
	rs := check.Budget(tg, nil, check.Samples(within(t), tg))
	want(t, find(t, rs, check.AreaBudget, "volume", "busy"), check.StatusOK, "1 partition")
	r := find(t, rs, check.AreaBudget, "volume", "thin")
	want(t, r, check.StatusWarning, "60 partitions", "write pane: ", "before the first start")
	if strings.Contains(r.Mend, "pane: 1m") {
		t.Errorf("the pane that there is is no mend: %s", r.Mend)
	}
	want(t, find(t, rs, check.AreaBudget, "tests", ""), check.StatusSkipped, "before a model has a reference")
}
