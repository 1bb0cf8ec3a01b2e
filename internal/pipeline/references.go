package pipeline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/proto"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/internal/detect"
	"github.com/driftd/driftd/internal/kafka"
	"github.com/driftd/driftd/internal/wire"
)

// References is the side input of PROFILE and DETECT: what driftd.references
// holds, followed as it grows. Layouts and references never change; which of
// them a series uses, and from when, is in its use record, written only by the
// series' DETECT owner [E11].
type References struct {
	topic string
	log   *slog.Logger

	mu       sync.Mutex
	layouts  map[string]*driftd.Layout
	gone     map[string]*driftd.Layout // that were forgotten: what is open in them is still read
	waiting  map[string]waitingRef     // references that are still to be decoded
	refs     map[string]*driftd.Reference
	uses     map[driftd.Series][]*wire.UseEntry
	hidden   map[driftd.Series]bool // whose last answer in the topic does not count
	owners   map[int]*wire.Owner    // by partition of driftd.profiles
	beaten   map[int]bool           // whose last claim in the topic does not count
	requests map[driftd.Series]*wire.Request
	seen     map[string]bool            // references that were ever requested
	plans    map[string]*wire.Bootstrap // by topic
	forgot   forgotten                  // never changed: replaced
	returned map[driftd.Series]int64    // `at` of the forgetting after which events came again
	version  int64
	changed  chan struct{}
	reading  bool // what the topic holds is being read: references wait for its end
	ready    bool
	next     int64 // offset after the last record that was taken
}

// waitingRef is a reference as it is stored: its layout has not come yet, or the
// topic has not been read to its end.
type waitingRef struct {
	layout string // fingerprint
	raw    []byte
}

func newReferences(topic string, log *slog.Logger) *References {
	return &References{topic: topic, log: log, layouts: map[string]*driftd.Layout{}, waiting: map[string]waitingRef{}, refs: map[string]*driftd.Reference{},
		uses: map[driftd.Series][]*wire.UseEntry{}, requests: map[driftd.Series]*wire.Request{}, seen: map[string]bool{}, plans: map[string]*wire.Bootstrap{},
		hidden: map[driftd.Series]bool{}, owners: map[int]*wire.Owner{}, beaten: map[int]bool{}, gone: map[string]*driftd.Layout{}, forgot: forgotten{}, returned: map[driftd.Series]int64{}, changed: make(chan struct{})}
}

// Follow reads the topic to its end, says so, and goes on until ctx ends.
func (r *References) Follow(ctx context.Context, c *kafka.Client) error {
	next, err := r.read(ctx, c)
	if err != nil {
		return err
	}
	r.mu.Lock()
	r.ready, r.next = true, next
	r.bump()
	r.mu.Unlock()
	f := c.NewFetcher(kafka.FetchConfig{Topic: r.topic})
	chunks := f.Add(0, next)
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	var w kafka.Walker
	for chunk := range chunks {
		if chunk.Err != nil {
			return fmt.Errorf("read %s: %w", r.topic, chunk.Err)
		}
		if err := w.Walk(&chunk, r.take); err != nil {
			return fmt.Errorf("read %s: %w", r.topic, err)
		}
		r.mu.Lock()
		if chunk.Next > r.next {
			r.next = chunk.Next
			r.wake()
		}
		r.mu.Unlock()
	}
	return <-done
}

// read takes what the topic holds now, and tells the offset after the last record.
func (r *References) read(ctx context.Context, c *kafka.Client) (next int64, err error) {
	r.mu.Lock()
	r.reading = true
	r.mu.Unlock()
	if next, err = readFrom(ctx, c, r.topic, 0, r.take); err == nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.reading = false
		err = r.decodeWaiting()
	}
	if err != nil {
		err = fmt.Errorf("read %s: %w", r.topic, err)
	}
	return next, err
}

// decodeWaiting decodes, on all cores, the references that wait and whose layout
// is there: a fleet has thousands, and a start waits for them. The lock is held.
func (r *References) decodeWaiting() error {
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	type decoded struct {
		name string
		ref  *driftd.Reference
		err  error
	}
	var all []*decoded
	for fp, w := range r.waiting {
		l := r.layouts[w.layout]
		if l == nil {
			continue
		}
		d := &decoded{name: fp}
		all = append(all, d)
		g.Go(func() error {
			d.ref, d.err = wire.DecodeReference(w.raw, l)
			return nil
		})
	}
	_ = g.Wait() // each has its own
	for _, d := range all {
		delete(r.waiting, d.name)
		if newer := (*wire.NewerError)(nil); errors.As(d.err, &newer) {
			return d.err
		}
		if d.err != nil {
			r.log.Error("a reference cannot be read and is passed over", "topic", r.topic, "reference", d.name, "err", d.err)
			continue
		}
		r.refs[d.name] = d.ref
	}
	return nil
}

// CatchUp waits until what the topic holds now has been read.
func (r *References) CatchUp(ctx context.Context, c *kafka.Client) error {
	end, err := c.Offsets(ctx, r.topic, []int{0}, kafka.AtEnd)
	if err != nil {
		return err
	}
	return r.wait(ctx, func() bool { return r.next >= end[0] })
}

// bump says that something has changed. The lock is held.
func (r *References) bump() {
	r.version++
	r.wake()
}

// wake tells everyone who waits. The lock is held.
func (r *References) wake() {
	close(r.changed)
	r.changed = make(chan struct{})
}

// take puts one record in its place. A record that cannot be read is told and
// passed over when it is damaged, and stops us when a newer driftd wrote it.
func (r *References) take(rec *kafka.Rec) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	kind, name, _ := strings.Cut(string(rec.Key), "/")
	if len(rec.Value) == 0 {
		r.drop(kind, name)
		r.bump()
		return nil
	}
	var err error
	switch kind {
	case "layout":
		err = r.takeLayout(rec.Value)
	case "reference":
		err = r.takeReference(rec.Value)
	case "owner":
		err = r.takeOwner(name, rec.Value)
	case "bootstrap":
		var b wire.Bootstrap
		if err = proto.Unmarshal(rec.Value, &b); err == nil {
			r.plans[name] = &b
		}
	case "use", "request", "forgotten", "returned":
		s, ok := driftd.ParseSeriesKey(name)
		if !ok {
			err = fmt.Errorf("key %q names no series", rec.Key)
			break
		}
		err = r.takeOf(kind, s, rec.Value)
	}
	if err != nil {
		if newer := (*wire.NewerError)(nil); errors.As(err, &newer) {
			return err
		}
		r.log.Error("a record of the references topic cannot be read and is passed over", "topic", r.topic, "key", string(rec.Key), "offset", rec.Offset, "err", err)
		return nil
	}
	r.bump()
	return nil
}

// takeOf takes a record of a series.
func (r *References) takeOf(kind string, s driftd.Series, b []byte) error {
	switch kind {
	case "use":
		return r.takeUse(s, b)
	case "request":
		var q wire.Request
		if err := proto.Unmarshal(b, &q); err != nil {
			return err
		}
		r.requests[s], r.seen[q.Reference] = &q, true // of a learning one: ""
	default:
		return r.takeForgotten(kind, s, b)
	}
	return nil
}

func (r *References) takeLayout(b []byte) error {
	l, err := wire.DecodeLayout(b)
	if err != nil {
		return err
	}
	if r.layouts[l.Fingerprint] != nil {
		return nil // the same, written again: open panes go on in the one that they have
	}
	r.layouts[l.Fingerprint] = l
	if r.reading {
		return nil
	}
	return r.decodeWaiting()
}

func (r *References) takeReference(b []byte) error {
	of, err := wire.LayoutOf(b)
	if err != nil {
		return err
	}
	fp := wire.Fingerprint(b)
	if r.refs[fp] != nil {
		return nil
	}
	l := r.layouts[of]
	if l == nil || r.reading {
		r.waiting[fp] = waitingRef{of, bytes.Clone(b)}
		return nil
	}
	ref, err := wire.DecodeReference(b, l)
	if err == nil {
		r.refs[fp] = ref
	}
	return err
}

