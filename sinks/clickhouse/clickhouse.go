// Package clickhouse keeps driftd's results in ClickHouse: the tables driftd_windows, driftd_columns and
// driftd_incidents, their versioned migrations (schema/*.sql) and the writer that inserts batches over the native
// protocol.
//
// Results are identified by what they are about, so a batch may be written any number of times (ReplacingMergeTree);
// that is what lets the caller commit its Kafka offset only after Write has returned. What belongs here: SQL, and what
// ClickHouse's errors mean. What does not: where results come from, when they are read, metrics (Hooks tells of them).
package clickhouse

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"regexp"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/sinks/internal/retry"
)

const (
	// DefaultRetention is for how long rows are kept.
	DefaultRetention = 400 * 24 * time.Hour
	// maxRetention keeps a row's end of life within the 32 bits of seconds in which ClickHouse reckons it: beyond, it
	// would wrap around and delete new rows.
	maxRetention = 50 * 365 * 24 * time.Hour
)

// Config says where ClickHouse is and how the results are kept there.
type Config struct {
	Addresses []string // host:port of the native protocol
	Database  string   // made when it is missing; "" means driftd
	Username  string
	Password  string
	TLS       *tls.Config // nil means plain text
	// Cluster makes the tables replicated, and made on every replica of this cluster. The cluster has one shard.
	Cluster string
	// Retention is for how long rows are kept, in whole days; 0 means DefaultRetention. A changed one is applied to
	// tables that are there.
	Retention time.Duration
	// Timeout bounds one attempt; 0 means 30 s. Attempts are without end.
	Timeout time.Duration
	Log     *slog.Logger // nil means slog.Default()
	Hooks   Hooks
}

// Hooks is called by the writer for the sake of metrics and of rows that cannot be kept. Each may be nil. They are
// called from the goroutine that called Open or Write.
type Hooks struct {
	// Wrote tells of rows that ClickHouse has accepted; table is one of Tables.
	Wrote func(table string, rows int, took time.Duration)
	// Retried tells of a failed attempt that will be made again; operation is "open" or one of Tables.
	Retried func(operation string, err error)
	// Rejected gives a row up: ClickHouse will never accept it, and Write goes on without it.
	Rejected func(r driftd.Result, err error)
}

// Tables are the tables that hold results.
var Tables = []string{windowsTable, columnsTable, incidentsTable}

// Writer writes results. It is for one goroutine.
type Writer struct {
	cfg  Config
	conn driver.Conn
	log  *retry.Log
}

// New returns a writer that has not connected: Open does.
func New(cfg Config) *Writer {
	if cfg.Database == "" {
		cfg.Database = "driftd"
	}
	if cfg.Retention == 0 {
		cfg.Retention = DefaultRetention
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 30 * time.Second
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	return &Writer{cfg: cfg, log: retry.NewLog(cfg.Log, time.Now)}
}

// identifier is what may stand in SQL without quotes.
var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

func (c Config) validate() error {
	var errs []error
	if len(c.Addresses) == 0 {
		errs = append(errs, errors.New("no addresses: give host:port of the native protocol (port 9000, or 9440 with TLS)"))
	}
	if !identifier.MatchString(c.Database) {
		errs = append(errs, fmt.Errorf("database %q: use letters, digits and _", c.Database))
	}
	if c.Cluster != "" && !identifier.MatchString(c.Cluster) {
		errs = append(errs, fmt.Errorf("cluster %q: use letters, digits and _", c.Cluster))
	}
	if c.Retention < 24*time.Hour || c.Retention > maxRetention {
		errs = append(errs, fmt.Errorf("retention %s: use 1 to %d days", c.Retention, days(maxRetention)))
	}
	return errors.Join(errs...)
}

// Open connects and brings the tables to this version's schema. It tries until that succeeds or ctx ends; an error that
// no retry can mend (a bad Config, a migration that was edited) is returned at once.
func (w *Writer) Open(ctx context.Context) error {
	if err := w.cfg.validate(); err != nil {
		return fmt.Errorf("open ClickHouse: %w", err)
	}
	conn, err := w.connect()
	if err != nil {
		return fmt.Errorf("open ClickHouse: %w", err)
	}
	w.conn = conn
	if err := w.retry(ctx, "open", func(ctx context.Context) error { return migrate(ctx, w.conn, w.cfg) }); err != nil {
		return fmt.Errorf("open ClickHouse at %v: %w", w.cfg.Addresses, err)
	}
	return nil
}

// connect makes a pool, which connects when it is used.
func (w *Writer) connect() (driver.Conn, error) {
	return clickhouse.Open(&clickhouse.Options{
		Addr: w.cfg.Addresses,
		// No database: it may have to be made first. Every table is named with its own.
		Auth:        clickhouse.Auth{Username: w.cfg.Username, Password: w.cfg.Password},
		DialContext: dialer(w.cfg.TLS, min(w.cfg.Timeout, 10*time.Second)),
		ReadTimeout: w.cfg.Timeout,
		Compression: &clickhouse.Compression{Method: clickhouse.CompressionLZ4},
		ClientInfo:  clientInfo(),
		Settings: clickhouse.Settings{
			// An insert that is only queued could be lost after Write has returned.
			"async_insert": 0,
		},
	})
}

// Close closes the connections. It may be called when Open has failed or was not called.
func (w *Writer) Close() error {
	if w.conn == nil {
		return nil
	}
	if err := w.conn.Close(); err != nil {
		return fmt.Errorf("close ClickHouse: %w", err)
	}
	return nil
}

func clientInfo() (info clickhouse.ClientInfo) {
	info.Products = append(info.Products, struct{ Name, Version string }{"driftd", ""})
	return info
}

func days(d time.Duration) int { return int(math.Ceil(d.Hours() / 24)) }
