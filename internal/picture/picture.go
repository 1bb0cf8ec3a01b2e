// Package picture draws columns as text: a reference beside a window, for
// terminals and logs. What does not belong here: numbers that decide.
package picture

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/driftd/driftd"
)

// maxRows is how many bins or categories a picture shows.
const maxRows = 12

// barWidth is the length of the longest bar in characters.
const barWidth = 32

type row struct {
	label    string
	ref, cur float64 // shares
}

// Column draws a column's reference counts, and beside them a window's (nil for
// none). bins are as in driftd.ColumnResult.
func Column(l *driftd.ColumnLayout, ref *driftd.ColumnProfile, window []uint64) string {
	rows := rowsOf(l, ref, window)
	if len(rows) == 0 {
		return "  (no values)\n"
	}
	most := 0.0
	width := 0
	for _, r := range rows {
		most = max(most, r.ref, r.cur)
		width = max(width, len([]rune(r.label)))
	}
	var b strings.Builder
	for _, r := range rows {
		fmt.Fprintf(&b, "  %*s |%s %5.1f %%", width, r.label, bar(r.ref, most, '░'), 100*r.ref)
		if window != nil {
			fmt.Fprintf(&b, "\n  %*s |%s %5.1f %%", width, "", bar(r.cur, most, '█'), 100*r.cur)
		}
		b.WriteByte('\n')
	}
	if window != nil {
		b.WriteString("  ░ reference  █ window\n")
	}
	return b.String()
}

func bar(share, most float64, c rune) string {
	n := 0
	if most > 0 {
		n = int(math.Round(share / most * barWidth))
	}
	if n == 0 && share > 0 {
		return "▏"
	}
	return strings.Repeat(string(c), n)
}

func rowsOf(l *driftd.ColumnLayout, ref *driftd.ColumnProfile, window []uint64) []row {
	if l.Kind == driftd.Numeric {
		return numericRows(l, ref, window)
	}
	return levelRows(l, ref, window)
}

// numericRows groups the bins into spans of equal width between the 2 % and the 95 % point of
// the reference, so that the picture has the shape of the distribution.
func numericRows(l *driftd.ColumnLayout, ref *driftd.ColumnProfile, window []uint64) []row {
	b := l.Bins()
	if b == 0 || ref.Placed() == 0 {
		return nil
	}
	rc := make([]float64, len(ref.Bins))
	for i := range ref.Bins {
		rc[i] = float64(ref.Bins[i].Count)
	}
	wc := make([]float64, len(rc))
	for i := range min(len(window), len(wc)) {
		wc[i] = float64(window[i])
	}
	nr, nw := sum(rc), math.Max(1, sum(wc))
	if l.Values != nil || b <= maxRows {
		var out []row
		for i := 1; i <= b; i++ {
			lo, hi := l.Bounds(i - 1)
			label := num(lo) + ".." + num(hi)
			if l.Values != nil {
				label = num(l.Values[i-1])
			}
			out = append(out, row{label, rc[i] / nr, wc[i] / nw})
		}
		return withOutside(out, rc[0]/nr, wc[0]/nw, rc[b+1]/nr, wc[b+1]/nw)
	}
	lo, hi := edgeAt(l, rc, .02), edgeAt(l, rc, .95)
	k := maxRows - 2
	out := make([]row, k)
	for i := range out {
		out[i].label = num(lo+(hi-lo)*float64(i)/float64(k)) + ".." + num(lo+(hi-lo)*float64(i+1)/float64(k))
	}
	var under, over row
	for i := 1; i <= b; i++ {
		from, to := l.Bounds(i - 1)
		spread(from, to, lo, hi, rc[i]/nr, wc[i]/nw, out, &under, &over)
	}
	return withOutside(out, under.ref+rc[0]/nr, under.cur+wc[0]/nw, over.ref+rc[b+1]/nr, over.cur+wc[b+1]/nw)
}

// spread puts a bin's mass evenly over the rows that it crosses.
func spread(from, to, lo, hi, ref, cur float64, out []row, under, over *row) {
	width := (hi - lo) / float64(len(out))
	if !(to > from) || width <= 0 {
		r := under
		if from > hi {
			r = over
		} else if from >= lo && width > 0 {
			r = &out[min(len(out)-1, int((from-lo)/width))]
		}
		r.ref, r.cur = r.ref+ref, r.cur+cur
		return
	}
	put := func(r *row, a, b float64) {
		if share := (math.Min(b, to) - math.Max(a, from)) / (to - from); share > 0 {
			r.ref, r.cur = r.ref+share*ref, r.cur+share*cur
		}
	}
	put(under, math.Inf(-1), lo)
	for i := range out {
		put(&out[i], lo+width*float64(i), lo+width*float64(i+1))
	}
	put(over, hi, math.Inf(1))
}

func withOutside(out []row, ur, uc, or, oc float64) []row {
	if ur > 0 || uc > 0 {
		out = append([]row{{"below", ur, uc}}, out...)
	}
	if or > 0 || oc > 0 {
		out = append(out, row{"above", or, oc})
	}
	return out
}

// edgeAt is a bin edge near quantile q.
func edgeAt(l *driftd.ColumnLayout, counts []float64, q float64) float64 {
	n, below := sum(counts), 0.0
	for i := 1; i < len(counts)-1; i++ {
		lo, hi := l.Bounds(i - 1)
		if below += counts[i]; below >= q*n {
			if q < .5 {
				return lo
			}
			return hi
		}
	}
	return l.Upper[len(l.Upper)-1]
}

func levelRows(l *driftd.ColumnLayout, ref *driftd.ColumnProfile, window []uint64) []row {
	total := float64(ref.Placed() + ref.Classes[driftd.RareLevel] + ref.Classes[driftd.NewLevel])
	if total == 0 {
		return nil
	}
	wc := make([]float64, len(l.Categories)+2)
	for i := range min(len(window), len(wc)) {
		wc[i] = float64(window[i])
	}
	nw := math.Max(1, sum(wc))
	var out []row
	rest := row{label: "(others)"}
	for i, s := range l.Categories {
		r := row{short(s), float64(ref.Counts[i]) / total, wc[i] / nw}
		if len(out) < maxRows-2 {
			out = append(out, r)
		} else {
			rest.ref, rest.cur = rest.ref+r.ref, rest.cur+r.cur
		}
	}
	k := len(l.Categories)
	rest.ref += float64(ref.Classes[driftd.RareLevel]) / total
	rest.cur += wc[k] / nw
	if rest.ref > 0 || rest.cur > 0 {
		out = append(out, rest)
	}
	if wc[k+1] > 0 {
		out = append(out, row{"(new)", 0, wc[k+1] / nw})
	}
	return out
}

func short(s string) string {
	if r := []rune(s); len(r) > 24 {
		return string(r[:23]) + "…"
	}
	return s
}

func sum(x []float64) (n float64) {
	for _, v := range x {
		n += v
	}
	return n
}

func num(x float64) string { return strconv.FormatFloat(x, 'g', 4, 64) }
