package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/alerts"
	"github.com/driftd/driftd/internal/config"
	"github.com/driftd/driftd/internal/explain"
	"github.com/driftd/driftd/internal/pipeline"
	"github.com/driftd/driftd/internal/wire"
	"github.com/driftd/driftd/sinks/clickhouse"
)

type explainCmd struct {
	Incident string `arg:"" placeholder:"ID" help:"The incident's id, or how it begins; an alert has it in its annotation incident."`
	Results  string `placeholder:"FILE" help:"File of results (of replay, or of sinks.file) instead of ClickHouse or Kafka."`
	Ref      string `name:"reference" placeholder:"FILE" help:"Reference that judged, to name what moved; else it is looked for in Kafka."`
	Config   string `short:"c" default:"driftd.yml" placeholder:"driftd.yml" help:"Config with ClickHouse and the brokers."`
	Kafka    bool   `help:"Read the topic of results, also where the config has ClickHouse."`
	JSON     bool   `name:"json" help:"For programs."`
}

// Help is shown by --help.
func (explainCmd) Help() string {
	return `Example:
  driftd explain 3f2a -c driftd.yml
  driftd explain 3f2a --results results.jsonl --reference fraud.ref

Each number of the decision with its formula, which bins moved, and when other
budgets would have paged. It reads ClickHouse where the config has it, else the
topic of results.`
}

// resultsOf is where results are read from.
type resultsOf interface {
	Incidents(ctx context.Context, id string) ([]driftd.IncidentResult, error)
	Columns(ctx context.Context, s driftd.Series, columns []string, from, to time.Time) ([]driftd.ColumnResult, error)
}

// Run implements the command.
func (c *explainCmd) Run(ctx context.Context) error {
	if c.Results != "" {
		from, err := readResults(c.Results)
		if err != nil {
			return err
		}
		return c.show(c.explain(ctx, from, nil))
	}
	return withLibrary(ctx, c.Config, func(ctx context.Context, cfg *config.Config, lib *pipeline.Library) error {
		if cfg.Sinks.ClickHouse == nil || c.Kafka {
			return c.show(c.explain(ctx, lib, lib))
		}
		cc, err := clickhouseConfig(cfg.Sinks.ClickHouse)
		if err != nil {
			return err
		}
		r, err := clickhouse.NewReader(ctx, *cc)
		if err != nil {
			return err
		}
		defer func() { _ = r.Close() }() // was only read
		return c.show(c.explain(ctx, r, lib))
	})
}

// explain reads what there is of the incident. lib is nil without Kafka.
func (c *explainCmd) explain(ctx context.Context, from resultsOf, lib *pipeline.Library) (*explain.Explanation, error) {
	in := &explain.Input{}
	var err error
	if in.Changes, err = from.Incidents(ctx, c.Incident); err != nil {
		return nil, err
	}
	if err := c.one(in.Changes); err != nil {
		return nil, err
	}
	last := in.Changes[len(in.Changes)-1]
	var columns []string
	for _, x := range last.Columns {
		columns = append(columns, x.Column)
	}
	if len(columns) > 0 {
		if in.Columns, err = from.Columns(ctx, driftd.Series{Model: last.Model, Segment: last.Segment}, columns, last.DriftSince.Add(-explain.Around), last.ChangedAt); err != nil {
			return nil, err
		}
	}
	if err := c.reference(in, &last, lib); err != nil {
		return nil, err
	}
	if lib != nil && last.Type == alerts.TypeDrift {
		if in.Causes, err = lib.Causes(ctx, last); err != nil {
			return nil, err
		}
	}
	return explain.Explain(in), nil
}

func (c *explainCmd) show(e *explain.Explanation, err error) error {
	if err != nil {
		return err
	}
	if c.JSON {
		enc := json.NewEncoder(os.Stdout)
		enc.SetIndent("", "  ")
		return enc.Encode(e)
	}
	return e.Print(os.Stdout)
}

// one says that the id is of no incident, or of several.
func (c *explainCmd) one(changes []driftd.IncidentResult) error {
	var ids []string
	for _, x := range changes {
		if !slices.Contains(ids, x.ID) {
			ids = append(ids, x.ID)
		}
	}
	switch {
	case len(ids) == 0:
		return fmt.Errorf("no incident's id begins with %q: the alert's annotation `incident` has it, and so has the column id of driftd_incidents", c.Incident)
	case len(ids) > 1:
		return fmt.Errorf("%d incidents have ids that begin with %q (%s): give more of it", len(ids), c.Incident, strings.Join(ids[:min(5, len(ids))], ", "))
	}
	return nil
}

// reference finds the reference that judged; without one bins have no names.
func (c *explainCmd) reference(in *explain.Input, last *driftd.IncidentResult, lib *pipeline.Library) error {
	switch {
	case c.Ref != "":
		b, err := wire.ReadFile(c.Ref)
		if err != nil {
			return err
		}
		in.Layout, in.Reference = b.Layout, b.Of(last.Segment)
		if in.Reference != nil && in.Reference.Fingerprint != last.Reference {
			return fmt.Errorf("%s is not the reference that judged: its fingerprint of segment %s is %.12s, the incident's %.12s", c.Ref, last.Segment, in.Reference.Fingerprint, last.Reference)
		}
	case lib != nil && last.Reference != "":
		if ref, l, err := lib.Find(last.Reference); err == nil { // it may be gone: the rest is shown without
			in.Layout, in.Reference = l, ref
		}
	}
	return nil
}

// fileResults are results in memory.
type fileResults struct {
	incidents []driftd.IncidentResult
	columns   []driftd.ColumnResult
}

func readResults(path string) (_ *fileResults, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read results: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	out := &fileResults{}
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 64<<20)
	for n := 1; lines.Scan(); n++ {
		if len(strings.TrimSpace(lines.Text())) == 0 {
			continue
		}
		var r driftd.Result
		if err := r.UnmarshalJSON(lines.Bytes()); err != nil {
			return nil, fmt.Errorf("read results: %s line %d is no result of driftd: %w", path, n, err)
		}
		switch {
		case r.Incident != nil:
			out.incidents = append(out.incidents, *r.Incident)
		case r.Column != nil:
			out.columns = append(out.columns, *r.Column)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read results: %s: %w", path, err)
	}
	return out, nil
}

// Incidents implements resultsOf.
func (f *fileResults) Incidents(_ context.Context, id string) ([]driftd.IncidentResult, error) {
	return slices.DeleteFunc(slices.Clone(f.incidents), func(i driftd.IncidentResult) bool { return !strings.HasPrefix(i.ID, id) }), nil
}

// Columns implements resultsOf.
func (f *fileResults) Columns(_ context.Context, s driftd.Series, columns []string, from, to time.Time) ([]driftd.ColumnResult, error) {
	return slices.DeleteFunc(slices.Clone(f.columns), func(c driftd.ColumnResult) bool {
		return c.Model != s.Model || c.Segment != s.Segment || !slices.Contains(columns, c.Column) || c.WindowStart.Before(from) || c.WindowStart.After(to)
	}), nil
}
