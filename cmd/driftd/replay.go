package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/internal/config"
	"github.com/driftd/driftd/internal/detect"
	"github.com/driftd/driftd/internal/pipeline"
	"github.com/driftd/driftd/internal/replay"
	"github.com/driftd/driftd/internal/rows"
)

type replayCmd struct {
	Ref    string        `name:"reference" required:"" placeholder:"REF" help:"Reference file, or a file of rows to make one from (with the same flags)."`
	Input  string        `required:"" placeholder:"CUR" help:"File of rows to judge: CSV, JSON lines or Parquet, plain or gzip."`
	Output string        `required:"" placeholder:"OUT.jsonl" help:"Where results go, a JSON object a line (- is stdout)."`
	Pane   time.Duration `placeholder:"1m" help:"Look for schema breaks too, as live traffic is, in panes of this length. Must divide the windows; needs rows with times."`
	Config string        `short:"c" placeholder:"driftd.yml" help:"Config: windows, budget, columns, labels."`
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
	if err := c.paneFits(); err != nil {
		return err
	}
	lengths := c.lengths()
	if c.Config != "" && c.WindowRows == 0 {
		lengths = cfg.ModelOf(c.Model).WindowLengths()
	}
	results, sum, err := replay.Run(replay.RowSource{File: file}, replay.Options{
		Bundle: bundle, Lengths: lengths, Location: cfg.ModelOf(c.Model).Location(), RowClock: c.WindowRows > 0, Pane: c.Pane, WindowRows: c.WindowRows, Start: opt.Start, Topic: filepath.Base(c.Input),
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

// paneFits refuses a pane that windows of an hour are no whole number of.
func (c *replayCmd) paneFits() error {
	switch {
	case c.Pane == 0:
		return nil
	case c.WindowRows > 0:
		return errors.New("--pane needs rows with times, and --window-rows gives them none: leave one of the two out")
	case c.Pane < time.Second || time.Hour%c.Pane != 0:
		return fmt.Errorf("--pane %s: it must divide an hour; write --pane 1m", c.Pane)
	}
	return nil
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
