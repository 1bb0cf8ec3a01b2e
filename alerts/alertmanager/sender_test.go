package alertmanager

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/driftd/driftd"
)

var began = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func incident(state, severity string) driftd.IncidentResult {
	i := driftd.IncidentResult{Kind: "incident", ID: "f00d", Model: "fraud", Segment: "all", Type: "drift", State: state, Severity: severity,
		OpenedAt: began.Add(2 * time.Hour), DriftSince: began, ChangedAt: began.Add(2 * time.Hour), Pace: "sudden", Summary: "Drift in model fraud",
		Columns: []driftd.IncidentColumn{{Column: "amount", Test: "location", Effect: .31, Moved: "location +0.31 sd", PValue: 3e-7, Threshold: .18, N: 1000}, {Column: "age"}},
		Stamp:   driftd.Stamp{Reference: "c0ffee", Labels: map[string]string{"team": "risk", "tier-1": "yes", "empty": "", "model": "not this"}}}
	if state != driftd.StateOpen {
		at := began.Add(5 * time.Hour)
		i.ResolvedAt = &at
	}
	return i
}

// fake is an Alertmanager that keeps what it was sent.
type fake struct {
	*httptest.Server
	mu    sync.Mutex
	got   [][]alert
	auth  string
	down  atomic.Bool
	calls atomic.Int64
}

func newFake(t *testing.T) *fake {
	f := &fake{}
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.calls.Add(1)
		body, _ := io.ReadAll(r.Body)
		var as []alert
		if err := json.Unmarshal(body, &as); err != nil || r.URL.Path != "/am/api/v2/alerts" || r.Method != http.MethodPost {
			t.Errorf("%s %s: %v: %s", r.Method, r.URL.Path, err, body)
		}
		if f.down.Load() {
			http.Error(w, "starting up", http.StatusServiceUnavailable)
			return
		}
		f.mu.Lock()
		f.got, f.auth = append(f.got, as), r.Header.Get("Authorization")
		f.mu.Unlock()
	}))
	t.Cleanup(f.Close)
	return f
}

func (f *fake) url() string { return f.URL + "/am/" }

// wait returns the first batch for which ok is true.
func (f *fake) wait(t *testing.T, what string, ok func([]alert) bool) []alert {
	t.Helper()
	for range 500 {
		f.mu.Lock()
		for i, as := range f.got {
			if ok(as) {
				f.got = f.got[i+1:]
				f.mu.Unlock()
				return as
			}
		}
		f.mu.Unlock()
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("%s: it has not come", what)
	return nil
}

func start(t *testing.T, cfg Config) *Sender {
	cfg.Log = slog.New(slog.DiscardHandler)
	s := New(cfg)
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Run(t.Context()) }() // ends with the test's context
	t.Cleanup(func() { <-done })
	return s
}

