// Package check has the test of deploy/compose: that Compose can load the file,
// and that what it promises holds.
package check
