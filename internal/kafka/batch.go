package kafka

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

// A record batch of message format v2:
//
//	 0 base offset      int64    not covered by the CRC
//	 8 length           int32    of what follows; not covered
//	12 leader epoch     int32    not covered
//	16 magic            int8     not covered
//	17 CRC32C           uint32   of everything from 21 on
//	21 attributes       int16    codec, timestamp type, transactional, control
//	23 last offset delta int32
//	27 base timestamp   int64
//	35 max timestamp    int64
//	43 producer id      int64
//	51 producer epoch   int16
//	53 base sequence    int32
//	57 record count     int32
//	61 records
const (
	batchPrefix = 12 // what comes before the bytes that length counts
	batchHeader = 61

	attrCodec         = 0x07
	attrLogAppendTime = 0x08
	attrTransactional = 0x10
	attrControl       = 0x20

	// maxBatchBytes bounds one batch as it is stored, and what it may unpack to.
	maxBatchBytes = 256 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// batch is a whole record batch: header and records.
type batch []byte

func (b batch) base() int64          { return int64(binary.BigEndian.Uint64(b)) }
func (b batch) crc() uint32          { return binary.BigEndian.Uint32(b[17:]) }
func (b batch) attributes() uint16   { return binary.BigEndian.Uint16(b[21:]) }
func (b batch) lastDelta() int64     { return int64(int32(binary.BigEndian.Uint32(b[23:]))) }
func (b batch) last() int64          { return b.base() + b.lastDelta() }
func (b batch) baseTimestamp() int64 { return int64(binary.BigEndian.Uint64(b[27:])) }
func (b batch) maxTimestamp() int64  { return int64(binary.BigEndian.Uint64(b[35:])) }
func (b batch) producer() int64      { return int64(binary.BigEndian.Uint64(b[43:])) }
func (b batch) count() int           { return int(int32(binary.BigEndian.Uint32(b[57:]))) }
func (b batch) records() []byte      { return b[batchHeader:] }

// batchSize is the whole size that the header at the start of raw claims, or 0
// when there is not even room for the claim.
func batchSize(raw []byte) int64 {
	if len(raw) < batchPrefix {
		return 0
	}
	return batchPrefix + int64(int32(binary.BigEndian.Uint32(raw[8:])))
}

// firstBatch cuts the first batch off raw. whole is false when raw ends inside
// it: a broker cuts its answer at a number of bytes. An error says why the
// batch's header cannot be believed; with check, its CRC too. b is then nil, but
// rest is what follows where that is known.
func firstBatch(raw []byte, check bool) (b batch, rest []byte, whole bool, err error) {
	size := batchSize(raw)
	if size == 0 {
		return nil, nil, false, nil
	}
	// Older formats have their magic at the same place, so that this comes
	// before all else.
	if len(raw) > 16 && raw[16] != 2 {
		if size > batchPrefix && size <= int64(len(raw)) {
			rest = raw[size:]
		}
		return nil, rest, true, fmt.Errorf("message format v%d: only v2 (Kafka 0.11 and newer) can be read", int8(raw[16]))
	}
	if size < batchHeader || size > maxBatchBytes {
		return nil, nil, true, fmt.Errorf("its length of %d bytes is impossible", size)
	}
	if size > int64(len(raw)) {
		return nil, nil, false, nil
	}
	b, rest = batch(raw[:size:size]), raw[size:]
	if check {
		if got := crc32.Checksum(b[21:], castagnoli); got != b.crc() {
			return nil, rest, true, fmt.Errorf("CRC32C is %08x, its header says %08x", got, b.crc())
		}
	}
	if b.base() < 0 || b.lastDelta() < 0 || b.count() < 0 {
		return nil, rest, true, fmt.Errorf("its header is impossible (base offset %d, last offset delta %d, %d records)",
			b.base(), b.lastDelta(), b.count())
	}
	return b, rest, true, nil
}

// scan finds the whole, sound batches at the start of raw, an answer to a fetch
// at offset want, and the offset after them. A batch at or above stable is not
// looked at: it belongs to an open transaction. bad is the batch after the sound
// ones when it cannot be believed.
func scan(raw []byte, want, stable int64) (n int, next int64, bad *CorruptBatch) {
	next = want
	for n < len(raw) {
		b, rest, whole, err := firstBatch(raw[n:], true)
		if !whole {
			return n, next, nil
		}
		// The base offset is outside the CRC: order is all that vouches for it.
		if err == nil && b.last() < next {
			err = fmt.Errorf("its offsets %d to %d come after %d was read", b.base(), b.last(), next-1)
		} else if err == nil && n > 0 && b.base() < next {
			err = fmt.Errorf("its first offset %d comes after %d was read", b.base(), next-1)
		}
		if err != nil {
			return n, next, &CorruptBatch{First: next, Last: badLast(raw[n:], rest, next, stable), Reason: err.Error()}
		}
		if b.base() >= stable {
			return n, next, nil
		}
		n += len(b)
		next = b.last() + 1
	}
	return n, next, nil
}

// badLast guesses the last offset of a batch that cannot be believed: the offset
// before the next sound batch; or what its own header claims, if it is possible;
// or its first. Too small a guess costs one more report, too large a guess is
// told as lost: neither is silent.
func badLast(bad, rest []byte, first, stable int64) int64 {
	if next, _, whole, err := firstBatch(rest, true); whole && err == nil && next.base() > first {
		return next.base() - 1
	}
	if len(bad) >= batchHeader && bad[16] == 2 {
		if last := batch(bad).last(); last >= first && last < stable {
			return last
		}
	}
	return first
}
