package check

import (
	"fmt"
	"strings"
	"time"

	"github.com/driftd/driftd/consumers"
	"github.com/driftd/driftd/internal/inspect"
)

// Shares above which what a sample shows is worth a warning.
const (
	someBad  = .01   // undecodable records
	someLate = .0001 // too old, too far ahead
)

// Events says what the samples of the users' topics are, and how late.
func Events(t *Target, samples []*Sample) []Result {
	l := &list{area: AreaEvents}
	for _, s := range samples {
		topic := s.Source.Topic
		switch {
		case s.Err != nil:
			l.skip("decodable", topic, "not checked: nothing could be read")
		case len(s.Tail.Records) == 0:
			l.warn("decodable", topic, nothing(s), "start the service that writes to it, or send events by hand with `driftd produce`; then check again")
		default:
			decodable(l, s)
			unknownModels(l, s)
			if s.Report.Decoded > 0 {
				lateness(l, s)
			}
		}
	}
	return l.out
}

func nothing(s *Sample) string {
	if s.Tail.Log > 0 {
		return fmt.Sprintf("its %d offsets hold no record that counts: aborted or open transactions, compaction, or damage", s.Tail.Log)
	}
	return "the topic is empty: nothing can be said of its events yet"
}

// decodable tells the share that can be decoded, and of the others the reasons,
// each with its first example.
func decodable(l *list, s *Sample) {
	r, topic := s.Report, s.Source.Topic
	bad := 0
	var why []string
	for i := range r.Failures {
		f := &r.Failures[i]
		if f.Reason == string(consumers.UnknownModel) {
			continue
		}
		bad += f.Count
		why = append(why, fmt.Sprintf("%d %s, the first at partition %d, offset %d: %s: %s", f.Count, f.Reason, f.Partition, f.Offset, f.Error, f.Excerpt))
	}
	found := fmt.Sprintf("%.1f %% of the last %s can be decoded", 100*(1-float64(bad)/float64(r.Records)), plural(r.Records, "record"))
	if bad == 0 {
		l.ok("decodable", topic, "%s", found)
		return
	}
	found += ": " + strings.Join(why, "; ")
	mend := fmt.Sprintf("compare sources[].map with the records: `driftd init --brokers HOST:PORT --topic %s --out -` proposes one", topic)
	if r.Advice != "" {
		found += ". Most hold " + r.Is
		mend = r.Advice
	}
	switch share := float64(bad) / float64(r.Records); {
	case 2*bad > r.Records:
		l.fail("decodable", topic, found, mend)
	case share >= someBad:
		l.warn("decodable", topic, found, mend)
	default:
		l.ok("decodable", topic, "%s", found)
	}
}

func unknownModels(l *list, s *Sample) {
	r := s.Report
	f := r.Failed(consumers.UnknownModel)
	var names []string
	for _, m := range r.Models {
		names = append(names, m.Name)
	}
	if f == nil {
		if len(names) > 0 {
			l.ok("models", s.Source.Topic, "%s: %s", plural(len(names), "model"), some(names, 10))
		}
		return
	}
	l.judge(r.Decoded == 0, "models", s.Source.Topic, fmt.Sprintf("%d of %s are of models that sources[].model or models does not name: dead letters. The first, at partition %d, offset %d: %s: %s",
		f.Count, plural(r.Records, "record"), f.Partition, f.Offset, f.Error, f.Excerpt), "add the model to sources[].models, or leave both keys out to take any")
}

// lateness compares the delay between events and their records with the bounds
// of the source.
func lateness(l *list, s *Sample) {
	topic, d := s.Source.Topic, s.Report.Delay
	if d == nil {
		l.ok("lateness", topic, "events carry no time: their records' is used, nothing is late")
		return
	}
	found := fmt.Sprintf("from event to record: p50 %s, p99 %s, p99.9 %s, max %s", d.P50, d.P99, d.P999, d.Max)
	switch {
	case time.Duration(d.P999) <= s.Source.Lateness:
		l.ok("lateness", topic, "%s: within lateness %s", found, inspect.Duration(s.Source.Lateness))
	case d.P999 > d.Lateness: // no lateness covers it
		l.warn("lateness", topic, fmt.Sprintf("%s: more than any lateness allows", found), "if old data were loaded into the topic, begin behind them (start: latest); else write sources[].lateness: "+d.Lateness.String())
	default:
		l.warn("lateness", topic, fmt.Sprintf("%s: lateness is %s, so that more than 0.1 %% are late and not counted", found, inspect.Duration(s.Source.Lateness)), "write sources[].lateness: "+d.Lateness.String())
	}
	if d.FarAhead > someLate {
		l.warn("max_skew", topic, fmt.Sprintf("%.2f %% of the events are more than %s later than their record: dead letters (too_far_ahead)", 100*d.FarAhead, inspect.Duration(s.Source.MaxSkew)),
			"mend the producer's clock or its time zone, check map.time.unit, or raise sources[].max_skew")
	} else {
		l.ok("max_skew", topic, "%.2f %% of the events are more than %s later than their record", 100*d.FarAhead, inspect.Duration(s.Source.MaxSkew))
	}
	if d.TooOld > someLate {
		l.warn("max_age", topic, fmt.Sprintf("%.2f %% of the events are more than %s older than their record: not counted (too_old)", 100*d.TooOld, inspect.Duration(s.Source.MaxAge)),
			"check map.time.unit; if events really come that late, raise sources[].max_age")
	} else {
		l.ok("max_age", topic, "%.2f %% of the events are more than %s older than their record", 100*d.TooOld, inspect.Duration(s.Source.MaxAge))
	}
}
