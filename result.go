package driftd

import (
	"encoding/json"
	"math"
	"strconv"
	"time"
)

// Verdict is what is said about a window.
type Verdict string

// The verdicts.
const (
	OK           Verdict = "ok"
	Drift        Verdict = "drift"
	Insufficient Verdict = "insufficient"
	Learning     Verdict = "learning"
	NoData       Verdict = "no_data"
)

// Float is a number that JSON may lack: NaN and infinities are written as null.
type Float float64

// MarshalJSON writes the shortest form that reads back to the same float.
func (f Float) MarshalJSON() ([]byte, error) {
	x := float64(f)
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return []byte("null"), nil
	}
	return strconv.AppendFloat(nil, x, 'g', -1, 64), nil
}

// UnmarshalJSON reads null as NaN.
func (f *Float) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*f = Float(math.NaN())
		return nil
	}
	x, err := strconv.ParseFloat(string(b), 64)
	*f = Float(x)
	return err
}

// TestResult is one number of a column's window: a test of the rule when
// PValue is set, a displayed effect size when it is null.
type TestResult struct {
	Name      string `json:"name"`
	Statistic Float  `json:"statistic"`
	Effect    Float  `json:"effect"`
	Threshold Float  `json:"threshold"`
	PValue    Float  `json:"p_value"`
	// Without a p-value: sequential detectors, which look at all windows up to this
	// one and decide nothing, and limits of a classic rule (RulePrefix), which do.
	// Drift: it says so in this window.
	Drift   bool   `json:"drift,omitempty"`
	Warning bool   `json:"warning,omitempty"`
	Note    string `json:"note,omitempty"` // what it promises, or why it has no number
}

// RulePrefix begins the name of a test that is a limit of a classic rule.
const RulePrefix = "rule_"

// Stamp is what every result carries beside its numbers.
type Stamp struct {
	Reference  string            `json:"reference"` // fingerprint, "" when there is none
	Revision   int64             `json:"revision"`  // driftd.profiles offset at closing
	ConfigHash string            `json:"config_hash,omitempty"`
	Version    string            `json:"version,omitempty"`
	Labels     map[string]string `json:"labels,omitempty"`
}

// WindowResult is a series' window.
type WindowResult struct {
	Kind         string    `json:"kind"` // "window"
	Model        string    `json:"model"`
	Segment      string    `json:"segment"`
	WindowIndex  *int64    `json:"window_index,omitempty"` // replay only
	WindowStart  time.Time `json:"window_start"`
	WindowEnd    time.Time `json:"window_end"`
	WindowLength int64     `json:"window_length"` // seconds
	N            uint64    `json:"n"`
	Late         uint64    `json:"late"`
	Complete     int       `json:"complete"` // 1 or 0
	Reason       string    `json:"reason"`
	Verdict      Verdict   `json:"verdict"`
	Flags        int       `json:"flags"` // columns flagged
	Columns      int       `json:"columns"`
	Unknown      uint64    `json:"unknown"` // values in columns outside the layout
	UnknownNames []string  `json:"unknown_names,omitempty"`
	// Listed are the columns that Benjamini and Hochberg's procedure lists at a
	// false discovery rate of 5 % where a column flagged: for the reader of a page,
	// never for the decision to send one.
	Listed []string `json:"listed,omitempty"`
	Stamp
}

