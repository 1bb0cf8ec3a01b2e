package inspect

import (
	"math"
	"strconv"
	"time"

	"github.com/driftd/driftd/consumers"
)

func number(s string) (float64, bool) {
	x, err := strconv.ParseFloat(s, 64)
	return x, err == nil && !math.IsNaN(x) && !math.IsInf(x, 0)
}

// units are the scales of numbers that are times, in ns.
var units = []struct {
	unit  consumers.TimeUnit
	scale float64
}{{consumers.UnitSecond, 1e9}, {consumers.UnitMilli, 1e6}, {consumers.UnitMicro, 1e3}, {consumers.UnitNano, 1}}

// near is how far an event's time may be from its record's to be taken for a
// time whatever its name; far, when it is named as one.
const (
	near = 30 * 24 * time.Hour
	far  = 40 * 365 * 24 * time.Hour
)

// timing is what a field is worth as the event's time.
type timing struct {
	unit   consumers.TimeUnit
	share  float64 // of its values that are times close to their record's
	within time.Duration
	dates  bool // days without a time of day
	text   bool // RFC 3339 and the like
}

// timingOf judges a field. ok: at least nine in ten of its values are times.
func timingOf(f *field) (timing, bool) {
	n := f.scalars()
	if n == 0 || f.n[isBool] > 0 || f.n[isObject]+f.n[isArray] > n/10 {
		return timing{}, false
	}
	best := timing{}
	for _, within := range []time.Duration{near, far} {
		for _, u := range units {
			if s := shareNear(f, u.scale, within); s > best.share {
				best = timing{unit: u.unit, share: s, within: within}
			}
		}
		if s, dates := shareDates(f, within); s > best.share {
			best = timing{share: s, within: within, dates: dates, text: true}
		}
		if best.share >= .9 {
			return best, true
		}
	}
	return best, false
}

// shareNear is the share of values that, as numbers of a unit, are near their
// record's time; without one, in the years 2001 to 2100.
func shareNear(f *field, scale float64, within time.Duration) float64 {
	good := 0
	for _, s := range f.seen {
		if x, ok := number(s.text); ok && plausible(x*scale, s.at, within) {
			good++
		}
	}
	return float64(good) / float64(len(f.seen))
}

var (
	year2001 = float64(time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC).UnixNano())
	year2100 = float64(time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC).UnixNano())
)

func plausible(t float64, record int64, within time.Duration) bool {
	if record < 0 {
		return t > year2001 && t < year2100
	}
	return t > 0 && math.Abs(t-float64(record)) <= float64(within)
}

func shareDates(f *field, within time.Duration) (share float64, dates bool) {
	good, days := 0, 0
	for _, s := range f.seen {
		if _, isNumber := number(s.text); isNumber {
			continue
		}
		if t, ok := consumers.ParseTime(s.text); ok && plausible(float64(t), s.at, within) {
			good++
			if len(s.text) == len("2006-01-02") {
				days++
			}
		}
	}
	return float64(good) / float64(len(f.seen)), days > 0 && days == good
}

// findTime is the field with the event's time, nil when there is none. Named
// ones come first, then those of moments before those of days, then the ones
// near the top.
func (p *proposer) findTime() (*field, timing) {
	var best *field
	var bestTiming timing
	least := math.MaxInt
	for _, f := range p.fields.all {
		if !p.fields.usual(f) || !f.plain {
			continue
		}
		t, ok := timingOf(f)
		if !ok {
			continue
		}
		named := rank(timeNames, f.last())
		if named < 0 && (t.within == far || p.inFeatures(f)) {
			continue // a birthday, a price that happens to fit
		}
		if named < 0 {
			named = len(timeNames)
			if !t.text && !timeWord(f) {
				named += 20
			}
		}
		cost := named + 4*len(f.keys)
		if t.dates {
			cost += 100
		}
		if t.within == far {
			cost += 50
		}
		if !f.in(p.base) { // the envelope's: when it was wrapped
			cost += 200
		}
		if p.inFeatures(f) {
			cost += 100
		}
		if cost < least {
			best, bestTiming, least = f, t, cost
		}
	}
	return best, bestTiming
}

// timeWord says that a part of the name speaks of time.
func timeWord(f *field) bool {
	for _, w := range words(f.last()) {
		switch w {
		case "time", "timestamp", "ts", "date", "at", "ms", "epoch", "created", "millis":
			return true
		}
	}
	return false
}
