package compare

import (
	"github.com/driftd/driftd"
)

// Report is what two files have to say about each other.
type Report struct {
	Reference File    `json:"reference"`
	Current   File    `json:"current"`
	Level     float64 `json:"level"` // chance that any column is called drift where none has changed
	Drifted   int     `json:"drifted"`
	// Columns, those that drifted first, by effect.
	Columns []Column `json:"columns"`
	Notes   []string `json:"notes"`
}

// File is one side.
type File struct {
	Name string `json:"name"`
	Rows int    `json:"rows"`
}

// Verdicts beside those of windows.
const (
	// Gone: only the reference has the column. It counts as drift.
	Gone driftd.Verdict = "gone"
	// Added: only the other file has it; nothing to compare.
	Added driftd.Verdict = "added"
	// LeftOut: it is no column to compare, as an id or a clock is not.
	LeftOut driftd.Verdict = "left_out"
)

// Column is one column of both files.
type Column struct {
	Name    string         `json:"column"`
	Kind    string         `json:"kind"` // numeric, categorical, boolean
	Verdict driftd.Verdict `json:"verdict"`
	Reason  string         `json:"reason"`
	Rows    [2]Counts      `json:"rows"` // reference, current

	Effect   driftd.Float `json:"effect"`     // in reference standard deviations or the like
	PValue   driftd.Float `json:"p_value"`    // of the rule, over its tests
	Adjusted driftd.Float `json:"p_adjusted"` // by Holm over the columns; drift at Level or below
	MDE      driftd.Float `json:"mde"`        // smallest effect that would have shown, with power .8
	Moved    string       `json:"moved"`

	Tests    []driftd.TestResult `json:"tests"`      // of the rule
	Measures []driftd.TestResult `json:"measures"`   // statistic and bias-corrected effect
	TwoSided []SampleTest        `json:"two_sample"` // on raw values
	// SmallDifference: two-sample tests see a difference that the rule finds too
	// small to matter.
	SmallDifference bool `json:"small_difference"`

	chart chart
}

// Counts are a column's rows on one side, by what they hold.
type Counts struct {
	Rows       uint64       `json:"rows"`
	Nulls      uint64       `json:"nulls"` // missing ones too
	NaNs       uint64       `json:"nans"`
	TypeErrors uint64       `json:"type_errors"`
	Mean       driftd.Float `json:"mean"`
	SD         driftd.Float `json:"sd"`
}

// SampleTest is a two-sample test of raw values, both sides independent.
type SampleTest struct {
	Name      string       `json:"name"`
	Statistic driftd.Float `json:"statistic"`
	PValue    driftd.Float `json:"p_value"` // null: a distance without a law of its own
}

// Drift says that the column has changed, or is gone.
func (c *Column) Drift() bool { return c.Verdict == driftd.Drift || c.Verdict == Gone }
