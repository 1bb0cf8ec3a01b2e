package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/driftd/driftd/detectors/stream"
)

// Key is one key of the file. The table is what the parser knows and what docs/CONFIG.md is made from.
type Key struct {
	Path    string // lists end in [], names of the user's own are <name>
	Type    string
	Default string
	Meaning string
	Soon    string // not supported yet: what to do instead
	Example string // of mappings and lists, in YAML
}

const (
	typeDuration = "duration"
	typeSecret   = "file"
	ruleType     = "driftd, evidently, nannyml or a mapping"
)

var keys = slices.Concat([]Key{
	{Path: "kafka", Type: "mapping", Meaning: "How to reach the Kafka cluster, and driftd's own topics in it. Only `driftd replay` works without.", Example: "kafka: {brokers: [host:9092]}"},
	{Path: "kafka.brokers", Type: "list of host:port", Default: "required", Meaning: "Brokers to begin with; they name the others."},
	{Path: "kafka.topic_prefix", Type: "name", Default: "driftd", Meaning: "Begins the names of driftd's topics and consumer groups."},
	{Path: "kafka.partitions", Type: "number", Default: "6", Meaning: "Partitions of driftd's topics when they are made. More let more processes share the work; it cannot be changed later."},
	{Path: "kafka.replication", Type: "number", Default: "-1", Meaning: "Replicas of driftd's topics when they are made; -1 leaves it to the brokers."},
	{Path: "kafka.tls", Type: "mapping", Default: "none", Meaning: "Speak TLS with the brokers; `tls: {}` uses the system's roots.", Example: "tls: {ca_file: ca.pem}"},
	{Path: "kafka.tls.ca_file", Type: "file", Default: "the system's", Meaning: "Certificates (PEM) of those who sign the brokers' certificates."},
	{Path: "kafka.tls.cert_file", Type: "file", Default: "none", Meaning: "driftd's own certificate (PEM); needs key_file."},
	{Path: "kafka.tls.key_file", Type: "file", Default: "none", Meaning: "The key (PEM) of cert_file."},
	{Path: "kafka.sasl", Type: "mapping", Default: "none", Meaning: "The name driftd has in the cluster.", Example: "sasl: {mechanism: scram-sha-512, username: driftd, password_file: kafka.password}"},
	{Path: "kafka.sasl.mechanism", Type: "plain, scram-sha-256 or scram-sha-512", Default: "required", Meaning: "How the password is proved."},
	{Path: "kafka.sasl.username", Type: "text", Default: "required", Meaning: "The name."},
	{Path: "kafka.sasl.password_file", Type: typeSecret, Default: "none", Meaning: "File that holds the password and nothing else."},
	{Path: "kafka.sasl.password_env", Type: "name", Default: "none", Meaning: "Environment variable that holds the password, instead of a file."},

	{Path: "sources", Type: "list", Meaning: "The topics with events. Only `driftd replay` works without.", Example: "sources: [{topic: predictions}]"},
	{Path: "sources[].topic", Type: "name", Default: "required", Meaning: "The topic."},
	{Path: "sources[].model", Type: "name", Default: "none", Meaning: "Model of events that name none."},
	{Path: "sources[].models", Type: "list of names", Default: "any", Meaning: "Models that the topic may carry (with `model` set: that one alone, unless this key says more); events of others become dead letters."},
	{Path: "sources[].map", Type: "mapping", Default: "driftd's own shape", Meaning: "Where the parts of an event stand in its JSON. Paths are dotted (`out.p`); `.` is the record itself.", Example: "map: {time: ts, features: {path: ., exclude: [ts]}}"},
	{Path: "sources[].map.model", Type: "path", Default: "none", Meaning: "The model's name."},
	{Path: "sources[].map.version", Type: "path", Default: "none", Meaning: "The model's version; becomes the tag `version`."},
	{Path: "sources[].map.time", Type: "path, or {path, unit}", Default: "the record's time", Meaning: "When the event happened.", Example: "time: {path: ts, unit: ms}"},
	{Path: "sources[].map.time.path", Type: "path", Default: "required", Meaning: "Where the time stands."},
	{Path: "sources[].map.time.unit", Type: "s, ms, us, ns or record", Default: "by its size", Meaning: "Unit of times that are numbers; `record` takes the Kafka record's own time."},
	{Path: "sources[].map.features", Type: "path, or {path, exclude}", Default: "none", Meaning: "The object whose members are features.", Example: "features: {path: ., exclude: [ts, country]}"},
	{Path: "sources[].map.features.path", Type: "path", Default: "required", Meaning: "Where the object stands."},
	{Path: "sources[].map.features.exclude", Type: "list of names", Default: "none", Meaning: "Members that are no features."},
	{Path: "sources[].map.tags", Type: "mapping of tag to path", Default: "none", Meaning: "Tags to cut the traffic by.", Example: "tags: {country: country}"},
	{Path: "sources[].map.prediction.<name>", Type: "path", Default: "none", Meaning: "A part of the prediction, as in `prediction.score: out.p`."},
	{Path: "sources[].map.rows", Type: "path", Default: "none", Meaning: "The array of events in a record that holds many."},
	{Path: "sources[].map.columns", Type: "list of names", Default: "none", Meaning: "Names of the values of a row that is an array."},
	{Path: "sources[].lateness", Type: typeDuration, Default: "2m", Meaning: "How long events may take to arrive before their window closes."},
	{Path: "sources[].idle_timeout", Type: typeDuration, Default: "5m", Meaning: "After how long without records a partition holds up windows no more."},
	{Path: "sources[].max_skew", Type: typeDuration, Default: "5m", Meaning: "How far an event's time may be ahead of its record's; beyond it the event becomes a dead letter."},
	{Path: "sources[].max_age", Type: typeDuration, Default: "1d", Meaning: "How far an event's time may be behind its record's; beyond it the event becomes a dead letter."},
	{Path: "sources[].max_record_bytes", Type: "size", Default: "4 MiB", Meaning: "Records above it become dead letters."},
	{Path: "sources[].deadletters", Type: "headers, full or off", Default: "headers", Meaning: "What the dead letter topic keeps of records that cannot be used: why and where, the value too, or nothing."},
	{Path: "sources[].redact", Soon: "remove it; with `deadletters: headers` no value leaves its topic"},

	{Path: "pane", Type: typeDuration, Default: "1m", Meaning: "The grain of counting; windows are whole multiples of it. Must divide an hour; cannot be changed while topics hold profiles."},

	{Path: "defaults", Type: "mapping", Meaning: "What holds for every model that does not say otherwise.", Example: "defaults: {windows: [1h, 1d]}"},
}, modelKeys("defaults"), []Key{
	{Path: "models", Type: "mapping", Meaning: "What holds for one model: the keys of defaults and some more.", Example: "models: {fraud: {expect: true}}"},
	{Path: "models.<name>", Type: "mapping", Meaning: "The model's name as events have it.", Example: "fraud: {expect: true}"},
}, modelKeys("models.<name>"), sequentialKeys(), ruleKeys(), []Key{
	{Path: "sinks", Type: "mapping", Meaning: "Where results go, beside the topic of results.", Example: "sinks: {file: {path: results.jsonl}}"},
	{Path: "sinks.clickhouse", Type: "mapping", Default: "none", Meaning: "Tables for dashboards; they are made when they are missing.", Example: "clickhouse: {addresses: [host:9000]}"},
	{Path: "sinks.clickhouse.addresses", Type: "list of host:port", Default: "required", Meaning: "Native protocol (9000, or 9440 with TLS)."},
	{Path: "sinks.clickhouse.database", Type: "name", Default: "driftd", Meaning: "The database."},
	{Path: "sinks.clickhouse.username", Type: "text", Default: "default", Meaning: "The user."},
	{Path: "sinks.clickhouse.password_file", Type: typeSecret, Default: "none", Meaning: "File that holds the password and nothing else."},
	{Path: "sinks.clickhouse.password_env", Type: "name", Default: "none", Meaning: "Environment variable that holds the password, instead of a file."},
	{Path: "sinks.clickhouse.tls", Type: "true or false", Default: "false", Meaning: "Speak TLS."},
	{Path: "sinks.file", Type: "mapping", Default: "none", Meaning: "A file of JSON lines.", Example: "file: {path: results.jsonl}"},
	{Path: "sinks.file.path", Type: "file", Default: "required", Meaning: "The file; it is appended to."},
	{Path: "sinks.prometheus", Type: "mapping", Meaning: "What /metrics says of each series.", Example: "prometheus: {all_columns: true}"},
	{Path: "sinks.prometheus.all_columns", Type: "true or false", Default: "false", Meaning: "Every column of every series, instead of the worst ones."},
	{Path: "sinks.prometheus.max_series", Type: "number", Default: "10000", Meaning: "A cap on what /metrics says of series; what is left out is counted."},

	{Path: "alerts", Type: "mapping", Meaning: "Who is told of incidents.", Example: "alerts: {alertmanagers: [http://host:9093]}"},
	{Path: "alerts.alertmanagers", Type: "list of URLs or mappings", Default: "none", Meaning: "Alertmanagers; each is told everything, as they expect it. A mapping where one wants a name or has a certificate of its own.", Example: "alertmanagers: [http://one:9093, {url: https://two:9093, username: driftd, password_file: am.password, ca_file: ca.pem}]"},
	{Path: "alerts.alertmanagers[].url", Type: "URL", Default: "required", Meaning: "Where it is, with the path of a proxy if there is one."},
	{Path: "alerts.alertmanagers[].username", Type: "text", Default: "none", Meaning: "Name of basic auth; needs a password."},
	{Path: "alerts.alertmanagers[].password_file", Type: typeSecret, Default: "none", Meaning: "File that holds the password and nothing else."},
	{Path: "alerts.alertmanagers[].password_env", Type: "name", Default: "none", Meaning: "Environment variable that holds the password, instead of a file."},
	{Path: "alerts.alertmanagers[].ca_file", Type: "file", Default: "the system's", Meaning: "Certificates (PEM) of those who sign its certificate."},
	{Path: "alerts.page_max_age", Type: typeDuration, Default: "6h", Meaning: "Incidents of windows older than this are recorded as historic and sent to nobody."},
	{Path: "alerts.grafana", Type: "URL", Default: "none", Meaning: "Where driftd's dashboards are: each alert links to the one of its column, at that time."},
	{Path: "alerts.runbooks", Type: "URL", Default: "none", Meaning: "Where you keep docs/runbooks: each alert links to its page. The message templates have an address of their own."},
	{Path: "alerts.interval", Type: typeDuration, Default: "1m", Meaning: "How often active incidents are told again; at most 4m, because an Alertmanager takes what it has not heard of for 5 minutes for resolved."},

	{Path: "http", Type: "mapping", Meaning: "driftd's own server: /metrics, /-/healthy, /-/ready, /-/reload.", Example: `http: {listen: ":9110"}`},
	{Path: "http.listen", Type: "host:port", Default: ":9110", Meaning: "Where it listens."},
	{Path: "http.web_config_file", Type: "file", Default: "none", Meaning: "TLS and basic auth, as the Prometheus exporter-toolkit has them."},

	{Path: "start", Type: "earliest, latest or duration", Default: "two of the longest windows", Meaning: "Where a source begins that was never read before; a duration is before now, rounded down to the longest window."},
	{Path: "roles", Type: "list of profile, detect, write", Default: "all", Meaning: "What this process does."},
})

