package main

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/driftd/driftd"
)

// shownPair is how two numeric columns of a reference go together.
type shownPair struct {
	A           string  `json:"a"`
	B           string  `json:"b"`
	Correlation float64 `json:"correlation"` // of ranks, -1 to 1
	BySize      float64 `json:"by_size"`     // of the ranks' distances from the middle
}

func (p shownPair) strength() float64 { return max(math.Abs(p.Correlation), math.Abs(p.BySize)) }

// pairsOf are all pairs of a column of pairs, the strongest first.
func pairsOf(l *driftd.ColumnLayout, s *driftd.PairSums) (out []shownPair) {
	for i := range l.Pairs.Pairs() {
		a, b := l.Pairs.Names(i)
		out = append(out, shownPair{a, b, s.Correlation(i), s.Sizes(i)})
	}
	slices.SortStableFunc(out, func(x, y shownPair) int { return cmp.Compare(y.strength(), x.strength()) })
	return out
}

// shownPairs is how many pairs are listed for people.
const shownPairs = 10

func printPairs(pairs []shownPair) {
	for _, p := range pairs[:min(shownPairs, len(pairs))] {
		fmt.Printf("  %5.2f  by size %5.2f  %s and %s\n", p.Correlation, p.BySize, p.A, p.B)
	}
	if n := len(pairs) - shownPairs; n > 0 {
		fmt.Printf("  and %d weaker ones\n", n)
	}
}

// movedPair names the pair that differs most between two references of one layout.
func movedPair(l *driftd.ColumnLayout, a, b *driftd.PairSums) string {
	most, words := 0.0, "no pair differs"
	for i := range l.Pairs.Pairs() {
		x, y := l.Pairs.Names(i)
		if d := math.Abs(a.Correlation(i) - b.Correlation(i)); d > most {
			most, words = d, fmt.Sprintf("%s and %s: %.2f -> %.2f", x, y, a.Correlation(i), b.Correlation(i))
		}
		if d := math.Abs(a.Sizes(i) - b.Sizes(i)); d > most {
			most, words = d, fmt.Sprintf("%s and %s by size: %.2f -> %.2f", x, y, a.Sizes(i), b.Sizes(i))
		}
	}
	return words
}
