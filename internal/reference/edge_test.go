package reference_test

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/internal/detect"
	"github.com/driftd/driftd/internal/reference"
	"github.com/driftd/driftd/internal/replay"
	"github.com/driftd/driftd/internal/wire"
)

// made is a source of rows made one by one, on the row clock.
type made struct {
	rng     *rand.Rand
	i, rows int64
	from    int64 // number of the first row
	window  int64
	columns []column
	buf     []byte
}

// column is a column's name and the JSON of its value in row i.
type column struct {
	name  string
	value func(b []byte, rng *rand.Rand, i int64) []byte
}

func (m *made) Next() ([]byte, int64, error) {
	if m.i == m.rows {
		return nil, 0, io.EOF
	}
	at := driftd.RowTime(start, m.from+m.i, m.window)
	b := append(m.buf[:0], `{"model":"m","time":"`...)
	b = append(time.Unix(0, at).UTC().AppendFormat(b, time.RFC3339Nano), `","features":{`...)
	for k, c := range m.columns {
		if k > 0 {
			b = append(b, ',')
		}
		b = append(append(append(b, '"'), c.name...), '"', ':')
		b = c.value(b, m.rng, m.from+m.i)
	}
	m.buf = append(b, '}', '}')
	m.i++
	return m.buf, at, nil
}

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).UnixNano()

func text(s string) func([]byte, *rand.Rand, int64) []byte {
	return func(b []byte, _ *rand.Rand, _ int64) []byte { return append(b, s...) }
}

// oneOf gives rare with probability p, else usual.
func oneOf(p float64, rare, usual string) func([]byte, *rand.Rand, int64) []byte {
	return func(b []byte, rng *rand.Rand, _ int64) []byte {
		if rng.Float64() < p {
			return append(b, rare...)
		}
		return append(b, usual...)
	}
}

func edgeColumns() []column {
	return []column{
		{"constant", text("5")},
		{"constant_text", text(`"EUR"`)},
		{"constant_bool", text("true")},
		{"null", text("null")},
		{"timestamp", func(b []byte, _ *rand.Rand, i int64) []byte {
			return time.Unix(i, 0).UTC().AppendFormat(b, `"2006-01-02T15:04:05Z"`)
		}},
		{"epoch", func(b []byte, _ *rand.Rand, i int64) []byte { return fmt.Append(b, 1_795_000_000+i) }},
		{"id", func(b []byte, rng *rand.Rand, _ int64) []byte { return fmt.Appendf(b, `"u-%016x"`, rng.Uint64()) }},
		{"two_numbers", oneOf(.3, "1", "0")},
		{"two_texts", oneOf(.3, `"yes"`, `"no"`)},
		{"boolean", oneOf(.3, "true", "false")},
		{"rare_01", oneOf(.01, "1", "0")},
		{"rare_001", oneOf(.001, "true", "false")},
		{"mostly_zero", func(b []byte, rng *rand.Rand, _ int64) []byte {
			if rng.Float64() < .001 {
				return fmt.Appendf(b, "%.3f", math.Exp(3+rng.NormFloat64()))
			}
			return append(b, '0')
		}},
		{"many_categories", func(b []byte, rng *rand.Rand, _ int64) []byte { return fmt.Appendf(b, `"c%d"`, rng.IntN(10_000)) }},
		{"few_integers", func(b []byte, rng *rand.Rand, _ int64) []byte { return fmt.Append(b, rng.IntN(7)) }},
		{"infinite", func(b []byte, rng *rand.Rand, _ int64) []byte {
			switch rng.IntN(50) {
			case 0:
				return append(b, `"Infinity"`...)
			case 1:
				return append(b, `"-Infinity"`...)
			case 2, 3:
				return append(b, `"NaN"`...)
			case 4:
				return append(b, "null"...)
			}
			return fmt.Appendf(b, "%.4f", rng.NormFloat64())
		}},
		{"huge", func(b []byte, rng *rand.Rand, _ int64) []byte {
			return fmt.Appendf(b, "%e", math.Exp(max(-700, min(700, 300*rng.NormFloat64()))))
		}},
		{"plain", func(b []byte, rng *rand.Rand, _ int64) []byte { return fmt.Appendf(b, "%.4f", rng.NormFloat64()) }},
	}
}

const refWindows, liveWindows = 120, 300

func build(t *testing.T, window int64, columns []column) (*wire.Bundle, *reference.Report) {
	t.Helper()
	rows := refWindows * window
	b, report, err := reference.Build(func() (reference.Source, error) {
		return &made{rng: rand.New(rand.NewPCG(1, 1)), rows: rows, window: window, columns: columns}, nil
	}, reference.Options{Model: "m", Lengths: []time.Duration{time.Hour}, Location: time.UTC, Whole: true, End: func(n int64) int64 { return driftd.RowTime(start, n, window) }})
	if err != nil {
		t.Fatal(err)
	}
	return b, report
}

