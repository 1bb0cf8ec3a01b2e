package pipeline

import (
	"context"
	"fmt"
	"slices"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/detectors"
	"github.com/driftd/driftd/internal/bootstrap"
	"github.com/driftd/driftd/internal/detect"
	"github.com/driftd/driftd/internal/kafka"
	"github.com/driftd/driftd/internal/wire"
)

// learnedModel is what config says of a model that is to be learned.
func learnedModel(set *Settings, name string) bootstrap.Model {
	rules := set.Models.Rules(driftd.Series{Model: name, Segment: driftd.AllSegment})
	return bootstrap.Model{Lengths: rules.Lengths, Location: rules.Location, Baseline: rules.Baseline, Pairs: rules.Pairs, Tags: slices.Clone(set.Models.Segments(name)),
		Alpha: func(layout *driftd.Layout, series int) float64 {
			return detectors.Budget{PagesPerWeek: rules.PagesPerWeek, Columns: len(layout.Columns), Series: series, Lengths: rules.Lengths[:1]}.Alpha(rules.Lengths[0])
		}}
}

// publish writes what was learned: closed windows first, then layouts and
// references, then the requests that put them to use. It tells where reading
// begins. Written twice it changes nothing.
func (l *learner) publish(ctx context.Context, f *bootstrap.Found) (from int64, err error) {
	from = driftd.MaxTime
	for _, m := range f.Models {
		if m.Err != nil || l.refs.provided(m.Name, f.Plan.Made) || l.refs.away(m.Name) { // somebody has pushed one, or forgotten it, meanwhile
			continue
		}
		if err := publishLearned(ctx, l.client, l.set, m, detect.Origin{Kind: detect.Bootstrap, By: "driftd", At: f.Plan.Made}); err != nil {
			return 0, fmt.Errorf("write what was learned of model %s: %w", m.Name, err)
		}
		if end := m.Complete(); end != driftd.MinTime {
			from = min(from, end)
		}
	}
	if from == driftd.MaxTime {
		return driftd.MinTime, nil
	}
	if f.Plan.Cut != driftd.MaxTime {
		return f.Plan.Cut, nil
	}
	return from, nil
}

// publishLearned writes one model's windows, layout and references, and asks for
// them with origin o.
func publishLearned(ctx context.Context, c *kafka.Client, set *Settings, m *bootstrap.Learned, o detect.Origin) error {
	byPartition := map[int][]kafka.Record{}
	var refs []*driftd.Reference
	for i := range m.Series {
		s := driftd.Series{Model: m.Name, Segment: m.Series[i].Segment}
		for _, k := range m.Series[i].Kept {
			rec, err := windowRecord(s, k)
			if err != nil {
				return err
			}
			part := s.Partition(set.Partitions)
			byPartition[part] = append(byPartition[part], rec)
		}
		if r := m.Series[i].Reference; r != nil {
			refs = append(refs, r)
		}
	}
	for part, recs := range byPartition {
		if _, err := c.Produce(ctx, set.windowsTopic(), part, recs); err != nil {
			return err
		}
	}
	b, err := wire.NewBundle(m.Layout, refs)
	if err != nil {
		return err
	}
	recs := []kafka.Record{{Key: []byte("layout/" + b.Layout.Fingerprint), Value: b.LayoutBytes}}
	for i, ref := range refs {
		recs = append(recs, kafka.Record{Key: []byte("reference/" + ref.Fingerprint), Value: b.ReferencesBytes[i]})
	}
	for i := range m.Series {
		s := &m.Series[i]
		o.Learned = int64(s.Usable())
		if len(s.Kept) > 0 {
			o.First = s.Kept[0].Start
		}
		name := ""
		if s.Reference != nil {
			name = s.Reference.Fingerprint
		}
		rec, err := ask(driftd.Series{Model: m.Name, Segment: s.Segment}, name, b.Layout.Fingerprint, o)
		if err != nil {
			return err
		}
		recs = append(recs, rec)
	}
	_, err = c.Produce(ctx, set.referencesTopic(), 0, recs)
	return err
}
