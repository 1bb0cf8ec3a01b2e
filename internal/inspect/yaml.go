package inspect

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/driftd/driftd/consumers"
	"github.com/driftd/driftd/internal/config"
)

// YAML is a config with the proposed source, commented, for the cluster that k
// describes. It has been read back by the config's own parser and found to say
// what was proposed; the error is that of the parser, and a mistake in this
// package.
func (r *Report) YAML(k config.Kafka) ([]byte, error) {
	w := &writer{}
	w.head(r)
	w.kafka(k)
	w.source(r)
	w.rest(r)
	text := []byte(w.b.String())
	c, err := config.Parse("driftd.yml", text)
	if err != nil {
		return nil, fmt.Errorf("the proposed config is not valid: %w", err)
	}
	if err := c.Runnable(); err != nil {
		return nil, err
	}
	got, want := c.Sources[0], r.Source
	got.IdleTimeout, got.MaxSkew, got.DeadLetters = want.IdleTimeout, want.MaxSkew, want.DeadLetters // their defaults
	if !reflect.DeepEqual(got, want) {
		return nil, fmt.Errorf("the proposed config says %+v, not %+v", got, want)
	}
	return text, nil
}

type writer struct{ b strings.Builder }

func (w *writer) line(format string, args ...any) { fmt.Fprintf(&w.b, format+"\n", args...) }

// key writes a line and what it means beside it.
func (w *writer) key(text, comment string) {
	if comment == "" {
		w.line("%s", text)
		return
	}
	w.line("%-*s # %s", max(40, len(text)), text, comment)
}

func (w *writer) head(r *Report) {
	w.line("# Made by driftd init from the last %s of topic %s.", records(r.Records), r.Topic)
	if !r.From.IsZero() {
		w.line("# They were written from %s to %s UTC.", r.From.Format(time.DateTime), r.To.Format(time.DateTime))
	}
	w.line("# They are %s.", r.Is)
	w.line("# Next: driftd run -c driftd.yml. What every key means: docs/CONFIG.md.\n")
}

func (w *writer) kafka(k config.Kafka) {
	w.line("kafka:")
	w.key("  brokers: ["+list(k.Brokers)+"]", "to begin with; they name the others")
	if t := k.TLS; t != nil {
		var parts []string
		for _, p := range [][2]string{{"ca_file", t.CAFile}, {"cert_file", t.CertFile}, {"key_file", t.KeyFile}} {
			if p[1] != "" {
				parts = append(parts, p[0]+": "+yamlText(p[1]))
			}
		}
		w.key("  tls: {"+strings.Join(parts, ", ")+"}", "speak TLS; {} uses the system's roots")
	} else {
		w.key("  # tls: {ca_file: ca.pem}", "when the brokers speak TLS; cert_file and key_file for a certificate of your own")
	}
	if s := k.SASL; s != nil {
		secret := "password_file: " + yamlText(s.Password.File)
		if s.Password.File == "" {
			secret = "password_env: " + yamlText(s.Password.Env)
		}
		w.key("  sasl: {mechanism: "+s.Mechanism+", username: "+yamlText(s.Username)+", "+secret+"}", "the name driftd has in the cluster")
	} else {
		w.key("  # sasl: {mechanism: scram-sha-512, username: driftd, password_file: kafka.password}", "when the brokers want a name")
	}
	w.key("  # topic_prefix: driftd", "begins the names of driftd's own topics and groups")
	w.line("")
}

func (w *writer) source(r *Report) {
	s := r.Source
	w.line("sources:")
	w.key("  - topic: "+yamlText(s.Topic), "")
	var found []string
	for _, m := range r.Models[:min(len(r.Models), 5)] {
		found = append(found, fmt.Sprintf("%s %.1f %%", quoted(m.Name), 100*m.Share))
	}
	if len(found) < len(r.Models) {
		found = append(found, "..")
	}
	if s.Model != "" {
		w.key("    model: "+yamlText(s.Model), "of events that name none")
	}
	if len(s.Models) > 0 {
		comment := "others become dead letters; remove it to take any. Found: " + strings.Join(found, ", ")
		if text := "    models: [" + list(s.Models) + "]"; len(text) <= 100 {
			w.key(text, comment)
		} else {
			w.key("    models:", comment)
			for _, m := range s.Models {
				w.line("      - %s", yamlText(m))
			}
		}
	} else if s.Model == "" {
		w.key("    # models: ["+example(r)+"]", "the only ones to take; without it any. Found: "+strings.Join(found, ", "))
	}
	w.mapping(s.Map, r)
	latest := "how long to wait for events before a window closes"
	if y := r.Delay; y != nil && y.P999 > 0 {
		latest += fmt.Sprintf("; 99.9 %% of the sample came within %s", y.P999)
	}
	if s.Lateness == defaultLateness {
		w.key("    # lateness: 2m", latest)
	} else {
		w.key("    lateness: "+Duration(s.Lateness).String(), latest)
	}
	age := "older events than that (event to record) are only counted"
	if y := r.Delay; y != nil && y.Max > 0 {
		age += fmt.Sprintf("; the oldest of the sample is %s behind", y.Max)
	}
	if s.MaxAge == defaultMaxAge {
		w.key("    # max_age: 1d", age)
	} else {
		w.key("    max_age: "+Duration(s.MaxAge).String(), age)
	}
	w.key("    # max_skew: 5m", "events further ahead of their record become dead letters")
	w.key("    # idle_timeout: 5m", "a partition that is silent for so long no longer holds windows up")
	if s.MaxBytes != defaultMaxBytes {
		w.key(fmt.Sprintf("    max_record_bytes: %d MiB", s.MaxBytes>>20), "larger records become dead letters")
	}
	w.key("    # deadletters: headers", "of unusable records keep why and where; full: the value too; off: only count")
	w.line("")
}

