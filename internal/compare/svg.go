package compare

import (
	"fmt"
	"html"
	"html/template"
	"math"
	"slices"
	"strconv"
	"strings"
)

const (
	svgWidth  = 640
	svgHeight = 190
	svgLeft   = 44
	svgBottom = 26
	svgTop    = 10
	barHeight = 11
	barLabel  = 150
)

// svg is the column's picture, with a title for those who do not see it. Text is
// escaped; lines differ by their dashes too, not by colour alone.
func (c *Column) svg(id int) template.HTML {
	switch {
	case c.chart.edges != nil:
		return c.chart.histogram(id, c.describe())
	case len(c.chart.names) > 0:
		return c.chart.bars(id, c.describe())
	}
	return ""
}

func (c *Column) describe() string {
	s := "Distributions of " + c.Name + " in the reference and in the current file"
	if c.Moved != "" {
		s += ": " + c.Moved
	}
	return s
}

func open(b *strings.Builder, id int, height int, title string) {
	fmt.Fprintf(b, `<svg viewBox="0 0 %d %d" role="img" aria-labelledby="chart%d"><title id="chart%d">%s</title>`, svgWidth, height, id, id, html.EscapeString(title))
}

func (c *chart) histogram(id int, title string) template.HTML {
	var b strings.Builder
	open(&b, id, svgHeight, title)
	most := max(slices.Max(c.ref), slices.Max(c.cur))
	x := func(i int) float64 {
		return svgLeft + float64(i)/float64(len(c.ref))*(svgWidth-svgLeft-8)
	}
	y := func(share float64) float64 {
		return svgTop + (1-share/most)*(svgHeight-svgTop-svgBottom)
	}
	steps := func(shares []float64) string {
		var p strings.Builder
		fmt.Fprintf(&p, "M%.1f %.1f", x(0), y(0))
		for i, s := range shares {
			fmt.Fprintf(&p, "V%.1fH%.1f", y(s), x(i+1))
		}
		fmt.Fprintf(&p, "V%.1f", y(0))
		return p.String()
	}
	fmt.Fprintf(&b, `<path class="ref" d="%sZ"/><path class="cur" d="%s"/>`, steps(c.ref), steps(c.cur))
	fmt.Fprintf(&b, `<path class="axis" d="M%d %.1fH%d"/>`, svgLeft, y(0), svgWidth-8)
	for _, s := range []float64{0, most} {
		fmt.Fprintf(&b, `<text x="%d" y="%.1f" text-anchor="end">%s</text>`, svgLeft-6, y(s)+4, points(s))
	}
	lo, hi := c.edges[0], c.edges[len(c.edges)-1]
	for _, t := range ticks(lo, hi, 6) {
		at := svgLeft + (t-lo)/(hi-lo)*(svgWidth-svgLeft-8)
		fmt.Fprintf(&b, `<path class="axis" d="M%.1f %.1fv4"/><text x="%.1f" y="%d" text-anchor="middle">%s</text>`, at, y(0), at, svgHeight-8, strconv.FormatFloat(t, 'g', 6, 64))
	}
	b.WriteString("</svg>")
	return template.HTML(b.String()) //nolint:gosec // all text in it is escaped above
}

// ticks are about n round numbers from lo to hi.
func ticks(lo, hi float64, n int) (out []float64) {
	step := math.Pow(10, math.Floor(math.Log10((hi-lo)/float64(n))))
	for _, k := range []float64{1, 2, 5, 10} {
		if (hi-lo)/(step*k) <= float64(n) {
			step *= k
			break
		}
	}
	if !(step > 0) || math.IsInf(step, 0) {
		return nil
	}
	for i := math.Ceil(lo / step); i*step <= hi && len(out) <= 2*n; i++ {
		out = append(out, i*step)
	}
	return out
}

func (c *chart) bars(id int, title string) template.HTML {
	var b strings.Builder
	row := 2*barHeight + 8
	open(&b, id, row*len(c.names)+4, title)
	most := max(slices.Max(c.ref), slices.Max(c.cur))
	const room = svgWidth - barLabel - 60
	for i, name := range c.names {
		top := i*row + 4
		fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="end">%s</text>`, barLabel-8, top+barHeight+4, html.EscapeString(shorten(name, 22)))
		for k, side := range []struct {
			class string
			share float64
		}{{"ref", c.ref[i]}, {"cur", c.cur[i]}} {
			w := side.share / most * room
			fmt.Fprintf(&b, `<rect class="%s" x="%d" y="%d" width="%.1f" height="%d"/><text x="%.1f" y="%d">%s</text>`, side.class, barLabel, top+k*barHeight, w, barHeight-1, barLabel+w+6, top+k*barHeight+barHeight-1, points(side.share))
		}
	}
	b.WriteString("</svg>")
	return template.HTML(b.String()) //nolint:gosec // all text in it is escaped above
}

// points writes a share in percent.
func points(x float64) string {
	switch {
	case x == 0:
		return "0"
	case x < .001:
		return "&lt;0.1 %"
	case x < .1:
		return fmt.Sprintf("%.1f %%", 100*x)
	}
	return fmt.Sprintf("%.0f %%", 100*x)
}

// shorten cuts a long name in its middle.
func shorten(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	return string(r[:n*2/3]) + "…" + string(r[len(r)-(n-n*2/3-1):])
}
