package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/alerts"
	"github.com/driftd/driftd/alerts/alertmanager"
	"github.com/driftd/driftd/internal/config"
	"github.com/driftd/driftd/internal/kafka"
	"github.com/driftd/driftd/internal/pipeline"
	"github.com/driftd/driftd/internal/wire"
	"github.com/driftd/driftd/sinks/clickhouse"
	"github.com/driftd/driftd/sinks/file"
	"github.com/driftd/driftd/sinks/prometheus"
)

type runCmd struct {
	Config string `short:"c" required:"" placeholder:"driftd.yml" help:"Config file."`
	Roles  string `placeholder:"R,.." help:"profile, detect, write: what this process does (default: the config's, all)."`
	Debug  bool   `help:"Log more."`
	Pprof  bool   `help:"Serve /debug/pprof."`
}

// Help is shown by --help.
func (runCmd) Help() string {
	return `Example:
  driftd run -c driftd.yml

The smallest config:
  kafka: {brokers: [localhost:9092]}
  sources: [{topic: predictions}]

SIGHUP or POST /-/reload reads the config again; SIGTERM ends it.`
}

// Run implements the command.
func (c *runCmd) Run(ctx context.Context) error {
	log := newLog(c.Debug)
	cfg, err := config.Load(c.Config)
	if err != nil {
		return err
	}
	if c.Roles != "" {
		if err := setRoles(cfg, c.Roles); err != nil {
			return err
		}
	}
	if err := cfg.Runnable(); err != nil {
		return err
	}
	a, err := newApp(cfg, log)
	if err != nil {
		return err
	}
	return a.run(ctx, c)
}

// sessionTimeout is how long a process may be silent before its partitions go
// to another: short, because what it had not committed is made again exactly.
const sessionTimeout = 10 * time.Second

// keyed gives the sender an incident of windows and one of the fast lane for each
// series.
type keyed struct{ s *alertmanager.Sender }

// fastKey is the key of a series' incident of the fast lane.
func fastKey(s driftd.Series) string { return s.Key() + "\x00" + alerts.TypeSchema }

// Set implements pipeline.Alerter.
func (k keyed) Set(in driftd.IncidentResult) {
	s := driftd.Series{Model: in.Model, Segment: in.Segment}
	if in.Type == alerts.TypeSchema {
		k.s.Set(fastKey(s), in)
		return
	}
	k.s.Set(s.Key(), in)
}

// Drop implements pipeline.Alerter.
func (k keyed) Drop(s driftd.Series) {
	k.s.Drop(s.Key())
	k.s.Drop(fastKey(s))
}

// setRoles replaces the config's roles by those of the command line.
func setRoles(cfg *config.Config, roles string) error {
	cfg.Roles = strings.Split(roles, ",")
	for _, r := range cfg.Roles {
		if r != config.RoleProfile && r != config.RoleDetect && r != config.RoleWrite {
			return fmt.Errorf("--roles %s: there is no role %q; the roles are profile, detect and write", roles, r)
		}
	}
	return nil
}

// app is one running process, put together.
type app struct {
	cfg     *config.Config
	live    *pipeline.Live
	log     *slog.Logger
	metrics *prometheus.Metrics
	client  *kafka.Client
	pipe    *pipeline.Pipeline
	alerts  *alertmanager.Sender
	click   *clickhouse.Writer
	closers closers
}

func newApp(cfg *config.Config, log *slog.Logger) (*app, error) {
	a := &app{cfg: cfg, live: pipeline.NewLive(cfg, version), log: log}
	var topics []string
	for _, s := range cfg.Sources {
		topics = append(topics, s.Topic)
	}
	p := cfg.Sinks.Prometheus
	a.metrics = prometheus.New(prometheus.Config{AllColumns: p.AllColumns, MaxSeries: p.MaxSeries, Version: version}, topics, cfg.Alerts.Alertmanagers)
	var err error
	told := &seldom{every: 10 * time.Second}
	if a.client, err = newClient(cfg, func(op string, err error) {
		a.metrics.Retried(op)
		told.say(func(again int) {
			log.Warn("Kafka does not answer as it should: trying again", "operation", op, "failures_since", again, "err", err)
		})
	}); err != nil {
		return nil, err
	}
	a.closers.add("kafka client", func(context.Context) error { a.client.Close(); return nil })
	sinks, err := a.sinks()
	if err != nil {
		return nil, err
	}
	var alerter pipeline.Alerter
	if len(cfg.Alerts.Alertmanagers) > 0 {
		access, err := alertmanagerAccess(cfg.Alerts)
		if err != nil {
			return nil, err
		}
		a.alerts = alertmanager.New(alertmanager.Config{URLs: cfg.Alerts.Alertmanagers, Access: access, Interval: cfg.Alerts.Interval,
			Links: alertmanager.Links{Grafana: cfg.Alerts.Grafana, Runbooks: cfg.Alerts.Runbooks}, Log: log, Hooks: alertmanager.Hooks{
				Sent:   func(url string, n int, _ time.Duration) { a.metrics.AlertsSent(url, n) },
				Failed: func(url string, _ error) { a.metrics.AlertsFailed(url) },
				Skew:   a.metrics.ClockSkew,
			}})
		alerter = keyed{a.alerts}
	}
	set := pipeline.SettingsOf(cfg, a.live, version, log, a.metrics)
	set.Session = sessionTimeout
	set.Say = func(text string) { fmt.Fprintln(os.Stderr, text) }
	if set.Bundles, err = bundles(cfg); err != nil {
		return nil, err
	}
	a.pipe = pipeline.New(set, a.client, pipeline.RolesOf(cfg), sinks, alerter)
	return a, nil
}

