package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// Found is what Look found.
type Found struct {
	Version  string // of the server
	Database bool   // it is there, and this user may see it
	// Pending are the names of the migrations that Open would apply.
	Pending []string
	// Edited is the error of a migration that was applied in another form, which Open would never get over.
	Edited error
	// Missing are the privileges that the user lacks for what Open and Write would do, as GRANT takes them:
	// "INSERT ON driftd.driftd_windows".
	Missing []string
	// Unchecked says why the privileges could not be told; nil when they could.
	Unchecked error
}

// Look connects once and says what Open would find and do. It changes nothing and does not retry. An error means that
// the server cannot be used; Mend says what to do about it.
func Look(ctx context.Context, cfg Config) (*Found, error) {
	w := New(cfg)
	if err := w.cfg.validate(); err != nil {
		return nil, fmt.Errorf("open ClickHouse: %w", err)
	}
	conn, err := w.connect()
	if err != nil {
		return nil, fmt.Errorf("open ClickHouse: %w", err)
	}
	defer conn.Close() //nolint:errcheck // nothing was written
	f := &Found{}
	if err := conn.QueryRow(ctx, "SELECT version()").Scan(&f.Version); err != nil {
		return nil, fmt.Errorf("log in to ClickHouse: %w", err)
	}
	if f.Database, err = exists(ctx, conn, "SELECT count() FROM system.databases WHERE name = ?", w.cfg.Database); err != nil {
		return nil, err
	}
	if err := f.migrations(ctx, conn, w.cfg); err != nil {
		return nil, err
	}
	return f, f.rights(ctx, conn, w.cfg)
}

// migrations compares those that were applied with this version's.
func (f *Found) migrations(ctx context.Context, conn driver.Conn, cfg Config) error {
	all, err := migrations(schema)
	if err != nil {
		return err
	}
	there, err := exists(ctx, conn, "SELECT count() FROM system.tables WHERE database = ? AND name = ?", cfg.Database, migrationsTable)
	if err != nil {
		return err
	}
	applied := map[uint32]string{}
	if there {
		if applied, err = appliedMigrations(ctx, conn, cfg); err != nil {
			return err
		}
	}
	for _, m := range all {
		switch checksum, ok := applied[m.version]; {
		case !ok:
			f.Pending = append(f.Pending, m.name)
		case checksum != m.checksum && f.Edited == nil:
			f.Edited = edited(m, cfg, checksum)
		}
	}
	return nil
}

// rights asks for each privilege whether the user has it.
func (f *Found) rights(ctx context.Context, conn driver.Conn, cfg Config) error {
	var want []string
	if len(f.Pending) == 0 {
		want = append(want, "SELECT ON "+cfg.Database+"."+migrationsTable)
		for _, t := range Tables {
			want = append(want, "INSERT ON "+cfg.Database+"."+t)
		}
	} else {
		if !f.Database {
			want = append(want, "CREATE DATABASE ON "+cfg.Database+".*")
		}
		for _, p := range []string{"SELECT", "INSERT", "CREATE TABLE", "ALTER ADD COLUMN"} {
			want = append(want, p+" ON "+cfg.Database+".*")
		}
		want = append(want, "TABLE ENGINE ON "+strings.TrimSuffix(cfg.fill("${engine}"), "(revision)"))
	}
	for _, p := range want {
		var has uint8
		err := conn.QueryRow(ctx, "CHECK GRANT "+p).Scan(&has)
		var ex *clickhouse.Exception
		if errors.As(err, &ex) {
			f.Unchecked = err // CHECK GRANT came with 24.11
			return nil
		}
		if err != nil {
			return fmt.Errorf("ask for the right %s: %w", p, err)
		}
		if has == 0 {
			f.Missing = append(f.Missing, p)
		}
	}
	return nil
}
