//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/driftd/driftd/e2e/stack"
)

// grafana does to queries what Grafana and its plugins do before they send them. From their sources:
//   - Grafana (packages/grafana-data, @grafana/scenes, variables/interpolation): $name, ${name} and ${name:format}. Formats used here:
//     percentencode (encodeURIComponent, and !'()* as well), queryparam (var-name=value); without one, Prometheus takes the value as it is
//     when it is an allValue. $__interval is the panel's range over maxDataPoints.
//   - grafana-clickhouse-datasource 4 (pkg/macros/macros.go): $__fromTime, $__toTime are toDateTime(unix seconds), $__interval_s whole seconds.
//   - the Prometheus source (pkg/promlib/models/query.go): $__rate_interval is max(interval + scrape interval, 4 x scrape interval).
type grafana struct {
	click    *stack.ClickHouse
	prom     string
	from, to time.Time
	vars     map[string]string
}

// answer is what came back: columns in order, with ClickHouse's types, and rows by name.
type answer struct {
	columns []column
	rows    []map[string]any
}

type column struct{ Name, Type string }

var variable = regexp.MustCompile(`\$\{(\w+)(?::(\w+))?\}|\$(\w+)`)

// interpolate leaves what it does not know, as Grafana does.
func (g *grafana) interpolate(text string, maxPoints int) string {
	step := g.step(maxPoints)
	text = variable.ReplaceAllStringFunc(text, func(found string) string {
		m := variable.FindStringSubmatch(found)
		name := m[1] + m[3]
		switch name {
		case "__interval":
			return strconv.Itoa(int(step.Seconds())) + "s"
		}
		v, ok := g.vars[name]
		if !ok {
			return found
		}
		if m[2] == "percentencode" {
			return percentEncode(v)
		}
		return v
	})
	return strings.NewReplacer(
		"$__fromTime", fmt.Sprintf("toDateTime(%d)", g.from.Unix()),
		"$__toTime", fmt.Sprintf("toDateTime(%d)", g.to.Unix()),
		"$__interval_s", strconv.Itoa(max(1, int(step.Seconds())))).Replace(text)
}

// step is the range over the points, rounded up to a whole second.
func (g *grafana) step(maxPoints int) time.Duration {
	if maxPoints == 0 {
		maxPoints = 1000
	}
	return max(time.Second, (g.to.Sub(g.from)/time.Duration(maxPoints)).Truncate(time.Second)+time.Second)
}

// percentEncode leaves letters, digits and -_.~ and no other byte.
func percentEncode(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-_.~", c) >= 0 {
			b.WriteByte(c)
			continue
		}
		fmt.Fprintf(&b, "%%%02X", c)
	}
	return b.String()
}

// sql asks ClickHouse as the user of the docs, with the setting that the plugin's client sets on each query.
func (g *grafana) sql(ctx context.Context, query string, maxPoints int) (*answer, error) {
	q := g.interpolate(query, maxPoints)
	if strings.Contains(q, "$_") || strings.Contains(q, "${") {
		return nil, fmt.Errorf("a variable or macro is left in %s", q)
	}
	u := "http://" + g.click.HTTP + "/?" + url.Values{"database": {"driftd"}, "max_execution_time": {"60"}, "default_format": {"JSON"}}.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u, strings.NewReader(q))
	if err != nil {
		return nil, err
	}
	req.SetBasicAuth(g.click.ReadUser, g.click.Password)
	var out struct {
		Meta []column
		Data []map[string]any
	}
	if err := do(req, &out); err != nil {
		return nil, fmt.Errorf("%w\n%s", err, q)
	}
	return &answer{out.Meta, out.Data}, nil
}

