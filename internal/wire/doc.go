// Package wire is the form of driftd's own records in Kafka and in reference
// files: driftd.proto, the code generated from it, and conversion to and from
// the root package's types. What does not belong here: reading or writing topics.
package wire
