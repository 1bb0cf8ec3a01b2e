package prometheus

import (
	"fmt"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
)

// declared is a metric of driftd's own, as docs/METRICS.md has it.
type declared struct {
	name, kind, help string
	labels           []string
}

// Names are the metrics that driftd declares itself, without the library's.
func (m *Metrics) Names() []string {
	names := make([]string, len(m.declared))
	for i, d := range m.declared {
		names[i] = d.name
	}
	return names
}

// Docs is docs/METRICS.md.
func (m *Metrics) Docs() string {
	var b strings.Builder
	b.WriteString("# Metrics\n\nEverything at `/metrics`, beside the `go_*` and `process_*` metrics of the Go library. " +
		"Made from the code by `go test ./sinks/prometheus -update`; a test fails when it is stale.\n\n" +
		"Metrics of topics, sinks and Alertmanagers exist at zero from the start. Those of a series (`model`, `segment`) stand at the process that judges it, " +
		"from its first window on, and end there when another process takes it over; so do those of a partition.\n\n" +
		"The rules in `deploy/prometheus/rules` add `model:driftd_incidents:week`, a model's incidents within a week, and " +
		"`model:driftd_budget_spent:ratio_week`, these for each that its budget allows: above 1, more than chance should give.\n\n" +
		"| metric | type | labels | meaning |\n|---|---|---|---|\n")
	for _, d := range m.declared {
		labels := make([]string, len(d.labels))
		for i, l := range d.labels {
			labels[i] = "`" + l + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", d.name, d.kind, strings.Join(labels, ", "), d.help)
	}
	return b.String()
}

func (m *Metrics) name(kind, name, help string, labels []string) string {
	name = "driftd_" + name
	m.declared = append(m.declared, declared{name, kind, help, labels})
	return name
}

func (m *Metrics) counterVec(name, help string, labels ...string) *prometheus.CounterVec {
	v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: m.name("counter", name, help, labels), Help: help}, labels)
	m.Registry.MustRegister(v)
	return v
}

func (m *Metrics) counter(name, help string) prometheus.Counter {
	v := prometheus.NewCounter(prometheus.CounterOpts{Name: m.name("counter", name, help, nil), Help: help})
	m.Registry.MustRegister(v)
	return v
}

func (m *Metrics) gaugeVec(name, help string, labels ...string) *prometheus.GaugeVec {
	v := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: m.name("gauge", name, help, labels), Help: help}, labels)
	m.Registry.MustRegister(v)
	return v
}

func (m *Metrics) histogramVec(name, help string, labels ...string) *prometheus.HistogramVec {
	v := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: m.name("histogram", name, help, labels), Help: help,
		Buckets: []float64{.001, .005, .02, .1, .5, 2, 10, 60}}, labels)
	m.Registry.MustRegister(v)
	return v
}

// desc is a gauge that is made when it is asked for.
func (m *Metrics) desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(m.name("gauge", name, help, labels), help, labels, nil)
}