// promQL asks Prometheus over the range, or at its end.
func (g *grafana) promQL(ctx context.Context, expr string, instant bool) (*answer, error) {
	q := g.interpolate(strings.NewReplacer("$__rate_interval", "4s", "$__interval", "1s").Replace(expr), 0) // steps of a second, scraped each second
	if strings.Contains(q, "$") {
		return nil, fmt.Errorf("a variable is left in %s", q)
	}
	v, path := url.Values{"query": {q}}, "/api/v1/query"
	if instant {
		v.Set("time", strconv.FormatInt(time.Now().Unix(), 10))
	} else {
		path += "_range"
		v.Set("start", strconv.FormatInt(time.Now().Add(-2*time.Minute).Unix(), 10))
		v.Set("end", strconv.FormatInt(time.Now().Unix(), 10))
		v.Set("step", "1")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, g.prom+path+"?"+v.Encode(), nil)
	if err != nil {
		return nil, err
	}
	var out struct {
		Data struct {
			Result []struct {
				Metric map[string]string
				Value  any
				Values []any
			}
		}
	}
	if err := do(req, &out); err != nil {
		return nil, fmt.Errorf("%w\n%s", err, q)
	}
	a := &answer{}
	for _, r := range out.Data.Result {
		row := map[string]any{"Value": r.Value}
		if r.Values != nil {
			row["Value"] = r.Values
		}
		for k, l := range r.Metric {
			row[k] = l
			if !slices.ContainsFunc(a.columns, func(c column) bool { return c.Name == k }) {
				a.columns = append(a.columns, column{k, "String"})
			}
		}
		a.rows = append(a.rows, row)
	}
	return a, nil
}

var labelValues = regexp.MustCompile(`^label_values\((\w+), (\w+)\)$`)

// labelValues is the query of a variable at Prometheus.
func (g *grafana) labelValues(ctx context.Context, query string) (*answer, error) {
	m := labelValues.FindStringSubmatch(query)
	if m == nil {
		return nil, fmt.Errorf("%s is not label_values(metric, label)", query)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, g.prom+"/api/v1/label/"+m[2]+"/values?"+url.Values{"match[]": {m[1]}}.Encode(), nil)
	if err != nil {
		return nil, err
	}
	var out struct{ Data []string }
	if err := do(req, &out); err != nil {
		return nil, err
	}
	a := &answer{columns: []column{{m[2], "String"}}}
	for _, v := range out.Data {
		a.rows = append(a.rows, map[string]any{m[2]: v})
	}
	return a, nil
}

func do(req *http.Request, into any) error {
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", resp.Status, b)
	}
	return json.Unmarshal(b, into)
}

// asSeries checks what the plugin needs to make series of an answer: a column time that never falls, numbers beside it, and text for labels.
func (a *answer) asSeries() error {
	numbers := 0
	for _, c := range a.columns {
		switch {
		case c.Name == "time" && strings.HasPrefix(c.Type, "DateTime"):
			numbers += 1000
		case strings.Contains(c.Type, "Int") || strings.Contains(c.Type, "Float"):
			numbers++
		case c.Type == "String" || c.Type == "LowCardinality(String)":
		default:
			return fmt.Errorf("column %s is a %s: neither time nor number nor label", c.Name, c.Type)
		}
	}
	if numbers <= 1000 {
		return fmt.Errorf("no column time of a DateTime with a number beside it: %v", a.columns)
	}
	last, seen := "", map[string]bool{}
	for _, r := range a.rows {
		key := fmt.Sprint(r["time"])
		for _, c := range a.columns {
			if strings.Contains(c.Type, "String") {
				key += fmt.Sprintf("|%v", r[c.Name])
			}
		}
		if seen[key] {
			return fmt.Errorf("two rows of the same time and labels, %s: Grafana keeps one", key)
		}
		seen[key] = true
		if t := fmt.Sprint(r["time"]); t < last {
			return fmt.Errorf("%s comes after %s: Grafana refuses times that fall", t, last)
		} else {
			last = t
		}
	}
	return nil
}

// filled are the columns of numbers that have one in any row.
func (a *answer) filled() map[string]bool {
	out := map[string]bool{}
	for _, c := range a.columns {
		if !strings.Contains(c.Type, "Int") && !strings.Contains(c.Type, "Float") {
			continue
		}
		out[c.Name] = false
		for _, r := range a.rows {
			out[c.Name] = out[c.Name] || r[c.Name] != nil
		}
	}
	return out
}
