package compare

import (
	"cmp"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/detectors"
	"github.com/driftd/driftd/internal/reference"
	"github.com/driftd/driftd/internal/replay"
	"github.com/driftd/driftd/internal/rows"
)

// DefaultLevel is the chance that any column is called drift where none has changed.
const DefaultLevel = .05

// Options of a comparison.
type Options struct {
	Rows     rows.Options // of both files; no times, no tags
	Level    float64      // 0: DefaultLevel
	Progress func(what string, rows int)
}

// Files compares the file of rows cur with ref. Errors name the file, and the row
// where there is one.
//
// Each column is judged once, by the rule of the monitor against a flat
// reference: the smooth scores against an indifference of .05 sd and a least size
// of .14, the residual, the rates (detectors.Column.Judge). Its p-value, that of
// the least of its tests over their shares, is valid for independent rows; Holm's
// procedure over the columns keeps the chance of any false drift at Level (Holm, A
// simple sequentially rejective multiple test procedure, 1979).
func Files(ref, cur string, opt Options) (*Report, error) {
	if opt.Level == 0 {
		opt.Level = DefaultLevel
	}
	say := func(what string) func(int) {
		return func(n int) {
			if opt.Progress != nil {
				opt.Progress(what, n)
			}
		}
	}
	r := &Report{Reference: File{Name: filepath.Base(ref)}, Current: File{Name: filepath.Base(cur)}, Level: opt.Level, Notes: []string{}, Columns: []Column{}}
	before, err := readValues(ref, opt.Rows, say(r.Reference.Name))
	if err != nil {
		return nil, err
	}
	now, err := readValues(cur, opt.Rows, say(r.Current.Name))
	if err != nil {
		return nil, err
	}
	r.Reference.Rows, r.Current.Rows = before.rows, now.rows
	both := slices.DeleteFunc(slices.Clone(before.order), func(name string) bool { return now.columns[name] == nil })
	if len(both) == 0 {
		return nil, fmt.Errorf("compare %s with %s: no column is in both files (%s; %s)", ref, cur, some(before.order), some(now.order))
	}
	bundle, _, err := reference.Build(func() (reference.Source, error) {
		f, err := rows.Open(ref, opt.Rows)
		if err != nil {
			return nil, err
		}
		return replay.RowSource{File: f}, nil
	}, reference.Options{Model: opt.Rows.Model, Flat: true, Location: time.UTC, Description: r.Reference.Name, Columns: both})
	if err != nil {
		return nil, err
	}
	current := opt.Rows
	current.Layout = bundle.Layout
	profile, err := readProfile(cur, current, bundle.Layout)
	if err != nil {
		return nil, err
	}
	r.judge(bundle.Layout, bundle.Of(driftd.AllSegment), profile, before, now)
	r.others(bundle.Layout, before, now)
	r.order()
	if r.Reference.Rows > MaxSample || r.Current.Rows > MaxSample {
		r.Notes = append(r.Notes, fmt.Sprintf("two-sample tests and pictures are of %d rows drawn from each file that has more; verdicts are of all rows", MaxSample))
	}
	return r, nil
}

func some(names []string) string {
	if len(names) > 5 {
		return strings.Join(names[:5], ", ") + ", .."
	}
	return strings.Join(names, ", ")
}

// judge gives each column of the layout its verdict.
func (r *Report) judge(l *driftd.Layout, ref *driftd.Reference, profile *driftd.Profile, before, now *values) {
	decisions := make([]detectors.Decision, len(l.Columns))
	p := make([]float64, len(l.Columns))
	alpha := r.Level / float64(len(l.Columns))
	for i := range l.Columns {
		col := detectors.NewColumn(&l.Columns[i], &ref.Columns[i], nil, alpha)
		col.Shown = measures(l.Columns[i].Kind)
		w := &detectors.ColumnWindow{Profile: &profile.Columns[i], Missing: profile.Missing(&l.Columns[i], i)}
		decisions[i] = col.Judge(w, true, "")
		if d := &decisions[i]; d.Moved == "" && d.N > 0 && d.P <= r.Level {
			d.Moved = strings.Join(col.Moved(w), "; ") // at a level above that of which the rule speaks
		}
		if p[i] = decisions[i].P; decisions[i].Verdict == driftd.NoData || decisions[i].N < detectors.MinWindowN {
			p[i] = math.NaN()
		}
	}
	adjusted := detectors.Holm(p)
	for i := range l.Columns {
		lc, d := &l.Columns[i], &decisions[i]
		c := Column{Name: lc.Name, Kind: lc.Kind.String(), Verdict: d.Verdict, Reason: d.Reason, Effect: driftd.Float(d.Effect), PValue: driftd.Float(d.P), Adjusted: driftd.Float(adjusted[i]),
			MDE: driftd.Float(d.MDE), Moved: d.Moved}
		c.Rows[0] = counts(lc, &ref.Columns[i].Profile, ref.Columns[i].Missing)
		c.Rows[1] = counts(lc, &profile.Columns[i], profile.Missing(lc, i))
		c.verdict(r.Level)
		for _, t := range d.Tests {
			if math.IsNaN(float64(t.PValue)) {
				c.Measures = append(c.Measures, t)
			} else {
				c.Tests = append(c.Tests, t)
			}
		}
		a, b := before.columns[lc.Name], now.columns[lc.Name]
		c.TwoSided = twoSample(lc.Kind, a, b)
		c.SmallDifference = c.Verdict == driftd.OK && r.differs(c.TwoSided, len(l.Columns))
		c.chart = draw(lc.Kind, a, b)
		r.Columns = append(r.Columns, c)
	}
}

