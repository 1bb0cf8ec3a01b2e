package stream

import (
	"fmt"
	"math"
	"math/bits"
	"slices"

	"github.com/driftd/driftd/detectors"
)

// KSWIN compares the newest values of a sliding window with as many drawn without
// replacement from the older ones by Kolmogorov and Smirnov's two-sample test
// (Raab, Heusinger and Schleif, Reactive soft prototype computing for concept
// drift streams, 2020, section 3):
//
//	drift: p <= alpha and D > 0.1
//
// River differs from the paper, and this from the paper as River does: p is the
// exact one where the paper has the bound sqrt(-ln(alpha)/r), the floor of 0.1 is
// its own, and the whole window goes after a drift. This differs from River in
// the draws: these come from a generator of 64 bits (Steele, Lea and Flood, Fast
// splittable pseudorandom number generators, 2014, SplitMix64), so that they are
// the same on every machine and the state is small; River takes Python's. Both
// begin again at Seed after a drift.
type KSWIN struct {
	Alpha      float64 // in [0, 1]
	WindowSize int     // at least twice StatSize
	StatSize   int     // newest values, and values drawn
	Seed       uint64

	window   []float64 // the oldest first
	random   uint64
	begun    bool
	critical int // least D * StatSize with p <= Alpha; 0: not yet found
	drift    bool
	level
}

// Fill gives the detector values that have been collected already, to avoid a
// cold start; the last WindowSize of them count. An error names the first value
// that is not finite or above MaxValue in size.
func (k *KSWIN) Fill(values []float64) error {
	for i, x := range values {
		if !usable(x) {
			return fmt.Errorf("fill kswin: value %d is %v: give finite values of at most %g in size", i, x, MaxValue)
		}
	}
	k.window = slices.Clone(values[max(0, len(values)-k.WindowSize):])
	return nil
}

// Update takes any number; there is no warning. Level is D and the least D that
// is a drift.
func (k *KSWIN) Update(x float64) (drift, warning bool) {
	if !usable(x) {
		return false, false
	}
	if k.drift {
		k.window, k.begun, k.level = k.window[:0], false, level{}
	}
	if !k.begun {
		k.random, k.begun = k.Seed, true
	}
	if len(k.window) == k.WindowSize {
		k.window = slices.Delete(k.window, 0, 1)
	}
	k.window = append(k.window, x)
	k.drift = len(k.window) == k.WindowSize && k.differs()
	return k.drift, false
}

func (k *KSWIN) differs() bool {
	if k.critical == 0 {
		k.critical = k.findCritical()
	}
	d := detectors.KSSamples(k.draw(), k.window[k.WindowSize-k.StatSize:]).Statistic(detectors.TwoSided)
	least := float64(k.critical) / float64(k.StatSize)
	k.compare(d, least)
	return math.Round(d*float64(k.StatSize)) >= float64(k.critical)
}

// findCritical is the least number of steps D * StatSize, above a tenth of them,
// whose p-value is at most Alpha; StatSize + 1 where there is none.
func (k *KSWIN) findCritical() int {
	lo, hi := k.StatSize/10+1, k.StatSize+1
	for lo < hi {
		mid := (lo + hi) / 2
		r := detectors.KSResult{N: k.StatSize, M: k.StatSize, Plus: float64(mid) / float64(k.StatSize)}
		if r.KSExactP(detectors.TwoSided) <= k.Alpha {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return lo
}

// draw takes StatSize of the older values by the first steps of a shuffle (Fisher
// and Yates; Durstenfeld, Algorithm 235, 1964).
func (k *KSWIN) draw() []float64 {
	old := slices.Clone(k.window[:k.WindowSize-k.StatSize])
	for i := range k.StatSize {
		j := i + k.below(len(old)-i)
		old[i], old[j] = old[j], old[i]
	}
	return old[:k.StatSize]
}

// below draws from 0 to n-1: the high half of a product with 64 random bits,
// uneven by less than n/2^64.
func (k *KSWIN) below(n int) int {
	k.random += 0x9e3779b97f4a7c15
	z := k.random
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	hi, _ := bits.Mul64(z^z>>31, uint64(n))
	return int(hi)
}

// AppendState implements Detector.
func (k *KSWIN) AppendState(b []byte) []byte {
	w := newWriter(b)
	w.boolean(k.drift)
	w.boolean(k.begun)
	w.bits(k.random)
	w.whole(len(k.window))
	w.float(k.window...)
	w.level(k.level)
	return w.b
}

// ReadState implements Detector.
func (k *KSWIN) ReadState(b []byte) error {
	n, r := *k, newReader(b)
	n.drift, n.begun, n.random, n.window = r.boolean(), r.boolean(), r.bits(), nil
	for range r.whole(k.WindowSize) {
		n.window = append(n.window, r.within(-MaxValue, MaxValue))
	}
	n.level = r.level()
	if err := r.done("kswin"); err != nil {
		return err
	}
	*k = n
	return nil
}
