package pipeline

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/internal/bootstrap"
	"github.com/driftd/driftd/internal/detect"
	"github.com/driftd/driftd/internal/kafka"
	"github.com/driftd/driftd/internal/wire"
)

// Library is what driftd.references says at one moment, for commands: read once,
// not followed.
type Library struct {
	set    *Settings
	client *kafka.Client
	refs   *References
}

// OpenLibrary reads it.
func OpenLibrary(ctx context.Context, c *kafka.Client, set *Settings) (*Library, error) {
	l := &Library{set: set, client: c, refs: newReferences(set.referencesTopic(), set.Log)}
	if _, err := l.refs.read(ctx, c); err != nil {
		return nil, err
	}
	n, err := c.Partitions(ctx, set.windowsTopic())
	if err != nil {
		return nil, fmt.Errorf("ask the partitions of %s: %w", set.windowsTopic(), err)
	}
	set.Partitions = n
	return l, nil
}

// Models are the models that have, or learn, a reference, in order of names.
func (l *Library) Models() []string {
	m := l.refs.Models()
	slices.Sort(m)
	return m
}

// Series are a model's series with references of their own, `all` first. The
// error says which models there are.
func (l *Library) Series(model string) ([]driftd.Series, error) {
	var out []driftd.Series
	for _, s := range slices.SortedFunc(maps.Keys(l.refs.uses), compareSeries) {
		if s.Model == model {
			out = append(out, s)
		}
	}
	if len(out) == 0 {
		have := "there is none yet"
		if m := l.Models(); len(m) > 0 {
			have = "there are " + strings.Join(m[:min(20, len(m))], ", ")
		}
		return nil, fmt.Errorf("model %q has no reference in %s: %s", model, l.set.referencesTopic(), have)
	}
	return out, nil
}

// compareSeries orders by model, `all` first.
func compareSeries(a, b driftd.Series) int {
	if c := cmp.Compare(a.Model, b.Model); c != 0 {
		return c
	}
	first := func(s driftd.Series) bool { return s.Segment == driftd.AllSegment }
	if first(a) != first(b) {
		if first(a) {
			return -1
		}
		return 1
	}
	return cmp.Compare(a.Segment, b.Segment)
}

// Named is a use with the fingerprint of its reference, which may be gone.
type Named struct {
	detect.Use
	Fingerprint string
}

// Uses are a series' references, oldest first.
func (l *Library) Uses(s driftd.Series) (out []Named) {
	for _, e := range l.refs.uses[s] {
		u := Named{Fingerprint: e.Reference}
		u.From, u.Layout, u.Reference, u.Origin, u.Accepted = e.EffectiveFrom, l.refs.layouts[e.Layout], l.refs.refs[e.Reference], wire.OriginFromWire(e.Origin), e.Accepted
		out = append(out, u)
	}
	return out
}

// Waiting is who asked for a change of a series that no detect task has taken up
// yet; false: nobody.
func (l *Library) Waiting(s driftd.Series) (detect.Origin, bool) {
	q := l.refs.requests[s]
	if q == nil || !l.refs.open(s, q) {
		return detect.Origin{}, false
	}
	return wire.OriginFromWire(q.Origin), true
}

// Find gives the reference whose fingerprint begins so. Errors say when there is
// none, or more than one.
func (l *Library) Find(prefix string) (*driftd.Reference, *driftd.Layout, error) {
	var found []string
	for fp := range l.refs.refs {
		if strings.HasPrefix(fp, prefix) {
			found = append(found, fp)
		}
	}
	slices.Sort(found)
	switch {
	case prefix == "" || len(found) == 0:
		return nil, nil, fmt.Errorf("no reference in %s has a fingerprint that begins with %q: `driftd reference log` lists them", l.set.referencesTopic(), prefix)
	case len(found) > 1:
		return nil, nil, fmt.Errorf("%d references have fingerprints that begin with %q (%.16s, %.16s ..): give more of it", len(found), prefix, found[0], found[1])
	}
	r := l.refs.refs[found[0]]
	return r, l.refs.layouts[r.Layout], nil
}

// Windows are the closed windows of a series in a layout that driftd.windows
// still has, in order of time.
func (l *Library) Windows(ctx context.Context, s driftd.Series, layout *driftd.Layout) ([]*detect.Kept, error) {
	one := &lesson{series: s, use: detect.Use{Layout: layout}}
	if err := readWindows(ctx, l.client, l.set.windowsTopic(), s.Partition(l.set.Partitions), []*lesson{one}); err != nil {
		return nil, err
	}
	slices.SortFunc(one.kept, func(a, b *detect.Kept) int { return cmp.Compare(a.Start, b.Start) })
	return one.kept, nil
}

// Propose writes references in layouts that are there, and asks for them.
func (l *Library) Propose(ctx context.Context, layout *driftd.Layout, ref *driftd.Reference, o detect.Origin) error {
	return propose(ctx, l.client, l.set.referencesTopic(), layout, ref, o)
}

