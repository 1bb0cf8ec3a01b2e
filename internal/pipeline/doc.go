// Package pipeline is driftd's data flow: PROFILE reads the users' topics and
// writes profiles of closed panes, DETECT judges windows and writes results,
// WRITE brings them into the sinks. Every arrow between them is a Kafka topic,
// every box a consumer group.
//
// READ FIRST: profile_task.go, where one function (record) shows an event's
// whole way; then detect_task.go and write_task.go.
//
// What does not belong here: how records are fetched (internal/kafka), decoded
// (consumers), judged (internal/detect, detectors), sent on (sinks, alerts).
//
// The invariants of exactness are numbered [E1].., those of time [T1].., as in docs/ARCHITECTURE.md.
package pipeline
