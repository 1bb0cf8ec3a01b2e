package alertmanager

import (
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/driftd/driftd"
)

// Links are what an alert points to.
type Links struct {
	Grafana  string // its address, as in https://grafana.example; "": no link
	Runbooks string // where docs/runbooks is, as in https://wiki.example/runbooks; "": the templates' own
}

// Around an incident the dashboard shows the time before it, to compare with.
const (
	showBefore = 24 * time.Hour
	showAfter  = 6 * time.Hour
)

// dashboard is the page of the worst column at the time of the incident; of the
// model where no column is to blame.
func (l Links) dashboard(i driftd.IncidentResult) string {
	if l.Grafana == "" {
		return ""
	}
	q := url.Values{"var-model": {i.Model}, "var-segment": {i.Segment},
		"from": {millis(i.DriftSince.Add(-showBefore))}, "to": {millis(i.ChangedAt.Add(showAfter))}}
	page := "driftd-model"
	if len(i.Columns) > 0 {
		page = "driftd-column"
		q.Set("var-column", i.Columns[0].Column)
	}
	return strings.TrimSuffix(l.Grafana, "/") + "/d/" + page + "?" + q.Encode()
}

// runbook is the page of the alert.
func (l Links) runbook(i driftd.IncidentResult) string {
	if l.Runbooks == "" {
		return ""
	}
	return strings.TrimSuffix(l.Runbooks, "/") + "/" + alertName(i.Type) + ".md"
}

func millis(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }
