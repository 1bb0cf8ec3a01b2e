// Package alerts turns the results of closed windows into incidents: one thing to tell a person about, once.
//
// It is a pure state machine. What has happened is its argument, time with it; it reads no clock and does no I/O, so that
// live traffic, a replay of it and a test by hand give the same incidents. The rules are those of a sequence of evaluated
// windows of one column and one window length (a history); empty, incomplete, late and learning windows are in no history:
// they are neither flags nor clean.
//
//   - A drift incident opens when a watched column has 2 flags among its last 3 evaluated windows of one length.
//   - A series has at most one open incident. A column that qualifies while it is open is added and announced once.
//   - It resolves when each column and length that flagged while it was open has 3 consecutive clean evaluated windows.
//   - A no_data incident opens when an expected model's segment `all` has 2 consecutive base windows without events, and
//     resolves at the first with some. It never opens beside a drift incident, which is there to be seen already and stays
//     open; and drift that begins while it is open waits for its end.
//   - Beside these, a series has at most one open incident of the fast lane, which looks at panes: a schema_break opens when
//     3 panes in a row lack what nearly all of the reference's events had, and is over when 3 are whole. Windows that such a
//     break lies in tell nobody of its columns: that is told already.
//
// What belongs here: the rules, severity, ranking and the words of a page. What does not: sending them (alertmanager).
package alerts
