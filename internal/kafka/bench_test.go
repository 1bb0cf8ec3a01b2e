package kafka

import (
	"fmt"
	"hash/crc32"
	"testing"
)

// BenchmarkWalk: what a record costs between the wire and the caller, by codec,
// for JSON events of 800 bytes, with the CRC (which the fetcher checks in its own
// goroutine). Beside it what no reader can do without: the CRC of the same bytes,
// and copying them once.
func BenchmarkWalk(b *testing.B) {
	const records = 1000
	var values []string
	for i := range records {
		v := fmt.Sprintf(`{"model":"fraud","version":"3","id":"a%d","time":"2026-11-24T12:00:00.123Z","features":{`, i)
		for j := 0; len(v) < 780; j++ {
			v += fmt.Sprintf(`"f%d":%d.%d,`, j, (i*7919+j*104729)%1000, (i*31+j)%97)
		}
		values = append(values, v+`"z":0}}`)
	}
	perRecord := func(b *testing.B, bytes int) {
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/records, "ns/record")
		b.SetBytes(int64(bytes))
		b.ReportAllocs()
	}
	for _, p := range packers {
		raw := batchSpec{values: values, attr: p.attr, pack: p.pack}.bytes()
		b.Run(p.name+"/walk", func(b *testing.B) {
			var w Walker
			c := Chunk{Raw: raw}
			sum := 0
			for b.Loop() {
				if err := w.Walk(&c, func(r *Rec) error { sum += len(r.Value); return nil }); err != nil {
					b.Fatal(err)
				}
			}
			perRecord(b, records*800)
		})
		b.Run(p.name+"/bound-crc", func(b *testing.B) {
			var sum uint32
			for b.Loop() {
				sum += crc32.Checksum(raw[21:], castagnoli)
			}
			perRecord(b, len(raw))
		})
	}
	b.Run("bound-memcpy", func(b *testing.B) {
		raw := batchSpec{values: values}.bytes()
		dst := make([]byte, len(raw))
		for b.Loop() {
			copy(dst, raw)
		}
		perRecord(b, len(raw))
	})
}
