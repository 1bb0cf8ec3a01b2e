package pipeline

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/detectors"
	"github.com/driftd/driftd/internal/detect"
	"github.com/driftd/driftd/internal/kafka"
	"github.com/driftd/driftd/internal/wire"
)

// locateAfter is how long is waited for the other tasks to close the windows of
// an incident's segments. Nobody is told later for it: the alert goes out at once,
// and this is added to it.
const locateAfter = 2 * time.Second

// locate finds which segment most of an incident's change is in, and tells the
// alerter. It reads what has been written of the segments' windows, by whichever
// process; what cannot be found is left out.
func (t *detectTask) locate(ctx context.Context, in driftd.IncidentResult) {
	select {
	case <-time.After(locateAfter):
	case <-ctx.Done():
		return
	}
	t.locating.Lock() // one after the other: each reads
	defer t.locating.Unlock()
	where, err := findWhere(ctx, t.client, t.set, t.refs, in)
	if err != nil {
		if ctx.Err() == nil && !errors.Is(err, context.Canceled) {
			t.log.Warn("where an incident's change lies could not be found", "model", in.Model, "err", err)
		}
		return
	}
	if where != "" {
		in.Where = where
		select {
		case t.where <- in:
		case <-ctx.Done():
		}
	}
}

// findWhere says in words which segment has most of the change of the worst
// column of `all`, "" when no segment has.
func findWhere(ctx context.Context, c *kafka.Client, set *Settings, refs *References, in driftd.IncidentResult) (string, error) {
	if len(in.Columns) == 0 {
		return "", nil
	}
	column := in.Columns[0].Column
	splits, err := splitsOf(ctx, c, set, refs, in, []string{column})
	if err != nil {
		return "", err
	}
	best, most := "", 0.0
	for _, t := range splits[column] {
		if strings.Contains(t.Tag, ",") { // crossed: its parts are those of its tags
			continue
		}
		for _, p := range t.Parts {
			if p.Within > most && p.Within > .5 && p.Within > p.Now+.15 {
				best, most = fmt.Sprintf("%.0f %% of the change in %s is in %s, which is %.0f %% of the events", 100*min(p.Within, 1), column, p.Segment, 100*p.Now), p.Within
			}
		}
		if t.Mix > most && t.Mix > .5 {
			best, most = fmt.Sprintf("%.0f %% of the change in %s comes from another mix of %s, not from change within its values", 100*min(t.Mix, 1), column, t.Tag), t.Mix
		}
	}
	return best, nil
}

// splitsOf splits the change of some columns of an incident of `all` by each tag,
// from what driftd.windows has of its segments.
func splitsOf(ctx context.Context, c *kafka.Client, set *Settings, refs *References, in driftd.IncidentResult, columns []string) (map[string][]detectors.TagSplit, error) {
	if in.Segment != driftd.AllSegment {
		return nil, nil
	}
	byPartition := map[int][]*lesson{}
	all := map[string]*lesson{}
	for s, u := range refs.segmentUses(in.Model) {
		l := &lesson{series: s, use: u}
		all[s.Segment] = l
		p := s.Partition(set.Partitions)
		byPartition[p] = append(byPartition[p], l)
	}
	for p, lessons := range byPartition {
		if err := readWindowsSince(ctx, c, set.windowsTopic(), p, kafka.AtTime(in.DriftSince.Add(-time.Hour)), lessons); err != nil {
			return nil, err
		}
	}
	tags := byTag(all)
	out := map[string][]detectors.TagSplit{}
	for _, x := range in.Columns {
		if !slices.Contains(columns, x.Column) {
			continue
		}
		for _, tag := range slices.Sorted(maps.Keys(tags)) {
			var parts []detectors.Part
			for _, name := range tags[tag] {
				parts = append(parts, partOf(all[name], x.Column, x.FirstFlag.UnixNano()))
			}
			if t, ok := detectors.SplitTag(tag, parts); ok {
				out[x.Column] = append(out[x.Column], t)
			}
		}
	}
	return out, nil
}

