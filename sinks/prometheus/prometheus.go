// Package prometheus holds every metric that driftd exposes: the gauges of the
// series that this process judges, and the pipeline's own. A method for each
// thing that happens; who calls does not know about labels.
//
// What does not belong here: serving HTTP (cmd/driftd) and deciding anything.
package prometheus

import (
	"cmp"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/driftd/driftd"
)

// Config of the metrics.
type Config struct {
	AllColumns bool // gauges of every column; else of the worst ones
	MaxSeries  int  // model series with gauges; 0: 10,000
	Version    string
}

// worstColumns is how many columns of a series have gauges by default.
const worstColumns = 5

// Metrics is a registry and everything in it. Safe for concurrent use.
type Metrics struct {
	Registry *prometheus.Registry
	cfg      Config

	records, events, bytes, tooOld, late, gaps *prometheus.CounterVec
	deadLetters                                *prometheus.CounterVec
	frontier, openPanes                        *prometheus.GaugeVec
	lag, holding                               *prometheus.GaugeVec
	profiles, results, states, seriesDropped   prometheus.Counter
	retries                                    *prometheus.CounterVec
	sinkSeconds                                *prometheus.HistogramVec
	sinkRows, sinkRejected                     *prometheus.CounterVec
	alertsSent, alertsFailed                   *prometheus.CounterVec
	skew                                       *prometheus.GaugeVec
	reloads                                    *prometheus.CounterVec
	state, windowEvents, windowLate, windowEnd *prometheus.GaugeVec
	effect, pValue, incidentOpen               *prometheus.GaugeVec
	flags, incidents                           *prometheus.CounterVec

	mu     sync.Mutex
	series map[driftd.Series]*seriesState
	names  []string
}

type seriesState struct {
	window  []columnValue // columns of the base window at hand
	length  int64
	gauges  map[string]bool // columns with gauges
	verdict driftd.Verdict
}

type columnValue struct {
	column    string
	effect, p float64
}

// Reasons of dead letters, as consumers.Reason has them.
var Reasons = []string{"undecodable", "no_model", "unknown_model", "bad_time", "too_far_ahead", "oversize", "decoder_panic"}

// Sinks that write results.
var Sinks = []string{"clickhouse", "file"}

// Operations on Kafka that are tried again.
var Operations = []string{"fetch", "produce", "commit", "offsets", "metadata", "clickhouse", "file"}

// New makes the metrics. topics are those of config: their counters exist at
// zero from the start.
func New(cfg Config, topics []string, alertmanagers []string) *Metrics {
	if cfg.MaxSeries <= 0 {
		cfg.MaxSeries = 10_000
	}
	m := &Metrics{Registry: prometheus.NewRegistry(), cfg: cfg, series: map[driftd.Series]*seriesState{}}
	m.declare()
	m.Registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	build := m.gaugeVec("build_info", "Always 1; the version is in the label.", "version", "go_version")
	build.WithLabelValues(cfg.Version, runtime.Version()).Set(1)
	for _, t := range topics {
		for _, v := range []*prometheus.CounterVec{m.records, m.events, m.bytes, m.tooOld, m.late, m.gaps} {
			v.WithLabelValues(t)
		}
		for _, r := range Reasons {
			m.deadLetters.WithLabelValues(t, r)
		}
	}
	for _, s := range Sinks {
		m.sinkSeconds.WithLabelValues(s)
		m.sinkRows.WithLabelValues(s)
		m.sinkRejected.WithLabelValues(s)
	}
	for _, o := range Operations {
		m.retries.WithLabelValues(o)
	}
	for _, a := range alertmanagers {
		m.alertsSent.WithLabelValues(a)
		m.alertsFailed.WithLabelValues(a)
		m.skew.WithLabelValues(a)
	}
	m.reloads.WithLabelValues("ok")
	m.reloads.WithLabelValues("failed")
	return m
}

