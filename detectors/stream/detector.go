package stream

import "math"

// Detector looks for a change in a stream of values.
type Detector interface {
	// Update takes the next value and says whether the stream has changed, or
	// might be about to. After a drift the next Update begins anew. A value that the
	// detector cannot take (NaN, infinite, above MaxValue in size; for detectors of
	// shares outside [0, 1]) changes nothing and gives false, false.
	Update(x float64) (drift, warning bool)

	// Level is what the last Update compared: it spoke where statistic was beyond
	// threshold. Both are finite; ok is false while there is nothing to compare.
	Level() (statistic, threshold float64, ok bool)

	// AppendState adds the state to b: not the settings, and the same bytes for the
	// same state. ReadState goes on from such bytes in a detector of the same
	// settings, bit for bit; after an error the detector is as it was.
	AppendState(b []byte) []byte
	ReadState(b []byte) error
}

// MaxValue bounds the size of values, so that no sum of squares overflows.
const MaxValue = 1e100

func usable(x float64) bool { return math.Abs(x) <= MaxValue } // not NaN

func isShare(x float64) bool { return x >= 0 && x <= 1 }

// mean is the running mean m <- m + (1/n)(x - m) (West, Updating mean and
// variance estimates: an improved method, 1979), in River's order of operations.
type mean struct{ n, m float64 }

func (a *mean) add(x float64) {
	a.n++
	a.m += float64(1 / a.n * (x - a.m)) // the conversion forbids a fused multiply-add: the same bits on every machine
}

// level is a comparison that was made; ok false: none yet.
type level struct {
	statistic, threshold float64
	ok                   bool
}

func (l *level) Level() (statistic, threshold float64, ok bool) {
	return l.statistic, l.threshold, l.ok
}

// compare keeps a comparison of finite numbers.
func (l *level) compare(statistic, threshold float64) {
	if usable(statistic) && usable(threshold) {
		*l = level{statistic, threshold, true}
	} else {
		*l = level{}
	}
}
