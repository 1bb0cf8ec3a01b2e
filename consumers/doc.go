// Package consumers turns Kafka bytes into events: group membership (group.go)
// and which partitions a member gets (sticky.go), the JSON scanner (scan.go,
// number.go), the shape of a source's records (shape.go) and the decoder that
// places each value in a model's layout while it reads (decoder.go).
//
// What does not belong here: fetching (internal/kafka), counting what was
// decoded (driftd.Profile), and what is done with a record that cannot be used
// (internal/pipeline).
package consumers
