package kafka

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/fetch"
)

// fetchWant is one partition of a fetch request.
type fetchWant struct {
	partition int
	offset    int64
	maxBytes  int
}

// fetchPart is one partition of the answer.
type fetchPart struct {
	partition           int
	code                int16
	high, stable, start int64
	aborted             []AbortedTxn
	raw                 []byte
}

type fetchAnswer struct {
	throttle time.Duration
	code     int16
	parts    []fetchPart
	bytes    int // of records, in all partitions
}

func (*fetchAnswer) ApiKey() protocol.ApiKey { return protocol.Fetch }

// fetch asks one broker for several partitions at once, read_committed. wait is
// how long the broker may hold the request until minBytes are there.
func (c *Client) fetch(ctx context.Context, broker int32, topic string, wants []fetchWant, minBytes, maxBytes int, wait time.Duration) (*fetchAnswer, error) {
	parts := make([]fetch.RequestPartition, len(wants))
	for i, w := range wants {
		parts[i] = fetch.RequestPartition{
			Partition: int32(w.partition), CurrentLeaderEpoch: -1, FetchOffset: w.offset,
			LogStartOffset: -1, PartitionMaxBytes: int32(w.maxBytes),
		}
	}
	req := &routed{broker: broker, client: c.cfg.ClientID, decode: decodeFetch, req: &fetch.Request{
		ReplicaID:   -1,
		MaxWaitTime: int32(wait.Milliseconds()), MinBytes: int32(minBytes), MaxBytes: int32(maxBytes),
		IsolationLevel: 1,  // read_committed
		SessionEpoch:   -1, // no fetch session: each request is complete in itself
		Topics:         []fetch.RequestTopic{{Topic: topic, Partitions: parts}},
	}}
	res, err := c.roundTrip(ctx, wait+requestTimeout, req)
	if err != nil {
		return nil, fmt.Errorf("kafka: fetch %s from broker %d: %w", topic, broker, err)
	}
	a := res.(*fetchAnswer)
	if err := codeError(a.code); err != nil {
		return nil, fmt.Errorf("kafka: fetch %s from broker %d: %w", topic, broker, err)
	}
	return a, nil
}

var errWire = errors.New("a malformed answer to a fetch")

// decodeFetch reads the answer to a fetch of version 4 to 11. kafka-go's own
// decoder takes record sets apart as it reads; here they stay as they are, each
// partition's in memory of its own so that none keeps the others alive.
func decodeFetch(r io.Reader, version int16) (protocol.Message, error) {
	if version < 4 || version > 11 {
		return nil, fmt.Errorf("kafka: the broker speaks Fetch v%d: Kafka 0.11 or newer is needed", version)
	}
	d := wireReader{r: r, left: 4}
	size := d.int32()
	d.left = int(size)
	if d.err == nil && size < 4 {
		return nil, errWire
	}
	d.int32() // correlation id
	a := &fetchAnswer{throttle: time.Duration(d.int32()) * time.Millisecond}
	if version >= 7 {
		a.code = d.int16()
		d.int32() // session id
	}
	for range d.array(6) {
		d.bytes(int(d.int16())) // topic: only one was asked for
		for range d.array(30) {
			p := fetchPart{partition: int(d.int32()), code: d.int16(), high: d.int64(), stable: d.int64(), start: -1}
			if version >= 5 {
				p.start = d.int64()
			}
			for range d.array(16) {
				p.aborted = append(p.aborted, AbortedTxn{Producer: d.int64(), FirstOffset: d.int64()})
			}
			if version >= 11 {
				d.int32() // preferred read replica: only for clients that name their rack
			}
			p.raw = d.bytes(int(d.int32()))
			if d.err != nil {
				return nil, fmt.Errorf("kafka: read the answer to a fetch: %w", d.err)
			}
			a.bytes += len(p.raw)
			a.parts = append(a.parts, p)
		}
	}
	d.bytes(d.left)
	if d.err != nil {
		return nil, fmt.Errorf("kafka: read the answer to a fetch: %w", d.err)
	}
	return a, nil
}

// wireReader reads Kafka's primitive types, never past left, never believing a
// length before the bytes are there to fill it. After an error all is zero.
type wireReader struct {
	r    io.Reader
	left int
	err  error
	buf  [8]byte
}

func (d *wireReader) fixed(n int) []byte {
	if d.err == nil && d.left < n {
		d.err = errWire
	}
	if d.err == nil {
		if _, d.err = io.ReadFull(d.r, d.buf[:n]); errors.Is(d.err, io.EOF) {
			d.err = io.ErrUnexpectedEOF
		}
		d.left -= n
	}
	if d.err != nil {
		d.buf = [8]byte{}
	}
	return d.buf[:n]
}

func (d *wireReader) int16() int16 { return int16(binary.BigEndian.Uint16(d.fixed(2))) }
func (d *wireReader) int32() int32 { return int32(binary.BigEndian.Uint32(d.fixed(4))) }
func (d *wireReader) int64() int64 { return int64(binary.BigEndian.Uint64(d.fixed(8))) }

// array reads the length of an array whose elements take at least min bytes.
func (d *wireReader) array(min int) int {
	n := int(d.int32())
	if n < 0 { // null
		return 0
	}
	if d.err == nil && n > d.left/min {
		d.err = errWire
	}
	if d.err != nil {
		return 0
	}
	return n
}

// bytes reads n bytes; a negative n is null.
func (d *wireReader) bytes(n int) []byte {
	if d.err == nil && n > d.left {
		d.err = errWire
	}
	if d.err != nil || n <= 0 {
		return nil
	}
	b := make([]byte, n)
	if _, d.err = io.ReadFull(d.r, b); d.err != nil {
		return nil
	}
	d.left -= n
	return b
}
