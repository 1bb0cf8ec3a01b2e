package driftd

import (
	"math"
	"strconv"
	"time"
)

// Times are Unix nanoseconds (int64) inside the program: comparable, exact, and
// without allocation. They reach from 1677 to 2262; what lies outside saturates.

// MaxTime and MinTime bound every time; a time that cannot be held saturates.
const (
	MaxTime = int64(math.MaxInt64)
	MinTime = int64(math.MinInt64)
)

// FloorTo rounds t down to a multiple of unit (both in nanoseconds; unit > 0),
// also for times before 1970.
func FloorTo(t, unit int64) int64 {
	r := t % unit
	if r < 0 {
		r += unit
	}
	if t < MinTime+r {
		return MinTime
	}
	return t - r
}

// Window is a span of event time [Start, End) in nanoseconds, and the length
// that it was cut with (a day of a time zone may have 23 or 25 hours).
type Window struct {
	Length     time.Duration
	Start, End int64
}

// WindowAt is the window of the given length that holds time t. Lengths that
// are whole days are cut in loc; shorter ones, and weeks, are aligned to UTC.
func WindowAt(t int64, length time.Duration, loc *time.Location) Window {
	const day = 24 * time.Hour
	if length == day && loc != nil && loc != time.UTC {
		local := time.Unix(0, t).In(loc)
		start := time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, loc)
		end := time.Date(local.Year(), local.Month(), local.Day()+1, 0, 0, 0, 0, loc)
		return Window{Length: length, Start: start.UnixNano(), End: end.UnixNano()}
	}
	start := FloorTo(t, int64(length))
	return Window{Length: length, Start: start, End: start + int64(length)}
}

// PerWeek is how many windows of the length a week has.
func PerWeek(length time.Duration) float64 {
	return float64(7*24*time.Hour) / float64(length)
}

// RowTime is the row clock of files without times: row i of a file that has
// perWindow rows an hour stands at start + floor(i * 3600e9 / perWindow).
func RowTime(start int64, i, perWindow int64) int64 {
	const hour = int64(time.Hour)
	// i*hour overflows after 2.5 M rows: split the quotient.
	return start + i/perWindow*hour + i%perWindow*hour/perWindow
}

// FormatLength writes a window length as people do: 1h, 1d, 90m.
func FormatLength(d time.Duration) string {
	switch day := 24 * time.Hour; {
	case d >= day && d%day == 0:
		return strconv.Itoa(int(d/day)) + "d"
	case d >= time.Hour && d%time.Hour == 0:
		return strconv.Itoa(int(d/time.Hour)) + "h"
	case d >= time.Minute && d%time.Minute == 0:
		return strconv.Itoa(int(d/time.Minute)) + "m"
	}
	return d.String()
}
