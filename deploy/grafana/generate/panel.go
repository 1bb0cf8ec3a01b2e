package main

import (
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/heatmap"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/statetimeline"
	"github.com/grafana/grafana-foundation-sdk/go/statushistory"
	"github.com/grafana/grafana-foundation-sdk/go/table"
	"github.com/grafana/grafana-foundation-sdk/go/text"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
)

// panel is one under construction.
type panel struct{ p dashboard.Panel }

func newPanel(kind, title, description string) *panel {
	p := dashboard.NewPanel()
	p.Type, p.Title, p.Description = kind, ptr(title), ptr(description)
	p.FieldConfig = &dashboard.FieldConfigSource{Overrides: []dashboard.DashboardFieldConfigSourceOverrides{}}
	return &panel{*p}
}

func textOptions(content string) *text.Options {
	return &text.Options{Mode: text.TextModeMarkdown, Content: content}
}

// tiles shows the last number of each field in a tile of its own.
func tiles(title, description string) *panel {
	p := newPanel("stat", title, description)
	o := stat.NewOptions()
	o.ColorMode, o.GraphMode = common.BigValueColorModeBackground, common.BigValueGraphModeNone
	o.TextMode, o.WideLayout = common.BigValueTextModeValueAndName, true
	o.ReduceOptions = common.ReduceDataOptions{Calcs: []string{"lastNotNull"}, Fields: ptr("/.*/")}
	p.p.Options = o
	p.defaults().Color = byThreshold()
	p.defaults().Thresholds = thresholds(blue)
	return p
}

func grid(title, description string) *panel {
	p := newPanel("table", title, description)
	o := table.NewOptions()
	o.CellHeight = ptr(common.TableCellHeightSm)
	o.Footer = &common.TableFooterOptions{Reducer: []string{}}
	p.p.Options = o
	p.defaults().Color = byThreshold()
	p.defaults().Thresholds = thresholds("transparent")
	return p
}

// timeline draws states as bars over time, one line a series.
func timeline(title, description string) *panel {
	p := newPanel("state-timeline", title, description)
	o := statetimeline.NewOptions()
	o.MergeValues, o.ShowValue, o.RowHeight = ptr(true), common.VisibilityModeAuto, .8
	o.Legend = legend(common.LegendDisplayModeList)
	o.Tooltip = common.VizTooltipOptions{Mode: common.TooltipDisplayModeSingle}
	p.p.Options = o
	p.defaults().Color = byThreshold()
	p.defaults().Thresholds = thresholds(blue)
	p.defaults().Mappings = stateMapping()
	p.defaults().Custom = &statetimeline.FieldConfig{FillOpacity: ptr(uint32(85)), LineWidth: ptr(uint32(0))}
	return p
}

// cells draws a colour for each series and time.
func cells(title, description string) *panel {
	p := newPanel("status-history", title, description)
	o := statushistory.NewOptions()
	o.ShowValue, o.RowHeight, o.ColWidth, o.PerPage = common.VisibilityModeNever, .9, ptr(1.), ptr(40.)
	o.Legend = legend(common.LegendDisplayModeList)
	o.Tooltip = common.VizTooltipOptions{Mode: common.TooltipDisplayModeSingle}
	p.p.Options = o
	p.p.MaxDataPoints = ptr(200.) // more cells than this are too narrow to see; the query makes one of several windows
	p.defaults().Color = byThreshold()
	p.defaults().Custom = &statushistory.FieldConfig{FillOpacity: ptr(uint32(90)), LineWidth: ptr(uint32(0))}
	return p
}

// heat draws counts that are already in rows: one series a row.
func heat(title, description string) *panel {
	p := newPanel("heatmap", title, description)
	o := heatmap.NewOptions()
	o.Color = heatmap.HeatmapColorOptions{Mode: ptr(heatmap.HeatmapColorModeScheme), Scheme: "RdBu", Fill: blue, Exponent: .5, Steps: 64, Reverse: true, Min: ptr(float32(-2)), Max: ptr(float32(2))}
	o.FilterValues = nil // 0 is a value here
	o.ShowValue = common.VisibilityModeNever
	o.CellGap = ptr(uint8(0))
	o.Tooltip = heatmap.HeatmapTooltip{Mode: common.TooltipDisplayModeSingle, ShowColorScale: ptr(true)}
	o.CellValues = &heatmap.CellValues{Decimals: ptr(float32(2))}
	p.p.Options = o
	p.p.MaxDataPoints = ptr(200.)
	p.defaults().Custom = heatmap.NewFieldConfig()
	return p
}

func lines(title, description string) *panel {
	p := newPanel("timeseries", title, description)
	o := timeseries.NewOptions()
	o.Legend = legend(common.LegendDisplayModeList)
	o.Tooltip = common.VizTooltipOptions{Mode: common.TooltipDisplayModeMulti, Sort: common.SortOrderDescending}
	p.p.Options = o
	p.defaults().Color = &dashboard.FieldColor{Mode: dashboard.FieldColorModeIdPaletteClassicByName}
	p.defaults().Custom = &common.GraphFieldConfig{DrawStyle: ptr(common.GraphDrawStyleLine), LineWidth: ptr(1.), FillOpacity: ptr(0.), ShowPoints: ptr(common.VisibilityModeAuto),
		PointSize: ptr(4.), SpanNulls: &common.BoolOrFloat64{Bool: ptr(false)}}
	return p
}

