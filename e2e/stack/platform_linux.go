package stack

import (
	"os"
	"syscall"
)

// childAttr puts a server into a process group of its own, so that Ctrl-C on a terminal reaches only its parent, which
// stops the servers in order; and has the kernel kill it when the parent dies in whatever way.
func childAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// lock waits for the sole use of a file; closing it ends that.
func lock(f *os.File) error { return syscall.Flock(int(f.Fd()), syscall.LOCK_EX) }

const (
	pauseSignal  = syscall.SIGSTOP
	resumeSignal = syscall.SIGCONT
)
