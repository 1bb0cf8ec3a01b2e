package file

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/driftd/driftd"
)

var quiet = slog.New(slog.DiscardHandler)

// disk hands out a real file that has room for a few more bytes, as a disk has that runs full.
type disk struct {
	room      int
	truncates bool // whether an unfinished line can be cut off
	syncs     error
}

type limitedFile struct {
	*os.File
	disk *disk
}

func (d *disk) open(path string) (handle, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	return limitedFile{f, d}, err
}

func (f limitedFile) Write(b []byte) (int, error) {
	if len(b) <= f.disk.room {
		f.disk.room -= len(b)
		return f.File.Write(b)
	}
	n, err := f.File.Write(b[:f.disk.room])
	f.disk.room = 0
	if err == nil {
		err = &fs.PathError{Op: "write", Path: f.Name(), Err: syscall.ENOSPC}
	}
	return n, err
}

func (f limitedFile) Truncate(size int64) error {
	if !f.disk.truncates {
		return syscall.EIO
	}
	return f.File.Truncate(size)
}

func (f limitedFile) Sync() error { return f.disk.syncs }

func result(model string) driftd.Result {
	return driftd.Result{Window: &driftd.WindowResult{Kind: "window", Model: model, Segment: "all"}}
}

// models reads a file back, which has to hold whole lines.
func models(t *testing.T, path string) []string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for line := range bytes.Lines(b) {
		var r driftd.Result
		if err := json.Unmarshal(line, &r); err != nil || line[len(line)-1] != '\n' {
			t.Fatalf("not a whole line: %q: %v", line, err)
		}
		got = append(got, r.Series().Model)
	}
	return got
}

func wantModels(t *testing.T, path string, want ...string) {
	t.Helper()
	if d := cmp.Diff(want, models(t, path)); d != "" {
		t.Errorf("%s (-want +got):\n%s", filepath.Base(path), d)
	}
}

func opened(t *testing.T, w *Writer) *Writer {
	t.Helper()
	if err := w.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

func write(t *testing.T, w *Writer, rs ...driftd.Result) {
	t.Helper()
	if err := w.Write(t.Context(), rs); err != nil {
		t.Fatal(err)
	}
}

func TestAppends(t *testing.T) {
	path := filepath.Join(t.TempDir(), "results.jsonl")
	wrote := 0
	w := New(Config{Path: path, Sync: true, Log: quiet, Hooks: Hooks{Wrote: func(n int, _ time.Duration) { wrote += n }}})
	opened(t, w)
	write(t, w, result("a"), result("b"))
	write(t, w)
	write(t, w, result("c"))
	write(t, opened(t, New(Config{Path: path, Log: quiet})), result("d"))
	wantModels(t, path, "a", "b", "c", "d")
	if wrote != 3 {
		t.Errorf("%d lines told, want 3", wrote)
	}
}

// A disk that runs full in the middle of a batch: the error is told, and once there is room the file is as if nothing had
// happened, also where the unfinished line could not be cut off at once.
func TestFullDisk(t *testing.T) {
	for _, truncates := range []bool{true, false} {
		t.Run(fmt.Sprintf("truncates=%v", truncates), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "results.jsonl")
			d := &disk{room: 1 << 20, truncates: truncates}
			var told []error
			w := New(Config{Path: path, Log: quiet})
			w.open = d.open
			w.cfg.Hooks.Retried = func(err error) {
				told = append(told, err)
				if len(told) == 2 {
					d.room, d.truncates = 1<<20, true
				}
			}
			opened(t, w)
			write(t, w, result("a"))
			line, err := json.Marshal(result("b"))
			if err != nil {
				t.Fatal(err)
			}
			d.room = len(line) + 1 + 10 // one line and ten bytes of the next
			write(t, w, result("b"), result("c"))
			write(t, w, result("d"))
			wantModels(t, path, "a", "b", "c", "d")
			if len(told) != 2 || !errors.Is(told[0], syscall.ENOSPC) || !strings.Contains(told[0].Error(), "append to "+path) {
				t.Errorf("told %v, want the full disk twice", told)
			}
		})
	}
}

func TestFailedSyncIsWrittenAgainOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "results.jsonl")
	d := &disk{room: 1 << 20, truncates: true, syncs: syscall.EIO}
	w := New(Config{Path: path, Sync: true, Log: quiet, Hooks: Hooks{Retried: func(error) { d.syncs = nil }}})
	w.open = d.open
	opened(t, w)
	write(t, w, result("a"))
	wantModels(t, path, "a")
}

// The kernel's own full disk: Write gives up when its context ends, and says why it waited.
func TestDeviceFull(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	w := opened(t, New(Config{Path: "/dev/full", Sync: true, Log: quiet, Hooks: Hooks{Retried: func(error) { cancel() }}}))
	err := w.Write(ctx, []driftd.Result{result("a")})
	if !errors.Is(err, syscall.ENOSPC) || !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want that the device is full and the context ended", err)
	}
}

func TestContextEndsAfterAShortWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "results.jsonl")
	d := &disk{room: 1 << 20, truncates: true}
	ctx, cancel := context.WithCancel(t.Context())
	w := New(Config{Path: path, Log: quiet, Hooks: Hooks{Retried: func(error) { cancel() }}})
	w.open = d.open
	opened(t, w)
	write(t, w, result("a"))
	d.room = 10
	if err := w.Write(ctx, []driftd.Result{result("b")}); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("error %v, want the full disk", err)
	}
	wantModels(t, path, "a")
}

// A crash in the middle of a line: the batch comes again, so the half line goes.
func TestOpenCutsOffAHalfLine(t *testing.T) {
	for name, c := range map[string]struct{ before, want string }{
		"empty":           {"", ""},
		"whole":           {"{}\n", "{}\n"},
		"half":            {"{}\n{\"kind\":", "{}\n"},
		"only half":       {`{"kind`, ""},
		"longer than 64K": {"{}\n" + strings.Repeat("x", 200_000), "{}\n"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "results.jsonl")
			if err := os.WriteFile(path, []byte(c.before), 0o644); err != nil {
				t.Fatal(err)
			}
			opened(t, New(Config{Path: path, Log: quiet}))
			got, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != c.want {
				t.Errorf("%d bytes, want %q", len(got), c.want)
			}
		})
	}
}

// logrotate moves the file away, people delete it.
func TestMovedOrDeletedFileIsMadeAnew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "results.jsonl")
	w := opened(t, New(Config{Path: path, Log: quiet}))
	write(t, w, result("a"))
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	write(t, w, result("b"))
	wantModels(t, path+".1", "a")
	wantModels(t, path, "b")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	write(t, w, result("c"))
	wantModels(t, path, "c")
}

func TestOpenSaysWhatToDo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "missing", "results.jsonl")
	err := New(Config{Path: path, Log: quiet}).Open(t.Context())
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "create its folder") {
		t.Errorf("error %v, want what to do about the missing folder", err)
	}
}

func TestAResultWithoutJSONIsGivenUpAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "results.jsonl")
	var rejected []string
	w := opened(t, New(Config{Path: path, Log: quiet, Hooks: Hooks{Rejected: func(r driftd.Result, _ error) { rejected = append(rejected, r.Series().Model) }}}))
	bad := result("bad")
	bad.Window.WindowStart = time.Date(12026, 1, 1, 0, 0, 0, 0, time.UTC) // RFC 3339 has four digits for a year
	write(t, w, result("a"), bad, result("b"))
	wantModels(t, path, "a", "b")
	if d := cmp.Diff([]string{"bad"}, rejected); d != "" {
		t.Error(d)
	}
}
