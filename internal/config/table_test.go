package config

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

const document = "../../docs/CONFIG.md"

func TestDocument(t *testing.T) {
	if *update {
		if err := os.MkdirAll(filepath.Dir(document), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(document, []byte(Markdown()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	if string(b) != Markdown() {
		t.Errorf("docs/CONFIG.md is not that of the table of keys: run go test ./internal/config -update")
	}
}

// Every key of the table is read: the good files together have them all, and those that are not built yet are refused.
func TestTable(t *testing.T) {
	used := map[string]bool{}
	paths, _ := filepath.Glob("testdata/good*.yml")
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		f := newFile(path)
		top, _ := f.open(b)
		f.config(top, Default())
		for k := range f.used {
			used[k] = true
		}
	}
	for _, k := range keys {
		name := k.Path[strings.LastIndex(k.Path, ".")+1:]
		switch {
		case name == "<name>": // the users' own
		case used[k.Path] == (k.Soon != ""):
			t.Errorf("%s: in a good file %v, not built yet %v", k.Path, used[k.Path], k.Soon != "")
		case k.Soon == "" && (k.Type == "" || k.Meaning == ""):
			t.Errorf("%s has no type or meaning", k.Path)
		case k.Type == "mapping" && k.Example == "":
			t.Errorf("%s has no example", k.Path)
		}
	}
}

// Examples of the table are examples of what they explain.
func TestExamples(t *testing.T) {
	for _, k := range keys {
		if k.Example == "" || strings.ContainsAny(k.Path, ".") {
			continue
		}
		text := k.Example + "\n"
		if k.Path != "kafka" {
			text = "kafka: {brokers: [host:9092]}\n" + text
		}
		if k.Path != "sources" {
			text += "sources: [{topic: predictions}]\n"
		}
		if _, err := Parse(k.Path, []byte(text)); err != nil {
			t.Error(err)
		}
	}
}

// The defaults that the table tells are those in effect: writing one out changes nothing.
func TestTableDefaults(t *testing.T) {
	hash := func(path, value string) string {
		source := map[string]any{"topic": "predictions"}
		top := map[string]any{"kafka": map[string]any{"brokers": []string{"host:9092"}}, "sources": []any{source},
			"sinks": map[string]any{"clickhouse": map[string]any{"addresses": []string{"host:9000"}}}}
		at := top
		if rest, ok := strings.CutPrefix(path, "sources[]."); ok {
			at, path = source, rest
		}
		parts := strings.Split(path, ".")
		for _, p := range parts[:len(parts)-1] {
			if at[p] == nil {
				at[p] = map[string]any{}
			}
			at = at[p].(map[string]any)
		}
		if value != "" {
			at[parts[len(parts)-1]] = yaml.RawMessage(value)
		}
		b, err := yaml.Marshal(top)
		if err != nil {
			t.Fatal(err)
		}
		c, err := Parse(path, b)
		if err != nil {
			t.Fatalf("%v in\n%s", err, b)
		}
		return c.Hash()
	}
	base, checked := hash("pane", ""), 0
	literal := []string{typeDuration, "size", "number", "true or false", "list of durations"}
	for _, k := range keys {
		named := k.Path == "kafka.topic_prefix" || k.Path == "http.listen" || k.Path == "sources[].deadletters" || k.Path == "defaults.timezone" ||
			k.Path == "defaults.reference.baseline" ||
			k.Path == "sinks.clickhouse.database" || k.Path == "sinks.clickhouse.username"
		if strings.Contains(k.Path, "<name>") || k.Soon != "" || !named && !slices.Contains(literal, k.Type) {
			continue
		}
		value := k.Default
		if named {
			value = strconv.Quote(value)
		}
		if checked++; hash(k.Path, value) != base {
			t.Errorf("%s: %s is not the default", k.Path, k.Default)
		}
	}
	if checked < 15 {
		t.Errorf("only %d keys have a default to check", checked)
	}
}
