//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"google.golang.org/protobuf/proto"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/internal/kafka"
	"github.com/driftd/driftd/internal/oracle"
	"github.com/driftd/driftd/internal/wire"
)

// traffic is the source topic of a run, and those who write to it.
type traffic struct {
	topic    string
	seeds    []string
	client   *kafka.Client
	admin    *kgo.Client
	producer *kgo.Client
	rng      *rand.Rand
	sources  []*oracle.Source // their records are read from the log in the end
	past     []*oracle.Source // of the topic that was deleted
	open     []*transaction
	failed   error // what the producer could not write
	begun    int   // transactions
}

// transaction is one that has not ended.
type transaction struct {
	cl *kgo.Client
}

// send writes the events of a stretch of event time. It does not wait for the brokers.
func (s *traffic) send(ctx context.Context, from, to time.Time, shiftFrom time.Time) {
	for at := from; at.Before(to); at = at.Add(time.Duration(s.rng.ExpFloat64() * float64(4*time.Second))) {
		p, shift := s.rng.IntN(len(s.sources)), 0.
		if !at.Before(shiftFrom) {
			shift = 1
		}
		value, stamp := oracle.At(s.rng, at, shift)
		s.put(ctx, p, value, stamp)
	}
}

// closing writes records that close every window, in steps that max_ahead allows.
func (s *traffic) closing(ctx context.Context, from, to time.Time) {
	for at := from; at.Before(to); at = at.Add(20 * time.Minute) {
		for p := range s.sources {
			s.put(ctx, p, []byte(oracle.Event(s.rng, at, 0)), at)
		}
	}
}

func (s *traffic) put(ctx context.Context, p int, value []byte, at time.Time) {
	s.producer.Produce(ctx, &kgo.Record{Topic: s.topic, Partition: int32(p), Value: value, Timestamp: at}, func(_ *kgo.Record, err error) {
		if err != nil && s.failed == nil {
			s.failed = fmt.Errorf("write an event: %w", err)
		}
	})
}

// begin opens a transaction that holds events of now.
func (s *traffic) begin(ctx context.Context, now time.Time, timeout time.Duration) (*transaction, error) {
	s.begun++
	cl, err := kgo.NewClient(kgo.SeedBrokers(s.seeds...), kgo.TransactionalID(fmt.Sprint(s.topic, "-", s.begun)), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerLinger(0), kgo.TransactionTimeout(timeout))
	if err != nil {
		return nil, err
	}
	if err := cl.BeginTransaction(); err != nil {
		cl.Close()
		return nil, err
	}
	tx := &transaction{cl}
	s.open = append(s.open, tx)
	p := int32(s.rng.IntN(len(s.sources)))
	for range 1 + s.rng.IntN(8) {
		cl.Produce(ctx, &kgo.Record{Topic: s.topic, Partition: p, Value: []byte(oracle.Event(s.rng, now, 0)), Timestamp: now}, nil)
	}
	return tx, nil
}

// end ends a transaction. What has become of it the log will tell: one that the
// brokers have given up in the meantime was aborted.
func (s *traffic) end(ctx context.Context, tx *transaction, commit bool) {
	ctx, stop := context.WithTimeout(ctx, 10*time.Second)
	defer stop()
	if err := tx.cl.Flush(ctx); err == nil {
		_ = tx.cl.EndTransaction(ctx, kgo.TransactionEndTry(commit))
	}
	s.abandon(tx)
}

// abandon leaves a transaction to the brokers' timeout.
func (s *traffic) abandon(tx *transaction) {
	tx.cl.Close()
	s.open = slices.DeleteFunc(s.open, func(x *transaction) bool { return x == tx })
}

func (s *traffic) flush(ctx context.Context) error {
	ctx, stop := context.WithTimeout(ctx, 30*time.Second)
	defer stop()
	return errors.Join(s.producer.Flush(ctx), s.failed)
}

