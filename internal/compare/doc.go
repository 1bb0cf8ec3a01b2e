// Package compare holds two files of rows against each other: the rule of the
// monitor, on one window that is a whole file, with rows taken to be independent,
// and the two-sample tests that only raw rows allow. What does not belong here:
// file formats (rows), the rule itself (detectors), flags and exit codes
// (cmd/driftd).
package compare
