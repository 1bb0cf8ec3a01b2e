package consumers

import (
	"time"
	"unsafe"

	"github.com/driftd/driftd"
)

// parseTime reads RFC 3339 (with "T" or a space, with or without an offset:
// none means UTC; a date alone is its midnight) or a number of the unit. Times that 64 bits
// of nanoseconds cannot hold saturate.
func parseTime(s []byte, unit TimeUnit) (int64, bool) {
	if t, ok := parseFast(s); ok {
		return t, true
	}
	if len(s) == 0 {
		return 0, false
	}
	if x, next, err := readNumber(s, 0); err == nil && next == len(s) {
		return scaleTime(s, x, unitOf(unit, x)), true
	}
	text := unsafe.String(&s[0], len(s)) //nolint:gosec // only read below
	for _, form := range []string{time.RFC3339Nano, "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999", "2006-01-02"} {
		if t, err := time.Parse(form, text); err == nil {
			return saturate(t), true
		}
	}
	return 0, false
}

// ParseTime is parseTime for strings outside the decoder (files, flags).
func ParseTime(s string) (int64, bool) { return parseTime([]byte(s), UnitAuto) }

func saturate(t time.Time) int64 {
	switch y := t.Year(); {
	case y < 1678:
		return driftd.MinTime
	case y > 2261:
		return driftd.MaxTime
	}
	return t.UnixNano()
}

// scaleTime multiplies exactly where the number is an integer: a float has not
// enough digits for nanoseconds.
func scaleTime(s []byte, x, unit float64) int64 {
	if y := x * unit; y >= 9.2e18 {
		return driftd.MaxTime
	} else if y <= -9.2e18 {
		return driftd.MinTime
	}
	var n int64
	i, neg := 0, s[0] == '-'
	if neg {
		i++
	}
	for ; i < len(s); i++ {
		if s[i]-'0' > 9 {
			return int64(x * unit)
		}
		n = n*10 + int64(s[i]-'0')
	}
	if neg {
		n = -n
	}
	return n * int64(unit)
}

// parseFast reads 2006-01-02T15:04:05[.fraction]Z, what most services write.
func parseFast(s []byte) (int64, bool) {
	if len(s) < 20 || s[4] != '-' || s[7] != '-' || s[10] != 'T' || s[13] != ':' || s[16] != ':' || s[len(s)-1] != 'Z' {
		return 0, false
	}
	num := func(from, to int) int {
		n := 0
		for _, c := range s[from:to] {
			if c-'0' > 9 {
				return -1 << 20
			}
			n = n*10 + int(c-'0')
		}
		return n
	}
	y, mo, da := num(0, 4), num(5, 7), num(8, 10)
	h, mi, se := num(11, 13), num(14, 16), num(17, 19)
	if y < 1678 || y > 2261 || mo < 1 || mo > 12 || da < 1 || da > 28 || h < 0 || h > 23 || mi < 0 || mi > 59 || se < 0 || se > 59 {
		if da < 29 || da > 31 || y < 1678 || y > 2261 || mo < 1 || mo > 12 || h < 0 || h > 23 || mi < 0 || mi > 59 || se < 0 || se > 59 {
			return 0, false
		}
		if time.Date(y, time.Month(mo), da, 0, 0, 0, 0, time.UTC).Day() != da {
			return 0, false // 30 February
		}
	}
	ns, scale := int64(0), int64(time.Second)
	if len(s) > 20 {
		if s[19] != '.' || len(s) > 30 {
			return 0, false
		}
		for _, c := range s[20 : len(s)-1] {
			if c-'0' > 9 {
				return 0, false
			}
			scale /= 10
			ns += int64(c-'0') * scale
		}
	}
	secs := (daysFromCivil(y, mo, da)*24+int64(h))*3600 + int64(mi)*60 + int64(se)
	return secs*int64(time.Second) + ns, true
}

// daysFromCivil counts days since 1970-01-01 in the proleptic Gregorian
// calendar (years from March, so that the leap day comes last).
func daysFromCivil(y, m, d int) int64 {
	if m <= 2 {
		y--
		m += 12
	}
	era := y / 400
	yoe := y - era*400
	doy := (153*(m-3)+2)/5 + d - 1
	doe := yoe*365 + yoe/4 - yoe/100 + doy
	return int64(era)*146097 + int64(doe) - 719468
}
