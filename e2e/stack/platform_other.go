//go:build !linux

package stack

import (
	"os"
	"syscall"
)

// The servers run on linux alone (ClickHouse's package has no other build); this lets the package compile elsewhere.

func childAttr() *syscall.SysProcAttr { return nil }

func lock(*os.File) error { return nil }

// Signal 0 does nothing: the servers do not run here anyway.
const (
	pauseSignal  = syscall.Signal(0)
	resumeSignal = syscall.Signal(0)
)
