package inspect

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// format is what a record's bytes are. Its name tells people.
type format struct {
	name   string
	advice string // what to do when most records are so
	json   bool   // an object, or an array with objects or arrays
}

const asJSON = "Have the producer write plain JSON, or copy the topic to one in JSON (Kafka Connect's JsonConverter with schemas.enable=false, ksqlDB with VALUE_FORMAT='JSON', a few lines of your own), and run init on that."

var (
	objectFormat    = format{name: "JSON objects", json: true}
	batchFormat     = format{name: "JSON arrays", json: true}
	tombstoneFormat = format{name: "null values (tombstones)", advice: "They carry nothing to watch. Is it the topic that you meant?"}
	emptyFormat     = format{name: "empty values", advice: "They carry nothing to watch. Is it the topic that you meant?"}
	scalarFormat    = format{name: "JSON values that are no objects", advice: "An event is a JSON object with names for its values, as in {\"features\":{\"amount\":12.5}}. Have the producer write one."}
	twiceFormat     = format{name: "JSON inside a JSON string (encoded twice)", advice: "The producer encodes the event to JSON and then the text again. Take out one of the two."}
	linesFormat     = format{name: "several JSON values in one record", advice: "A record is one event, or one array of events (read with sources[].map.rows). Have the producer send one a record, or put the lines into an array."}
	pythonFormat    = format{name: "the text of a Python dict, not JSON", advice: "Have the producer use json.dumps(event) instead of str(event)."}
	bomFormat       = format{name: "JSON behind a byte order mark", advice: "Have the producer write UTF-8 without a byte order mark (in Python: encoding utf-8, not utf-8-sig)."}
	brokenFormat    = format{name: "JSON that is malformed or cut short", advice: "Read one record with kafka-console-consumer and check it with a JSON parser; records cut at a fixed length point to a limit in the producer."}
	csvFormat       = format{name: "CSV", advice: "driftd needs names for values. Have the producer write JSON objects; a file of rows becomes events with `driftd produce`."}
	textFormat      = format{name: "text", advice: "driftd reads JSON. Is it the topic that you meant?"}
	xmlFormat       = format{name: "XML", advice: asJSON}
	binaryFormat    = format{name: "binary data of a format that is not known", advice: "It may be encrypted, or of a serializer of your own. " + asJSON}
)

// parsed is a record that is JSON.
type parsed struct {
	rec  *Record
	root *node
}

// formatOf says what a value is, and reads it when it is JSON.
func formatOf(value []byte) (format, *node) {
	switch b := bytes.TrimLeft(value, " \t\r\n"); {
	case value == nil:
		return tombstoneFormat, nil
	case len(b) == 0:
		return emptyFormat, nil
	case b[0] == '{' || b[0] == '[' || b[0] == '"':
		n, err := parse(b)
		switch {
		case err == errMore:
			return linesFormat, nil
		case err != nil && looksPython(b):
			return pythonFormat, nil
		case err != nil && utf8.Valid(b) && printable(b):
			return brokenFormat, nil
		case err != nil:
			return binaryOf(value), nil // 0x5b and 0x7b begin other things too
		case n.kind == isObject:
			return objectFormat, n
		case n.kind == isArray && len(n.items) > 0 && (n.items[0].kind == isObject || n.items[0].kind == isArray):
			return batchFormat, n
		case n.kind == isText:
			if inner, err := parse([]byte(n.text)); err == nil && inner.kind == isObject {
				return twiceFormat, nil
			}
		}
		return scalarFormat, nil
	case bytes.HasPrefix(b, []byte("\xef\xbb\xbf{")):
		return bomFormat, nil
	case utf8.Valid(value) && printable(value):
		return text(b), nil
	}
	return binaryOf(value), nil
}

func looksPython(b []byte) bool {
	return bytes.HasPrefix(b, []byte("{'")) || bytes.HasPrefix(b, []byte("[{'"))
}

func printable(b []byte) bool {
	for _, r := range string(b[:min(len(b), 4096)]) {
		if r < ' ' && !unicode.IsSpace(r) || r == unicode.ReplacementChar || r == 0x7f {
			return false
		}
	}
	return true
}

func text(b []byte) format {
	if _, err := parse(b); err == nil {
		return scalarFormat
	}
	line, _, _ := strings.Cut(string(b), "\n")
	switch {
	case b[0] == '<':
		return xmlFormat
	case strings.Count(line, ",") >= 2 || strings.Count(line, ";") >= 2 || strings.Count(line, "\t") >= 2:
		return csvFormat
	}
	return textFormat
}

// classify fills what the report says of formats and gives the JSON records.
func classify(records []Record, r *Report) []parsed {
	counts := map[format]int{}
	var out []parsed
	for i := range records {
		f, n := formatOf(records[i].Value)
		counts[f]++
		if f.json {
			out = append(out, parsed{&records[i], n})
		}
	}
	order := make([]format, 0, len(counts))
	most := format{}
	for f := range counts {
		order = append(order, f)
	}
	slices.SortFunc(order, func(a, b format) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a.name, b.name))
	})
	for _, f := range order {
		r.Formats = append(r.Formats, Share{f.name, counts[f], float64(counts[f]) / float64(len(records))})
		if most.name == "" && f != tombstoneFormat {
			most = f
		}
	}
	if most.name == "" && len(order) > 0 {
		most = order[0]
	}
	// Half of what is not a tombstone must be JSON for a map to be worth it.
	r.Readable = len(out) > 0 && 2*len(out) >= len(records)-counts[tombstoneFormat]
	if r.Readable {
		return out
	}
	r.Is, r.Advice = most.name, most.advice
	for _, x := range records {
		if f, _ := formatOf(x.Value); f == most {
			r.Failures = append(r.Failures, Failure{"undecodable", counts[f], x.Partition, x.Offset, f.name, excerpt(x.Value)})
			break
		}
	}
	return nil
}

// excerptBytes of a value are shown: enough to know it again, too few to spread
// what is in it.
const excerptBytes = 60

func excerpt(b []byte) string {
	if b == nil {
		return "null"
	}
	dots := ""
	if len(b) > excerptBytes {
		b, dots = b[:excerptBytes], ".."
		if whole := trimRune(b); !utf8.Valid(b) && utf8.Valid(whole) {
			b = whole
		}
	}
	if !utf8.Valid(b) {
		return fmt.Sprintf("%x", b) + dots
	}
	var out strings.Builder
	for _, r := range string(b) {
		if unicode.IsPrint(r) {
			out.WriteRune(r)
			continue
		}
		q := strconv.QuoteRune(r)
		out.WriteString(q[1 : len(q)-1])
	}
	return out.String() + dots
}

// trimRune drops a character that was cut at the end.
func trimRune(b []byte) []byte {
	for i := 1; i <= utf8.UTFMax && i <= len(b); i++ {
		if utf8.RuneStart(b[len(b)-i]) {
			return b[:len(b)-i]
		}
	}
	return b
}
