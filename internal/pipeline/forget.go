package pipeline

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/internal/kafka"
	"github.com/driftd/driftd/internal/wire"
)

// settle is how long a running driftd is given to hear of what was forgotten,
// and to write what it had begun, before its last records are looked for.
const settle = 2 * time.Second

// Forget takes out of driftd's topics what Holds has found. Running processes
// hear of it by driftd.references; what they write meanwhile is taken out too.
// An error says what was not done; the same again does the rest.
func (l *Library) Forget(ctx context.Context, h *Holding, by string) error {
	mark, err := l.mark(ctx, h, by)
	if err != nil {
		return err
	}
	if err := l.erase(ctx, h, mark); err != nil {
		return err
	}
	select {
	case <-time.After(settle):
	case <-ctx.Done():
		return ctx.Err()
	}
	now, err := OpenLibrary(ctx, l.client, l.set)
	if err != nil {
		return err
	}
	left, _, err := now.Holds(ctx, h.Model, h.Segment)
	if err != nil {
		return err
	}
	now.spare(left)
	return now.erase(ctx, left, mark)
}

// spare leaves out of a second look at a whole model what its new life has
// brought: what is in a layout that was written after the mark.
func (l *Library) spare(h *Holding) {
	r := l.refs
	if h.Segment != "" {
		return
	}
	h.refs = slices.DeleteFunc(h.refs, func(key []byte) bool {
		kind, name, _ := strings.Cut(string(key), "/")
		s, _ := driftd.ParseSeriesKey(name)
		switch kind {
		case "use":
			return slices.ContainsFunc(r.uses[s], func(e *wire.UseEntry) bool { return r.layouts[e.Layout] != nil })
		case "request":
			return r.layouts[r.requests[s].Layout] != nil
		case "reference":
			return r.refs[name] != nil
		}
		return true
	})
	for _, layout := range r.layouts {
		if layout.Model == h.Model {
			h.windows = nil // learned anew, and not to be told from the others
		}
	}
}

// mark writes up to where driftd.profiles counts no more, with tombstones for
// the uses: one produce request, so that nobody sees a part of it for long.
func (l *Library) mark(ctx context.Context, h *Holding, by string) (*wire.Forgotten, error) {
	parts := make([]int, l.set.Partitions)
	for i := range parts {
		parts[i] = i
	}
	end, err := l.client.Offsets(ctx, l.set.profilesTopic(), parts, kafka.AtEnd)
	if err != nil {
		return nil, err
	}
	now := time.Now
	if l.set.Now != nil {
		now = l.set.Now
	}
	m := &wire.Forgotten{MinReader: 1, At: now().UnixNano(), By: strings.ToValidUTF8(by, "\uFFFD"), Layouts: h.Layouts}
	for i := range parts {
		m.Through = append(m.Through, end[i])
	}
	b, err := proto.Marshal(m)
	if err != nil {
		return nil, err
	}
	k := driftd.Series{Model: h.Model, Segment: h.Segment}
	if h.Segment == "" {
		k.Segment = driftd.AllSegment
	}
	recs := []kafka.Record{{Key: []byte("forgotten/" + k.Key()), Value: b}}
	for _, key := range h.refs {
		recs = append(recs, kafka.Record{Key: key})
	}
	if _, err := l.client.Produce(ctx, l.set.referencesTopic(), 0, recs); err != nil {
		return nil, fmt.Errorf("write to %s: %w", l.set.referencesTopic(), err)
	}
	return m, nil
}

// erase writes the tombstones. A series that began after the mark stays.
func (l *Library) erase(ctx context.Context, h *Holding, mark *wire.Forgotten) error {
	write := func(topic string, p int, keys [][]byte) error {
		recs := make([]kafka.Record, len(keys))
		for i, k := range keys {
			recs[i].Key = k
		}
		if _, err := l.client.Produce(ctx, topic, p, recs); err != nil {
			return fmt.Errorf("write tombstones: %w", err)
		}
		return nil
	}
	if err := write(l.set.referencesTopic(), 0, h.refs); err != nil {
		return err
	}
	for p, keys := range h.windows {
		if err := write(l.set.windowsTopic(), p, keys); err != nil {
			return err
		}
	}
	for p, states := range h.states {
		var keys [][]byte
		for _, s := range states {
			if s.since <= mark.Through[p] {
				keys = append(keys, s.key)
			}
		}
		if err := write(l.set.stateTopic(), p, keys); err != nil {
			return err
		}
	}
	return nil
}

// Retained is a topic of driftd's own that keeps what was written to it.
type Retained struct {
	Topic   string
	For     time.Duration // how long from when it was written; 0: for ever
	Compact bool          // only until the brokers' log cleaner has run
}

// Retention is for how long driftd's topics go on holding what was forgotten, as
// the brokers have it now.
func (l *Library) Retention(ctx context.Context) ([]Retained, error) {
	var out []Retained
	for _, topic := range []string{l.set.profilesTopic(), l.set.resultsTopic(), l.set.deadLettersTopic(), l.set.stateTopic(), l.set.windowsTopic(), l.set.referencesTopic()} {
		conf, err := l.client.DescribeTopicConfig(ctx, topic)
		if err != nil {
			return nil, err
		}
		r := Retained{Topic: topic, Compact: strings.Contains(conf["cleanup.policy"], "compact")}
		if ms, err := strconv.ParseInt(conf["retention.ms"], 10, 64); err == nil && ms > 0 && !r.Compact {
			r.For = time.Duration(min(ms, math.MaxInt64/int64(time.Millisecond))) * time.Millisecond
		}
		out = append(out, r)
	}
	return out, nil
}
