package pipeline

import (
	"context"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/alerts"
)

// maxLocated is of how many open incidents it is found anew where they lie when a
// process takes them over.
const maxLocated = 20

// alert hands an incident to the alerter, and sees to it that where it lies is found.
func (t *detectTask) alert(ctx context.Context, in driftd.IncidentResult) {
	t.alerter.Set(in)
	if in.State == driftd.StateOpen && in.Type == alerts.TypeDrift && !in.Historic {
		t.beside(func() error { t.locate(ctx, in); return nil })
	}
}

// located adds to an alert where its change lies, unless it has changed since.
func (t *detectTask) located(in driftd.IncidentResult) {
	s := t.series[driftd.Series{Model: in.Model, Segment: in.Segment}]
	if s == nil || s.state.Alerts.Incident == nil {
		return
	}
	now := s.state.Alerts.Incident.Result
	if now.ID != in.ID || now.State != driftd.StateOpen || !now.ChangedAt.Equal(in.ChangedAt) {
		return
	}
	now.Where = in.Where
	t.alerter.Set(now)
}

// tell hands every incident to the alerter once the replay is over.
func (t *detectTask) tell(ctx context.Context) {
	if t.alerter == nil {
		return
	}
	found := 0
	for _, s := range t.series {
		for _, in := range s.state.Alerts.Incidents() {
			if in.Open() {
				found++
			}
			if found > maxLocated { // the others' alerts do without
				t.alerter.Set(in.Result)
				continue
			}
			t.alert(ctx, in.Result)
		}
	}
}

// showHolders sets driftd_frontier_holding for the topics that moved.
func (t *detectTask) showHolders() {
	if t.partition != 0 { // every task sees all markers: one of them shows
		return
	}
	for topic := range t.moved {
		_, _, _, holder := t.front.topic(topic)
		for k := range t.front.at {
			if k.Topic == topic {
				t.set.Metrics.Holding(topic, k.Partition, k.Partition == holder)
			}
		}
	}
	clear(t.moved)
}
