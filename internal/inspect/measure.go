package inspect

import (
	"slices"

	"github.com/driftd/driftd/consumers"
	"github.com/driftd/driftd/internal/config"
)

// Measure reads records as a source of a config says, and tells what comes of
// them: of the Report it fills what is counted (Records, Decoded, Events,
// Failures, Models, Columns, Delay, Rate, Formats; Readable, Is and Advice of
// their form) and proposes nothing but Delay.Lateness. carries says which models
// the source may carry; events of others are failures.
func Measure(records []Record, src config.Source, carries func(model string) bool) *Report {
	r := &Report{Topic: src.Topic, Records: len(records), Source: src}
	r.span(records)
	classify(records, r)
	r.Failures = nil // those of the decoder say more
	d := decodeWith(records, r, &carried{allModels{}, carries})
	r.Columns, r.Models = d.columns(), d.models()
	r.Rate = rate(d.events)
	if r.Delay = r.measure(d.events, src.MaxSkew); r.Delay != nil {
		r.Delay.MaxAge = Duration(src.MaxAge)
		r.Delay.TooOld = r.Delay.older(src.MaxAge)
	}
	return r
}

// Failed is the failure of one reason; nil when there is none.
func (r *Report) Failed(reason consumers.Reason) *Failure {
	i := slices.IndexFunc(r.Failures, func(f Failure) bool { return f.Reason == string(reason) })
	if i < 0 {
		return nil
	}
	return &r.Failures[i]
}

// carried is a catalog of the models that a source may carry.
type carried struct {
	all     allModels
	carries func(model string) bool
}

// Model implements consumers.Catalog.
func (c *carried) Model(name []byte) *consumers.Model {
	if !c.carries(string(name)) {
		return nil
	}
	return c.all.Model(name)
}
