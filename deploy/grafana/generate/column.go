package main

import (
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/heatmap"
)

// distribution gives for each window and bin the binary logarithm of its share over the usual one: 1 is twice as many, -1 half.
// driftd_columns does not hold the reference's own counts. Usual is therefore what the windows that were judged ok against
// the same reference hold together: that is the reference, as far as it holds. Two values are added to what is there and to what is
// expected, so that a bin that is always empty is as usual. The 64 numeric bins are drawn four at a time, for less noise, and
// named by the percentile of the usual values that they reach up to; of a categorical column the 60 most frequent categories are
// shown, then the rare and the new ones.
const distribution = `WITH usual AS (
  SELECT reference, sumForEach(bins) AS counts
  FROM driftd_columns FINAL
  WHERE ` + oneColumn + ` AND verdict = 'ok' AND window_start <= $__toTime
  GROUP BY reference
)
SELECT time, multiIf(
    any(categorical) AND row = any(size), 'new', any(categorical) AND row + 1 = any(size), 'rare', any(categorical), concat('category ', leftPad(toString(row), 2, '0')),
    row = 0, 'below', row = 1000, 'above', concat(leftPad(toString(row), 2, '0'), ' up to p', toString(round(100 * max(upto) / any(usual_n))))
  ) AS bin, log2((sum(x) + 2) / (any(n) * sum(u) / any(usual_n) + 2)) AS change
FROM (
  SELECT time, categorical, now, counts, length(now) AS size, arraySum(now) AS n, arraySum(counts) AS usual_n
  FROM (
    SELECT ` + bucket + ` AS time, reference, any(has(tests.name, 'new_level_rate')) AS categorical, sumForEach(bins) AS now
    FROM driftd_columns FINAL
    WHERE ` + oneColumn + ` AND ` + inRange + `
    GROUP BY time, reference
  ) AS w
  INNER JOIN usual USING (reference)
)
ARRAY JOIN now AS x, counts AS u, arrayEnumerate(now) AS i, arrayCumSum(counts) AS upto
WHERE n > 0 AND usual_n > 0 AND length(counts) = size AND (NOT categorical OR i <= 60 OR i + 1 >= size)
GROUP BY time, multiIf(categorical, i, i = 1, 0, i = size, 1000, size <= 22, i - 1, 1 + intDiv(i - 2, 4)) AS row
ORDER BY time, row`

// rateOf is a test's statistic, NULL where the column does not have the test.
func rateOf(test string) string {
	return "if(has(tests.name, '" + test + "'), tests.statistic[indexOf(tests.name, '" + test + "')], NULL)"
}

