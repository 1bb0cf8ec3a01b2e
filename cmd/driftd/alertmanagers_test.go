package main

import (
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/alerts/alertmanager"
	"github.com/driftd/driftd/internal/config"
)

// An Alertmanager behind TLS with a certificate of its own and basic auth, from
// the file of a config to the request.
func TestAlertmanagerAccess(t *testing.T) {
	came := make(chan string, 10)
	srv := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		came <- user + ":" + password
	}))
	defer srv.Close()
	dir := t.TempDir()
	write := func(name string, b []byte) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("ca.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw}))
	write("secret", []byte("hush\n"))
	write("driftd.yml", fmt.Appendf(nil, "kafka: {brokers: [h:9092]}\nsources: [{topic: t}]\nalerts:\n  alertmanagers:\n    - {url: %q, username: driftd, password_file: secret, ca_file: ca.pem}\n", srv.URL))
	cfg, err := config.Load(filepath.Join(dir, "driftd.yml"))
	if err != nil {
		t.Fatal(err)
	}
	access, err := alertmanagerAccess(cfg.Alerts)
	if err != nil {
		t.Fatal(err)
	}
	s := alertmanager.New(alertmanager.Config{URLs: cfg.Alerts.Alertmanagers, Access: access})
	go func() { _ = s.Run(t.Context()) }() // ends with the test
	s.Set("fraud/all", driftd.IncidentResult{Model: "fraud", Segment: "all", Type: "drift", State: driftd.StateOpen, Severity: "page", DriftSince: time.Now()})
	select {
	case got := <-came:
		if got != "driftd:hush" {
			t.Errorf("it was told by %q", got)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("nothing came")
	}
	write("ca.pem", []byte("no certificate"))
	if _, err := alertmanagerAccess(cfg.Alerts); err == nil || !strings.Contains(err.Error(), "alerts.alertmanagers, "+srv.URL) || strings.Contains(err.Error(), "hush") {
		t.Errorf("a file without certificates: %v", err)
	}
}
