package config

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/consumers"
)

// Config is a whole file with its defaults filled in.
type Config struct {
	Kafka    Kafka
	Sources  []Source
	Pane     time.Duration
	Defaults Model
	Models   map[string]*Model // each with the defaults merged in
	Sinks    Sinks
	Alerts   Alerts
	HTTP     HTTP
	Start    Start
	Roles    []string

	hash string
}

// Kafka says how to reach the cluster and what driftd's topics are like.
type Kafka struct {
	Brokers     []string
	TopicPrefix string
	Partitions  int
	Replication int // -1: the brokers' default
	TLS         *TLS
	SASL        *SASL
}

// TLS is set when the brokers speak it. Empty files: the system's roots, no client certificate.
type TLS struct{ CAFile, CertFile, KeyFile string }

// SASL is set when the brokers want a name.
type SASL struct {
	Mechanism string // plain, scram-sha-256 or scram-sha-512
	Username  string
	Password  Secret
}

// Secret says where a secret is read; it is never in the config itself.
type Secret struct{ File, Env string }

// Value reads the secret; "" when none was named. White space at its ends is dropped.
func (s Secret) Value() (string, error) {
	switch {
	case s.File != "":
		b, err := os.ReadFile(s.File)
		if err != nil {
			return "", fmt.Errorf("read password_file: %w", err)
		}
		return strings.TrimSpace(string(b)), nil
	case s.Env != "":
		v, ok := os.LookupEnv(s.Env)
		if !ok {
			return "", fmt.Errorf("read password_env: the environment has no %s: set it, or use password_file", s.Env)
		}
		return strings.TrimSpace(v), nil
	}
	return "", nil
}

// Source is one of the users' topics.
type Source struct {
	Topic       string
	Model       string   // of events that name none
	Models      []string // that it may carry; empty: any, or Model alone when that is set
	Map         consumers.Map
	Lateness    time.Duration
	IdleTimeout time.Duration
	MaxSkew     time.Duration
	MaxAge      time.Duration
	MaxBytes    int
	DeadLetters string
}

// What of an undecodable record goes to the dead letters.
const (
	DeadLettersHeaders = "headers" // why and where, without the value
	DeadLettersFull    = "full"
	DeadLettersOff     = "off"
)

// Sinks say where results go beside Kafka.
type Sinks struct {
	ClickHouse *ClickHouse
	File       string // path of JSON lines; "": none
	Prometheus Prometheus
}

// ClickHouse is one server or cluster.
type ClickHouse struct {
	Addresses []string
	Database  string
	Username  string
	Password  Secret
	TLS       bool
}

// Prometheus says how much /metrics shows of each series.
type Prometheus struct {
	AllColumns bool
	MaxSeries  int
}

// Alerts say who is told of incidents.
type Alerts struct {
	Alertmanagers []string           // URLs
	Access        map[string]*Access `json:",omitempty"` // by URL, to those that want more than that
	PageMaxAge    time.Duration
	Interval      time.Duration
	Grafana       string // address that alerts link to
	Runbooks      string // where docs/runbooks is served, that alerts link to
}

// Access is what an Alertmanager wants of who tells it.
type Access struct {
	Username string
	Password Secret
	CAFile   string // of those who sign its certificate; "": the system's roots
}

// HTTP is driftd's own server.
type HTTP struct{ Listen, WebConfigFile string }

// Start says where a source without a commit begins.
type Start struct {
	Earliest, Latest bool
	Back             time.Duration // before now, rounded down to Round
	Round            time.Duration // the longest window
}

// The roles of a process.
const (
	RoleProfile = "profile"
	RoleDetect  = "detect"
	RoleWrite   = "write"
)

// HasRole says whether this process plays a role.
func (c *Config) HasRole(role string) bool { return slices.Contains(c.Roles, role) }

// Default is a config without Kafka and sources, as replay uses it.
func Default() *Config {
	c := &Config{
		Kafka:    Kafka{TopicPrefix: "driftd", Partitions: 6, Replication: -1},
		Pane:     time.Minute,
		Defaults: Model{Windows: []time.Duration{time.Hour, day}, Timezone: "UTC", PagesPerWeek: 1, Bootstrap: 14 * day, Baseline: "auto", location: time.UTC},
		Sinks:    Sinks{Prometheus: Prometheus{MaxSeries: 10000}},
		Alerts:   Alerts{PageMaxAge: 6 * time.Hour, Interval: time.Minute},
		HTTP:     HTTP{Listen: ":9110"},
		Roles:    []string{RoleProfile, RoleDetect, RoleWrite},
	}
	c.Start.Back, c.Start.Round = 2*c.longest(), c.longest()
	c.hash = c.hashed()
	return c
}

func defaultSource() Source {
	return Source{Lateness: 2 * time.Minute, IdleTimeout: 5 * time.Minute, MaxSkew: 5 * time.Minute, MaxAge: day, MaxBytes: 4 << 20,
		DeadLetters: DeadLettersHeaders}
}

// longest is the longest window of any model.
func (c *Config) longest() time.Duration {
	d := slices.Max(c.Defaults.Windows)
	for _, m := range c.Models {
		d = max(d, slices.Max(m.Windows))
	}
	return d
}

// Load reads and checks a file. Paths in it that are not absolute begin at its own folder.
func Load(path string) (*Config, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read config: %w", err)
	}
	c, err := Parse(path, b)
	if err != nil {
		return nil, err
	}
	c.resolve(filepath.Dir(path))
	return c, nil
}

// resolve makes paths that are not absolute begin at dir.
func (c *Config) resolve(dir string) {
	at := func(paths ...*string) {
		for _, p := range paths {
			if *p != "" && !filepath.IsAbs(*p) {
				*p = filepath.Join(dir, *p)
			}
		}
	}
	if t := c.Kafka.TLS; t != nil {
		at(&t.CAFile, &t.CertFile, &t.KeyFile)
	}
	if s := c.Kafka.SASL; s != nil {
		at(&s.Password.File)
	}
	if s := c.Sinks.ClickHouse; s != nil {
		at(&s.Password.File)
	}
	for _, a := range c.Alerts.Access {
		at(&a.Password.File, &a.CAFile)
	}
	at(&c.Sinks.File, &c.HTTP.WebConfigFile, &c.Defaults.ReferenceFile)
	for _, m := range c.Models {
		at(&m.ReferenceFile)
	}
}

// Runnable says what a config lacks that `driftd run` needs and replay does not.
func (c *Config) Runnable() error {
	switch {
	case len(c.Kafka.Brokers) == 0:
		return fmt.Errorf("config: kafka.brokers is missing: name at least one, as in `kafka: {brokers: [host:9092]}`")
	case len(c.Sources) == 0:
		return fmt.Errorf("config: sources is missing: name at least one topic, as in `sources: [{topic: predictions}]`")
	}
	return nil
}

// Hash is a short hash of the effective config. It is the same for two files that mean the same, and does not depend on
// secrets (only on where they are read) nor on the folder of the file.
func (c *Config) Hash() string { return c.hash }

func (c *Config) hashed() string {
	b, err := json.Marshal(c) // maps in the order of their keys
	if err != nil {
		panic("config: not JSON: " + err.Error()) // plain structs always are
	}
	return fmt.Sprintf("%016x", driftd.HashBytes(b))[:12]
}