// modelKeys are the keys of defaults or of a model.
func modelKeys(at string) []Key {
	mine := at != "defaults"
	or := func(d string) string {
		if mine {
			return "of defaults"
		}
		return d
	}
	ks := []Key{
		{Path: "windows", Type: "list of durations", Default: or("[1h, 1d]"), Meaning: "Window lengths, at most 4."},
		{Path: "timezone", Type: "name", Default: or("UTC"), Meaning: "Where days begin, and whose hours seasonal references that driftd makes have, as in Europe/Berlin."},
		{Path: "budget", Type: "mapping", Meaning: "How many false alarms are accepted.", Example: "budget: {pages_per_week: 1}"},
		{Path: "budget.pages_per_week", Type: "number", Default: or("1"), Meaning: "False pages a model may cause in a week; the levels of all tests follow from it."},
		{Path: "segments", Type: "list", Default: or("from the reference"), Meaning: "Tags to cut the traffic by: a tag, a list of tags to cross, or a tag with its values. Values that are not given come from the reference.", Example: "segments: [version, [country, device], {country: [DE, FR]}]"},
		{Path: "labels", Type: "mapping of text", Default: or("none"), Meaning: "On alerts, metrics and rows. A model's are added to those of defaults.", Example: `labels: {team: risk, tier: "1"}`},
		{Path: "severity", Type: "page or ticket", Default: or("by column"), Meaning: "Of all incidents. By column: page for predictions and columns of importance .5 or more, ticket for the rest."},
		{Path: "columns", Type: "mapping", Meaning: "What holds for columns by name. A model's are added to those of defaults.", Example: "columns: {amount: {importance: .3}}"},
		{Path: "columns.<name>", Type: "mapping", Meaning: "The column's name, as in amount or prediction.score.", Example: "amount: {importance: .3}"},
		{Path: "columns.<name>.importance", Type: "number from 0 to 1", Default: or("not said"), Meaning: "Ranks columns and decides severity; one that is not said ranks as 1."},
		{Path: "columns.<name>.watch", Type: "true or false", Default: or("true"), Meaning: "false mutes: counted and shown, never paged."},
		{Path: "columns.<name>.sequential", Type: "list of names, or of a name with settings", Default: or("none"), Meaning: "Detectors that look at the means of the column's base windows one after the other: " + strings.Join(stream.MethodNames(), ", ") + ". They are shown beside the column's tests and never page; docs/RESULTS.md says when they are of use.", Example: "sequential: [adwin, {page_hinkley: {threshold: 20}}, cusum]"},
		{Path: "columns.<name>.rule", Type: ruleType, Default: or("of the model"), Meaning: "Who decides about the column, as `rule` for the model.", Example: "rule: {psi: 0.2}"},
		{Path: "rule", Type: ruleType, Default: or("driftd"), Meaning: "Who decides about columns: driftd's own rule, limits of measures as other tools have them, or what Evidently or NannyML do by themselves. A classic rule has no budget: its results and `driftd check` say how often it flags without drift. See docs/STATISTICS.md.", Example: "rule: {psi: 0.2}"},
		{Path: "measures", Type: "list of names", Default: or("[psi, js, ks, w1]"), Meaning: "What is shown of each column beside the tests that decide: " + measureNames() + ".", Example: "measures: [psi, js, hellinger]"},
		{Path: "reference_per", Soon: "push a reference for the whole model with `driftd reference push`"},
	}
	ks = append(ks,
		Key{Path: "reference", Type: "mapping", Meaning: "What the traffic is compared with.", Example: "reference: {file: fraud.ref}"},
		Key{Path: "reference.file", Type: "file", Default: "the last one pushed", Meaning: "A file that `driftd reference build` wrote; it says itself which model it is of."},
		Key{Path: "reference.baseline", Type: "auto or fixed", Default: or("auto"), Meaning: "Of references that driftd makes itself. auto: from 7 days of hours on, each hour (on weekdays, at weekends) is compared with its own usual; fixed: all with one. A stored reference says itself which it is."},
		Key{Path: "reference.pairs", Type: "true or false", Default: or("false"), Meaning: "Of a reference that is learned from the topics: true watches how numeric features go together, too. Costs each event up to a microsecond for every series that it is of; see docs/STATISTICS.md.", Example: "reference: {pairs: true}"},
		Key{Path: "reference.bootstrap", Type: "duration or off", Default: or("14d"), Meaning: "A model that has no reference learns one from what its topics hold, at most this far back. off: only references that are pushed."})
	if mine {
		ks = append(ks, Key{Path: "expect", Type: "true or false", Default: "false", Meaning: "The model's silence is an incident."})
	} else {
		ks = append(ks, Key{Path: "expect", Soon: "say it model by model, in models.<name>.expect"})
	}
	for i := range ks {
		ks[i].Path = at + "." + ks[i].Path
	}
	return ks
}