// sinks are those that config names.
func (a *app) sinks() (map[string]pipeline.Sink, error) {
	out := map[string]pipeline.Sink{}
	if c := a.cfg.Sinks.ClickHouse; c != nil {
		cc, err := clickhouseConfig(c)
		if err != nil {
			return nil, err
		}
		cc.Log, cc.Hooks = a.log, clickhouse.Hooks{
			Wrote:    func(_ string, rows int, took time.Duration) { a.metrics.SinkWrote("clickhouse", rows, took) },
			Retried:  func(string, error) { a.metrics.Retried("clickhouse") },
			Rejected: a.rejected("clickhouse"),
		}
		a.click = clickhouse.New(*cc)
		a.closers.add("clickhouse", func(context.Context) error { return a.click.Close() })
		out["clickhouse"] = a.opened("clickhouse", a.click.Open, a.click)
	}
	if path := a.cfg.Sinks.File; path != "" {
		w := file.New(file.Config{Path: path, Log: a.log, Hooks: file.Hooks{
			Wrote:    func(lines int, took time.Duration) { a.metrics.SinkWrote("file", lines, took) },
			Retried:  func(error) { a.metrics.Retried("file") },
			Rejected: a.rejected("file"),
		}})
		a.closers.add("file", func(context.Context) error { return w.Close() })
		out["file"] = a.opened("file", w.Open, w)
	}
	return out, nil
}

// clickhouseConfig is where config has ClickHouse, with the password.
func clickhouseConfig(c *config.ClickHouse) (*clickhouse.Config, error) {
	password, err := c.Password.Value()
	if err != nil {
		return nil, fmt.Errorf("sinks.clickhouse: %w", err)
	}
	cc := &clickhouse.Config{Addresses: c.Addresses, Database: c.Database, Username: c.Username, Password: password}
	if c.TLS {
		cc.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	return cc, nil
}

func (a *app) opened(name string, open func(context.Context) error, sink pipeline.Sink) *opened {
	return &opened{name: name, open: open, sink: sink, log: a.log, retried: func() { a.metrics.Retried(name) }}
}

func (a *app) run(ctx context.Context, c *runCmd) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	server, err := a.serve(c.Pprof, func() error { return a.reload(c.Config) })
	if err != nil {
		return err
	}
	a.closers.add("http", server.Shutdown)
	if a.alerts != nil {
		go func() { _ = a.alerts.Run(ctx) }() // ends with ctx; failures are told by its hooks
	}
	go a.hangups(ctx, c.Config)
	a.log.Info("driftd runs", "version", version, "brokers", a.cfg.Kafka.Brokers, "topics", len(a.cfg.Sources), "http", a.cfg.HTTP.Listen, "config", a.cfg.Hash())
	err = a.pipe.Run(ctx)
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = nil // it was told to end before it had begun
	}
	stop(nil)
	a.closers.close(a.log)
	return err
}

// bundles reads the references that config names. Each must be of the model that
// names it: another's would leave that model without one, and say nothing.
func bundles(cfg *config.Config) ([]*wire.Bundle, error) {
	files := map[string]bool{}
	for _, m := range cfg.Models {
		files[m.ReferenceFile] = true
	}
	files[cfg.Defaults.ReferenceFile] = true
	delete(files, "")
	of := map[string]string{}
	var out []*wire.Bundle
	for _, path := range slices.Sorted(maps.Keys(files)) {
		b, err := wire.ReadFile(path)
		if err != nil {
			return nil, err
		}
		of[path] = b.Layout.Model
		out = append(out, b)
	}
	for _, name := range slices.Sorted(maps.Keys(cfg.Models)) {
		path := cfg.Models[name].ReferenceFile
		if path != "" && path != cfg.Defaults.ReferenceFile && of[path] != name {
			return nil, fmt.Errorf("models.%s.reference.file %s is of model %q: name the right file, or build it with `driftd reference build --model %s`", name, path, of[path], name)
		}
	}
	return out, nil
}

func (a *app) hangups(ctx context.Context, path string) {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	for {
		select {
		case <-hup:
			if err := a.reload(path); err != nil {
				a.log.Error("reload failed: the old config stays in force", "err", err)
			}
		case <-ctx.Done():
			return
		}
	}
}

func (a *app) reload(path string) error {
	cfg, err := config.Load(path)
	if err == nil {
		err = cfg.Runnable()
	}
	a.metrics.Reloaded(err)
	if err != nil {
		return err
	}
	a.live.Reload(cfg)
	a.log.Info("config reloaded; windows and thresholds change at the next window, brokers, topics, sinks and roles at a restart", "config", cfg.Hash())
	return nil
}