// read reads the log of a partition: its records by offset, of which those do not
// count that were aborted, or are no records of anybody's. What was deleted is void.
func (s *traffic) read(ctx context.Context, p int) ([]oracle.Record, error) {
	ctx, stop := context.WithTimeout(ctx, 60*time.Second)
	defer stop()
	var out []oracle.Record
	for _, level := range []kgo.IsolationLevel{kgo.ReadUncommitted(), kgo.ReadCommitted()} {
		ends, err := s.client.Offsets(ctx, s.topic, []int{p}, kafka.AtEnd)
		if err != nil {
			return nil, err
		}
		starts, err := s.client.Offsets(ctx, s.topic, []int{p}, kafka.AtStart)
		if err != nil {
			return nil, err
		}
		start, end := starts[p], ends[p]
		cl, err := kgo.NewClient(kgo.SeedBrokers(s.seeds...), kgo.FetchIsolationLevel(level), kgo.KeepControlRecords(),
			kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{s.topic: {int32(p): kgo.NewOffset().At(start)}}))
		if err != nil {
			return nil, err
		}
		if out == nil {
			out = make([]oracle.Record, end)
			for i := range out {
				out[i].Void = true
			}
		}
		for next := start; next < end; {
			fetches := cl.PollFetches(ctx)
			if err := fetches.Err0(); err != nil {
				cl.Close()
				return nil, fmt.Errorf("read partition %d of %s from %d to %d: %w", p, s.topic, next, end, err)
			}
			for r := range fetches.RecordsAll() {
				next = r.Offset + 1
				if r.Offset < int64(len(out)) {
					rec := &out[r.Offset]
					rec.Time, rec.Value = r.Timestamp.UnixNano(), r.Value
					rec.Void = r.Attrs.IsControl() || level == kgo.ReadUncommitted()
				}
			}
		}
		cl.Close()
	}
	return out, nil
}

// reached is the first frontier beyond another that the reader of a partition has
// told since he began the topic anew, as driftd.profiles has it; 0: none within a minute.
func (s *traffic) reached(ctx context.Context, profiles string, p int, beyond int64) (int64, error) {
	ctx, stop := context.WithTimeout(ctx, 60*time.Second)
	defer stop()
	end, err := s.client.Offsets(ctx, profiles, []int{0}, kafka.AtEnd)
	if err != nil {
		return 0, err
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(s.seeds...), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{profiles: {0: kgo.NewOffset().AtStart()}}))
	if err != nil {
		return 0, err
	}
	defer cl.Close()
	begun, frontier := int64(-1), int64(0) // the epoch that began anew
	for next := int64(0); next < end[0] || frontier == 0; {
		fetches := cl.PollFetches(ctx)
		if ctx.Err() != nil && next >= end[0] {
			return 0, nil
		}
		if err := fetches.Err0(); err != nil {
			return 0, fmt.Errorf("read %s from %d to %d: %w", profiles, next, end[0], err)
		}
		for rec := range fetches.RecordsAll() {
			next = rec.Offset + 1
			var m wire.ProfileRecord
			if err := proto.Unmarshal(rec.Value, &m); err != nil {
				return 0, err
			}
			switch {
			case m.Topic != s.topic || m.Partition != int32(p):
			case m.Gap.GetFresh(): // the last one: a topic that is new was begun so, too
				begun, frontier = m.Epoch, 0
			case begun >= 0 && m.Epoch >= begun && frontier == 0 && m.Marker != nil && m.Marker.Frontier > beyond:
				frontier = m.Marker.Frontier
			}
		}
	}
	return frontier, nil
}

// commit is what a group has committed for a partition; the frontier is
// driftd.MinTime where there is none.
type commit struct {
	offset, frontier, read int64
}

func (s *traffic) committed(ctx context.Context, group string) (out []commit, err error) {
	ctx, stop := context.WithTimeout(ctx, 20*time.Second)
	defer stop()
	var parts []int
	for p := range s.sources {
		parts = append(parts, p)
	}
	commits, err := s.client.CommittedOffsets(ctx, group, s.topic, parts)
	if err != nil {
		return nil, err
	}
	for _, p := range parts {
		m := struct{ F, S int64 }{F: driftd.MinTime}
		if c := commits[p]; c.Offset >= 0 {
			if err := json.Unmarshal([]byte(c.Metadata), &m); err != nil {
				return nil, err
			}
		}
		out = append(out, commit{commits[p].Offset, m.F, m.S})
	}
	return out, nil
}