// Causes splits the change of the columns of an incident of `all` by the model's
// tags, by column; none where there are no segments, or no windows of them any more.
func (l *Library) Causes(ctx context.Context, in driftd.IncidentResult) (map[string][]detectors.TagSplit, error) {
	var columns []string
	for _, c := range in.Columns {
		columns = append(columns, c.Column)
	}
	return splitsOf(ctx, l.client, l.set, l.refs, in, columns)
}

// segmentUses are the uses in force of a model's segments that have references.
func (r *References) segmentUses(model string) map[driftd.Series]detect.Use {
	r.mu.Lock()
	var series []driftd.Series
	for s := range r.uses {
		if s.Model == model && s.Segment != driftd.AllSegment {
			series = append(series, s)
		}
	}
	r.mu.Unlock()
	out := map[driftd.Series]detect.Use{}
	for _, s := range series {
		if u := r.Uses(s); len(u) > 0 && u[len(u)-1].Reference != nil {
			out[s] = u[len(u)-1]
		}
	}
	return out
}

// byTag groups segments by their tag, or their tags where these are crossed: those
// of one are all of the traffic.
func byTag(segments map[string]*lesson) map[string][]string {
	out := map[string][]string{}
	for name := range segments {
		tag := tagOf(name)
		out[tag] = append(out[tag], name)
	}
	for _, names := range out {
		slices.Sort(names)
	}
	return out
}

// tagOf is the tag of a segment: country of country=DE, country,device of
// country=DE,device=ios and of country,device=other.
func tagOf(segment string) string {
	var tags []string
	for part := range strings.SplitSeq(segment, ",") {
		tag, _, _ := strings.Cut(part, "=")
		tags = append(tags, tag)
	}
	return strings.Join(tags, ",")
}

// partOf is a segment's counts of a column in its reference and in the windows
// since a time.
func partOf(l *lesson, column string, since int64) detectors.Part {
	p := detectors.Part{Name: l.series.Segment}
	i := l.use.Layout.IndexOf(column)
	if i < 0 {
		return p
	}
	now := driftd.NewProfile(l.use.Layout)
	for _, k := range l.kept {
		if k.Start >= since {
			now.MergeColumn(i, k.Profile)
		}
	}
	p.Ref, p.Now = columnCounts(&l.use.Reference.Columns[i].Profile), columnCounts(&now.Columns[i])
	return p
}

func columnCounts(c *driftd.ColumnProfile) []float64 {
	var out []float64
	for i := range c.Bins {
		out = append(out, float64(c.Bins[i].Count))
	}
	for _, n := range c.Counts {
		out = append(out, float64(n))
	}
	return append(out, float64(c.Classes[driftd.NewLevel]+c.Classes[driftd.RareLevel]), float64(c.Classes[driftd.Null]))
}

// readWindows is readWindowsSince from the first that is kept.
func readWindows(ctx context.Context, c *kafka.Client, topic string, partition int, lessons []*lesson) error {
	return readWindowsSince(ctx, c, topic, partition, kafka.AtStart, lessons)
}

// readWindowsSince fills the lessons with the closed windows of their series in
// their layouts, the newest record of each window.
func readWindowsSince(ctx context.Context, c *kafka.Client, topic string, partition int, at kafka.At, lessons []*lesson) error {
	byKey := map[string]*lesson{}
	newest := map[string]map[int64]*detect.Kept{}
	for _, l := range lessons {
		byKey[l.series.Key()] = l
		newest[l.series.Key()] = map[int64]*detect.Kept{}
	}
	err := readSince(ctx, c, topic, partition, at, func(rec *kafka.Rec) error {
		series, start, ok := wire.ParseWindowKey(string(rec.Key))
		l := byKey[series]
		if !ok || l == nil {
			return nil
		}
		if len(rec.Value) == 0 { // forgotten
			delete(newest[series], start)
			return nil
		}
		k, err := wire.DecodeWindow(rec.Value, func(fp string) *driftd.Layout {
			if fp == l.use.Layout.Fingerprint {
				return l.use.Layout
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("offset %d: %w", rec.Offset, err)
		}
		if k != nil {
			newest[series][start] = k
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("read %s partition %d: %w", topic, partition, err)
	}
	for key, l := range byKey {
		for _, k := range newest[key] {
			l.kept = append(l.kept, k)
		}
	}
	return nil
}
