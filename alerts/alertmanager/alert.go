package alertmanager

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/driftd/driftd"
)

// The names of the alerts; deploy/alertmanager routes by them.
const (
	AlertIncident = "DriftdIncident"
	AlertNoData   = "DriftdNoData"
)

// newAlert is the alert of an incident: what it is about in labels, its numbers in annotations.
func newAlert(i driftd.IncidentResult, now time.Time) alert {
	a := alert{Labels: map[string]string{}, Annotations: map[string]string{}, StartsAt: i.DriftSince.UTC()}
	if a.StartsAt.After(now) {
		a.StartsAt = now.UTC() // events may have a clock that is ahead
	}
	for name, value := range i.Labels {
		if name = labelName(name); name != "" && value != "" { // an empty label is none for Alertmanager
			a.Labels[name] = strings.ToValidUTF8(value, "\uFFFD")
		}
	}
	a.Labels["alertname"] = AlertIncident
	if i.Type == "no_data" {
		a.Labels["alertname"] = AlertNoData
	}
	for name, value := range map[string]string{"model": i.Model, "segment": i.Segment, "severity": i.Severity} {
		a.Labels[name] = strings.ToValidUTF8(value, "\uFFFD")
	}
	annotate(a.Annotations, i)
	return a
}

func annotate(to map[string]string, i driftd.IncidentResult) {
	put := func(name, value string) {
		if value != "" {
			to[name] = strings.ToValidUTF8(value, "\uFFFD")
		}
	}
	put("summary", i.Summary)
	put("incident", i.ID)
	put("type", i.Type)
	put("state", i.State)
	put("pace", i.Pace)
	put("reference", i.Reference)
	put("drift_since", i.DriftSince.UTC().Format(time.RFC3339))
	put("opened_at", i.OpenedAt.UTC().Format(time.RFC3339))
	if i.ResolvedAt != nil {
		put("resolved_at", i.ResolvedAt.UTC().Format(time.RFC3339))
	}
	if i.Provisional {
		put("provisional", "true")
	}
	if len(i.Columns) == 0 {
		return
	}
	names := make([]string, len(i.Columns))
	for k, c := range i.Columns {
		names[k] = c.Column
	}
	put("columns", strings.Join(names, ", "))
	first := i.Columns[0]
	put("column", first.Column)
	put("test", first.Test)
	put("moved", first.Moved)
	put("effect", number(first.Effect))
	put("p_value", number(first.PValue))
	put("threshold", number(first.Threshold))
	put("n", strconv.FormatUint(first.N, 10))
}

func number(f driftd.Float) string {
	x := float64(f)
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return ""
	}
	return strconv.FormatFloat(x, 'g', 4, 64)
}

// labelName is a name that every version of Alertmanager takes.
func labelName(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, strings.TrimLeft(s, "0123456789"))
}
