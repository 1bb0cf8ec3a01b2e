// Package alertmanager tells Prometheus Alertmanagers (API v2) which incidents are open.
//
// It is level-triggered: every minute it sends all that is active, to every Alertmanager, and at once when something
// changes. Nothing is queued, so nothing can be lost or overflow, and an Alertmanager that was away knows everything a
// minute after it has come back. What is over is repeated for a quarter of an hour. Where there is nothing to tell it
// sends an empty list: that nobody would be told is known before somebody has to be.
//
// What belongs here: the form of an alert, and reaching Alertmanager. What does not: when an incident opens (package
// alerts), and who is told (Alertmanager's routes).
package alertmanager

import (
	"context"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/driftd/driftd"
)

const (
	// DefaultInterval is well below the 5 minutes after which Alertmanager takes an alert for resolved that was not sent.
	DefaultInterval = time.Minute
	// RepeatResolved is for how long an alert that is over is sent.
	RepeatResolved = 15 * time.Minute
)

// Config says where the Alertmanagers are.
type Config struct {
	URLs     []string          // each gets everything; http://host:9093, with the path of a proxy if there is one
	Access   map[string]Access // by URL: what an Alertmanager wants beside it
	Interval time.Duration     // 0 means DefaultInterval
	Timeout  time.Duration     // of one request; 0 means 10 s
	Links    Links
	Log      *slog.Logger // nil means slog.Default()
	Hooks    Hooks
	Now      func() time.Time // nil means time.Now
}

// Access is what an Alertmanager wants of who tells it.
type Access struct {
	Client   *http.Client // with TLS as config has it; nil means the default one
	Username string       // of basic auth; "" means none
	Password string       // of basic auth; never told to anybody else, and in no log
}

// Hooks is called for the sake of metrics, from a goroutine for each Alertmanager. Each may be nil. url is as in
// Config.URLs, without a password.
type Hooks struct {
	// Sent tells of alerts that an Alertmanager has taken; 0 where there was nothing to tell.
	Sent func(url string, alerts int, took time.Duration)
	// Failed tells of a request that failed; it will be made again.
	Failed func(url string, err error)
	// Skew tells how far an Alertmanager's clock is ahead, to a second, by the Date of its answer.
	Skew func(url string, ahead time.Duration)
}

// Sender sends. Set and Drop may be called from any goroutine, before Run, while it runs, and after it: they never block.
type Sender struct {
	cfg     Config
	targets []*target

	mu     sync.Mutex
	series map[string]*keyAlerts // by the caller's key
}

// keyAlerts are those of one key: at most one is active.
type keyAlerts struct {
	active *alert
	over   []alert // that are repeated still; no two have the same labels
}

// alert is an alert of API v2. Its labels are its identity.
type alert struct {
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	StartsAt    time.Time         `json:"startsAt"`
	EndsAt      *time.Time        `json:"endsAt,omitempty"` // left out while active: Alertmanager sets its own
}

// New returns a sender that knows of no incident.
func New(cfg Config) *Sender {
	if cfg.Interval <= 0 {
		cfg.Interval = DefaultInterval
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = 10 * time.Second
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	s := &Sender{cfg: cfg, series: map[string]*keyAlerts{}}
	for _, u := range cfg.URLs {
		s.targets = append(s.targets, newTarget(s, u))
	}
	return s
}

// Set tells the state of a key's incident; a key is a series, or whatever has at most one incident. An incident that is
// historic is none for Alertmanager, nor is one that was over 15 minutes before this sender first heard of it. Labels that have changed (a severity that rose, config) make another alert there: the
// one before is ended.
func (s *Sender) Set(key string, incident driftd.IncidentResult) {
	if incident.Historic {
		return
	}
	now := s.cfg.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.series[key]
	if a == nil {
		a = &keyAlerts{}
		s.series[key] = a
	}
	next := newAlert(incident, now, s.cfg.Links)
	switch {
	case incident.State == driftd.StateOpen:
		if a.active != nil && !maps.Equal(a.active.Labels, next.Labels) {
			a.end(*a.active, now)
		}
		a.over = slices.DeleteFunc(a.over, func(x alert) bool { return maps.Equal(x.Labels, next.Labels) })
		a.active = &next
	case a.active != nil:
		next.Labels = a.active.Labels
		a.active = nil
		a.end(next, now)
	case incident.ResolvedAt != nil && now.Sub(*incident.ResolvedAt) > RepeatResolved:
		// It was over long before this process began: every Alertmanager has been told, or has given it up by itself.
	case !slices.ContainsFunc(a.over, func(x alert) bool { return maps.Equal(x.Labels, next.Labels) }):
		a.end(next, now) // another process began it
	}
	if a.active == nil && len(a.over) == 0 {
		delete(s.series, key)
		return
	}
	s.wake()
}

// Drop forgets a key whose incidents another process tells now. It ends no alert.
func (s *Sender) Drop(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.series, key)
}

// Active is the number of alerts that are active.
func (s *Sender) Active() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, a := range s.series {
		if a.active != nil {
			n++
		}
	}
	return n
}

// Run sends until ctx ends. Each Alertmanager has a goroutine of its own: one that is away holds up no other.
func (s *Sender) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	for _, t := range s.targets {
		wg.Go(func() { t.run(ctx) })
	}
	<-ctx.Done()
	wg.Wait()
	return ctx.Err()
}

func (s *Sender) wake() {
	for _, t := range s.targets {
		select {
		case t.changed <- struct{}{}:
		default: // it will see this change too
		}
	}
}

// snapshot is all that is to be sent now, in the order of keys.
func (s *Sender) snapshot() []alert {
	now := s.cfg.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []alert
	for _, key := range slices.Sorted(maps.Keys(s.series)) {
		a := s.series[key]
		a.over = slices.DeleteFunc(a.over, func(x alert) bool { return now.Sub(*x.EndsAt) > RepeatResolved })
		out = append(out, a.over...)
		if a.active != nil {
			out = append(out, *a.active)
		} else if len(a.over) == 0 {
			delete(s.series, key)
		}
	}
	return out
}

// end puts an alert among those that are over. now is the process's clock, not the time of events: Alertmanager compares
// it with its own.
func (a *keyAlerts) end(x alert, now time.Time) {
	if x.StartsAt.After(now) {
		x.StartsAt = now // Alertmanager refuses an alert that ends before it starts
	}
	x.EndsAt = &now
	a.over = append(slices.DeleteFunc(a.over, func(y alert) bool { return maps.Equal(x.Labels, y.Labels) }), x)
}

// withoutPassword is a URL as it may be shown.
func withoutPassword(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.User == nil {
		return raw
	}
	u.User = nil
	return u.String()
}

// endpoint is where a base URL takes alerts.
func endpoint(base string) string { return strings.TrimSuffix(base, "/") + "/api/v2/alerts" }
