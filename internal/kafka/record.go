package kafka

import (
	"encoding/binary"
	"errors"
	"iter"
)

// Rec is one record during a walk. It and its slices are valid only until the
// callback returns.
type Rec struct {
	Offset     int64
	Timestamp  int64  // ms since 1970; the broker's clock where the topic says LogAppendTime; -1: none
	LogAppend  bool   // Timestamp is the broker's clock, not the producer's
	Key, Value []byte // nil: null

	headers int
	raw     []byte // of the headers, checked
}

// Headers yields keys and values in order. A null value is nil.
func (r *Rec) Headers() iter.Seq2[[]byte, []byte] {
	return func(yield func(key, value []byte) bool) {
		b := r.raw
		for range r.headers {
			key, rest, _ := varBytes(b)
			value, rest, _ := varBytes(rest)
			if b = rest; !yield(key, value) {
				return
			}
		}
	}
}

// Header is the value of the last header of that name, as Java's lastHeader.
func (r *Rec) Header(name string) (value []byte, ok bool) {
	for k, v := range r.Headers() {
		if string(k) == name {
			value, ok = v, true
		}
	}
	return value, ok
}

// The errors of a malformed record: sentinels, so that a walk makes no garbage.
var (
	errRecordEnds    = errors.New("a record ends early")
	errRecordLength  = errors.New("a record is longer or shorter than it says")
	errRecordOrder   = errors.New("its records are not in order of offset")
	errRecordCount   = errors.New("it holds another number of records than it says")
	errRecordVarint  = errors.New("a number in a record is malformed")
	errRecordHeaders = errors.New("the headers of a record are malformed")
)

// minRecord is the size of the smallest record: length, attributes, two deltas,
// null key, null value, no headers.
const minRecord = 7

// varint is a zigzag varint; n is 0 when it is malformed.
func varint(b []byte) (v int64, n int) {
	if len(b) > 0 && b[0] < 0x80 { // nearly all of them
		return int64(b[0]>>1) ^ -int64(b[0]&1), 1
	}
	return varintLong(b)
}

func varintLong(b []byte) (int64, int) {
	v, n := binary.Varint(b)
	return v, max(n, 0)
}

// varBytes cuts bytes that come after their length off b; -1 is nil.
func varBytes(b []byte) (v, rest []byte, err error) {
	l, n := varint(b)
	if n == 0 || l < -1 {
		return nil, nil, errRecordVarint
	}
	b = b[n:]
	if l < 0 {
		return nil, b, nil
	}
	if l > int64(len(b)) {
		return nil, nil, errRecordEnds
	}
	return b[:l:l], b[l:], nil
}

// parse reads the record at the start of b, whose offset and timestamp are
// relative to the batch's.
func (r *Rec) parse(b []byte, baseOffset, baseTimestamp int64) (rest []byte, err error) {
	l, n := varint(b)
	if n == 0 {
		return nil, errRecordVarint
	}
	b = b[n:]
	if l < minRecord-1 {
		return nil, errRecordLength
	}
	if l > int64(len(b)) {
		return nil, errRecordEnds
	}
	b, rest = b[:l:l], b[l:]
	b = b[1:] // attributes: none are defined
	delta, n := varint(b)
	if n == 0 {
		return nil, errRecordVarint
	}
	r.Timestamp = baseTimestamp + delta
	b = b[n:]
	if delta, n = varint(b); n == 0 {
		return nil, errRecordVarint
	}
	r.Offset = baseOffset + delta
	b = b[n:]
	if r.Key, b, err = varBytes(b); err != nil {
		return nil, err
	}
	if r.Value, b, err = varBytes(b); err != nil {
		return nil, err
	}
	count, n := varint(b)
	if n == 0 {
		return nil, errRecordVarint
	}
	b = b[n:]
	r.headers, r.raw = int(count), b
	if count == 0 {
		if len(b) != 0 {
			return nil, errRecordLength
		}
		return rest, nil
	}
	if count < 0 || count > int64(len(b)) {
		return nil, errRecordHeaders
	}
	for range count {
		key, after, err := varBytes(b)
		if err != nil || key == nil {
			return nil, errRecordHeaders
		}
		if _, b, err = varBytes(after); err != nil {
			return nil, errRecordHeaders
		}
	}
	if len(b) != 0 {
		return nil, errRecordLength
	}
	return rest, nil
}