func (m *Metrics) declare() {
	m.records = m.counterVec("records_total", "Kafka records read.", "topic")
	m.events = m.counterVec("events_total", "Events counted in a pane.", "topic")
	m.bytes = m.counterVec("record_bytes_total", "Bytes of the values of records read.", "topic")
	m.tooOld = m.counterVec("too_old_total", "Events older than max_age, which count nowhere.", "topic")
	m.late = m.counterVec("late_events_total", "Events that came after their pane had closed.", "topic")
	m.gaps = m.counterVec("gap_records_total", "Records that were deleted or damaged before they were read.", "topic")
	m.deadLetters = m.counterVec("dead_letters_total", "Records that could not be used.", "topic", "reason")
	m.frontier = m.gaugeVec("frontier_timestamp_seconds", "Event time below which the partition's panes are closed.", "topic", "partition")
	m.holding = m.gaugeVec("frontier_holding", "1 for a partition that holds the windows of its topic's models back most.", "topic", "partition")
	m.openPanes = m.gaugeVec("open_panes", "Panes in memory.", "topic", "partition")
	m.lag = m.gaugeVec("consumer_lag_records", "Records between what was read and the end of the partition.", "group", "topic", "partition")
	m.profiles = m.counter("profiles_produced_total", "Profiles written to Kafka.")
	m.results = m.counter("results_produced_total", "Results written to Kafka.")
	m.states = m.counter("state_records_total", "State records written to Kafka.")
	m.seriesDropped = m.counter("metric_series_dropped_total", "Series without gauges because of sinks.prometheus.max_series.")
	m.retries = m.counterVec("retries_total", "Operations tried again after a failure.", "operation")
	m.sinkSeconds = m.histogramVec("sink_write_seconds", "Time of a batch in a sink.", "sink")
	m.sinkRows = m.counterVec("sink_rows_total", "Rows that a sink has taken.", "sink")
	m.sinkRejected = m.counterVec("sink_rejected_total", "Results that a sink refuses for ever.", "sink")
	m.alertsSent = m.counterVec("alerts_sent_total", "Alerts that an Alertmanager has taken.", "alertmanager")
	m.alertsFailed = m.counterVec("alerts_failed_total", "Sendings to an Alertmanager that failed; they are repeated.", "alertmanager")
	m.skew = m.gaugeVec("alertmanager_clock_skew_seconds", "How far an Alertmanager's clock is ahead of ours.", "alertmanager")
	m.reloads = m.counterVec("config_reloads_total", "Reloads of the config.", "result")
	m.state = m.gaugeVec("drift_state", "Verdict of the last base window: 0 ok, 1 drift, 2 insufficient, 3 learning, 4 no_data.", "model", "segment")
	m.windowEvents = m.gaugeVec("window_events", "Events of the last base window.", "model", "segment")
	m.windowLate = m.gaugeVec("window_late_events", "Late events of the last base window.", "model", "segment")
	m.windowEnd = m.gaugeVec("window_end_timestamp_seconds", "End of the last base window.", "model", "segment")
	m.effect = m.gaugeVec("column_effect", "Effect of a column in the last base window; the worst columns, or all with all_columns.", "model", "segment", "column")
	m.pValue = m.gaugeVec("column_p_value", "p-value of a column in the last base window, 1 or less.", "model", "segment", "column")
	m.incidentOpen = m.gaugeVec("incident_open", "1 while the series has an open incident.", "model", "segment")
	m.flags = m.counterVec("flags_total", "Flagged column windows.", "model", "segment")
	m.incidents = m.counterVec("incidents_total", "Changes of incidents' states.", "model", "segment", "state")
}

// Names are the metrics that driftd declares itself, without the library's.
func (m *Metrics) Names() []string { return slices.Clone(m.names) }

func (m *Metrics) name(s string) string {
	m.names = append(m.names, "driftd_"+s)
	return "driftd_" + s
}

func (m *Metrics) counterVec(name, help string, labels ...string) *prometheus.CounterVec {
	v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: m.name(name), Help: help}, labels)
	m.Registry.MustRegister(v)
	return v
}

func (m *Metrics) counter(name, help string) prometheus.Counter {
	v := prometheus.NewCounter(prometheus.CounterOpts{Name: m.name(name), Help: help})
	m.Registry.MustRegister(v)
	return v
}

func (m *Metrics) gaugeVec(name, help string, labels ...string) *prometheus.GaugeVec {
	v := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: m.name(name), Help: help}, labels)
	m.Registry.MustRegister(v)
	return v
}

