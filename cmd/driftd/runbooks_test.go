package main

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// What the runbooks tell people to type at night is understood, and their links
// lead somewhere.
func TestRunbooksAreTrue(t *testing.T) {
	files, err := filepath.Glob("../../docs/runbooks/*.md")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d runbooks, %v", len(files), err)
	}
	commands := 0
	for _, name := range append(files, "../../deploy/compose/README.md", "../../deploy/systemd/README.md") {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range commandLines(string(b)) {
			if !strings.HasPrefix(line, "driftd ") {
				continue
			}
			commands++
			words := strings.Fields(line)[1:]
			parser := kong.Must(new(cli), kong.BindTo(context.Background(), (*context.Context)(nil)))
			if _, err := parser.Parse(words); err != nil {
				t.Errorf("%s: %q: %v", name, line, err)
			}
		}
		for _, link := range regexp.MustCompile(`\]\(([^)#]+)\)`).FindAllStringSubmatch(string(b), -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(name), link[1])); err != nil {
				t.Errorf("%s links to %s: %v", name, link[1], err)
			}
		}
	}
	if commands < 8 {
		t.Fatalf("only %d commands were found: does the test still read the runbooks?", commands)
	}
}
