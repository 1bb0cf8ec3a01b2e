package sim

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/internal/oracle"
)

// happen carries out the faults that are due by the time.
func (w *world) happen() {
	for _, f := range w.faults {
		if f.what < requestKinds || f.done || time.Since(w.began) < f.at { // the others' done is hit's
			continue
		}
		f.done = true
		w.mu.Lock()
		w.hits++
		w.mu.Unlock()
		w.note("fault: %v", f)
		s := w.slots[f.slot]
		switch f.what {
		case stopGently:
			if p := s.proc; p != nil {
				p.stop()
				go func() {
					time.Sleep(2 * time.Second) // to leave its groups
					s.kill(p, "")
				}()
			}
		case refuse:
			refusals := []kfake.Fault{
				{Keys: []kmsg.Key{kmsg.Produce}, Topic: "d.profiles", Err: kerr.NotEnoughReplicasAfterAppend},
				{Keys: []kmsg.Key{kmsg.Produce}, Topic: "d.state", Err: kerr.RequestTimedOut},
				{Keys: []kmsg.Key{kmsg.Produce}, Topic: "d.results", Err: kerr.NotLeaderForPartition},
				{Keys: []kmsg.Key{kmsg.OffsetCommit}, Err: kerr.RequestTimedOut},
				{Keys: []kmsg.Key{kmsg.OffsetCommit}, Err: kerr.CoordinatorNotAvailable},
				{Keys: []kmsg.Key{kmsg.Fetch}, Err: kerr.NotLeaderForPartition},
				{Keys: []kmsg.Key{kmsg.Heartbeat}, Err: kerr.RebalanceInProgress, TopLevel: true},
			}
			x := refusals[w.rng.IntN(len(refusals))]
			x.Count = 1 + w.rng.IntN(12)
			w.broker.Fault(x)
		case sinkAway:
			w.mu.Lock()
			w.sinkOff = time.Now().Add(4 * f.d)
			w.mu.Unlock()
		case skew:
			s.skew.Store(w.rng.Int64N(int64(2*time.Minute)) - int64(time.Minute))
		case grow:
			w.grow()
		case lose:
			w.lose()
		case transact:
			w.begin(f.d)
		case remake:
			w.remake()
		}
	}
	w.endDue(false)
}

// remake deletes the source topic and makes it anew.
func (w *world) remake() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.past) > 0 || slices.ContainsFunc(w.open, func(tx *transaction) bool { return tx.cl != nil }) || slices.ContainsFunc(w.sources, func(s *oracle.Source) bool { return s.Lost != nil || s.Grown }) {
		return // one such thing in a world
	}
	// kfake keeps a deleted topic's commits, which brokers delete. Without them a
	// reader that comes late could find its old offset in the new log: so only when
	// that cannot grow as long.
	n := len(w.sources)
	for p, s := range w.sources {
		if c, ok := w.commits[int32(p)]; !ok || time.Since(w.began) < length*6/10 || c.Offset < int64(len(s.Records))*9/10 {
			return
		}
	}
	if err := w.broker.DeleteTopic(topic); err != nil {
		w.failed = append(w.failed, err.Error())
		return
	}
	if err := w.broker.CreateTopic(topic, int32(n), nil); err != nil {
		w.failed = append(w.failed, err.Error())
		return
	}
	for p, s := range w.sources {
		var m struct{ F int64 }
		if err := json.Unmarshal([]byte(*w.commits[int32(p)].Metadata), &m); err != nil {
			w.failed = append(w.failed, err.Error())
		}
		w.past = append(w.past, s)
		w.sources[p] = &oracle.Source{Topic: topic, Partition: p, Anew: true, Known: m.F, Told: w.before[int32(p)], Since: w.clock().UnixNano()}
	}
}

func (w *world) grow() {
	n := w.partitions()
	cl, err := kgo.NewClient(kgo.SeedBrokers(w.addr), kgo.Dialer(w.stack.DialContext))
	if err != nil {
		w.fail("%v", err)
		return
	}
	defer cl.Close()
	req := kmsg.NewPtrCreatePartitionsRequest()
	rt := kmsg.NewCreatePartitionsRequestTopic()
	rt.Topic, rt.Count = topic, int32(n+1)
	req.Topics = append(req.Topics, rt)
	if _, err := req.RequestWith(context.Background(), cl); err != nil {
		w.fail("add a partition: %v", err)
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sources = append(w.sources, &oracle.Source{Topic: topic, Partition: n, Grown: true, Known: driftd.MinTime})
}

// lose kills all, and deletes records of a partition that were not committed.
func (w *world) lose() {
	for _, s := range w.slots {
		if s.proc != nil {
			s.kill(s.proc, "")
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.sources[w.rng.IntN(len(w.sources))]
	c, ok := w.commits[int32(s.Partition)]
	if !ok || s.Lost != nil || slices.ContainsFunc(w.open, func(tx *transaction) bool { return tx.cl != nil }) {
		return
	}
	var m struct{ F, S int64 }
	if json.Unmarshal([]byte(*c.Metadata), &m) != nil || m.F == driftd.MinTime {
		return
	}
	to := c.Offset + 1 + w.rng.Int64N(60)
	if to >= int64(len(s.Records)) {
		return
	}
	if err := w.broker.DeleteRecords(topic, int32(s.Partition), to); err != nil {
		w.failed = append(w.failed, err.Error())
		return
	}
	s.Lost = &oracle.Lost{To: to, From: c.Offset, Read: m.S, Frontier: m.F}
	fmt.Fprintf(&w.trace, "          partition %d: records %d to %d are deleted, frontier %s\n", s.Partition, c.Offset, to, time.Unix(0, m.F).UTC().Format("15:04"))
}
