package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
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
