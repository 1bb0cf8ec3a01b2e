package detectors

import (
	"math"
	"testing"
	"time"
)

// STATISTICS 4.1: alpha = b g / (windows a week x columns x series).
func TestBudgetAlpha(t *testing.T) {
	const hour, day, week = time.Hour, 24 * time.Hour, 7 * 24 * time.Hour
	one := Budget{PagesPerWeek: 1, Columns: 30, Series: 1, Lengths: []time.Duration{hour}}
	both := one
	both.Lengths = []time.Duration{hour, day}
	three := one
	three.Lengths = []time.Duration{hour, day, week}
	segments := both
	segments.Series = 4
	for _, c := range []struct {
		name   string
		b      Budget
		length time.Duration
		want   float64
	}{
		{"hours alone take all", one, hour, 1. / (168 * 30)}, // 1.98e-4
		{"hours .7", both, hour, .7 / (168 * 30)},
		{"days .3, capped", both, day, MaxAlpha}, // .3/(7 x 30) = .0014
		{"days .3 over 4 series", segments, day, .3 / (7 * 30 * 4)},
		{"two longer lengths share .3", three, day, .15 / (7 * 30)},
		{"a week is capped", three, week, MaxAlpha},
		{"no columns", Budget{PagesPerWeek: 1, Series: 1, Lengths: []time.Duration{hour}}, hour, 0},
		{"no series", Budget{PagesPerWeek: 1, Columns: 1, Lengths: []time.Duration{hour}}, hour, 0},
		{"no windows", Budget{PagesPerWeek: 1, Columns: 1, Series: 1}, hour, 0},
	} {
		if got := c.b.Alpha(c.length); math.Abs(got-c.want) > 1e-15 {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
	if a := one.Alpha(hour); math.Abs(a-1.98e-4) > 1e-6 {
		t.Errorf("b 1, 30 columns, hours alone: %v, want 1.98e-4", a)
	}
	// What all tests of a week may spend together stays within the promise.
	for _, b := range []Budget{one, both, three, segments} {
		spent := 0.0
		for _, l := range b.Lengths {
			spent += b.Alpha(l) * float64(week/l) * float64(b.Columns*b.Series)
		}
		if spent > b.PagesPerWeek*(1+1e-12) {
			t.Errorf("%+v spends %v", b, spent)
		}
	}
}
