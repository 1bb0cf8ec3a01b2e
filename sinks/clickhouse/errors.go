package clickhouse

import (
	"errors"
	"fmt"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// dataError is an error of a row that the client found itself.
type dataError struct{ err error }

func (e dataError) Error() string { return e.err.Error() }
func (e dataError) Unwrap() error { return e.err }

// dataCodes are the codes of ClickHouse's errors that say that the rows themselves cannot be kept, so that no retry
// helps. Every other error is tried again: a missing table or right, a full disk and the like are mended by people while
// the results wait in Kafka, and a row that is given up by mistake would be lost.
var dataCodes = map[int32]bool{
	6:   true, // CANNOT_PARSE_TEXT
	41:  true, // CANNOT_PARSE_DATETIME
	53:  true, // TYPE_MISMATCH
	69:  true, // ARGUMENT_OUT_OF_BOUND
	70:  true, // CANNOT_CONVERT_TYPE
	117: true, // INCORRECT_DATA
	128: true, // TOO_LARGE_ARRAY_SIZE
	131: true, // TOO_LARGE_STRING_SIZE
	190: true, // SIZES_OF_ARRAYS_DONT_MATCH
	321: true, // VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE
	349: true, // CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN
	469: true, // VIOLATED_CONSTRAINT
}

// isData tells whether an insert was refused for what its rows are.
func isData(err error) bool {
	var own dataError
	if errors.As(err, &own) {
		return true
	}
	var ex *clickhouse.Exception
	if !errors.As(err, &ex) {
		return false
	}
	// 252 TOO_MANY_PARTS is mostly a call to wait, but a block that spans more months than a block may have is refused
	// for ever; its halves are not.
	return dataCodes[ex.Code] || ex.Code == 252 && strings.Contains(ex.Message, "partitions for single INSERT block")
}

// mend says what to do about the errors that a wrong set-up causes.
var mend = map[int32]string{
	60:  "a table is missing: drop driftd_migrations, and driftd makes the tables again",
	81:  "the database is missing: create it, or restart driftd to have it made",
	16:  "a column is missing: a table was changed by hand; restore the column",
	497: "grant the user SELECT, INSERT, CREATE TABLE and ALTER TABLE on the database, and CREATE DATABASE if it is missing",
	516: "check sinks.clickhouse.username and password_file",
	243: "the disk of ClickHouse is full: free space, or shorten the retention",
}

// Mend says what to do about an error of ClickHouse that a wrong set-up causes; "" when that is not known.
func Mend(err error) string {
	var ex *clickhouse.Exception
	if !errors.As(err, &ex) {
		return ""
	}
	if ex.Code == 497 {
		// The right to use a table's engine is apart from that to make tables, and easily forgotten.
		if _, after, found := strings.Cut(ex.Message, "TABLE ENGINE ON "); found {
			engine := strings.FieldsFunc(after, func(r rune) bool { return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z') })
			if len(engine) > 0 {
				return fmt.Sprintf("GRANT TABLE ENGINE ON %s TO the user; it is not part of CREATE TABLE", engine[0])
			}
		}
	}
	return mend[ex.Code]
}

// explain adds what to do to an error.
func explain(err error) error {
	if m := Mend(err); m != "" {
		return fmt.Errorf("%w: %s", err, m)
	}
	return err
}
