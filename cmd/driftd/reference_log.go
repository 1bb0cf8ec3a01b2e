package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/internal/config"
	"github.com/driftd/driftd/internal/pipeline"
)

type logCmd struct {
	Config  string `short:"c" default:"driftd.yml" placeholder:"driftd.yml" help:"Config with the brokers."`
	Model   string `placeholder:"NAME" help:"Only this model (default: all)."`
	Segment string `default:"all" placeholder:"NAME" help:"Segment, as in country=DE."`
	JSON    bool   `name:"json" help:"For programs."`
}

// Help is shown by --help.
func (logCmd) Help() string {
	return "Example:\n  driftd reference log --model fraud -c driftd.yml\n\nNewest last. FROM is the event time from which windows are judged by it."
}

// entry is one line of the log.
type entry struct {
	Model     string     `json:"model"`
	Segment   string     `json:"segment"`
	Reference string     `json:"reference"` // fingerprint; "": one is being learned
	Layout    string     `json:"layout"`
	From      *time.Time `json:"effective_from"` // nil: the beginning
	Kind      string     `json:"kind"`
	By        string     `json:"by"`
	At        *time.Time `json:"at"`
	Reason    string     `json:"reason"`
	Columns   []string   `json:"columns"` // accepted ones; empty: all
	Windows   int        `json:"windows"` // base windows that it is of
	Events    uint64     `json:"events"`
}

// Run implements the command.
func (c *logCmd) Run(ctx context.Context) error {
	return withLibrary(ctx, c.Config, func(_ context.Context, _ *config.Config, lib *pipeline.Library) error {
		models := lib.Models()
		if c.Model != "" {
			models = []string{c.Model}
		}
		out := []entry{}
		for _, m := range models {
			if _, err := lib.Series(m); err != nil {
				return err
			}
			for _, u := range lib.Uses(driftd.Series{Model: m, Segment: c.Segment}) {
				out = append(out, entryOf(m, c.Segment, u))
			}
		}
		if c.JSON {
			enc := json.NewEncoder(os.Stdout)
			enc.SetIndent("", "  ")
			return enc.Encode(out)
		}
		if len(out) == 0 {
			fmt.Printf("No model has a reference of segment %s.\n", c.Segment)
			return nil
		}
		w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "MODEL\tREFERENCE\tFROM\tKIND\tWINDOWS\tBY\tASKED\tWHY")
		for _, e := range out {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%s\t%s\t%s\n", e.Model, cmp.Or(shortName(e.Reference), "(learning)"), orText(e.From, "the beginning"), e.kind(), e.Windows, cmp.Or(e.By, "-"), orText(e.At, "-"), cmp.Or(e.Reason, "-"))
		}
		return w.Flush()
	})
}

func (e *entry) kind() string {
	if len(e.Columns) > 0 {
		return e.Kind + " (" + strings.Join(e.Columns, ", ") + ")"
	}
	return e.Kind
}

func entryOf(model, segment string, u pipeline.Named) entry {
	e := entry{Model: model, Segment: segment, Reference: u.Fingerprint, Kind: u.Origin.Kind, By: u.Origin.By, Reason: u.Origin.Reason, Columns: u.Origin.Columns}
	if e.Columns == nil {
		e.Columns = []string{}
	}
	if u.Layout != nil {
		e.Layout = u.Layout.Fingerprint
	}
	if u.From != driftd.MinTime {
		t := time.Unix(0, u.From).UTC()
		e.From = &t
	}
	if u.Origin.At != 0 {
		t := time.Unix(0, u.Origin.At).UTC()
		e.At = &t
	}
	if r := u.Reference; r != nil {
		e.Events = r.Events
		if !r.Flat() {
			e.Windows = r.Scales[0].Windows
		}
	}
	return e
}

func shortName(fingerprint string) string { return fingerprint[:min(12, len(fingerprint))] }

func orText(t *time.Time, none string) string {
	if t == nil {
		return none
	}
	return t.Format("2006-01-02 15:04")
}