func judge(t *testing.T, b *wire.Bundle, window, windows int64, columns []column) []driftd.Result {
	t.Helper()
	src := &made{rng: rand.New(rand.NewPCG(2, 2)), from: refWindows * window, rows: windows * window, window: window, columns: columns}
	results, sum, err := replay.Run(src, replay.Options{Bundle: b, Lengths: []time.Duration{time.Hour}, Location: time.UTC, RowClock: true,
		Rules: func(driftd.Series) detect.Rules {
			return detect.Rules{PagesPerWeek: 1, Policy: replay.DefaultPolicy()}
		}})
	if err != nil {
		t.Fatal(err)
	}
	if sum.Events != windows*window || len(sum.Rejected) > 0 {
		t.Fatalf("%d of %d events, rejected: %v", sum.Events, windows*window, sum.Rejected)
	}
	return results
}

// numbers fails where a result has no number, or one that cannot be, where a
// number is meant.
func numbers(t *testing.T, results []driftd.Result) {
	t.Helper()
	bad := 0
	for _, r := range results {
		raw, err := json.Marshal(r)
		if err != nil {
			t.Fatalf("a result that is no JSON: %v", err)
		}
		if !json.Valid(raw) {
			t.Errorf("not JSON: %s", raw)
		}
		c := r.Column
		if c == nil || c.Verdict == driftd.NoData {
			continue
		}
		say := func(format string, args ...any) {
			if bad++; bad < 20 {
				t.Errorf("%s, window of %s: %s\n%s", c.Column, c.WindowStart.Format(time.RFC3339), fmt.Sprintf(format, args...), raw)
			}
		}
		finite := func(x driftd.Float) bool { return !math.IsNaN(float64(x)) && !math.IsInf(float64(x), 0) }
		if !(c.PValue > 0 && c.PValue <= 1) {
			say("p_value is %v", c.PValue)
		}
		if !finite(c.Effect) || !(c.Alpha > 0 && c.Alpha < 1) {
			say("effect is %v, alpha %v", c.Effect, c.Alpha)
		}
		values := c.N - c.Nulls - c.NaNs - c.TypeErrors
		if values > 0 && c.Verdict != driftd.Learning && (!finite(c.NEff) || c.NEff <= 0) {
			say("n_eff is %v of %d values", c.NEff, values)
		}
		for _, test := range c.Tests {
			if !finite(test.Statistic) || !finite(test.Effect) || finite(test.PValue) && !(test.PValue > 0 && test.PValue <= 1 && finite(test.Threshold)) {
				say("test %s has statistic %v, effect %v, threshold %v, p %v", test.Name, test.Statistic, test.Effect, test.Threshold, test.PValue)
			}
		}
	}
}

// flags are the flagged windows of each column; of incidents, how many opened.
func flags(results []driftd.Result) (by map[string]int, incidents int) {
	by = map[string]int{}
	for _, r := range results {
		if r.Column != nil && r.Column.Flag {
			by[r.Column.Column]++
		}
		if r.Incident != nil && r.Incident.State == driftd.StateOpen {
			incidents++
		}
	}
	return by, incidents
}

// Columns that break careless statistics stay quiet while nothing changes.
func TestEdgeColumnsAreQuiet(t *testing.T) {
	for window, names := range map[int64]string{
		50:   "",
		200:  "infinite huge plain few_integers many_categories",
		1000: "two_numbers boolean rare_01 rare_001 mostly_zero constant",
	} {
		t.Run(fmt.Sprint(window), func(t *testing.T) {
			columns := edgeColumns()
			if names != "" { // not all of them: the race detector is slow
				columns = slices.DeleteFunc(columns, func(c column) bool { return !slices.Contains(strings.Fields(names), c.name) })
			}
			b, report := build(t, window, columns)
			out := map[string]string{}
			for _, x := range b.Layout.Excluded {
				out[x.Name] = x.Reason
			}
			for name, why := range map[string]string{"timestamp": "follows the order of time", "epoch": "follows the order of time", "id": "every sampled value differs, as ids do"} {
				if names != "" {
					continue
				}
				if !strings.Contains(out[name], why) {
					t.Errorf("column %s: %q, want it left out: %s", name, out[name], why)
				}
				if !slices.ContainsFunc(report.Notes, func(n string) bool { return strings.Contains(n, "column "+name+" is left out: it ") }) {
					t.Errorf("no notice of column %s in %q", name, report.Notes)
				}
			}
			if names == "" && len(out) != 3 || names != "" && len(out) > 0 {
				t.Errorf("left out: %v", out)
			}
			results := judge(t, b, window, liveWindows, columns)
			numbers(t, results)
			by, incidents := flags(results)
			for name, n := range by {
				if n > 2 { // each column may flag in one window of a thousand
					t.Errorf("%s flagged in %d of %d windows in which nothing changed", name, n, liveWindows)
				}
			}
			if incidents > 0 {
				t.Errorf("%d incidents in which nothing changed", incidents)
			}
			verdicts := map[string]map[driftd.Verdict]int{}
			for _, r := range results {
				if c := r.Column; c != nil {
					if verdicts[c.Column] == nil {
						verdicts[c.Column] = map[driftd.Verdict]int{}
					}
					verdicts[c.Column][c.Verdict]++
				}
			}
			t.Logf("flags %v\nverdicts %v", by, verdicts)
		})
	}
}

