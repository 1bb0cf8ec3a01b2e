// Package sim runs driftd's pipeline thousands of times in virtual time against
// faults drawn from a seed, and compares what it wrote with an oracle that is
// written apart from it: `make sim RUNS=10000 SEED=1`.
//
// One run is a testing/synctest bubble: an in-process broker, one to three
// processes with all their goroutines, and a network between them that can do to
// each request what networks and kill -9 do. Waiting costs nothing there, so a
// session timeout is as cheap as a round trip.
//
// What belongs here: the faults, the world they happen in and the oracle. What
// does not: anything that a production run uses.
//
//	net_test.go     the network: every request of a process passes here
//	fault_test.go   which faults there are, and how a seed draws them
//	world_test.go   the broker, the processes, the traffic
//	oracle_test.go  sections 4 and 5 of the design, applied to sorted records
//	sim_test.go     a run, and many
package sim
