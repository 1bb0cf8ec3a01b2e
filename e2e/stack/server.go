package stack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"time"
)

const (
	startTimeout = 90 * time.Second // a cold JVM on a busy machine with two cores needs 20
	stopTimeout  = 30 * time.Second
	logTail      = 4096 // bytes of a log that go into an error
)

// server is one process with its log file. The servers embed it, which gives each of them Stop, Kill9 and Restart.
type server struct {
	name  string
	argv  []string
	log   string                      // path; appended to by every start
	ready func(context.Context) error // nil once the server answers
	// eofStops tells that the end of standard input stops the server gracefully, not SIGTERM.
	eofStops bool

	mu  sync.Mutex
	run *running // nil while the server is down
}

// running is one life of the process.
type running struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	done  chan struct{} // closed when the process has gone
	err   error         // how it went; read after done
}

// start starts the process and waits until it is ready. ctx bounds the wait, not the life of the server.
func (s *server) start(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.run != nil {
		return fmt.Errorf("start %s: it runs already (pid %d): stop or kill it first", s.name, s.run.cmd.Process.Pid)
	}
	r, err := s.spawn()
	if err != nil {
		return fmt.Errorf("start %s: %w", s.name, err)
	}
	s.run = r

	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	last := errors.New("not asked yet")
	for {
		attempt, cancelAttempt := context.WithTimeout(ctx, 2*time.Second)
		err := s.ready(attempt)
		cancelAttempt()
		if err == nil {
			return nil
		}
		if ctx.Err() == nil {
			last = err
		}
		select {
		case <-r.done:
			s.run = nil
			return fmt.Errorf("start %s: it ended at once: %w\n%s", s.name, r.err, s.tail())
		case <-ctx.Done():
			s.end(r, syscall.SIGKILL)
			return fmt.Errorf("start %s: not ready in time: %w: the last answer: %w\n%s", s.name, ctx.Err(), last, s.tail())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// spawn starts the process on a thread that lives as long as it: the kernel sends Pdeathsig when the thread that
// started the child ends, not when its process does.
func (s *server) spawn() (*running, error) {
	if err := os.MkdirAll(filepath.Dir(s.log), 0o755); err != nil {
		return nil, err
	}
	log, err := os.OpenFile(s.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(s.argv[0], s.argv[1:]...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Dir = filepath.Dir(s.log)
	cmd.SysProcAttr = childAttr()
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, errors.Join(err, log.Close())
	}
	r := &running{cmd: cmd, stdin: stdin, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		if r.err = cmd.Wait(); r.err == nil {
			r.err = errors.New("exit status 0")
		}
		close(r.done)
	}()
	err = <-started
	if closeErr := log.Close(); err == nil { // the child has its own copy
		err = closeErr
	}
	return r, err
}

// end asks a process to go, waits, and in the end kills it. The caller holds s.mu.
func (s *server) end(r *running, sig syscall.Signal) {
	if s.eofStops && sig == syscall.SIGTERM {
		_ = r.stdin.Close() // an error means that the process has gone
	} else {
		_ = r.cmd.Process.Signal(sig) // the same
	}
	select {
	case <-r.done:
	case <-time.After(stopTimeout):
		_ = r.cmd.Process.Kill()
		<-r.done
	}
	s.run = nil
}

func (s *server) stop(sig syscall.Signal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.run != nil {
		s.end(s.run, sig)
	}
}

// Stop ends the server as an operator would and waits until it has gone. It may be called when the server is down.
func (s *server) Stop() { s.stop(syscall.SIGTERM) }

// Kill9 ends the server by SIGKILL and waits until it has gone: what it acknowledged has to be there after Restart.
func (s *server) Kill9() { s.stop(syscall.SIGKILL) }

// Pause has the server stand still, as a machine does that is out of memory or loses its processor, until Resume.
func (s *server) Pause() { s.signal(pauseSignal) }

// Resume ends what Pause began.
func (s *server) Resume() { s.signal(resumeSignal) }

func (s *server) signal(sig syscall.Signal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.run != nil {
		_ = s.run.cmd.Process.Signal(sig) // an error means that the process has gone
	}
}

// Restart starts the server again on the same ports and data, and waits until it is ready. It has to be down.
func (s *server) Restart(ctx context.Context) error { return s.start(ctx) }

// PID is the process id, or 0 while the server is down.
func (s *server) PID() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.run == nil {
		return 0
	}
	return s.run.cmd.Process.Pid
}

// Gone says whether the server has ended by itself. Kill9 and Restart make it run again.
func (s *server) Gone() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.run == nil {
		return false
	}
	select {
	case <-s.run.done:
		return true
	default:
		return false
	}
}

// Log is the path of the server's log file.
func (s *server) Log() string { return s.log }

func (s *server) tail() string { return "the end of " + s.log + ":\n" + tailOf(s.log) }

func tailOf(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	if len(b) > logTail {
		b = b[len(b)-logTail:]
		if i := bytes.IndexByte(b, '\n'); i >= 0 {
			b = b[i+1:]
		}
	}
	return string(b)
}
