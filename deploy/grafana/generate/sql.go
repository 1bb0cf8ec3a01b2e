package main

// The tables keep the newest row of what was written twice only after a merge, so every query reads them with FINAL (docs/RESULTS.md).
//
// A variable's value goes into SQL percent-encoded and is decoded by ClickHouse. Grafana's singlequote format escapes quotes but no
// backslashes, and a plugin that looks for macros and comments looks into the value as well; percent-encoded text has none of
// these, whatever a model is called.
const (
	theModel   = "model = decodeURLComponent('${model:percentencode}')"
	theSegment = "segment = decodeURLComponent('${segment:percentencode}')"
	theColumn  = "column = decodeURLComponent('${column:percentencode}')"

	// lengthNumber is the chosen window length in seconds, 0 before one is chosen. Values are written "3600s": some versions of the
	// plugin refuse variables whose values look like numbers.
	lengthNumber = "toUInt32OrZero(extract('${length:percentencode}', '^[0-9]+'))"
	theLength    = "window_length = " + lengthNumber

	series    = theModel + " AND " + theSegment + " AND " + theLength
	oneColumn = theModel + " AND " + theSegment + " AND " + theColumn + " AND " + theLength
)

// inRange takes the windows that lie in the range even by a part; toNow those that had ended at the end of the range.
const (
	inRange = "window_end > $__fromTime AND window_start <= $__toTime"
	toNow   = "window_start > $__toTime - INTERVAL 30 DAY AND window_end <= $__toTime"
	asOf    = "least(now(), $__toTime)"
)

// stateCode is a window's state (style.go).
const stateCode = "multiIf(complete = 0, 5, verdict = 'ok', 0, verdict = 'drift', 1, verdict = 'insufficient', 2, verdict = 'learning', 3, 4)"

// lengthValue and lengthText write a window length for the variable and for people.
const (
	lengthValue = "concat(toString(window_length), 's')"
	lengthText  = "multiIf(window_length % 86400 = 0, concat(toString(intDiv(window_length, 86400)), ' d'), window_length % 3600 = 0, concat(toString(intDiv(window_length, 3600)), ' h'), concat(toString(intDiv(window_length, 60)), ' min'))"
)

// testSize is how far a test is on its way to the size that flags: effect over threshold. A local anomaly (residual) flags by its size
// and its p-value both: what is farther from its mark counts; .2 is its share of the column's level (detectors/decision.go).
const testSize = "if(name = 'residual', least(effect / threshold, log(greatest(p, 1e-300)) / log(ifNull(alpha, 1e-4) * .2)), effect / threshold)"

// withRatio begins a query of driftd_columns. ratio is that of the strongest test: 1 and more exactly where the window flagged. Tests
// of a rise alone do not count a fall; what is only shown (p_value NaN) does not count.
const withRatio = `WITH
  greatest(0, arrayMax(arrayMap((name, effect, threshold, p) -> if(isNaN(p) OR isNaN(effect) OR NOT threshold > 0, 0,
    if(name IN ('minority_rate', 'range_rate', 'type_rate', 'new_level_rate'), 1, sign(effect)) * ` + testSize + `),
    tests.name, tests.effect, tests.threshold, tests.p_value))) AS strongest,
  if(flag, greatest(strongest, 1), least(strongest, .99)) AS ratio
`

// notJudged is the negative code of a column's window in whose place there is no ratio.
const notJudged = "multiIf(complete = 0, -5, verdict = 'insufficient', -2, verdict = 'learning', -3, verdict = 'no_data', -4, 0)"

// bucket is the start of a window, or of several at once where a panel is too narrow for all.
const bucket = "if(" + lengthNumber + " >= $__interval_s, toDateTime(window_start), toStartOfInterval(toDateTime(window_start), toIntervalSecond(greatest(1, " + lengthNumber + ") * intDiv($__interval_s + greatest(1, " + lengthNumber + ") - 1, greatest(1, " + lengthNumber + ")))))"

// stretches draws a window from its start to its end: without the NULL at its end, Grafana would draw the last state on, over
// time of which nothing is known. Where another window begins, its state counts.
const stretches = "ARRAY JOIN [(window_start, toNullable(code)), (window_end, NULL)] AS edge"

// Annotations.
const (
	incidentEnd  = "coalesce(resolved_at, " + asOf + ")"
	incidentText = "concat(if(type = 'drift', 'drift', replaceAll(type, '_', ' ')), ', ', severity, ', ', state, if(historic, ', historic', ''), ': ', summary)"
	incidentTags = "concat(model, ',', segment)"
	incidents    = "SELECT drift_since AS time, " + incidentEnd + " AS timeEnd, " + incidentText + " AS text, " + incidentTags + " AS tags\nFROM driftd_incidents FINAL\nWHERE drift_since <= $__toTime AND " + incidentEnd + " >= $__fromTime"

	references = `SELECT window_start AS time, concat('reference ', substring(reference, 1, 12), if(before = '', ' is in use', concat(' follows ', substring(before, 1, 12)))) AS text, 'reference' AS tags
FROM (
  SELECT window_start, reference, lagInFrame(reference) OVER (ORDER BY window_start) AS before
  FROM driftd_windows FINAL
  WHERE ` + series + ` AND ` + inRange + ` AND reference != ''
)
WHERE reference != before
ORDER BY time`
)
