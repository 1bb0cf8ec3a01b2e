package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/exporter-toolkit/web"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/internal/pipeline"
	"github.com/driftd/driftd/sinks/prometheus"
)

// serve starts the HTTP endpoints.
func (a *app) serve(withPprof bool, reload func() error) (*http.Server, error) {
	return serveHTTP(a.cfg.HTTP.Listen, a.cfg.HTTP.WebConfigFile, endpoints(a.metrics, a.pipe, reload, withPprof), a.log)
}

// endpoints are /metrics, /-/healthy, /-/ready, /-/reload and, behind a flag, pprof.
func endpoints(m *prometheus.Metrics, p *pipeline.Pipeline, reload func() error, withPprof bool) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.Registry, promhttp.HandlerOpts{Registry: m.Registry}))
	mux.HandleFunc("GET /-/healthy", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, "driftd is alive") })
	mux.HandleFunc("GET /-/ready", func(w http.ResponseWriter, _ *http.Request) {
		if what := p.Waiting(); what != "" {
			answer(w, http.StatusServiceUnavailable, "waiting for "+what)
			return
		}
		answer(w, http.StatusOK, "ready")
	})
	if reload != nil {
		mux.HandleFunc("POST /-/reload", func(w http.ResponseWriter, _ *http.Request) {
			if err := reload(); err != nil {
				answer(w, http.StatusUnprocessableEntity, "the old config stays in force: "+err.Error())
				return
			}
			answer(w, http.StatusOK, "reloaded")
		})
	}
	if withPprof {
		mux.HandleFunc("/debug/pprof/", pprof.Index)
		mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	}
	return mux
}

func answer(w http.ResponseWriter, code int, text string) {
	w.WriteHeader(code)
	_, _ = fmt.Fprintln(w, text) // the client may be gone
}

func serveHTTP(listen, webConfig string, h http.Handler, log *slog.Logger) (*http.Server, error) {
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return nil, fmt.Errorf("http.listen %s: %w; choose another address", listen, err)
	}
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	addrs, systemd := []string{listen}, false
	flags := &web.FlagConfig{WebListenAddresses: &addrs, WebSystemdSocket: &systemd, WebConfigFile: &webConfig}
	if err := web.Validate(webConfig); err != nil {
		_ = l.Close() // nobody uses it
		return nil, fmt.Errorf("http.web_config_file %s: %w", webConfig, err)
	}
	go func() {
		if err := web.Serve(l, srv, flags, log); err != nil && !errors.Is(err, http.ErrServerClosed) {
			log.Error("the HTTP endpoints are gone", "err", err)
		}
	}()
	return srv, nil
}

// closers end what was started, the last first; each has a name and a time.
type closers struct{ list []closer }

type closer struct {
	name string
	end  func(context.Context) error
}

func (c *closers) add(name string, end func(context.Context) error) {
	c.list = append(c.list, closer{name, end})
}

// closeWithin bounds each ending.
const closeWithin = 5 * time.Second

func (c *closers) close(log *slog.Logger) {
	for i := len(c.list) - 1; i >= 0; i-- {
		ctx, stop := context.WithTimeout(context.Background(), closeWithin)
		done := make(chan error, 1)
		go func() { done <- c.list[i].end(ctx) }()
		select {
		case err := <-done:
			if err != nil {
				log.Warn("did not end cleanly", "what", c.list[i].name, "err", err)
			}
		case <-ctx.Done():
			log.Warn("did not end in time and is left", "what", c.list[i].name, "after", closeWithin)
		}
		stop()
	}
}

// opened is a sink that is opened at its first batch, and again until that
// works: a sink that is away must not keep the pipeline from starting, nor end it.
type opened struct {
	name    string
	open    func(context.Context) error
	sink    pipeline.Sink
	log     *slog.Logger
	retried func()
	mu      sync.Mutex
	done    bool
}

// Write implements pipeline.Sink.
func (o *opened) Write(ctx context.Context, batch []driftd.Result) error {
	if err := o.ensure(ctx); err != nil {
		return err
	}
	return o.sink.Write(ctx, batch)
}

func (o *opened) ensure(ctx context.Context) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.done {
		return nil
	}
	wait := backoff.NewExponentialBackOff(backoff.WithMaxElapsedTime(0), backoff.WithMaxInterval(30*time.Second))
	err := backoff.RetryNotify(func() error { return o.open(ctx) }, backoff.WithContext(wait, ctx), func(err error, d time.Duration) {
		o.retried()
		o.log.Warn("a sink cannot be opened: results wait in Kafka", "sink", o.name, "err", err, "wait", d.Round(time.Millisecond))
	})
	o.done = err == nil
	return err
}

func (a *app) rejected(sink string) func(driftd.Result, error) {
	return func(r driftd.Result, err error) {
		a.metrics.SinkRejected(sink)
		a.log.Error("a result was refused for good", "sink", sink, "series", r.Series().Key(), "err", err)
	}
}
