// Package detect is the pure step of DETECT: profiles of closed panes and a
// series' state in, results and the next state out. Live traffic, replay and
// (later) bootstrap and compare run the same step.
//
// What belongs here: cutting panes into windows, when a window closes, whether
// it may be judged, putting decisions into results. What does not: clocks and
// I/O (internal/pipeline), the statistics (detectors), who is told (alerts).
package detect
