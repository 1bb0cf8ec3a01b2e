package consumers

import (
	"math"
	"strconv"
	"unsafe"
)

// readNumber parses the JSON number at i exactly as strconv.ParseFloat would:
// the fast way (Clinger, How to read floating point numbers accurately, 1990)
// where digits and exponent are small, the library for the rest. A number
// beyond the range of a float is an infinity.
func readNumber(b []byte, i int) (x float64, next int, err error) {
	start := i
	neg := i < len(b) && b[i] == '-'
	if neg {
		i++
	}
	var mant uint64
	digits, exp := 0, 0
	first := i
	for ; i < len(b) && b[i]-'0' <= 9; i++ {
		mant = mant*10 + uint64(b[i]-'0')
	}
	digits = i - first
	if digits == 0 || digits > 1 && b[first] == '0' {
		return 0, 0, numberError(b, i)
	}
	if i < len(b) && b[i] == '.' {
		i++
		point := i
		for ; i < len(b) && b[i]-'0' <= 9; i++ {
			mant = mant*10 + uint64(b[i]-'0')
		}
		if i == point {
			return 0, 0, numberError(b, i)
		}
		exp = point - i
		digits += i - point
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		i++
		eneg := i < len(b) && b[i] == '-'
		if eneg || i < len(b) && b[i] == '+' {
			i++
		}
		e, from := 0, i
		for ; i < len(b) && b[i]-'0' <= 9; i++ {
			if e < 1<<20 {
				e = e*10 + int(b[i]-'0')
			}
		}
		if i == from {
			return 0, 0, numberError(b, i)
		}
		if eneg {
			e = -e
		}
		exp += e
	}
	if digits <= 19 {
		if x, ok := fastFloat(mant, exp, neg); ok {
			return x, i, nil
		}
	}
	// ParseFloat only reads the string: a view is safe, and costs no allocation.
	x, perr := strconv.ParseFloat(unsafe.String(&b[start], i-start), 64) //nolint:gosec // of bytes that are not changed meanwhile
	if perr != nil && !math.IsInf(x, 0) {
		return 0, 0, errSyntax
	}
	return x, i, nil
}

func numberError(b []byte, i int) error {
	if i >= len(b) {
		return errEnd
	}
	return errSyntax
}
