package detectors

import (
	"time"

	"github.com/driftd/driftd"
)

// MaxAlpha caps a column's level: rare windows would else be tested loosely.
const MaxAlpha = .001

// Budget is a model's promise: at most PagesPerWeek false pages a week over all
// its columns, segments and window lengths, under any dependence between them
// (the union bound: a page needs p <= alpha for some column and window).
type Budget struct {
	PagesPerWeek float64
	Columns      int             // tested columns of the layout
	Series       int             // `all`, each declared segment, each tag's `other`
	Lengths      []time.Duration // window lengths whose tests run, the base length first
}

// Shares of the budget: the base windows get .6, longer ones together .3, the
// multivariate and performance tests .1; what does not run goes to the base.
const longShare = .3

// Alpha is the level of one column in one window of the given length.
func (b Budget) Alpha(length time.Duration) float64 {
	if b.Columns < 1 || b.Series < 1 || len(b.Lengths) == 0 {
		return 0
	}
	share := 1.0
	if long := len(b.Lengths) - 1; long > 0 {
		share = 1 - longShare
		if length != b.Lengths[0] {
			share = longShare / float64(long)
		}
	}
	a := b.PagesPerWeek * share / (driftd.PerWeek(length) * float64(b.Columns) * float64(b.Series))
	return min(a, MaxAlpha)
}

// RunLength is how many windows lie between false alarms of one CUSUM on average
// when all of a series' columns together, with MaxOrder scores each, give one a year.
func (b Budget) RunLength(length time.Duration) float64 {
	const weeks = 365.25 / 7
	return weeks * driftd.PerWeek(length) * float64(max(1, b.Columns)) * MaxOrder
}
