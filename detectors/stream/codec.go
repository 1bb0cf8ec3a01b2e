package stream

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// A state is its format (1), then the detector's fields in their order: numbers
// as 8 bytes, little endian; whole numbers as varints; booleans as 0 or 1.
const stateFormat = 1

// maxState bounds sums in a state: MaxValue squared, over 2^53 values.
const maxState = 1e220

type writer struct{ b []byte }

func newWriter(b []byte) *writer { return &writer{append(b, stateFormat)} }

func (w *writer) float(xs ...float64) {
	for _, x := range xs {
		w.b = binary.LittleEndian.AppendUint64(w.b, math.Float64bits(x))
	}
}

func (w *writer) whole(n int) { w.b = binary.AppendUvarint(w.b, uint64(n)) }

func (w *writer) bits(n uint64) { w.b = binary.LittleEndian.AppendUint64(w.b, n) }

func (w *writer) boolean(v bool) {
	n := byte(0)
	if v {
		n = 1
	}
	w.b = append(w.b, n)
}

func (w *writer) mean(m mean) { w.float(m.n, m.m) }

func (w *writer) level(l level) {
	w.boolean(l.ok)
	if l.ok {
		w.float(l.statistic, l.threshold)
	}
}

var (
	errEmptyRow = errors.New("its last row of buckets is empty")
	errCut      = errors.New("a cut lies after the last value")
	errRing     = errors.New("its sum is not that of its values")
)

// reader gives zeros after the first error.
type reader struct {
	b   []byte
	err error
}

func newReader(b []byte) *reader {
	r := &reader{b: b}
	if f := r.byte(); r.err == nil && f != stateFormat {
		r.err = fmt.Errorf("format %d is not known here: a newer driftd wrote it", f)
	}
	return r
}

func (r *reader) take(n int) []byte {
	if r.err == nil && len(r.b) < n {
		r.err = errors.New("it ends too soon")
	}
	if r.err != nil {
		return make([]byte, n)
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

func (r *reader) byte() byte { return r.take(1)[0] }

func (r *reader) bits() uint64 { return binary.LittleEndian.Uint64(r.take(8)) }

// within is a number from least to most.
func (r *reader) within(least, most float64) float64 {
	x := math.Float64frombits(r.bits())
	if r.err == nil && !(x >= least && x <= most) {
		r.err = fmt.Errorf("%v is not from %v to %v", x, least, most)
	}
	if r.err != nil {
		return 0
	}
	return x
}

func (r *reader) float() float64 { return r.within(-maxState, maxState) }

// share allows for what sums of shares lose to rounding.
func (r *reader) share() float64 { return r.within(-shareSlack, 1+shareSlack) }

const shareSlack = 1e-6

func (r *reader) whole(most int) int {
	n, k := binary.Uvarint(r.b)
	if r.err == nil && (k <= 0 || n > uint64(most)) {
		r.err = fmt.Errorf("a whole number is not from 0 to %d", most)
	}
	if r.err != nil {
		return 0
	}
	r.b = r.b[k:]
	return int(n)
}

func (r *reader) boolean() bool {
	n := r.byte()
	if r.err == nil && n > 1 {
		r.err = fmt.Errorf("%d is no truth value", n)
	}
	return n == 1
}

// count is how many values a mean is of.
func (r *reader) count() float64 {
	n := r.within(0, 1<<53)
	if n != math.Trunc(n) && r.err == nil {
		r.err = fmt.Errorf("%v is no count", n)
	}
	return n
}

func (r *reader) mean(least, most float64) mean { return mean{r.count(), r.within(least, most)} }

func (r *reader) meanShare() mean { return mean{r.count(), r.share()} }

func (r *reader) level() level {
	if !r.boolean() {
		return level{}
	}
	return level{r.within(-MaxValue, MaxValue), r.within(-MaxValue, MaxValue), true}
}

// done is the first error, with the method's name.
func (r *reader) done(method string) error {
	if r.err == nil && len(r.b) > 0 {
		r.err = fmt.Errorf("%d bytes are left over", len(r.b))
	}
	if r.err != nil {
		return fmt.Errorf("read the state of %s: %w; leave the state out to begin anew", method, r.err)
	}
	return nil
}
