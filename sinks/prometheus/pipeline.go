package prometheus

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

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

// Paused says whether a source partition waits for slower ones.
func (m *Metrics) Paused(topic string, partition int, paused bool) {
	v := 0.0
	if paused {
		v = 1
	}
	m.paused.WithLabelValues(topic, strconv.Itoa(partition)).Set(v)
}

// DropPartition forgets a source partition that another process has now.
func (m *Metrics) DropPartition(group, topic string, partition int) {
	p := strconv.Itoa(partition)
	m.frontier.DeleteLabelValues(topic, p)
	m.openPanes.DeleteLabelValues(topic, p)
	m.paused.DeleteLabelValues(topic, p)
	m.DropLag(group, topic, partition)
}

// DropLag forgets how far a group is behind in a partition that another process has now.
func (m *Metrics) DropLag(group, topic string, partition int) {
	m.lag.DeleteLabelValues(group, topic, strconv.Itoa(partition))
}

// DropHolding forgets who holds a topic's windows back: this process judges none
// of them any more.
func (m *Metrics) DropHolding(topic string) {
	m.holding.DeletePartialMatch(prometheus.Labels{"topic": topic})
}

// Epoch counts the taking over of a source partition.
func (m *Metrics) Epoch(topic string) { m.epochs.WithLabelValues(topic).Inc() }

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
