package deploy

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/driftd/driftd/alerts/alertmanager"
)

// rule is one rule of deploy/prometheus/rules.
type rule struct {
	Alert, Record, Expr, For string
	Labels, Annotations      map[string]string
}

func rules(t *testing.T) (all []rule) {
	t.Helper()
	files, err := filepath.Glob("prometheus/rules/*.yml")
	if err != nil || len(files) < 2 {
		t.Fatalf("rule files %v: %v", files, err)
	}
	for _, name := range files {
		var f struct{ Groups []struct{ Rules []rule } }
		if err := yaml.Unmarshal(read(t, name), &f); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, g := range f.Groups {
			all = append(all, g.Rules...)
		}
	}
	return all
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The rules use metrics that driftd has, with labels that they have: a renamed
// metric would make a rule silent, and nothing else would say so.
func TestRulesUseMetricsThatExist(t *testing.T) {
	labels := map[string][]string{
		"up": {"job", "instance"}, "process_start_time_seconds": {"job", "instance"},
		"process_resident_memory_bytes": {"job", "instance"}, "go_gc_gomemlimit_bytes": {"job", "instance"},
	}
	row := regexp.MustCompile("(?m)^\\| `(driftd_\\w+)` \\| \\w+ \\| ([^|]*) \\|")
	name := regexp.MustCompile("`(\\w+)`")
	for _, m := range row.FindAllStringSubmatch(string(read(t, "../docs/METRICS.md")), -1) {
		labels[m[1]] = []string{"job", "instance"}
		for _, l := range name.FindAllStringSubmatch(m[2], -1) {
			labels[m[1]] = append(labels[m[1]], l[1])
		}
	}
	if len(labels) < 30 {
		t.Fatalf("only %d metrics were found in docs/METRICS.md: does the test still read it?", len(labels))
	}
	metric := regexp.MustCompile(`\b((?:driftd|process|go)_\w+|up)\b(\{[^}]*\})?`)
	matcher := regexp.MustCompile(`(\w+)\s*(?:=~|!~|!=|=)`)
	for _, r := range rules(t) {
		expr := regexp.MustCompile(`\w+:\w+:\w+`).ReplaceAllString(r.Expr, "") // recorded
		for _, m := range metric.FindAllStringSubmatch(expr, -1) {
			have, ok := labels[m[1]]
			if !ok {
				t.Errorf("%s%s uses %s, which docs/METRICS.md does not have", r.Alert, r.Record, m[1])
				continue
			}
			for _, l := range matcher.FindAllStringSubmatch(m[2], -1) {
				if !slices.Contains(have, l[1]) {
					t.Errorf("%s%s selects %s by %s; it has %v", r.Alert, r.Record, m[1], l[1], have)
				}
			}
		}
	}
}

// Every alert says what a person needs, is expected by a test of promtool (which
// holds series beside it that must not fire), and has its page; every page is of
// an alert.
func TestAlertsAreComplete(t *testing.T) {
	tests := string(read(t, "prometheus/tests/driftd.yml")) + string(read(t, "prometheus/tests/driftd-health.yml"))
	tested := map[string]bool{}
	for _, one := range strings.Split(tests, "\n  - name: ")[1:] {
		for _, m := range regexp.MustCompile(`alertname="(\w+)"`).FindAllStringSubmatch(one, -1) {
			tested[m[1]] = true
		}
	}
	pages := map[string]bool{alertmanager.AlertIncident: true, alertmanager.AlertNoData: true, alertmanager.AlertSchema: true}
	for _, r := range rules(t) {
		if r.Alert == "" {
			continue
		}
		pages[r.Alert] = true
		if !tested[r.Alert] {
			t.Errorf("%s: no test in prometheus/tests expects it to fire", r.Alert)
		}
		if want := "https://github.com/driftd/driftd/blob/main/docs/runbooks/" + r.Alert + ".md"; r.Annotations["runbook_url"] != want {
			t.Errorf("%s: runbook_url is %q, want %s", r.Alert, r.Annotations["runbook_url"], want)
		}
		for _, a := range []string{"summary", "description"} {
			if s := r.Annotations[a]; !strings.HasSuffix(s, ".") || len(s) < 30 {
				t.Errorf("%s: %s is no sentence: %q", r.Alert, a, s)
			}
		}
		// DriftdDrift has the severity of the incident, from its metric.
		if s := r.Labels["severity"]; s != "page" && s != "ticket" && r.Alert != "DriftdDrift" {
			t.Errorf("%s: severity is %q, want page or ticket", r.Alert, s)
		}
		if c := r.Labels["component"]; c != "model" && c != "driftd" {
			t.Errorf("%s: component is %q, want model or driftd", r.Alert, c)
		}
	}
	files, err := filepath.Glob("../docs/runbooks/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		name := strings.TrimSuffix(filepath.Base(f), ".md")
		if name == "README" {
			continue
		}
		if !pages[name] {
			t.Errorf("%s is of no alert", f)
		}
		delete(pages, name)
		text := string(read(t, f))
		for _, section := range []string{"## What it means", "## What users notice", "## First look", "## Likely causes", "## What to do", "## When to escalate", "## How to silence"} {
			if !strings.Contains(text, "\n"+section+"\n") {
				t.Errorf("%s lacks the section %q", f, section)
			}
		}
	}
	for name := range pages {
		t.Errorf("the alert %s has no page docs/runbooks/%s.md", name, name)
	}
}

// The runbooks ask for metrics that driftd has.
func TestRunbooksUseMetricsThatExist(t *testing.T) {
	metrics := string(read(t, "../docs/METRICS.md"))
	files, err := filepath.Glob("../docs/runbooks/*.md")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, f := range files {
		for line := range strings.Lines(string(read(t, f))) {
			if !strings.Contains(line, "promtool query") {
				continue
			}
			for _, m := range regexp.MustCompile(`\bdriftd_\w+`).FindAllString(line, -1) {
				found++
				if !strings.Contains(metrics, "`"+m+"`") {
					t.Errorf("%s asks for %s, which docs/METRICS.md does not have", f, m)
				}
			}
		}
	}
	if found < 20 {
		t.Errorf("only %d metrics were found in the runbooks", found)
	}
}
