package prometheus

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/driftd/driftd"
)

var update = flag.Bool("update", false, "write docs/METRICS.md anew")

func TestDocsAreFresh(t *testing.T) {
	const path = "../../docs/METRICS.md"
	want := New(Config{}, nil, nil).Docs()
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, string(got)); d != "" {
		t.Errorf("%s is stale: run go test ./sinks/prometheus -update\n%s", path, d)
	}
}

// gathered are the metrics as they are exposed, "name{label=value,..}" -> value; of histograms their count.
func gathered(t *testing.T, m *Metrics) map[string]float64 {
	t.Helper()
	families, err := m.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]float64{}
	for _, f := range families {
		if !strings.HasPrefix(f.GetName(), "driftd_") {
			continue
		}
		for _, x := range f.GetMetric() {
			var labels []string
			for _, l := range x.GetLabel() {
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			out[f.GetName()+"{"+strings.Join(labels, ",")+"}"] = x.GetCounter().GetValue() + x.GetGauge().GetValue() + float64(x.GetHistogram().GetSampleCount())
		}
	}
	return out
}

// Everything that can be known beforehand is there at zero: a rate over it works from the first event on.
func TestZeroFromTheStart(t *testing.T) {
	m := New(Config{Version: "v1"}, []string{"predictions"}, []string{"http://am:9093"})
	got := gathered(t, m)
	for _, name := range []string{"driftd_records_total{topic=predictions}", "driftd_events_total{topic=predictions}", "driftd_record_bytes_total{topic=predictions}",
		"driftd_too_old_total{topic=predictions}", "driftd_late_events_total{topic=predictions}", "driftd_gap_records_total{topic=predictions}",
		"driftd_dead_letters_total{reason=decoder_panic,topic=predictions}", "driftd_profiles_produced_total{}", "driftd_results_produced_total{}",
		"driftd_state_records_total{}", "driftd_metric_series_dropped_total{}", "driftd_retries_total{operation=fetch}", "driftd_sink_rows_total{sink=clickhouse}",
		"driftd_sink_rejected_total{sink=file}", "driftd_sink_write_seconds{sink=file}", "driftd_alerts_sent_total{alertmanager=http://am:9093}",
		"driftd_alerts_failed_total{alertmanager=http://am:9093}", "driftd_config_reloads_total{result=failed}", "driftd_epochs_total{topic=predictions}"} {
		if v, ok := got[name]; !ok || v != 0 {
			t.Errorf("%s: %v, there %v", name, v, ok)
		}
	}
	for name, v := range got {
		if v != 0 && !strings.HasPrefix(name, "driftd_build_info{") {
			t.Errorf("%s is %v at the start", name, v)
		}
	}
}

func TestNamesAreGood(t *testing.T) {
	m := exercised()
	families, err := m.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	problems, err := promlint.NewWithMetricFamilies(families).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	// And each that is declared can be seen.
	got := gathered(t, m)
	for _, name := range m.Names() {
		if !slices.ContainsFunc(slices.Collect(maps.Keys(got)), func(k string) bool { return strings.HasPrefix(k, name+"{") }) {
			t.Errorf("%s is declared and never there", name)
		}
	}
}

const hour = int64(3600)

func window(segment string, verdict driftd.Verdict, length int64) driftd.Result {
	return driftd.Result{Window: &driftd.WindowResult{Model: "fraud", Segment: segment, WindowLength: length, WindowEnd: time.Unix(7200, 0), N: 1000, Late: 3, Unknown: 2, Verdict: verdict}}
}

func column(segment, name string, effect float64, flag bool, length int64) driftd.Result {
	return driftd.Result{Column: &driftd.ColumnResult{Model: "fraud", Segment: segment, Column: name, WindowLength: length, Effect: driftd.Float(effect), PValue: .5, Flag: flag, Watched: true, Evaluated: true, MDE: driftd.Float(effect / 10)}}
}

// exercised has had everything happen once.
func exercised() *Metrics {
	m := New(Config{Version: "v1"}, []string{"predictions"}, []string{"http://am:9093"})
	m.Profiled("predictions", Counts{Records: 5, Bytes: 6, Events: 7, Late: 8, TooOld: 9})
	m.DeadLetter("predictions", "no_model")
	m.Gap("predictions", 4)
	m.Epoch("predictions")
	m.Lag("driftd.profile.predictions", "predictions", 3, 12)
	m.Frontier("predictions", 3, 7200e9)
	m.Holding("predictions", 3, true)
	m.OpenPanes("predictions", 3, 5)
	m.Paused("predictions", 3, true)
	m.ProfilesProduced(2)
	m.ResultsProduced(3)
	m.StatesProduced(4)
	m.Retried("fetch")
	m.SinkWrote("clickhouse", 10, time.Second)
	m.SinkRejected("file")
	m.AlertsSent("http://am:9093", 2)
	m.AlertsFailed("http://am:9093")
	m.ClockSkew("http://am:9093", -2*time.Second)
	m.Reloaded(errors.New("x"))
	m.Reloaded(nil)
	m.Budget("fraud", 1)
	m.SelfTest("fraud", driftd.SelfTest{Windows: 4800, Flags: 3})
	m.Observe(window("all", driftd.Drift, hour), time.Hour)
	for i := range 8 {
		m.Observe(column("all", fmt.Sprintf("c%d", i), float64(i), i == 7, hour), time.Hour)
	}
	m.Observe(column("all", "none", math.NaN(), false, hour), time.Hour)
	m.Observe(driftd.Result{Incident: &driftd.IncidentResult{Model: "fraud", Segment: "all", State: driftd.StateOpen, Severity: "ticket"}}, time.Hour)
	return m
}

