//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// member is a place for a driftd process.
type member struct {
	id          int
	config, log string
	addr        string // of its metrics
	cmd         *exec.Cmd
	done        chan struct{} // closed when the process has ended
	err         error         // how
	paused      bool
	leaving     bool // it was told to end
}

// up says whether its process runs, which may be one that stands still.
func (m *member) up() bool {
	if m.cmd == nil {
		return false
	}
	select {
	case <-m.done:
		return false
	default:
		return true
	}
}

func (m *member) start(bin string) error {
	f, err := os.OpenFile(m.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // the process has its own
	c := exec.Command(bin, "run", "-c", m.config)
	c.Stdout, c.Stderr = f, f
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := c.Start(); err != nil {
		return err
	}
	done := make(chan struct{})
	m.cmd, m.done, m.paused, m.leaving = c, done, false, false
	go func() {
		m.err = c.Wait()
		close(done)
	}()
	return nil
}

func (m *member) signal(sig syscall.Signal) {
	if m.up() {
		_ = m.cmd.Process.Signal(sig) // an error means that it has just ended
	}
}

// kill9 returns when the process has gone.
func (m *member) kill9() {
	if m.up() {
		m.leaving = true
		m.signal(syscall.SIGKILL)
		<-m.done
	}
}

// terminate ends a process gently, and says when it takes too long or fails at it.
func (m *member) terminate() error {
	if !m.up() {
		return nil
	}
	m.leaving = true
	m.signal(syscall.SIGTERM)
	select {
	case <-m.done:
		if m.err != nil {
			return fmt.Errorf("process %d ended with %w after SIGTERM", m.id, m.err)
		}
		return nil
	case <-time.After(30 * time.Second):
		m.kill9()
		return fmt.Errorf("process %d did not end within 30 s of SIGTERM", m.id)
	}
}
