package kafka

import (
	"encoding/binary"
	"math"
	"slices"
	"time"
)

// Chunk is what one fetch brought for one partition.
type Chunk struct {
	Partition int
	Offset    int64  // the first offset that is wanted; Raw may start below it
	Raw       []byte // whole batches, their CRCs checked; empty: there was nothing to read
	Aborted   []AbortedTxn
	Next      int64 // the offset after this chunk: what the next one starts with

	HighWatermark, LastStable, LogStart int64 // of the partition, when the broker answered

	// Asked is when the broker was asked: what was in the log by then is in this
	// chunk or an earlier one, up to MaxBytes.
	Asked time.Time

	// Err is *OffsetOutOfRange or *CorruptBatch: nothing more comes until
	// Fetcher.Seek. Raw is empty.
	Err error

	topic   string // for errors
	checked bool   // the CRCs
}

// AbortedTxn is a transaction whose records from FirstOffset up to its abort
// marker do not count.
type AbortedTxn struct{ Producer, FirstOffset int64 }

// Walker reads the records of chunks. One goroutine at a time may use it; it
// keeps its decompression buffers and decoders from chunk to chunk. The zero
// value is ready.
type Walker struct {
	inflater inflater
	rec      Rec
	aborted  []AbortedTxn
	skip     []int64 // producers inside an aborted transaction
	done     int64   // the offset after the last record that was given to fn
}

// Walk calls fn for every record of c that counts, in order: at or after
// c.Offset, not of an aborted transaction, not a control record. An error of fn
// ends the walk and is returned as it is. A batch that cannot be read ends it
// with *CorruptBatch: to go on past it, set c.Offset to its Last+1 and walk
// again.
func (w *Walker) Walk(c *Chunk, fn func(rec *Rec) error) error {
	w.skip = w.skip[:0]
	w.aborted = append(w.aborted[:0], c.Aborted...)
	// A broker lists them by the offsets of their markers.
	slices.SortFunc(w.aborted, func(a, b AbortedTxn) int {
		if a.FirstOffset < b.FirstOffset {
			return -1
		}
		return 1
	})
	aborted := w.aborted
	next := c.Offset // so that no offset comes twice, whatever the batches say
	w.done = next
	limit := int64(math.MaxInt64)
	if c.Next > c.Offset {
		limit = c.Next
	}
	for raw := c.Raw; len(raw) > 0; {
		b, rest, whole, err := firstBatch(raw, !c.checked)
		if !whole {
			return nil // cut off by the broker, and fetched again
		}
		if err != nil {
			return &CorruptBatch{c.topic, c.Partition, next, badLast(raw, rest, next, limit), err.Error()}
		}
		raw = rest
		last, attr := b.last(), b.attributes()
		for len(aborted) > 0 && aborted[0].FirstOffset <= last {
			w.skip = append(w.skip, aborted[0].Producer)
			aborted = aborted[1:]
		}
		if attr&attrControl != 0 {
			if isAbort(b) {
				w.skip = slices.DeleteFunc(w.skip, func(p int64) bool { return p == b.producer() })
			}
		} else if last >= next && !(attr&attrTransactional != 0 && slices.Contains(w.skip, b.producer())) {
			if err, corrupt := w.walkBatch(b, next, fn); corrupt {
				return &CorruptBatch{c.topic, c.Partition, max(next, w.done, b.base()), last, err.Error()}
			} else if err != nil {
				return err
			}
		}
		next = max(next, last+1)
	}
	return nil
}

// walkBatch reads the records of one batch from offset want on. corrupt tells an
// error of the batch from one of fn.
func (w *Walker) walkBatch(b batch, want int64, fn func(*Rec) error) (err error, corrupt bool) {
	attr := b.attributes()
	data, err := w.inflater.inflate(attr&attrCodec, b.records())
	if err != nil {
		return err, true
	}
	n := b.count()
	if n > len(data)/minRecord {
		return errRecordCount, true
	}
	base, baseTime, last := b.base(), b.baseTimestamp(), b.last()
	logAppend, appendTime := attr&attrLogAppendTime != 0, b.maxTimestamp()
	rec, prev := &w.rec, base-1
	rec.LogAppend = logAppend
	for range n {
		if data, err = rec.parse(data, base, baseTime); err != nil {
			return err, true
		}
		if rec.Offset <= prev || rec.Offset > last {
			return errRecordOrder, true
		}
		prev = rec.Offset
		if logAppend {
			rec.Timestamp = appendTime
		}
		if rec.Offset < want {
			continue
		}
		if err = fn(rec); err != nil {
			return err, false
		}
		w.done = prev + 1
	}
	if len(data) != 0 {
		return errRecordCount, true
	}
	return nil, false
}

// isAbort tells whether a control batch holds an abort marker: a record whose
// key is int16 version, int16 type; type 0 aborts, 1 commits. Compaction may
// have emptied it; then the transaction's records are gone as well.
func isAbort(b batch) bool {
	var rec Rec
	if b.count() < 1 {
		return false
	}
	if _, err := rec.parse(b.records(), b.base(), 0); err != nil || len(rec.Key) < 4 {
		return false
	}
	return binary.BigEndian.Uint16(rec.Key[2:]) == 0
}
