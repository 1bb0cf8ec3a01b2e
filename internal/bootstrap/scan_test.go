package bootstrap_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/internal/bootstrap"
	"github.com/driftd/driftd/internal/embedded"
	"github.com/driftd/driftd/internal/kafka"
)

var monday = time.Date(2026, 9, 7, 0, 0, 0, 0, time.UTC)

// topic is a broker with one topic, to which a test sends hours of events.
type topic struct {
	t      *testing.T
	client *kafka.Client
	rng    *rand.Rand
	model  string
	n      int
}

func newTopic(t *testing.T) *topic {
	b, err := embedded.Start(embedded.Options{Topics: map[string]int{"events": 2}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	c, err := kafka.New(kafka.Config{Brokers: []string{b.Addr}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return &topic{t: t, client: c, rng: rand.New(rand.NewPCG(1, 2)), model: "m"}
}

func (tp *topic) send(recs ...kafka.Record) {
	tp.t.Helper()
	tp.n++
	if _, err := tp.client.Produce(context.Background(), "events", tp.n%2, recs); err != nil {
		tp.t.Fatal(err)
	}
}

// hours sends hours of events, perHour each: x ~ N(shift, 1) and a color.
func (tp *topic) hours(from time.Time, hours, perHour int, shift float64) {
	tp.t.Helper()
	for h := range hours {
		recs := make([]kafka.Record, perHour)
		for i := range recs {
			at := from.Add(time.Duration(h)*time.Hour + time.Duration(i)*time.Hour/time.Duration(perHour))
			recs[i] = kafka.Record{Time: at, Value: fmt.Appendf(nil, `{"model":%q,"features":{"x":%v,"color":%q}}`, tp.model, tp.rng.NormFloat64()+shift, []string{"red", "green", "blue"}[tp.rng.IntN(3)])}
		}
		tp.send(recs...)
	}
}

func (tp *topic) options(now time.Time) bootstrap.Options {
	topics := []bootstrap.Topic{{Name: "events", Carries: func(string) bool { return true }, MaxSkew: 5 * time.Minute, MaxAge: 24 * time.Hour, MaxBytes: 1 << 20}}
	plan, err := bootstrap.MakePlan(context.Background(), tp.client, topics, bootstrap.Scope{Now: now, Back: 14 * 24 * time.Hour, Base: time.Hour})
	if err != nil {
		tp.t.Fatal(err)
	}
	return bootstrap.Options{Topics: topics, Plan: plan, Model: func(string) (bootstrap.Model, bool) {
		return bootstrap.Model{Lengths: []time.Duration{time.Hour}, Location: time.UTC, Alpha: func(*driftd.Layout, int) float64 { return 2e-4 }}, true
	}}
}

func (tp *topic) scan(now time.Time) *bootstrap.Found {
	tp.t.Helper()
	found, err := bootstrap.Scan(context.Background(), tp.client, tp.options(now))
	if err != nil {
		tp.t.Fatal(err)
	}
	return found
}

func says(t *testing.T, f *bootstrap.Found, want ...string) {
	t.Helper()
	text := f.Summary()
	for _, w := range want {
		if !strings.Contains(text, w) {
			t.Errorf("the summary does not say %q:\n%s", w, text)
		}
	}
}

// Topics as they really are: each is learned from as far as that goes, and the
// summary says what was found.
func TestTopicsAsTheyAre(t *testing.T) {
	const day = 24 * time.Hour
	t.Run("garbage", func(t *testing.T) {
		tp := newTopic(t)
		for i := range 50 {
			tp.send(kafka.Record{Value: []byte{0, 1, byte(i), 200, 7}, Time: monday})
		}
		f := tp.scan(monday.Add(time.Hour))
		says(t, f, "50 records cannot be used (50 undecodable)", "begins with a zero byte", "No model was found", "driftd init")
	})
	t.Run("nothing", func(t *testing.T) {
		f := newTopic(t).scan(monday)
		says(t, f, "0 records", "No model was found")
	})
	t.Run("one record", func(t *testing.T) {
		tp := newTopic(t)
		tp.hours(monday, 1, 1, 0)
		says(t, tp.scan(monday.Add(time.Hour)), "Model m: 1 events", "1 events are too few to see what is usual: it waits for 4096")
	})
	t.Run("two models mixed", func(t *testing.T) {
		tp := newTopic(t)
		tp.hours(monday, 60, 100, 0)
		tp.model = "other / ü \"quoted\""
		tp.hours(monday, 60, 100, 0)
		f := tp.scan(monday.Add(60 * time.Hour))
		if len(f.Models) != 2 || !f.Models[0].Ready() || !f.Models[1].Ready() {
			t.Fatalf("models: %s", f.Summary())
		}
		says(t, f, "Model m: ", "Model other / ü \"quoted\": ")
	})
	t.Run("a hole of three days", func(t *testing.T) {
		tp := newTopic(t)
		tp.hours(monday, 72, 100, 0)
		tp.hours(monday.Add(6*day), 120, 100, 0)
		f := tp.scan(monday.Add(11 * day))
		says(t, f, "no events from 2026-09-10 00:00 UTC to 2026-09-13 00:00 UTC (72h0m0s)")
		if n := f.Models[0].Series[0].Usable(); n > 72+72 || n < 72+72-4 { // the sample's last event is not quite the last
			t.Errorf("%d windows teach, want about 144: two days are kept to be judged", n)
		}
	})
	t.Run("an outage", func(t *testing.T) {
		tp := newTopic(t)
		tp.hours(monday, 40, 300, 0)
		tp.hours(monday.Add(40*time.Hour), 2, 20, 5)
		tp.hours(monday.Add(42*time.Hour), 80, 300, 0)
		says(t, tp.scan(monday.Add(122*time.Hour)), "of which 2 are left out: less than a quarter of the usual events")
	})
	t.Run("an incident inside", func(t *testing.T) {
		tp := newTopic(t)
		tp.hours(monday, 90, 400, 0)
		tp.hours(monday.Add(90*time.Hour), 90, 400, .8)
		f := tp.scan(monday.Add(180 * time.Hour))
		says(t, f, "! x moved inside the time that was learned from: since 2026-09-10 18:00 UTC", "driftd reference accept --model m --column x --since 2026-09-10T18:00:00Z")
		if len(f.Models[0].Examined.Unsteady) != 1 {
			t.Errorf("unsteady: %+v", f.Models[0].Examined.Unsteady)
		}
	})
	t.Run("clocks that jump", func(t *testing.T) {
		tp := newTopic(t)
		tp.hours(monday, 60, 100, 0)
		tp.send(kafka.Record{Time: monday.AddDate(4, 0, 0), Value: []byte(`{"model":"m","features":{"x":1}}`)}) // a broker's clock
		tp.send(kafka.Record{Time: monday.Add(50 * time.Hour), Value: []byte(`{"model":"m","time":"2031-01-01T00:00:00Z","features":{"x":1}}`)})
		tp.send(kafka.Record{Time: monday.Add(50 * time.Hour), Value: []byte(`{"model":"m","time":"1970-01-02T00:00:00Z","features":{"x":1}}`)})
		tp.hours(monday.Add(60*time.Hour), 60, 100, 0)
		f := tp.scan(monday.Add(120 * time.Hour))
		says(t, f, "1 records cannot be used (1 too_far_ahead)")
		if m := f.Models[0]; !m.Ready() || m.Series[0].Usable() < 75 || m.Series[0].Usable() > 85 {
			t.Errorf("%d windows teach, want about 80: %s", m.Series[0].Usable(), f.Summary())
		}
	})
	t.Run("without times", func(t *testing.T) { // the records' own times stand in
		tp := newTopic(t)
		tp.hours(monday, 48, 100, 0)
		if f := tp.scan(monday.Add(48 * time.Hour)); !f.Models[0].Ready() || f.Models[0].First != monday.UnixNano() {
			t.Errorf("models: %s", f.Summary())
		}
	})
	t.Run("too little to keep any back", func(t *testing.T) {
		tp := newTopic(t)
		tp.hours(monday, 20, 300, 0)
		f := tp.scan(monday.Add(20 * time.Hour))
		says(t, f, "learning: 20 of 30 windows; verdicts begin in about 10h")
	})
}

// A new topic with thousands of events and no whole window: the layout comes from
// them, windows from what comes.
func TestLessThanAWindow(t *testing.T) {
	tp := newTopic(t)
	for m := range 20 {
		recs := make([]kafka.Record, 300)
		for i := range recs {
			recs[i] = kafka.Record{Time: monday.Add(10*time.Minute + time.Duration(m)*time.Minute), Value: fmt.Appendf(nil, `{"model":"m","features":{"x":%v}}`, tp.rng.NormFloat64())}
		}
		tp.send(recs...)
	}
	f := tp.scan(monday.Add(31 * time.Minute))
	says(t, f, "learning: 0 of 30 windows; verdicts begin in about 30h")
	if m := f.Models[0]; m.Layout == nil || len(m.Series) != 1 || m.Series[0].Segment != driftd.AllSegment {
		t.Errorf("learned %+v", m)
	}
}

// The newest records say where a topic ends, however its records divide into the
// places that are looked at.
func TestCutIsTwoDaysBeforeTheEnd(t *testing.T) {
	tp := newTopic(t)
	const hours = 320 // 160 in each of two partitions: 64 places of 250 records
	tp.hours(monday, hours, 100, 0)
	for range 2 {
		plan := tp.options(monday.Add(hours * time.Hour)).Plan
		if got, want := time.Unix(0, plan.Cut).UTC(), monday.Add((hours-49)*time.Hour); got.Before(want) || got.After(want.Add(time.Hour)) {
			t.Errorf("%v is held back, want 48 hours", monday.Add(hours*time.Hour).Sub(got))
		}
		tp.hours(monday, 1, 1, 0) // now nothing divides evenly
	}
}

// The plan fixes what is found: twice the same, whatever comes to the topic
// meanwhile.
func TestSamePlanSameReference(t *testing.T) {
	tp := newTopic(t)
	tp.hours(monday, 100, 100, 0)
	opt := tp.options(monday.Add(100 * time.Hour))
	var prints []string
	for range 2 {
		f, err := bootstrap.Scan(context.Background(), tp.client, opt)
		if err != nil {
			t.Fatal(err)
		}
		prints = append(prints, f.Models[0].Layout.Fingerprint+fmt.Sprint(f.Models[0].Series[0].Reference))
		tp.hours(monday.Add(100*time.Hour), 5, 100, 3)
	}
	if prints[0] != prints[1] {
		t.Error("the same plan gave two references")
	}
}

// Records that are deleted while they are read end the scan with an error that
// says so; a new plan begins behind them.
func TestRetentionEndsWhileReading(t *testing.T) {
	tp := newTopic(t)
	tp.hours(monday, 60, 100, 0)
	opt := tp.options(monday.Add(60 * time.Hour))
	for name, spans := range opt.Plan.Spans {
		for i := range spans {
			spans[i].Start = -5 // as of a log whose start has moved on
		}
		opt.Plan.Spans[name] = spans
	}
	_, err := bootstrap.Scan(context.Background(), tp.client, opt)
	var gone *bootstrap.RetentionError
	if !errors.As(err, &gone) || !strings.Contains(err.Error(), "records of events partition 0 were deleted while they were being read") {
		t.Errorf("the error: %v", err)
	}
}
