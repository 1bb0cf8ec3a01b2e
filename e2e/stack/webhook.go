package stack

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"
)

// Webhook is a receiver of Alertmanager's notifications that keeps them.
type Webhook struct {
	URL string // what a receiver's webhook_configs has as its url

	srv  *http.Server
	mu   sync.Mutex
	got  []Notification
	bad  error // the first request that could not be read
	more chan struct{}
}

// Notification is one call of the webhook, in Alertmanager's format (version 4).
type Notification struct {
	Receiver     string            `json:"receiver"`
	Status       string            `json:"status"` // firing or resolved
	GroupLabels  map[string]string `json:"groupLabels"`
	CommonLabels map[string]string `json:"commonLabels"`
	Alerts       []Alert           `json:"alerts"`
}

// Alert is one alert of a notification.
type Alert struct {
	Status      string            `json:"status"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	StartsAt    time.Time         `json:"startsAt"`
	EndsAt      time.Time         `json:"endsAt"`
}

// StartWebhook starts a webhook on a free port.
func StartWebhook() (*Webhook, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start the webhook: %w", err)
	}
	w := &Webhook{URL: "http://" + l.Addr().String() + "/", more: make(chan struct{})}
	w.srv = &http.Server{Handler: w, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = w.srv.Serve(l) }() // ends with ErrServerClosed at Stop
	return w, nil
}

// ServeHTTP records one notification; a GET shows those that have come, for people.
func (w *Webhook) ServeHTTP(rw http.ResponseWriter, req *http.Request) {
	if req.Method == http.MethodGet {
		w.show(rw)
		return
	}
	var n Notification
	err := json.NewDecoder(req.Body).Decode(&n)
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		if w.bad == nil {
			w.bad = fmt.Errorf("read a notification: %w", err)
		}
		http.Error(rw, err.Error(), http.StatusBadRequest)
		return
	}
	w.got = append(w.got, n)
	close(w.more)
	w.more = make(chan struct{})
}

// show writes each alert as its receiver would read it.
func (w *Webhook) show(rw http.ResponseWriter) {
	for _, n := range w.Notifications() {
		for _, a := range n.Alerts {
			fmt.Fprintf(rw, "[%s] to %s: %s\n", a.Status, n.Receiver, a.Annotations["title"])
			for _, name := range []string{"summary", "where", "columns", "dashboard", "runbook", "accept"} {
				if v := a.Annotations[name]; v != "" {
					fmt.Fprintf(rw, "  %s: %s\n", name, strings.ReplaceAll(v, "\n", "\n    "))
				}
			}
		}
	}
}

// Notifications returns what has come so far, in order.
func (w *Webhook) Notifications() []Notification {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]Notification(nil), w.got...)
}

// Wait returns the first alert, of those that have come and those that will, for which match is true.
func (w *Webhook) Wait(ctx context.Context, match func(Notification, Alert) bool) (Alert, error) {
	for seen := 0; ; {
		w.mu.Lock()
		got, more, bad := w.got, w.more, w.bad
		w.mu.Unlock()
		if bad != nil {
			return Alert{}, bad
		}
		for ; seen < len(got); seen++ {
			for _, a := range got[seen].Alerts {
				if match(got[seen], a) {
					return a, nil
				}
			}
		}
		select {
		case <-more:
		case <-ctx.Done():
			return Alert{}, fmt.Errorf("wait for a notification: %w: %d have come: %+v", ctx.Err(), len(got), got)
		}
	}
}

// Stop ends the webhook.
func (w *Webhook) Stop() error { return w.srv.Close() }

var (
	receiverURL = regexp.MustCompile(`http://receiver\.example:8080/`)
	groupTimes  = regexp.MustCompile(`(group_wait|group_interval): \S+`)
)

// AlertmanagerConfig turns the configuration that deploy/alertmanager gives to users into one for tests: its receivers
// are the webhook at url, and it notifies within a second. Each alert's receiver is still told by the notification.
func AlertmanagerConfig(config, url string) string {
	return groupTimes.ReplaceAllString(receiverURL.ReplaceAllLiteralString(config, url), "$1: 1s")
}
