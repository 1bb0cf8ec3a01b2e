package reference

import (
	"fmt"
	"time"
	_ "time/tzdata" // zones by name, whatever the machine has

	"github.com/driftd/driftd"
)

// What a series is compared with. Auto: seasonal slots (driftd.Slot) where the
// reference is long enough, the whole reference where it is not.
const (
	BaselineAuto  = "auto"
	BaselineFixed = "fixed"
)

// SeasonalSpan is how much time the complete base windows of a series must span
// for seasonal slots: each hour on at least two days of a weekend.
const SeasonalSpan = 7 * 24 * time.Hour

// zone is where days begin.
func (o *Options) zone() *time.Location {
	if o.Location == nil {
		return time.UTC
	}
	return o.Location
}

// checkBaseline finds what would make slots that nobody else could read.
func (o *Options) checkBaseline() error {
	switch o.Baseline {
	case BaselineFixed:
		return nil
	case "", BaselineAuto:
	default:
		return fmt.Errorf("baseline %q: it is %s or %s", o.Baseline, BaselineAuto, BaselineFixed)
	}
	name := o.zone().String()
	if _, err := time.LoadLocation(name); err != nil || name == "Local" {
		return fmt.Errorf("time zone %q is not known by this name on other machines: use one such as Europe/Berlin, or baseline %s", name, BaselineFixed)
	}
	return nil
}

// seasonal says whether a series with these complete base windows, in order, has
// slots. A row clock has no hours of a day.
func (o *Options) seasonal(windows []*windowCounts) bool {
	if o.Baseline == BaselineFixed || o.Whole || len(windows) == 0 {
		return false
	}
	return longEnough(windows[0].start, windows[len(windows)-1].start, o.Lengths[0])
}

// longEnough says that the windows from one start to another span SeasonalSpan.
func longEnough(first, last int64, base time.Duration) bool {
	return driftd.HasSlots(base) && time.Duration(last-first)+base >= SeasonalSpan
}
