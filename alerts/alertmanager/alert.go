package alertmanager

import (
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/alerts"
)

// The names of the alerts; deploy/alertmanager routes by them.
const (
	AlertIncident = "DriftdIncident"
	AlertNoData   = "DriftdNoData"
	AlertSchema   = "DriftdSchemaBreak"
)

// newAlert is the alert of an incident: what it is about in labels, its numbers in annotations.
func newAlert(i driftd.IncidentResult, now time.Time, links Links) alert {
	a := alert{Labels: map[string]string{}, Annotations: map[string]string{}, StartsAt: i.DriftSince.UTC()}
	if a.StartsAt.After(now) {
		a.StartsAt = now.UTC() // events may have a clock that is ahead
	}
	for name, value := range i.Labels {
		if name = labelName(name); name != "" && value != "" { // an empty label is none for Alertmanager
			a.Labels[name] = strings.ToValidUTF8(value, "\uFFFD")
		}
	}
	a.Labels["alertname"] = alertName(i.Type)
	for name, value := range map[string]string{"model": i.Model, "segment": i.Segment, "severity": i.Severity} {
		a.Labels[name] = strings.ToValidUTF8(value, "\uFFFD")
	}
	annotate(a.Annotations, i, links)
	return a
}

func alertName(kind string) string {
	switch kind {
	case alerts.TypeNoData:
		return AlertNoData
	case alerts.TypeSchema:
		return AlertSchema
	}
	return AlertIncident
}

// shownColumns is how many columns an alert lists.
const shownColumns = 3

func annotate(to map[string]string, i driftd.IncidentResult, links Links) {
	put := func(name, value string) {
		if value != "" {
			to[name] = strings.ToValidUTF8(value, "\uFFFD")
		}
	}
	put("title", alerts.Title(&i))
	put("summary", i.Summary)
	put("where", where(i))
	put("dashboard", links.dashboard(i))
	put("runbook", links.runbook(i))
	if i.Type == alerts.TypeDrift && i.State == driftd.StateOpen {
		put("accept", alerts.AcceptCommand(&i))
	}
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
	put("columns", worst(i.Columns))
	first := i.Columns[0]
	put("column", first.Column)
	put("test", first.Test)
	put("moved", first.Moved)
	put("effect", number(first.Effect))
	put("p_value", number(first.PValue))
	put("threshold", number(first.Threshold))
	put("n", strconv.FormatUint(first.N, 10))
}

// where is the place of an incident, and of most of its change when that is known.
func where(i driftd.IncidentResult) string {
	s := "model " + i.Model + ", all segments"
	if i.Segment != driftd.AllSegment {
		s = "model " + i.Model + ", segment " + i.Segment
	}
	if i.Where != "" {
		s += "; " + i.Where
	}
	return s
}

// worst lists columns one a line, with what has moved.
func worst(columns []driftd.IncidentColumn) string {
	width := 0
	for _, c := range columns[:min(shownColumns, len(columns))] {
		width = max(width, utf8.RuneCountInString(c.Column))
	}
	var lines []string
	for _, c := range columns[:min(shownColumns, len(columns))] {
		lines = append(lines, c.Column+strings.Repeat(" ", width-utf8.RuneCountInString(c.Column)+2)+alerts.Size(&c))
	}
	if n := len(columns) - shownColumns; n > 0 {
		lines = append(lines, "and "+strconv.Itoa(n)+" more")
	}
	return strings.Join(lines, "\n")
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
