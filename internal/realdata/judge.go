package realdata

import (
	"cmp"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"time"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/alerts"
	"github.com/driftd/driftd/internal/detect"
	"github.com/driftd/driftd/internal/reference"
	"github.com/driftd/driftd/internal/replay"
	"github.com/driftd/driftd/internal/rows"
)

// Found is what was found in a set.
type Found struct {
	Set       *Set
	Reference string // in words
	Windows   int64  // judged, of the rows after the reference
	Columns   map[string]*Column
	Incidents int
	Opened    int64    // window in which the first incident opened; -1: none did
	Ranking   []string // columns by effect in that window, the largest first
	Breaks    []string // summaries of schema breaks
}

// Column is what was found in one column.
type Column struct {
	Flags        []int64 // windows
	OK           int
	Insufficient int
}

// limited is the rows from..to of a file; to 0 is its end.
type limited struct {
	replay.RowSource
	from, to int64
}

// Next implements reference.Source.
func (l limited) Next() ([]byte, int64, error) {
	for {
		ev, err := l.File.Next()
		if err != nil {
			return nil, 0, err
		}
		if ev.Row >= l.to && l.to > 0 {
			return nil, 0, io.EOF
		}
		if ev.Row >= l.from {
			return ev.JSON, ev.Time, nil
		}
	}
}

// Judge builds the reference and judges the windows after it, at a budget of one
// false page a week where a window is an hour; pairs of numeric features too, where
// they are asked for.
func (s *Set) Judge(dir string, pairs bool) (*Found, error) {
	opt := rows.Options{Model: "m", Exclude: s.Exclude, WindowRows: s.Window, Start: rows.DefaultStart}
	open := func(path string, from, to int64) func() (reference.Source, error) {
		return func() (reference.Source, error) {
			f, err := rows.Open(filepath.Join(dir, path), opt)
			if err != nil {
				return nil, err
			}
			return limited{replay.RowSource{File: f}, from, to}, nil
		}
	}
	refPath, from := s.Ref, int64(0)
	if refPath == "" {
		refPath, from = s.Cur, s.RefRows
	}
	lengths := []time.Duration{time.Hour}
	bundle, report, err := reference.Build(open(refPath, 0, s.RefRows), reference.Options{Model: "m", Lengths: lengths, Location: time.UTC, Whole: true, Pairs: pairs,
		End: func(n int64) int64 { return driftd.RowTime(opt.Start, n, s.Window) }})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.Name, err)
	}
	opt.Layout = bundle.Layout
	opt.Start -= from / s.Window * int64(time.Hour) // the input's first row is the clock's start
	src, err := open(s.Cur, from, 0)()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.Name, err)
	}
	results, _, err := replay.Run(src, replay.Options{Bundle: bundle, Lengths: lengths, Location: time.UTC, RowClock: true, Pane: 15 * time.Minute,
		Rules: func(driftd.Series) detect.Rules {
			return detect.Rules{PagesPerWeek: 1, Policy: replay.DefaultPolicy()}
		}})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.Name, err)
	}
	return s.found(results, report.Describe(lengths)), nil
}

func (s *Set) found(results []driftd.Result, description string) *Found {
	f := &Found{Set: s, Reference: description, Columns: map[string]*Column{}, Opened: -1}
	ends := map[int64]int64{} // window by its end
	effects := map[int64]map[string]float64{}
	for _, r := range results {
		switch {
		case r.Window != nil:
			f.Windows++
			ends[r.Window.WindowEnd.UnixNano()] = *r.Window.WindowIndex
		case r.Incident != nil && r.Incident.Type == alerts.TypeSchema:
			f.Breaks = append(f.Breaks, r.Incident.Summary)
		case r.Incident != nil && r.Incident.State == driftd.StateOpen && r.Incident.OpenedAt.Equal(r.Incident.ChangedAt):
			f.Incidents++
			if f.Opened < 0 {
				f.Opened = ends[r.Incident.OpenedAt.UnixNano()]
			}
		case r.Column != nil:
			f.column(r.Column, effects)
		}
	}
	if f.Opened >= 0 {
		for name := range f.Columns {
			f.Ranking = append(f.Ranking, name)
		}
		at := effects[f.Opened]
		slices.SortFunc(f.Ranking, func(a, b string) int { return cmp.Or(cmp.Compare(at[b], at[a]), cmp.Compare(a, b)) })
	}
	return f
}

func (f *Found) column(c *driftd.ColumnResult, effects map[int64]map[string]float64) {
	col := f.Columns[c.Column]
	if col == nil {
		col = &Column{}
		f.Columns[c.Column] = col
	}
	i := *c.WindowIndex
	if effects[i] == nil {
		effects[i] = map[string]float64{}
	}
	effects[i][c.Column] = float64(c.Effect)
	switch {
	case c.Flag:
		col.Flags = append(col.Flags, i)
	case c.Verdict == driftd.OK:
		col.OK++
	case c.Verdict == driftd.Insufficient:
		col.Insufficient++
	}
}
