package pipeline

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/internal/kafka"
	"github.com/driftd/driftd/internal/wire"
)

// forgotten are what people have had forgotten: whole models by their series
// `all`, and single segments.
//
// Tombstones alone would not do: driftd.profiles keeps what it has for days, and
// whoever takes a partition over reads it again. So driftd.references remembers
// up to which offset it counts no more.
type forgotten map[driftd.Series]*wire.Forgotten

// through is the offset of a partition of driftd.profiles before which nothing
// counts any more for a series; -1 when it was never forgotten.
func (f forgotten) through(s driftd.Series, partition int) int64 {
	at := int64(-1)
	for _, k := range []driftd.Series{s, {Model: s.Model, Segment: driftd.AllSegment}} {
		if m := f[k]; m != nil && partition < len(m.Through) {
			at = max(at, m.Through[partition])
		}
	}
	return at
}

// takeForgotten takes a mark of `driftd forget`, or of a model's return after
// it. The lock is held.
func (r *References) takeForgotten(kind string, s driftd.Series, b []byte) error {
	var m wire.Forgotten
	if err := proto.Unmarshal(b, &m); err != nil {
		return err
	}
	if m.MinReader > wire.Version {
		return &wire.NewerError{What: "a mark of driftd forget", Need: m.MinReader}
	}
	if kind == "returned" {
		r.returned[s] = m.At
		return nil
	}
	r.forgot = maps.Clone(r.forgot)
	r.forgot[s] = &m
	for _, fp := range m.Layouts {
		r.dropLayout(fp)
	}
	return nil
}

// drop takes a tombstone. The lock is held.
func (r *References) drop(kind, name string) {
	s, _ := driftd.ParseSeriesKey(name)
	switch kind {
	case "layout":
		r.dropLayout(name)
	case "reference":
		delete(r.refs, name)
		delete(r.waiting, name)
	case "bootstrap":
		delete(r.plans, name)
	case "use":
		delete(r.uses, s)
		delete(r.hidden, s)
	case "request":
		delete(r.requests, s)
	case "forgotten":
		r.forgot = maps.Clone(r.forgot)
		delete(r.forgot, s)
	case "returned":
		delete(r.returned, s)
	}
}

// dropLayout takes a layout out of use. Profiles in it that a task has read
// before it heard of that are still decoded. The lock is held.
func (r *References) dropLayout(fingerprint string) {
	if l := r.layouts[fingerprint]; l != nil {
		r.gone[fingerprint] = l
		delete(r.layouts, fingerprint)
	}
}

// forgotten is what has been forgotten until now; nobody changes it.
func (r *References) forgotten() forgotten {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.forgot
}

// away says that a model was forgotten and has sent nothing since.
func (r *References) away(model string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	k := driftd.Series{Model: model, Segment: driftd.AllSegment}
	m := r.forgot[k]
	return m != nil && r.returned[k] != m.At
}

// dropped says that a layout went with what was forgotten and was not pushed again.
func (r *References) dropped(m *wire.Forgotten, layout string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return m != nil && slices.Contains(m.Layouts, layout) && r.layouts[layout] == nil
}

// passedOver says that a profile is of what was forgotten: it was written before,
// or later, in a layout that is gone, by a task that had not heard of it yet.
func (t *detectTask) passedOver(s driftd.Series, offset int64, layout string) bool {
	return len(t.gone) > 0 && (offset < t.gone.through(s, t.partition) ||
		t.refs.dropped(t.gone[driftd.Series{Model: s.Model, Segment: driftd.AllSegment}], layout))
}

// outlived says that a state record is of a series that was forgotten: an owner
// who had not heard of it wrote the record after the tombstone.
func (t *detectTask) outlived(key string, raw []byte) (bool, error) {
	s, ok := driftd.ParseSeriesKey(key)
	through := t.gone.through(s, t.partition)
	if !ok || through < 0 {
		return false, nil
	}
	var m wire.SeriesState
	if err := proto.Unmarshal(raw, &m); err != nil {
		return false, fmt.Errorf("decode state of %s: %w", key, err)
	}
	return m.Since <= through, nil
}

// dropForgotten ends the series that were forgotten since this task began them:
// metrics, alerts, and state, with a tombstone behind the last record that this
// task has written. What driftd.profiles has of them from then on begins anew.
func (t *detectTask) dropForgotten(ctx context.Context) error {
	var recs []kafka.Record
	for k, s := range t.series {
		if s.since > t.gone.through(k, t.partition) {
			continue
		}
		delete(t.series, k)
		recs = append(recs, kafka.Record{Key: []byte(k.Key())})
		t.set.Metrics.DropSeries(k)
		if t.gone.through(driftd.Series{Model: k.Model, Segment: driftd.AllSegment}, t.partition) >= s.since {
			t.set.Metrics.DropModel(k.Model)
		}
		if t.alerter == nil {
			continue
		}
		// Said, not just left out: an Alertmanager would go on for minutes.
		over := s.state.Alerts.Retire(t.set.Now().UTC(), s.lastStamp())
		for _, in := range over {
			t.alerter.Set(in)
		}
		if len(over) == 0 {
			t.alerter.Drop(k)
		}
	}
	if len(recs) > 0 {
		t.log.Info("series were forgotten", "series", len(recs))
	}
	return t.bury(ctx, recs)
}

// bury writes tombstones for state.
func (t *detectTask) bury(ctx context.Context, recs []kafka.Record) error {
	if len(recs) == 0 {
		return nil
	}
	if _, err := t.client.Produce(ctx, t.set.stateTopic(), t.partition, recs); err != nil {
		return fmt.Errorf("write tombstones: %w", err)
	}
	return nil
}

// greet writes that a model which was forgotten sends events again, so that it
// is learned anew.
func (t *detectTask) greet(ctx context.Context) error {
	for k, m := range t.gone {
		if k.Segment != driftd.AllSegment || t.series[k] == nil || t.greeted[k] == m.At || !t.refs.away(k.Model) {
			continue
		}
		b, err := proto.Marshal(&wire.Forgotten{MinReader: 1, At: m.At})
		if err != nil {
			return err
		}
		if _, err := t.client.Produce(ctx, t.set.referencesTopic(), 0, []kafka.Record{{Key: []byte("returned/" + k.Key()), Value: b}}); err != nil {
			return fmt.Errorf("write that model %q has come again: %w", k.Model, err)
		}
		t.greeted[k] = m.At
		t.log.Info("a model that was forgotten sends events again: it begins anew", "model", k.Model)
	}
	return nil
}

// lastStamp is that of what is open.
func (j *judged) lastStamp() (stamp driftd.Stamp) {
	for _, in := range j.state.Alerts.Incidents() {
		if in.Open() {
			stamp = in.Result.Stamp
		}
	}
	return stamp
}
