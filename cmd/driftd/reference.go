package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/user"
	"strings"
	"time"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/detectors"
	"github.com/driftd/driftd/internal/config"
	"github.com/driftd/driftd/internal/detect"
	"github.com/driftd/driftd/internal/kafka"
	"github.com/driftd/driftd/internal/picture"
	"github.com/driftd/driftd/internal/pipeline"
	"github.com/driftd/driftd/internal/wire"
)

type referenceCmd struct {
	Build buildCmd `cmd:"" help:"Make a reference from a file of rows."`
	Show  showCmd  `cmd:"" help:"Show what a reference holds."`
	Push  pushCmd  `cmd:"" help:"Put a reference into Kafka and use it."`

	Accept acceptCmd `cmd:"" help:"Make what has come since a time the new normal."`
	Log    logCmd    `cmd:"" help:"Which references a model has had: from when, by whom, why."`
	Diff   diffCmd   `cmd:"" help:"Compare two references, column by column."`
	Use    useCmd    `cmd:"" help:"Go back to an earlier reference."`
}

type buildCmd struct {
	Input    string `arg:"" help:"CSV, JSON lines or Parquet, plain or gzip."`
	Output   string `short:"o" required:"" placeholder:"FILE.ref" help:"Where the reference goes."`
	Baseline string `enum:"auto,fixed" default:"auto" help:"auto: from 7 days of hours on, each hour is compared with its own usual; fixed: all with one."`
	Pairs    bool   `help:"Watch how numeric features go together, too."`
	inputFlags
}

// Help is shown by --help.
func (buildCmd) Help() string {
	return `Examples:
  driftd reference build train.parquet -o fraud.ref --model fraud --time ts --segment country
  driftd reference build train.csv -o fraud.ref --model fraud --window-rows 1000 --score p

With --time or --window-rows the rows are cut into windows like live traffic, so
that the reference knows how windows vary. Without either, it is one flat sample:
results then assume independent events and never page. Crossed segments are
written a+b.`
}

// Run implements the command.
func (c *buildCmd) Run() error {
	if err := writable(c.Output); err != nil {
		return fmt.Errorf("write the reference: %w", err)
	}
	p := newProgress()
	c.baseline, c.pairs = c.Baseline, c.Pairs
	b, report, err := buildReference(c.Input, &c.inputFlags, nil, p)
	if err != nil {
		return err
	}
	raw, err := b.File()
	if err != nil {
		return err
	}
	if err := os.WriteFile(c.Output, raw, 0o644); err != nil {
		return fmt.Errorf("write the reference: %w", err)
	}
	for _, n := range report.Notes {
		fmt.Println(n)
	}
	fmt.Printf("%s: model %s, %d columns, %d series, %s, %s bytes\n", c.Output, b.Layout.Model, len(b.Layout.Columns), len(b.References), report.Describe(c.lengths()), thousands(len(raw)))
	if b.References[0].Flat() {
		fmt.Println("It is a flat sample without windows: results will assume independent events and never page. Give --time or --window-rows to learn how windows vary.")
	} else if n := report.Windows[0]; n < 30 {
		fmt.Printf("It has %d windows: below 30 the verdict is `learning`; from 100 on it is full.\n", n)
	}
	if report.Examined != nil {
		report.Examined.Describe(os.Stdout)
	}
	if few := learning(b); len(few) > 0 {
		fmt.Printf("Fewer than 30 windows have at least 50 events of %s: that is `learning`, it can never flag. Use longer windows (more rows an hour) or more data.\n", strings.Join(few, ", "))
	}
	return nil
}

// learning are the columns that the reference cannot judge in its base windows.
func learning(b *wire.Bundle) (names []string) {
	all := b.References[0]
	if all.Flat() || all.Scales[0].Windows < detectors.MinWindows {
		return nil
	}
	for i := range b.Layout.Columns {
		most := 0
		for _, f := range all.Scales[0].Columns[i].Fits {
			most = max(most, f.R)
		}
		if most < detectors.MinWindows {
			names = append(names, b.Layout.Columns[i].Name)
		}
	}
	return names
}

