package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Each mutant can still be made, and stands in the table with the verdict that it
// was killed: whoever changes what a clause reads like, or adds one, runs make mutants.
func TestMutantsAreThose(t *testing.T) {
	table, err := os.ReadFile("../../docs/bench/mutants.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range mutants {
		src, err := os.ReadFile(filepath.Join("../..", m.file))
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(src), m.old); n != 1 {
			t.Errorf("%s, %s: what it replaces stands %d times in %s, not once:\n%s", m.clause, m.what, n, m.file, m.old)
		}
		if !strings.Contains(string(table), m.row("killed")) {
			t.Errorf("docs/bench/mutants.md lacks the row %s", m.row("killed"))
		}
	}
	if rows := strings.Count(string(table), "\n| "); rows != len(mutants)+1 {
		t.Errorf("docs/bench/mutants.md has %d rows, want %d", rows-1, len(mutants))
	}
}

func TestSeedOf(t *testing.T) {
	for text, want := range map[string]string{"x\nrun it again: make sim RUNS=1 SEED=17\ny": " (SEED=17)", "nothing": ""} {
		if got := seedOf(text); got != want {
			t.Error(fmt.Sprintf("%q", got), want)
		}
	}
}