// delete deletes the records of a partition before an offset.
func (s *traffic) delete(ctx context.Context, p int, to int64) error {
	ctx, stop := context.WithTimeout(ctx, 20*time.Second)
	defer stop()
	req := kmsg.NewPtrDeleteRecordsRequest()
	rt, rp := kmsg.NewDeleteRecordsRequestTopic(), kmsg.NewDeleteRecordsRequestTopicPartition()
	rp.Partition, rp.Offset = int32(p), to
	rt.Topic, rt.Partitions = s.topic, append(rt.Partitions, rp)
	req.Topics, req.TimeoutMillis = append(req.Topics, rt), 10_000
	res, err := req.RequestWith(ctx, s.admin)
	if err != nil {
		return err
	}
	return kerr.ErrorForCode(res.Topics[0].Partitions[0].ErrorCode)
}

// grow adds a partition.
func (s *traffic) grow(ctx context.Context) error {
	ctx, stop := context.WithTimeout(ctx, 20*time.Second)
	defer stop()
	n := len(s.sources)
	req := kmsg.NewPtrCreatePartitionsRequest()
	rt := kmsg.NewCreatePartitionsRequestTopic()
	rt.Topic, rt.Count = s.topic, int32(n+1)
	req.Topics, req.TimeoutMillis = append(req.Topics, rt), 10_000
	res, err := req.RequestWith(ctx, s.admin)
	if err == nil {
		err = kerr.ErrorForCode(res.Topics[0].ErrorCode)
	}
	if err == nil {
		s.sources = append(s.sources, &oracle.Source{Topic: s.topic, Partition: n, Grown: true, Known: driftd.MinTime})
	}
	if err == nil {
		err = s.flush(ctx)
	}
	for _, seed := range s.seeds { // a new producer may ask any of them
		for n := 0; err == nil && n < len(s.sources); {
			var c *kafka.Client
			if c, err = kafka.New(kafka.Config{Brokers: []string{seed}}); err == nil {
				n, err = c.Partitions(ctx, s.topic)
				c.Close()
			}
		}
	}
	if err == nil {
		s.producer.Close()
		err = s.newProducer()
	}
	return err
}

// remake deletes the topic, whose records have been read, and makes it anew.
func (s *traffic) remake(ctx context.Context, commits []commit, now time.Time) error {
	ctx, stop := context.WithTimeout(ctx, 40*time.Second)
	defer stop()
	s.producer.Close() // it would look for the old topic
	req := kmsg.NewPtrDeleteTopicsRequest()
	req.TopicNames, req.TimeoutMillis = []string{s.topic}, 10_000
	rt := kmsg.NewDeleteTopicsRequestTopic()
	rt.Topic = &s.topic
	req.Topics = append(req.Topics, rt)
	res, err := req.RequestWith(ctx, s.admin)
	if err == nil {
		err = kerr.ErrorForCode(res.Topics[0].ErrorCode)
	}
	if err != nil {
		return errors.Join(err, s.newProducer())
	}
	make := kmsg.NewPtrCreateTopicsRequest()
	mt := kmsg.NewCreateTopicsRequestTopic()
	mt.Topic, mt.NumPartitions, mt.ReplicationFactor = s.topic, int32(len(s.sources)), 3
	make.Topics, make.TimeoutMillis = append(make.Topics, mt), 10_000
	for { // it exists until it has been deleted everywhere
		res, err := make.RequestWith(ctx, s.admin)
		if err == nil {
			if err = kerr.ErrorForCode(res.Topics[0].ErrorCode); err == nil {
				break
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("make %s anew: %w", s.topic, errors.Join(ctx.Err(), err))
		case <-time.After(200 * time.Millisecond):
		}
	}
	for p, old := range s.sources {
		s.past = append(s.past, old)
		s.sources[p] = &oracle.Source{Topic: s.topic, Partition: p, Anew: true, Known: commits[p].frontier, Told: commits[p].frontier, Since: now.UnixNano()}
	}
	return s.newProducer()
}

func (s *traffic) newProducer() (err error) {
	s.producer, err = kgo.NewClient(kgo.SeedBrokers(s.seeds...), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(0), kgo.MaxBufferedRecords(1_000_000))
	return err
}
