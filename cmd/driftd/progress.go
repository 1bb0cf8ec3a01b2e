package main

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"
	"time"
)

// progress writes how far a long job is to stderr: in place on a terminal, now
// and then elsewhere.
type progress struct {
	out      io.Writer
	terminal bool
	last     time.Time
}

func newProgress() *progress {
	st, err := os.Stderr.Stat()
	return &progress{out: os.Stderr, terminal: err == nil && st.Mode()&os.ModeCharDevice != 0, last: time.Now()}
}

func (p *progress) say(format string, args ...any) {
	every := 2 * time.Second
	if p.terminal {
		every = 100 * time.Millisecond
	}
	if time.Since(p.last) < every {
		return
	}
	p.last = time.Now()
	p.print(format, args...)
}

func (p *progress) print(format string, args ...any) {
	if p.terminal {
		_, _ = fmt.Fprintf(p.out, "\r\x1b[K"+format, args...) // a terminal that is gone changes nothing
		return
	}
	_, _ = fmt.Fprintf(p.out, format+"\n", args...) // as above
}

// clear takes the last progress off a terminal.
func (p *progress) clear() {
	if p.terminal {
		_, _ = fmt.Fprint(p.out, "\r\x1b[K") // as above
	}
}

func (p *progress) done(format string, args ...any) {
	p.clear()
	_, _ = fmt.Fprintf(p.out, format+"\n", args...) // as above
}

// thousands writes 1234567 as 1,234,567.
func thousands[T int | int64 | uint64](n T) string {
	s := strconv.FormatInt(int64(n), 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// seldom lets a message through now and then, and counts the others. Safe for
// concurrent use.
type seldom struct {
	every time.Duration
	mu    sync.Mutex
	last  time.Time
	kept  int
}

func (s *seldom) say(tell func(kept int)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Since(s.last) < s.every {
		s.kept++
		return
	}
	tell(s.kept)
	s.last, s.kept = time.Now(), 0
}

// retrying tells on stderr that the brokers do not answer.
func retrying() func(string, error) {
	told := &seldom{every: 5 * time.Second}
	return func(op string, err error) {
		told.say(func(int) { fmt.Fprintf(os.Stderr, "Kafka does not answer (%s): trying again: %v\n", op, err) })
	}
}
