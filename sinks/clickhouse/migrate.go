package clickhouse

import (
	"context"
	"crypto/sha256"
	"embed"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/driftd/driftd/sinks/internal/retry"
)

//go:embed schema/*.sql
var schema embed.FS

const migrationsTable = "driftd_migrations"

// migration is one file of schema/. Its statements may be applied again after a crash half-way, or by two processes at
// once: each says IF NOT EXISTS or the like (a test holds that). A released file is never edited; a change is a new one.
type migration struct {
	version    uint32
	name       string
	checksum   string // of the file as it is, before the settings are put in
	statements []string
}

// migrations reads the files in the order of their versions, which are 1, 2, 3, ...
func migrations(files fs.FS) ([]migration, error) {
	names, err := fs.Glob(files, "schema/*.sql") // sorted
	if err != nil {
		return nil, err
	}
	var all []migration
	for i, name := range names {
		base := path.Base(name)
		number, _, _ := strings.Cut(base, "_")
		version, err := strconv.ParseUint(number, 10, 32)
		if err != nil || version != uint64(i+1) {
			return nil, fmt.Errorf("migration %s: its number has to be %04d", base, i+1)
		}
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		all = append(all, migration{
			version:    uint32(version),
			name:       strings.TrimSuffix(base, ".sql"),
			checksum:   fmt.Sprintf("%x", sha256.Sum256(text)),
			statements: split(string(text)),
		})
	}
	return all, nil
}

// split cuts a file into statements: one ends with a line that ends in a semicolon. Lines that are a comment are left
// out.
func split(text string) []string {
	var all []string
	var one []string
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, " \t\r\n")
		if trimmed := strings.TrimSpace(line); trimmed == "" || strings.HasPrefix(trimmed, "--") {
			continue
		}
		end := strings.HasSuffix(line, ";")
		one = append(one, strings.TrimSuffix(line, ";"))
		if end {
			all = append(all, strings.Join(one, "\n"))
			one = nil
		}
	}
	if one != nil {
		all = append(all, strings.Join(one, "\n"))
	}
	return all
}

// fill puts the settings into a statement.
func (c Config) fill(statement string) string {
	engine, onCluster := "ReplacingMergeTree(revision)", ""
	if c.Cluster != "" {
		// Without arguments the path in Keeper is the server's default, which has the table's UUID.
		engine, onCluster = "ReplicatedReplacingMergeTree(revision)", "ON CLUSTER "+c.Cluster
	}
	return strings.NewReplacer(
		"${database}", c.Database,
		"${engine}", engine,
		"${on_cluster}", onCluster,
		"${retention_days}", strconv.Itoa(days(c.Retention)),
	).Replace(statement)
}

const createDatabase = `CREATE DATABASE IF NOT EXISTS ${database} ${on_cluster}`

const createMigrations = `CREATE TABLE IF NOT EXISTS ${database}.` + migrationsTable + ` ${on_cluster}
(
    version    UInt32,
    name       String,
    checksum   String,
    revision   UInt64, -- seconds since 1970 when it was applied; two processes may both have done it
    applied_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ${engine}
ORDER BY version`

// migrate brings the tables to this version's schema. Where nothing is missing it runs no DDL, so that a user with no
// more rights than SELECT and INSERT can run driftd once an administrator has made the tables.
func migrate(ctx context.Context, conn driver.Conn, cfg Config) error {
	all, err := migrations(schema)
	if err != nil {
		return retry.Permanent(err)
	}
	exec := func(what, statement string) error {
		if err := conn.Exec(ctx, cfg.fill(statement)); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		return nil
	}
	there, err := exists(ctx, conn, "SELECT count() FROM system.databases WHERE name = ?", cfg.Database)
	if err != nil {
		return err
	}
	if !there {
		if err := exec("create the database "+cfg.Database, createDatabase); err != nil {
			return err
		}
	}
	there, err = exists(ctx, conn, "SELECT count() FROM system.tables WHERE database = ? AND name = ?", cfg.Database, migrationsTable)
	if err != nil {
		return err
	}
	if !there {
		if err := exec("create the table of migrations", createMigrations); err != nil {
			return err
		}
	}
	applied, err := appliedMigrations(ctx, conn, cfg)
	if err != nil {
		return err
	}
	for _, m := range all {
		if checksum, ok := applied[m.version]; ok {
			if checksum != m.checksum {
				return retry.Permanent(edited(m, cfg, checksum))
			}
			continue
		}
		for _, s := range m.statements {
			if err := exec("apply migration "+m.name, s); err != nil {
				return err
			}
		}
		err := conn.Exec(ctx, cfg.fill("INSERT INTO ${database}."+migrationsTable+" (version, name, checksum, revision) SELECT ?, ?, ?, toUnixTimestamp(now())"),
			m.version, m.name, m.checksum)
		if err != nil {
			return fmt.Errorf("record migration %s: %w", m.name, err)
		}
		cfg.Log.Info("ClickHouse migration applied", "migration", m.name, "database", cfg.Database)
	}
	return retain(ctx, conn, cfg)
}

// edited is the error of a migration that was applied in another form.
func edited(m migration, cfg Config, checksum string) error {
	return fmt.Errorf("migration %s in database %s was applied with checksum %.12s and this driftd has %.12s: "+
		"its file was edited after a release: use a driftd that has the file as it was, or another database", m.name, cfg.Database, checksum, m.checksum)
}

func exists(ctx context.Context, conn driver.Conn, query string, args ...any) (bool, error) {
	var n uint64
	if err := conn.QueryRow(ctx, query, args...).Scan(&n); err != nil {
		return false, fmt.Errorf("look for the tables: %w", err)
	}
	return n > 0, nil
}

// appliedMigrations returns the checksums of the applied migrations by version. Versions that this driftd does not know
// come from a newer one; they only add, so an older driftd goes on.
func appliedMigrations(ctx context.Context, conn driver.Conn, cfg Config) (map[uint32]string, error) {
	rows, err := conn.Query(ctx, cfg.fill("SELECT version, checksum FROM ${database}."+migrationsTable+" FINAL"))
	if err != nil {
		return nil, fmt.Errorf("read the applied migrations: %w", err)
	}
	defer rows.Close() //nolint:errcheck // Err below tells what matters
	applied := map[uint32]string{}
	for rows.Next() {
		var version uint32
		var checksum string
		if err := rows.Scan(&version, &checksum); err != nil {
			return nil, fmt.Errorf("read the applied migrations: %w", err)
		}
		applied[version] = checksum
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read the applied migrations: %w", err)
	}
	return applied, nil
}

// retain applies a changed retention to the tables.
func retain(ctx context.Context, conn driver.Conn, cfg Config) error {
	for _, t := range tables {
		var engine string
		err := conn.QueryRow(ctx, "SELECT engine_full FROM system.tables WHERE database = ? AND name = ?", cfg.Database, t.name).Scan(&engine)
		if err != nil {
			return fmt.Errorf("read the retention of %s: %w", t.name, err)
		}
		ttl := cfg.fill("toDateTime(" + t.partitioned + ") + toIntervalDay(${retention_days})")
		if strings.Contains(engine, "TTL "+ttl) {
			continue
		}
		if err := conn.Exec(ctx, cfg.fill("ALTER TABLE ${database}."+t.name+" ${on_cluster} MODIFY TTL "+ttl)); err != nil {
			return fmt.Errorf("change the retention of %s to %d days: %w", t.name, days(cfg.Retention), err)
		}
		cfg.Log.Info("ClickHouse retention changed", "table", t.name, "days", days(cfg.Retention))
	}
	return nil
}
