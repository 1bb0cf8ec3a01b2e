package config

import (
	"fmt"
	"math"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
)

const day = 24 * time.Hour

// raw is the text of a scalar. Numbers are taken as they are written, so that 1.10 stays 1.10.
func (f *file) raw(v at) (string, bool) {
	switch x := v.node.(type) {
	case *ast.StringNode:
		return x.Value, true
	case *ast.LiteralNode:
		return x.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode:
		return x.GetToken().Value, true
	}
	return "", false
}

func (f *file) text(v at, to *string) {
	s, ok := f.raw(v)
	if isNull(v.node) {
		f.bad(v.node, "%s is empty; give it a value or remove the key", v.path)
		return
	}
	if !ok {
		mend := "text; write one value"
		if t, scalar := v.node.(ast.ScalarNode); scalar {
			mend = `text; quote it, as in "` + t.GetToken().Value + `"`
		}
		f.wrong(v, mend)
		return
	}
	if strings.TrimSpace(s) == "" {
		f.wrong(v, "a value; fill it in or remove the key")
		return
	}
	*to = s
}

// texts is a list of texts, each once.
func (f *file) texts(v at, to *[]string) {
	f.each(v, to, func(string) bool { return true }, "")
}

// each is a list of texts of one form.
func (f *file) each(v at, to *[]string, good func(string) bool, mend string) {
	var all []string
	for _, x := range f.list(v, "a list; write it as [a, b]") {
		var s string
		f.fits(x, &s, good, mend)
		switch {
		case s == "":
		case slices.Contains(all, s):
			f.bad(x.node, "%s: %q is in the list twice; keep one of them", x.path, s)
		default:
			all = append(all, s)
		}
	}
	*to = all
}

// fits takes a text when it is as it should be, or says so.
func (f *file) fits(v at, to *string, good func(string) bool, mend string) {
	var s string
	f.text(v, &s)
	if s == "" {
		return
	}
	if !good(s) {
		f.wrong(v, mend)
		return
	}
	*to = s
}

func (f *file) oneOf(v at, to *string, words ...string) {
	f.fits(v, to, func(s string) bool { return slices.Contains(words, s) }, "one of "+strings.Join(words, ", "))
}

func (f *file) boolean(v at, to *bool) {
	b, ok := v.node.(*ast.BoolNode)
	if !ok {
		f.wrong(v, "true or false")
		return
	}
	*to = b.Value
}

func (f *file) number(v at, to *float64, least, most float64, mend string) {
	if _, quoted := v.node.(*ast.StringNode); !quoted {
		if s, ok := f.raw(v); ok {
			x, err := strconv.ParseFloat(strings.ReplaceAll(s, "_", ""), 64)
			if err == nil && x >= least && x <= most { // not NaN
				*to = x
				return
			}
		}
	}
	f.wrong(v, mend)
}

func (f *file) whole(v at, to *int, least, most int, mend string) {
	x := float64(least)
	before := len(f.mistakes)
	f.number(v, &x, float64(least), float64(most), mend)
	if len(f.mistakes) > before {
		return
	}
	if x != math.Trunc(x) {
		f.wrong(v, mend)
		return
	}
	*to = int(x)
}

var durationParts = regexp.MustCompile(`^([0-9]+)(ms|s|m|h|d|w)`)

// ParseDuration reads a duration as the config has it: 90m, 6h, 1d12h, 2w.
func ParseDuration(s string) (time.Duration, error) {
	d, ok := parseDuration(s)
	if !ok {
		return 0, fmt.Errorf("%q is not a duration: write it as 90m, 6h or 2d", s)
	}
	return d, nil
}

// parseDuration reads 30s, 2m, 1h30m, 14d.
func parseDuration(s string) (time.Duration, bool) {
	units := map[string]time.Duration{"ms": time.Millisecond, "s": time.Second, "m": time.Minute, "h": time.Hour, "d": day, "w": 7 * day}
	if s == "" {
		return 0, false
	}
	total := time.Duration(0)
	for s != "" {
		m := durationParts.FindStringSubmatch(s)
		if m == nil {
			return 0, false
		}
		n, err := strconv.ParseInt(m[1], 10, 64)
		u := units[m[2]]
		if err != nil || n > int64((math.MaxInt64-total)/u) {
			return 0, false
		}
		total += time.Duration(n) * u
		s = s[len(m[0]):]
	}
	return total, true
}

const durationMend = "a duration; write it as 30s, 2m, 1h or 1d"

func (f *file) duration(v at, to *time.Duration, least, most time.Duration) {
	s, ok := f.raw(v)
	d, good := parseDuration(s)
	switch {
	case !ok || !good:
		f.wrong(v, durationMend)
	case d < least || d > most:
		f.wrong(v, "from "+words(least)+" to "+words(most)+"; choose one between")
	default:
		*to = d
	}
}

// words is a duration as the file has it.
func words(d time.Duration) string {
	if d == 0 {
		return "0s"
	}
	var b strings.Builder
	for _, u := range []struct {
		unit time.Duration
		name string
	}{{day, "d"}, {time.Hour, "h"}, {time.Minute, "m"}, {time.Second, "s"}, {time.Millisecond, "ms"}} {
		if n := d / u.unit; n > 0 {
			b.WriteString(strconv.FormatInt(int64(n), 10) + u.name)
			d -= n * u.unit
		}
	}
	return b.String()
}

var sizeParts = regexp.MustCompile(`^([0-9]+) ?(B|KiB|MiB|kB|MB)?$`)

func (f *file) size(v at, to *int, least, most int) {
	const mend = "a size from 1 KiB to 256 MiB; write it as 4 MiB"
	s, ok := f.raw(v)
	m := sizeParts.FindStringSubmatch(s)
	if !ok || m == nil {
		f.wrong(v, mend)
		return
	}
	n, err := strconv.ParseInt(m[1], 10, 40)
	n *= map[string]int64{"": 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "kB": 1e3, "MB": 1e6}[m[2]]
	if err != nil || n < int64(least) || n > int64(most) {
		f.wrong(v, mend)
		return
	}
	*to = int(n)
}

var topicName = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,249}$`)

func isTopic(s string) bool { return topicName.MatchString(s) && s != "." && s != ".." }

func isHostPort(s string) bool {
	host, port, err := net.SplitHostPort(s)
	n, bad := strconv.Atoi(port)
	return err == nil && bad == nil && host != "" && n > 0 && n < 65536 && !strings.ContainsAny(host, "/ ")
}

func isListen(s string) bool {
	return isHostPort(s) || strings.HasPrefix(s, ":") && isHostPort("x"+s)
}

func isURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.User == nil && u.RawQuery == ""
}
