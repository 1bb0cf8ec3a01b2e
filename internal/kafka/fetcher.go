package kafka

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v4"
)

// FetchConfig says how a Fetcher asks. Zero values are the defaults.
type FetchConfig struct {
	Topic    string
	MinBytes int           // 1: what a broker waits for at the end of a log, at most MaxWait
	MaxBytes int           // 2 MiB: of one partition in one answer; a single batch may exceed it
	MaxTotal int           // 32 MiB: of one answer
	MaxWait  time.Duration // 500 ms
	Queue    int           // 2: chunks of a partition that wait to be processed
}

func (cfg FetchConfig) withDefaults() FetchConfig {
	def := func(v *int, to int) {
		if *v <= 0 {
			*v = to
		}
	}
	def(&cfg.MinBytes, 1)
	def(&cfg.MaxBytes, 2<<20)
	def(&cfg.MaxTotal, 32<<20)
	def(&cfg.Queue, 2)
	if cfg.MaxWait <= 0 {
		cfg.MaxWait = 500 * time.Millisecond
	}
	return cfg
}

// Fetcher reads partitions of one topic, read_committed, and hands their chunks
// out on one channel each. It never gives up: while brokers are away it waits,
// and says so through Config.OnRetry.
//
// Two requests at most are under way to each leader: one for the partitions that
// have more to read, answered at once, and one for those at the end of their
// log, which the broker holds until something arrives. A single request for both
// would make a busy partition wait for an idle one. A partition whose queue is
// full is in neither.
type Fetcher struct {
	c   *Client
	cfg FetchConfig

	mu      sync.Mutex
	cond    *sync.Cond // anything below has changed
	parts   map[int]*fetchState
	order   []*fetchState
	turn    int // where the next request starts in order, so that all get their share of MaxTotal
	leaders map[int32]bool
	running bool
	stopped bool
	stop    chan struct{}
	feeders sync.WaitGroup
}

// fetchState is a partition; Fetcher.mu guards it, but for the channels.
type fetchState struct {
	id      int
	next    int64 // the offset to ask for
	leader  int32 // -1: to be found
	gen     int   // counts seeks: an answer or a chunk from before one is dropped
	pending int   // chunks that nobody has taken yet

	inflight, paused, stalled bool
	asked                     time.Time // when the broker was last asked
	hot                       bool      // there is more to read right now
	maxBytes                  int
	tries                     int // answers in a row that cannot be used
	holes                     int // answers in a row that show nothing below the last stable offset
	notBefore                 time.Time
	told                      time.Time // when the last chunk was handed out
	backoff                   *backoff.ExponentialBackOff

	queue  chan queued
	out    chan Chunk
	sought chan struct{}
}

type queued struct {
	chunk Chunk
	gen   int
}

// NewFetcher makes a Fetcher without partitions: Add them, then Run it.
func (c *Client) NewFetcher(cfg FetchConfig) *Fetcher {
	f := &Fetcher{
		c: c, cfg: cfg.withDefaults(),
		parts:   map[int]*fetchState{},
		leaders: map[int32]bool{},
		stop:    make(chan struct{}),
	}
	f.cond = sync.NewCond(&f.mu)
	return f
}

// Add begins to read a partition at an offset, before or during Run. The channel
// gives its chunks in order, each starting where the one before ended: at most
// one empty chunk per MaxWait, so that its reader sees the watermarks of an idle
// partition. It is closed when Run returns. A partition can be added once.
func (f *Fetcher) Add(partition int, offset int64) <-chan Chunk {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.parts[partition] != nil {
		panic(fmt.Sprintf("kafka: partition %s/%d was added twice", f.cfg.Topic, partition))
	}
	p := &fetchState{
		id: partition, next: offset, leader: -1, hot: true,
		maxBytes: f.cfg.MaxBytes, backoff: newBackoff(),
		queue:  make(chan queued, f.cfg.Queue),
		out:    make(chan Chunk),
		sought: make(chan struct{}, 1),
	}
	if f.stopped {
		close(p.out)
		return p.out
	}
	f.parts[partition] = p
	f.order = append(f.order, p)
	f.feeders.Go(func() { f.feed(p) })
	f.cond.Broadcast()
	return p.out
}

// Pause stops asking for a partition. Chunks that are already there still come.
func (f *Fetcher) Pause(partition int) { f.setPaused(partition, true) }

// Resume ends a Pause.
func (f *Fetcher) Resume(partition int) { f.setPaused(partition, false) }

func (f *Fetcher) setPaused(partition int, paused bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if p := f.parts[partition]; p != nil {
		p.paused = paused
		f.cond.Broadcast()
	}
}

// Seek goes on at another offset: after a Chunk with an Err, or to read again.
// Chunks that wait in the queue are dropped; one that its reader has just taken
// may still be from before.
func (f *Fetcher) Seek(partition int, offset int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := f.parts[partition]
	if p == nil {
		return
	}
	p.gen++
	p.next, p.stalled, p.hot = offset, false, true
	p.tries, p.holes, p.maxBytes = 0, 0, f.cfg.MaxBytes
	p.notBefore, p.told = time.Time{}, time.Time{}
	select {
	case p.sought <- struct{}{}:
	default:
	}
	f.cond.Broadcast()
}

// feed moves chunks from the queue to the reader, and makes room known.
func (f *Fetcher) feed(p *fetchState) {
	defer close(p.out)
	for {
		select {
		case <-f.stop:
			return
		case q := <-p.queue:
			if !f.deliver(p, q) {
				return
			}
			f.mu.Lock()
			p.pending--
			f.cond.Broadcast()
			f.mu.Unlock()
		}
	}
}

// deliver waits until q is taken, or outdated by a Seek. It is false at the end.
func (f *Fetcher) deliver(p *fetchState, q queued) bool {
	for {
		f.mu.Lock()
		outdated := q.gen != p.gen
		f.mu.Unlock()
		if outdated {
			return true
		}
		select {
		case p.out <- q.chunk:
			return true
		case <-p.sought:
		case <-f.stop:
			return false
		}
	}
}

// Run fetches until ctx ends, and returns its error. It can run once.
func (f *Fetcher) Run(ctx context.Context) error {
	f.mu.Lock()
	if f.running {
		f.mu.Unlock()
		panic("kafka: Fetcher.Run was called twice")
	}
	f.running = true
	f.mu.Unlock()

	unhook := context.AfterFunc(ctx, func() {
		f.mu.Lock()
		f.stopped = true
		f.cond.Broadcast()
		f.mu.Unlock()
	})
	defer unhook()
	var loops sync.WaitGroup
	for f.findLeaders(ctx, func(leader int32) {
		loops.Go(func() { f.loop(ctx, leader, true) })
		loops.Go(func() { f.loop(ctx, leader, false) })
	}) {
	}
	loops.Wait()
	close(f.stop)
	f.feeders.Wait()
	return ctx.Err()
}
