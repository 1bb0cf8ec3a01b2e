package main

import (
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// of are the labels that every query of driftd's own metrics takes; more stand in front of it.
const of = `instance=~"$instance"`

func pipeline() board {
	s := newSheet(pipelineUID, "driftd / Pipeline", "driftd itself: is it in time, does it lose anything, does it reach its sinks and Alertmanagers?", "now-6h")
	s.variable(dashboard.VariableModel{Type: dashboard.VariableTypeQuery, Name: "instance", Label: ptr("Process"), Description: ptr("Processes of driftd, by their address at Prometheus."),
		Query: &dashboard.StringOrMap{String: ptr("label_values(driftd_build_info, instance)")}, Datasource: source("prometheus"), Refresh: ptr(dashboard.VariableRefreshOnTimeRangeChanged),
		Multi: ptr(true), IncludeAll: ptr(true), AllValue: ptr(".*"), Current: &dashboard.VariableOption{Text: oneText("All"), Value: oneText("$__all")}})
	s.mark("Incidents", vermilion, incidents+"\n  AND segment = 'all' AND NOT historic\nORDER BY time")
	s.text(4, `
**driftd's own health.** Results come late or not at all? Read from the top.

- *Frontier age* grows: the partition that **holds** is named beside it. Is it slow (lag grows: add processes), or does its producer write old times or nothing (see sources[].idle_timeout)?
- *Lag* of the group that writes grows, and *retries* of a sink: that sink is down or slow. Nothing is lost; its offset waits in Kafka. Pages do not wait for it.
- *Dead letters*, *too old*, *gaps*: events that do not count. The headers in the topic of dead letters say why, record by record.`)

	now := tiles("Now", "The pipeline at the end of the range.").
		single(`count(driftd_build_info{`+of+`})`, "processes").
		single(`sum(rate(driftd_events_total{`+of+`}[$__rate_interval]))`, "events/s").
		single(`max(time() - driftd_frontier_timestamp_seconds{`+of+`})`, "oldest frontier").
		single(`sum(driftd_consumer_lag_records{`+of+`})`, "records behind").
		single(`sum(increase(driftd_dead_letters_total{`+of+`}[1h])) or vector(0)`, "dead letters, 1 h").
		single(`sum(increase(driftd_retries_total{`+of+`}[1h])) or vector(0)`, "retries, 1 h").
		single(`sum(increase(driftd_alerts_failed_total{`+of+`}[1h])) or vector(0)`, "failed sendings, 1 h").
		field("events/s", unit("short"), decimals(1)).
		field("oldest frontier", unit("s"), steps(blue, step{1800, orange}, step{7200, vermilion})).
		field("records behind", unit("short"), steps(blue, step{1e6, orange})).
		field("dead letters, 1 h", unit("short"), decimals(0), steps(blue, step{1, orange})).
		field("retries, 1 h", unit("short"), decimals(0), steps(blue, step{10, orange})).
		field("failed sendings, 1 h", unit("short"), decimals(0), steps(blue, step{1, vermilion}))
	s.add(24, 4, now)

	s.row("In time?")
	s.add(10, 9, lines("Frontier age by topic", "How far event time lies behind wall time in the slowest partition of each topic: windows close only below it. It should stay near the lateness (2 minutes), plus idle_timeout (5 minutes) for thin traffic.").
		prom(`time() - min by (topic) (driftd_frontier_timestamp_seconds{`+of+`})`, "{{topic}}").unit("s").min(0))
	s.add(8, 9, grid("Who holds the windows", "The partitions that hold their topic's models back most, at the end of the range, and how old their frontier is.").
		now(`(time() - driftd_frontier_timestamp_seconds{`+of+`}) and on (topic, partition, instance) (driftd_frontier_holding{`+of+`} == 1)`).
		transform("organize", map[string]any{"excludeByName": map[string]bool{"Time": true, "job": true, "__name__": true}, "renameByName": map[string]string{"Value": "age"}, "indexByName": map[string]int{"topic": 0, "partition": 1, "Value": 2, "instance": 3}}).
		empty("No partition has a frontier yet.").
		field("age", unit("s"), cell(), steps("transparent", step{1800, orange}, step{7200, vermilion})))
	s.add(6, 9, lines("Partitions that wait", "Partitions that stopped reading because slower ones are more than an hour of event time behind.").
		prom(`sum by (topic) (driftd_fetch_paused{`+of+`})`, "{{topic}}").unit("short").min(0))
	s.add(12, 8, lines("Consumer lag", "Records between what a group has read and the end of its topics. The groups are driftd's roles: profile (your topics), detect (profiles), one for each sink (results).").
		prom(`sum by (group, topic) (driftd_consumer_lag_records{`+of+`})`, "{{group}}: {{topic}}").unit("short").min(0))
	s.add(12, 8, lines("Age of the last window by model", "How long ago the last base window of each model (segment all) ended.").
		prom(`time() - max by (model) (driftd_window_end_timestamp_seconds{segment="all", `+of+`})`, "{{model}}").unit("s").min(0))

	s.row("Traffic, and what does not count")
	s.add(8, 8, lines("Events", "Events counted in a pane, by topic.").
		prom(`sum by (topic) (rate(driftd_events_total{`+of+`}[$__rate_interval]))`, "{{topic}}").unit("eps").min(0))
	s.add(8, 8, lines("Bytes", "Bytes of the values of records read, by topic.").
		prom(`sum by (topic) (rate(driftd_record_bytes_total{`+of+`}[$__rate_interval]))`, "{{topic}}").unit("Bps").min(0))
	s.add(8, 8, lines("Records and results", "Records read, profiles and results written to Kafka, state records.").
		prom(`sum(rate(driftd_records_total{`+of+`}[$__rate_interval]))`, "records read").
		prom(`sum(rate(driftd_profiles_produced_total{`+of+`}[$__rate_interval]))`, "profiles").
		prom(`sum(rate(driftd_results_produced_total{`+of+`}[$__rate_interval]))`, "results").
		prom(`sum(rate(driftd_state_records_total{`+of+`}[$__rate_interval]))`, "state records").unit("cps").min(0))
	dead := lines("Dead letters by reason", "Records that could not be used, in all since the processes began. Look into the topic of dead letters: its headers name the topic, partition, offset and error of each.").
		prom(`sum by (topic, reason) (driftd_dead_letters_total{`+of+`}) > 0`, "{{topic}}: {{reason}}").unit("short").min(0).empty("No dead letter.")
	s.add(12, 8, dead)
	s.add(12, 8, lines("Late, too old, gaps", "Events a second that came after their pane had closed, that were older than max_age, and records that were deleted or damaged before driftd read them (gaps: retention is shorter than driftd was away).").
		prom(`sum by (topic) (rate(driftd_late_events_total{`+of+`}[$__rate_interval]))`, "late: {{topic}}").
		prom(`sum by (topic) (rate(driftd_too_old_total{`+of+`}[$__rate_interval]))`, "too old: {{topic}}").
		prom(`sum by (topic) (rate(driftd_gap_records_total{`+of+`}[$__rate_interval]))`, "gaps: {{topic}}").unit("cps").min(0))

	s.row("Sinks and Alertmanagers")
	s.add(8, 8, lines("Time of a batch in a sink", "Median and .99 of the time that a sink takes for a batch.").
		prom(`histogram_quantile(.5, sum by (sink, le) (rate(driftd_sink_write_seconds_bucket{`+of+`}[$__rate_interval])))`, "{{sink}} p50").
		prom(`histogram_quantile(.99, sum by (sink, le) (rate(driftd_sink_write_seconds_bucket{`+of+`}[$__rate_interval])))`, "{{sink}} p99").unit("s").min(0))
	s.add(8, 8, lines("Rows taken by a sink", "Rows a second that a sink has taken; rejected are results that it refuses for ever, which are logged.").
		prom(`sum by (sink) (rate(driftd_sink_rows_total{`+of+`}[$__rate_interval]))`, "{{sink}}").
		prom(`sum by (sink) (rate(driftd_sink_rejected_total{`+of+`}[$__rate_interval]))`, "{{sink}} rejected").unit("cps").min(0))
	s.add(8, 8, lines("Retries", "Operations tried again after a failure, by operation. A sink's never end; one that only rises names what is down.").
		prom(`sum by (operation) (increase(driftd_retries_total{`+of+`}[$__rate_interval]))`, "{{operation}}").unit("short").min(0))
	s.add(12, 8, lines("Sent to Alertmanagers", "Alerts that an Alertmanager has taken (what is active is sent again and again), and sendings that failed.").
		prom(`sum by (alertmanager) (rate(driftd_alerts_sent_total{`+of+`}[$__rate_interval]))`, "sent: {{alertmanager}}").
		prom(`sum by (alertmanager) (rate(driftd_alerts_failed_total{`+of+`}[$__rate_interval]))`, "failed: {{alertmanager}}").unit("cps").min(0))
	s.add(12, 8, lines("Clock skew of Alertmanagers", "How far an Alertmanager's clock is ahead of driftd's. Beyond a minute, alerts begin or end at the wrong time: set the clocks.").
		prom(`max by (alertmanager) (driftd_alertmanager_clock_skew_seconds{`+of+`})`, "{{alertmanager}}").unit("s"))

	s.row("Processes")
	memory := lines("Memory", "Resident memory of each process (line) and the Go heap in use (dashed).").
		prom(`process_resident_memory_bytes{`+of+`} and on (instance) driftd_build_info`, "{{instance}}").
		prom(`go_memstats_heap_inuse_bytes{`+of+`} and on (instance) driftd_build_info`, "{{instance}} heap").unit("bytes").min(0)
	memory.p.FieldConfig.Overrides = append(memory.p.FieldConfig.Overrides, dashboard.DashboardFieldConfigSourceOverrides{
		Matcher: dashboard.MatcherConfig{Id: "byFrameRefID", Options: "B"}, Properties: []option{dashed()}})
	s.add(8, 8, memory)
	s.add(8, 8, lines("CPU", "Cores that each process uses.").
		prom(`rate(process_cpu_seconds_total{`+of+`}[$__rate_interval]) and on (instance) driftd_build_info`, "{{instance}}").unit("short").min(0))
	s.add(8, 8, lines("Open panes", "Panes in memory, by topic. Many mean that a frontier stands still or that events come in wild order.").
		prom(`sum by (topic) (driftd_open_panes{`+of+`})`, "{{topic}}").unit("short").min(0))
	changes := lines("Take-overs, reloads, dropped series", "Partitions that a process took over (a rebalance), reloads of the config by result, and series without metrics because of sinks.prometheus.max_series.").
		prom(`sum by (topic) (driftd_epochs_total{`+of+`})`, "take-overs: {{topic}}").
		prom(`sum by (result) (driftd_config_reloads_total{`+of+`})`, "reloads: {{result}}").
		prom(`sum(driftd_metric_series_dropped_total{`+of+`})`, "series dropped").unit("short").min(0)
	changes.graph().LineInterpolation = ptr(common.LineInterpolationStepAfter)
	s.add(12, 8, changes)
	s.add(12, 8, grid("Builds", "The version of each process. More than one for longer than a roll-out: some were forgotten.").
		now(`driftd_build_info{`+of+`}`).
		transform("organize", map[string]any{"excludeByName": map[string]bool{"Time": true, "Value": true, "__name__": true, "job": true}, "indexByName": map[string]int{"instance": 0, "version": 1, "go_version": 2}}))
	return s.d
}

func oneText(s string) dashboard.StringOrArrayOfString {
	return dashboard.StringOrArrayOfString{String: ptr(s)}
}
