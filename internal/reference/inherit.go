package reference

import (
	"math"
	"slices"

	"github.com/driftd/driftd"
)

// inherit is the dispersion of an earlier reference for counts that so far are
// of a few windows alone: how windows vary about their mean is taken over, how
// well the mean itself is known is not (Fit.MeanRE).
func inherit(before driftd.ColumnScale, windows int) driftd.ColumnScale {
	out := before
	out.Fits = slices.Clone(before.Fits)
	for i := range out.Fits {
		f := &out.Fits[i]
		if f.R > 0 { // as many effective windows a window as before
			f.MeanRE = math.Max(1, float64(windows)*math.Min(1, f.RE/float64(f.R)))
		}
	}
	return out
}