func (m *Metrics) histogramVec(name, help string, labels ...string) *prometheus.HistogramVec {
	v := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: m.name(name), Help: help, Buckets: []float64{.001, .005, .02, .1, .5, 2, 10, 60}}, labels)
	m.Registry.MustRegister(v)
	return v
}

// Counts are what a profile task has counted since it last said so: per-event
// calls would cost more than the event.
type Counts struct{ Records, Bytes, Events, Late, TooOld uint64 }

// Profiled adds a task's counts.
func (m *Metrics) Profiled(topic string, c Counts) {
	m.records.WithLabelValues(topic).Add(float64(c.Records))
	m.bytes.WithLabelValues(topic).Add(float64(c.Bytes))
	m.events.WithLabelValues(topic).Add(float64(c.Events))
	m.late.WithLabelValues(topic).Add(float64(c.Late))
	m.tooOld.WithLabelValues(topic).Add(float64(c.TooOld))
}

// DeadLetter counts a record that could not be used.
func (m *Metrics) DeadLetter(topic, reason string) {
	m.deadLetters.WithLabelValues(topic, reason).Inc()
}

// Gap counts records that are missing.
func (m *Metrics) Gap(topic string, n int64) { m.gaps.WithLabelValues(topic).Add(float64(n)) }

// Lag of a group in a partition.
func (m *Metrics) Lag(group, topic string, partition int, n int64) {
	m.lag.WithLabelValues(group, topic, strconv.Itoa(partition)).Set(float64(max(0, n)))
}

// Frontier of a source partition (ns).
func (m *Metrics) Frontier(topic string, partition int, f int64) {
	m.frontier.WithLabelValues(topic, strconv.Itoa(partition)).Set(float64(f) / 1e9)
}

// Holding says whether a source partition holds its topic's windows back.
func (m *Metrics) Holding(topic string, partition int, holds bool) {
	v := 0.0
	if holds {
		v = 1
	}
	m.holding.WithLabelValues(topic, strconv.Itoa(partition)).Set(v)
}

// OpenPanes of a source partition.
func (m *Metrics) OpenPanes(topic string, partition, n int) {
	m.openPanes.WithLabelValues(topic, strconv.Itoa(partition)).Set(float64(n))
}

// DropPartition forgets a source partition that another process has now.
func (m *Metrics) DropPartition(group, topic string, partition int) {
	p := strconv.Itoa(partition)
	m.frontier.DeleteLabelValues(topic, p)
	m.openPanes.DeleteLabelValues(topic, p)
	m.lag.DeleteLabelValues(group, topic, p)
}

// ProfilesProduced counts profiles.
func (m *Metrics) ProfilesProduced(n int) { m.profiles.Add(float64(n)) }

// ResultsProduced counts results.
func (m *Metrics) ResultsProduced(n int) { m.results.Add(float64(n)) }

// StatesProduced counts state records.
func (m *Metrics) StatesProduced(n int) { m.states.Add(float64(n)) }

// Retried counts an operation that is tried again.
func (m *Metrics) Retried(operation string) { m.retries.WithLabelValues(operation).Inc() }

// SinkWrote counts a batch that a sink has taken.
func (m *Metrics) SinkWrote(sink string, rows int, took time.Duration) {
	m.sinkRows.WithLabelValues(sink).Add(float64(rows))
	m.sinkSeconds.WithLabelValues(sink).Observe(took.Seconds())
}

// SinkRejected counts a result that a sink will never take.
func (m *Metrics) SinkRejected(sink string) { m.sinkRejected.WithLabelValues(sink).Inc() }

// AlertsSent counts alerts that an Alertmanager has taken.
func (m *Metrics) AlertsSent(url string, n int) { m.alertsSent.WithLabelValues(url).Add(float64(n)) }

// AlertsFailed counts a sending that failed.
func (m *Metrics) AlertsFailed(url string) { m.alertsFailed.WithLabelValues(url).Inc() }

// ClockSkew of an Alertmanager.
func (m *Metrics) ClockSkew(url string, d time.Duration) {
	m.skew.WithLabelValues(url).Set(d.Seconds())
}

