package inspect

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
)

// Delay is how much later than their events records were written, over the
// events that have a time and whose record has one.
type Delay struct {
	Events    int      `json:"events"` // that have both times
	P50       Duration `json:"p50"`
	P99       Duration `json:"p99"`
	P999      Duration `json:"p99_9"`
	Max       Duration `json:"max"`
	Ahead     float64  `json:"ahead"`     // share of events later than their record
	FarAhead  float64  `json:"far_ahead"` // by more than max_skew: dead letters
	TooOld    float64  `json:"too_old"`   // share older than the proposed max_age
	Lateness  Duration `json:"lateness"`  // proposed
	MaxAge    Duration `json:"max_age"`   // proposed
	WithoutIt int      `json:"without_time"`

	sorted []time.Duration
}

// Duration is written as the config writes it: 2m, 1h30m, 1d.
type Duration time.Duration

const day = 24 * time.Hour

// String is the duration in the config's form, rounded to milliseconds.
func (d Duration) String() string {
	x := time.Duration(d).Round(time.Millisecond)
	if x == 0 {
		return "0s"
	}
	var b strings.Builder
	if x < 0 {
		b.WriteByte('-')
		x = -x
	}
	for _, u := range []struct {
		unit time.Duration
		name string
	}{{day, "d"}, {time.Hour, "h"}, {time.Minute, "m"}, {time.Second, "s"}, {time.Millisecond, "ms"}} {
		if n := x / u.unit; n > 0 {
			fmt.Fprintf(&b, "%d%s", n, u.name)
			x -= n * u.unit
		}
	}
	return b.String()
}

// MarshalText implements encoding.TextMarshaler.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// The config's defaults and bounds (internal/config, source.go).
const (
	defaultLateness = 2 * time.Minute
	defaultMaxAge   = day
	defaultMaxBytes = 4 << 20
	maxSkew         = 5 * time.Minute
	mostLateness    = day
	mostAge         = 3650 * day
	mostBytes       = 256 << 20
)

var niceLateness = []time.Duration{2 * time.Minute, 3 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 20 * time.Minute, 30 * time.Minute, 45 * time.Minute,
	time.Hour, 90 * time.Minute, 2 * time.Hour, 3 * time.Hour, 4 * time.Hour, 6 * time.Hour, 8 * time.Hour, 12 * time.Hour, mostLateness}

var niceAge = []time.Duration{day, 2 * day, 3 * day, 7 * day, 14 * day, 30 * day, 90 * day, 365 * day, mostAge}

// roundUp is the least nice duration that is not below d, or the greatest.
func roundUp(nice []time.Duration, d time.Duration) time.Duration {
	for _, n := range nice {
		if n >= d {
			return n
		}
	}
	return nice[len(nice)-1]
}

// quantile is the smallest of the sorted x that at least a share q of them does
// not exceed (Hyndman and Fan 1996, definition 1).
func quantile(x []time.Duration, q float64) time.Duration {
	return x[max(0, int(math.Ceil(q*float64(len(x))))-1)]
}

// judgeTimes fills Delay and Rate and proposes lateness and max_age.
func (r *Report) judgeTimes(d *decoded, p *proposer) {
	r.Rate = rate(d.events)
	y := r.measure(d.events, maxSkew)
	if y == nil {
		return
	}
	y.MaxAge = Duration(defaultMaxAge)
	if y.Max > Duration(defaultMaxAge) {
		y.MaxAge = Duration(roundUp(niceAge, time.Duration(y.Max)))
	}
	y.TooOld = y.older(time.Duration(y.MaxAge))
	r.Source.Lateness, r.Source.MaxAge = time.Duration(y.Lateness), time.Duration(y.MaxAge)
	r.tellDelay(y)
}

