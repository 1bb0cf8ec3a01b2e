// Package check says whether `driftd run` would work with a config, before it is
// run: each thing that it needs is looked at, and each failure comes with its mend.
//
// What belongs here: looking, and words. What does not: printing, and changing
// anything: no topic is made, no offset committed, no migration applied, no file
// created. Every call has a deadline of a few seconds; what could not be looked at
// in time says so.
package check
