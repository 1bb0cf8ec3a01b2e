package prometheus

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/driftd/driftd"
)

// worstColumns is how many columns of a series have gauges by default.
const worstColumns = 5

// seriesState is what a series' metrics are made from.
type seriesState struct {
	columns map[string]columnValue // of the last base window
	open    map[string]string      // severity of what is open and not historic, by the incident's type
}

type columnValue struct {
	column    string
	effect, p float64
	mde       float64 // NaN where it could not show anything, or is muted
}

var (
	verdictNumber  = map[driftd.Verdict]float64{driftd.OK: 0, driftd.Drift: 1, driftd.Insufficient: 2, driftd.Learning: 3, driftd.NoData: 4}
	incidentStates = []string{driftd.StateOpen, driftd.StateResolved, driftd.StateAccepted}
	severities     = []string{"page", "ticket"}
)

// Observe takes the results of a window in their order: the window, its
// columns, incidents. base is the shortest window length.
func (m *Metrics) Observe(r driftd.Result, base time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	k := validSeries(r.Series())
	s := m.seriesOf(k)
	if s == nil {
		return
	}
	switch {
	case r.Window != nil:
		if w := r.Window; w.WindowLength == int64(base/time.Second) {
			clear(s.columns)
			m.state.WithLabelValues(k.Model, k.Segment).Set(verdictNumber[w.Verdict])
			m.windowEvents.WithLabelValues(k.Model, k.Segment).Set(float64(w.N))
			m.windowLate.WithLabelValues(k.Model, k.Segment).Set(float64(w.Late))
			m.windowEnd.WithLabelValues(k.Model, k.Segment).Set(float64(w.WindowEnd.Unix()))
			m.unknown.WithLabelValues(k.Model, k.Segment).Add(float64(w.Unknown))
		}
	case r.Column != nil:
		c := r.Column
		if c.Flag && c.Watched {
			m.flags.WithLabelValues(k.Model, k.Segment).Inc()
		}
		if c.WindowLength == int64(base/time.Second) {
			s.columns[c.Column] = columnValue{valid(c.Column), float64(c.Effect), float64(c.PValue), math.NaN()}
			if c.Watched && c.Evaluated {
				v := s.columns[c.Column]
				v.mde = float64(c.MDE)
				s.columns[c.Column] = v
			}
		}
	default:
		m.incidents.WithLabelValues(k.Model, k.Segment, r.Incident.State).Inc()
		m.showIncident(k, r.Incident)
	}
}

// Incident shows the incident of a series whose state was read back: nothing
// has happened, so nothing is counted.
func (m *Metrics) Incident(i *driftd.IncidentResult) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if k := validSeries(driftd.Series{Model: i.Model, Segment: i.Segment}); m.seriesOf(k) != nil {
		m.showIncident(k, i)
	}
}

func (m *Metrics) showIncident(k driftd.Series, i *driftd.IncidentResult) {
	open := m.series[k].open
	delete(open, i.Type)
	if i.State == driftd.StateOpen && !i.Historic {
		open[i.Type] = i.Severity
	}
	for _, severity := range severities {
		v := 0.0
		for _, have := range open {
			if have == severity {
				v = 1
			}
		}
		m.incidentOpen.WithLabelValues(k.Model, k.Segment, severity).Set(v)
	}
}

// Budget tells what a model may cost in false pages a week.
func (m *Metrics) Budget(model string, pagesPerWeek float64) {
	m.budget.WithLabelValues(model).Set(pagesPerWeek)
}

// SelfTest tells the A/A test of a model's reference in force.
func (m *Metrics) SelfTest(model string, t driftd.SelfTest) {
	m.selfWindows.WithLabelValues(model).Set(float64(t.Windows))
	m.selfFlags.WithLabelValues(model).Set(float64(t.Flags))
}

// DropModel forgets what is told of a model beside its series.
func (m *Metrics) DropModel(model string) {
	for _, g := range []*prometheus.GaugeVec{m.budget, m.selfWindows, m.selfFlags} {
		g.DeleteLabelValues(model)
	}
}

