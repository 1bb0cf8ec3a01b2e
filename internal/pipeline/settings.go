package pipeline

import (
	"log/slog"
	"slices"
	"time"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/consumers"
	"github.com/driftd/driftd/internal/detect"
	"github.com/driftd/driftd/internal/wire"
	"github.com/driftd/driftd/sinks/prometheus"
)

// Settings are what the pipeline needs of the config.
type Settings struct {
	Prefix      string // of all topics and groups
	Pane        time.Duration
	Partitions  int // of driftd.profiles, results and state
	Replication int // -1: the brokers' default
	Sources     []Source
	Start       Start
	Version     string
	Now         func() time.Time // the clock; tests and the demo bring their own

	// Models are what config says of a model.
	Models ModelConfig

	// Bundles are references that config names.
	Bundles []*wire.Bundle

	// MaxAhead is how far a source partition may be past the slowest.
	MaxAhead time.Duration

	// StateEvery is how many panes may pass between two state records.
	StateEvery int64
	Log        *slog.Logger
	Metrics    *prometheus.Metrics
	Session    time.Duration // of group members; 0: the default

	// LearnEvery is how often topics are looked at again for models without a
	// reference; 0: the default.
	LearnEvery time.Duration
	// Say shows people a text of more than a line: what was learned. nil: nobody.
	Say func(text string)
}

// ModelConfig answers for models, named in config or not.
type ModelConfig interface {
	// Rules of a series without its Uses and SeriesCount. A new value after a reload.
	Rules(s driftd.Series) detect.Rules
	// Segments of a model as config declares them, nil when it leaves them to
	// the reference.
	Segments(model string) []driftd.SegmentTag
	// Known says that config names the model.
	Known(model string) bool
	// Bootstrap is how far back a model without reference is learned from, 0: never.
	Bootstrap(model string) time.Duration
	// Generation changes with every reload.
	Generation() int64
}

// Source is one of the users' topics.
type Source struct {
	Topic       string
	Map         consumers.Map
	Model       string   // of events that name none
	Models      []string // that the source may carry; empty: any, or Model alone when that is set
	Lateness    time.Duration
	IdleTimeout time.Duration
	MaxSkew     time.Duration
	MaxAge      time.Duration
	MaxBytes    int // of a record's value
	DeadLetters string
}

// only is the one model that the source carries, "" where it may be others too.
func (s *Source) only() string {
	switch {
	case len(s.Models) == 1 && (s.Model == "" || s.Model == s.Models[0]):
		return s.Models[0]
	case len(s.Models) == 0:
		return s.Model
	}
	return ""
}

// Start says where a source without a commit begins.
type Start struct {
	Earliest, Latest bool
	Back             time.Duration // before now, rounded down to the longest window
	Round            time.Duration
}

// learns says whether a source may carry a model that learns its reference from
// the topic.
func (s *Settings) learns(src *Source) bool {
	names := src.names()
	if len(names) == 0 {
		return s.Models.Bootstrap("") > 0
	}
	return slices.ContainsFunc(names, func(name string) bool { return s.Models.Bootstrap(name) > 0 })
}

// names are the models that a source names, none when it may carry any.
func (s *Source) names() []string {
	if s.Model == "" || slices.Contains(s.Models, s.Model) {
		return s.Models
	}
	return append(slices.Clone(s.Models), s.Model)
}

// carries says whether a source may carry a model.
func (s *Source) carries(model string) bool {
	if len(s.Models) == 0 {
		return s.Model == "" || s.Model == model
	}
	for _, m := range s.Models {
		if m == model {
			return true
		}
	}
	return s.Model == model
}

func (s *Settings) profilesTopic() string    { return s.Prefix + ".profiles" }
func (s *Settings) stateTopic() string       { return s.Prefix + ".state" }
func (s *Settings) windowsTopic() string     { return s.Prefix + ".windows" }
func (s *Settings) resultsTopic() string     { return s.Prefix + ".results" }
func (s *Settings) referencesTopic() string  { return s.Prefix + ".references" }
func (s *Settings) deadLettersTopic() string { return s.Prefix + ".deadletters" }

func (s *Settings) profileGroup(topic string) string { return s.Prefix + ".profile." + topic }
func (s *Settings) detectGroup() string              { return s.Prefix + ".detect" }
func (s *Settings) writeGroup() string               { return s.Prefix + ".write" }

// Groups are the consumer groups that driftd joins.
func (s *Settings) Groups() []string {
	var out []string
	for i := range s.Sources {
		out = append(out, s.profileGroup(s.Sources[i].Topic))
	}
	return append(out, s.detectGroup(), s.writeGroup())
}

// Carries says whether a source may carry a model.
func (s *Source) Carries(model string) bool { return s.carries(model) }