// Answered waits until every series uses what origin asked for (want: fingerprints
// of references, where they are known), and tells from when. The error says what is known when time runs out, and when somebody else
// asked for something else meanwhile.
func (l *Library) Answered(ctx context.Context, series []driftd.Series, want map[driftd.Series]string, o detect.Origin) (map[driftd.Series]time.Time, error) {
	for {
		now, err := OpenLibrary(ctx, l.client, l.set)
		if err != nil {
			return nil, err
		}
		from := map[driftd.Series]time.Time{}
		for _, s := range series {
			u, q := now.Uses(s), now.refs.requests[s]
			ours := func(at int64, by string) bool { return at == o.At && by == o.By }
			switch {
			case len(u) > 0 && want[s] != "" && u[len(u)-1].Fingerprint == want[s], // whoever asked for it
				slices.ContainsFunc(u, func(x Named) bool { return ours(x.Origin.At, x.Origin.By) }), // perhaps followed by a fuller one
				q != nil && ours(q.Origin.GetAt(), q.Origin.GetBy()) && answers(now.refs.uses[s], q): // the same was in use already
				from[s] = time.Unix(0, u[len(u)-1].From).UTC() // of the last
			case q != nil && !ours(q.Origin.GetAt(), q.Origin.GetBy()) && (want[s] == "" || q.Reference != want[s]):
				return from, fmt.Errorf("%s asked for another change of model %s, segment %s, at the same time: that one stands. See `driftd reference log`, and ask again if yours is still wanted", cmp.Or(q.Origin.GetBy(), "somebody"), s.Model, s.Segment)
			}
		}
		if len(from) == len(series) {
			return from, nil
		}
		select {
		case <-time.After(300 * time.Millisecond):
		case <-ctx.Done():
			return from, fmt.Errorf("no detect task has taken it up yet (%d of %d series have): is a driftd with the role detect running? The request stays in %s and is taken up as soon as one does", len(from), len(series), l.set.referencesTopic())
		}
	}
}

// Relearn reads what a model's topics hold since a time, as if it had no
// reference: a new layout and, when there are windows enough, references in it.
func (l *Library) Relearn(ctx context.Context, model string, since time.Time, progress func(bootstrap.Progress)) (*bootstrap.Found, error) {
	var sources []*Source
	for i := range l.set.Sources {
		if l.set.Sources[i].carries(model) {
			sources = append(sources, &l.set.Sources[i])
		}
	}
	if len(sources) == 0 {
		return nil, fmt.Errorf("no source of the config carries model %q", model)
	}
	topics := topicsOf(sources)
	now := time.Now()
	plan, err := bootstrap.MakePlan(ctx, l.client, topics, bootstrap.Scope{Now: now, Back: now.Sub(since), Base: learnedModel(l.set, model).Lengths[0]})
	if err != nil {
		return nil, err
	}
	plan.From, plan.Cut = since.UnixNano(), driftd.MaxTime
	found, err := bootstrap.Scan(ctx, l.client, bootstrap.Options{Topics: topics, Plan: plan, Progress: progress,
		Model: func(name string) (bootstrap.Model, bool) { return learnedModel(l.set, name), name == model }})
	if err != nil {
		return nil, err
	}
	if len(found.Models) == 0 {
		return nil, fmt.Errorf("the topics of model %q hold no event of it since %s", model, since.UTC().Format(time.RFC3339))
	}
	if err := found.Models[0].Err; err != nil {
		return nil, fmt.Errorf("model %q since %s: %w", model, since.UTC().Format(time.RFC3339), err)
	}
	return found, nil
}

// Publish writes what Relearn has found, and tells which series were asked for.
func (l *Library) Publish(ctx context.Context, m *bootstrap.Learned, o detect.Origin) ([]driftd.Series, error) {
	var out []driftd.Series
	for i := range m.Series {
		out = append(out, driftd.Series{Model: m.Name, Segment: m.Series[i].Segment})
	}
	return out, publishLearned(ctx, l.client, l.set, m, o)
}

// Incidents are the changes of all incidents whose id begins so that
// driftd.results still has, in order of time.
func (l *Library) Incidents(ctx context.Context, id string) ([]driftd.IncidentResult, error) {
	var out []driftd.IncidentResult
	for p := range l.set.Partitions {
		err := readAll(ctx, l.client, l.set.resultsTopic(), p, func(rec *kafka.Rec) error {
			if !bytes.Contains(rec.Value, []byte(`"kind":"incident"`)) { // most are of columns: not worth to be read
				return nil
			}
			var r driftd.Result
			if err := r.UnmarshalJSON(rec.Value); err != nil {
				return fmt.Errorf("read %s partition %d offset %d: %w", l.set.resultsTopic(), p, rec.Offset, err)
			}
			if r.Incident != nil && strings.HasPrefix(r.Incident.ID, id) {
				out = append(out, *r.Incident)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(out, func(a, b driftd.IncidentResult) int { return a.ChangedAt.Compare(b.ChangedAt) })
	return out, nil
}

// Columns are the windows of some columns of a series that start in a span and
// that driftd.results still has. What was written twice comes once, as it was
// written last.
func (l *Library) Columns(ctx context.Context, s driftd.Series, columns []string, from, to time.Time) ([]driftd.ColumnResult, error) {
	type key struct {
		column string
		start  time.Time
		length int64
	}
	found := map[key]driftd.ColumnResult{}
	p := s.Partition(l.set.Partitions)
	err := readAll(ctx, l.client, l.set.resultsTopic(), p, func(rec *kafka.Rec) error {
		if string(rec.Key) != s.Key() || !bytes.Contains(rec.Value, []byte(`"kind":"column"`)) {
			return nil
		}
		var r driftd.Result
		if err := r.UnmarshalJSON(rec.Value); err != nil {
			return fmt.Errorf("read %s partition %d offset %d: %w", l.set.resultsTopic(), p, rec.Offset, err)
		}
		if c := r.Column; c != nil && slices.Contains(columns, c.Column) && !c.WindowStart.Before(from) && !c.WindowStart.After(to) {
			found[key{c.Column, c.WindowStart, c.WindowLength}] = *c
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	out := make([]driftd.ColumnResult, 0, len(found))
	for _, c := range found {
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b driftd.ColumnResult) int {
		return cmp.Or(a.WindowStart.Compare(b.WindowStart), cmp.Compare(a.WindowLength, b.WindowLength), cmp.Compare(a.Column, b.Column))
	})
	return out, nil
}
