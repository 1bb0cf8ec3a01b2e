package pipeline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/alerts/alertmanager"
	"github.com/driftd/driftd/consumers"
	"github.com/driftd/driftd/internal/config"
	"github.com/driftd/driftd/internal/kafka"
	"github.com/driftd/driftd/internal/reference"
	"github.com/driftd/driftd/internal/wire"
	"github.com/driftd/driftd/sinks/prometheus"
)

// shopStart is where the traffic of model shop begins.
var shopStart = time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)

const shopHour = 120 // events an hour

// shopEvent is event i of model shop: amount is a number or whatever stands for it.
func shopEvent(rng *rand.Rand, at time.Time, amount, city string) []byte {
	if amount == "" {
		amount = fmt.Sprintf("%.3f", 100+15*rng.NormFloat64())
	}
	if city == "" {
		city = []string{"Berlin", "Lyon", "Rome", "Oslo"}[rng.IntN(4)]
	}
	return fmt.Appendf(nil, `{"model":"shop","time":%q,"features":{"amount":%s,"city":%q,"n":%d}}`, at.Format(time.RFC3339Nano), amount, city, rng.IntN(6))
}

// shopRecords are hours of clean traffic.
func shopRecords(seed uint64, from time.Time, hours int) []kafka.Record {
	rng := rand.New(rand.NewPCG(seed, 1))
	var out []kafka.Record
	for i := range hours * shopHour {
		at := from.Add(time.Duration(i) * time.Hour / shopHour)
		out = append(out, kafka.Record{Value: shopEvent(rng, at, "", ""), Time: at})
	}
	return out
}

var shopBundle = sync.OnceValues(func() (*wire.Bundle, error) {
	recs := shopRecords(1, shopStart.Add(-120*time.Hour), 120)
	b, _, err := reference.Build(func() (reference.Source, error) {
		ev := &events{}
		for _, r := range recs {
			ev.json, ev.at = append(ev.json, r.Value), append(ev.at, r.Time)
		}
		return ev, nil
	}, reference.Options{Model: "shop", Lengths: []time.Duration{time.Hour, 24 * time.Hour}, Location: time.UTC})
	return b, err
})

// collected is a sink that keeps what it gets.
type collected struct {
	mu      sync.Mutex
	results []driftd.Result
	before  func(context.Context) error // when set: what Write waits for
}

func (c *collected) Write(ctx context.Context, batch []driftd.Result) error {
	if c.before != nil {
		if err := c.before(ctx); err != nil {
			return err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.results = append(c.results, batch...)
	return nil
}

func (c *collected) all() []driftd.Result {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.results)
}

// hours are a series' hourly windows by start, the newest of each.
func (c *collected) hours(model string) map[time.Time]*driftd.WindowResult {
	out := map[time.Time]*driftd.WindowResult{}
	for _, r := range c.all() {
		if w := r.Window; w != nil && w.Model == model && w.Segment == driftd.AllSegment && w.WindowLength == 3600 {
			out[w.WindowStart] = w
		}
	}
	return out
}

func (c *collected) column(name string) map[time.Time]*driftd.ColumnResult {
	out := map[time.Time]*driftd.ColumnResult{}
	for _, r := range c.all() {
		if w := r.Column; w != nil && w.Model == "shop" && w.Column == name && w.WindowLength == 3600 {
			out[w.WindowStart] = w
		}
	}
	return out
}

// incidents keeps what alerting is told.
type incidents struct {
	mu  sync.Mutex
	got []driftd.IncidentResult
}

func (i *incidents) Set(in driftd.IncidentResult) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.got = append(i.got, in)
}

func (i *incidents) Drop(driftd.Series) {}

func (i *incidents) open() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return slices.ContainsFunc(i.got, func(in driftd.IncidentResult) bool { return in.State == driftd.StateOpen })
}

