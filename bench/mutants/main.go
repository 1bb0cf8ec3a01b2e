// Command mutants shows that every clause of the design's sections on time and
// exactness is held by a test: it takes each clause out of the code, one after
// the other, and runs the test that has to fail. The code on disk stays as it is
// (go test -overlay).
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// mutant is the code without one clause.
type mutant struct {
	clause string // its number in docs/ARCHITECTURE.md
	what   string // the clause
	file   string
	old    string // what stands there, once
	new    string // what stands there without the clause
	test   string // arguments of go test
}

func main() {
	out := flag.String("out", "", "write the table to this file, too")
	only := flag.String("only", "", "only mutants of this clause")
	flag.Parse()
	if err := run(*out, *only); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

func run(out, only string) error {
	root, err := filepath.Abs("..")
	if err != nil {
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# Mutants\n\nEvery clause of the invariants (docs/ARCHITECTURE.md) is taken out of the code, one at a time; the test beside it has to fail. Made by `make mutants`.\n\n")
	fmt.Fprintf(&b, "| | without | in | test | |\n|---|---|---|---|---|\n")
	tried, alive, failed := 0, 0, 0
	for i, m := range mutants {
		if only != "" && !strings.HasPrefix(m.clause, only) {
			continue
		}
		tried++
		began := time.Now()
		killed, note, err := m.run(root)
		if err != nil {
			failed++
			fmt.Printf("%2d/%d %-4s failed  %s: %v\n", i+1, len(mutants), m.clause, m.what, err)
			continue
		}
		verdict := "killed"
		if !killed {
			verdict = "**alive**"
			alive++
		}
		fmt.Fprintln(&b, m.row(verdict))
		fmt.Printf("%2d/%d %-4s %-6s %4.0f s  %s%s\n", i+1, len(mutants), m.clause, strings.Trim(verdict, "*"), time.Since(began).Seconds(), m.what, note)
	}
	fmt.Printf("mutants: %d tried, %d alive\n", tried, alive)
	if failed > 0 {
		return fmt.Errorf("%d mutants could not be tried", failed)
	}
	if out != "" && only == "" {
		if err := os.WriteFile(out, []byte(b.String()), 0o644); err != nil {
			return err
		}
	}
	if alive > 0 {
		return fmt.Errorf("%d mutants are alive: no test fails without their clause", alive)
	}
	return nil
}

// row is its line of the table.
func (m *mutant) row(verdict string) string {
	return fmt.Sprintf("| %s | %s | `%s` | `%s` | %s |", m.clause, m.what, filepath.Base(m.file), m.test, verdict)
}

// run says whether the test fails on the mutant. A mutant that does not build is
// an error: it shows nothing.
func (m *mutant) run(root string) (killed bool, note string, err error) {
	path := filepath.Join(root, m.file)
	src, err := os.ReadFile(path)
	if err != nil {
		return false, "", err
	}
	if n := strings.Count(string(src), m.old); n != 1 {
		return false, "", fmt.Errorf("what it replaces stands %d times in %s, not once:\n%s", n, m.file, m.old)
	}
	dir, err := os.MkdirTemp("", "mutant")
	if err != nil {
		return false, "", err
	}
	defer os.RemoveAll(dir)
	mutated := filepath.Join(dir, filepath.Base(m.file))
	if err := os.WriteFile(mutated, []byte(strings.Replace(string(src), m.old, m.new, 1)), 0o600); err != nil {
		return false, "", err
	}
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {path: mutated}})
	if err != nil {
		return false, "", err
	}
	list := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(list, overlay, 0o600); err != nil {
		return false, "", err
	}
	build := exec.Command("go", "build", "-overlay", list, "./...")
	build.Dir = root
	if text, err := build.CombinedOutput(); err != nil {
		return false, "", fmt.Errorf("it does not build: %s", text)
	}
	args := append([]string{"test", "-overlay", list, "-count=1", "-timeout=5m"}, strings.Fields(m.test)...)
	test := exec.Command("go", args...)
	test.Dir = root
	text, err := test.CombinedOutput()
	if err == nil {
		return false, "", nil
	}
	if !strings.Contains(string(text), "--- FAIL") && !strings.Contains(string(text), "panic:") {
		return false, "", fmt.Errorf("the test did not run: %s", tail(string(text)))
	}
	return true, seedOf(string(text)), nil
}

// seedOf is the world in which the simulator has found it.
func seedOf(text string) string {
	if i := strings.Index(text, "SEED="); i >= 0 {
		seed, _, _ := strings.Cut(text[i:], "\n")
		return " (" + seed + ")"
	}
	return ""
}

func tail(s string) string { return s[max(0, len(s)-2000):] }
