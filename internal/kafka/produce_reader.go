package kafka

import (
	"io"
	"time"

	"github.com/segmentio/kafka-go/protocol"
)

// recordReader hands records to kafka-go's encoder one by one.
type recordReader struct {
	recs []Record
	now  time.Time
	rec  protocol.Record
}

func (r *recordReader) ReadRecord() (*protocol.Record, error) {
	if len(r.recs) == 0 {
		return nil, io.EOF
	}
	in := &r.recs[0]
	r.recs = r.recs[1:]
	r.rec = protocol.Record{Time: in.Time, Key: protocol.NewBytes(in.Key), Value: protocol.NewBytes(in.Value)}
	if in.Time.IsZero() {
		r.rec.Time = r.now
	}
	for _, h := range in.Headers {
		r.rec.Headers = append(r.rec.Headers, protocol.Header{Key: h.Key, Value: h.Value})
	}
	return &r.rec, nil
}
