package compare

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/driftd/driftd"
)

//go:embed page.html
var pageText string

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"number":   number,
	"pvalue":   pvalue,
	"share":    func(a, b uint64) string { return shareOf(a, b) },
	"count":    count,
	"chart":    func(c Column, i int) template.HTML { return c.svg(i) },
	"verdict":  verdictWords,
	"sentence": func(r *Report) string { return r.Sentence() },
	"level":    func(x float64) string { return strconv.FormatFloat(100*x, 'g', 3, 64) + " %" },
	"pair":     func(i int, c Column) map[string]any { return map[string]any{"I": i, "C": c} },
	"plus":     func(a, b int) int { return a + b },
	"short":    func(s string) string { return shorten(s, 48) },
}).Parse(pageText))

// HTML writes one page that needs nothing else: no script, no font, no network.
func (r *Report) HTML(w io.Writer) error {
	var drifted, rest []Column
	for _, c := range r.Columns {
		switch {
		case len(c.Tests) == 0: // the table has all that there is to say
		case c.Drift():
			drifted = append(drifted, c)
		default:
			rest = append(rest, c)
		}
	}
	err := page.Execute(w, map[string]any{"Report": r, "Drifted": drifted, "Rest": rest})
	if err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	return nil
}

// Sentence says in one what was found.
func (r *Report) Sentence() string {
	compared, small, unsure, gone := 0, 0, 0, 0
	for i := range r.Columns {
		c := &r.Columns[i]
		switch {
		case c.Verdict == Gone:
			gone++
			continue
		case c.Verdict == Added || c.Verdict == LeftOut:
			continue
		case c.SmallDifference:
			small++
		case c.Verdict == driftd.Insufficient || c.Verdict == driftd.NoData:
			unsure++
		}
		compared++
	}
	var parts []string
	switch drifted := r.Drifted - gone; drifted {
	case 0:
		parts = append(parts, fmt.Sprintf("None of %s drifted", plural(compared, "column")))
	default:
		parts = append(parts, fmt.Sprintf("%d of %s drifted", drifted, plural(compared, "column")))
	}
	if gone > 0 {
		parts = append(parts, plural(gone, "column")+" gone")
	}
	if small > 0 {
		parts = append(parts, fmt.Sprintf("%d changed too little to matter", small))
	}
	if unsure > 0 {
		parts = append(parts, fmt.Sprintf("%d could not be judged", unsure))
	}
	return strings.Join(parts, "; ") + "."
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return strconv.Itoa(n) + " " + word + "s"
}

// verdictWords is a column's verdict for people.
func verdictWords(c Column) string {
	switch {
	case c.SmallDifference:
		return "ok (too small)"
	case c.Verdict == LeftOut:
		return "left out"
	case c.Verdict == driftd.NoData:
		return "no data"
	}
	return string(c.Verdict)
}

func number(f driftd.Float) string {
	x := float64(f)
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return "–"
	}
	if a := math.Abs(x); a >= 1000 && a < 1e7 {
		return strconv.FormatFloat(x, 'f', 0, 64)
	}
	return strconv.FormatFloat(x, 'g', 3, 64)
}

// pvalue is number, and says so where a p-value is below what a float holds.
func pvalue(f driftd.Float) string {
	if f == 0 {
		return "<1e-300"
	}
	return number(f)
}

func shareOf(a, b uint64) string {
	if b == 0 {
		return "–"
	}
	if a == 0 {
		return "0"
	}
	return strconv.FormatFloat(100*float64(a)/float64(b), 'g', 3, 64) + " %"
}

// count writes a number with commas.
func count(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