// ColumnResult is a column's window.
type ColumnResult struct {
	Kind         string       `json:"kind"` // "column"
	Model        string       `json:"model"`
	Segment      string       `json:"segment"`
	Column       string       `json:"column"`
	WindowIndex  *int64       `json:"window_index,omitempty"`
	WindowStart  time.Time    `json:"window_start"`
	WindowEnd    time.Time    `json:"window_end"`
	WindowLength int64        `json:"window_length"` // seconds
	N            uint64       `json:"n"`
	NEff         Float        `json:"n_eff"`
	Effect       Float        `json:"effect"`
	PValue       Float        `json:"p_value"`
	Alpha        Float        `json:"alpha"`
	MDE          Float        `json:"mde"`
	Verdict      Verdict      `json:"verdict"`
	Flag         bool         `json:"flag"`
	Evaluated    bool         `json:"evaluated"`       // counts for 2 of 3: complete, not late, enough events and windows
	Score        Float        `json:"score"`           // signed score of the main test, for sudden or gradual
	Moved        string       `json:"moved,omitempty"` // what moved, in words
	Tests        []TestResult `json:"tests"`
	Bins         []uint64     `json:"bins"`      // under, bins, over; or categories, rare, new
	Quantiles    []Float      `json:"quantiles"` // numeric: .05 .25 .5 .75 .95; else empty
	Mean         Float        `json:"mean"`
	Nulls        uint64       `json:"nulls"` // null and missing
	NaNs         uint64       `json:"nans"`
	TypeErrors   uint64       `json:"type_errors"`
	Complete     int          `json:"complete"`
	Reason       string       `json:"reason"`
	Late         uint64       `json:"late"`
	Provisional  bool         `json:"provisional"`
	Watched      bool         `json:"watched"` // false: muted, never paged
	// Baseline is BaselineSeasonal where the window was compared with the usual
	// for its hour, "" where with the whole reference.
	Baseline string `json:"baseline,omitempty"`
	Stamp
}

// BaselineSeasonal marks a column's result that is against the usual for the hour.
const BaselineSeasonal = "seasonal"

// IncidentColumn is one column of an incident.
type IncidentColumn struct {
	Column    string    `json:"column"`
	Test      string    `json:"test"`
	Effect    Float     `json:"effect"`
	FirstFlag time.Time `json:"first_flag"`
	Moved     string    `json:"moved,omitempty"`
	PValue    Float     `json:"p_value"`
	Threshold Float     `json:"threshold"`
	N         uint64    `json:"n"`
}

// Incident states.
const (
	StateOpen     = "open"
	StateResolved = "resolved"
	StateAccepted = "accepted"
)

// IncidentResult is an incident at a change of its state.
type IncidentResult struct {
	Kind        string           `json:"kind"` // "incident"
	ID          string           `json:"id"`
	Model       string           `json:"model"`
	Segment     string           `json:"segment"`
	Type        string           `json:"type"` // "drift", "schema_break" or "no_data"
	State       string           `json:"state"`
	Severity    string           `json:"severity"`
	Historic    bool             `json:"historic"`
	Provisional bool             `json:"provisional"`
	OpenedAt    time.Time        `json:"opened_at"`
	DriftSince  time.Time        `json:"drift_since"`
	ResolvedAt  *time.Time       `json:"resolved_at"`
	ChangedAt   time.Time        `json:"changed_at"` // end of the window that changed it
	Pace        string           `json:"pace"`       // "sudden", "gradual" or ""
	Columns     []IncidentColumn `json:"columns"`
	Summary     string           `json:"summary"`
	Stamp

	// Where says which segment most of it is in. For the alert alone: it is found
	// after the result, from what segments have shown by then.
	Where string `json:"-"`
}

// Result is one record of driftd.results: exactly one field is set.
type Result struct {
	Window   *WindowResult
	Column   *ColumnResult
	Incident *IncidentResult
}

// MarshalJSON writes the one object that is set.
func (r Result) MarshalJSON() ([]byte, error) {
	switch {
	case r.Window != nil:
		return json.Marshal(r.Window)
	case r.Column != nil:
		return json.Marshal(r.Column)
	}
	return json.Marshal(r.Incident)
}

// UnmarshalJSON reads an object by its kind.
func (r *Result) UnmarshalJSON(b []byte) error {
	var k struct {
		Kind string `json:"kind"`
	}
	if err := json.Unmarshal(b, &k); err != nil {
		return err
	}
	*r = Result{}
	switch k.Kind {
	case "window":
		r.Window = new(WindowResult)
		return json.Unmarshal(b, r.Window)
	case "column":
		r.Column = new(ColumnResult)
		return json.Unmarshal(b, r.Column)
	case "incident":
		r.Incident = new(IncidentResult)
		return json.Unmarshal(b, r.Incident)
	}
	return &json.UnsupportedValueError{Str: "result of unknown kind " + strconv.Quote(k.Kind)}
}

// Series of the result.
func (r Result) Series() Series {
	switch {
	case r.Window != nil:
		return Series{r.Window.Model, r.Window.Segment}
	case r.Column != nil:
		return Series{r.Column.Model, r.Column.Segment}
	}
	return Series{r.Incident.Model, r.Incident.Segment}
}
