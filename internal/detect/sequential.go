package detect

import (
	"fmt"
	"math"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/detectors"
	"github.com/driftd/driftd/detectors/stream"
)

// Sequence is a sequential detector of one column between two base windows.
type Sequence struct {
	Column   string
	Detector string // stream.Spec.String; of cusum with the score
	Basis    string // fingerprint of what its numbers are measured by: the layout; of cusum the reference
	State    []byte // stream.Detector.AppendState; not changed in place
}

// Notes of results. Nothing that is noted here pages.
const (
	noteNoBudget = "shown only: no false alarm budget can be stated for it"
	noteYearly   = "shown only: one false alarm in %.0f windows is expected, which is one a year over all columns of the series"
)

// sequential gives one column's base window to its detectors. A window is taken
// where the rule evaluated it: complete, not late, with events enough. Windows
// are taken in order of time, because they close so; so it does not matter how
// the frontier's way is cut into steps.
type sequential struct {
	use       *Use
	column    *detectors.Column
	profile   *driftd.ColumnProfile
	decision  *detectors.Decision
	result    *driftd.ColumnResult
	runLength float64
	before    []Sequence // of all columns
	after     []Sequence
}

func (q *sequential) run(spec stream.Spec) {
	if why := Unfit(spec, q.column.Layout); why != "" {
		q.say(spec.Method.Name, nil, false, false, why)
		return
	}
	if spec.Method.Name == stream.MethodCUSUM {
		q.cusum()
		return
	}
	d := spec.New()
	q.feed(spec.Method.Name, spec.String(), q.use.Layout.Fingerprint, d, q.value(), noteNoBudget)
}

// Unfit says why a method can take no number of a column; "" where it can.
func Unfit(spec stream.Spec, l *driftd.ColumnLayout) string {
	if l.Kind == driftd.Pairs {
		return spec.Method.Name + " takes one number of a window, and pairs have many"
	}
	if !spec.Method.Shares || l.Kind != driftd.Numeric {
		return ""
	}
	if n := len(l.Upper); n > 0 && l.Min >= 0 && l.Upper[n-1] <= 1 {
		return ""
	}
	if n := len(l.Values); n > 0 && l.Values[0] >= 0 && l.Values[n-1] <= 1 {
		return ""
	}
	return spec.Method.Name + " takes shares from 0 to 1, and this column has other numbers: use adwin, page_hinkley, kswin or cusum"
}

// value is what River's detectors are given: the mean of a numeric column, the
// share of RateCategory of another; NaN where the window has none.
func (q *sequential) value() float64 {
	if q.column.Layout.Kind == driftd.Numeric {
		return float64(q.result.Mean)
	}
	p := q.profile
	n := p.Placed() + p.Classes[driftd.RareLevel] + p.Classes[driftd.NewLevel]
	i := detectors.RateCategory(q.column.Layout)
	if n == 0 || i >= len(p.Counts) {
		return math.NaN()
	}
	return float64(p.Counts[i]) / float64(n)
}

// cusum sums each of the column's standardised scores by itself.
func (q *sequential) cusum() {
	if why := q.column.NoLongRun(); why != "" {
		q.say(stream.MethodCUSUM, nil, false, false, why)
		return
	}
	note := fmt.Sprintf(noteYearly, q.runLength)
	h := stream.CUSUMLimit(stream.CUSUMShift, q.runLength)
	names := []string{detectors.TestCategory}
	if q.column.Layout.Kind == driftd.Numeric {
		names = detectors.ScoreNames()
	}
	for _, name := range names {
		score := detectors.Standardised{Z: math.NaN(), LRV: 1}
		for _, s := range q.decision.Standard {
			if s.Name == name {
				score = s
			}
		}
		if !(score.LRV >= 1) {
			continue // a stored reference that nobody has written
		}
		d := &stream.CUSUM{K: stream.CUSUMShift, H: h, LRV: score.LRV}
		q.feed(stream.MethodCUSUM+"_"+name, stream.MethodCUSUM+"/"+name, q.use.Reference.Fingerprint, d, score.Z, note)
	}
}

// feed restores a detector, gives it a value where there is one, and keeps it.
func (q *sequential) feed(name, detector, basis string, d stream.Detector, x float64, note string) {
	column := q.column.Layout.Name
	var state []byte
	for i := range q.before {
		if b := &q.before[i]; b.Column == column && b.Detector == detector && b.Basis == basis {
			state = b.State
		}
	}
	if state != nil {
		if err := d.ReadState(state); err != nil {
			note, state = "began anew: "+err.Error(), nil
		}
	}
	take := q.decision.Evaluated && !math.IsNaN(x) && !math.IsInf(x, 0)
	if !take && state == nil {
		return // it has seen nothing yet
	}
	if take {
		drift, warning := d.Update(x)
		state = d.AppendState(nil)
		q.say(name, d, drift, warning, note)
	}
	q.after = append(q.after, Sequence{Column: column, Detector: detector, Basis: basis, State: state})
}

// say adds a detector's line to the column's result.
func (q *sequential) say(name string, d stream.Detector, drift, warning bool, note string) {
	t := driftd.TestResult{Name: name, Statistic: driftd.Float(math.NaN()), Effect: driftd.Float(math.NaN()), Threshold: driftd.Float(math.NaN()), PValue: driftd.Float(math.NaN()),
		Drift: drift, Warning: warning, Note: note}
	if d != nil {
		if s, l, ok := d.Level(); ok {
			t.Statistic, t.Threshold = driftd.Float(s), driftd.Float(l)
		}
	}
	q.result.Tests = append(q.result.Tests, t)
}
