package driftd

import (
	"fmt"
	"time"
)

// Reference is what windows of one series are compared with: counts in a
// layout, and how the windows of the reference period varied around them.
// Immutable; named by the SHA-256 of its stored bytes.
type Reference struct {
	Model, Segment string
	Layout         string // fingerprint of the layout that the counts are in
	Fingerprint    string // hex SHA-256 of the stored bytes; set by internal/wire
	Source         string // where it came from, for people
	From, To       int64  // span of event time (ns); both 0 for a flat sample
	Events         uint64
	Groups         [groupCount]uint64
	Columns        []ColumnReference // as Layout.Columns
	Scales         []Scale           // one for each window length; empty for a flat sample
	// SelfTest is an A/A test of the base windows that the reference is of.
	SelfTest SelfTest
	// Timezone names the zone whose hours the slots of the scales are; "" where no
	// scale has slots. Live windows get their slots in it, whatever config says later.
	Timezone string
}

// SelfTest is how often the rule flags a reference's own windows when they are
// judged by other windows of it, as if they were live: at a level of .001 some .001 of
// them, where nothing moved inside the reference and the rule keeps its word.
type SelfTest struct {
	Windows uint32 // windows of columns that were judged; 0: no test was possible
	Flags   uint32 // of them
}

// ColumnReference holds a column's counts over the whole reference.
type ColumnReference struct {
	Profile    ColumnProfile
	Missing    uint64
	Singletons uint64 // categorical: levels seen once
}

// Scale is what was fitted for windows of one length.
type Scale struct {
	Length  time.Duration
	Windows int // complete windows of the reference, of any size
	MedianN float64
	Columns []ColumnScale
}

// ColumnScale is a column's fitted dispersion at one window length.
type ColumnScale struct {
	Windows  int     // windows with at least 50 values
	MedianN  float64 // of values a window
	MaxN     float64
	Fits     []Fit
	Residual ResidualFit
	// Kept are the categories tested one by one at this length; the others are
	// pooled into the last tested level.
	Kept     []int
	NewShare float64 // share of values whose level occurs in no other window
	// SlotDays are the days on which a slot had a window with at least 50 events
	// of the column's group: SlotCount of them, or none for a fixed baseline.
	SlotDays []uint32
}

// Seasonal says that the column is compared with the usual for the hour.
func (s *ColumnScale) Seasonal() bool { return s.SlotDays != nil }

// Inherited says that how windows vary is taken over from an earlier reference.
func (s *ColumnScale) Inherited() bool {
	for i := range s.Fits {
		if s.Fits[i].MeanRE > 0 {
			return true
		}
	}
	return false
}

// Fit is the fitted variance of one score about its reference value:
// v(n) = D/n + Tau2, or V when the reference windows were all of about one size
// (Pooled). See detectors.FitScore.
type Fit struct {
	Name    string
	R       int     // windows used
	RE      float64 // R after autocorrelation between windows
	D, Tau2 float64
	Pooled  bool
	V       float64
	MedianN float64
	MaxN    float64
	// MeanRE is RE of the windows that the reference's own counts are of, where
	// the dispersion is that of an earlier reference (accepted changes); 0: RE.
	MeanRE float64
	// LRV is the long-run variance of the standardised score, 1 or more: how many
	// times more its sums over windows vary than independent ones would; 0: too few
	// windows to know.
	LRV float64
	// A seasonal score: its variance is that about SlotMeans, the mean score of
	// each slot; SlotDays are the days that the mean is of. Both have SlotCount
	// values, or none where the baseline is fixed or the score is constant. Means
	// are float32: seven digits of a number whose standard error is a hundredth.
	SlotMeans []float32
	SlotDays  []uint32
}

// Seasonal says that the score has a mean for each slot.
func (f *Fit) Seasonal() bool { return f.SlotMeans != nil }

// ResidualFit is the fitted distribution of log(n Xr) (see detectors.Residual).
type ResidualFit struct {
	R       int
	MeanLog float64
	SDLog   float64
	MeanNX  float64 // mean of n_w Xr_w
	MeanNC  float64 // categorical: mean of n_w X_w over the pooled levels
	MaxN    float64
	// MeanSlotNC is MeanNC against the slot's own shares; 0 for a fixed baseline.
	MeanSlotNC float64
}

// Scale finds the fitted scale for a window length, nil when there is none.
func (r *Reference) Scale(length time.Duration) *Scale {
	for i := range r.Scales {
		if r.Scales[i].Length == length {
			return &r.Scales[i]
		}
	}
	return nil
}

// Flat says that the reference is one sample without windows: results under it
// assume independent events and carry no guarantee.
func (r *Reference) Flat() bool { return len(r.Scales) == 0 }

// Location is the zone of the slots; UTC for a reference without. An error means
// that this machine's database of time zones is too old for it.
func (r *Reference) Location() (*time.Location, error) {
	if r.Timezone == "" {
		return time.UTC, nil
	}
	loc, err := time.LoadLocation(r.Timezone)
	if err != nil {
		return nil, fmt.Errorf("the reference's seasonal slots are hours of %s: %w; bring the time zones of this machine up to date", r.Timezone, err)
	}
	return loc, nil
}
