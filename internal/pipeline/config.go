package pipeline

import (
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/alerts"
	"github.com/driftd/driftd/detectors"
	"github.com/driftd/driftd/detectors/classic"
	"github.com/driftd/driftd/detectors/stream"
	"github.com/driftd/driftd/internal/config"
	"github.com/driftd/driftd/internal/detect"
	"github.com/driftd/driftd/sinks/prometheus"
)

// RulesOf are the rules of a series as config has them; references are yet to
// be filled in.
func RulesOf(cfg *config.Config, s driftd.Series, version string) detect.Rules {
	m := cfg.ModelOf(s.Model)
	p := &alerts.Policy{Labels: m.Labels, Severity: m.Severity, Expect: m.Expect, Columns: map[string]alerts.ColumnPolicy{}}
	rules := map[string]*classic.Rule{"": m.Rule}
	sequential := map[string][]stream.Spec{}
	for name, c := range m.Columns {
		if sequential[name] = c.Sequential; c.HasRule {
			rules[name] = c.Rule
		}
		cp := alerts.ColumnPolicy{Muted: c.Watch != nil && !*c.Watch}
		if c.Importance != nil {
			cp.Importance = *c.Importance
		}
		p.Columns[name] = cp
	}
	var measures []*detectors.Measure
	for _, name := range m.Measures {
		measures = append(measures, detectors.MeasureNamed(name))
	}
	if m.Measures != nil && measures == nil {
		measures = []*detectors.Measure{} // none
	}
	return detect.Rules{Series: s, Lengths: m.WindowLengths(), Location: m.Location(), PagesPerWeek: m.PagesPerWeek, Baseline: m.Baseline, Pairs: m.Pairs, Policy: p, Sequential: sequential, Classic: rules, Measures: measures,
		PageMaxAge: cfg.Alerts.PageMaxAge, ConfigHash: cfg.Hash(), Version: version}
}

// Live is a config that can be replaced while the pipeline runs.
type Live struct {
	version string
	now     atomic.Pointer[liveConfig]
}

type liveConfig struct {
	cfg        *config.Config
	generation int64
	hash       string
}

// NewLive starts with a config.
func NewLive(cfg *config.Config, version string) *Live {
	l := &Live{version: version}
	l.now.Store(&liveConfig{cfg, 1, cfg.Hash()})
	return l
}

// Reload takes a new config: windows, budgets, columns, labels, alerts. What
// needs a restart (brokers, topics, roles, listen address) is not looked at.
func (l *Live) Reload(cfg *config.Config) {
	old := l.now.Load()
	l.now.Store(&liveConfig{cfg, old.generation + 1, cfg.Hash()})
}

// Rules implements ModelConfig.
func (l *Live) Rules(s driftd.Series) detect.Rules { return RulesOf(l.now.Load().cfg, s, l.version) }

// Segments implements ModelConfig.
func (l *Live) Segments(model string) []driftd.SegmentTag {
	return l.now.Load().cfg.ModelOf(model).Segments
}

// Known implements ModelConfig.
func (l *Live) Known(model string) bool { return l.now.Load().cfg.Known(model) }

// Bootstrap implements ModelConfig.
func (l *Live) Bootstrap(model string) time.Duration {
	return l.now.Load().cfg.ModelOf(model).Bootstrap
}

// Generation implements ModelConfig.
func (l *Live) Generation() int64 { return l.now.Load().generation }

// segmentTags are a model's segments: those of config, with the values that
// config leaves out taken from the reference; all of the reference's when
// config names none.
func segmentTags(conf []driftd.SegmentTag, layout *driftd.Layout) []driftd.SegmentTag {
	if conf == nil {
		if layout == nil {
			return nil
		}
		return layout.Segments
	}
	out := make([]driftd.SegmentTag, len(conf))
	for i, t := range conf {
		if t.Values == nil && layout != nil {
			for _, have := range layout.Segments {
				if have.Name() == t.Name() {
					t.Values = have.Values
				}
			}
		}
		out[i] = t
	}
	return out
}

// SettingsOf are the pipeline's settings as config has them.
func SettingsOf(cfg *config.Config, live *Live, version string, log *slog.Logger, metrics *prometheus.Metrics) *Settings {
	s := &Settings{Prefix: cfg.Kafka.TopicPrefix, Pane: cfg.Pane, Partitions: cfg.Kafka.Partitions, Replication: cfg.Kafka.Replication,
		Start: Start(cfg.Start), Version: version, Models: live, Log: log, Metrics: metrics}
	for _, src := range cfg.Sources {
		s.Sources = append(s.Sources, Source{Topic: src.Topic, Map: src.Map, Model: src.Model, Models: src.Models, Lateness: src.Lateness, IdleTimeout: src.IdleTimeout,
			MaxSkew: src.MaxSkew, MaxAge: src.MaxAge, MaxBytes: src.MaxBytes, DeadLetters: src.DeadLetters})
	}
	return s
}

// RolesOf are the roles that config gives this process.
func RolesOf(cfg *config.Config) Roles {
	return Roles{Profile: cfg.HasRole(config.RoleProfile), Detect: cfg.HasRole(config.RoleDetect), Write: cfg.HasRole(config.RoleWrite)}
}

// SeriesRules are the rules of a series as its detect task has them: RulesOf with
// the number of the model's series in a layout, and with the references in use.
func SeriesRules(cfg *config.Config, s driftd.Series, version string, layout *driftd.Layout, uses []detect.Use) detect.Rules {
	r := RulesOf(cfg, s, version)
	r.SeriesCount = len(driftd.Segments(segmentTags(cfg.ModelOf(s.Model).Segments, layout)))
	r.Uses = uses
	return r
}
