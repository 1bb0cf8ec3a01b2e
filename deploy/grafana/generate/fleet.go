package main

import "github.com/grafana/grafana-foundation-sdk/go/dashboard"

// lastBase is the last window that has ended of each model's segment `all`, in its base (shortest) length.
const lastBase = `SELECT model, window_length, window_start, window_end, n, late, complete, verdict, reason, flags
  FROM driftd_windows FINAL
  WHERE segment = 'all' AND ` + toNow + `
  ORDER BY model, window_length, window_start DESC
  LIMIT 1 BY model`

// openIncidents were open at the end of the range.
const openIncidents = "opened_at <= $__toTime AND (state = 'open' OR resolved_at > $__toTime)"

func fleet() board {
	s := newSheet(fleetUID, "driftd / Fleet", "Every model: what driftd says of it now and said this week.", "now-7d")
	s.mark("Incidents", vermilion, incidents+"\n  AND segment = 'all' AND NOT historic\nORDER BY time")
	s.text(4, `
**Every model that driftd watches, as of the end of the time range.** Begin at the *tiles*; follow a model into its own dashboard by its name.

- **drift**: at least one column moved by more than the budget of false alarms allows to be chance. Open the model and see which, since when and in which segment.
- **insufficient, learning, no data, incomplete** are not *ok*: nothing can be said. The model's dashboard gives the reason of each window.
- An old *last window* means that events or driftd are late: look at **driftd / Pipeline**.`)

	s.add(24, 4, tiles("Now", "Models and incidents as of the end of the range. Models are counted by the last window of their base length, segment all.").
		sql(`SELECT
  count() AS "models",
  countIf(code = 1) AS "models with drift",
  countIf(code > 1) AS "models not judged",
  (SELECT count() FROM driftd_incidents FINAL WHERE `+openIncidents+` AND severity = 'page' AND NOT historic) AS "open pages",
  (SELECT count() FROM driftd_incidents FINAL WHERE `+openIncidents+` AND severity = 'ticket' AND NOT historic) AS "open tickets",
  max(dateDiff('second', window_end, `+asOf+`)) AS "oldest last window"
FROM (SELECT `+stateCode+` AS code, window_end FROM (
  `+lastBase+`
))`).
		field("models with drift", steps(blue, step{1, vermilion})).
		field("models not judged", steps(blue, step{1, yellow})).
		field("open pages", steps(blue, step{1, vermilion})).
		field("open tickets", steps(blue, step{1, orange})).
		field("oldest last window", unit("s"), steps(blue, step{2 * 3600, orange}, step{6 * 3600, vermilion})))

	toModel := drill("Open the model", modelUID, "model="+field("model"), "segment=all", "length="+field("length"))
	s.add(24, 9, grid("Models", "One line a model: the state of its last base window, how many of its columns and segments drift, what is open, and how old its last window is. 'Windows behind' above 2 means that windows do not close in time.").
		sql(`SELECT w.model AS model, `+lengthValue+` AS length, `+stateCode+` AS state, flags AS drifted_columns, s.segments AS drifted_segments, i.pages AS pages, i.tickets AS tickets,
  n AS events, late / greatest(1, n + late) AS late_share, dateDiff('second', window_end, `+asOf+`) AS age, age / window_length AS behind, reason
FROM (
  `+lastBase+`
) AS w
LEFT JOIN (
  SELECT model, countIf(verdict = 'drift') AS segments
  FROM (SELECT model, segment, verdict FROM driftd_windows FINAL WHERE segment != 'all' AND `+toNow+` ORDER BY model, segment, window_length, window_start DESC LIMIT 1 BY model, segment)
  GROUP BY model
) AS s ON s.model = w.model
LEFT JOIN (
  SELECT model, countIf(severity = 'page') AS pages, countIf(severity = 'ticket') AS tickets
  FROM driftd_incidents FINAL
  WHERE `+openIncidents+` AND NOT historic
  GROUP BY model
) AS i ON i.model = w.model
ORDER BY state = 1 DESC, pages DESC, tickets DESC, model`).
		field("model", to(toModel), width(220)).
		field("length", hidden()).
		field("state", append(byState(), named("state now"))...).
		field("drifted_columns", named("drifted columns"), cell(), steps("transparent", step{1, vermilion}), width(130)).
		field("drifted_segments", named("drifted segments"), cell(), steps("transparent", step{1, vermilion}), width(140)).
		field("pages", named("open pages"), cell(), steps("transparent", step{1, vermilion}), width(100)).
		field("tickets", named("open tickets"), cell(), steps("transparent", step{1, orange}), width(110)).
		field("events", unit("short"), width(90)).
		field("late_share", named("late"), unit("percentunit"), cell(), steps("transparent", step{.05, yellow}), width(80)).
		field("age", named("last window ended"), unit("s"), width(140)).
		field("behind", named("windows behind"), decimals(1), cell(), steps("transparent", step{2, orange}, step{4, vermilion}), width(130)).
		field("reason", named("why not judged")))

	week := timeline("Week: base windows, segment all", "The state of every base window of the last 7 days, a line a model. Where nothing is drawn, no window has closed. Click for the model.").
		sql(`SELECT toDateTime(edge.1) AS time, model, max(edge.2) AS state
FROM (
  SELECT model, window_start, window_end, window_length, `+stateCode+` AS code, min(window_length) OVER (PARTITION BY model) AS base
  FROM driftd_windows FINAL
  WHERE segment = 'all' AND `+inRange+`
)
`+stretches+`
WHERE window_length = base
GROUP BY time, model
ORDER BY time, model`).
		// Models differ in the length of their windows: each gets a frame of its own, so that one's times are no gaps in the other.
		transform("partitionByValues", map[string]any{"fields": []string{"model"}, "keepFields": false, "naming": map[string]any{"asLabels": true}}).
		name("${__field.labels.model}").
		links(drill("Open the model", modelUID, "model="+label("model"), "segment=all"))
	week.p.TimeFrom = ptr("7d")
	s.add(24, 8, week)

	s.row("What drifts")
	toColumn := drill("Open the column", columnUID, "model="+field("model"), "segment="+field("segment"), "column="+field("column"), "length="+field("length"))
	s.add(14, 9, grid("Drifted columns now", "Columns that flagged in the last window of their series, the farthest first. 'Times threshold': size over the size that flags. A flag is one window; two in three make an incident.").
		sql(withRatio+`SELECT model, segment, column, `+lengthValue+` AS length, `+lengthText+` AS window, ratio AS times_threshold, effect, p_value, moved, window_start AS since
FROM driftd_columns FINAL
WHERE flag AND watched AND (model, segment, window_length, window_start) IN (
  SELECT model, segment, window_length, max(window_start) FROM driftd_windows WHERE `+toNow+` GROUP BY model, segment, window_length
)
ORDER BY segment != 'all', times_threshold DESC
LIMIT 200`).
		empty("No column flagged in the last window of any series.").
		field("model", width(150), to(toModel)).field("segment", width(120)).
		field("column", to(toColumn), width(150)).
		field("length", hidden()).
		field("window", width(70)).
		field("times_threshold", named("times threshold"), decimals(2), cell(), steps("transparent", step{1, orange}, step{2, vermilion}), width(120)).
		field("effect", decimals(2), width(70)).field("p_value", named("p-value"), unit("sci"), width(90)).
		field("moved", named("what moved")).
		field("since", named("window"), unit("dateTimeAsIso"), width(160)))

	s.add(10, 9, grid("Budget", "Incidents opened in the last 7 days of which a person was told (those of a segment are kept silent while all has one, see deploy/alertmanager), against the false ones that the config allows in a week. Above the allowance there is real drift, or the reference no longer fits: accept a new normal or look for the cause.").
		sql(`SELECT m.model AS model, countIf(told AND severity = 'page') AS pages, countIf(told AND severity = 'ticket') AS tickets
FROM (SELECT DISTINCT model FROM driftd_windows WHERE `+toNow+`) AS m
LEFT JOIN (
  SELECT model, severity, NOT arrayExists(a -> segment != 'all' AND a.1 <= opened_at AND (isNull(a.2) OR opened_at < a.2) AND (a.3 = 'page' OR severity = 'ticket'), whole) AS told
  FROM (
    SELECT model, segment, severity, opened_at, historic, groupArrayIf((opened_at, resolved_at, severity), segment = 'all' AND NOT historic) OVER (PARTITION BY model) AS whole
    FROM driftd_incidents FINAL
    WHERE opened_at <= $__toTime
  )
  WHERE NOT historic AND opened_at > `+asOf+` - INTERVAL 7 DAY
) AS i ON i.model = m.model
GROUP BY model
ORDER BY model`).
		now("max by (model) (driftd_budget_pages_per_week)").
		transform("joinByField", map[string]any{"byField": "model", "mode": "outer"}).
		transform("organize", map[string]any{"excludeByName": map[string]bool{"Time": true}, "renameByName": map[string]string{"Value": "allowed", "Value #B": "allowed"}}).
		field("model", to(drill("Open the model", modelUID, "model="+field("model"), "segment=all"))).
		field("pages", named("pages, 7 days"), width(120)).
		field("tickets", named("tickets, 7 days"), width(120)).
		field("allowed", named("false ones allowed a week"), width(190)))

	s.add(24, 8, grid("Open incidents", "What a person was or is to be told of. Historic ones were found in windows too old to page. `driftd reference accept` makes a wanted change the new normal.").
		sql(`SELECT model, segment, columns.column[1] AS column, replaceAll(type, '_', ' ') AS what, severity, historic, pace, drift_since, opened_at, arrayStringConcat(columns.column, ', ') AS all_columns, summary
FROM driftd_incidents FINAL
WHERE `+openIncidents+`
ORDER BY historic, severity, opened_at DESC
LIMIT 200`).
		empty("No incident is open.").
		field("model", width(150), to(drill("Open the model", modelUID, "model="+field("model"), "segment="+field("segment")))).
		field("segment", width(120)).
		field("column", named("worst column"), width(150), to(drill("Open the column", columnUID, "model="+field("model"), "segment="+field("segment"), "column="+field("column")))).
		field("what", width(80)).
		field("severity", severityCell()...).
		field("historic", width(80)).field("pace", width(80)).
		field("drift_since", named("drift since"), unit("dateTimeAsIso"), width(160)).
		field("opened_at", named("opened"), unit("dateTimeAsIso"), width(160)).
		field("all_columns", named("columns"), width(200)))

	s.row("Freshness")
	age := lines("Age of the last window", "How long ago, in wall time, the last base window of each model (segment all) ended. It should saw between 0 and the window's length plus the lateness; a line that only rises means that windows no longer close.").
		prom(`time() - max by (model) (driftd_window_end_timestamp_seconds{segment="all"})`, "{{model}}").unit("s").min(0)
	s.add(24, 8, age)
	return s.d
}

// severityCell colours a page apart from a ticket.
func severityCell() []option {
	m := dashboard.NewValueMap()
	m.Options = map[string]dashboard.ValueMappingResult{"page": {Text: ptr("page"), Color: ptr(vermilion), Index: ptr(int32(0))}, "ticket": {Text: ptr("ticket"), Color: ptr(orange), Index: ptr(int32(1))}}
	return []option{{Id: "mappings", Value: []dashboard.ValueMapping{{ValueMap: m}}}, cell(), width(90)}
}
