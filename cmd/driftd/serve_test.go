package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/driftd/driftd/internal/config"
)

const smallest = "kafka: {brokers: [127.0.0.1:1]}\nsources: [{topic: predictions}]\n"

func testApp(t *testing.T, yaml string) (*app, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "driftd.yml")
	if err := os.WriteFile(path, []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	a, err := newApp(cfg, slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.closers.close(a.log) })
	return a, path
}

func ask(t *testing.T, h http.Handler, method, path string) (int, string) {
	t.Helper()
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, httptest.NewRequest(method, path, nil))
	return rec.Code, rec.Body.String()
}

func TestEndpoints(t *testing.T) {
	a, path := testApp(t, smallest)
	h := endpoints(a.metrics, a.pipe, func() error { return a.reload(path) }, false)
	for _, c := range []struct {
		method, path string
		code         int
		body         string
	}{
		{"GET", "/-/healthy", 200, "alive"},
		{"GET", "/-/ready", 503, "waiting for the brokers"},
		{"GET", "/metrics", 200, `driftd_dead_letters_total{reason="undecodable",topic="predictions"} 0`},
		{"POST", "/-/reload", 200, "reloaded"},
		{"GET", "/-/reload", 405, ""},
		{"GET", "/debug/pprof/", 404, ""},
	} {
		if code, body := ask(t, h, c.method, c.path); code != c.code || !strings.Contains(body, c.body) {
			t.Errorf("%s %s: %d %.200s", c.method, c.path, code, body)
		}
	}
}

// The health check of a container believes 200 and tells anything else.
func TestHealthcheck(t *testing.T) {
	a, _ := testApp(t, smallest)
	srv := httptest.NewServer(endpoints(a.metrics, a.pipe, nil, false))
	t.Cleanup(srv.Close)
	if err := (&healthCmd{URL: srv.URL + "/-/healthy"}).Run(t.Context()); err != nil {
		t.Error(err)
	}
	if err := (&healthCmd{URL: srv.URL + "/-/ready"}).Run(t.Context()); err == nil || !strings.Contains(err.Error(), "waiting for the brokers") {
		t.Error(err)
	}
}

// A reload of a bad file says what is wrong and leaves the old config in force.
func TestBadReloadChangesNothing(t *testing.T) {
	a, path := testApp(t, smallest)
	h := endpoints(a.metrics, a.pipe, func() error { return a.reload(path) }, false)
	before := a.live.Generation()
	if err := os.WriteFile(path, []byte(smallest+"defaults: {windows: [soon]}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, body := ask(t, h, "POST", "/-/reload")
	if code != 422 || !strings.Contains(body, "the old config stays in force") || !strings.Contains(body, "soon") || a.live.Generation() != before {
		t.Fatalf("%d %s", code, body)
	}
	if err := os.WriteFile(path, []byte(smallest+"defaults: {budget: {pages_per_week: 2}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, body := ask(t, h, "POST", "/-/reload"); code != 200 || a.live.Generation() == before {
		t.Fatalf("%d %s", code, body)
	}
}

func TestRolesOfTheCommandLine(t *testing.T) {
	cfg := config.Default()
	if err := setRoles(cfg, "profile,write"); err != nil || !cfg.HasRole("profile") || cfg.HasRole("detect") {
		t.Fatalf("%v %v", err, cfg.Roles)
	}
	if err := setRoles(cfg, "judge"); err == nil || !strings.Contains(err.Error(), "profile, detect and write") {
		t.Fatal(err)
	}
}

// What was started last ends first; what fails is named.
func TestClosers(t *testing.T) {
	var log bytes.Buffer
	var order []string
	var c closers
	c.add("first", func(context.Context) error { order = append(order, "first"); return nil })
	c.add("second", func(context.Context) error { order = append(order, "second"); return errors.New("stuck") })
	c.close(slog.New(slog.NewTextHandler(&log, nil)))
	if strings.Join(order, " ") != "second first" || !strings.Contains(log.String(), "what=second") {
		t.Fatalf("%v %s", order, log.String())
	}
}
