package classic

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/detectors"
)

// Limit is a measure and the value from which on it is drift: at or above it, of
// p-values below it.
type Limit struct {
	Measure *detectors.Measure
	// At is the limit; NaN: the mean of the measure over windows of the reference
	// and three standard deviations.
	At float64
}

// Rule decides by limits of one window's measures, as other tools do, instead of
// driftd's own rule: drift is where any of them is passed.
type Rule struct {
	// Name is its preset, or "" for Limits.
	Name   string
	Limits []Limit
}

// Presets of rules.
const (
	// PresetEvidently are the tests that Evidently takes by itself (EvidentlyDefault), on profiles.
	PresetEvidently = "evidently"
	// PresetNannyML is NannyML's default measure with its threshold, on profiles.
	PresetNannyML = "nannyml"
)

// Presets are the names of all of them.
var Presets = []string{PresetEvidently, PresetNannyML}

// evidentlyRows is how many rows of reference make Evidently leave p-values.
const evidentlyRows = 1000

// limits of the rule for a column: a preset chooses by the reference.
func (r *Rule) limits(c *detectors.Column) (out []Limit) {
	numbers := c.Layout.Kind == driftd.Numeric
	named := func(name string, at float64) []Limit { return []Limit{{detectors.MeasureNamed(name), at}} }
	switch r.Name {
	case PresetEvidently:
		rows := c.Ref.Profile.Present() + c.Ref.Missing
		few := numbers && len(c.Layout.Values) > 0 && len(c.Layout.Values) <= 5
		switch {
		case rows > evidentlyRows && numbers && !few:
			return named("w1", .1)
		case rows > evidentlyRows:
			return named("js", .1/math.Sqrt(math.Ln2)) // theirs is in nats
		case numbers && !few:
			return named("ks_p", .05)
		}
		return named("chi2_p", .05) // of two levels that is its z test
	case PresetNannyML:
		return named("js", math.NaN())
	}
	for _, l := range r.Limits {
		if numbers || l.Measure.Levels {
			out = append(out, l)
		}
	}
	return out
}

// Unfit says why the rule can say nothing of a column; "" where it can.
func (r *Rule) Unfit(kind driftd.Kind) string {
	if r.Name != "" || kind == driftd.Numeric {
		return ""
	}
	for _, l := range r.Limits {
		if l.Measure.Levels {
			return ""
		}
	}
	return fmt.Sprintf("rule %s is for numbers, and this column has categories: use %s", r, strings.Join(levelMeasures(), ", "))
}

func levelMeasures() (names []string) {
	for i := range detectors.Measures {
		if m := &detectors.Measures[i]; m.Levels {
			names = append(names, m.Name)
		}
	}
	return names
}

// String is the rule as config has it.
func (r *Rule) String() string {
	if r.Name != "" {
		return r.Name
	}
	var parts []string
	for _, l := range r.Limits {
		parts = append(parts, l.Measure.Name+": "+short(l.At))
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// MarshalText is String, for what is told of a config.
func (r *Rule) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// Applied is a rule made ready for a column's windows of one length. Not safe for
// concurrent use: it keeps the false alarm rates that it has computed.
type Applied struct {
	Rule   *Rule
	column *detectors.Column
	limits []Limit
	null   map[int]*Null // by the window's size, in powers of two
}

// Apply makes a rule ready.
func (r *Rule) Apply(c *detectors.Column) *Applied {
	return &Applied{Rule: r, column: c, limits: r.limits(c), null: map[int]*Null{}}
}

// Judge replaces what driftd's rule decided about a window by what this one does.
// Its measures are added to the decision's tests, with the rate of false alarms
// in their notes; the tests of driftd's rule stay to be seen. evaluable and reason are
// as Column.Judge has them; perWeek is how many windows of this length a week has.
func (a *Applied) Judge(w *detectors.ColumnWindow, evaluable bool, reason string, perWeek float64, d *detectors.Decision) {
	d.Flag, d.P, d.MDE, d.Strongest = false, math.NaN(), math.NaN(), ""
	d.Alpha = math.NaN()
	why := a.Rule.Unfit(a.column.Layout.Kind)
	switch {
	case why != "":
		d.Verdict, d.Evaluated, d.Reason = driftd.Insufficient, false, why
		return
	case d.Verdict == driftd.NoData:
		return
	}
	c := a.column.Compare(w, detectors.ClassicBins)
	if c == nil {
		d.Verdict, d.Evaluated, d.Reason = driftd.Insufficient, false, "no value in this window: a classic rule looks at values alone"
		return
	}
	null := a.Null(c.N())
	var passed []string
	for i, l := range a.limits {
		statistic, effect := l.value(c)
		t := driftd.TestResult{Name: driftd.RulePrefix + l.Measure.Name, Statistic: driftd.Float(statistic), Effect: driftd.Float(effect), Threshold: driftd.Float(null.Limits[i]),
			PValue: driftd.Float(math.NaN()), Note: null.Note(perWeek)}
		if t.Drift = l.passed(statistic, null.Limits[i]); t.Drift {
			passed = append(passed, fmt.Sprintf("%s %s, limit %s", l.Measure.Name, short(statistic), short(null.Limits[i])))
		}
		d.Tests = append(d.Tests, t)
	}
	d.Alpha = null.Rate()
	switch {
	case !evaluable || d.N < detectors.MinWindowN:
		d.Verdict, d.Evaluated, d.Reason = driftd.Insufficient, false, reason
		if evaluable {
			d.Reason = fmt.Sprintf("fewer than %d events", detectors.MinWindowN)
		}
	case passed != nil:
		d.Verdict, d.Evaluated, d.Flag, d.Reason = driftd.Drift, true, true, ""
		d.Moved = strings.Join(append(passed, a.column.Moved(w)...), "; ")
	default:
		d.Verdict, d.Evaluated, d.Reason = driftd.OK, true, ""
	}
}

// value is what the limit is of: w1 in standard deviations, others as they are.
func (l Limit) value(c *detectors.Comparison) (statistic, effect float64) {
	statistic, effect = l.Measure.Of(c)
	if l.Measure.Name == "w1" {
		statistic = effect
	}
	return statistic, effect
}

func (l Limit) passed(x, at float64) bool {
	if l.Measure.P {
		return x < at
	}
	return x >= at
}

// short writes up to three digits.
func short(x float64) string { return strconv.FormatFloat(x, 'g', 3, 64) }