func legend(mode common.LegendDisplayMode) common.VizLegendOptions {
	return common.VizLegendOptions{DisplayMode: mode, Placement: common.LegendPlacementBottom, ShowLegend: true, Calcs: []string{}}
}

func (p *panel) defaults() *dashboard.FieldConfig { return &p.p.FieldConfig.Defaults }

// graph is a line panel's own config.
func (p *panel) graph() *common.GraphFieldConfig {
	return p.defaults().Custom.(*common.GraphFieldConfig)
}

func (p *panel) ref() string { return string(rune('A' + len(p.p.Targets))) }

// sql asks ClickHouse for a table, series for numbers by time.
func (p *panel) sql(q string) *panel {
	p.of(clickhouseType)
	p.p.Targets = append(p.p.Targets, newClickhouse(p.ref(), q, formatTable))
	return p
}

func (p *panel) series(q string) *panel {
	p.of(clickhouseType)
	p.p.Targets = append(p.p.Targets, newClickhouse(p.ref(), q, formatSeries))
	return p
}

// prom asks Prometheus for series over time.
func (p *panel) prom(expr, legend string) *panel {
	p.of("prometheus")
	p.p.Targets = append(p.p.Targets, prometheus.Dataquery{RefId: ptr(p.ref()), Datasource: source("prometheus"), Expr: expr, LegendFormat: ptr(legend), Range: ptr(true),
		EditorMode: ptr(prometheus.QueryEditorModeCode)})
	return p
}

// now asks Prometheus for the values at the end of the range, as a table.
func (p *panel) now(expr string) *panel {
	p.of("prometheus")
	p.p.Targets = append(p.p.Targets, prometheus.Dataquery{RefId: ptr(p.ref()), Datasource: source("prometheus"), Expr: expr, Instant: ptr(true),
		Format: ptr(prometheus.PromQueryFormatTable), EditorMode: ptr(prometheus.QueryEditorModeCode)})
	return p
}

// single asks Prometheus for one number at the end of the range, under a name.
func (p *panel) single(expr, name string) *panel {
	p.of("prometheus")
	p.p.Targets = append(p.p.Targets, prometheus.Dataquery{RefId: ptr(p.ref()), Datasource: source("prometheus"), Expr: expr, Instant: ptr(true), LegendFormat: ptr(name),
		EditorMode: ptr(prometheus.QueryEditorModeCode)})
	return p
}

// of says whom the panel asks: Grafana's own source "Mixed" where it asks both.
func (p *panel) of(kind string) {
	switch d := p.p.Datasource; {
	case d == nil:
		p.p.Datasource = source(kind)
	case *d.Type != kind:
		p.p.Datasource = &common.DataSourceRef{Type: ptr("datasource"), Uid: ptr("-- Mixed --")}
	}
}

func (p *panel) unit(u string) *panel { p.defaults().Unit = ptr(u); return p }

func (p *panel) min(v float64) *panel { p.defaults().Min = ptr(v); return p }

func (p *panel) empty(text string) *panel { p.defaults().NoValue = ptr(text); return p }

func (p *panel) name(n string) *panel { p.defaults().DisplayName = ptr(n); return p }

func (p *panel) links(l ...dashboard.DashboardLink) *panel { p.defaults().Links = l; return p }

func (p *panel) transform(id string, options map[string]any) *panel {
	p.p.Transformations = append(p.p.Transformations, dashboard.DataTransformerConfig{Id: id, Options: options})
	return p
}

// option is a property of one field.
type option = dashboard.DynamicConfigValue

func (p *panel) field(name string, options ...option) *panel {
	p.p.FieldConfig.Overrides = append(p.p.FieldConfig.Overrides, dashboard.DashboardFieldConfigSourceOverrides{
		Matcher: dashboard.MatcherConfig{Id: "byName", Options: name}, Properties: options})
	return p
}

func unit(u string) option     { return option{Id: "unit", Value: u} }
func decimals(n int) option    { return option{Id: "decimals", Value: n} }
func named(text string) option { return option{Id: "displayName", Value: text} }
func width(px int) option      { return option{Id: "custom.width", Value: px} }
func hidden() option           { return option{Id: "custom.hidden", Value: true} }
func colored(c string) option  { return option{Id: "color", Value: fixed(c)} }
func right() option            { return option{Id: "custom.axisPlacement", Value: "right"} }

func dashed() option {
	return option{Id: "custom.lineStyle", Value: common.LineStyle{Fill: ptr(common.LineStyleFillDash), Dash: []float64{8, 6}}}
}

func points() option { return option{Id: "custom.drawStyle", Value: common.GraphDrawStylePoints} }

func bars() []option {
	return []option{{Id: "custom.drawStyle", Value: common.GraphDrawStyleBars}, {Id: "custom.fillOpacity", Value: 50}}
}

func to(l ...dashboard.DashboardLink) option { return option{Id: "links", Value: l} }

// cell fills a table's cell with the colour of its value.
func cell() option {
	return option{Id: "custom.cellOptions", Value: map[string]any{"type": "color-background", "mode": "basic"}}
}

func steps(base string, s ...step) option {
	return option{Id: "thresholds", Value: thresholds(base, s...)}
}

func byState() []option { return []option{{Id: "mappings", Value: stateMapping()}, cell(), width(120)} }
