package detectors

import (
	"math"
	"slices"

	"github.com/driftd/driftd"
)

// leastResidual is the least number of windows of its own for a residual to be
// tested by an inherited fit.
const leastResidual = 5

// InheritColumn is FitColumn for counts that are of a few windows alone: what is
// usual comes from them, how windows vary about it from before, the scale of an
// earlier reference in the same layout. How well the new usual is known enters
// as the number of effective windows behind it (Fit.MeanRE), or as the days of a
// slot, and,
// for the residual, whose expectation is that of noise, as
//
//	E n Xr (1 + 1/k)
//
// with k windows: the reference's own shares are as uncertain as k windows make
// them. A score whose hours differ by less than the indifference has one usual
// for all of them. Below leastResidual windows the residual is not tested: a bin
// that the change has emptied holds a count or two, and Pearson's divergence
// makes much of it. Simulated in internal/reference, TestAcceptedChange. Where before is seasonal, windows must have slots; an hour that none of
// them is of is not judged until one is.
func InheritColumn(l *driftd.ColumnLayout, ref *driftd.ColumnReference, windows []ColumnWindow, before *driftd.ColumnScale) driftd.ColumnScale {
	se := seasonOf(l, windows)
	sc := fitColumn(l, ref, windows, se, func(j int, name string, s, n []float64) driftd.Fit {
		return inheritFit(earlier(before, ref, l, j), name, s, n, se)
	}, before.MedianN)
	if !slices.ContainsFunc(sc.Fits, func(f driftd.Fit) bool { return f.Seasonal() }) {
		sc.SlotDays = nil
	}
	k := math.Max(1, float64(sc.Windows))
	own := sc.Residual
	sc.Residual = before.Residual
	sc.Residual.MeanLog += math.Log1p(1 / k)
	sc.Residual.MeanNX *= 1 + 1/k
	sc.Residual.MeanNC *= 1 + 1/k
	sc.Residual.MeanSlotNC *= 1 + 1/k
	if own.R < leastResidual {
		sc.Residual.R = 0
	}
	sc.Windows, sc.MedianN, sc.MaxN = before.Windows, before.MedianN, before.MaxN
	return sc
}

// earlier is the fit of before that speaks of score j: by place, but of a
// category by which one it is. A category that was not tested before varies like
// the one that varied most.
func earlier(before *driftd.ColumnScale, ref *driftd.ColumnReference, l *driftd.ColumnLayout, j int) *driftd.Fit {
	if l.Kind == driftd.Numeric || l.Kind == driftd.Pairs || j < categoryScores {
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

// seasonVariance is the variance of a score's slot means, less what it would be
// without any season, each mean being of so many days.
func seasonVariance(f *driftd.Fit, n float64) float64 {
	sum, noise, slots := 0.0, 0.0, 0.0
	for i, m := range f.SlotMeans {
		if d := float64(f.SlotDays[i]); d > 0 {
			sum, noise, slots = sum+float64(m)*float64(m), noise+Variance(f, n)/d, slots+1
		}
	}
	if slots == 0 {
		return 0
	}
	return math.Max(0, (sum-noise)/slots)
}

func inheritFit(before *driftd.Fit, name string, s, n []float64, se *season) driftd.Fit {
	own := FitScore(name, s, n)
	if before == nil || before.R == 0 || own.R == 0 {
		return own
	}
	f := *before
	f.Name = name
	f.LRV = 0 // sums would carry the error of a usual value that few windows are behind
	f.MeanRE = math.Max(1, float64(own.R)*math.Min(1, f.RE/float64(f.R)))
	if !f.Seasonal() {
		return f
	}
	if season := seasonVariance(&f, before.MedianN); season < Indifference*Indifference {
		f.SlotMeans, f.SlotDays = nil, nil
		if f.Tau2 += season; f.Pooled {
			f.V += season
		}
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
