package kafka

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"testing"
)

// FuzzWalk: whatever the bytes, no panic, no endless loop, memory within the
// bound, offsets in order and none below the wanted one. With fix, lengths and
// CRCs are made right first, so that the inside of batches is reached too.
func FuzzWalk(f *testing.F) {
	all, _, _ := threeBatches()
	f.Add(all, int64(0), true)
	f.Add(all[:len(all)-5], int64(3), false)
	for _, p := range packers {
		f.Add(batchSpec{base: 7, values: []string{"a", "bb", "ccc"}, attr: p.attr, pack: p.pack}.bytes(), int64(8), true)
	}
	f.Add(join(batchSpec{producer: 1, attr: attrTransactional, values: []string{"x"}}.bytes(), marker(1, 1, false)), int64(0), true)
	f.Fuzz(func(t *testing.T, raw []byte, want int64, fix bool) {
		if fix {
			raw = bytes.Clone(raw)
			for rest := raw; len(rest) > batchHeader; {
				size := batchSize(rest)
				if size < batchHeader || size > int64(len(rest)) {
					size = int64(len(rest))
					binary.BigEndian.PutUint32(rest[8:], uint32(size-batchPrefix))
				}
				rest[16] = 2
				binary.BigEndian.PutUint32(rest[17:], crc32.Checksum(rest[21:size], castagnoli))
				rest = rest[size:]
			}
		}
		n, next, bad := scan(raw, want, 1<<40)
		if n > len(raw) || next < want || (bad != nil && bad.Last < bad.First) {
			t.Fatalf("scan: n %d of %d, next %d from %d, bad %v", n, len(raw), next, want, bad)
		}
		w := Walker{inflater: inflater{limit: 1 << 20}}
		c := Chunk{Offset: want, Raw: raw, Aborted: []AbortedTxn{{1, 0}}}
		for range 4 { // and past what is corrupt
			prev := c.Offset - 1
			err := w.Walk(&c, func(r *Rec) error {
				if r.Offset <= prev {
					t.Fatalf("offset %d after %d", r.Offset, prev)
				}
				prev = r.Offset
				for k := range r.Headers() {
					_ = k
				}
				return nil
			})
			e, ok := err.(*CorruptBatch)
			if !ok {
				break
			}
			if e.Last < c.Offset {
				t.Fatalf("no way past %v from %d", e, c.Offset)
			}
			c.Offset = e.Last + 1
		}
		if cap(w.inflater.buf) > 4<<20 {
			t.Fatalf("kept %d bytes", cap(w.inflater.buf))
		}
	})
}

// FuzzDecodeFetch: an answer to a fetch, whatever the bytes.
func FuzzDecodeFetch(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x04\x00\x00\x00\x07"), int16(11))
	f.Add(append([]byte{0, 0, 0, 80, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 't', 0, 0, 0, 1}, make([]byte, 60)...), int16(11))
	f.Fuzz(func(t *testing.T, b []byte, version int16) {
		res, err := decodeFetch(bytes.NewReader(b), version)
		if err == nil && res.(*fetchAnswer).bytes > len(b) {
			t.Fatal("more bytes than there were")
		}
	})
}
