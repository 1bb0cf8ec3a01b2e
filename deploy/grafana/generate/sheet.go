package main

import (
	"net/url"
	"strconv"
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/cog/variants"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// The dashboards' identities, which links between them name.
const (
	fleetUID    = "driftd-fleet"
	modelUID    = "driftd-model"
	columnUID   = "driftd-column"
	pipelineUID = "driftd-pipeline"
)

const clickhouseType = "grafana-clickhouse-datasource"

// board is a dashboard in the older of Grafana's two formats, which every Grafana from 10 on reads; the newer one needs 12.
type board = dashboard.Dashboard //nolint:staticcheck // the SDK prefers the newer format

// source refers to a data source by the dashboard's variable, so that a dashboard works with any name that a data source has.
func source(kind string) *common.DataSourceRef {
	name := kind
	if kind == clickhouseType {
		name = "clickhouse"
	}
	return &common.DataSourceRef{Type: ptr(kind), Uid: ptr("${" + name + "}")}
}

// sheet lays panels out from left to right in rows of 24 units.
type sheet struct {
	d       board
	x, y, h uint32
	panels  uint32
}

func newSheet(uid, title, description, from string) *sheet {
	s := &sheet{d: *dashboard.NewDashboard()}
	d := &s.d
	d.Uid, d.Title, d.Description = ptr(uid), ptr(title), ptr(description)
	d.Tags = []string{"driftd"}
	d.Editable = ptr(true)
	d.Timezone = ptr("utc") // windows are cut in UTC unless the config says otherwise
	d.GraphTooltip = ptr(dashboard.DashboardCursorSyncCrosshair)
	d.Time = &dashboard.DashboardDashboardTime{From: from, To: "now"}
	d.Refresh = ptr("1m")
	d.SchemaVersion = 41
	d.Annotations.List = []dashboard.AnnotationQuery{}
	// The others of the tag, with this one's variables and times.
	d.Links = []dashboard.DashboardLink{{Title: "driftd", Type: dashboard.DashboardLinkTypeDashboards, Tags: []string{"driftd"}, IncludeVars: true, KeepTime: true}}
	s.variable(dashboard.VariableModel{Type: dashboard.VariableTypeDatasource, Name: "clickhouse", Label: ptr("ClickHouse"),
		Description: ptr("Where driftd writes its results."), Query: &dashboard.StringOrMap{String: ptr(clickhouseType)}, Refresh: ptr(dashboard.VariableRefreshOnDashboardLoad)})
	s.variable(dashboard.VariableModel{Type: dashboard.VariableTypeDatasource, Name: "prometheus", Label: ptr("Prometheus"),
		Description: ptr("What scrapes driftd."), Query: &dashboard.StringOrMap{String: ptr("prometheus")}, Refresh: ptr(dashboard.VariableRefreshOnDashboardLoad)})
	return s
}

func (s *sheet) variable(v dashboard.VariableModel) {
	s.d.Templating.List = append(s.d.Templating.List, v)
}

// query adds a variable that ClickHouse fills. A value that a link brings and that the query does not give is kept.
func (s *sheet) query(name, label, description, sql string) {
	s.variable(dashboard.VariableModel{Type: dashboard.VariableTypeQuery, Name: name, Label: ptr(label), Description: ptr(description),
		Query: &dashboard.StringOrMap{String: ptr(sql)}, Datasource: source(clickhouseType), Refresh: ptr(dashboard.VariableRefreshOnTimeRangeChanged),
		Sort: ptr(dashboard.VariableSortDisabled), AllowCustomValue: ptr(true)})
}

// mark adds annotations from ClickHouse: columns time, text and perhaps timeEnd and tags.
func (s *sheet) mark(name, color, sql string) {
	s.d.Annotations.List = append(s.d.Annotations.List, dashboard.AnnotationQuery{Name: name, Datasource: source(clickhouseType), Enable: true, Hide: ptr(false),
		IconColor: color, Target: newClickhouse("Anno", sql, formatTable)})
}

// text is the panel that every dashboard begins with: what it shows and what to do.
func (s *sheet) text(h uint32, content string) {
	p := newPanel("text", "What this shows, and what to do", "How to read this dashboard.")
	p.p.Options = textOptions(strings.TrimSpace(content))
	p.p.Transparent = ptr(true)
	s.add(24, h, p)
}

// row begins a titled part.
func (s *sheet) row(title string) {
	s.nextLine()
	s.panels++
	r := dashboard.NewRowPanel()
	r.Type, r.Id, r.Title, r.Panels = "row", s.panels, ptr(title), []dashboard.Panel{}
	r.GridPos = &dashboard.GridPos{H: 1, W: 24, X: 0, Y: s.y}
	s.d.Panels = append(s.d.Panels, dashboard.PanelOrRowPanel{RowPanel: r})
	s.y++
}

func (s *sheet) nextLine() {
	s.x, s.y, s.h = 0, s.y+s.h, 0
}

// add places a panel of w x h units.
func (s *sheet) add(w, h uint32, p *panel) {
	if s.x+w > 24 {
		s.nextLine()
	}
	s.panels++
	p.p.Id = ptr(s.panels)
	p.p.GridPos = &dashboard.GridPos{H: h, W: w, X: s.x, Y: s.y}
	s.x, s.h = s.x+w, max(s.h, h)
	s.d.Panels = append(s.d.Panels, dashboard.PanelOrRowPanel{Panel: &p.p})
}

// The formats of an answer: a table as it is, or series by time, whose text columns become labels.
const (
	formatSeries = 0
	formatTable  = 1
)

// clickhouse is a query of grafana-clickhouse-datasource, version 4; the SDK does not have it.
type clickhouse struct {
	RefID         string                `json:"refId"`
	Datasource    *common.DataSourceRef `json:"datasource"`
	PluginVersion string                `json:"pluginVersion"`
	EditorType    string                `json:"editorType"`
	QueryType     string                `json:"queryType"`
	Format        int                   `json:"format"`
	RawSQL        string                `json:"rawSql"`
}

func newClickhouse(ref, sql string, format int) *clickhouse {
	kind := "table"
	if format == formatSeries {
		kind = "timeseries"
	}
	return &clickhouse{RefID: ref, Datasource: source(clickhouseType), PluginVersion: "4.0.0", EditorType: "sql", QueryType: kind, Format: format, RawSQL: sql}
}

// ImplementsDataqueryVariant, Equals, DataqueryType and Validate make it one of the SDK's queries.
func (*clickhouse) ImplementsDataqueryVariant() {}
func (c *clickhouse) Equals(o variants.Dataquery) bool {
	p, ok := o.(*clickhouse)
	return ok && *p == *c
}
func (*clickhouse) DataqueryType() string { return clickhouseType }
func (*clickhouse) Validate() error       { return nil }

// drill is a link to another dashboard. Each parameter is name=expression; what the reader chose goes along.
func drill(title, uid string, params ...string) dashboard.DashboardLink {
	link := "/d/" + uid + "?${clickhouse:queryparam}&${prometheus:queryparam}"
	for _, p := range params {
		name, value, ok := strings.Cut(p, "=")
		if !ok {
			link += "&${" + name + ":queryparam}" // this dashboard's own variable
			continue
		}
		link += "&var-" + url.QueryEscape(name) + "=" + value
	}
	return dashboard.DashboardLink{Title: title, Url: ptr(link + "&${__url_time_range}"), Type: dashboard.DashboardLinkTypeLink, Tags: []string{}, KeepTime: true, IncludeVars: true}
}

// Values for drill: a field of the row that was clicked, and a label of the series.
func field(name string) string { return "${__data.fields." + name + ":percentencode}" }
func label(name string) string { return "${__field.labels." + name + ":percentencode}" }

func itoa(i int) string { return strconv.Itoa(i) }
