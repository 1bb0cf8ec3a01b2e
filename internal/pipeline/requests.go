package pipeline

import (
	"context"
	"fmt"
	"log/slog"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/internal/detect"
	"github.com/driftd/driftd/internal/kafka"
	"github.com/driftd/driftd/internal/wire"
)

// pending are series with a request that their use does not answer. The lock is held.
func (r *References) pending() []driftd.Series {
	var out []driftd.Series
	for s, q := range r.requests {
		if r.open(s, q) {
			out = append(out, s)
		}
	}
	return out
}

// open says that a request still waits: for its answer, not for the reference
// itself, without which it cannot be answered. The lock is held.
func (r *References) open(s driftd.Series, q *wire.Request) bool {
	have := r.layouts[q.Layout] != nil
	if q.Reference != "" {
		have = r.refs[q.Reference] != nil
	}
	return have && !answers(r.uses[s], q)
}

// answers says that the last use is what a request asks for.
func answers(uses []*wire.UseEntry, q *wire.Request) bool {
	if len(uses) == 0 {
		return false
	}
	last := uses[len(uses)-1]
	return last.Reference == q.Reference && last.Layout == q.Layout
}

// request is an unanswered request: the use entries so far and what is asked.
type request struct {
	series driftd.Series
	uses   []*wire.UseEntry
	ask    *wire.Request
}

// Pending are the unanswered requests of series that mine accepts.
func (r *References) Pending(mine func(driftd.Series) bool) []request {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []request
	for _, s := range r.pending() {
		if mine(s) {
			out = append(out, request{s, r.uses[s], r.requests[s]})
		}
	}
	return out
}

// AwaitAnswers waits until detect tasks have taken up everything that is asked in
// the references topic of a prefix.
func AwaitAnswers(ctx context.Context, c *kafka.Client, prefix string) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	r := newReferences(prefix+".references", slog.New(slog.DiscardHandler))
	go func() { stop(r.Follow(ctx, c)) }()
	err := r.wait(ctx, func() bool {
		for s, q := range r.requests {
			if !answers(r.uses[s], q) {
				return false
			}
		}
		return true
	})
	if err != nil {
		return context.Cause(ctx)
	}
	return nil
}

// Push writes a bundle and asks for it to be used: layout, references, then one
// request for each series. Writing it twice changes nothing.
func Push(ctx context.Context, c *kafka.Client, prefix string, b *wire.Bundle, o detect.Origin) error {
	topic := prefix + ".references"
	recs := []kafka.Record{{Key: []byte("layout/" + b.Layout.Fingerprint), Value: b.LayoutBytes}}
	for i, ref := range b.References {
		recs = append(recs, kafka.Record{Key: []byte("reference/" + ref.Fingerprint), Value: b.ReferencesBytes[i]})
	}
	for _, ref := range b.References {
		rec, err := ask(driftd.Series{Model: ref.Model, Segment: ref.Segment}, ref.Fingerprint, b.Layout.Fingerprint, o)
		if err != nil {
			return err
		}
		recs = append(recs, rec)
	}
	if _, err := c.Produce(ctx, topic, 0, recs); err != nil {
		return fmt.Errorf("push reference of model %s to %s: %w", b.Layout.Model, topic, err)
	}
	return nil
}

// ask is the request that a series use a reference ("": learn one in the layout).
func ask(s driftd.Series, reference, layout string, o detect.Origin) (kafka.Record, error) {
	q, err := proto.Marshal(&wire.Request{MinReader: 1, Reference: reference, Layout: layout, Origin: wire.OriginToWire(&o)})
	return kafka.Record{Key: []byte("request/" + s.Key()), Value: q}, err
}

// propose writes a reference in a layout that is there already, and asks for it.
func propose(ctx context.Context, c *kafka.Client, topic string, l *driftd.Layout, ref *driftd.Reference, o detect.Origin) error {
	ref.Layout = l.Fingerprint
	raw, err := wire.EncodeReference(ref)
	if err != nil {
		return err
	}
	rec, err := ask(driftd.Series{Model: ref.Model, Segment: ref.Segment}, ref.Fingerprint, l.Fingerprint, o)
	if err != nil {
		return err
	}
	if _, err := c.Produce(ctx, topic, 0, []kafka.Record{{Key: []byte("reference/" + ref.Fingerprint), Value: raw}, rec}); err != nil {
		return fmt.Errorf("write a reference of model %s to %s: %w", ref.Model, topic, err)
	}
	return nil
}

// used says that a series has or had a reference in use.
func (r *References) used(s driftd.Series, fingerprint string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.ContainsFunc(r.uses[s], func(e *wire.UseEntry) bool { return e.Reference == fingerprint })
}

// asked says that the bundle's requests have been read. The lock is held.
func (r *References) asked(b *wire.Bundle) bool {
	for _, ref := range b.References {
		if !r.seen[ref.Fingerprint] {
			return false
		}
	}
	return true
}

// provided says that a model has a reference, or has been asked to use one, other
// than by the plan made at a time: a plan that is taken up is carried out anew as a
// whole, so that reading begins where it would have.
func (r *References) provided(model string, made int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := driftd.Series{Model: model, Segment: driftd.AllSegment}
	q := r.requests[s]
	if q != nil && q.Origin.GetKind() == detect.Bootstrap && q.Origin.GetAt() == made {
		return false
	}
	return len(r.uses[s]) > 0 || q != nil
}
