// Package file appends driftd's results to a file as JSON lines, in the public format of driftd.results.
//
// What belongs here: that the file holds whole lines only, whatever fails. What does not: rotation (a file that is moved
// away is made anew at the next batch), or reading results.
package file

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"time"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/sinks/internal/retry"
)

// Config says where the lines go.
type Config struct {
	// Path of the file, which one process writes. It may be a device such as /dev/stdout.
	Path string
	// Sync makes each batch safe from a loss of power before Write returns.
	Sync  bool
	Log   *slog.Logger // nil means slog.Default()
	Hooks Hooks
}

// Hooks is called by the writer for the sake of metrics and of rows that cannot be kept. Each may be nil.
type Hooks struct {
	// Wrote tells of lines that are in the file.
	Wrote func(lines int, took time.Duration)
	// Retried tells of a failed attempt that will be made again.
	Retried func(err error)
	// Rejected gives up a result that has no JSON form; Write goes on without it.
	Rejected func(r driftd.Result, err error)
}

// handle is what the writer needs of an *os.File; tests put a full disk in its place.
type handle interface {
	io.WriteCloser
	Stat() (fs.FileInfo, error)
	Truncate(size int64) error
	Sync() error
}

// Writer appends results. It is for one goroutine.
type Writer struct {
	cfg  Config
	log  *retry.Log
	open func(path string) (handle, error)

	file    handle // nil while it is closed
	regular bool   // a device cannot be truncated
	size    int64  // of the whole lines of the batches that were written
	torn    bool   // something after size has to go before the next line is written
}

// New returns a writer that has not opened its file: Open does.
func New(cfg Config) *Writer {
	return &Writer{cfg: cfg, log: retry.NewLog(cfg.Log, time.Now), open: openFile}
}

func openFile(path string) (handle, error) {
	return os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
}

// Open opens the file, and cuts off a line that a crash has left unfinished: the batch that it was of was not
// acknowledged, so it comes again. It does not retry: what fails at the start is for a person to mend.
func (w *Writer) Open(context.Context) error {
	if err := w.reopen(); err != nil {
		return fmt.Errorf("open the results file: %w", err)
	}
	return nil
}

// Write appends the batch and returns nil once all its lines are in the file. It tries until then; the only error is that
// ctx has ended, and then no part of the batch is in the file unless cutting it off failed too (the next Write or Open
// does that).
func (w *Writer) Write(ctx context.Context, batch []driftd.Result) error {
	var lines bytes.Buffer
	n := 0
	for _, r := range batch {
		line, err := json.Marshal(r)
		if err != nil {
			w.reject(r, fmt.Errorf("encode a result: %w", err))
			continue
		}
		lines.Write(line)
		lines.WriteByte('\n')
		n++
	}
	if n == 0 {
		return nil
	}
	began := time.Now()
	failed := func(err error) {
		if w.cfg.Hooks.Retried != nil {
			w.cfg.Hooks.Retried(err)
		}
	}
	forever := retry.Forever{Sink: "the results file", Log: w.log}
	if err := forever.Do(ctx, "write", failed, func(context.Context) error { return w.append(lines.Bytes()) }); err != nil {
		return fmt.Errorf("write %d results to %s: %w", n, w.cfg.Path, err)
	}
	if w.cfg.Hooks.Wrote != nil {
		w.cfg.Hooks.Wrote(n, time.Since(began))
	}
	return nil
}

// Close closes the file. It may be called when Open has failed or was not called.
func (w *Writer) Close() error {
	if w.file == nil {
		return nil
	}
	err := errors.Join(w.mend(), w.file.Close())
	w.file = nil
	if err != nil {
		return fmt.Errorf("close the results file: %w", err)
	}
	return nil
}

// append makes one attempt to add whole lines; what a failed one leaves is cut off, at once or by the next.
func (w *Writer) append(lines []byte) error {
	if err := w.sameFile(); err != nil {
		return err
	}
	if err := w.mend(); err != nil {
		return err
	}
	_, err := w.file.Write(lines)
	if err == nil && w.cfg.Sync && w.regular {
		err = w.file.Sync()
	}
	if err != nil {
		w.torn = true
		return errors.Join(fmt.Errorf("append to %s: %w: free space on its disk or check the device", w.cfg.Path, err), w.mend())
	}
	w.size += int64(len(lines))
	return nil
}

// mend cuts off what a failed attempt has left behind the last whole batch.
func (w *Writer) mend() error {
	if !w.torn || !w.regular {
		return nil
	}
	if err := w.file.Truncate(w.size); err != nil {
		return fmt.Errorf("cut an unfinished line off %s: %w", w.cfg.Path, err)
	}
	w.torn = false
	return nil
}

// sameFile opens the file anew when it is closed, or when its path has come to name another file or none.
func (w *Writer) sameFile() error {
	if w.file != nil {
		here, err := w.file.Stat()
		if err != nil {
			return fmt.Errorf("look at %s: %w", w.cfg.Path, err)
		}
		there, err := os.Stat(w.cfg.Path)
		if err == nil && os.SameFile(here, there) {
			return nil
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("look at %s: %w", w.cfg.Path, err)
		}
		if err := w.Close(); err != nil {
			return err
		}
	}
	return w.reopen()
}

func (w *Writer) reopen() error {
	f, err := w.open(w.cfg.Path)
	if err != nil {
		return fmt.Errorf("%w: create its folder and let driftd write there", err)
	}
	info, err := f.Stat()
	if err != nil {
		return errors.Join(err, f.Close())
	}
	w.file, w.regular, w.size, w.torn = f, info.Mode().IsRegular(), 0, false
	if !w.regular {
		return nil
	}
	if w.size, err = wholeLines(w.cfg.Path, info.Size()); err == nil {
		w.torn = w.size < info.Size()
		err = w.mend()
	}
	if err != nil {
		w.file = nil
		return errors.Join(err, f.Close())
	}
	return nil
}

// wholeLines returns the length of a file up to its last end of line.
func wholeLines(path string, size int64) (int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close() //nolint:errcheck // only read
	block := make([]byte, 64<<10)
	for end := size; end > 0; {
		from := max(0, end-int64(len(block)))
		part := block[:end-from]
		if _, err := f.ReadAt(part, from); err != nil {
			return 0, fmt.Errorf("find the last line of %s: %w", path, err)
		}
		if i := bytes.LastIndexByte(part, '\n'); i >= 0 {
			return from + int64(i) + 1, nil
		}
		end = from
	}
	return 0, nil
}

func (w *Writer) reject(r driftd.Result, err error) {
	s := r.Series()
	w.log.Warn("a result cannot be written as JSON: it is given up", "model", s.Model, "segment", s.Segment, "error", err)
	if w.cfg.Hooks.Rejected != nil {
		w.cfg.Hooks.Rejected(r, err)
	}
}
