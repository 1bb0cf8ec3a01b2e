// Package e2e holds driftd's end-to-end tests, which run against real servers (package stack starts them): make e2e.
// What can be shown with Go alone belongs in the tests of the package that it is about. No test here may skip: a
// server that cannot be started is a failure.
package e2e
