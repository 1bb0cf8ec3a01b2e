package reference

import (
	"math"
	"slices"
	"time"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/detectors"
)

// ready says that a column's own windows are enough to say how windows vary: as
// many as a verdict needs; where the reference before knew each hour's usual,
// enough for that too.
func ready(own, before *driftd.ColumnScale) bool {
	return own.Windows >= detectors.MinWindows && (own.Seasonal() || !before.Seasonal())
}

// inherit is the dispersion of an earlier reference for counts that so far are
// of a few windows alone. How windows vary about their mean is taken over, and
// how an hour's usual lies about the mean of these windows' hours; how well the
// mean itself is known is not (Fit.MeanRE).
func inherit(before driftd.ColumnScale, starts []int64, zone *time.Location) driftd.ColumnScale {
	out := before
	out.Fits = slices.Clone(before.Fits)
	for i := range out.Fits {
		f := &out.Fits[i]
		if f.R > 0 { // as many effective windows a window as before
			f.MeanRE = math.Max(1, float64(len(starts))*math.Min(1, f.RE/float64(f.R)))
		}
		if f.Seasonal() && zone != nil {
			f.SlotMeans = about(f.SlotMeans, starts, zone)
		}
	}
	return out
}

// about are slot means over the mean of the windows that start at starts,
// instead of that of the whole week.
func about(means []float32, starts []int64, zone *time.Location) []float32 {
	if len(starts) == 0 {
		return means
	}
	sum := 0.0
	for _, t := range starts {
		slot, _ := driftd.SlotAt(t, zone)
		sum += float64(means[slot-1])
	}
	shift := float32(sum / float64(len(starts)))
	out := slices.Clone(means)
	for i := range out {
		out[i] -= shift
	}
	return out
}