// seriesOf finds or makes a series; nil when there are too many.
func (m *Metrics) seriesOf(k driftd.Series) *seriesState {
	if s := m.series[k]; s != nil {
		return s
	}
	if len(m.series) >= m.cfg.MaxSeries {
		if _, known := m.dropped[k]; !known && len(m.dropped) < m.cfg.MaxSeries {
			m.dropped[k] = struct{}{}
			m.seriesDropped.Inc()
		}
		return nil
	}
	s := &seriesState{columns: map[string]columnValue{}, open: map[string]string{}}
	m.series[k] = s
	m.flags.WithLabelValues(k.Model, k.Segment)
	m.unknown.WithLabelValues(k.Model, k.Segment)
	for _, severity := range severities {
		m.incidentOpen.WithLabelValues(k.Model, k.Segment, severity)
	}
	for _, state := range incidentStates {
		m.incidents.WithLabelValues(k.Model, k.Segment, state)
	}
	return s
}

// DropSeries forgets a series that another process judges now.
func (m *Metrics) DropSeries(k driftd.Series) {
	m.mu.Lock()
	defer m.mu.Unlock()
	k = validSeries(k)
	delete(m.dropped, k)
	if m.series[k] == nil { // one of too many: it has no gauges
		return
	}
	delete(m.series, k)
	// By exact labels: a partial match looks at every series, and a rebalance
	// drops thousands of them.
	for _, v := range []*prometheus.GaugeVec{m.state, m.windowEvents, m.windowLate, m.windowEnd} {
		v.DeleteLabelValues(k.Model, k.Segment)
	}
	for _, v := range []*prometheus.CounterVec{m.flags, m.unknown} {
		v.DeleteLabelValues(k.Model, k.Segment)
	}
	for _, severity := range severities {
		m.incidentOpen.DeleteLabelValues(k.Model, k.Segment, severity)
	}
	for _, state := range incidentStates {
		m.incidents.DeleteLabelValues(k.Model, k.Segment, state)
	}
}

// columnGauges are the gauges of columns, made when they are asked for: which
// columns are the worst is known only once all of a window have come.
type columnGauges struct{ m *Metrics }

// Describe implements prometheus.Collector.
func (g columnGauges) Describe(out chan<- *prometheus.Desc) {
	out <- g.m.effect
	out <- g.m.pValue
	out <- g.m.shift
}

// Collect implements prometheus.Collector.
func (g columnGauges) Collect(out chan<- prometheus.Metric) {
	g.m.mu.Lock()
	var all []prometheus.Metric
	put := func(d *prometheus.Desc, x float64, k driftd.Series, column string) {
		if !math.IsNaN(x) {
			all = append(all, prometheus.MustNewConstMetric(d, prometheus.GaugeValue, x, k.Model, k.Segment, column))
		}
	}
	for k, s := range g.m.series {
		for _, c := range g.m.shown(s.columns) {
			put(g.m.effect, c.effect, k, c.column)
			put(g.m.pValue, c.p, k, c.column)
		}
		median, worst := shifts(s.columns)
		put(g.m.shift, median, k, "median")
		put(g.m.shift, worst, k, "worst")
	}
	g.m.mu.Unlock() // before sending: a slow reader holds up no window
	for _, x := range all {
		out <- x
	}
}

// shifts are the median and the largest of the smallest shifts that a series'
// columns can show; NaN where none can show any.
func shifts(columns map[string]columnValue) (median, worst float64) {
	var all []float64
	for _, c := range columns {
		if !math.IsNaN(c.mde) {
			all = append(all, c.mde)
		}
	}
	if len(all) == 0 {
		return math.NaN(), math.NaN()
	}
	slices.Sort(all)
	return all[len(all)/2], all[len(all)-1]
}

// shown are the columns that have gauges: those of greatest effect, or all.
func (m *Metrics) shown(columns map[string]columnValue) []columnValue {
	all := slices.Collect(maps.Values(columns))
	if m.cfg.AllColumns || len(all) <= worstColumns {
		return all
	}
	slices.SortFunc(all, func(a, b columnValue) int { // NaN last
		return cmp.Or(cmp.Compare(b.effect, a.effect), cmp.Compare(a.column, b.column))
	})
	return all[:worstColumns]
}

// valid is a name as a label's value: Prometheus refuses what is not UTF-8.
func valid(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

func validSeries(k driftd.Series) driftd.Series {
	return driftd.Series{Model: valid(k.Model), Segment: valid(k.Segment)}
}
