package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/internal/config"
	"github.com/driftd/driftd/internal/detect"
	"github.com/driftd/driftd/internal/pipeline"
	"github.com/driftd/driftd/sinks/clickhouse"
)

type forgetCmd struct {
	Model   string `required:"" placeholder:"NAME" help:"Model that is to be forgotten."`
	Segment string `placeholder:"NAME" help:"Only this segment, as in country=DE (default: the whole model)."`
	Config  string `short:"c" default:"driftd.yml" placeholder:"driftd.yml" help:"Config with the brokers and ClickHouse."`
	Yes     bool   `short:"y" help:"Do not ask."`
	JSON    bool   `name:"json" help:"Say what was done as JSON; needs --yes."`
}

// Help is shown by --help.
func (forgetCmd) Help() string {
	return `Example:
  driftd forget --model fraud -c driftd.yml

Takes a model out of driftd: references, state, the windows that it learns from,
its rows in ClickHouse, its metrics and its open incidents. Your own topics are
left alone. It shows what would go and asks first. A model that goes on sending
events begins anew, as one that was never seen.`
}

// Run implements the command.
func (c *forgetCmd) Run(ctx context.Context) error { return c.forget(ctx, os.Stdout) }

// forgetting is what would go, or has gone.
type forgetting struct {
	Model      string            `json:"model"`
	Segment    string            `json:"segment,omitempty"` // none: the whole model
	Forgotten  bool              `json:"forgotten"`
	Segments   []string          `json:"segments"` // of the series
	States     int               `json:"states"`
	Windows    int               `json:"windows"`
	References int               `json:"references"`
	Layouts    int               `json:"layouts"`
	Incidents  int               `json:"open_incidents"`
	ClickHouse map[string]uint64 `json:"clickhouse_rows"` // by table; null: config has no ClickHouse
	Remains    []remaining       `json:"remains"`
}

// remaining is what is left of a model, where, and until when.
type remaining struct {
	Where string `json:"where"`
	Until string `json:"until"`
}

func (c *forgetCmd) forget(ctx context.Context, out io.Writer) error {
	switch {
	case c.Segment == driftd.AllSegment:
		return errors.New("segment `all` is the whole model, and cannot go alone: leave --segment out to forget the model")
	case c.JSON && !c.Yes:
		return errors.New("--json is for programs, which cannot be asked: say --yes too")
	}
	return withLibrary(ctx, c.Config, func(kctx context.Context, cfg *config.Config, lib *pipeline.Library) error {
		click, err := eraser(ctx, cfg)
		if err != nil {
			return err
		}
		if click != nil {
			defer func() { _ = click.Close() }() // what counts has been answered
		}
		h, all, err := lib.Holds(kctx, c.Model, c.Segment)
		if err != nil {
			return err
		}
		f := c.describe(h)
		if click != nil {
			if f.ClickHouse, err = click.Count(ctx, c.Model, c.Segment); err != nil {
				return err
			}
		}
		if h.Empty() && f.rows() == 0 {
			return c.nothing(kctx, out, lib, h, f, all)
		}
		if !c.JSON {
			f.print(out, "What driftd has of")
		}
		if err := confirm(c.Yes, fmt.Sprintf("Forget %s? This cannot be undone.", f.name())); err != nil {
			return err
		}
		if err := lib.Forget(kctx, h, origin(detect.Pushed, "").By); err != nil {
			return fmt.Errorf("%s is forgotten only in part: %w: the same command does the rest", f.name(), err)
		}
		if click != nil { // last: a driftd that runs has stopped writing such rows
			if err := click.Delete(ctx, c.Model, c.Segment); err != nil {
				return fmt.Errorf("%s is forgotten in Kafka and not in ClickHouse: %w: the same command does the rest", f.name(), err)
			}
		}
		f.Forgotten, f.Remains = true, c.remains(ctx, cfg, lib)
		if c.JSON {
			return f.json(out)
		}
		f.done(out)
		return nil
	})
}

// eraser is the ClickHouse of a config; nil when it has none.
func eraser(ctx context.Context, cfg *config.Config) (*clickhouse.Eraser, error) {
	if cfg.Sinks.ClickHouse == nil {
		return nil, nil
	}
	cc, err := clickhouseConfig(cfg.Sinks.ClickHouse)
	if err != nil {
		return nil, err
	}
	e, err := clickhouse.NewEraser(ctx, *cc)
	if err != nil {
		return nil, fmt.Errorf("%w: nothing was changed; without its rows a model is not forgotten", err)
	}
	return e, nil
}

func (c *forgetCmd) describe(h *pipeline.Holding) *forgetting {
	f := &forgetting{Model: c.Model, Segment: c.Segment, Segments: []string{}, States: h.States, Windows: h.Windows,
		References: len(h.References), Layouts: len(h.Layouts), Incidents: h.Open, Remains: []remaining{}}
	for _, s := range h.Series {
		f.Segments = append(f.Segments, s.Segment)
	}
	return f
}

