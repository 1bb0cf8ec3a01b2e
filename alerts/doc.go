// Package alerts turns results into incidents: a pure state machine for each
// series. No clock and no I/O: times are arguments.
//
// What belongs here: when an incident opens, grows and closes, how its columns
// are ranked and what it says. What does not: the tests (detectors), and how an
// incident reaches a person (alertmanager/).
package alerts
