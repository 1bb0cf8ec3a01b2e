package main

import (
	"github.com/grafana/grafana-foundation-sdk/go/common"
)

// choose adds the variables model, segment and length, and column where it is wanted. `all` and the base length stand first.
func (s *sheet) choose(withColumn bool) {
	s.query("model", "Model", "A model that has windows in the time range.", "SELECT DISTINCT model FROM driftd_windows WHERE "+inRange+" ORDER BY model")
	s.query("segment", "Segment", "A value of a watched tag; all is the whole traffic.", "SELECT segment FROM driftd_windows WHERE "+theModel+" AND "+inRange+" GROUP BY segment ORDER BY segment != 'all', segment")
	if withColumn {
		s.query("column", "Column", "A feature or a part of the prediction.", "SELECT DISTINCT column FROM driftd_columns WHERE "+theModel+" AND "+theSegment+" AND "+inRange+" ORDER BY column")
	}
	s.query("length", "Window", "The length of the windows.", "SELECT "+lengthValue+" AS value, "+lengthText+" AS text FROM driftd_windows WHERE "+theModel+" AND "+inRange+" GROUP BY window_length ORDER BY window_length")
}

func model() board {
	s := newSheet(modelUID, "driftd / Model", "One model: its columns, segments, versions and incidents over time.", "now-7d")
	s.choose(false)
	s.mark("Incidents", vermilion, incidents+"\n  AND "+theModel+" AND "+theSegment+"\nORDER BY time")
	s.mark("References", purple, references)
	s.text(4, `
**One model, window by window.** The *map* shows each column's size over the size that flags: dark from 1 on. Follow a column by a click.

- One dark cell is a flag; an incident needs two in three windows. Many columns at once, at one time: look upstream (a release, a broken join). One segment alone: compare the *segments* below.
- A change that is wanted: `+"`driftd reference accept --model M --since T`"+` makes it the new normal. Purple marks say where another reference came into force.
- Windows that were **not judged** are listed with their reason at the end.`)

	s.add(24, 4, tiles("Last window", "The last window of the chosen series that had ended at the end of the range.").
		sql(`SELECT `+stateCode+` AS state, flags AS "drifted columns", columns AS "columns judged", n AS events, late / greatest(1, n + late) AS late, unknown AS "values in unknown columns", dateDiff('second', window_end, `+asOf+`) AS "ended ago"
FROM driftd_windows FINAL
WHERE `+series+` AND `+toNow+`
ORDER BY window_start DESC
LIMIT 1`).
		field("state", option{Id: "mappings", Value: stateMapping()}).
		field("drifted columns", steps(blue, step{1, vermilion})).
		field("late", unit("percentunit"), decimals(1), steps(blue, step{.01, orange}, step{.05, vermilion})).
		field("events", unit("short")).
		field("values in unknown columns", unit("short"), steps(blue, step{1, yellow})).
		field("ended ago", unit("s"), steps(blue, step{3 * 86400, orange})))

	columns := cells("Columns x windows: size over the size that flags", "Of each column and window the strongest test's effect over its threshold: from 1 on it flagged. Paler blue is smaller. Windows that could not be judged have colours of their own: incomplete, insufficient, learning, no data. Where a range is too wide for every window, a cell is the worst of several. Click for the column.").
		series(withRatio + `SELECT ` + bucket + ` AS time, column, max(if(` + notJudged + ` < 0, ` + notJudged + `, ratio)) AS size
FROM driftd_columns FINAL
WHERE ` + series + ` AND ` + inRange + `
GROUP BY time, column
ORDER BY time, column`).
		name("${__field.labels.column}").
		links(drill("Open the column", columnUID, "model", "segment", "column="+label("column"), "length"))
	columns.defaults().Thresholds = thresholds("#DEEBF7", step{.25, "#C6DBEF"}, step{.5, "#6BAED6"}, step{.75, "#2171B5"}, step{1, orange}, step{1.5, vermilion}, step{3, "#7F2704"})
	columns.defaults().Mappings = ratioMapping()
	columns.defaults().Decimals = ptr(2.)
	s.add(24, 14, columns)

	s.row("Segments and versions")
	s.add(14, 10, timeline("Segments over time", "The state of every segment's windows of the chosen length. `all` is the whole traffic. Where nothing is drawn, the segment had no window. Click to look at the segment.").
		series(`SELECT toDateTime(edge.1) AS time, segment, max(edge.2) AS state
FROM (SELECT segment, window_start, window_end, `+stateCode+` AS code FROM driftd_windows FINAL WHERE `+theModel+` AND `+theLength+` AND `+inRange+`)
`+stretches+`
GROUP BY time, segment
ORDER BY time, segment != 'all', segment`).
		name("${__field.labels.segment}").
		links(drill("Look at the segment", modelUID, "model", "segment="+label("segment"), "length")))
	s.add(10, 10, grid("Segments now", "The last window of each segment, the most drifted first.").
		sql(`SELECT segment, `+stateCode+` AS state, flags AS drifted_columns, n AS events, late / greatest(1, n + late) AS late_share, reason
FROM (
  SELECT * FROM driftd_windows FINAL
  WHERE `+theModel+` AND `+theLength+` AND `+toNow+`
  ORDER BY segment, window_start DESC
  LIMIT 1 BY segment
)
ORDER BY flags DESC, segment != 'all', segment`).
		field("segment", width(140), to(drill("Look at the segment", modelUID, "model", "segment="+field("segment"), "length"))).
		field("state", byState()...).
		field("drifted_columns", named("drifted"), cell(), steps("transparent", step{1, vermilion}), width(80)).
		field("events", unit("short"), width(80)).
		field("late_share", named("late"), unit("percentunit"), decimals(1), cell(), steps("transparent", step{.05, yellow}), width(70)).
		field("reason", named("why not judged")))

	versions := lines("Versions", "Events of each version of the model in a window. A new version begins where its band does; version=other holds those that the config or the reference do not name.").
		series(`SELECT toDateTime(window_start) AS time, segment AS version, n AS events
FROM driftd_windows FINAL
WHERE ` + theModel + ` AND ` + theLength + ` AND ` + inRange + ` AND startsWith(segment, 'version=') AND NOT match(segment, ',[^=]+=')
ORDER BY time, version`).name("${__field.labels.version}").unit("short").min(0).
		empty("No segments by version: add version to defaults.segments in driftd.yml.").
		links(drill("Look at the version", modelUID, "model", "segment="+label("version"), "length"))
	versions.graph().FillOpacity = ptr(40.)
	versions.graph().Stacking = &common.StackingConfig{Mode: ptr(common.StackingModeNormal)}
	s.add(12, 8, versions)
	s.add(12, 8, lines("Events and late share", "Events of the chosen series in each window, and the share that came after its pane had closed (right). Above 5 % late a window is not judged: raise sources[].lateness.").
		series(`SELECT toDateTime(window_start) AS time, n AS events, late / greatest(1, n + late) AS late
FROM driftd_windows FINAL
WHERE `+series+` AND `+inRange+`
ORDER BY time`).unit("short").min(0).
		field("events", append(bars(), colored(sky))...).
		field("late", named("late share"), unit("percentunit"), right(), colored(vermilion), option{Id: "custom.axisSoftMax", Value: .1}))

	s.row("Incidents")
	s.add(24, 9, grid("Incidents of the model", "All incidents that were open at some time in the range, in all segments, the newest first.").
		sql(`SELECT drift_since, opened_at, resolved_at, state, severity, historic, segment, columns.column[1] AS column, columns.test[1] AS test, columns.effect[1] AS effect, columns.p_value[1] AS p_value, pace, summary, id
FROM driftd_incidents FINAL
WHERE `+theModel+` AND drift_since <= $__toTime AND `+incidentEnd+` >= $__fromTime
ORDER BY opened_at DESC
LIMIT 200`).
		empty("No incident in the range.").
		field("drift_since", named("drift since"), unit("dateTimeAsIso"), width(160)).
		field("opened_at", named("opened"), unit("dateTimeAsIso"), width(160)).
		field("resolved_at", named("over"), unit("dateTimeAsIso"), width(160)).
		field("state", width(80)).
		field("severity", severityCell()...).
		field("historic", width(80)).
		field("segment", width(120), to(drill("Look at the segment", modelUID, "model", "segment="+field("segment")))).
		field("column", named("worst column"), width(150), to(drill("Open the column", columnUID, "model", "segment="+field("segment"), "column="+field("column")))).
		field("test", width(100)).field("effect", decimals(2), width(70)).field("p_value", named("p-value"), unit("sci"), width(90)).
		field("pace", width(80)).field("id", width(110)))

	s.row("What could not be judged")
	s.add(14, 8, grid("Windows that were not judged", "Windows of the chosen series that are neither ok nor drift, each with its reason.").
		sql(`SELECT window_start, window_end, `+stateCode+` AS state, n AS events, late, reason
FROM driftd_windows FINAL
WHERE `+series+` AND `+inRange+` AND (complete = 0 OR reason != '' OR verdict NOT IN ('ok', 'drift'))
ORDER BY window_start DESC
LIMIT 200`).
		empty("Every window in the range was judged.").
		field("window_start", named("from"), unit("dateTimeAsIso"), width(160)).
		field("window_end", named("to"), unit("dateTimeAsIso"), width(160)).
		field("state", byState()...).field("events", unit("short"), width(80)).field("late", unit("short"), width(70)))
	s.add(10, 8, grid("References and configs in use", "What judged the windows of the chosen series: a reference or a config that changed explains a step in the numbers.").
		sql(`SELECT substring(reference, 1, 12) AS reference, config_hash AS config, version AS driftd, min(window_start) AS first, max(window_end) AS last, count() AS windows
FROM driftd_windows FINAL
WHERE `+series+` AND `+inRange+`
GROUP BY driftd_windows.reference, config_hash, version
ORDER BY first DESC`).
		field("reference", width(120)).field("config", width(130)).field("driftd", width(90)).
		field("first", unit("dateTimeAsIso"), width(160)).field("last", unit("dateTimeAsIso"), width(160)))
	return s.d
}
