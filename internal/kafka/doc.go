// Package kafka is driftd's client for Apache Kafka: fetch, produce, commit,
// topics and offsets. It is the only importer of kafka-go besides the group
// loop in package consumers.
//
// What belongs here: bytes, offsets, batches, errors of brokers and waiting for
// them. What does not: what a record means. Nothing here knows of events,
// profiles or models.
//
// How it is cut up:
//
//	client.go, security.go   connections, TLS, SASL
//	route.go                 any request to any broker over kafka-go's Transport
//	metadata.go, topics.go   partitions, leaders, making topics
//	offsets.go, commit.go    ListOffsets; fenced commits with metadata
//	produce.go               acks=all, lz4, retried until the context ends
//	fetchwire.go             the Fetch API, v4 to v11, with raw record bytes
//	fetcher.go, fetchloop.go the fetch loops: one pair per leader
//	batch.go                 batch headers, CRC32C, what may be believed
//	tail.go                  the last records of a topic
//	walk.go, record.go       from batches to records; read_committed
//	decompress.go            gzip, snappy, lz4, zstd with bounds
//
// kafka.Reader, kafka.Writer and kafka-go's Client.Fetch are not used: they
// deliver records before the wanted offset, records of aborted transactions and
// control records, and swallow a CRC error behind a good batch (kafka-go
// v0.4.51). They are not broken by this package: it registers nothing in
// kafka-go's table of message types.
package kafka
