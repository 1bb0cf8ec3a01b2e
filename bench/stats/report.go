package main

import (
	"fmt"
	"io"
	"math"
	"strings"
)

// rate is a share that was measured over several references: their spread is
// part of its error.
type rate struct {
	hits, of []float64 // by reference
}

func (r *rate) add(hits, of int) {
	r.hits, r.of = append(r.hits, float64(hits)), append(r.of, float64(of))
}

func (r *rate) totals() (hits, of float64) {
	for i := range r.of {
		hits, of = hits+r.hits[i], of+r.of[i]
	}
	return hits, of
}

func (r *rate) mean() float64 {
	hits, of := r.totals()
	return hits / of
}

// se is the standard error of mean: the greater of that between references and
// the binomial one.
func (r *rate) se() float64 {
	hits, of := r.totals()
	p := (hits + 1) / (of + 2) // never 0
	binomial := math.Sqrt(p * (1 - p) / of)
	k := float64(len(r.of))
	if k < 2 {
		return binomial
	}
	m, ss := hits/of, 0.0
	for i := range r.of {
		d := r.hits[i] - m*r.of[i]
		ss += d * d
	}
	return math.Max(binomial, math.Sqrt(ss*k/(k-1))/of)
}

// sigmas is how many standard errors a measured value may be off: with some 300
// checks a run, one in a hundred runs would then fail by chance (p .00003 each).
const sigmas = 4

// row is one check.
type row struct {
	what, measured, claimed string
	failed                  bool
}

// table is a section of the report.
type table struct {
	title, text string
	rows        []row
}

func (t *table) put(what string, ok bool, measured, claimed string) {
	t.rows = append(t.rows, row{what, measured, claimed, !ok})
}

// about compares with a claimed share that was simulated with the same error; it
// was rounded by slack at most, or its setup was not told to the last detail.
func (t *table) about(what string, r *rate, claimed, slack float64) {
	se := r.se()
	off := math.Abs(r.mean() - claimed)
	t.put(what, off <= sigmas*math.Sqrt2*se+slack, fmt.Sprintf("%s ± %s", digits(r.mean()), digits(se)), digits(claimed))
}

// atMost fails when the measured share is above the limit beyond its error.
func (t *table) atMost(what string, r *rate, limit float64) {
	hits, of := r.totals()
	t.put(what, r.mean() <= limit || r.mean()-sigmas*r.se() <= limit, fmt.Sprintf("%s (%.0f of %.0f)", digits(r.mean()), hits, of), "≤ "+digits(limit))
}

func (t *table) atLeast(what string, r *rate, limit float64) {
	t.put(what, r.mean()+sigmas*r.se() >= limit, fmt.Sprintf("%s ± %s", digits(r.mean()), digits(r.se())), "≥ "+digits(limit))
}

// none fails on a single hit.
func (t *table) none(what string, r *rate) {
	hits, of := r.totals()
	t.put(what, hits == 0, fmt.Sprintf("%.0f of %.0f", hits, of), "0")
}

func (t *table) between(what string, x, lo, hi float64) {
	t.put(what, x >= lo && x <= hi, digits(x), fmt.Sprintf("%s to %s", digits(lo), digits(hi)))
}

func (t *table) failures() (n int) {
	for _, r := range t.rows {
		if r.failed {
			n++
		}
	}
	return n
}

// write is the table in Markdown.
func (t *table) write(w io.Writer) error {
	_, err := fmt.Fprintf(w, "## %s\n\n%s\n\n| | measured | claimed | |\n|---|---|---|---|\n", t.title, strings.TrimSpace(t.text))
	for _, r := range t.rows {
		mark := "ok"
		if r.failed {
			mark = "**off**"
		}
		if err == nil {
			_, err = fmt.Fprintf(w, "| %s | %s | %s | %s |\n", r.what, r.measured, r.claimed, mark)
		}
	}
	if err == nil {
		_, err = fmt.Fprintln(w)
	}
	return err
}

// digits writes a share as statisticians do.
func digits(x float64) string {
	switch {
	case x == 0:
		return "0"
	case math.Abs(x) < .0001:
		return fmt.Sprintf("%.1e", x)
	case math.Abs(x) < .01:
		return strings.TrimRight(strings.Replace(fmt.Sprintf("%.5f", x), "0.", ".", 1), "0")
	case math.Abs(x) >= 10:
		return fmt.Sprintf("%.1f", x)
	}
	return strings.Replace(fmt.Sprintf("%.3f", x), "0.", ".", 1)
}
