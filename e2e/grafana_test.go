//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// What this test reads of a dashboard.
type (
	board struct {
		UID         string
		Panels      []boardPanel
		Templating  struct{ List []boardVariable }
		Annotations struct{ List []boardMark }
	}
	boardVariable struct {
		Type, Name string
		Query      any
		Datasource struct{ Type string }
	}
	boardMark struct {
		Name   string
		Target boardTarget
	}
	boardPanel struct {
		Type, Title   string
		MaxDataPoints int
		Targets       []boardTarget
		FieldConfig   struct {
			Defaults  struct{ Links []boardLink }
			Overrides []struct {
				Matcher    struct{ ID, Options string }
				Properties []struct {
					ID    string
					Value json.RawMessage
				}
			}
		}
		Transformations []struct {
			ID      string
			Options map[string]any
		}
	}
	boardLink   struct{ URL string }
	boardTarget struct {
		RefID, RawSQL, Expr, LegendFormat string
		Datasource                        struct{ Type string }
		Format                            any
		Instant                           bool
	}
)

// chosen are values of the dashboards' variables.
type chosen = map[string]string

// Each dashboard is opened with all of its choices. A panel must answer without an error to each, and with rows to at least one: no single
// column is numeric and categorical.
var grafanaChoices = map[string][]chosen{
	"fleet.json":    {{}},
	"pipeline.json": {{}},
	"model.json": {
		{"model": quoted, "segment": "all", "length": "3600s"},
		{"model": quoted, "segment": "country=DE", "length": "86400s"},
		{"model": backslash, "segment": "all", "length": "3600s"},
		{"model": "ranking", "segment": "all", "length": "3600s"},
		{"model": "", "segment": "", "length": ""}, // before anything is there to choose
	},
	"column.json": {
		{"model": quoted, "segment": "country=DE", "column": "amount", "length": "3600s"},
		{"model": quoted, "segment": "all", "column": "merchant_type", "length": "3600s"},
		{"model": quoted, "segment": "all", "column": "(pairs)", "length": "3600s"},
		{"model": backslash, "segment": "all", "column": "age", "length": "3600s"},
		{"model": "", "segment": "", "column": "", "length": ""},
	},
}

// Every query of every dashboard, of its variables and of its annotations gets rows from a real ClickHouse and a real Prometheus that a real
// driftd has filled, as the read-only user that docs/dashboards.md makes, whatever the models are called.
func TestGrafanaQueriesAnswer(t *testing.T) {
	ctx := contextOf(t, 4*time.Minute)
	g := startGrafanaData(ctx, t)
	checkReader(ctx, t, g)
	time.Sleep(4 * time.Second) // so that rates have their samples
	g.to = time.Now()
	dump := os.Getenv("DRIFTD_GRAFANA_DUMP") // a folder: the answers are kept there, to be drawn
	for _, file := range []string{"fleet.json", "model.json", "column.json", "pipeline.json"} {
		t.Run(file, func(t *testing.T) {
			raw, err := os.ReadFile("../deploy/grafana/dashboards/" + file)
			must(t, err)
			var b board
			must(t, json.Unmarshal(raw, &b))
			full := map[string]bool{}
			kept := map[string]any{}
			for i, choice := range grafanaChoices[file] {
				g.vars = chosen{"instance": ".*"}
				for k, v := range choice {
					g.vars[k] = v
				}
				open := openBoard{g, &b, full, map[string]any{}, i == 0}
				open.variables(ctx, t)
				open.marks(ctx, t)
				open.panels(ctx, t)
				kept[fmt.Sprint(i)] = open.kept
			}
			for name, ok := range full {
				if !ok {
					t.Errorf("%s: no rows, whatever is chosen", name)
				}
			}
			if dump != "" {
				out, err := json.Marshal(kept)
				must(t, err)
				must(t, os.WriteFile(filepath.Join(dump, file), out, 0o644))
			}
		})
	}
}

// checkReader lets ClickHouse parse the statements of docs/dashboards.md that make the user who reads (this one's server can store no
// users: the stack gives it the same rights in its file), and sees that the user cannot write.
func checkReader(ctx context.Context, t *testing.T, g *grafana) {
	t.Helper()
	doc, err := os.ReadFile("../docs/dashboards.md")
	must(t, err)
	_, sql, ok := strings.Cut(string(doc), "```sql\n")
	sql, _, ok2 := strings.Cut(sql, "```")
	if !ok || !ok2 {
		t.Fatal("docs/dashboards.md has no block of SQL that makes the user")
	}
	for s := range strings.SplitSeq(sql, ";") {
		if s = strings.TrimSpace(s); s != "" {
			if _, err := g.sql(ctx, "EXPLAIN AST "+s, 0); err != nil {
				t.Errorf("docs/dashboards.md: %v", err)
			}
		}
	}
	if _, err := g.sql(ctx, "INSERT INTO driftd_windows (model) VALUES ('x')", 0); err == nil || !strings.Contains(err.Error(), "readonly") && !strings.Contains(err.Error(), "privileges") {
		t.Errorf("the user who only reads inserts: %v, want a refusal", err)
	}
}

