package embedded

import (
	"math"
	"strconv"
	"time"
)

// appendFixed writes x with the given number of decimals (0 to 6), as JSON wants
// it. By way of an integer: a third of the time of strconv.AppendFloat.
func appendFixed(b []byte, x float64, decimals int) []byte {
	scale := int64(1)
	for range decimals {
		scale *= 10
	}
	n := int64(math.Round(x * float64(scale)))
	if n < 0 {
		b, n = append(b, '-'), -n
	}
	b = strconv.AppendInt(b, n/scale, 10)
	if decimals == 0 {
		return b
	}
	b = append(b, '.')
	for rest := n % scale; scale > 1; rest %= scale {
		scale /= 10
		b = append(b, byte('0'+rest/scale))
	}
	return b
}

// appendTime writes a time of Unix milliseconds as RFC 3339.
func appendTime(b []byte, ms int64) []byte {
	return time.UnixMilli(ms).UTC().AppendFormat(b, "2006-01-02T15:04:05.000Z")
}

// appendHead opens an event up to and with `"features":{`.
func appendHead(b []byte, model, version, country string, ms int64) []byte {
	b = append(append(append(b, `{"model":"`...), model...), `","version":"`...)
	b = append(append(b, version...), `","time":"`...)
	b = append(appendTime(b, ms), `","tags":{"country":"`...)
	return append(append(b, country...), `"},"features":{`...)
}
