package kafka

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/snappy/xerial"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// batchSpec builds a batch by hand, after the layout in Kafka's documentation
// ("Message format"), including what no client library writes.
type batchSpec struct {
	base      int64
	deltas    []int64 // of offsets; nil: 0, 1, 2 and so on
	values    []string
	lastDelta int64 // when larger than that of the last record: compacted
	attr      uint16
	producer  int64
	baseTime  int64
	maxTime   int64
	count     int // when not len(values)
	pack      func([]byte) []byte
	payload   []byte // instead of records
}

func appendRecord(dst []byte, timeDelta, offsetDelta int64, key, value []byte) []byte {
	body := []byte{0}
	body = binary.AppendVarint(body, timeDelta)
	body = binary.AppendVarint(body, offsetDelta)
	for _, b := range [][]byte{key, value} {
		if b == nil {
			body = binary.AppendVarint(body, -1)
			continue
		}
		body = append(binary.AppendVarint(body, int64(len(b))), b...)
	}
	body = binary.AppendVarint(body, 0)
	return append(binary.AppendVarint(dst, int64(len(body))), body...)
}

func (s batchSpec) bytes() []byte {
	payload, count, last := s.payload, s.count, s.lastDelta
	if payload == nil {
		for i, v := range s.values {
			d := int64(i)
			if s.deltas != nil {
				d = s.deltas[i]
			}
			payload = appendRecord(payload, int64(i), d, nil, []byte(v))
			last = max(last, d)
		}
	}
	if count == 0 {
		count = len(s.values)
	}
	if s.pack != nil {
		payload = s.pack(payload)
	}
	b := make([]byte, batchHeader, batchHeader+len(payload))
	binary.BigEndian.PutUint64(b, uint64(s.base))
	b[16] = 2
	binary.BigEndian.PutUint16(b[21:], s.attr)
	binary.BigEndian.PutUint32(b[23:], uint32(last))
	binary.BigEndian.PutUint64(b[27:], uint64(s.baseTime))
	binary.BigEndian.PutUint64(b[35:], uint64(s.maxTime))
	binary.BigEndian.PutUint64(b[43:], uint64(s.producer))
	binary.BigEndian.PutUint32(b[57:], uint32(count))
	b = append(b, payload...)
	seal(b)
	return b
}

// seal sets length and CRC of a single batch.
func seal(b []byte) {
	binary.BigEndian.PutUint32(b[8:], uint32(len(b)-batchPrefix))
	binary.BigEndian.PutUint32(b[17:], crc32.Checksum(b[21:], castagnoli))
}

// marker is a control batch that ends a transaction.
func marker(base, producer int64, commit bool) []byte {
	key := []byte{0, 0, 0, 0}
	if commit {
		key[3] = 1
	}
	return batchSpec{base: base, producer: producer, attr: attrControl | attrTransactional, count: 1,
		payload: appendRecord(nil, 0, 0, key, make([]byte, 6))}.bytes()
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

type packer struct {
	name string
	attr uint16
	pack func([]byte) []byte
}

var packers = []packer{
	{"none", codecNone, func(b []byte) []byte { return b }},
	{"gzip", codecGzip, func(b []byte) []byte {
		var buf bytes.Buffer
		w := gzip.NewWriter(&buf)
		_, _ = w.Write(b)
		_ = w.Close()
		return buf.Bytes()
	}},
	{"snappy", codecSnappy, func(b []byte) []byte { return snappy.Encode(nil, b) }},
	{"snappy-xerial", codecSnappy, func(b []byte) []byte { return xerial.Encode(nil, b) }},
	{"lz4", codecLZ4, func(b []byte) []byte { return packLZ4(b, lz4.BlockSizeOption(lz4.Block64Kb)) }},
	{"lz4-4M", codecLZ4, func(b []byte) []byte { return packLZ4(b, lz4.BlockSizeOption(lz4.Block4Mb)) }},
	{"zstd", codecZstd, func(b []byte) []byte {
		w, _ := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
		return w.EncodeAll(b, nil)
	}},
}

func packLZ4(b []byte, opts ...lz4.Option) []byte {
	var buf bytes.Buffer
	w := lz4.NewWriter(&buf)
	_ = w.Apply(opts...)
	_, _ = w.Write(b)
	_ = w.Close()
	return buf.Bytes()
}

func walkAll(t testing.TB, w *Walker, c *Chunk) (values []string, err error) {
	t.Helper()
	err = w.Walk(c, func(r *Rec) error {
		values = append(values, string(r.Value))
		return nil
	})
	return values, err
}