// openBoard is a dashboard with a choice.
type openBoard struct {
	*grafana
	b    *board
	full map[string]bool
	kept map[string]any
	main bool // the first choice: here the variables must offer it
}

func (o *openBoard) variables(ctx context.Context, t *testing.T) {
	t.Helper()
	for _, v := range o.b.Templating.List {
		if v.Type != "query" {
			continue
		}
		var a *answer
		var err error
		if v.Datasource.Type == "prometheus" {
			a, err = o.labelValues(ctx, v.Query.(string))
		} else {
			a, err = o.sql(ctx, v.Query.(string), 0)
		}
		if err != nil {
			t.Errorf("variable %s: %v", v.Name, err)
			continue
		}
		o.note("variable "+v.Name, len(a.rows) > 0)
		if want, ok := o.vars[v.Name]; ok && want != "" && v.Datasource.Type != "prometheus" {
			offered := false
			for _, r := range a.rows {
				offered = offered || r[a.columns[0].Name] == want
			}
			if !offered {
				t.Errorf("variable %s does not offer %q: %v", v.Name, want, a.rows)
			}
		}
	}
}

func (o *openBoard) note(name string, ok bool) { o.full[name] = o.full[name] || ok }

func (o *openBoard) marks(ctx context.Context, t *testing.T) {
	t.Helper()
	for _, m := range o.b.Annotations.List {
		a, err := o.sql(ctx, m.Target.RawSQL, 0)
		if err != nil {
			t.Errorf("annotation %s: %v", m.Name, err)
			continue
		}
		o.note("annotation "+m.Name, len(a.rows) > 0)
		types := map[string]string{}
		for _, c := range a.columns {
			types[c.Name] = c.Type
		}
		if !strings.HasPrefix(types["time"], "DateTime") || !strings.Contains(types["text"], "String") {
			t.Errorf("annotation %s lacks a time or a text: %v", m.Name, a.columns)
		}
		o.kept["annotation "+m.Name] = a.rows
	}
}

func (o *openBoard) panels(ctx context.Context, t *testing.T) {
	t.Helper()
	for _, p := range o.b.Panels {
		fields := map[string]bool{}
		for i, target := range p.Targets {
			name := fmt.Sprintf("panel %q, query %s", p.Title, target.RefID)
			var a *answer
			var err error
			if target.Datasource.Type == "prometheus" {
				a, err = o.promQL(ctx, target.Expr, target.Instant)
				fields[target.LegendFormat] = true
			} else if a, err = o.sql(ctx, target.RawSQL, p.MaxDataPoints); err == nil && target.Format == 0. {
				err = a.asSeries()
			}
			if err != nil {
				t.Errorf("%s, %v: %v", name, o.vars, err)
				continue
			}
			o.note(name, len(a.rows) > 0)
			for c, ok := range a.filled() {
				o.note(name+", column "+c, ok)
			}
			for _, c := range a.columns {
				fields[c.Name] = true
			}
			o.kept[fmt.Sprintf("%s/%d", p.Title, i)] = map[string]any{"columns": a.columns, "rows": a.rows}
		}
		if o.main {
			checkFields(t, &p, fields)
		}
	}
}

var fieldOfLink = regexp.MustCompile(`\$\{__(?:data\.fields|field\.labels)\.(\w+)`)

// checkFields wants each field that an override or a link names to be in the answer: Grafana says nothing where it is not.
func checkFields(t *testing.T, p *boardPanel, fields map[string]bool) {
	t.Helper()
	for _, tr := range p.Transformations {
		names, _ := tr.Options["renameByName"].(map[string]any)
		for _, to := range names {
			fields[fmt.Sprint(to)] = true
		}
	}
	links := p.FieldConfig.Defaults.Links
	for _, o := range p.FieldConfig.Overrides {
		if o.Matcher.ID == "byName" && !fields[o.Matcher.Options] {
			t.Errorf("panel %q: an override names the field %q; there are %v", p.Title, o.Matcher.Options, fields)
		}
		for _, prop := range o.Properties {
			if prop.ID == "links" {
				var l []boardLink
				must(t, json.Unmarshal(prop.Value, &l))
				links = append(links, l...)
			}
		}
	}
	for _, l := range links {
		for _, m := range fieldOfLink.FindAllStringSubmatch(l.URL, -1) {
			if !fields[m[1]] {
				t.Errorf("panel %q: a link needs the field %q; there are %v", p.Title, m[1], fields)
			}
		}
	}
}