// badWorld is a broker with model shop's reference, and a source whose windows
// close by the watermark alone.
func badWorld(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, "in", 1)
	b, err := shopBundle()
	if err != nil {
		t.Fatal(err)
	}
	w.bundle = []*wire.Bundle{b}
	w.source = func(s *Source) { s.IdleTimeout = time.Hour }
	return w
}

func (w *world) send(topic string, partition int, recs []kafka.Record) {
	w.t.Helper()
	if _, err := w.client().Produce(context.Background(), topic, partition, recs); err != nil {
		w.t.Fatal(err)
	}
}

// launch is start with sinks and alerting of the test's own.
func (w *world) launch(sink Sink, alert Alerter) *process {
	cfg := config.Default()
	cfg.Alerts.PageMaxAge = 1000 * 24 * time.Hour // what is old depends on the clock
	m := prometheus.New(prometheus.Config{Version: "test"}, []string{w.topic}, nil)
	log := slog.New(slog.NewTextHandler(testWriter{w.t}, &slog.HandlerOptions{Level: slog.LevelError}))
	src := Source{Topic: w.topic, Lateness: 2 * time.Minute, IdleTimeout: time.Hour, MaxSkew: 5 * time.Minute, MaxAge: 24 * time.Hour, MaxBytes: 4 << 20, DeadLetters: "headers"}
	if w.source != nil {
		w.source(&src)
	}
	set := &Settings{Prefix: "d", Pane: time.Minute, Partitions: 2, Replication: -1, Version: "test", Models: NewLive(cfg, "test"), Log: log, Metrics: m,
		Start: Start{Earliest: true}, Now: w.now, Bundles: w.bundle, Session: 6 * time.Second, Sources: []Source{src}}
	p := New(set, w.client(), Roles{true, true, true}, map[string]Sink{"table": sink}, alert)
	ctx, stop := context.WithCancel(context.Background())
	pr := &process{stop: stop, done: make(chan error, 1), m: m, p: p}
	go func() { pr.done <- p.Run(ctx) }()
	return pr
}

