// Package sim runs driftd's pipeline thousands of times in virtual time against
// faults drawn from a seed, and compares what it wrote with an oracle that is
// written apart from it: `make sim RUNS=10000 SEED=1`.
//
// One run is a testing/synctest bubble: an in-process broker, one to three
// processes with all their goroutines, and a network between them that can do to
// each request what networks and kill -9 do. Waiting costs nothing there, so a
// session timeout is as cheap as a round trip.
//
// What belongs here: the faults and the world they happen in. What does not: the
// oracle (internal/oracle), and anything that a production run uses.
//
//	net_test.go     the network: every request of a process passes here
//	fault_test.go   which faults there are, and how a seed draws them
//	happen_test.go  what is done to the world: clocks, topics, records, the sink
//	world_test.go   the broker, the processes, a run from its start to its end
//	reference_test.go another reference, and from when on it holds
//	traffic_test.go events, late and odd ones among them, and transactions
//	ends_test.go    what stands for the table, Alertmanager and the log
//	compare_test.go the table held against the oracle
//	sim_test.go     a run, and many
package sim