func TestFormOfAnAlert(t *testing.T) {
	b, err := json.Marshal(newAlert(incident(driftd.StateOpen, "page"), began.Add(3*time.Hour), Links{Grafana: "https://grafana.example/", Runbooks: "https://wiki.example/r"}))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"labels":{"alertname":"DriftdIncident","model":"fraud","segment":"all","severity":"page","team":"risk","tier_1":"yes"},` +
		`"annotations":{"accept":"driftd reference accept --model fraud --since 2026-11-24T12:00:00Z","column":"amount","columns":"amount  location +0.31 sd\nage     effect 0","dashboard":"https://grafana.example/d/driftd-column?from=1795435200000\u0026to=1795550400000\u0026var-column=amount\u0026var-model=fraud\u0026var-segment=all","drift_since":"2026-11-24T12:00:00Z","effect":"0.31","incident":"f00d","moved":"location +0.31 sd",` +
		`"n":"1000","opened_at":"2026-11-24T14:00:00Z","p_value":"3e-07","pace":"sudden","reference":"c0ffee","runbook":"https://wiki.example/r/DriftdIncident.md","state":"open","summary":"Drift in model fraud",` +
		`"test":"location","threshold":"0.18","title":"fraud: amount moved: location +0.31 sd, and 1 more","type":"drift","where":"model fraud, all segments"},"startsAt":"2026-11-24T12:00:00Z"}`
	if d := cmp.Diff(want, string(b)); d != "" {
		t.Error(d)
	}
	silent := driftd.IncidentResult{Type: "no_data", Severity: "page", DriftSince: began.Add(time.Hour)}
	if a := newAlert(silent, began, Links{}); a.Labels["alertname"] != AlertNoData || a.StartsAt.After(began) {
		t.Errorf("%+v", a)
	}
}

func TestEveryAlertmanagerGetsAllEachInterval(t *testing.T) {
	one, two := newFake(t), newFake(t)
	s := start(t, Config{URLs: []string{one.url(), two.url()}, Interval: 30 * time.Millisecond, Access: map[string]Access{one.url(): {Username: "driftd", Password: "x"}}})
	s.Set("fraud/all", incident(driftd.StateOpen, "page"))
	s.Set("churn/all", incident(driftd.StateOpen, "ticket"))
	for _, f := range []*fake{one, two} {
		for range 3 {
			f.wait(t, "both, again", func(as []alert) bool { return len(as) == 2 && as[0].EndsAt == nil && as[1].EndsAt == nil })
		}
	}
	if one.auth != "Basic ZHJpZnRkOng=" || two.auth != "" { // base64 of driftd:x, and nothing to the other
		t.Errorf("authorization %q and %q", one.auth, two.auth)
	}
	s.Drop("churn/all")
	one.wait(t, "one without the other, which is not ended", func(as []alert) bool { return len(as) == 1 && as[0].Labels["severity"] == "page" })
}

func TestChangesAreSentAtOnceAndTheEndIsRepeated(t *testing.T) {
	f := newFake(t)
	var clock atomic.Int64
	clock.Store(began.Add(10 * time.Hour).UnixNano())
	now := func() time.Time { return time.Unix(0, clock.Load()).UTC() }
	s := start(t, Config{URLs: []string{f.url()}, Interval: time.Hour, Now: now})
	s.Set("fraud/all", incident(driftd.StateOpen, "ticket"))
	f.wait(t, "ticket", func(as []alert) bool { return len(as) == 1 && as[0].Labels["severity"] == "ticket" })

	// A severity that rises is another alert: the first one ends.
	s.Set("fraud/all", incident(driftd.StateOpen, "page"))
	as := f.wait(t, "page", func(as []alert) bool { return len(as) == 2 })
	if as[0].Labels["severity"] != "ticket" || as[0].EndsAt == nil || !as[0].EndsAt.Equal(now()) || as[1].Labels["severity"] != "page" || as[1].EndsAt != nil {
		t.Errorf("%+v", as)
	}
	if s.Active() != 1 {
		t.Errorf("%d are active", s.Active())
	}
	over := now().Add(time.Minute)
	clock.Store(over.UnixNano())
	s.Set("fraud/all", incident(driftd.StateResolved, "page"))
	as = f.wait(t, "the end", func(as []alert) bool { return len(as) == 2 && as[1].EndsAt != nil })
	if !as[1].EndsAt.Equal(over) || as[1].Annotations["state"] != "resolved" {
		t.Errorf("%+v", as[1])
	}
	clock.Add(int64(RepeatResolved - 30*time.Second))
	if as := s.snapshot(); len(as) != 1 || !as[0].EndsAt.Equal(over) {
		t.Errorf("after 14.5 minutes: %+v", as)
	}
	// It opens again meanwhile: only that is said.
	s.Set("fraud/all", incident(driftd.StateOpen, "page"))
	if as := s.snapshot(); len(as) != 1 || as[0].EndsAt != nil {
		t.Errorf("open again: %+v", as)
	}
	s.Set("fraud/all", incident(driftd.StateAccepted, "page"))
	clock.Add(int64(RepeatResolved + time.Second))
	if as := s.snapshot(); as != nil || len(s.series) != 0 {
		t.Errorf("after 15 minutes: %+v, %d keys in memory", as, len(s.series))
	}
}

// What is of the whole model comes first, in a request of its own.
func TestTheWholeModelComesFirst(t *testing.T) {
	var all []alert
	for _, segment := range []string{"country=DE", "all", "country=PL", "all"} {
		in := incident(driftd.StateOpen, "page")
		in.Segment = segment
		all = append(all, newAlert(in, began, Links{}))
	}
	var got [][]string
	for _, part := range batches(all) {
		var segments []string
		for _, a := range part {
			segments = append(segments, a.Labels["segment"])
		}
		got = append(got, segments)
	}
	if diff := cmp.Diff([][]string{{"all", "all"}, {"country=DE", "country=PL"}}, got); diff != "" {
		t.Error(diff)
	}
}

// That nobody would be told is known before there is something to tell.
func TestNothingIsSentToo(t *testing.T) {
	f := newFake(t)
	f.down.Store(true)
	failed, sent := make(chan error, 100), make(chan int, 100)
	start(t, Config{URLs: []string{f.url()}, Interval: 20 * time.Millisecond, Hooks: Hooks{
		Sent: func(_ string, n int, _ time.Duration) { sent <- n }, Failed: func(_ string, err error) { failed <- err }}})
	if err := <-failed; !strings.Contains(err.Error(), "503") {
		t.Error(err)
	}
	f.down.Store(false)
	for range 2 { // again after the interval
		f.wait(t, "an empty list", func(as []alert) bool { return as != nil && len(as) == 0 })
		if n := <-sent; n != 0 {
			t.Errorf("%d alerts were sent, there is none", n)
		}
	}
}

func TestHistoricIsNeverSent(t *testing.T) {
	s := New(Config{Now: func() time.Time { return began.Add(5*time.Hour + 14*time.Minute) }})
	i := incident(driftd.StateOpen, "page")
	i.Historic = true
	s.Set("fraud/all", i)
	i.State = driftd.StateResolved
	s.Set("fraud/all", i)
	if as := s.snapshot(); as != nil || len(s.series) != 0 {
		t.Errorf("%+v", as)
	}
	// One that another process began is ended here, once.
	over := incident(driftd.StateResolved, "page")
	s.Set("fraud/all", over)
	s.Set("fraud/all", over)
	if as := s.snapshot(); len(as) != 1 || as[0].EndsAt == nil {
		t.Errorf("%+v", as)
	}
	// One that was over long before this process began is nothing new.
	old := incident(driftd.StateResolved, "page")
	old.Segment = "country=DE"
	*old.ResolvedAt = old.ResolvedAt.Add(-2 * time.Minute)
	s.Set("fraud/country=DE", old)
	if as := s.snapshot(); len(as) != 1 || len(s.series) != 1 {
		t.Errorf("%+v", as)
	}
}

// An alert that Alertmanager refuses keeps no other batch from it.
func TestRefusedBatch(t *testing.T) {
	var took, told atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if strings.Contains(string(body), "n=bad") {
			http.Error(w, "bad label", http.StatusBadRequest)
			return
		}
		took.Add(1)
	}))
	t.Cleanup(srv.Close)
	s := New(Config{URLs: []string{srv.URL}, Log: slog.New(slog.DiscardHandler), Hooks: Hooks{Failed: func(string, error) { told.Add(1) }}})
	for i := range 2*batch + 1 {
		in := incident(driftd.StateOpen, "page")
		in.Segment = "n=" + strconv.Itoa(i)
		if i == 0 {
			in.Segment = "n=bad"
		}
		s.Set(fmt.Sprintf("%04d", i), in)
	}
	if s.targets[0].send(t.Context()) || took.Load() != 2 || told.Load() != 1 {
		t.Errorf("%d batches were taken, %d failures told", took.Load(), told.Load())
	}
}

func TestOneThatIsAwayHoldsUpNoOther(t *testing.T) {
	away, here := newFake(t), newFake(t)
	away.down.Store(true)
	var failed, sent, skews atomic.Int64
	var message atomic.Value
	s := start(t, Config{URLs: []string{away.url(), "http://127.0.0.1:1", here.url()}, Interval: 20 * time.Millisecond, Hooks: Hooks{
		Sent: func(string, int, time.Duration) { sent.Add(1) },
		Failed: func(url string, err error) {
			failed.Add(1)
			if url == away.url() {
				message.Store(err.Error())
			}
		},
		Skew: func(_ string, ahead time.Duration) {
			skews.Add(1)
			if ahead != 0 {
				t.Errorf("the clock of this machine is %s ahead of itself", ahead)
			}
		}}})
	s.Set("fraud/all", incident(driftd.StateOpen, "page"))
	here.wait(t, "the one that is here", func(as []alert) bool { return len(as) == 1 })
	for range 100 {
		if message.Load() != nil && away.calls.Load() > 2 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if m, _ := message.Load().(string); !strings.Contains(m, "send 1 alerts: 503 Service Unavailable: starting up") {
		t.Errorf("error %q", m)
	}
	away.down.Store(false)
	away.wait(t, "all that is active, when it is back", func(as []alert) bool { return len(as) == 1 && as[0].EndsAt == nil })
	if sent.Load() == 0 || failed.Load() == 0 || skews.Load() == 0 {
		t.Errorf("hooks: %d sent, %d failed, %d skews", sent.Load(), failed.Load(), skews.Load())
	}
}

func TestLargeNumbersGoInBatches(t *testing.T) {
	f := newFake(t)
	s := New(Config{URLs: []string{f.url()}})
	for i := range 2*batch + 1 {
		in := incident(driftd.StateOpen, "page")
		in.Segment = "n=" + string(rune('a'+i%26)) + time.Duration(i).String()
		s.Set(in.Segment, in)
	}
	if !s.targets[0].send(t.Context()) {
		t.Fatal("not sent")
	}
	var sizes []int
	for _, as := range f.got {
		sizes = append(sizes, len(as))
	}
	if d := cmp.Diff([]int{batch, batch, 1}, sizes); d != "" {
		t.Error(d)
	}
}

func TestClockSkew(t *testing.T) {
	var got time.Duration
	s := New(Config{URLs: []string{"http://user:pw@am:9093/"}, Hooks: Hooks{Skew: func(url string, ahead time.Duration) {
		if url != "http://am:9093/" {
			t.Errorf("url %s", url)
		}
		got = ahead
	}}})
	for date, want := range map[string]time.Duration{
		"Tue, 24 Nov 2026 12:02:00 GMT": 2 * time.Minute,
		"Tue, 24 Nov 2026 11:58:00 GMT": -2 * time.Minute,
		"Tue, 24 Nov 2026 12:00:00 GMT": 0,
	} {
		s.targets[0].measure(date, began.Add(400*time.Millisecond), began.Add(600*time.Millisecond))
		if got != want {
			t.Errorf("%s: %s, want %s", date, got, want)
		}
	}
}
