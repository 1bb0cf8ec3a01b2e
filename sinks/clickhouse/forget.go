package clickhouse

import (
	"context"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// eraseTimeout is how long ClickHouse may take to write the parts anew that have rows of a model.
const eraseTimeout = 30 * time.Minute

// Eraser counts and deletes a model's rows, for `driftd forget`. It makes no tables and no second attempts: people wait
// for it.
type Eraser struct {
	cfg  Config
	conn driver.Conn
}

// NewEraser connects. The error says that the Config is wrong, or that ClickHouse does not answer.
func NewEraser(ctx context.Context, cfg Config) (*Eraser, error) {
	cfg, conn, err := dial(ctx, cfg, eraseTimeout)
	if err != nil {
		return nil, err
	}
	return &Eraser{cfg: cfg, conn: conn}, nil
}

// Close ends the connections.
func (e *Eraser) Close() error { return e.conn.Close() }

// Count gives the rows of a model, or of one segment of it ("": all), by table: as they are stored, so that a row that
// was written twice and is not merged yet counts twice. A table that is missing has none.
func (e *Eraser) Count(ctx context.Context, model, segment string) (map[string]uint64, error) {
	out := map[string]uint64{}
	where, args := e.where(model, segment)
	for _, t := range tables {
		out[t.name] = 0
		there, err := exists(ctx, e.conn, "SELECT count() FROM system.tables WHERE database = ? AND name = ?", e.cfg.Database, t.name)
		if err != nil {
			return nil, explain(err)
		}
		if !there {
			continue
		}
		var n uint64
		if err := e.conn.QueryRow(ctx, "SELECT count() FROM "+e.cfg.Database+"."+t.name+where, args...).Scan(&n); err != nil {
			return nil, fmt.Errorf("count the rows of %s: %w", t.name, explain(err))
		}
		out[t.name] = n
	}
	return out, nil
}

// Delete deletes them and returns when they are gone from every replica's live parts: the parts that have such rows are
// written anew (ALTER TABLE DELETE), not only marked, as by a lightweight DELETE, until a merge comes along. Of a
// replicated table one replica is told, and tells the others: the cluster has one shard. When ctx ends first, ClickHouse
// goes on by itself.
func (e *Eraser) Delete(ctx context.Context, model, segment string) error {
	had, err := e.Count(ctx, model, segment)
	if err != nil {
		return err
	}
	where, args := e.where(model, segment)
	for _, t := range tables {
		if had[t.name] == 0 {
			continue
		}
		if err := e.conn.Exec(ctx, "ALTER TABLE "+e.cfg.Database+"."+t.name+" DELETE"+where+" SETTINGS mutations_sync = 2", args...); err != nil {
			return fmt.Errorf("delete rows of %s: %w", t.name, explain(err))
		}
	}
	return nil
}

// where is the condition; names go as arguments, which the client quotes.
func (e *Eraser) where(model, segment string) (string, []any) {
	if segment == "" {
		return " WHERE model = ?", []any{model}
	}
	return " WHERE model = ? AND segment = ?", []any{model, segment}
}