type showCmd struct {
	File string `arg:"" help:"Reference file."`
	JSON bool   `name:"json" help:"For programs."`
}

// Help is shown by --help.
func (showCmd) Help() string { return "Example:\n  driftd reference show fraud.ref" }

// Run implements the command.
func (c *showCmd) Run() error {
	b, err := wire.ReadFile(c.File)
	if err != nil {
		return err
	}
	if c.JSON {
		enc := json.NewEncoder(os.Stdout)
		enc.SetIndent("", "  ")
		return enc.Encode(describe(b))
	}
	show(b)
	return nil
}

// shown is the JSON form of a reference.
type shown struct {
	Model    string            `json:"model"`
	Layout   string            `json:"layout"`
	Excluded map[string]string `json:"excluded"`
	Series   []shownSeries     `json:"series"`
}

type shownSeries struct {
	Segment     string        `json:"segment"`
	Fingerprint string        `json:"fingerprint"`
	Events      uint64        `json:"events"`
	From        time.Time     `json:"from"`
	To          time.Time     `json:"to"`
	Windows     []shownScale  `json:"windows"`
	Columns     []shownColumn `json:"columns"`
}

type shownScale struct {
	Length  string  `json:"length"`
	Windows int     `json:"windows"`
	MedianN float64 `json:"median_n"`
}

type shownColumn struct {
	Name       string    `json:"name"`
	Kind       string    `json:"kind"`
	Edges      []float64 `json:"edges,omitempty"`
	Values     []float64 `json:"values,omitempty"`
	Categories []string  `json:"categories,omitempty"`
	Counts     []uint64  `json:"counts"`
	Nulls      uint64    `json:"nulls"`

	Pairs []shownPair `json:"pairs,omitempty"`
}

func describe(b *wire.Bundle) shown {
	out := shown{Model: b.Layout.Model, Layout: b.Layout.Fingerprint, Excluded: map[string]string{}}
	for _, x := range b.Layout.Excluded {
		out.Excluded[x.Name] = x.Reason
	}
	for _, r := range b.References {
		s := shownSeries{Segment: r.Segment, Fingerprint: r.Fingerprint, Events: r.Events, From: time.Unix(0, r.From).UTC(), To: time.Unix(0, r.To).UTC(), Windows: []shownScale{}}
		for _, sc := range r.Scales {
			s.Windows = append(s.Windows, shownScale{driftd.FormatLength(sc.Length), sc.Windows, sc.MedianN})
		}
		for i := range b.Layout.Columns {
			l, c := &b.Layout.Columns[i], &r.Columns[i]
			col := shownColumn{Name: l.Name, Kind: l.Kind.String(), Edges: l.Upper, Values: l.Values, Categories: l.Categories, Counts: c.Profile.Counts, Nulls: c.Missing + c.Profile.Classes[driftd.Null]}
			for _, bin := range c.Profile.Bins {
				col.Counts = append(col.Counts, bin.Count)
			}
			if l.Kind == driftd.Pairs {
				col.Counts, col.Pairs = []uint64{}, pairsOf(l, c.Profile.Pairs)
			}
			s.Columns = append(s.Columns, col)
		}
		out.Series = append(out.Series, s)
	}
	return out
}

