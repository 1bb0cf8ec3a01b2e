package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	kafkago "github.com/segmentio/kafka-go"
)

const (
	usableTries = 3 // answers that cannot be used before the reader is told
	holeTries   = 5 // answers that show nothing before a hole is stepped over
	holePause   = 100 * time.Millisecond
	maxThrottle = 30 * time.Second
)

// await sleeps on the condition until ready finds something to do; false at the
// end. ready returns when something that waits for a time will be due. Call it
// with f.mu held.
func (f *Fetcher) await(ready func(now time.Time) (ok bool, due time.Time)) bool {
	for !f.stopped {
		now := time.Now()
		ok, due := ready(now)
		if ok {
			return true
		}
		if due.IsZero() {
			f.cond.Wait()
			continue
		}
		timer := time.AfterFunc(due.Sub(now), func() {
			f.mu.Lock()
			f.cond.Broadcast()
			f.mu.Unlock()
		})
		f.cond.Wait()
		timer.Stop()
	}
	return false
}

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}

// findLeaders waits until a partition has no leader and looks it up. start is
// called once for each broker that leads something. It is false at the end.
func (f *Fetcher) findLeaders(ctx context.Context, start func(leader int32)) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	var lost []*fetchState
	more := f.await(func(now time.Time) (bool, time.Time) {
		lost = lost[:0]
		var due time.Time
		for _, p := range f.order {
			switch {
			case p.leader >= 0 || p.inflight:
			case p.notBefore.After(now):
				due = earlier(due, p.notBefore)
			default:
				lost = append(lost, p)
			}
		}
		return len(lost) > 0, due
	})
	if !more {
		return false
	}
	f.mu.Unlock()
	leaders, err := f.c.refreshLeaders(ctx, f.cfg.Topic)
	f.mu.Lock()
	if err != nil && ctx.Err() == nil {
		f.c.cfg.OnRetry("metadata", err)
	}
	for _, p := range lost {
		id, ok := leaders[p.id]
		if !ok {
			p.notBefore = time.Now().Add(p.backoff.NextBackOff())
			continue
		}
		p.leader = id
		if !f.leaders[id] {
			f.leaders[id] = true
			start(id)
		}
	}
	f.cond.Broadcast()
	return true
}

// loop asks one leader, again and again, for the partitions that have more to
// read (hot) or for those at the end of their log.
func (f *Fetcher) loop(ctx context.Context, leader int32, hot bool) {
	wait, minBytes := f.cfg.MaxWait, f.cfg.MinBytes
	if hot {
		wait, minBytes = 0, 1
	}
	for {
		asked, wants, gens := f.take(leader, hot)
		if asked == nil {
			return
		}
		res, err := f.c.fetch(ctx, leader, f.cfg.Topic, wants, minBytes, f.cfg.MaxTotal, wait)
		if ctx.Err() != nil {
			return
		}
		for _, err := range f.settle(ctx, asked, gens, res, err) {
			f.c.cfg.OnRetry("fetch", err)
		}
		if res != nil && res.throttle > 0 {
			// A broker that has throttled us answers with nothing and expects us
			// to keep quiet for so long.
			select {
			case <-ctx.Done():
				return
			case <-time.After(min(res.throttle, maxThrottle)):
			}
		}
	}
}

// take waits for partitions that can be asked for and marks them as being asked.
func (f *Fetcher) take(leader int32, hot bool) (asked []*fetchState, wants []fetchWant, gens []int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.await(func(now time.Time) (bool, time.Time) {
		var due time.Time
		for i := range f.order {
			p := f.order[(f.turn+i)%len(f.order)]
			switch {
			case p.leader != leader || p.hot != hot || p.inflight || p.paused || p.stalled || p.pending >= f.cfg.Queue:
			case p.notBefore.After(now):
				due = earlier(due, p.notBefore)
			default:
				asked = append(asked, p)
				wants = append(wants, fetchWant{p.id, p.next, p.maxBytes})
				gens = append(gens, p.gen)
			}
		}
		return len(asked) > 0, due
	})
	f.turn++
	for _, p := range asked {
		p.inflight, p.asked = true, time.Now()
	}
	return asked, wants, gens
}

// settle takes an answer in and returns the failures to be told of.
func (f *Fetcher) settle(ctx context.Context, asked []*fetchState, gens []int, res *fetchAnswer, err error) (failures []error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	defer f.cond.Broadcast()
	for i, p := range asked {
		p.inflight = false
		switch part := res.part(p.id); {
		case err != nil:
			p.lose()
		case gens[i] != p.gen: // an answer to a question from before a Seek
		case part == nil:
			p.lose()
			failures = append(failures, fmt.Errorf("kafka: fetch %s/%d: the broker did not answer for it", f.cfg.Topic, p.id))
		case part.code != 0:
			perr := fmt.Errorf("kafka: fetch %s/%d at offset %d: %w", f.cfg.Topic, p.id, p.next, codeError(part.code))
			failures = append(failures, perr)
			f.refused(ctx, p, part.code)
		default:
			if perr := f.accept(p, part, res); perr != nil {
				failures = append(failures, perr)
			}
		}
	}
	if err != nil {
		failures = append(failures, err)
	}
	return failures
}

func (a *fetchAnswer) part(id int) *fetchPart {
	if a == nil {
		return nil
	}
	for i := range a.parts {
		if a.parts[i].partition == id {
			return &a.parts[i]
		}
	}
	return nil
}