// count is the value of a metric, summed over series that have all the labels.
func (p *process) count(t *testing.T, name string, labels ...string) float64 {
	t.Helper()
	families, err := p.m.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			has := 0
			for _, l := range m.GetLabel() {
				if slices.Contains(labels, l.GetValue()) {
					has++
				}
			}
			if has == len(labels) {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return sum
}

// letter is a dead letter's headers and value.
type letter struct {
	headers map[string]string
	value   []byte
}

func (w *world) letters() []letter {
	w.t.Helper()
	var out []letter
	err := readAll(context.Background(), w.client(), "d.deadletters", 0, func(r *kafka.Rec) error {
		l := letter{map[string]string{}, bytes.Clone(r.Value)}
		for k, v := range r.Headers() {
			l.headers[string(k)] = string(v)
		}
		out = append(out, l)
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

// profiles are all profile records, markers left out.
func (w *world) profiles() []*wire.ProfileRecord {
	w.t.Helper()
	var out []*wire.ProfileRecord
	c := w.client()
	for p := range 2 {
		err := readAll(context.Background(), c, "d.profiles", p, func(r *kafka.Rec) error {
			rec := &wire.ProfileRecord{}
			if err := proto.Unmarshal(r.Value, rec); err != nil {
				return err
			}
			if rec.Profile != nil {
				out = append(out, rec)
			}
			return nil
		})
		if err != nil {
			w.t.Fatal(err)
		}
	}
	return out
}

// numbersAreNumbers fails on a NaN where a number is meant, and on a
// probability that is none.
func numbersAreNumbers(t *testing.T, results []driftd.Result) {
	t.Helper()
	finite := func(x driftd.Float) bool { return !math.IsNaN(float64(x)) && !math.IsInf(float64(x), 0) }
	for _, r := range results {
		c := r.Column
		if c == nil || c.Verdict != driftd.OK && c.Verdict != driftd.Drift {
			continue
		}
		if !finite(c.Effect) || c.Nulls+c.TypeErrors+c.NaNs < c.N && !finite(c.NEff) || !(c.PValue > 0 && c.PValue <= 1) || !(c.Alpha > 0 && c.Alpha < 1) {
			t.Errorf("%s of %v: effect %v, n_eff %v, p %v, alpha %v", c.Column, c.WindowStart, c.Effect, c.NEff, c.PValue, c.Alpha)
		}
	}
}

// Records that nobody can use, between good ones: each is a dead letter that
// says why, and all good ones are counted.
func TestBadRecords(t *testing.T) {
	w := badWorld(t)
	w.topic = "large"
	if err := w.client().EnsureTopics(context.Background(), []kafka.TopicSpec{{Name: w.topic, Partitions: 1, Configs: map[string]string{"max.message.bytes": "16777216"}}}); err != nil {
		t.Fatal(err)
	}
	w.source = func(s *Source) { s.IdleTimeout, s.Models, s.DeadLetters = time.Hour, []string{"shop"}, "full" }
	rng := rand.New(rand.NewPCG(3, 3))
	garbage := make([]byte, 300)
	for i := range garbage {
		garbage[i] = byte(rng.UintN(256))
	}
	garbage[0] = 0xc3
	large := make([]byte, 10<<20)
	for i := range large {
		large[i] = 'a' + byte(rng.UintN(26))
	}
	at := shopStart.Add(90 * time.Minute)
	good := string(shopEvent(rng, at, "", ""))
	bad := []struct {
		value  []byte
		reason consumers.Reason
		says   string
	}{
		{garbage, consumers.Undecodable, "JSON"},
		{[]byte(good[:len(good)/2]), consumers.Undecodable, "end"},
		{[]byte(good + "}"), consumers.Undecodable, ""},
		{[]byte{}, consumers.Undecodable, "the record is empty"},
		{nil, consumers.Undecodable, "the record is empty"},
		{[]byte{0, 0, 0, 0, 7, 2, 4, 6}, consumers.Undecodable, "as Avro or Protobuf with a schema registry id does"},
		{[]byte("[" + good + "]"), consumers.Undecodable, "set map.rows: ."},
		{[]byte(strings.Replace(good, "shop", "sohp", 1)), consumers.UnknownModel, `model "sohp" is not one of this source's models`},
		{[]byte(strings.Replace(good, `"model":"shop",`, "", 1)), consumers.NoModel, "set sources[].model or map.model"},
		{[]byte(strings.Replace(good, "2026-", "2970-", 1)), consumers.TooFarAhead, "more than max_skew 5m0s ahead"},
		{[]byte(strings.Replace(good, `"2026-11-24T01:30:00Z"`, `"soon"`, 1)), consumers.BadTime, "soon"},
		{large, consumers.Oversize, "10485760 bytes, above max_record_bytes 4194304"},
	}
	const old = 3
	var recs []kafka.Record
	want := map[consumers.Reason]int{}
	for i, r := range shopRecords(2, shopStart, 3) {
		recs = append(recs, r)
		if k := i - 150; k >= 0 && k < len(bad) {
			recs = append(recs, kafka.Record{Value: bad[k].value, Time: r.Time})
			want[bad[k].reason]++
		}
		if k := i - 200; k >= 0 && k < old-1 {
			recs = append(recs, kafka.Record{Value: []byte(strings.Replace(good, "2026-", "1970-", 1)), Time: r.Time})
		}
	}
	// What is too old counts for nothing, but time goes on by its record's: these
	// close the windows.
	recs = append(recs, kafka.Record{Value: []byte(strings.Replace(good, "2026-", "1970-", 1)), Time: shopStart.Add(3*time.Hour + 5*time.Minute)})
	w.send(w.topic, 0, recs)
	sink := &collected{}
	p := w.launch(sink, nil)
	await(t, "the windows", func() bool { return len(sink.hours("shop")) >= 3 })
	for i := range 3 {
		h := sink.hours("shop")[shopStart.Add(time.Duration(i)*time.Hour)]
		if h == nil || h.N != shopHour || h.Late != 0 || h.Complete != 1 {
			t.Errorf("hour %d: %+v, want all %d events", i, h, shopHour)
		}
	}
	for reason, n := range want {
		if got := p.count(t, "driftd_dead_letters_total", w.topic, string(reason)); got != float64(n) {
			t.Errorf("dead letters of reason %s: %v, want %d", reason, got, n)
		}
	}
	if got := p.count(t, "driftd_too_old_total", w.topic); got != old {
		t.Errorf("too old: %v, want %d", got, old)
	}
	if got := p.count(t, "driftd_events_total", w.topic); got != 3*shopHour {
		t.Errorf("events: %v, want %d", got, 3*shopHour)
	}
	if got := p.count(t, "driftd_records_total", w.topic); got != float64(len(recs)) {
		t.Errorf("records: %v, want %d", got, len(recs))
	}
	numbersAreNumbers(t, sink.all())
	p.end(t)
	letters := w.letters()
	if len(letters) != len(bad) {
		t.Fatalf("%d dead letters, want %d", len(letters), len(bad))
	}
	for i, l := range letters {
		b := bad[i]
		if l.headers["reason"] != string(b.reason) || !strings.Contains(l.headers["error"], b.says) || l.headers["topic"] != w.topic || l.headers["partition"] != "0" || l.headers["offset"] == "" {
			t.Errorf("letter %d: %v, want reason %s and an error with %q", i, l.headers, b.reason, b.says)
		}
		if !bytes.Equal(l.value, b.value[:min(len(b.value), maxLetterRecord)]) {
			t.Errorf("letter %d does not hold what came", i)
		}
	}
}

// A model that nobody declared is counted, and says what it lacks.
func TestUnknownModelIsLearning(t *testing.T) {
	w := badWorld(t)
	recs := shopRecords(2, shopStart, 2)
	for i := range recs {
		if i%3 == 0 {
			recs[i].Value = bytes.Replace(recs[i].Value, []byte("shop"), []byte("mystery"), 1)
		}
	}
	end := shopRecords(3, shopStart.Add(2*time.Hour), 1)
	w.send(w.topic, 0, append(recs, end...))
	sink := &collected{}
	p := w.launch(sink, nil)
	await(t, "the windows", func() bool { return len(sink.hours("shop")) >= 2 && len(sink.hours("mystery")) >= 2 })
	p.end(t)
	for i := range 2 {
		at := shopStart.Add(time.Duration(i) * time.Hour)
		h, s := sink.hours("mystery")[at], sink.hours("shop")[at]
		if h == nil || h.Verdict != driftd.Learning || h.N != shopHour/3 || !strings.Contains(h.Reason, "no reference for model mystery: make one with `driftd reference build`") {
			t.Errorf("hour %d of mystery: %+v", i, h)
		}
		if s == nil || s.N != shopHour*2/3 {
			t.Errorf("hour %d of shop: %+v", i, s)
		}
	}
	if len(w.letters()) != 0 {
		t.Error("an unknown model of a source that may carry any is no dead letter")
	}
}

// A column of numbers becomes strings: counted, flagged as such, and the other
// columns lose nothing.
func TestNumbersBecomeStrings(t *testing.T) {
	w := badWorld(t)
	recs := shopRecords(2, shopStart, 5)
	rng := rand.New(rand.NewPCG(4, 4))
	for i := 2 * shopHour; i < 4*shopHour; i++ {
		recs[i].Value = shopEvent(rng, recs[i].Time, fmt.Sprintf(`"%d EUR"`, i), "")
	}
	w.send(w.topic, 0, recs)
	sink := &collected{}
	p := w.launch(sink, nil)
	await(t, "the windows", func() bool { return len(sink.hours("shop")) >= 4 })
	p.end(t)
	for i := range 4 {
		at := shopStart.Add(time.Duration(i) * time.Hour)
		c := sink.column("amount")[at]
		if c == nil {
			t.Fatalf("hour %d: no result", i)
		}
		if i < 2 && (c.TypeErrors != 0 || c.Flag) {
			t.Errorf("hour %d: %d type errors, flag %v", i, c.TypeErrors, c.Flag)
		}
		if i >= 2 {
			found := slices.ContainsFunc(c.Tests, func(r driftd.TestResult) bool { return r.Name == "type_rate" && float64(r.PValue) < float64(c.Alpha) })
			if c.TypeErrors != shopHour || !c.Flag || !found || !strings.Contains(c.Moved, "type") {
				t.Errorf("hour %d: %d type errors, flag %v (%s), tests %v", i, c.TypeErrors, c.Flag, c.Moved, c.Tests)
			}
		}
		for _, name := range []string{"city", "n"} {
			if o := sink.column(name)[at]; o == nil || o.N != shopHour || o.Flag {
				t.Errorf("hour %d: %s: %+v", i, name, o)
			}
		}
	}
	numbersAreNumbers(t, sink.all())
	if len(w.letters()) != 0 {
		t.Error("a value of another kind is no dead letter")
	}
}

// Ten thousand categories that the reference does not have: their number is
// known, their names are not all kept.
func TestManyCategories(t *testing.T) {
	const many = 10_000
	w := badWorld(t)
	recs := shopRecords(2, shopStart, 2)
	rng := rand.New(rand.NewPCG(5, 5))
	at := shopStart.Add(30 * time.Minute)
	var new []kafka.Record
	for i := range many {
		new = append(new, kafka.Record{Value: shopEvent(rng, at, "", fmt.Sprintf("city %d with quite a long name, as if somebody had put an address here", i)), Time: at})
	}
	w.send(w.topic, 0, slices.Concat(recs[:shopHour/2], new, recs[shopHour/2:]))
	sink := &collected{}
	p := w.launch(sink, nil)
	await(t, "the window", func() bool { return len(sink.hours("shop")) >= 1 })
	p.end(t)
	c := sink.column("city")[shopStart]
	if c.N != shopHour+many || !c.Flag || c.Bins[len(c.Bins)-1] != many {
		t.Errorf("city: n %d, flag %v, bins %v; want %d events, %d of them new", c.N, c.Flag, c.Bins, shopHour+many, many)
	}
	if o := sink.column("amount")[shopStart]; o.N != shopHour+many || o.Flag {
		t.Errorf("amount: n %d, flag %v", o.N, o.Flag)
	}
	seen := false
	for _, rec := range w.profiles() {
		if rec.Pane != at.UnixNano() {
			continue
		}
		prof, err := wire.ProfileFromWire(rec.Profile, w.bundle[0].Layout)
		if err != nil {
			t.Fatal(err)
		}
		col := &prof.Columns[w.bundle[0].Layout.IndexOf("city")]
		if n := driftd.SketchCount(col.Sketch); n < .8*many || n > 1.2*many {
			t.Errorf("about %.0f categories, want %d", n, many)
		}
		if len(col.Names) != driftd.MaxNames {
			t.Errorf("%d names, want %d", len(col.Names), driftd.MaxNames)
		}
		if size := proto.Size(rec); size > 32<<10 {
			t.Errorf("the pane's profile takes %d bytes", size)
		}
		seen = true
	}
	if !seen {
		t.Error("the pane's profile is not there")
	}
}

// One bad tag makes ten thousand models: a bounded number of them is told
// apart, none is lost.
func TestManyModels(t *testing.T) {
	const many = 10_000
	w := newWorld(t, "in", 2)
	b, err := shopBundle()
	if err != nil {
		t.Fatal(err)
	}
	w.bundle = []*wire.Bundle{b}
	recs := shopRecords(2, shopStart, 2)
	parts := make([][]kafka.Record, 2)
	for i, r := range recs {
		parts[i%2] = append(parts[i%2], r)
		for k := range many / 100 { // in 100 of the first hour's panes' events
			if i < 100 {
				parts[k%2] = append(parts[k%2], kafka.Record{Time: r.Time, Value: bytes.Replace(r.Value, []byte("shop"), fmt.Appendf(nil, "shop-%d", i*many/100+k), 1)})
			}
		}
	}
	for p := range parts {
		w.send(w.topic, p, parts[p])
	}
	sink := &collected{}
	p := w.launch(sink, nil)
	sum := func() (n uint64, names map[string]bool) {
		names = map[string]bool{}
		for _, r := range sink.all() {
			if h := r.Window; h != nil && h.Model != "shop" && h.Segment == driftd.AllSegment && h.WindowLength == 3600 && h.WindowStart.Equal(shopStart) {
				n += h.N
				names[h.Model] = true
			}
		}
		return n, names
	}
	await(t, "all events of the first hour", func() bool { n, _ := sum(); return n >= many && len(sink.hours("shop")) >= 1 })
	p.end(t)
	n, names := sum()
	if n != many {
		t.Errorf("%d events of strange models, want %d", n, many)
	}
	if !names[otherModel] {
		t.Errorf("nothing counted under %s", otherModel)
	}
	if h := sink.hours("shop")[shopStart]; h.N != shopHour {
		t.Errorf("shop: n %d, want %d", h.N, shopHour)
	}
	type place struct {
		pane int64
		part int32
	}
	models, events := map[place]map[string]bool{}, uint64(0)
	for _, rec := range w.profiles() {
		if rec.Model == "shop" {
			continue
		}
		at := place{rec.Pane, rec.Partition}
		if models[at] == nil {
			models[at] = map[string]bool{}
		}
		models[at][rec.Model] = true
		events += rec.Profile.Events
	}
	if events != many {
		t.Errorf("profiles of strange models have %d events, want %d", events, many)
	}
	for at, m := range models {
		if len(m) > maxStrange+1 {
			t.Errorf("pane %v tells %d models apart, at most %d may be", at, len(m), maxStrange+1)
		}
	}
	t.Logf("%d of %d models told apart in %d panes", len(names), many, len(models))
}

// panicky is a catalog with a bug.
type panicky struct{ consumers.FixedCatalog }

func (p panicky) Model(name []byte) *consumers.Model {
	if string(name) == "bug" {
		panic("a bug in the catalog")
	}
	return p.FixedCatalog.Model(name)
}

// A panic in the decoder costs one record.
func TestDecoderPanic(t *testing.T) {
	dec, err := consumers.NewDecoder(consumers.Map{}, "", panicky{consumers.FixedCatalog{"shop": consumers.NewModel("shop", nil, nil)}})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for range 3 {
		for _, s := range []string{`{"model":"shop","features":{"a":1}}`, `{"model":"bug","features":{"a":1}}`} {
			err := dec.Decode([]byte(s), 0, func(*consumers.Event) error { n++; return nil })
			var r *consumers.Reject
			if bug := strings.Contains(s, "bug"); bug && (!errors.As(err, &r) || r.Reason != consumers.Panicked || !strings.Contains(err.Error(), "a bug in the catalog")) || !bug && err != nil {
				t.Errorf("%s: %v", s, err)
			}
		}
	}
	if n != 3 {
		t.Errorf("%d good events, want 3", n)
	}
}

// A topic that is not there yet is waited for by name.
func TestTopicThatComesLater(t *testing.T) {
	w := badWorld(t)
	w.topic = "later"
	sink := &collected{}
	p := w.launch(sink, nil)
	await(t, "the process to say what it waits for", func() bool { return strings.Contains(p.p.Waiting(), "later") })
	t.Logf("waiting for: %s", p.p.Waiting())
	if err := w.client().EnsureTopics(context.Background(), []kafka.TopicSpec{{Name: w.topic, Partitions: 1}}); err != nil {
		t.Fatal(err)
	}
	w.send(w.topic, 0, shopRecords(2, shopStart, 2))
	await(t, "the window", func() bool { return len(sink.hours("shop")) >= 1 })
	if what := p.p.Waiting(); what != "" {
		t.Errorf("still waiting for %q", what)
	}
	p.end(t)
	if h := sink.hours("shop")[shopStart]; h.N != shopHour {
		t.Errorf("n %d, want %d", h.N, shopHour)
	}
}

// drifting is traffic whose amount moves up after two hours.
func drifting() []kafka.Record {
	recs := shopRecords(2, shopStart, 8)
	rng := rand.New(rand.NewPCG(6, 6))
	for i := 2 * shopHour; i < len(recs); i++ {
		recs[i].Value = shopEvent(rng, recs[i].Time, fmt.Sprintf("%.3f", 160+15*rng.NormFloat64()), "")
	}
	return recs
}

// A sink that is away for a whole run holds nothing up, and gets everything
// when it is back.
func TestSinkAway(t *testing.T) {
	w := badWorld(t)
	w.send(w.topic, 0, drifting())
	away := &collected{before: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }}
	told := &incidents{}
	p := w.launch(away, told)
	await(t, "the incident", told.open)
	results := map[string]bool{}
	hours := func() int {
		n := 0
		for k := range 2 {
			err := readAll(context.Background(), w.client(), "d.results", k, func(r *kafka.Rec) error {
				var res driftd.Result
				if err := res.UnmarshalJSON(r.Value); err != nil {
					return err
				}
				id, _ := rowOf(res)
				if results[id] = true; res.Window != nil && res.Window.WindowLength == 3600 {
					n++
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		return n
	}
	await(t, "all windows' results", func() bool { return hours() >= 7 })
	p.end(t)
	if len(away.all()) != 0 {
		t.Error("the sink that is away has results")
	}
	back := newTable()
	p = w.launch(back, &incidents{})
	await(t, "all results", func() bool { back.mu.Lock(); defer back.mu.Unlock(); return len(back.rows) >= len(results) })
	p.end(t)
	if len(back.differ) > 0 {
		t.Errorf("results differ: %s", back.differ[0])
	}
	for id := range results {
		if _, ok := back.rows[id]; !ok {
			t.Errorf("lost: %s", id)
		}
	}
}

// Alertmanagers that do not answer hold nothing up.
func TestAlertmanagerAway(t *testing.T) {
	w := badWorld(t)
	w.send(w.topic, 0, drifting())
	var mu sync.Mutex
	failed := 0
	s := alertmanager.New(alertmanager.Config{URLs: []string{"http://127.0.0.1:1"}, Interval: 50 * time.Millisecond, Log: slog.New(slog.DiscardHandler), Hooks: alertmanager.Hooks{Failed: func(string, error) {
		mu.Lock()
		defer mu.Unlock()
		failed++
	}}})
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	sink := &collected{}
	p := w.launch(sink, sending{s})
	await(t, "the windows", func() bool { return len(sink.hours("shop")) >= 7 })
	await(t, "a failed attempt", func() bool { mu.Lock(); defer mu.Unlock(); return failed > 0 })
	p.end(t)
	stop()
	if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if !slices.ContainsFunc(sink.all(), func(r driftd.Result) bool { return r.Incident != nil && r.Incident.State == driftd.StateOpen }) {
		t.Error("no incident in the results")
	}
}

type sending struct{ s *alertmanager.Sender }

func (s sending) Set(in driftd.IncidentResult) {
	s.s.Set(driftd.Series{Model: in.Model, Segment: in.Segment}.Key(), in)
}
func (s sending) Drop(d driftd.Series) { s.s.Drop(d.Key()) }