// childrenOf are the keys below one, by their names.
func childrenOf(key string) map[string]Key {
	out := map[string]Key{}
	for _, k := range keys {
		rest := k.Path
		if key != "" {
			var ok bool
			if rest, ok = strings.CutPrefix(k.Path, key+"."); !ok {
				continue
			}
		}
		if rest != "" && !strings.ContainsAny(rest, ".[") {
			out[rest] = k
		}
	}
	return out
}

// example of a key's value, or of the whole file.
func example(key string) string {
	for _, k := range keys {
		if k.Path == strings.TrimSuffix(key, "[]") && k.Example != "" {
			return k.Example
		}
	}
	return "kafka: {brokers: [host:9092]}"
}

// nearest is the mend for an unknown key.
func nearest(name string, known map[string]Key) string {
	names := slices.Sorted(maps.Keys(known))
	names = slices.DeleteFunc(names, func(n string) bool { return known[n].Soon != "" })
	best, least := "", max(2, len(name)/3)+1
	for _, n := range names {
		if d := distance(name, n); d < least {
			best, least = n, d
		}
	}
	if best != "" {
		return fmt.Sprintf("did you mean %s?", best)
	}
	return "known are " + strings.Join(names, ", ")
}

// distance is how many letters must change (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		last := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := last
			if a[i] != b[j] {
				cost++
			}
			last = row[j+1]
			row[j+1] = min(cost, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}
