package replay

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/alerts"
	"github.com/driftd/driftd/internal/detect"
	"github.com/driftd/driftd/internal/reference"
	"github.com/driftd/driftd/internal/rows"
)

// realData is the folder of public data sets beside the project. Some of them
// have no licence for redistribution, so they are not part of it.
func realData(t *testing.T) string {
	t.Helper()
	dir := filepath.Join("..", "..", "..", "shared", "data")
	if _, err := os.Stat(dir); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("the data sets are not here: %v", err)
		}
		return ""
	}
	return dir
}

// limited gives the first n rows of a file, or those after n.
type limited struct {
	RowSource
	from, to int64
}

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

type realCase struct {
	name, ref, cur string
	window         int64
	refRows        int64 // of a single file; the rest is the input
	exclude        []string
	// flags: columns that must flag, and the window of their first flag at the latest.
	flags map[string]int64
	// before: no column may flag in an earlier window.
	before    int64
	silent    []string
	incidents int
}

var realCases = []realCase{
	{name: "car loan", ref: "nannyml_car_loan/synthetic_car_loan_reference.csv.gz", cur: "nannyml_car_loan/synthetic_car_loan_analysis.csv.gz", window: 1000,
		exclude: []string{"id", "timestamp", "repaid", "y_pred"},
		flags:   map[string]int64{"car_value": 26, "salary_range": 26, "repaid_loan_on_prev_car": 26, "loan_length": 26, "y_pred_proba": 26}, before: 25,
		silent: []string{"size_of_downpayment", "driver_tenure", "debt_to_income_ratio"}, incidents: 1},
	{name: "work from home", ref: "nannyml_wfh/synthetic_sample_reference.csv.gz", cur: "nannyml_wfh/synthetic_sample_analysis.csv.gz", window: 1000,
		exclude: []string{"id", "timestamp", "period", "work_home_actual", "y_pred"},
		flags:   map[string]int64{"distance_from_office": 26, "salary_range": 26, "public_transportation_cost": 26, "wfh_prev_workday": 26, "y_pred_proba": 26}, before: 25,
		silent: []string{"gas_price_per_litre", "tenure", "workday"}, incidents: 1},
	{name: "wing beats", cur: "wbf_insects/WBFInsects.csv.gz", window: 500, refRows: 25_000, exclude: []string{"context"},
		flags: map[string]int64{"wbf": 51, "species": 51, "temperature": 51}, before: 51, incidents: 1},
	{name: "elec2", cur: "elec2/electricity.converted.csv.gz", window: 336, refRows: 13_440,
		flags: map[string]int64{"vicprice": 12, "vicdemand": 12, "transfer": 12}, before: 11, incidents: 1},
	{name: "STAGGER", cur: "harvard_synth/stagger_0120_abrupto.csv.gz", window: 100, refRows: 9_000, flags: map[string]int64{"X1": 11, "X2": 11}, before: 10, incidents: 1},
	{name: "MIXED", cur: "harvard_synth/mixed_0101_gradual.csv.gz", window: 100, refRows: 9_000},
	{name: "SEA", cur: "harvard_synth/sea_0123_abrupto_noise_0.2.csv.gz", window: 100, refRows: 9_000},
}

func TestRealData(t *testing.T) {
	dir := realData(t)
	if dir == "" {
		t.Log("the data sets are not here: nothing to show")
		return
	}
	for _, c := range realCases {
		t.Run(c.name, func(t *testing.T) { c.run(t, dir) })
	}
}

func (c realCase) run(t *testing.T, dir string) {
	opt := rows.Options{Model: "m", Exclude: c.exclude, WindowRows: c.window, Start: rows.DefaultStart}
	open := func(path string, from, to int64) func() (reference.Source, error) {
		return func() (reference.Source, error) {
			f, err := rows.Open(filepath.Join(dir, path), opt)
			if err != nil {
				return nil, err
			}
			return limited{RowSource{f}, from, to}, nil
		}
	}
	refPath, from := c.ref, int64(0)
	if refPath == "" {
		refPath, from = c.cur, c.refRows
	}
	bundle, report, err := reference.Build(open(refPath, 0, c.refRows), reference.Options{Model: "m", Lengths: []time.Duration{time.Hour}, Location: time.UTC, Whole: true,
		End: func(n int64) int64 { return driftd.RowTime(opt.Start, n, c.window) }})
	if err != nil {
		t.Fatal(err)
	}
	opt.Layout = bundle.Layout
	opt.Start -= from / c.window * int64(time.Hour) // the input's first row is the clock's start
	src, err := open(c.cur, from, 0)()
	if err != nil {
		t.Fatal(err)
	}
	results, _, err := Run(src, Options{Bundle: bundle, Lengths: []time.Duration{time.Hour}, Location: time.UTC, RowClock: true, Pane: 15 * time.Minute, // the fast lane is silent on all of them
		Rules: func(driftd.Series) detect.Rules {
			return detect.Rules{PagesPerWeek: 1, Policy: DefaultPolicy()}
		}})
	if err != nil {
		t.Fatal(err)
	}
	flags, first, last := map[string]int{}, map[string]int64{}, map[string]int64{}
	incidents, columns, ok := 0, map[string]bool{}, map[string]int{}
	for _, r := range results {
		if r.Incident != nil && r.Incident.Type == alerts.TypeSchema {
			t.Errorf("a schema break: %s", r.Incident.Summary)
		}
		if r.Incident != nil && r.Incident.State == driftd.StateOpen && len(columns) >= 0 {
			incidents++
		}
		if r.Column == nil {
			continue
		}
		i := *r.Column.WindowIndex
		columns[r.Column.Column] = true
		if r.Column.Verdict == driftd.OK {
			ok[r.Column.Column]++
		}
		if r.Column.Flag {
			if flags[r.Column.Column]++; flags[r.Column.Column] == 1 {
				first[r.Column.Column] = i
			}
			last[r.Column.Column] = i
		}
	}
	var lines []string
	for name := range columns {
		lines = append(lines, fmt.Sprintf("%-28s flags %3d first %3d last %3d ok %3d", name, flags[name], first[name], last[name], ok[name]))
	}
	slices.Sort(lines)
	t.Logf("%s; incidents %d\n%s", report.Describe([]time.Duration{time.Hour}), incidents, strings.Join(lines, "\n"))
	for name, latest := range c.flags {
		if flags[name] == 0 || first[name] > latest {
			t.Errorf("%s: %d flags, first in window %d; it must flag by window %d", name, flags[name], first[name], latest)
		}
	}
	for name, n := range flags {
		if first[name] < c.before || c.flags == nil || slices.Contains(c.silent, name) {
			t.Errorf("%s flagged %d times, first in window %d: nothing had changed", name, n, first[name])
		}
	}
	if c.incidents > 0 && incidents == 0 || c.incidents == 0 && incidents > 0 {
		t.Errorf("%d incident records of state open, want %d", incidents, c.incidents)
	}
}
