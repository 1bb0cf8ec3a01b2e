package detectors

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/driftd/driftd"
)

func itoa(n int) string { return strconv.Itoa(n) }

// movedRates puts a decisive rate in words.
func (c *Column) movedRates(d *Decision, x, n []float64) string {
	words := map[string]string{TestNull: "nulls", TestNaN: "NaN", TestRange: "values outside the reference's range",
		TestTypeError: "values of another type", TestNew: "values of new levels", TestMinority: "values other than the usual one"}
	for j := range x {
		name := c.fitName(j)
		if name == d.Strongest && n[j] > 0 {
			r := c.rates[j].in(d.slot)
			return fmt.Sprintf("%s %s -> %s", words[name], percent(r.P), percent(x[j]/n[j]))
		}
	}
	return ""
}

func (c *Column) movedNumeric(d *Decision, x, n [numericScores]float64, q []float64) string {
	if s := c.movedRates(d, x[:], n[:]); s != "" {
		return s
	}
	if d.Strongest == "" {
		return ""
	}
	var parts []string
	usual := c.shape.P
	if d.Strongest == TestResidual {
		parts = append(parts, "local")
	} else {
		if d.Seasonal {
			usual = c.slotBins(d.slot)
		}
		for _, t := range d.Tests {
			if t.Name == d.Strongest {
				unit := ""
				if t.Name == TestLocation {
					unit = " sd" // only c1 is about a shift in standard deviations
				}
				parts = append(parts, fmt.Sprintf("%s %+.2f%s", t.Name, float64(t.Effect), unit))
			}
		}
	}
	return strings.Join(append(parts, c.topBins(q, usual, 3)...), "; ")
}

// topBins names the k judged bins with the largest (q-p)^2/p.
func (c *Column) topBins(q, p []float64, k int) []string {
	order := make([]int, len(q))
	for i := range order {
		order[i] = i
	}
	part := func(i int) float64 { return (q[i] - p[i]) * (q[i] - p[i]) / p[i] }
	slices.SortStableFunc(order, func(a, b int) int {
		switch x, y := part(a), part(b); {
		case x > y:
			return -1
		case x < y:
			return 1
		}
		return 0
	})
	var out []string
	for _, i := range order[:min(k, len(order))] {
		if part(i) > 0 {
			out = append(out, fmt.Sprintf("%s %s -> %s", c.binName(i), percent(p[i]), percent(q[i])))
		}
	}
	return out
}

// Moved names the three bins or levels of a window that moved most against the
// whole reference, in words.
func (c *Column) Moved(w *ColumnWindow) []string {
	if c.levels != nil {
		return c.topLevels(w, levelCount(w.Profile), true, driftd.NoSlot)
	}
	q, _ := c.shape.Shares(w.Profile)
	return c.topBins(q, c.shape.P, 3)
}

// binName is the span of a judged bin, as a person would write it.
func (c *Column) binName(judged int) string {
	first, last := -1, -1
	for i, to := range c.shape.into[1 : len(c.shape.into)-1] {
		if to == judged {
			if first < 0 {
				first = i
			}
			last = i
		}
	}
	if c.Layout.Values != nil {
		return number(c.Layout.Values[first])
	}
	lo, _ := c.Layout.Bounds(first)
	_, hi := c.Layout.Bounds(last)
	if lo == hi {
		return number(lo)
	}
	return number(lo) + ".." + number(hi)
}

func (c *Column) movedCategorical(w *ColumnWindow, d *Decision, x, n [categoryScores]float64, counts []float64) string {
	if d.Strongest == TestNew {
		names := make([]string, 0, 3)
		for _, i := range c.unseen(w) {
			if len(names) < 3 {
				names = append(names, "`"+c.Layout.Categories[i]+"`")
			}
		}
		for _, v := range w.Profile.Names {
			if len(names) < 3 {
				names = append(names, "`"+v.Name+"`")
			}
		}
		share := x[rateNew] / n[rateNew]
		if len(names) == 0 {
			return "values of new levels " + percent(share)
		}
		kind := "new category "
		if len(names) > 1 {
			kind = "new categories "
		}
		return kind + strings.Join(names, ", ") + " " + percent(share)
	}
	if s := c.movedRates(d, x[:], n[:]); s != "" {
		return s
	}
	if d.Strongest == "" || counts == nil {
		return ""
	}
	return strings.Join(c.topLevels(w, n[rateNew], d.Strongest == TestResidual, d.slot), "; ")
}

// topLevels names the three levels with the largest (q-p)^2/p: of all levels, or
// of the tested ones against the slot's shares.
func (c *Column) topLevels(w *ColumnWindow, n float64, all bool, slot driftd.Slot) []string {
	lv := c.levels
	type move struct {
		name    string
		p, q, d float64
	}
	var moves []move
	add := func(name string, p, least, x float64) {
		moves = append(moves, move{name, p, x / n, (x/n - p) * (x/n - p) / math.Max(p, least)})
	}
	if all {
		for j, i := range lv.seen {
			if i >= 0 {
				add("`"+c.Layout.Categories[i]+"`", lv.seenP[j], 0, float64(w.Profile.Counts[i]))
			} else {
				add("(rare levels)", lv.seenP[j], 0, float64(w.Profile.Classes[driftd.RareLevel]))
			}
		}
	} else {
		counts := lv.pooled(w.Profile)
		for j, x := range counts {
			fit, least := &c.scale.Fits[categoryScores+j], 0.
			if fit.Seasonal() { // an hour may hardly have the level
				least = leastShare
			}
			p := slotShare(fit, lv.P[j], slot)
			if j < len(lv.kept) {
				add("`"+c.Layout.Categories[lv.kept[j]]+"`", p, least, x)
			} else {
				add("(rare levels)", p, least, x)
			}
		}
	}
	slices.SortStableFunc(moves, func(a, b move) int {
		switch {
		case a.d > b.d:
			return -1
		case a.d < b.d:
			return 1
		}
		return 0
	})
	var out []string
	for _, m := range moves[:min(3, len(moves))] {
		if m.d > 0 {
			out = append(out, fmt.Sprintf("%s %s -> %s", m.name, percent(m.p), percent(m.q)))
		}
	}
	return out
}

// percent writes a share with the digits that it needs.
func percent(p float64) string {
	x := 100 * p
	switch {
	case x == 0:
		return "0 %"
	case x < .1:
		return strconv.FormatFloat(x, 'g', 2, 64) + " %"
	case x < 10:
		return strconv.FormatFloat(x, 'f', 1, 64) + " %"
	}
	return strconv.FormatFloat(x, 'f', 0, 64) + " %"
}

// number writes a value with four digits.
func number(x float64) string { return strconv.FormatFloat(x, 'g', 4, 64) }