func TestWhatHappensIsSeen(t *testing.T) {
	got := gathered(t, exercised())
	for name, want := range map[string]float64{
		"driftd_records_total{topic=predictions}": 5, "driftd_events_total{topic=predictions}": 7, "driftd_too_old_total{topic=predictions}": 9,
		"driftd_dead_letters_total{reason=no_model,topic=predictions}":                                1,
		"driftd_frontier_timestamp_seconds{partition=3,topic=predictions}":                            7200,
		"driftd_frontier_holding{partition=3,topic=predictions}":                                      1,
		"driftd_consumer_lag_records{group=driftd.profile.predictions,partition=3,topic=predictions}": 12,
		"driftd_alertmanager_clock_skew_seconds{alertmanager=http://am:9093}":                         -2,
		"driftd_drift_state{model=fraud,segment=all}":                                                 1,
		"driftd_window_events{model=fraud,segment=all}":                                               1000,
		"driftd_window_late_events{model=fraud,segment=all}":                                          3,
		"driftd_flags_total{model=fraud,segment=all}":                                                 1,
		"driftd_unknown_values_total{model=fraud,segment=all}":                                        2,
		"driftd_incident_open{model=fraud,segment=all,severity=ticket}":                               1,
		"driftd_incident_open{model=fraud,segment=all,severity=page}":                                 0,
		"driftd_incidents_total{model=fraud,segment=all,state=open}":                                  1,
		"driftd_incidents_total{model=fraud,segment=all,state=accepted}":                              0,
		"driftd_column_effect{column=c7,model=fraud,segment=all}":                                     7,
		"driftd_column_p_value{column=c3,model=fraud,segment=all}":                                    .5,
		"driftd_budget_pages_per_week{model=fraud}":                                                   1,
		"driftd_reference_selftest_windows{model=fraud}":                                              4800,
		"driftd_reference_selftest_flags{model=fraud}":                                                3,
		"driftd_smallest_shift{columns=median,model=fraud,segment=all}":                               .4,
		"driftd_smallest_shift{columns=worst,model=fraud,segment=all}":                                .7,
	} {
		if v, ok := got[name]; !ok || v != want {
			t.Errorf("%s: %v (there: %v), want %v", name, v, ok, want)
		}
	}
	for _, name := range []string{"c2", "none"} { // not among the five worst
		if _, ok := got["driftd_column_effect{column="+name+",model=fraud,segment=all}"]; ok {
			t.Errorf("column %s has a gauge", name)
		}
	}
}

func TestSeriesComeAndGo(t *testing.T) {
	m := exercised()
	// A day changes no gauge of the base window.
	m.Observe(window("all", driftd.OK, 24*hour), time.Hour)
	m.Observe(column("all", "c0", 99, true, 24*hour), time.Hour)
	got := gathered(t, m)
	if got["driftd_drift_state{model=fraud,segment=all}"] != 1 || got["driftd_flags_total{model=fraud,segment=all}"] != 2 {
		t.Errorf("after a day: %v", got)
	}
	// The next window has columns of its own.
	m.Observe(window("all", driftd.OK, hour), time.Hour)
	m.Observe(column("all", "new", 1, false, hour), time.Hour)
	// The severity rises; then it is over.
	m.Observe(driftd.Result{Incident: &driftd.IncidentResult{Model: "fraud", Segment: "all", State: driftd.StateOpen, Severity: "page"}}, time.Hour)
	got = gathered(t, m)
	if _, ok := got["driftd_column_effect{column=c7,model=fraud,segment=all}"]; ok || got["driftd_column_effect{column=new,model=fraud,segment=all}"] != 1 {
		t.Errorf("columns of the next window: %v", got)
	}
	if got["driftd_incident_open{model=fraud,segment=all,severity=ticket}"] != 0 || got["driftd_incident_open{model=fraud,segment=all,severity=page}"] != 1 {
		t.Errorf("after the severity rose: %v", got)
	}
	m.DropSeries(driftd.Series{Model: "fraud", Segment: "all"})
	m.DropPartition("driftd.profile.predictions", "predictions", 3)
	m.DropHolding("predictions")
	for name := range gathered(t, m) {
		if strings.Contains(name, "segment=") || strings.Contains(name, "partition=") {
			t.Errorf("%s is there after its owner has gone", name)
		}
	}
	// State that was read back shows the incident and counts nothing.
	m.Incident(&driftd.IncidentResult{Model: "fraud", Segment: "all", State: driftd.StateOpen, Severity: "page"})
	got = gathered(t, m)
	if got["driftd_incident_open{model=fraud,segment=all,severity=page}"] != 1 || got["driftd_incidents_total{model=fraud,segment=all,state=open}"] != 0 {
		t.Errorf("after state was read back: %v", got)
	}
}

func TestSeriesAreCapped(t *testing.T) {
	m := New(Config{MaxSeries: 2, AllColumns: true}, nil, nil)
	for range 3 {
		for _, segment := range []string{"all", "a", "b", "c\xff"} {
			m.Observe(window(segment, driftd.OK, hour), time.Hour)
			for i := range 8 {
				m.Observe(column(segment, fmt.Sprintf("c%d\xff", i), 1, false, hour), time.Hour)
			}
		}
	}
	got := gathered(t, m)
	if got["driftd_metric_series_dropped_total{}"] != 2 {
		t.Errorf("%v series dropped, want 2", got["driftd_metric_series_dropped_total{}"])
	}
	columns := 0
	for name := range got {
		if strings.HasPrefix(name, "driftd_column_effect{") {
			columns++
		}
	}
	if columns != 16 { // all 8 of both
		t.Errorf("%d columns have gauges", columns)
	}
}
