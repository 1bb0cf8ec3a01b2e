package pipeline

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/driftd/driftd/consumers"
	"github.com/driftd/driftd/internal/kafka"
)

// letters collects a task's dead letters until its next commit. They are
// acknowledged before the offset moves past them; beyond the cap they are only
// counted.
type letters struct {
	set       *Settings
	client    *kafka.Client
	topic     string
	partition int
	mode      string // full | headers | off

	pending []kafka.Record
	bytes   int
	second  int64 // of the rate cap
	sent    int
}

const (
	maxLetters      = 1000     // pending
	maxLetterBytes  = 4 << 20  // pending
	maxLetterRate   = 100      // a second and partition
	maxLetterRecord = 64 << 10 // of the value that is kept
)

func (l *letters) add(rec *kafka.Rec, why *consumers.Reject) {
	l.set.Metrics.DeadLetter(l.topic, string(why.Reason))
	if l.mode == "off" {
		return
	}
	if now := time.Now().Unix(); now != l.second {
		l.second, l.sent = now, 0
	}
	if l.sent++; l.sent > maxLetterRate || l.full() {
		return
	}
	id := fmt.Sprintf("%s/%d/%d", l.topic, l.partition, rec.Offset)
	r := kafka.Record{Key: []byte(id), Headers: []kafka.Header{
		{Key: "topic", Value: []byte(l.topic)}, {Key: "partition", Value: []byte(strconv.Itoa(l.partition))}, {Key: "offset", Value: []byte(strconv.FormatInt(rec.Offset, 10))},
		{Key: "reason", Value: []byte(why.Reason)}, {Key: "error", Value: []byte(why.Err.Error())},
	}}
	if l.mode == "full" {
		r.Value = bytes.Clone(rec.Value[:min(len(rec.Value), maxLetterRecord)])
	}
	l.bytes += len(r.Value) + 200
	l.pending = append(l.pending, r)
}

func (l *letters) full() bool { return len(l.pending) >= maxLetters || l.bytes >= maxLetterBytes }

func (l *letters) flush(ctx context.Context) error {
	if len(l.pending) == 0 {
		return nil
	}
	if _, err := l.client.Produce(ctx, l.set.deadLettersTopic(), 0, l.pending); err != nil {
		return fmt.Errorf("write dead letters: %w", err)
	}
	l.pending, l.bytes = l.pending[:0], 0
	return nil
}