// nothing says why there is nothing to forget: as an error when the name is not known.
func (c *forgetCmd) nothing(ctx context.Context, out io.Writer, lib *pipeline.Library, h *pipeline.Holding, f *forgetting, all []string) error {
	if !h.Before.IsZero() {
		if c.JSON {
			return f.json(out)
		}
		_, err := fmt.Fprintf(out, "There is nothing of %s: it was forgotten at %s, and nothing has come since.\n", f.name(), h.Before.Format("2006-01-02 15:04:05 UTC"))
		return err
	}
	if c.Segment != "" {
		whole, _, err := lib.Holds(ctx, c.Model, "")
		if err != nil {
			return err
		}
		if len(whole.Series) > 0 {
			var names []string
			for _, s := range whole.Series {
				names = append(names, s.Segment)
			}
			return fmt.Errorf("model %q has no segment %q: there are %s", c.Model, c.Segment, some(names))
		}
	}
	if len(all) == 0 {
		return fmt.Errorf("driftd has nothing of a model %q, nor of any other", c.Model)
	}
	return fmt.Errorf("driftd has nothing of a model %q: there are %s", c.Model, some(all))
}

// some are the first names of a list.
func some(names []string) string {
	var quoted []string
	for _, n := range names[:min(20, len(names))] {
		quoted = append(quoted, fmt.Sprintf("%q", n))
	}
	s := strings.Join(quoted, ", ")
	if len(names) > 20 {
		s += fmt.Sprintf(" and %d more", len(names)-20)
	}
	return s
}

// remains says what is left, and for how long.
func (c *forgetCmd) remains(ctx context.Context, cfg *config.Config, lib *pipeline.Library) []remaining {
	var out []remaining
	topics, err := lib.Retention(ctx)
	if err != nil { // it is forgotten all the same
		out = append(out, remaining{"driftd's topics", "their retention has passed, which the brokers do not tell: " + err.Error()})
	}
	for _, t := range topics {
		until := "the brokers' log cleaner has run; nobody reads it again"
		switch {
		case t.Compact && t.Topic == cfg.Kafka.TopicPrefix+".references":
			until += ". A mark of some bytes stays, with the name and up to where old profiles count no more"
		case t.Compact:
		case t.For > 0:
			until = driftd.FormatLength(t.For) + " after it was written (retention.ms of the topic)"
		default:
			until = "for ever: the topic has no retention.ms"
		}
		out = append(out, remaining{t.Topic, until})
	}
	if cfg.Sinks.ClickHouse != nil {
		out = append(out, remaining{"ClickHouse", "its old parts are removed, which is minutes after they were written anew; backups and replicas of your own are yours"})
	}
	if cfg.Sinks.File != "" {
		out = append(out, remaining{cfg.Sinks.File, "you remove its lines: driftd only appends to this file"})
	}
	out = append(out, remaining{"Prometheus", "the end of its own retention: it keeps old samples of metrics that have ended"})
	var sources []string
	for _, s := range cfg.Sources {
		sources = append(sources, s.Topic)
	}
	out = append(out, remaining{"your own topics (" + strings.Join(sources, ", ") + ")", "their own retention: driftd does not touch them"})
	if cfg.Known(c.Model) {
		out = append(out, remaining{"the config, which names the model", "you remove it there: a reference file that it names is pushed again at the next start"})
	}
	return out
}

func (f *forgetting) name() string {
	if f.Segment != "" {
		return fmt.Sprintf("segment %q of model %q", f.Segment, f.Model)
	}
	return fmt.Sprintf("model %q", f.Model)
}

func (f *forgetting) rows() (n uint64) {
	for _, rows := range f.ClickHouse {
		n += rows
	}
	return n
}

func (f *forgetting) print(out io.Writer, title string) {
	fmt.Fprintf(out, "%s %s:\n", title, f.name())
	fmt.Fprintf(out, "  %d series: %s\n", len(f.Segments), some(f.Segments))
	fmt.Fprintf(out, "  %d states, %d open incidents\n", f.States, f.Incidents)
	fmt.Fprintf(out, "  %d closed windows, kept to learn from\n", f.Windows)
	fmt.Fprintf(out, "  %d references, %d layouts\n", f.References, f.Layouts)
	for _, table := range clickhouse.Tables {
		if n, ok := f.ClickHouse[table]; ok {
			fmt.Fprintf(out, "  %s rows of %s in ClickHouse\n", thousands(int64(n)), table)
		}
	}
}

func (f *forgetting) done(out io.Writer) {
	f.print(out, "\nForgotten of")
	fmt.Fprintln(out, "\nProcesses that run have ended its metrics, and tell the Alertmanagers that its incidents are over.\n"+
		"Where none ran, an Alertmanager takes them for over within 5 minutes.\n"+
		"Should events of it come again, it begins anew: it learns its reference from what its topic holds.\n\nWhat remains, and until when:")
	for _, r := range f.Remains {
		fmt.Fprintf(out, "  %s: %s\n", r.Where, r.Until)
	}
}

func (f *forgetting) json(out io.Writer) error {
	enc := json.NewEncoder(out)
	enc.SetIndent("", "  ")
	return enc.Encode(f)
}