func show(b *wire.Bundle) {
	fmt.Printf("Reference of model %s (layout %.12s)\n", b.Layout.Model, b.Layout.Fingerprint)
	for _, r := range b.References {
		fmt.Printf("  %-20s %12s events  fingerprint %.12s", r.Segment, thousands(r.Events), r.Fingerprint)
		for _, sc := range r.Scales {
			fmt.Printf("  %d windows of %s (median %.0f events)", sc.Windows, driftd.FormatLength(sc.Length), sc.MedianN)
		}
		if r.Timezone != "" {
			fmt.Printf("  seasonal: hours of %s, weekdays and weekends", r.Timezone)
		}
		if r.Flat() {
			fmt.Print("  one flat sample: budget not guaranteed")
		}
		fmt.Println()
	}
	for _, x := range b.Layout.Excluded {
		fmt.Printf("  left out: %s: it %s\n", x.Name, x.Reason)
	}
	all := b.References[0]
	for i := range b.Layout.Columns {
		l, c := &b.Layout.Columns[i], &all.Columns[i]
		if l.Kind == driftd.Pairs {
			fmt.Printf("\n%s  how numeric features go together, over %s events\n", l.Name, thousands(c.Profile.Pairs.N))
			printPairs(pairsOf(l, c.Profile.Pairs))
			continue
		}
		present := c.Profile.Present() + c.Missing
		nulls := c.Missing + c.Profile.Classes[driftd.Null]
		fmt.Printf("\n%s  %s, %.2f %% null\n", l.Name, l.Kind, 100*float64(nulls)/float64(max(1, present)))
		fmt.Print(picture.Column(l, &c.Profile, nil))
	}
}

type pushCmd struct {
	File   string `arg:"" help:"Reference file."`
	Config string `short:"c" required:"" placeholder:"driftd.yml" help:"Config with the brokers."`
	Reason string `placeholder:"WHY" help:"For the log of references."`
}

// Help is shown by --help.
func (pushCmd) Help() string {
	return "Example:\n  driftd reference push fraud.ref -c driftd.yml\n\nA running driftd takes it up by itself: at once for a model that had none, else at the next window."
}

// Run implements the command.
func (c *pushCmd) Run(ctx context.Context) error {
	b, err := wire.ReadFile(c.File)
	if err != nil {
		return err
	}
	return withKafka(ctx, c.Config, func(ctx context.Context, cfg *config.Config, client *kafka.Client, set *pipeline.Settings) error {
		if err := client.EnsureTopics(ctx, set.Topics()); err != nil {
			return err
		}
		if err := pipeline.Push(ctx, client, cfg.Kafka.TopicPrefix, b, origin(detect.Pushed, c.Reason)); err != nil {
			return err
		}
		fmt.Printf("pushed reference of model %s for %d series (layout %.12s)\n", b.Layout.Model, len(b.References), b.Layout.Fingerprint)
		return nil
	})
}

// withKafka runs a command that talks with the brokers of a config, for at most
// five minutes.
func withKafka(ctx context.Context, path string, do func(context.Context, *config.Config, *kafka.Client, *pipeline.Settings) error) error {
	cfg, err := config.Load(path)
	if err != nil {
		return err
	}
	client, err := newClient(cfg, retrying())
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, stop := context.WithTimeout(ctx, 5*time.Minute)
	defer stop()
	set := pipeline.SettingsOf(cfg, pipeline.NewLive(cfg, version), version, newLog(false), nil)
	return do(ctx, cfg, client, set)
}

// withLibrary is withKafka for commands that read what references there are.
func withLibrary(ctx context.Context, path string, do func(context.Context, *config.Config, *pipeline.Library) error) error {
	return withKafka(ctx, path, func(ctx context.Context, cfg *config.Config, client *kafka.Client, set *pipeline.Settings) error {
		topics := set.Topics()
		for _, t := range topics { // a command does not make topics: it says that nothing has run yet
			if _, err := client.Partitions(ctx, t.Name); err != nil {
				return fmt.Errorf("topic %s: %w: has `driftd run` been started with this config?", t.Name, err)
			}
		}
		lib, err := pipeline.OpenLibrary(ctx, client, set)
		if err != nil {
			return err
		}
		return do(ctx, cfg, lib)
	})
}

// origin says who asks for a reference, for `driftd reference log`.
func origin(kind, reason string) detect.Origin {
	by := "unknown"
	if u, err := user.Current(); err == nil {
		by = u.Username
	}
	if host, err := os.Hostname(); err == nil {
		by += "@" + host
	}
	return detect.Origin{Kind: kind, By: by, Reason: reason, At: time.Now().UnixNano()}
}