// verdict is that of the rule at the adjusted p-value.
func (c *Column) verdict(level float64) {
	const independent = "flat reference: independent events assumed, budget not guaranteed" // said once, for all
	if c.Reason == independent {
		c.Reason = ""
	}
	switch {
	case c.Rows[0].Rows < detectors.MinWindowN:
		c.Verdict, c.Reason = driftd.Insufficient, fmt.Sprintf("the reference has %d rows; it takes %d", c.Rows[0].Rows, detectors.MinWindowN)
	case c.Rows[1].Rows < detectors.MinWindowN && c.Verdict != driftd.NoData:
		c.Verdict, c.Reason = driftd.Insufficient, fmt.Sprintf("the current file has %d rows; it takes %d", c.Rows[1].Rows, detectors.MinWindowN)
	case float64(c.Adjusted) <= level:
		c.Verdict, c.Reason = driftd.Drift, ""
	case c.Verdict == driftd.Insufficient:
		c.Reason = strings.Replace(c.Reason, "this window", "so many rows", 1)
	}
	if !c.Drift() {
		c.Moved = ""
	}
}

// differs says that the most usual test sees a difference, at the same level.
func (r *Report) differs(tests []SampleTest, columns int) bool {
	for _, t := range tests {
		if t.Name == "ks" || t.Name == "chi_square" {
			return float64(t.PValue) <= r.Level/float64(columns)
		}
	}
	return false
}

// others are the columns that are not compared.
func (r *Report) others(l *driftd.Layout, before, now *values) {
	empty := func(name string, v driftd.Verdict, why string) {
		r.Columns = append(r.Columns, Column{Name: name, Verdict: v, Reason: why, Effect: nan, PValue: nan, Adjusted: nan, MDE: nan, Tests: []driftd.TestResult{}, Measures: []driftd.TestResult{}, TwoSided: []SampleTest{}})
	}
	for _, x := range l.Excluded {
		empty(x.Name, LeftOut, "it "+x.Reason)
	}
	for _, name := range before.order {
		if now.columns[name] == nil {
			empty(name, Gone, "only "+r.Reference.Name+" has it")
		}
	}
	for _, name := range now.order {
		if before.columns[name] == nil {
			empty(name, Added, "only "+r.Current.Name+" has it")
		}
	}
}

// order puts what drifted first, the largest effect before others.
func (r *Report) order() {
	rank := map[driftd.Verdict]int{Gone: 0, driftd.Drift: 1, driftd.Insufficient: 2, driftd.NoData: 3, driftd.OK: 4, Added: 5, LeftOut: 6}
	slices.SortStableFunc(r.Columns, func(a, b Column) int {
		return cmp.Or(cmp.Compare(rank[a.Verdict], rank[b.Verdict]), cmp.Compare(float64(b.Effect), float64(a.Effect)), cmp.Compare(a.Name, b.Name))
	})
	for i := range r.Columns {
		if r.Columns[i].Drift() {
			r.Drifted++
		}
	}
}

var nan = driftd.Float(math.NaN())

func counts(l *driftd.ColumnLayout, p *driftd.ColumnProfile, missing uint64) Counts {
	c := Counts{Rows: p.Present() + missing, Nulls: p.Classes[driftd.Null] + missing, NaNs: p.Classes[driftd.NaN], TypeErrors: p.Classes[driftd.TypeError], Mean: nan, SD: nan}
	if l.Kind == driftd.Numeric {
		mean, sd := detectors.Moments(detectors.BinMasses(l, p))
		c.Mean, c.SD = driftd.Float(mean), driftd.Float(sd)
	}
	return c
}

// measures are all but p-values, which two-sample tests have on raw values.
func measures(kind driftd.Kind) (out []*detectors.Measure) {
	for i := range detectors.Measures {
		if m := &detectors.Measures[i]; !m.P && (kind == driftd.Numeric || m.Levels) {
			out = append(out, m)
		}
	}
	return out
}
