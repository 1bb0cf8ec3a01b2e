package check_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/driftd/driftd/internal/check"
	"github.com/driftd/driftd/internal/config"
)

// alertmanager answers as one does; ahead moves its clock.
func alertmanager(t *testing.T, version, cluster string, ready int, ahead time.Duration) string {
	t.Helper()
	mux := http.NewServeMux()
	date := func(w http.ResponseWriter) {
		w.Header().Set("Date", time.Now().Add(ahead).UTC().Format(http.TimeFormat))
	}
	mux.HandleFunc("GET /api/v2/status", func(w http.ResponseWriter, _ *http.Request) {
		date(w)
		fmt.Fprintf(w, `{"cluster":{"status":%q,"peers":[]},"versionInfo":{"version":%q}}`, cluster, version)
	})
	mux.HandleFunc("GET /-/ready", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(ready) })
	return serve(t, mux)
}

func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func alerting(t *testing.T, urls ...string) *check.Target {
	t.Helper()
	cfg, err := config.Parse("driftd.yml", []byte(`alerts: {alertmanagers: ["`+strings.Join(urls, `","`)+`"]}`))
	if err != nil {
		t.Fatal(err)
	}
	return &check.Target{Config: cfg}
}

func TestAlertmanagers(t *testing.T) {
	good := alertmanager(t, "0.28.1", "ready", http.StatusOK, 0)
	old := alertmanager(t, "0.21.0", "settling", http.StatusServiceUnavailable, -time.Minute)
	wrong := alertmanager(t, "0.28.1", "disabled", http.StatusOK, 10*time.Minute)
	other := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "{}") }))
	missing := serve(t, http.NotFoundHandler())
	closed := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }))
	rs := check.Alertmanagers(within(t), alerting(t, good, old, wrong, other, missing, closed, "http://127.0.0.1:1"))
	for _, x := range []struct {
		name, url string
		status    check.Status
		words     string
	}{
		{"reachable", good, check.StatusOK, "0.28.1"},
		{"ready", good, check.StatusOK, ""},
		{"clock", good, check.StatusOK, "agrees"},
		{"cluster", good, check.StatusOK, "0 peers"},
		{"version", old, check.StatusWarning, "0.22 or newer"},
		{"ready", old, check.StatusWarning, "503"},
		{"clock", old, check.StatusWarning, "1m0s behind"},
		{"cluster", old, check.StatusWarning, "settling"},
		{"clock", wrong, check.StatusFailure, "10m0s ahead of"},
		{"cluster", wrong, check.StatusOK, "alone"},
		{"reachable", other, check.StatusWarning, "not that of an Alertmanager"}, // warnings: another one tells people
		{"reachable", missing, check.StatusWarning, "path of a proxy"},
		{"reachable", closed, check.StatusWarning, "login"},
		{"reachable", "http://127.0.0.1:1", check.StatusWarning, "connection refused"},
	} {
		want(t, find(t, rs, check.AreaAlertmanager, x.name, x.url), x.status, x.words)
	}
	want(t, check.Alertmanagers(within(t), alerting(t, "http://127.0.0.1:1"))[0], check.StatusFailure, "Alertmanager runs")
}

// A server that takes connections and never answers costs a few seconds.
func TestSilentServersCostSeconds(t *testing.T) {
	hold := make(chan struct{})
	silent := serve(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hold }))
	t.Cleanup(func() { close(hold) })
	address := strings.TrimPrefix(silent, "http://")
	tg := target(t, []string{address}, "", fmt.Sprintf(`
kafka: {brokers: %%BROKERS%%}
sources: [{topic: predictions}]
sinks: {clickhouse: {addresses: [%q]}}
alerts: {alertmanagers: [%q]}
http: {listen: %q}
`, address, silent, freeAddr(t)))
	tg.ClickHouse = clickhouseAt(address)
	began := time.Now()
	rs := check.Run(within(t), tg)
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("it took %v", took)
	}
	want(t, find(t, rs, check.AreaBrokers, "reachable", address), check.StatusFailure, "API: ")
	want(t, find(t, rs, check.AreaClickHouse, "login", "default"), check.StatusFailure, "native protocol")
	want(t, find(t, rs, check.AreaAlertmanager, "reachable", silent), check.StatusFailure, "deadline exceeded")
}
