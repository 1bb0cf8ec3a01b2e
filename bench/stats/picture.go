package main

import (
	"fmt"
	"math"
	"os"
	"strings"

	"github.com/driftd/driftd/detectors"
)

// drawRule makes the picture of docs/STATISTICS.md: one column of wobbling
// traffic, judged by the code that judges, with a shift at the end.
func drawRule(file string) error {
	s := &setup{columns: copies(1, func() traffic { return &wobble{tau: .06} }), n: 1000, windows: 168, alpha: 2e-4}
	w, err := s.build(7)
	if err != nil {
		return err
	}
	const live, drifts = 60, 44 // windows; the first that is shifted
	var score, flagged []float64
	var threshold float64
	paged := -1
	for i := range live {
		d := drift(nil)
		if i >= drifts {
			d = shift(.4)
		}
		v := w.live(d)
		t := scoreOf(v.columns[0], detectors.TestLocation)
		threshold = float64(t.Threshold)
		score = append(score, float64(t.Effect))
		if v.columns[0].Flag {
			flagged = append(flagged, float64(i))
		}
		if v.pages > 0 {
			paged = i
		}
	}
	return os.WriteFile(file, []byte(plot(score, flagged, threshold, drifts, paged)), 0o644) //nolint:gosec // a document
}

// plot draws scores against their threshold as SVG.
func plot(score, flagged []float64, threshold float64, drifts, paged int) string {
	const width, height, left, right, mid = 860., 300., 60., 200., 170.
	x := func(i float64) float64 { return left + (width-left-right)*i/float64(len(score)-1) }
	y := func(v float64) float64 { return mid - v*260 }
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" font-family="system-ui, sans-serif" font-size="13" role="img" aria-labelledby="t d">`+"\n", width, height)
	b.WriteString("<title id=\"t\">How a window is judged</title>\n")
	fmt.Fprintf(&b, "<desc id=\"d\">The location score of one column in %d hourly windows. It wobbles inside the threshold of %.2f; a shift of .4 standard deviations from window %d on puts it above. Two flagged windows make a page.</desc>\n", len(score), threshold, drifts+1)
	fmt.Fprintf(&b, `<rect width="%.0f" height="%.0f" fill="#fff"/>`+"\n", width, height)
	band := func(v float64, fill string) {
		fmt.Fprintf(&b, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="%s"/>`+"\n", left, y(v), width-left-right, y(-v)-y(v), fill)
	}
	band(threshold, "#e8eef6")
	band(detectors.PageSize, "#d5e1f0")
	band(detectors.Indifference, "#bfd2ea")
	text := func(px, py float64, color, s string) {
		fmt.Fprintf(&b, `<text x="%.1f" y="%.1f" fill="%s">%s</text>`+"\n", px, py, color, s)
	}
	edge := x(float64(len(score)-1)) + 10
	text(edge, y(threshold)+5, "#333", fmt.Sprintf("%.2f threshold at its level", threshold))
	text(edge, y(detectors.PageSize)+5, "#333", ".14 nothing smaller counts")
	text(edge, y(detectors.Indifference)+1, "#333", ".05 tested against this")
	text(edge, y(0)+10, "#333", "0 as in the reference")
	for _, v := range []float64{-.2, 0, .2, .4} {
		fmt.Fprintf(&b, `<text x="%.1f" y="%.1f" text-anchor="end" fill="#333">%+.1f</text>`+"\n", left-8, y(v)+4, v)
	}
	fmt.Fprintf(&b, `<text transform="translate(16 %.0f) rotate(-90)" text-anchor="middle" fill="#333">location score (sd)</text>`+"\n", mid)
	fmt.Fprintf(&b, `<line x1="%.1f" x2="%.1f" y1="%.1f" y2="%.1f" stroke="#777"/>`+"\n", left, width-right, y(0), y(0))
	fmt.Fprintf(&b, `<line x1="%.1f" x2="%.1f" y1="20" y2="%.0f" stroke="#777" stroke-dasharray="4 4"/>`+"\n", x(float64(drifts)-.5), x(float64(drifts)-.5), height-40)
	fmt.Fprintf(&b, `<text x="%.1f" y="32" text-anchor="end" fill="#333">+.4 sd from here on</text>`+"\n", x(float64(drifts)-.5)-6)
	flags := map[int]bool{}
	for _, i := range flagged {
		flags[int(i)] = true
	}
	for i, v := range score {
		if flags[i] {
			fmt.Fprintf(&b, `<path d="M%.1f %.1fl5 9h-10z" fill="#b3261e"/>`+"\n", x(float64(i)), y(v)-6)
			continue
		}
		fmt.Fprintf(&b, `<circle cx="%.1f" cy="%.1f" r="3.2" fill="#24527a"/>`+"\n", x(float64(i)), y(math.Max(-.4, v)))
	}
	if paged >= 0 {
		fmt.Fprintf(&b, `<line x1="%.1f" x2="%.1f" y1="%.1f" y2="%.0f" stroke="#b3261e"/>`+"\n", x(float64(paged)), x(float64(paged)), y(score[paged])+4, height-58)
		fmt.Fprintf(&b, `<text x="%.1f" y="%.0f" text-anchor="middle" fill="#b3261e">page</text>`+"\n", x(float64(paged)), height-45)
	}
	fmt.Fprintf(&b, `<circle cx="%.1f" cy="%.0f" r="3.2" fill="#24527a"/><text x="%.1f" y="%.0f" fill="#333">window judged ok</text>`+"\n", left, height-16, left+10, height-12)
	fmt.Fprintf(&b, `<path d="M%.1f %.0fl5 9h-10z" fill="#b3261e"/><text x="%.1f" y="%.0f" fill="#333">window flagged: recorded; two of three make a page</text>`+"\n", left+150, height-20, left+162, height-12)
	b.WriteString("</svg>\n")
	return b.String()
}
