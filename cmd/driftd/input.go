package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/consumers"
	"github.com/driftd/driftd/internal/reference"
	"github.com/driftd/driftd/internal/replay"
	"github.com/driftd/driftd/internal/rows"
	"github.com/driftd/driftd/internal/wire"
)

// inputFlags say how the rows of a file become events.
type inputFlags struct {
	Model      string   `default:"model" help:"Model that the rows belong to."`
	Exclude    []string `placeholder:"COL,.." help:"Columns to leave out."`
	Score      string   `placeholder:"COL" help:"Column with the score; becomes prediction.score."`
	Class      string   `placeholder:"COL" help:"Column with the predicted class; becomes prediction.class."`
	Time       string   `placeholder:"COL" help:"Column with each row's time."`
	WindowRows int64    `placeholder:"N" help:"Row clock instead of times: N rows are an hour."`
	Start      string   `placeholder:"T" help:"Where the row clock begins (default 2000-01-01T00:00:00Z)."`
	Segment    []string `placeholder:"COL,.." help:"Columns to cut the traffic by: each value gets a series of its own."`

	baseline string // of reference build
	pairs    bool
}

func (f *inputFlags) options() (rows.Options, error) {
	opt := rows.Options{Model: f.Model, Exclude: f.Exclude, Score: f.Score, Class: f.Class, Time: f.Time, WindowRows: f.WindowRows, Start: rows.DefaultStart}
	for _, s := range f.Segment { // crossed ones are written a+b
		for _, tag := range strings.Split(s, "+") {
			if !slices.Contains(opt.Tags, tag) {
				opt.Tags = append(opt.Tags, tag)
			}
		}
	}
	if f.Start != "" {
		t, ok := consumers.ParseTime(f.Start)
		if !ok {
			return opt, fmt.Errorf("--start %s: not a time; write it as 2026-11-24T12:00:00Z", f.Start)
		}
		if f.WindowRows == 0 {
			return opt, errors.New("--start is the beginning of the row clock: it needs --window-rows")
		}
		opt.Start = t
	}
	if f.WindowRows < 0 {
		return opt, fmt.Errorf("--window-rows %d: must be above 0", f.WindowRows)
	}
	return opt, nil
}

// lengths are the window lengths of files: hours, and days where rows have
// times of their own.
func (f *inputFlags) lengths() []time.Duration {
	if f.WindowRows > 0 {
		return []time.Duration{time.Hour}
	}
	return []time.Duration{time.Hour, 24 * time.Hour}
}

// buildReference makes a reference from a file. columns, when set, are the only
// ones to be watched.
func buildReference(path string, f *inputFlags, columns []string, p *progress) (*wire.Bundle, *reference.Report, error) {
	opt, err := f.options()
	if err != nil {
		return nil, nil, err
	}
	native, err := nativeTimes(path, opt)
	if err != nil {
		return nil, nil, err
	}
	build := reference.Options{
		Model: f.Model, Lengths: f.lengths(), Location: time.UTC, Flat: f.Time == "" && f.WindowRows == 0 && !native, Whole: f.WindowRows > 0,
		Description: filepath.Base(path), Columns: columns, Baseline: f.baseline, Pairs: f.pairs,
		Progress: func(pass int, n int64) {
			p.say("reference %s: pass %d of 2, %s rows", filepath.Base(path), pass, thousands(n))
		},
	}
	if f.WindowRows > 0 {
		build.End = func(events int64) int64 { return driftd.RowTime(opt.Start, events, f.WindowRows) }
	}
	for _, s := range f.Segment {
		build.Tags = append(build.Tags, driftd.SegmentTag{Tags: strings.Split(s, "+")})
	}
	bundle, report, err := reference.Build(func() (reference.Source, error) {
		file, err := rows.Open(path, opt)
		if err != nil {
			return nil, err
		}
		return replay.RowSource{File: file}, nil
	}, build)
	if err != nil {
		return nil, nil, err // it names the file
	}
	return bundle, report, nil
}

// nativeTimes says whether the file holds native events, which carry times.
func nativeTimes(path string, opt rows.Options) (bool, error) {
	file, err := rows.Open(path, opt)
	if err != nil {
		return false, err
	}
	defer func() { _ = file.Close() }() // was only read
	if !file.Native() {
		return false, nil
	}
	ev, err := file.Next()
	return err == nil && ev.Time != driftd.MinTime, nil
}

// loadReference reads a reference file, or builds one from a file of rows. A
// file of rows is cut down to the columns that the input has too: a label that
// only the training data have is no drift.
func loadReference(path, input string, f *inputFlags, p *progress) (*wire.Bundle, error) {
	if wire.IsReferenceFile(path) {
		b, err := wire.ReadFile(path)
		if err != nil {
			return nil, err
		}
		if f.Model != "model" && f.Model != b.Layout.Model {
			return nil, fmt.Errorf("reference %s is of model %q, not of %q: name the right file or leave --model out", path, b.Layout.Model, f.Model)
		}
		f.Model = b.Layout.Model
		return b, nil
	}
	opt, err := f.options()
	if err != nil {
		return nil, err
	}
	in, err := rows.Open(input, opt)
	if err != nil {
		return nil, err
	}
	columns := in.Names()
	_ = in.Close() // was only read
	ref, err := rows.Open(path, opt)
	if err != nil {
		return nil, err
	}
	for _, name := range ref.Names() {
		if columns != nil && !slices.Contains(columns, name) {
			p.done("column %s is in %s but not in %s: left out", name, filepath.Base(path), filepath.Base(input))
		}
	}
	_ = ref.Close() // was only read
	b, report, err := buildReference(path, f, columns, p)
	if err != nil {
		return nil, err
	}
	for _, n := range report.Notes {
		p.done("%s", n)
	}
	p.done("reference %s: %s", filepath.Base(path), report.Describe(f.lengths()))
	return b, nil
}

// writable says, before the work whose output goes to path, that its folder is
// not there or that it is a folder itself.
func writable(path string) error {
	if path == "-" {
		return nil
	}
	if _, err := os.Stat(filepath.Dir(path)); err != nil {
		return fmt.Errorf("%s: its folder: %w; make it first", path, err)
	}
	if st, err := os.Stat(path); err == nil && st.IsDir() {
		return fmt.Errorf("%s is a folder; name a file in it", path)
	}
	return nil
}

// create makes a file for writing, "-" is stdout.
func create(path string) (*os.File, error) {
	if path == "-" {
		return os.Stdout, nil
	}
	return os.Create(path)
}
