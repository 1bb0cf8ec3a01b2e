// Package driftd holds the words of the drift monitor as types: what an event
// says about a column, how a model's columns are cut up (Layout), the mergeable
// summary of one pane (Profile), what a window is compared with (Reference) and
// what is said about it (Result).
//
// What belongs here: types, their invariants, and operations whose meaning is
// the type's own (placing a value in a layout, merging two profiles, cutting
// time into panes and windows). What does not: I/O, clocks, goroutines,
// statistics (detectors), wire formats (internal/wire).
package driftd