// Version changes with every record.
func (r *References) Version() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.version
}

// wait returns when ok says so, after each change, or when ctx ends.
func (r *References) wait(ctx context.Context, ok func() bool) error {
	for {
		r.mu.Lock()
		done, changed := r.ready && ok(), r.changed
		r.mu.Unlock()
		if done {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Ready waits until the topic has been read to its end, and, for a while, until
// every request has been answered: an event must not be profiled without the
// layout that somebody has just pushed.
func (r *References) Ready(ctx context.Context, patience time.Duration) error {
	if err := r.wait(ctx, func() bool { return true }); err != nil {
		return err
	}
	short, stop := context.WithTimeout(ctx, patience)
	defer stop()
	err := r.wait(short, func() bool { return len(r.pending()) == 0 })
	if err != nil && ctx.Err() == nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.log.Warn("references were pushed that no detect task has taken up: going on without them", "series", len(r.pending()))
		return nil
	}
	return err
}

// Uses are the references of a series, by the time from which they hold. A
// segment without a use of its own follows those of `all`: by the reference of
// that segment in the same layout, else (version tags) by `all`'s own.
func (r *References) Uses(s driftd.Series) []detect.Use {
	r.mu.Lock()
	defer r.mu.Unlock()
	entries := r.uses[s]
	borrowed := false
	if len(entries) == 0 && s.Segment != driftd.AllSegment {
		entries, borrowed = r.uses[driftd.Series{Model: s.Model, Segment: driftd.AllSegment}], true
	}
	var out []detect.Use
	for _, e := range entries {
		l := r.layouts[e.Layout]
		if l == nil {
			continue
		}
		u := detect.Use{From: e.EffectiveFrom, Layout: l, Reference: r.refs[e.Reference], Origin: wire.OriginFromWire(e.Origin), Accepted: e.Accepted}
		if borrowed && u.Accepted != 0 { // how far `all` had come says nothing of this series
			u.Accepted = e.EffectiveFrom
		}
		if borrowed && !strings.HasPrefix(s.Segment, "version=") {
			u.Reference = nil
		}
		out = append(out, u)
	}
	return out
}

// plan is what is written of learning from a topic; nil: nothing.
func (r *References) plan(topic string) *wire.Bootstrap {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.plans[topic]
}

// learned waits until the topic has been learned from, and tells where its first
// reading begins; driftd.MinTime: as `start` says.
func (r *References) learned(ctx context.Context, topic string) (from int64, err error) {
	err = r.wait(ctx, func() bool {
		p := r.plans[topic]
		if p != nil && p.Done {
			from = p.From
		}
		return p != nil && p.Done
	})
	return from, err
}

// own is the use of a series that stands last, with no request behind it that is
// still to be answered; false for a series that only follows `all`.
func (r *References) own(s driftd.Series) (detect.Use, bool) {
	r.mu.Lock()
	q := r.requests[s]
	ok := len(r.uses[s]) > 0 && (q == nil || !r.open(s, q))
	r.mu.Unlock()
	uses := r.Uses(s)
	if !ok || len(uses) == 0 {
		return detect.Use{}, false
	}
	return uses[len(uses)-1], true
}

// Layout waits for a layout by fingerprint.
func (r *References) Layout(ctx context.Context, fingerprint string) (*driftd.Layout, error) {
	var l *driftd.Layout
	err := r.wait(ctx, func() bool {
		if l = r.layouts[fingerprint]; l == nil {
			l = r.gone[fingerprint]
		}
		return l != nil
	})
	return l, err
}

// Models are the names of models with a use.
func (r *References) Models() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []string
	for s := range r.uses {
		if s.Segment == driftd.AllSegment {
			out = append(out, s.Model)
		}
	}
	return out
}
