package pipeline

import (
	"context"
	"fmt"
	"slices"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/internal/kafka"
	"github.com/driftd/driftd/internal/wire"
)

// asOf is the offset from which the series' open panes can be read again.
func (t *detectTask) asOf(s *judged) int64 {
	at := t.next
	for _, p := range s.panes {
		at = min(at, p.offset)
	}
	return at
}

// flush makes durable what the chunk has brought: results first, then the state
// of the series that closed a window or have not been written for StateEvery
// panes [E4]. New series come first: an older record's as-of must never lie
// behind a series that has none.
func (t *detectTask) flush(ctx context.Context) error {
	if err := t.writeResults(ctx); err != nil {
		return err
	}
	every := t.set.StateEvery * int64(t.set.Pane)
	var due, fresh []*judged
	for _, s := range t.series {
		switch {
		case s.changed || s.state.Merged > s.written && (s.written == driftd.MinTime || s.state.Merged-s.written >= every):
			due = append(due, s)
		case s.fresh:
			fresh = append(fresh, s)
		}
	}
	if len(due) == 0 {
		if len(t.series) == 0 { // no state goes back behind what has been read
			t.front.forget(t.next)
		}
		return nil
	}
	due = append(due, fresh...)
	slices.SortFunc(due, func(a, b *judged) int {
		if a.fresh != b.fresh {
			if a.fresh {
				return -1
			}
			return 1
		}
		return compareKeys(a.series, b.series)
	})
	return t.writeStates(ctx, due)
}

func compareKeys(a, b driftd.Series) int {
	x, y := a.Key(), b.Key()
	switch {
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return 0
}

func (t *detectTask) writeResults(ctx context.Context) error {
	if len(t.kept) > 0 {
		if _, err := t.client.Produce(ctx, t.set.windowsTopic(), t.partition, t.kept); err != nil {
			return fmt.Errorf("write windows: %w", err)
		}
		t.kept = t.kept[:0]
	}
	if len(t.results) == 0 {
		return nil
	}
	recs := make([]kafka.Record, len(t.results))
	for i, r := range t.results {
		b, err := r.MarshalJSON()
		if err != nil {
			return fmt.Errorf("encode a result of %s: %w", r.Series().Key(), err)
		}
		recs[i] = kafka.Record{Key: []byte(r.Series().Key()), Value: b}
	}
	if _, err := t.client.Produce(ctx, t.set.resultsTopic(), t.partition, recs); err != nil {
		return fmt.Errorf("write results: %w", err)
	}
	t.set.Metrics.ResultsProduced(len(recs))
	for _, r := range t.results {
		t.set.Metrics.Observe(r, t.set.Models.Rules(r.Series()).Lengths[0])
		if r.Incident != nil && t.next >= t.replay && t.alerter != nil {
			t.alert(ctx, *r.Incident)
		}
	}
	t.results = t.results[:0]
	return nil
}

func (t *detectTask) writeStates(ctx context.Context, due []*judged) error {
	recs := make([]kafka.Record, len(due))
	for i, s := range due {
		b, err := wire.EncodeState(t.stateOf(s))
		if err != nil {
			return err
		}
		recs[i] = kafka.Record{Key: []byte(s.series.Key()), Value: b}
	}
	if _, err := t.client.Produce(ctx, t.set.stateTopic(), t.partition, recs); err != nil {
		return fmt.Errorf("write state: %w", err)
	}
	for _, s := range due {
		s.fresh, s.changed, s.written = false, false, s.state.Merged
	}
	t.set.Metrics.StatesProduced(len(recs))
	least := t.next
	for _, s := range t.series {
		least = min(least, t.asOf(s))
	}
	t.front.forget(least)
	return t.forget(ctx, due)
}

func (t *detectTask) stateOf(s *judged) *wire.State {
	at := t.asOf(s)
	return &wire.State{Series: s.series, AsOf: at, Since: s.since, Frontiers: t.front.asOf(at), Detect: s.state}
}

// forget drops series that are over: without a reference (a name that a bad tag
// has made, most likely), without an open window, pane or incident. Their state
// gets a tombstone; should events come again, they begin anew.
func (t *detectTask) forget(ctx context.Context, written []*judged) error {
	var recs []kafka.Record
	for _, s := range written {
		if len(s.rules.Uses) > 0 || len(s.panes) > 0 || !s.state.Over() {
			continue
		}
		recs = append(recs, kafka.Record{Key: []byte(s.series.Key())})
		delete(t.series, s.series)
		t.set.Metrics.DropSeries(s.series)
	}
	return t.bury(ctx, recs)
}
