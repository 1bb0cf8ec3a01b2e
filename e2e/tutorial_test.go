//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// block is a fenced block of a document.
type block struct {
	line     int
	lang     string
	terminal string // "" is the first one
	text     string
}

// blocks are the fenced blocks of sh and text, in order.
func blocks(t *testing.T, document string) (out []block) {
	t.Helper()
	b, err := os.ReadFile(document)
	must(t, err)
	var in *block
	n := 0
	for line := range strings.Lines(string(b)) {
		n++
		switch rest, fence := strings.CutPrefix(line, "```"); {
		case fence && in == nil:
			words := strings.Fields(rest)
			in = &block{line: n}
			if len(words) > 0 {
				in.lang = words[0]
			}
			if len(words) > 1 {
				in.terminal = strings.TrimPrefix(words[1], "terminal=")
			}
		case fence:
			out = append(out, *in)
			in = nil
		case in != nil:
			in.text += line
		}
	}
	if in != nil {
		t.Fatalf("%s:%d: a block that does not end", document, in.line)
	}
	return out
}

// output is what a terminal has shown so far.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// expects says whether out has the lines of a text block, in order: "..." stands for anything in a line, a line of
// "..." alone for any lines.
func expects(text string) *regexp.Regexp {
	var parts []string
	for line := range strings.Lines(text) {
		if line = strings.TrimRight(line, "\n"); line == "..." {
			parts = append(parts, `(?:.*\n)*?`)
			continue
		}
		var words []string
		for w := range strings.SplitSeq(line, "...") {
			words = append(words, regexp.MustCompile(`\s+`).ReplaceAllString(regexp.QuoteMeta(w), `\s+`))
		}
		parts = append(parts, strings.Join(words, `.*`)+`.*\n`)
	}
	return regexp.MustCompile(strings.Join(parts, `(?:.*\n)*?`))
}

// The tutorial does what it says: its commands are run word for word, and print what stands below them.
func TestTutorial(t *testing.T) {
	root := t.TempDir()
	repo, err := filepath.Abs("..")
	must(t, err)
	// A clone, so that nothing that is not checked in helps; its files may be ahead of the commit while one works.
	out, err := exec.Command("sh", "-c", `git -C "$0" ls-files -z --cached --others --exclude-standard | tar -C "$0" --null -T - -cf - 2> /dev/null | tar -C "$1" -xf -; git -C "$1" init -q`, repo, root).CombinedOutput()
	if err != nil {
		t.Fatalf("copy the repository: %v\n%s", err, out)
	}
	ctx := contextOf(t, 5*time.Minute)
	var first output
	shell, in := terminal(ctx, t, root, &first)
	others := map[string]*output{}
	began := time.Now()
	ran := 0
	for _, b := range blocks(t, "../docs/TUTORIAL.md") {
		switch {
		case b.lang == "sh" && b.terminal == "":
			from := len(first.String())
			mark := fmt.Sprintf("done-%d", b.line)
			_, err := fmt.Fprintf(in, "%s\necho %s $?\n", b.text, mark)
			must(t, err)
			shown := awaitText(ctx, t, &first, from, regexp.MustCompile(`(?s)(.*)`+mark+` (\d+)\n`))
			t.Logf("line %d, after %v:\n%s%s", b.line, time.Since(began).Round(time.Second), b.text, shown)
			if !strings.Contains(shown, mark+" 0\n") {
				t.Fatalf("docs/TUTORIAL.md:%d: the last command fails", b.line)
			}
			ran++
		case b.lang == "sh":
			o := &output{}
			others[b.terminal] = o
			_, in := terminal(ctx, t, root, o)
			_, err := fmt.Fprintf(in, "PATH=$PWD/bin:$PATH\n%s", b.text)
			must(t, err)
			ran++
		case b.lang == "text":
			o := &first
			if b.terminal != "" {
				o = others[b.terminal]
			}
			awaitText(ctx, t, o, 0, expects(b.text))
		}
	}
	if ran < 10 {
		t.Fatalf("only %d blocks of commands were found", ran)
	}
	_ = shell
}

// terminal is a shell in a folder that runs what is written to it, with everything that it has started ended at the
// end of the test.
func terminal(ctx context.Context, t *testing.T, dir string, out *output) (*exec.Cmd, *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	must(t, err)
	c := exec.CommandContext(ctx, "bash")
	c.Dir, c.Stdin, c.Stdout, c.Stderr = dir, r, out, out
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	must(t, c.Start())
	must(t, r.Close())
	t.Cleanup(func() {
		_ = w.Close()
		_ = syscall.Kill(-c.Process.Pid, syscall.SIGTERM) // what it has started is in its group
		done := make(chan struct{})
		go func() { _ = c.Wait(); close(done) }()
		select {
		case <-done:
		case <-time.After(20 * time.Second):
			_ = syscall.Kill(-c.Process.Pid, syscall.SIGKILL)
			<-done
		}
		if t.Failed() {
			t.Logf("a terminal showed:\n%s", out.String())
		}
	})
	return c, w
}

// awaitText waits until what came after from matches, and gives what matched.
func awaitText(ctx context.Context, t *testing.T, out *output, from int, want *regexp.Regexp) string {
	t.Helper()
	ctx, stop := context.WithTimeout(ctx, 90*time.Second)
	defer stop()
	for {
		if m := want.FindString(out.String()[from:]); m != "" {
			return m
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			t.Fatalf("waited in vain for\n%s\nshown was\n%s", want, out.String()[from:])
		}
	}
}
