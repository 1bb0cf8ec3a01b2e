package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/driftd/driftd/internal/compare"
	"github.com/driftd/driftd/internal/rows"
	"github.com/driftd/driftd/internal/wire"
)

type compareCmd struct {
	Ref     string   `arg:"" placeholder:"REF" help:"File of rows to compare with: CSV, JSON lines or Parquet, plain or gzip."`
	Cur     string   `arg:"" placeholder:"CUR" help:"File of rows that may differ."`
	Exclude []string `placeholder:"COL,.." help:"Columns to leave out."`
	Model   string   `default:"model" help:"Model of the rows, where they are events of driftd's own shape."`
	Level   float64  `default:".05" placeholder:".05" help:"Chance that any column is called drift where none has changed."`
	All     bool     `name:"all-tests" help:"Every test and measure of every column too."`
	JSON    bool     `name:"json" help:"For programs; has every test and measure."`
	HTML    string   `name:"html" placeholder:"report.html" help:"Write a page with pictures as well: one file that needs nothing else."`
	FailOn  string   `name:"fail-on" placeholder:"drift" help:"drift: exit with 1 when a column drifted or is gone."`
}

// Help is shown by --help.
func (compareCmd) Help() string {
	return `Example:
  driftd compare train.csv lastweek.csv --html report.html
  driftd compare train.parquet candidate.parquet --fail-on drift

Two files, column by column, by the rule that judges windows, with rows taken to
be independent. Two-sample tests (Kolmogorov-Smirnov, Cramer-von Mises and
others) are shown beside it. No server, no config. Exit code 0 when it ran,
whatever it found; 1 with --fail-on drift when it found some, 2 for errors.`
}

// Run implements the command.
func (c *compareCmd) Run() error {
	if err := c.run(); err != nil {
		var code exitError
		if errors.As(err, &code) {
			return err
		}
		fmt.Fprintln(os.Stderr, "driftd:", err)
		return exitError(2) // 1 says that there is drift
	}
	return nil
}

func (c *compareCmd) run() error {
	switch {
	case c.FailOn != "" && c.FailOn != "drift":
		return fmt.Errorf("--fail-on %s: there is only drift", c.FailOn)
	case !(c.Level > 0 && c.Level < 1):
		return fmt.Errorf("--level %v: a chance above 0 and below 1; write --level .05", c.Level)
	case c.HTML != "":
		if err := writable(c.HTML); err != nil {
			return err
		}
	}
	for _, path := range []string{c.Ref, c.Cur} {
		if wire.IsReferenceFile(path) {
			return fmt.Errorf("%s is a reference, and compare takes two files of rows; rows are judged by a reference with `driftd replay --reference %s`", path, path)
		}
	}
	exclude, err := c.present()
	if err != nil {
		return err
	}
	p := newProgress()
	r, err := compare.Files(c.Ref, c.Cur, compare.Options{Level: c.Level, Rows: rows.Options{Model: c.Model, Exclude: exclude},
		Progress: func(what string, n int) { p.say("compare: %s, %s rows", what, thousands(int64(n))) }})
	if err != nil {
		return err
	}
	p.clear()
	if c.HTML != "" {
		if err := c.page(r); err != nil {
			return err
		}
	}
	if c.JSON {
		enc := json.NewEncoder(os.Stdout)
		enc.SetIndent("", "  ")
		err = enc.Encode(r)
	} else {
		err = r.Print(os.Stdout, c.All)
	}
	if err != nil {
		return err
	}
	if c.FailOn == "drift" && r.Drifted > 0 {
		return exitError(1)
	}
	return nil
}

// present are the columns to leave out that a file has: one that only one of the
// files has is no mistake, one that neither has is.
func (c *compareCmd) present() ([]string, error) {
	if len(c.Exclude) == 0 {
		return nil, nil
	}
	var have []string
	for _, path := range []string{c.Ref, c.Cur} {
		f, err := rows.Open(path, rows.Options{Model: c.Model})
		if err != nil {
			return nil, err
		}
		have = append(have, f.Columns...)
		_ = f.Close() // was only read
	}
	for _, name := range c.Exclude {
		if !slices.Contains(have, name) {
			return nil, fmt.Errorf("--exclude %s: neither %s nor %s has such a column", name, c.Ref, c.Cur)
		}
	}
	return c.Exclude, nil
}

func (c *compareCmd) page(r *compare.Report) (err error) {
	f, err := create(c.HTML)
	if err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	if c.HTML != "-" {
		defer func() { err = errors.Join(err, f.Close()) }()
	}
	return r.HTML(f)
}
