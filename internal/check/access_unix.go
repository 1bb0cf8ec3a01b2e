//go:build unix

package check

import "golang.org/x/sys/unix"

// mayMakeFiles asks the kernel.
func mayMakeFiles(dir string) error { return unix.Access(dir, unix.W_OK|unix.X_OK) }
