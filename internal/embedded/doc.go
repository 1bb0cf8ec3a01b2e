// Package embedded is what driftd needs to show itself without any server: a
// Kafka broker inside the process (broker.go) and a generator of three models'
// traffic with known changes at known times (generator.go). The demo and the
// tests of the pipeline stand on it.
//
// What belongs here: invented traffic and the broker that carries it. What does
// not: anything that a production run uses.
//
//	broker.go     the broker
//	generator.go  users, sessions and the order of events
//	models.go     what each model's events say
//	changes.go    what changes, when, and whether it matters
//	write.go      events into a topic
//	random.go     random numbers that are a function of their seed
//	json.go       JSON by hand
package embedded
