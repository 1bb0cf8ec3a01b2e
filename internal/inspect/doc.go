// Package inspect looks at a sample of a topic's records and says what they are:
// their format, the models and columns in them, which tags would make good
// segments, how late events come; and it proposes the source of a config that
// reads them.
//
// It is pure: records in, report out. Its judgements are rules of thumb over
// names and values, so each proposal is tried: the real decoder reads the sample
// with it, and what the report says of models, columns and delays is what that
// decoder gave.
//
//	format.go, binary.go   what one record's bytes are
//	tree.go, fields.go     JSON as a tree; what is known of each dotted path
//	shape.go               envelopes and batches: where events stand in a record
//	propose.go, names.go   which path is the time, the model, the features, ..
//	times.go               paths that hold times, and their unit
//	decode.go, columns.go  the sample through the real decoder
//	tags.go, delay.go      segments, lateness, traffic
//	yaml.go, table.go      the config and the report as people read them
package inspect