func column() board {
	s := newSheet(columnUID, "driftd / Column", "One column of one series: its distribution, and what the rule made of it.", "now-7d")
	s.choose(true)
	s.mark("Incidents", vermilion, incidents+"\n  AND "+theModel+" AND "+theSegment+" AND has(columns.column, decodeURLComponent('${column:percentencode}'))\nORDER BY time")
	s.mark("References", purple, references)
	s.mark("Incomplete windows", yellow, "SELECT window_start AS time, window_end AS timeEnd, concat('incomplete: ', reason) AS text, 'incomplete' AS tags\nFROM driftd_windows FINAL\nWHERE "+series+" AND "+inRange+" AND complete = 0\nORDER BY time")
	s.mark("Late windows", orange, "SELECT window_start AS time, window_end AS timeEnd, concat(toString(late), ' of ', toString(n + late), ' events came late') AS text, 'late' AS tags\nFROM driftd_windows FINAL\nWHERE "+series+" AND "+inRange+" AND late > .01 * (n + late)\nORDER BY time")
	s.text(4, `
**One column, and why driftd says what it says.** Read from the top: *did it flag*, *what moved* (the map: red has become more frequent than usual, blue less), *how far*, *how sure*.

- A flag is p-value at or below alpha. Alpha is what the model's budget of false alarms leaves this column; it is no fixed .05.
- The **smallest visible shift** says what the window could have shown. Where it lies above the shift that you care about, *ok* says little: longer windows see smaller shifts.
- Red bands are incidents, yellow ones incomplete windows, orange ones late windows (above 1 %), purple lines a new reference.`)

	s.add(24, 4, tiles("Last window", "The last window of the column that had ended at the end of the range.").
		sql(withRatio+`SELECT `+stateCode+` AS state, ratio AS "times threshold", effect, mde AS "smallest visible shift", p_value AS "p-value", alpha, n AS events, n_eff AS "worth independent events", dateDiff('second', window_end, `+asOf+`) AS "ended ago"
FROM driftd_columns FINAL
WHERE `+oneColumn+` AND `+toNow+`
ORDER BY window_start DESC
LIMIT 1`).
		field("state", option{Id: "mappings", Value: stateMapping()}).
		field("times threshold", decimals(2), steps(blue, step{1, orange}, step{1.5, vermilion})).
		field("effect", decimals(3)).field("smallest visible shift", decimals(3)).
		field("p-value", unit("sci")).field("alpha", unit("sci")).
		field("events", unit("short")).field("worth independent events", unit("short")).
		field("ended ago", unit("s")))

	s.add(24, 7, timeline("This column in every segment", "The state of the column's windows of the chosen length, a line a segment: is it everywhere, or in one segment alone? Click to look at the segment.").
		series(`SELECT toDateTime(edge.1) AS time, segment, max(edge.2) AS state
FROM (SELECT segment, window_start, window_end, `+stateCode+` AS code FROM driftd_columns FINAL WHERE `+theModel+` AND `+theColumn+` AND `+theLength+` AND `+inRange+`)
`+stretches+`
GROUP BY time, segment
ORDER BY time, segment != 'all', segment`).
		name("${__field.labels.segment}").
		links(drill("Look at the segment", columnUID, "model", "segment="+label("segment"), "column", "length")))

	s.row("What moved")
	dist := heat("Distribution against the usual", "Each bin's share of a window over its share in the windows that were judged ok against the same reference, as a power of two: +1 (red) twice as many, -1 (blue) half. Numeric bins lie from below the reference's range to above it, each named by the percentile of the usual values that it reaches up to; categories by their rank in the reference, then rare and new ones. Values against the axis stand in the next panel.").
		series(distribution).name("${__field.labels.bin}").empty("No window of this reference was judged ok yet: there is nothing usual to compare with.")
	dist.p.Options.(*heatmap.Options).RowsFrame = &heatmap.RowsHeatmapOptions{Value: ptr("log2 of share / usual share")}
	s.add(24, 12, dist)

	quantiles := lines("Quantiles and mean", "Of a numeric column, in its own unit: .05, .25, .5, .75, .95 and the mean of each window. The dashed lines are the usual .05, .5 and .95: medians over the windows judged ok. A categorical column shows the number of events with a value instead.").
		series(`WITH usual AS (
  SELECT median(quantiles[1]) AS low, median(quantiles[3]) AS middle, median(quantiles[5]) AS high
  FROM driftd_columns FINAL
  WHERE `+oneColumn+` AND verdict = 'ok' AND `+inRange+` AND length(quantiles) = 5
)
SELECT toDateTime(window_start) AS time, quantiles[1] AS p05, quantiles[2] AS p25, quantiles[3] AS p50, quantiles[4] AS p75, quantiles[5] AS p95, mean,
  (SELECT low FROM usual) AS "usual p05", (SELECT middle FROM usual) AS "usual p50", (SELECT high FROM usual) AS "usual p95"
FROM driftd_columns FINAL
WHERE `+oneColumn+` AND `+inRange+` AND length(quantiles) = 5
ORDER BY time`).
		empty("The column is categorical: see the distribution.").
		field("p05", colored(sky)).field("p25", colored(blue)).field("p50", colored(blue), option{Id: "custom.lineWidth", Value: 2}).
		field("p75", colored(blue), option{Id: "custom.fillBelowTo", Value: "p25"}, option{Id: "custom.fillOpacity", Value: 25}).
		field("p95", colored(sky), option{Id: "custom.fillBelowTo", Value: "p05"}, option{Id: "custom.fillOpacity", Value: 12}).
		field("mean", colored(vermilion))
	for _, n := range []string{"usual p05", "usual p50", "usual p95"} {
		quantiles.field(n, colored(grey), dashed())
	}
	s.add(12, 10, quantiles)

	rates := lines("Null, wrong-type, new-category and out-of-range rates", "Shares of the window's events: null or missing, NaN, of another type than the reference has, in a category that the reference does not know, outside its range.").
		series(`SELECT toDateTime(window_start) AS time, nulls / greatest(1, n) AS "null", nans / greatest(1, n) AS "NaN", type_errors / greatest(1, n) AS "wrong type",
  `+rateOf("new_level_rate")+` AS "new category", `+rateOf("range_rate")+` AS "out of range"
FROM driftd_columns FINAL
WHERE `+oneColumn+` AND `+inRange+`
ORDER BY time`).unit("percentunit").min(0).
		field("null", colored(blue)).field("NaN", colored(purple)).field("wrong type", colored(vermilion)).field("new category", colored(orange)).field("out of range", colored(teal))
	rates.graph().AxisSoftMax = ptr(.05)
	s.add(12, 10, rates)

	s.row("How far, and how sure")
	effect := lines("Effect and smallest visible shift", "Effect: the size of what moved, in standard deviations of the reference or the like. Grey points were not judged. Dashed: the smallest shift that the window would have shown four times in five; .5 and above is no longer ok but insufficient. Where a rate alone is judged (two-valued columns), the dashed line is a change of that rate.").
		series(`SELECT toDateTime(window_start) AS time, if(evaluated AND NOT flag, effect, NULL) AS "effect, judged", if(flag, effect, NULL) AS "effect, flagged", if(evaluated, NULL, effect) AS "effect, not judged", mde AS "smallest visible shift"
FROM driftd_columns FINAL
WHERE `+oneColumn+` AND `+inRange+`
ORDER BY time`).min(0).
		field("effect, judged", colored(blue), points()).
		field("effect, flagged", colored(vermilion), points(), option{Id: "custom.pointSize", Value: 7}).
		field("effect, not judged", colored(grey), points()).
		field("smallest visible shift", colored(purple), dashed())
	effect.graph().ShowPoints = ptr(common.VisibilityModeAlways)
	s.add(12, 10, effect)

	p := lines("p-value against alpha", "The column's p-value on a logarithmic axis (values below 1e-30 are drawn there), and alpha, the level that the budget leaves it. At or below alpha the window flags.").
		series(`SELECT toDateTime(window_start) AS time, if(evaluated AND NOT flag, greatest(p_value, 1e-30), NULL) AS "p-value", if(flag, greatest(p_value, 1e-30), NULL) AS "p-value, flagged", alpha
FROM driftd_columns FINAL
WHERE `+oneColumn+` AND `+inRange+`
ORDER BY time`).unit("sci").
		field("p-value", colored(blue), points()).
		field("p-value, flagged", colored(vermilion), points(), option{Id: "custom.pointSize", Value: 7}).
		field("alpha", colored(purple), dashed())
	p.graph().ScaleDistribution = &common.ScaleDistributionConfig{Type: common.ScaleDistributionLog, Log: ptr(10.)}
	p.graph().ShowPoints = ptr(common.VisibilityModeAlways)
	s.add(12, 10, p)

	tests := lines("Tests: size over the size that flags", "Each deciding test's effect over its own threshold; from 1 on it is large enough to flag. Signed where the test has a direction: above 0 the values or the rate went up. Says what kind of change it is: location, spread, skew, tails, a local anomaly (residual), a rate, a category.").
		series(`SELECT toDateTime(window_start) AS time, name AS test, maxIf(` + testSize + `, threshold > 0) AS size
FROM driftd_columns FINAL
ARRAY JOIN tests.name AS name, tests.effect AS effect, tests.threshold AS threshold, tests.p_value AS p
WHERE ` + oneColumn + ` AND ` + inRange + ` AND NOT isNaN(p) AND NOT isNaN(threshold) AND NOT isNaN(effect)
GROUP BY time, test
ORDER BY time, test`).name("${__field.labels.test}")
	tests.defaults().Thresholds = thresholds("transparent", step{1, vermilion})
	tests.defaults().Decimals = ptr(2.)
	tests.graph().ThresholdsStyle = &common.GraphThresholdsStyleConfig{Mode: common.GraphThresholdsStyleModeDashed}
	s.add(12, 10, tests)

	s.add(12, 10, lines("Events and late share", "Events that have the column's group, what they are worth as independent ones, and the share of late events of the series (right). Above 5 % late a window is not judged.").
		series(`SELECT toDateTime(window_start) AS time, n AS events, n_eff AS "worth independent", late / greatest(1, n + late) AS late
FROM driftd_columns FINAL
WHERE `+oneColumn+` AND `+inRange+`
ORDER BY time`).unit("short").min(0).
		field("events", append(bars(), colored(sky))...).
		field("worth independent", colored(blue)).
		field("late", named("late share"), unit("percentunit"), right(), colored(vermilion), option{Id: "custom.axisSoftMax", Value: .1}))

	s.add(24, 9, grid("Windows", "The column's windows that flagged or were not judged, the newest first: what moved, in words, and why not.").
		sql(withRatio+`SELECT window_start, `+stateCode+` AS state, ratio AS times_threshold, effect, p_value, alpha, moved, reason, n AS events, provisional, watched, baseline, substring(reference, 1, 12) AS reference
FROM driftd_columns FINAL
WHERE `+oneColumn+` AND `+inRange+` AND (flag OR NOT evaluated OR verdict != 'ok')
ORDER BY window_start DESC
LIMIT 500`).
		empty("Every window in the range was judged ok.").
		field("window_start", named("window"), unit("dateTimeAsIso"), width(160)).
		field("state", byState()...).
		field("times_threshold", named("times threshold"), decimals(2), width(120)).
		field("effect", decimals(2), width(70)).field("p_value", named("p-value"), unit("sci"), width(90)).field("alpha", unit("sci"), width(90)).
		field("moved", named("what moved")).field("reason", named("why not judged")).
		field("events", unit("short"), width(80)).field("provisional", width(90)).field("watched", width(80)).field("baseline", width(90)).field("reference", width(120)))
	return s.d
}
