package consumers

import (
	"errors"
	"unicode/utf16"
	"unicode/utf8"
)

// A small JSON scanner over bytes: positions in, positions out, no allocation.
// It accepts JSON and, as values, the bare words NaN, Infinity and -Infinity
// that Python writes. Every function returns the position after what it read.

var (
	errEnd     = errors.New("the record ends in the middle of a JSON value")
	errSyntax  = errors.New("not JSON")
	errDepth   = errors.New("nested deeper than 64 levels")
	errTrailer = errors.New("something follows the JSON value")
)

const maxDepth = 64

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

// stringEnd is the position of the closing quote of a string whose contents
// start at i, and whether it holds an escape.
func stringEnd(b []byte, i int) (end int, escaped bool, err error) {
	for i < len(b) {
		switch b[i] {
		case '"':
			return i, escaped, nil
		case '\\':
			escaped = true
			i++
		}
		i++
	}
	return 0, false, errEnd
}

// skipValue steps over one value that starts at i.
func skipValue(b []byte, i, depth int) (int, error) {
	if i >= len(b) {
		return 0, errEnd
	}
	if depth > maxDepth {
		return 0, errDepth
	}
	switch c := b[i]; {
	case c == '"':
		end, _, err := stringEnd(b, i+1)
		return end + 1, err
	case c == '{':
		return skipMembers(b, i+1, depth, '}')
	case c == '[':
		return skipMembers(b, i+1, depth, ']')
	}
	return skipWord(b, i)
}

func skipMembers(b []byte, i, depth int, closer byte) (int, error) {
	if i = skipSpace(b, i); i < len(b) && b[i] == closer {
		return i + 1, nil
	}
	for {
		var err error
		if closer == '}' {
			if _, i, _, err = readKey(b, i); err != nil {
				return 0, err
			}
		}
		if i, err = skipValue(b, skipSpace(b, i), depth+1); err != nil {
			return 0, err
		}
		i = skipSpace(b, i)
		if i >= len(b) {
			return 0, errEnd
		}
		if b[i] == closer {
			return i + 1, nil
		}
		if b[i] != ',' {
			return 0, errSyntax
		}
		i = skipSpace(b, i+1)
	}
}

// readKey reads `"key" :` at i: the raw key, the position of its value, and
// whether it holds an escape.
func readKey(b []byte, i int) (key []byte, next int, escaped bool, err error) {
	if i >= len(b) {
		return nil, 0, false, errEnd
	}
	if b[i] != '"' {
		return nil, 0, false, errSyntax
	}
	end, escaped, err := stringEnd(b, i+1)
	if err != nil {
		return nil, 0, false, err
	}
	key = b[i+1 : end]
	i = skipSpace(b, end+1)
	if i >= len(b) {
		return nil, 0, false, errEnd
	}
	if b[i] != ':' {
		return nil, 0, false, errSyntax
	}
	return key, skipSpace(b, i+1), escaped, nil
}

// words that may stand as a value.
var words = [...]string{"true", "false", "null", "NaN", "Infinity", "-Infinity"}

// skipWord steps over a number or one of the words.
func skipWord(b []byte, i int) (int, error) {
	c := b[i]
	if c >= '0' && c <= '9' || c == '-' && i+1 < len(b) && b[i+1] >= '0' && b[i+1] <= '9' {
		_, next, err := readNumber(b, i)
		return next, err
	}
	for _, w := range words {
		if len(b)-i >= len(w) && string(b[i:i+len(w)]) == w {
			return i + len(w), nil
		}
	}
	return 0, errSyntax
}

// unescape appends the contents of a JSON string to dst.
func unescape(dst, s []byte) ([]byte, error) {
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			dst = append(dst, s[i])
			continue
		}
		i++
		if i >= len(s) {
			return dst, errSyntax
		}
		switch s[i] {
		case '"', '\\', '/':
			dst = append(dst, s[i])
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			r, ok := hex4(s, i+1)
			if !ok {
				return dst, errSyntax
			}
			i += 4
			if utf16.IsSurrogate(r) {
				low, ok := rune(0), false
				if i+2 < len(s) && s[i+1] == '\\' && s[i+2] == 'u' {
					low, ok = hex4(s, i+3)
				}
				if r = utf16.DecodeRune(r, low); ok && r != utf8.RuneError {
					i += 6
				}
			}
			dst = utf8.AppendRune(dst, r)
		default:
			return dst, errSyntax
		}
	}
	return dst, nil
}

func hex4(s []byte, i int) (r rune, ok bool) {
	if i+4 > len(s) {
		return 0, false
	}
	for _, c := range s[i : i+4] {
		switch {
		case c >= '0' && c <= '9':
			r = r<<4 | rune(c-'0')
		case c >= 'a' && c <= 'f':
			r = r<<4 | rune(c-'a'+10)
		case c >= 'A' && c <= 'F':
			r = r<<4 | rune(c-'A'+10)
		default:
			return 0, false
		}
	}
	return r, true
}
