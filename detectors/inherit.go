package detectors

import (
	"math"

	"github.com/driftd/driftd"
)

// InheritColumn is FitColumn for counts that are of a few windows alone: what is
// usual comes from them, how windows vary about it from before, the scale of an
// earlier reference in the same layout. How well the new usual is known enters
// as the number of windows behind it (Fit.MeanRE, or the days of a slot), and,
// for the residual, whose expectation is that of noise, as
//
//	E n Xr (1 + 1/k)
//
// with k windows: the reference's own shares are as uncertain as k windows make
// them. Where before is seasonal, windows must have slots; an hour that none of
// them is of is not judged until one is.
func InheritColumn(l *driftd.ColumnLayout, ref *driftd.ColumnReference, windows []ColumnWindow, before *driftd.ColumnScale) driftd.ColumnScale {
	se := seasonOf(windows)
	sc := fitColumn(l, ref, windows, se, func(j int, name string, s, n []float64) driftd.Fit {
		return inheritFit(earlier(before, ref, l, j), name, s, n, se)
	}, before.MedianN)
	k := math.Max(1, float64(sc.Windows))
	own := sc.Residual
	sc.Residual = before.Residual
	sc.Residual.MeanLog += math.Log1p(1 / k)
	sc.Residual.MeanNX *= 1 + 1/k
	sc.Residual.MeanNC *= 1 + 1/k
	sc.Residual.MeanSlotNC *= 1 + 1/k
	if own.R == 0 { // no window has values: nothing is known of them
		sc.Residual.R = 0
	}
	sc.Windows, sc.MedianN, sc.MaxN = before.Windows, before.MedianN, before.MaxN
	return sc
}

// earlier is the fit of before that speaks of score j: by place, but of a
// category by which one it is. A category that was not tested before varies like
// the one that varied most.
func earlier(before *driftd.ColumnScale, ref *driftd.ColumnReference, l *driftd.ColumnLayout, j int) *driftd.Fit {
	if l.Kind == driftd.Numeric || j < categoryScores {
		if j < len(before.Fits) {
			return &before.Fits[j]
		}
		return nil
	}
	lv := newLevels(ref, before.MedianN)
	if i := j - categoryScores; i < len(lv.kept) {
		for k, category := range before.Kept {
			if category == lv.kept[i] {
				return &before.Fits[categoryScores+k]
			}
		}
	} else if len(before.Fits) > categoryScores+len(before.Kept) {
		return &before.Fits[len(before.Fits)-1] // the pool
	}
	var most *driftd.Fit
	for k := categoryScores; k < len(before.Fits); k++ {
		if f := &before.Fits[k]; most == nil || Variance(f, before.MedianN) > Variance(most, before.MedianN) {
			most = f
		}
	}
	return most
}

func inheritFit(before *driftd.Fit, name string, s, n []float64, se *season) driftd.Fit {
	own := FitScore(name, s, n)
	if before == nil || before.R == 0 || own.R == 0 {
		return own
	}
	f := *before
	f.Name = name
	f.MeanRE = math.Max(1, float64(own.R)*math.Min(1, f.RE/float64(f.R)))
	if !f.Seasonal() {
		return f
	}
	f.SlotMeans, f.SlotDays = make([]float32, driftd.SlotCount), make([]uint32, driftd.SlotCount)
	if se == nil {
		return f
	}
	var windows []uint32
	windows, f.SlotDays = se.count(n)
	sum := make([]float64, driftd.SlotCount)
	for i, x := range s {
		if n[i] >= MinWindowN {
			sum[se.slot[i]-1] += x
		}
	}
	for j, k := range windows {
		if k > 0 {
			f.SlotMeans[j] = float32(sum[j] / float64(k))
		}
	}
	return f
}