// mapping writes sources[].map; nothing for driftd's own shape.
func (w *writer) mapping(m consumers.Map, r *Report) {
	if reflect.DeepEqual(m, consumers.Map{}) {
		return
	}
	w.key("    map:", "where the parts of an event stand; paths are dotted, . is the record itself")
	path := func(key, value, comment string) {
		if value != "" {
			w.key("      "+key+": "+yamlText(value), comment)
		}
	}
	path("rows", m.Rows, "the array of events in a record")
	if len(m.Columns) > 0 {
		w.key("      columns: ["+list(m.Columns)+"]", "names of a row's values, in their order")
	}
	if m.Time != "" {
		unit := "when it happened"
		if m.TimeUnit == consumers.UnitAuto {
			path("time", m.Time, unit)
		} else {
			w.key("      time: {path: "+yamlText(m.Time)+", unit: "+string(m.TimeUnit)+"}", unit)
		}
	}
	path("model", m.Model, "the model's name")
	path("version", m.Version, "the model's version; becomes the tag version")
	if m.Features != "" && len(m.Exclude) > 0 {
		w.key("      features: {path: "+yamlText(m.Features)+", exclude: ["+list(m.Exclude)+"]}", "the object whose members are features, but for some")
	} else {
		path("features", m.Features, "the object whose members are features")
	}
	if len(m.Tags) > 0 {
		w.key("      tags:", "what traffic can be cut by: name and path")
		for _, name := range sorted(m.Tags) {
			w.key("        "+yamlText(name)+": "+yamlText(m.Tags[name]), "")
		}
	}
	for i, name := range sorted(m.Predictions) {
		comment := ""
		if i == 0 {
			comment = "the prediction's parts"
		}
		w.key("      "+yamlText("prediction."+name)+": "+yamlText(m.Predictions[name]), comment)
	}
}

func (w *writer) rest(r *Report) {
	w.key("defaults:", "for every model; models.<name> overrides")
	w.key("  # windows: [1h, 1d]", "what is compared with the reference")
	w.key("  timezone: UTC", "where days begin")
	w.key("  # budget: {pages_per_week: 1}", "false pages that a model may cause")
	var good []string
	for _, s := range r.segments {
		switch {
		case s.why != "":
			w.key("  # not proposed as a segment: "+quoted(s.tag), s.why)
		case s.values != nil:
			good = append(good, "{"+yamlText(s.tag)+": ["+list(s.values)+"]}")
		default:
			good = append(good, yamlText(s.tag))
		}
	}
	if len(good) > 0 {
		w.key("  segments: ["+strings.Join(good, ", ")+"]", "each value of these tags is watched on its own too")
	} else {
		w.key("  # segments: [version]", "tags whose values are watched on their own too")
	}
	w.line(`
# What this run writes to, beside Kafka, and whom it tells:
# sinks:
#   clickhouse: {addresses: ["localhost:9000"], database: driftd, username: default, password_file: clickhouse.password}
#   file: {path: results.jsonl}
# alerts: {alertmanagers: ["http://localhost:9093"]}
# http: {listen: ":9110"}                # /metrics, /-/ready
# start: latest                          # earliest, latest or a duration; without it two of the longest windows
# models:
#   %s: {reference: {file: model.ref}, expect: true} # what to compare with; its silence is an incident`, example(r))
}

// example is a model's name for lines that are commented out.
func example(r *Report) string {
	for _, m := range r.Models {
		if expressible(m.Name) {
			return yamlText(m.Name)
		}
	}
	return "fraud"
}

var plainWord = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]*$`)

// reserved words of YAML 1.1 and 1.2 are no text unless quoted.
var reserved = []string{"true", "false", "null", "yes", "no", "on", "off", "y", "n", "nan", "inf"}

// yamlText writes a text as a YAML scalar: plain where that is safe, else in
// double quotes with escapes, on one line.
func yamlText(s string) string {
	if plainWord.MatchString(s) && !slices.Contains(reserved, strings.ToLower(s)) && !strings.HasSuffix(s, ".") {
		return s
	}
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteRune('\\')
			b.WriteRune(r)
		case unicode.IsPrint(r):
			b.WriteRune(r)
		case r < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

func list(xs []string) string {
	quoted := make([]string, len(xs))
	for i, x := range xs {
		quoted[i] = yamlText(x)
	}
	return strings.Join(quoted, ", ")
}

func sorted[V any](m map[string]V) []string {
	return slices.SortedFunc(maps.Keys(m), cmp.Compare[string])
}