// lose has the leader found again, after a pause.
func (p *fetchState) lose() {
	p.leader = -1
	p.notBefore = time.Now().Add(p.backoff.NextBackOff())
}

// accept takes what a broker sent for a partition. An error tells why nothing of
// it could be used; it is asked again.
func (f *Fetcher) accept(p *fetchState, part *fetchPart, res *fetchAnswer) error {
	p.backoff.Reset()
	n, next, bad := scan(part.raw, p.next, part.stable)
	c := Chunk{
		Partition: p.id, Offset: p.next, Next: next,
		HighWatermark: part.high, LastStable: part.stable, LogStart: part.start,
		Asked: p.asked, topic: f.cfg.Topic, checked: true,
	}
	if n > 0 {
		// What follows a bad batch is asked for again, from that batch on.
		c.Raw, c.Aborted = part.raw[:n:n], part.aborted
		f.hand(p, c)
		p.next, p.hot = next, next < part.stable
		p.tries, p.holes, p.maxBytes = 0, 0, f.cfg.MaxBytes
		return nil
	}
	_, _, whole, _ := firstBatch(part.raw, false)
	switch {
	case bad != nil:
		bad.Topic, bad.Partition = f.cfg.Topic, p.id
		return f.unusable(p, c, bad)
	case len(part.raw) > 0 && !whole:
		// Only a batch that is larger than was asked for comes cut off at its
		// start.
		size := batchSize(part.raw)
		if int64(p.maxBytes) < size && size <= maxBatchBytes {
			p.maxBytes = int(size)
			return nil
		}
		return f.unusable(p, c, &CorruptBatch{f.cfg.Topic, p.id, p.next, p.next,
			fmt.Sprintf("its header claims %d bytes, the broker sends %d", size, len(part.raw))})
	}
	f.empty(p, c, part, res)
	return nil
}

// empty takes an answer without records: the end of the log, as a rule.
func (f *Fetcher) empty(p *fetchState, c Chunk, part *fetchPart, res *fetchAnswer) {
	p.hot = p.next < part.stable && res.bytes > 0 // the others have used MaxTotal up
	if p.next < part.stable && res.bytes == 0 && res.throttle == 0 {
		// There should be something, and there was room for it. Compaction leaves
		// such holes; a broker would otherwise have sent the first batch after
		// the offset, however large.
		p.notBefore = time.Now().Add(holePause)
		if p.holes++; p.holes >= holeTries {
			p.holes = 0
			p.next, c.Next = part.stable, part.stable
			f.hand(p, c)
			return
		}
	}
	if p.pending == 0 && time.Since(p.told) >= f.cfg.MaxWait {
		f.hand(p, c)
	}
}

// unusable asks again a few times, for bits flip on wires too, then tells the
// reader and waits for Seek.
func (f *Fetcher) unusable(p *fetchState, c Chunk, err error) error {
	if p.tries++; p.tries < usableTries {
		p.notBefore = time.Now().Add(p.backoff.NextBackOff())
		return err
	}
	c.Err, p.stalled = err, true
	f.hand(p, c)
	return err
}

// refused takes an error code for one partition.
func (f *Fetcher) refused(ctx context.Context, p *fetchState, code int16) {
	switch kafkago.Error(code) {
	case kafkago.OffsetOutOfRange:
		p.inflight = true // until the log has been looked at
		gen := p.gen
		go f.outOfRange(ctx, p, gen, p.next)
	case kafkago.InvalidMessage:
		// The broker's own copy is corrupt, it does not say how much of it.
		c := Chunk{Partition: p.id, Offset: p.next, Next: p.next, topic: f.cfg.Topic}
		_ = f.unusable(p, c, &CorruptBatch{f.cfg.Topic, p.id, p.next, p.next, "the broker finds its own log corrupt"})
	default:
		p.lose()
	}
}

// outOfRange finds out what there is instead of the offset that is not there.
func (f *Fetcher) outOfRange(ctx context.Context, p *fetchState, gen int, want int64) {
	f.c.forgetLeaders(f.cfg.Topic)
	start, err := f.c.Offsets(ctx, f.cfg.Topic, []int{p.id}, AtStart)
	var end map[int]int64
	if err == nil {
		end, err = f.c.Offsets(ctx, f.cfg.Topic, []int{p.id}, AtEnd)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	defer f.cond.Broadcast()
	p.inflight = false
	if gen != p.gen || ctx.Err() != nil {
		return
	}
	lo, hi := start[p.id], end[p.id]
	if err != nil || (want >= lo && want <= hi) { // it has been mended, or a stale replica said so
		p.lose()
		return
	}
	p.stalled = true
	f.hand(p, Chunk{
		Partition: p.id, Offset: want, Next: want, HighWatermark: hi, LastStable: hi, LogStart: lo, topic: f.cfg.Topic,
		Err: &OffsetOutOfRange{Topic: f.cfg.Topic, Partition: p.id, Offset: want, LogStart: lo, LogEnd: hi},
	})
}

// hand puts a chunk into the queue. There is room: a partition is asked for only
// while there is, and one answer makes one chunk.
func (f *Fetcher) hand(p *fetchState, c Chunk) {
	p.pending++
	p.told = time.Now()
	select {
	case p.queue <- queued{c, p.gen}:
	default:
		panic(errors.New("kafka: BUG: the queue of a partition overflows"))
	}
}
