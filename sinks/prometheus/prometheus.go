// Package prometheus holds every metric that driftd exposes: the gauges of the
// series that this process judges, and the pipeline's own. A method for each
// thing that happens; who calls does not know about labels.
//
// What does not belong here: serving HTTP (cmd/driftd) and deciding anything.
package prometheus

import (
	"runtime"
	"sync"

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

// Metrics is a registry and everything in it. Safe for concurrent use.
type Metrics struct {
	Registry *prometheus.Registry
	cfg      Config

	records, events, bytes, tooOld, late, gaps *prometheus.CounterVec
	deadLetters                                *prometheus.CounterVec
	frontier, openPanes, paused                *prometheus.GaugeVec
	lag, holding                               *prometheus.GaugeVec
	profiles, results, states, seriesDropped   prometheus.Counter
	retries                                    *prometheus.CounterVec
	sinkSeconds                                *prometheus.HistogramVec
	sinkRows, sinkRejected                     *prometheus.CounterVec
	alertsSent, alertsFailed                   *prometheus.CounterVec
	skew                                       *prometheus.GaugeVec
	reloads                                    *prometheus.CounterVec
	state, windowEvents, windowLate, windowEnd *prometheus.GaugeVec
	incidentOpen, budget                       *prometheus.GaugeVec
	selfWindows, selfFlags                     *prometheus.GaugeVec
	flags, incidents, unknown, epochs          *prometheus.CounterVec
	effect, pValue, shift                      *prometheus.Desc

	mu       sync.Mutex
	series   map[driftd.Series]*seriesState
	dropped  map[driftd.Series]struct{} // at most MaxSeries: those that seriesDropped counts
	declared []declared
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
	m := &Metrics{Registry: prometheus.NewRegistry(), cfg: cfg, series: map[driftd.Series]*seriesState{}, dropped: map[driftd.Series]struct{}{}}
	m.declare()
	m.Registry.MustRegister(columnGauges{m})
	m.Registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	build := m.gaugeVec("build_info", "Always 1; the version is in the label.", "version", "go_version")
	build.WithLabelValues(cfg.Version, runtime.Version()).Set(1)
	m.Declare(topics, alertmanagers)
	for _, s := range Sinks {
		m.sinkSeconds.WithLabelValues(s)
		m.sinkRows.WithLabelValues(s)
		m.sinkRejected.WithLabelValues(s)
	}
	for _, o := range Operations {
		m.retries.WithLabelValues(o)
	}
	m.reloads.WithLabelValues("ok")
	m.reloads.WithLabelValues("failed")
	return m
}

// Declare makes the counters of topics and Alertmanagers exist at zero, also
// those that a reload of the config has brought.
func (m *Metrics) Declare(topics []string, alertmanagers []string) {
	for _, t := range topics {
		for _, v := range []*prometheus.CounterVec{m.records, m.events, m.bytes, m.tooOld, m.late, m.gaps, m.epochs} {
			v.WithLabelValues(t)
		}
		for _, r := range Reasons {
			m.deadLetters.WithLabelValues(t, r)
		}
	}
	for _, a := range alertmanagers {
		m.alertsSent.WithLabelValues(a)
		m.alertsFailed.WithLabelValues(a)
		m.skew.WithLabelValues(a)
	}
}

func (m *Metrics) declare() {
	m.records = m.counterVec("records_total", "Kafka records read.", "topic")
	m.events = m.counterVec("events_total", "Events counted in a pane.", "topic")
	m.bytes = m.counterVec("record_bytes_total", "Bytes of the values of records read.", "topic")
	m.tooOld = m.counterVec("too_old_total", "Events older than max_age, which count nowhere.", "topic")
	m.late = m.counterVec("late_events_total", "Events that came after their pane had closed.", "topic")
	m.gaps = m.counterVec("gap_records_total", "Records that were deleted or damaged before they were read.", "topic")
	m.epochs = m.counterVec("epochs_total", "Times that this process took over a partition.", "topic")
	m.deadLetters = m.counterVec("dead_letters_total", "Records that could not be used.", "topic", "reason")
	m.frontier = m.gaugeVec("frontier_timestamp_seconds", "Event time below which the partition's panes are closed.", "topic", "partition")
	m.holding = m.gaugeVec("frontier_holding", "1 for a partition that holds the windows of its topic's models back most.", "topic", "partition")
	m.paused = m.gaugeVec("fetch_paused", "1 while a partition waits for slower ones, which are more than an hour of event time behind.", "topic", "partition")
	m.openPanes = m.gaugeVec("open_panes", "Panes in memory.", "topic", "partition")
	m.lag = m.gaugeVec("consumer_lag_records", "Records between what was read and the end of the partition.", "group", "topic", "partition")
	m.profiles = m.counter("profiles_produced_total", "Profiles written to Kafka.")
	m.results = m.counter("results_produced_total", "Results written to Kafka.")
	m.states = m.counter("state_records_total", "State records written to Kafka.")
	m.seriesDropped = m.counter("metric_series_dropped_total", "Series that have no metrics because of sinks.prometheus.max_series.")
	m.retries = m.counterVec("retries_total", "Operations tried again after a failure.", "operation")
	m.sinkSeconds = m.histogramVec("sink_write_seconds", "Time of a batch in a sink.", "sink")
	m.sinkRows = m.counterVec("sink_rows_total", "Rows that a sink has taken.", "sink")
	m.sinkRejected = m.counterVec("sink_rejected_total", "Results that a sink refuses for ever.", "sink")
	m.alertsSent = m.counterVec("alerts_sent_total", "Alerts that an Alertmanager has taken.", "alertmanager")
	m.alertsFailed = m.counterVec("alerts_failed_total", "Sendings to an Alertmanager that failed, empty ones among them; they are repeated.", "alertmanager")
	m.skew = m.gaugeVec("alertmanager_clock_skew_seconds", "How far an Alertmanager's clock is ahead of ours.", "alertmanager")
	m.reloads = m.counterVec("config_reloads_total", "Reloads of the config.", "result")
	m.state = m.gaugeVec("drift_state", "Verdict of the last base window: 0 ok, 1 drift, 2 insufficient, 3 learning, 4 no_data.", "model", "segment")
	m.windowEvents = m.gaugeVec("window_events", "Events of the last base window.", "model", "segment")
	m.windowLate = m.gaugeVec("window_late_events", "Late events of the last base window.", "model", "segment")
	m.windowEnd = m.gaugeVec("window_end_timestamp_seconds", "End of the last base window.", "model", "segment")
	m.effect = m.desc("column_effect", "Effect of a column in the last base window, in reference standard deviations or the like; the five worst columns, or all with sinks.prometheus.all_columns.", "model", "segment", "column")
	m.pValue = m.desc("column_p_value", "p-value of the same columns.", "model", "segment", "column")
	m.shift = m.desc("smallest_shift", "Smallest change that the last base window could have shown, in standard deviations or the like: the median of the series' watched columns, and the worst.", "model", "segment", "columns")
	m.incidentOpen = m.gaugeVec("incident_open", "1 while the series has an open incident of this severity that is not historic.", "model", "segment", "severity")
	m.selfWindows = m.gaugeVec("reference_selftest_windows", "Windows of columns of the reference in force that were judged by its other windows as if live (an A/A test); 0 where it was too short for that.", "model")
	m.selfFlags = m.gaugeVec("reference_selftest_flags", "Those of driftd_reference_selftest_windows that flagged, at a level of .001.", "model")
	m.budget = m.gaugeVec("budget_pages_per_week", "False pages a week that a model may cost.", "model")
	m.unknown = m.counterVec("unknown_values_total", "Values in columns that the layout does not have, by base windows.", "model", "segment")
	m.flags = m.counterVec("flags_total", "Windows of watched columns that flagged.", "model", "segment")
	m.incidents = m.counterVec("incidents_total", "Changes of incidents' states.", "model", "segment", "state")
}
