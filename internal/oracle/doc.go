// Package oracle says what driftd must have written, from the records alone: it is
// what the simulator and the runs with real faults hold the table of results
// against.
//
// What belongs here: the traffic of those runs, the design's rules of time applied
// to it record by record, plainly, and how a table is held against the outcome. It
// shares with the pipeline how a value is placed and a window is judged, which
// other tests hold against other things; which record counts where it finds by
// itself. What does not: anything that a production run uses.
//
//	traffic.go  events, their reference, and the settings that go with them
//	count.go    which record counts in which pane of which series
//	judge.go    the results that follow, and their rows
//	compare.go  a table held against them
package oracle