// measure fills Delay but for what depends on max_age; nil when no event has both
// times.
func (r *Report) measure(events []decodedEvent, maxSkew time.Duration) *Delay {
	var delays []time.Duration
	without, unstamped := 0, 0
	ahead, farAhead := 0, 0
	for _, e := range events {
		switch {
		case e.time == noTime:
			without++
			continue
		case e.record == noTime:
			unstamped++
			continue
		}
		x := time.Duration(saturated(e.record, e.time))
		delays = append(delays, x)
		if x < 0 {
			ahead++
		}
		if x < -maxSkew {
			farAhead++
		}
	}
	if unstamped > 0 {
		r.note(fmt.Sprintf("%d events are in records without a timestamp (written by a very old producer): bounds on time cannot be checked", unstamped))
	}
	if len(delays) == 0 {
		return nil
	}
	if without > 0 {
		r.note(fmt.Sprintf("%d of %d events have no time: their Kafka record's is used", without, len(events)))
	}
	slices.Sort(delays)
	n := float64(len(delays))
	y := &Delay{Events: len(delays), P50: Duration(quantile(delays, .5)), P99: Duration(quantile(delays, .99)), P999: Duration(quantile(delays, .999)),
		Max: Duration(delays[len(delays)-1]), Ahead: float64(ahead) / n, FarAhead: float64(farAhead) / n, WithoutIt: without, sorted: delays}
	r.Delay = y
	y.Lateness = Duration(roundUp(niceLateness, time.Duration(y.P999)))
	return y
}

// older is the share of events that are older than age.
func (y *Delay) older(age time.Duration) float64 {
	n := 0
	for _, x := range y.sorted {
		if x > age {
			n++
		}
	}
	return float64(n) / float64(len(y.sorted))
}

func saturated(a, b int64) int64 {
	d := a - b
	if (d > a) != (b < 0) { // it wrapped around
		if b < 0 {
			return math.MaxInt64
		}
		return math.MinInt64
	}
	return d
}

func (r *Report) tellDelay(y *Delay) {
	if y.P999 > Duration(mostLateness) {
		r.note(fmt.Sprintf("events come up to %s after they happened, more than lateness allows (1d): if old data were loaded into the topic, begin behind them (start: latest)", y.P999))
	}
	if y.TooOld > 0 {
		r.note(fmt.Sprintf("%.1f %% of the events are older than the greatest max_age (3650d) and will be counted as too_old", 100*y.TooOld))
	}
	if y.FarAhead == 0 {
		return
	}
	r.note(fmt.Sprintf("%.1f %% of the events are more than 5m later than their record and become dead letters (too_far_ahead): mend the producer's clock, or raise sources[].max_skew", 100*y.FarAhead))
	half := 30 * time.Minute
	if m := -time.Duration(y.P50); m >= half-2*time.Minute && (m-m.Round(half)).Abs() <= 2*time.Minute {
		r.note(fmt.Sprintf("half of them are about %s ahead, a whole time zone: the producer seems to write local time without an offset, which is read as UTC", Duration(m.Round(half))))
	}
}

// rate is events a second by record time, over the stretch of each partition
// that was read, summed; 0 when no stretch has a length. The events of a
// stretch's first moment open it and are not in it.
func rate(events []decodedEvent) float64 {
	type stretch struct {
		n, first int
		from, to int64
	}
	parts := map[int]*stretch{}
	for _, e := range events {
		if e.record == noTime {
			continue
		}
		s := parts[e.partition]
		if s == nil {
			s = &stretch{from: e.record, to: e.record}
			parts[e.partition] = s
		}
		if e.record < s.from {
			s.from, s.first = e.record, 0
		}
		if e.record == s.from {
			s.first++
		}
		s.n++
		s.to = max(s.to, e.record)
	}
	sum := 0.
	for _, p := range slices.Sorted(maps.Keys(parts)) {
		if s := parts[p]; s.to > s.from {
			sum += float64(s.n-s.first) / (float64(s.to-s.from) / 1e9)
		}
	}
	return sum
}

// size proposes max_record_bytes where records exceed its default.
func (r *Report) size(records []Record) {
	most := 0
	for _, x := range records {
		most = max(most, len(x.Value))
	}
	if most <= defaultMaxBytes {
		return
	}
	for size := 2 * defaultMaxBytes; size <= mostBytes; size *= 2 {
		if size >= most {
			r.Source.MaxBytes = size
			r.note(fmt.Sprintf("the largest record has %.1f MiB: max_record_bytes is raised", float64(most)/(1<<20)))
			return
		}
	}
}