// The same columns are not blind: what changes in them is found.
func TestEdgeColumnsChange(t *testing.T) {
	changed := map[string]func([]byte, *rand.Rand, int64) []byte{
		"constant":      text("6"),
		"constant_text": text(`"USD"`),
		"constant_bool": text("false"),
		"two_numbers":   oneOf(.7, "1", "0"),
		"two_texts":     oneOf(.7, `"yes"`, `"no"`),
		"boolean":       oneOf(.7, "true", "false"),
		"rare_01":       oneOf(.1, "1", "0"),
		"rare_001":      oneOf(.2, "true", "false"),
		"mostly_zero":   oneOf(.2, "20", "0"),
		"many_categories": func(b []byte, rng *rand.Rand, _ int64) []byte {
			return fmt.Appendf(b, `"new %d"`, rng.IntN(10_000))
		},
		"few_integers": func(b []byte, rng *rand.Rand, _ int64) []byte { return fmt.Append(b, 3+rng.IntN(4)) },
		"infinite":     text(`"NaN"`),
		"plain":        text(`"n/a"`),
	}
	const window = 300
	b, _ := build(t, window, edgeColumns())
	columns := edgeColumns()
	for i := range columns {
		if f := changed[columns[i].name]; f != nil {
			columns[i].value = f
		}
		if columns[i].name == "null" {
			columns[i].value = text("1")
		}
	}
	results := judge(t, b, window, 5, columns)
	numbers(t, results)
	by, incidents := flags(results)
	for name := range changed {
		if by[name] < 5 {
			t.Errorf("%s changed and flagged in %d of 5 windows", name, by[name])
			for _, r := range results {
				if r.Column != nil && r.Column.Column == name {
					raw, _ := json.Marshal(r) // numbers has encoded it
					t.Logf("%s", raw)
					break
				}
			}
		}
	}
	if by["null"] > 0 { // nothing was promised of it: its result says so below
		t.Errorf("null flagged in %d windows", by["null"])
	}
	for _, r := range results {
		if c := r.Column; c != nil && c.Column == "null" && (c.Verdict != driftd.NoData || c.Reason != "the reference has no value in this column" || c.N != window) {
			t.Errorf("a column that the reference knows as null: %s, %q, n %d", c.Verdict, c.Reason, c.N)
		}
		if c := r.Column; c != nil && c.Column == "constant_bool" && c.Moved != "new category `false` 100 %" {
			t.Errorf("constant_bool: what moved: %q", c.Moved)
		}
	}
	if by["huge"] > 1 || incidents == 0 {
		t.Errorf("flags %v, %d incidents", by, incidents)
	}
}

// What cannot be a reference says why.
func TestBuildMessages(t *testing.T) {
	source := func(lines ...string) func() (reference.Source, error) {
		return func() (reference.Source, error) { return &fixed{lines: lines}, nil }
	}
	opt := reference.Options{Model: "m", Flat: true, Description: "train.csv"}
	timed := reference.Options{Model: "m", Lengths: []time.Duration{time.Hour}, Location: time.UTC}
	for _, c := range []struct {
		open func() (reference.Source, error)
		opt  reference.Options
		want string
	}{
		{source(), opt, "build reference from train.csv: the input has no events"},
		{source(`{"model":"m","features":{}}`), opt, "no column is left to watch"},
		{source(`{"model":"x","features":{"a":1}}`), opt, `event 1 is of another model than "m", for which the reference is: give its name with --model`},
		{source(`{"model":"m","features":{"a":1}}`, `{"model":"m","feat`), opt, "event 2: undecodable"},
		{source(`{"model":"m","features":{"a":1}}`), reference.Options{Model: "m"}, "no window length"},
		{source(`{"model":"m","features":{"a":1}}`), timed, "build reference: event 1 has no time"},
	} {
		if _, _, err := reference.Build(c.open, c.opt); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %q", err, c.want)
		}
	}
}

// fixed gives lines, without times or, where step is set, so far apart.
type fixed struct {
	lines []string
	step  time.Duration
	i     int
}

func (f *fixed) Next() ([]byte, int64, error) {
	if f.i == len(f.lines) {
		return nil, 0, io.EOF
	}
	f.i++
	at := driftd.MinTime
	if f.step > 0 {
		at = int64(f.i) * int64(f.step)
	}
	return []byte(f.lines[f.i-1]), at, nil
}