// Reloaded counts a reload of the config.
func (m *Metrics) Reloaded(err error) {
	if err != nil {
		m.reloads.WithLabelValues("failed").Inc()
		return
	}
	m.reloads.WithLabelValues("ok").Inc()
}

var verdictNumber = map[driftd.Verdict]float64{driftd.OK: 0, driftd.Drift: 1, driftd.Insufficient: 2, driftd.Learning: 3, driftd.NoData: 4}

// Observe takes the results of a window in their order: the window, its
// columns, incidents. base is the shortest window length.
func (m *Metrics) Observe(r driftd.Result, base time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.seriesOf(r.Series())
	if s == nil {
		return
	}
	switch {
	case r.Window != nil:
		w := r.Window
		m.flags.WithLabelValues(w.Model, w.Segment)
		if s.length = w.WindowLength; s.length != int64(base/time.Second) {
			return
		}
		s.window = s.window[:0]
		m.state.WithLabelValues(w.Model, w.Segment).Set(verdictNumber[w.Verdict])
		m.windowEvents.WithLabelValues(w.Model, w.Segment).Set(float64(w.N))
		m.windowLate.WithLabelValues(w.Model, w.Segment).Set(float64(w.Late))
		m.windowEnd.WithLabelValues(w.Model, w.Segment).Set(float64(w.WindowEnd.Unix()))
	case r.Column != nil:
		c := r.Column
		if c.Flag {
			m.flags.WithLabelValues(c.Model, c.Segment).Inc()
		}
		if c.WindowLength == int64(base/time.Second) {
			s.window = append(s.window, columnValue{c.Column, float64(c.Effect), float64(c.PValue)})
			m.columns(r.Series(), s)
		}
	default:
		i := r.Incident
		m.incidents.WithLabelValues(i.Model, i.Segment, i.State).Inc()
		v := 0.0
		if i.State == driftd.StateOpen {
			v = 1
		}
		m.incidentOpen.WithLabelValues(i.Model, i.Segment).Set(v)
	}
}

func (m *Metrics) seriesOf(k driftd.Series) *seriesState {
	if s := m.series[k]; s != nil {
		return s
	}
	if len(m.series) >= m.cfg.MaxSeries {
		m.seriesDropped.Inc()
		return nil
	}
	s := &seriesState{gauges: map[string]bool{}}
	m.series[k] = s
	m.incidentOpen.WithLabelValues(k.Model, k.Segment)
	for _, st := range []string{driftd.StateOpen, driftd.StateResolved, driftd.StateAccepted} {
		m.incidents.WithLabelValues(k.Model, k.Segment, st)
	}
	return s
}

// columns shows the worst columns of the window at hand.
func (m *Metrics) columns(k driftd.Series, s *seriesState) {
	show := s.window
	if !m.cfg.AllColumns && len(show) > worstColumns {
		show = slices.Clone(show)
		slices.SortStableFunc(show, func(a, b columnValue) int { return cmp.Compare(b.effect, a.effect) })
		show = show[:worstColumns]
	}
	now := make(map[string]bool, len(show))
	for _, c := range show {
		now[c.column] = true
		m.effect.WithLabelValues(k.Model, k.Segment, c.column).Set(c.effect)
		m.pValue.WithLabelValues(k.Model, k.Segment, c.column).Set(c.p)
	}
	for name := range s.gauges {
		if !now[name] {
			m.effect.DeleteLabelValues(k.Model, k.Segment, name)
			m.pValue.DeleteLabelValues(k.Model, k.Segment, name)
		}
	}
	s.gauges = now
}

// DropSeries forgets a series that another process judges now.
func (m *Metrics) DropSeries(k driftd.Series) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.series, k)
	by := prometheus.Labels{"model": k.Model, "segment": k.Segment}
	for _, v := range []*prometheus.GaugeVec{m.state, m.windowEvents, m.windowLate, m.windowEnd, m.effect, m.pValue, m.incidentOpen} {
		v.DeletePartialMatch(by)
	}
	for _, v := range []*prometheus.CounterVec{m.flags, m.incidents} {
		v.DeletePartialMatch(by)
	}
}
