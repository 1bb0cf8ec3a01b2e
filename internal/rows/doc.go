// Package rows reads files of events (CSV, JSON lines, Parquet; plain or gzip)
// and gives each row as the native JSON event that a service would have sent.
//
// What belongs here: file formats, the kinds of their columns, the row clock.
// What does not: what an event means (consumers). Everything that reads files
// (reference build, replay, produce) goes through here, so that a row becomes
// the same bytes in each of them.
package rows
