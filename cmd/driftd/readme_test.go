package main

import (
	"context"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/driftd/driftd/internal/config"
)

// What README and the other documents tell users to type is understood: every
// driftd command parses, every make target exists, the config is valid.
func TestDocumentsAreTrue(t *testing.T) {
	make, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	commands := 0
	for _, name := range []string{"README.md", "CONTRIBUTING.md", "SECURITY.md", "docs/ARCHITECTURE.md", "docs/RESULTS.md", "docs/FAQ.md", "docs/TUTORIAL.md", "docs/COMPARE.md", "docs/STATISTICS.md", "docs/SCALE.md", "docs/bench/README.md", "docs/bench/soak.md", "docs/runbooks/README.md"} {
		b, err := os.ReadFile("../../" + name)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range commandLines(string(b)) {
			commands++
			words := strings.Fields(line)
			if words[0] == "make" {
				if !strings.Contains(string(make), "\n"+words[1]+":") {
					t.Errorf("%s: %q: there is no such target", name, line)
				}
				continue
			}
			var c cli
			parser := kong.Must(&c, kong.BindTo(context.Background(), (*context.Context)(nil)))
			if _, err := parser.Parse(words[1:]); err != nil {
				t.Errorf("%s: %q: %v", name, line, err)
			}
		}
		for _, link := range regexp.MustCompile(`\]\(([^)#]+)\)`).FindAllStringSubmatch(string(b), -1) {
			dir := "../../" + name[:strings.LastIndex("/"+name, "/")]
			if _, err := os.Stat(dir + link[1]); err != nil {
				t.Errorf("%s links to %s: %v", name, link[1], err)
			}
		}
	}
	if commands < 10 {
		t.Fatalf("only %d commands were found: does the test still read the documents?", commands)
	}
}

// commandLines are the lines of code blocks that are commands, and commands in
// backquotes with all their arguments.
func commandLines(text string) (out []string) {
	for line := range strings.Lines(text) {
		trimmed := strings.TrimSpace(line)
		if strings.HasPrefix(line, "    ") && (strings.HasPrefix(trimmed, "driftd ") || strings.HasPrefix(trimmed, "make ")) {
			trimmed, _, _ = strings.Cut(trimmed, "   ") // what it does stands beside it
			out = append(out, trimmed)
		}
	}
	for _, m := range regexp.MustCompile("`driftd (run|reference push|demo)[^`]*`").FindAllString(text, -1) {
		if !strings.Contains(m, ".yml") && !strings.Contains(m, "demo") {
			continue // the name of a command, not one to be typed
		}
		out = append(out, strings.Trim(m, "`"))
	}
	return out
}

func TestReadmeConfig(t *testing.T) {
	b, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	var yaml []string
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, "       "); ok && (strings.HasPrefix(rest, "kafka:") || len(yaml) > 0 && strings.TrimSpace(rest) != "") {
			yaml = append(yaml, rest)
		} else if len(yaml) > 0 {
			break
		}
	}
	cfg, err := config.Parse("driftd.yml", []byte(strings.Join(yaml, "")))
	if err != nil {
		t.Fatalf("%v\n%s", err, strings.Join(yaml, ""))
	}
	if !slices.Equal(cfg.Kafka.Brokers, []string{"localhost:9092"}) || cfg.Sinks.ClickHouse == nil {
		t.Fatalf("the config says %+v", cfg)
	}
}
