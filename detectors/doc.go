// Package detectors holds the statistics of the drift monitor as pure functions
// of counts: no clock, goroutine, I/O or logging, and no random numbers.
//
// One statistic a file: formula, source, special cases. decision.go is the rule
// that puts them together, with a file for each kind of column
// (decision_numeric.go, decision_category.go, pairs.go). What does not belong here: how profiles are made,
// which window is judged when (internal/detect), and what a person is told
// about it (alerts).
package detectors
