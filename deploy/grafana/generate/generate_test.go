package main

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
)

// What is checked in is what the generator gives, and Grafana's published types take it strictly: no field that they do not know, no value of
// another type, options and field configs of each panel by its own type.
func TestDashboardsAreFreshAndTrueToTheSchema(t *testing.T) {
	plugins.RegisterDefaultPlugins()
	files, err := os.ReadDir("../dashboards")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != len(dashboards) {
		t.Errorf("dashboards/ has %d files, the generator gives %d", len(files), len(dashboards))
	}
	for name, make := range dashboards {
		want, err := render(make())
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile("../dashboards/" + name)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("dashboards/%s is stale (%v): run make generate", name, err)
		}
		if err := strict(want); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// strict reads a dashboard into the SDK's types. The SDK returns an error of no parts where there is none.
func strict(b []byte) error {
	var d board
	var parts cog.BuildErrors
	for _, err := range []error{d.UnmarshalJSONStrict(b), d.Validate()} {
		if err != nil && (!errors.As(err, &parts) || len(parts) > 0) {
			return err
		}
	}
	return nil
}

// A field that Grafana does not know is refused: the check above can fail.
func TestSchemaRefusesUnknownFields(t *testing.T) {
	plugins.RegisterDefaultPlugins()
	b, err := render(fleet())
	if err != nil {
		t.Fatal(err)
	}
	for _, change := range [][2]string{{`"graphMode"`, `"graphMood"`}, {`"rowHeight": 0.8`, `"rowHeight": "tall"`}, {`"fieldConfig"`, `"fieldConfigs"`}} {
		broken := strings.Replace(string(b), change[0], change[1], 1)
		if err := strict([]byte(broken)); broken == string(b) || err == nil {
			t.Errorf("%s instead of %s was taken", change[1], change[0])
		}
	}
}

func TestPanelsExplainThemselvesAndLieApart(t *testing.T) {
	for name, make := range dashboards {
		d := make()
		taken := map[[2]uint32]string{}
		for i, p := range d.Panels {
			if p.Panel == nil {
				continue
			}
			title := *p.Panel.Title
			if i == 0 && p.Panel.Type != "text" {
				t.Errorf("%s does not begin with a text", name)
			}
			if len(*p.Panel.Description) < 20 {
				t.Errorf("%s: %s has no description", name, title)
			}
			g := p.Panel.GridPos
			for x := g.X; x < g.X+g.W; x++ {
				for y := g.Y; y < g.Y+g.H; y++ {
					if other := taken[[2]uint32{x, y}]; other != "" || x > 23 {
						t.Errorf("%s: %s lies on %q at %d, %d", name, title, other, x, y)
					}
					taken[[2]uint32{x, y}] = title
				}
			}
		}
	}
}

var (
	readTable  = regexp.MustCompile(`(?:FROM|JOIN) (driftd_\w+)( FINAL)?`)
	nameAsIs   = regexp.MustCompile(`\$\{?(model|segment|column|length)\b[^}]*\}?`)
	metricName = regexp.MustCompile(`\b(driftd_\w+|process_\w+|go_\w+)\b`)
)

// Queries read the newest rows only, take no name as it is, and ask for metrics that there are.
func TestQueries(t *testing.T) {
	doc, err := os.ReadFile("../../../docs/METRICS.md")
	if err != nil {
		t.Fatal(err)
	}
	sql := func(where, q string) {
		for _, m := range readTable.FindAllStringSubmatch(q, -1) {
			// Without FINAL only what a repeated row cannot change: which names and windows there are.
			names := strings.Contains(q, "SELECT DISTINCT "+"model FROM "+m[1]) || strings.Contains(q, "GROUP BY") || strings.Contains(q, "SELECT DISTINCT column")
			if m[2] == "" && !names {
				t.Errorf("%s reads %s without FINAL", where, m[1])
			}
		}
		for _, v := range nameAsIs.FindAllString(q, -1) {
			if !strings.HasSuffix(v, ":percentencode}") {
				t.Errorf("%s has %s, which a quote in a name breaks", where, v)
			}
		}
	}
	for name, make := range dashboards {
		d := make()
		for _, v := range d.Templating.List {
			if v.Query != nil && v.Datasource != nil && *v.Datasource.Type == clickhouseType {
				sql(name+" variable "+v.Name, *v.Query.String)
			}
		}
		for _, a := range d.Annotations.List {
			sql(name+" annotation "+a.Name, a.Target.(*clickhouse).RawSQL)
		}
		for _, p := range d.Panels {
			if p.Panel == nil {
				continue
			}
			for _, target := range p.Panel.Targets {
				where := fmt.Sprintf("%s: %s", name, *p.Panel.Title)
				switch q := target.(type) {
				case *clickhouse:
					sql(where, q.RawSQL)
				case prometheus.Dataquery:
					for _, m := range metricName.FindAllString(q.Expr, -1) {
						m = strings.TrimSuffix(m, "_bucket")
						if strings.HasPrefix(m, "driftd_") && !bytes.Contains(doc, []byte("`"+m+"`")) {
							t.Errorf("%s asks for %s, which docs/METRICS.md does not have", where, m)
						}
					}
				}
			}
		}
	}
}

// A link leads to a dashboard that there is, sets variables that it has, and carries the times and both sources.
func TestLinksArrive(t *testing.T) {
	vars := map[string]map[string]bool{}
	for _, make := range dashboards {
		d := make()
		vars[*d.Uid] = map[string]bool{}
		for _, v := range d.Templating.List {
			vars[*d.Uid][v.Name] = true
		}
	}
	seen := map[string]int{}
	for name, make := range dashboards {
		b, err := render(make())
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`"url": "(/d/([\w-]+)\?([^"]*))"`).FindAllStringSubmatch(string(b), -1) {
			target := vars[m[2]]
			if target == nil {
				t.Errorf("%s links to %s, which is not there", name, m[2])
				continue
			}
			seen[m[2]]++
			times := false
			for part := range strings.SplitSeq(m[3], "&") {
				v, ok := strings.CutSuffix(strings.TrimPrefix(part, "${"), ":queryparam}")
				switch {
				case part == "${__url_time_range}":
					times = true
					continue
				case !ok:
					v, _, _ = strings.Cut(strings.TrimPrefix(part, "var-"), "=")
				}
				if !target[v] {
					t.Errorf("%s: %s sets %q, which %s does not have", name, m[1], v, m[2])
				}
			}
			if _, err := url.Parse(regexp.MustCompile(`\$\{[^}]*\}`).ReplaceAllString(m[1], "x")); err != nil || !times {
				t.Errorf("%s: %s: %v, with times: %v", name, m[1], err, times)
			}
		}
	}
	if seen[modelUID] < 5 || seen[columnUID] < 3 {
		t.Errorf("links by target: %v; want several to a model and to a column", seen)
	}
}
