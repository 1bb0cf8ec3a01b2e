package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/internal/config"
	"github.com/driftd/driftd/internal/detect"
	"github.com/driftd/driftd/internal/pipeline"
	"github.com/driftd/driftd/internal/replay"
	"github.com/driftd/driftd/internal/rows"
)

type replayCmd struct {
	Ref    string `name:"reference" required:"" placeholder:"REF" help:"Reference file, or a file of rows to make one from (with the same flags)."`
	Input  string `required:"" placeholder:"CUR" help:"File of rows to judge: CSV, JSON lines or Parquet, plain or gzip."`
	Output string `required:"" placeholder:"OUT.jsonl" help:"Where results go, a JSON object a line (- is stdout)."`
	Config string `short:"c" placeholder:"driftd.yml" help:"Config: windows, budget, columns, labels."`
	inputFlags
}

// Help is shown by --help.
func (replayCmd) Help() string {
	return `Example:
  driftd replay --reference train.csv --input week.csv --window-rows 1000 --score y_pred_proba --output results.jsonl

A model's traffic is judged by the code that judges it live. The table on stdout
is for people, the output file for programs. Exit code 0 when it ran, whatever it
found.`
}

// Run implements the command.
func (c *replayCmd) Run() error {
	p := newProgress()
	opt, err := c.options()
	if err != nil {
		return err
	}
	if err := writable(c.Output); err != nil {
		return fmt.Errorf("write results: %w", err)
	}
	cfg, err := c.config()
	if err != nil {
		return err
	}
	bundle, err := loadReference(c.Ref, c.Input, &c.inputFlags, p)
	if err != nil {
		return err
	}
	opt.Model, opt.Layout = c.Model, bundle.Layout
	file, err := rows.Open(c.Input, opt)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // was only read
	if c.Time == "" && c.WindowRows == 0 && !file.Native() {
		return errors.New("the input's rows have no time: name their column with --time, or set --window-rows")
	}
	lengths := c.lengths()
	if c.Config != "" && c.WindowRows == 0 {
		lengths = cfg.ModelOf(c.Model).WindowLengths()
	}
	results, sum, err := replay.Run(replay.RowSource{File: file}, replay.Options{
		Bundle: bundle, Lengths: lengths, Location: cfg.ModelOf(c.Model).Location(), RowClock: c.WindowRows > 0, WindowRows: c.WindowRows, Start: opt.Start, Topic: filepath.Base(c.Input),
		Rules: func(s driftd.Series) detect.Rules {
			r := pipeline.RulesOf(cfg, s, version)
			r.PageMaxAge = 0 // a replay looks at the past: nothing is too old to be told
			return r
		},
		Progress: func(n int64) { p.say("replay %s: %s rows", filepath.Base(c.Input), thousands(n)) },
	})
	if err != nil {
		return err
	}
	for _, reason := range slices.Sorted(maps.Keys(sum.Rejected)) {
		p.done("%s rows could not be used: %s", thousands(sum.Rejected[reason]), reason)
	}
	if sum.Example != nil {
		p.done("the first of them: %v", sum.Example)
	}
	if sum.Events == 0 {
		return fmt.Errorf("replay %s: no row could be used as an event of model %q; is it the right file, and --model the right name?", c.Input, c.Model)
	}
	if err := writeResults(c.Output, results); err != nil {
		return err
	}
	if c.Output == "-" {
		return nil
	}
	return printReplay(os.Stdout, results, sum)
}

func (c *replayCmd) config() (*config.Config, error) {
	if c.Config == "" {
		return config.Default(), nil
	}
	return config.Load(c.Config)
}

func writeResults(path string, results []driftd.Result) error {
	f, err := create(path)
	if err != nil {
		return fmt.Errorf("write results: %w", err)
	}
	w := bufio.NewWriterSize(f, 1<<16)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for _, r := range results {
		if err := enc.Encode(r); err != nil {
			return fmt.Errorf("write results to %s: %w", path, err)
		}
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("write results to %s: %w", path, err)
	}
	if f == os.Stdout {
		return nil
	}
	return f.Close()
}

type replayRow struct {
	windows, evaluated, flags, silent int
	first                             string
	largest                           float64
	moved                             string
}

// printReplay writes what people want to know: each column, then the incidents.
func printReplay(out io.Writer, results []driftd.Result, sum *replay.Summary) error {
	type key struct{ segment, column string }
	rowsOf := map[key]*replayRow{}
	var order []key
	for _, r := range results {
		c := r.Column
		if c == nil {
			continue
		}
		k := key{c.Segment, c.Column}
		row := rowsOf[k]
		if row == nil {
			row = &replayRow{}
			rowsOf[k] = row
			order = append(order, k)
		}
		row.windows++
		if c.Evaluated {
			row.evaluated++
		}
		if c.Verdict != driftd.OK && c.Verdict != driftd.Drift {
			row.silent++
		}
		if c.Flag {
			row.flags++
			if row.first == "" {
				row.first = c.WindowStart.Format("2006-01-02 15:04")
				if c.WindowIndex != nil {
					row.first = fmt.Sprintf("%d (%s)", *c.WindowIndex, row.first)
				}
			}
			if e := float64(c.Effect); e > row.largest {
				row.largest, row.moved = e, c.Moved
			}
		}
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	say := func(format string, args ...any) { _, _ = fmt.Fprintf(w, format, args...) } // Flush gives the error
	say("segment\tcolumn\twindows\tevaluated\tnot ok or drift\tflags\tfirst flag\tlargest effect\twhat moved\n")
	for _, k := range order {
		r := rowsOf[k]
		effect := ""
		if r.flags > 0 {
			effect = fmt.Sprintf("%.2f", r.largest)
		}
		say("%s\t%s\t%d\t%d\t%d\t%d\t%s\t%s\t%s\n", k.segment, k.column, r.windows, r.evaluated, r.silent, r.flags, r.first, effect, r.moved)
	}
	say("\n%s events", thousands(sum.Events))
	opened := 0
	for _, r := range results {
		if r.Incident != nil && r.Incident.State == driftd.StateOpen {
			opened++
		}
	}
	if opened == 0 {
		say("; no incident\n")
	} else {
		say("\n")
	}
	for _, r := range results {
		if i := r.Incident; i != nil {
			say("\n%s  %s  %s\n", i.ChangedAt.Format(time.RFC3339), i.State, i.Summary)
		}
	}
	return w.Flush()
}
