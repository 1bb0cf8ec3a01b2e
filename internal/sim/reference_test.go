package sim

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/internal/detect"
	"github.com/driftd/driftd/internal/kafka"
	"github.com/driftd/driftd/internal/pipeline"
	"github.com/driftd/driftd/internal/wire"
)

// another is a reference in the layout of the first whose windows vary more, so
// that rows tell by which they were judged.
func another(first *wire.Bundle) (*wire.Bundle, error) {
	var refs []*driftd.Reference
	for i := range first.References { // decoded anew: what lies below is shared otherwise
		r, err := wire.DecodeReference(first.ReferencesBytes[i], first.Layout)
		if err != nil {
			return nil, err
		}
		for k := range r.Scales {
			for c := range r.Scales[k].Columns {
				fits := r.Scales[k].Columns[c].Fits
				for f := range fits {
					fits[f].V, fits[f].D, fits[f].Tau2 = 3*fits[f].V, 3*fits[f].D, 3*fits[f].Tau2
				}
			}
		}
		refs = append(refs, r)
	}
	return wire.NewBundle(first.Layout, refs)
}

// drawPush has one world in four change its reference while it runs, early enough
// for windows that are compared.
func (w *world) drawPush() {
	if w.seed%4 == 0 {
		w.pushAt = length * time.Duration(1+w.seed/4%13) / 18
	}
}

// push asks for the other reference when it is time, and again until it has been
// written: where no process has lived long enough there is no topic yet, and who
// waits for it here starts none.
func (w *world) push(c *kafka.Client) {
	if w.asked || w.pushAt == 0 || time.Since(w.began) < w.pushAt {
		return
	}
	ctx, stop := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer stop()
	w.pushed = true
	err := pipeline.Push(ctx, c, "d", w.later, detect.Origin{Kind: detect.Pushed, By: "sim", At: w.clock().UnixNano()})
	w.asked = err == nil
	w.note("another reference is pushed: %v", err)
}

// readUses reads from when on each segment has which reference: of each series what
// stands last and was said under the newest claim that stood before it. What has been
// said once must not change [E11].
func (w *world) readUses(c *kafka.Client) error {
	if !w.pushed {
		return nil
	}
	ctx, topic := context.Background(), "d.references"
	end, err := c.Offsets(ctx, topic, []int{0}, kafka.AtEnd)
	if err != nil {
		return err
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(w.addr), kgo.Dialer(w.stack.DialContext),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().AtStart()}}))
	if err != nil {
		return err
	}
	defer cl.Close()
	refs := map[string]*driftd.Reference{}
	for _, b := range []*wire.Bundle{w.bundle, w.later} {
		for _, r := range b.References {
			refs[r.Fingerprint] = r
		}
	}
	epochs, uses := map[int64]int64{}, map[string][]detect.Use{}
	take := func(rec *kgo.Record) error {
		kind, name, _ := strings.Cut(string(rec.Key), "/")
		switch kind {
		case "owner":
			var o wire.Owner
			p, err := strconv.ParseInt(name, 10, 64)
			if err != nil {
				return err
			}
			if err := proto.Unmarshal(rec.Value, &o); err != nil {
				return err
			}
			epochs[p] = max(epochs[p], o.Epoch)
		case "use":
			var u wire.Use
			if err := proto.Unmarshal(rec.Value, &u); err != nil {
				return err
			}
			if u.Epoch < epochs[int64(u.Partition)] {
				return nil
			}
			_, segment, _ := strings.Cut(name, "/")
			before := uses[segment]
			uses[segment] = nil
			for _, e := range u.Entries {
				if refs[e.Reference] == nil {
					return fmt.Errorf("%s has a reference that nobody pushed", name)
				}
				uses[segment] = append(uses[segment], detect.Use{From: e.EffectiveFrom, Layout: w.bundle.Layout, Reference: refs[e.Reference]})
			}
			for i, old := range before {
				if i >= len(uses[segment]) || uses[segment][i].From != old.From || uses[segment][i].Reference != old.Reference {
					return fmt.Errorf("from when on %s has a reference was changed: %d then, now %+v", name, old.From, u.Entries)
				}
			}
		}
		return nil
	}
	for next := int64(0); next < end[0]; {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return err
		}
		for _, rec := range fetches.Records() {
			if err := take(rec); err != nil {
				return err
			}
			next = rec.Offset + 1
		}
	}
	w.mu.Lock()
	w.uses = uses
	w.mu.Unlock()
	return nil
}
