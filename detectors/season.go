package detectors

import (
	"math"

	"github.com/driftd/driftd"
)

// Seasonal slots: a score that follows the hour of the day is compared with the
// mean that its slot (driftd.Slot) had in the reference. The means are taken off
// the score before its variance is fitted, and off a live score before it is
// tested; the indifference, the tolerances and the gates then apply to what is
// left.
//
// It is a one-way analysis of variance with the slot as its factor (Scheffe, The
// Analysis of Variance, 1959, ch. 3): with S slots the residuals have R - S
// degrees of freedom, and a new value of a slot differs from the slot's mean by
// v (1 + 1/R_slot).

// MinSlotDays is the least number of days for a slot's mean to be used.
const MinSlotDays = 2

// season is the slots of a panel's windows; nil for a fixed baseline.
type season struct {
	slot []driftd.Slot // by window
	day  []int64       // local day, by window
}

// seasonOf finds the slots of a column's panel: nil unless every window has one.
// Pairs have none.
func seasonOf(l *driftd.ColumnLayout, windows []ColumnWindow) *season {
	if len(windows) == 0 || l.Kind == driftd.Pairs {
		return nil
	}
	se := &season{make([]driftd.Slot, len(windows)), make([]int64, len(windows))}
	for i := range windows {
		if windows[i].Slot == driftd.NoSlot {
			return nil
		}
		se.slot[i], se.day[i] = windows[i].Slot, windows[i].Day
	}
	return se
}

// count gives windows and days of each slot over the windows of at least
// MinWindowN values.
func (se *season) count(n []float64) (windows, days []uint32) {
	windows, days = make([]uint32, driftd.SlotCount), make([]uint32, driftd.SlotCount)
	var last [driftd.SlotCount]int64
	for i, s := range se.slot {
		if n[i] < MinWindowN {
			continue
		}
		if windows[s-1] == 0 || last[s-1] != se.day[i] {
			days[s-1]++
		}
		windows[s-1]++
		last[s-1] = se.day[i]
	}
	return windows, days
}

// fitSeasonal is FitScore about the mean of each slot. V = SS/(R - S); where
// window sizes differ, the squared residuals of a slot with k windows are taken
// k/(k-1) times, and those of a slot with one window not at all, so that each
// has the expectation v(n). RE is (R - S + 1)(1-r)/(1+r) with r of the residuals:
// one slot would give that of FitScore, and RE - 1 is the R - S degrees of freedom.
//
// A constant score (see lag1) keeps its fixed fit: its means would be noise, as
// of the null rate of a column that is never null.
func fitSeasonal(name string, s, n []float64, se *season) driftd.Fit {
	f := FitScore(name, s, n)
	if se == nil || f.R == 0 || constantScore(&f, s, n) {
		return f
	}
	windows, days := se.count(n)
	sum := make([]float64, driftd.SlotCount)
	for i, x := range s {
		if n[i] >= MinWindowN {
			sum[se.slot[i]-1] += x
		}
	}
	f.SlotDays, f.SlotMeans = days, make([]float32, driftd.SlotCount)
	for j, k := range windows {
		if k > 0 {
			f.SlotMeans[j] = float32(sum[j] / float64(k))
		}
	}
	left := residualWindows(&f) - 1
	if left < 1 {
		return f // every window alone in its hour: the fixed variance stands, and nothing is judged by it
	}
	var e, en, scaled, scaledN []float64
	ss := 0.0
	for i, x := range s {
		if n[i] < MinWindowN {
			continue
		}
		d, k := x-slotMean(&f, se.slot[i]), float64(windows[se.slot[i]-1])
		e, en = append(e, d), append(en, n[i])
		ss += float64(d * d)
		if k > 1 {
			scaled, scaledN = append(scaled, d*math.Sqrt(k/(k-1))), append(scaledN, n[i])
		}
	}
	if f.Pooled {
		f.V = ss / float64(left)
	} else {
		f.D, f.Tau2 = fitVariance(scaled, scaledN)
	}
	z := standardised(&f, e, en)
	r := lag1(z)
	f.RE, f.LRV = math.Max(4, float64(left+1)*(1-r)/(1+r)), longRunVariance(z)
	return f
}

// residualWindows is R less one for each slot mean but the first: what counts
// against MinWindows. Without slots it is R.
func residualWindows(f *driftd.Fit) int {
	left := f.R
	if f.Seasonal() {
		left++
		for _, d := range f.SlotDays {
			if d > 0 {
				left--
			}
		}
	}
	return left
}

// slotMean is what a score usually is in a slot, over its whole-reference value.
func slotMean(f *driftd.Fit, slot driftd.Slot) float64 {
	if !f.Seasonal() || slot < 1 || int(slot) > len(f.SlotMeans) {
		return 0
	}
	return float64(f.SlotMeans[slot-1])
}

func slotDays(days []uint32, slot driftd.Slot) uint32 {
	if slot < 1 || int(slot) > len(days) {
		return 0
	}
	return days[slot-1]
}

// SlotStdErr is the standard error of a live score against the mean of its slot:
//
//	sqrt(v(n) (1 + 1/days))
//
// and StdErr for a score without slots. Days, and not RE: a slot's windows are a
// day apart, where what neighbouring windows share has faded, so that its mean is
// of so many independent values; and shorter windows of the same hour and day
// share that hour. RE stays in the degrees of freedom, because v is fitted on
// neighbouring windows. +Inf for a slot without windows.
func SlotStdErr(f *driftd.Fit, n float64, slot driftd.Slot) float64 {
	if !f.Seasonal() {
		return StdErr(f, n)
	}
	return math.Sqrt(Variance(f, n) * (1 + 1/float64(slotDays(f.SlotDays, slot))))
}

// in is the rate as it usually is in a slot: its own share, found back from the
// mean score,
//
//	p_s = sin^2(asin sqrt(p) + mean/2),
//
// the tolerance about it, and the slot's part of the reference's events.
func (r *Rate) in(slot driftd.Slot) Rate {
	q := *r
	if !r.Fit.Seasonal() {
		return q
	}
	q.slot = slot
	q.P = slotShare(&r.Fit, r.P, slot)
	q.Tol = r.tolerance(q.P)
	total := 0.0
	for _, d := range r.Fit.SlotDays {
		total += float64(d)
	}
	q.M *= float64(slotDays(r.Fit.SlotDays, slot)) / total
	return q
}

// slotShare is p_s; p itself where the score has no slots.
func slotShare(f *driftd.Fit, p float64, slot driftd.Slot) float64 {
	if !f.Seasonal() {
		return p
	}
	x := math.Sin(math.Min(math.Pi/2, math.Max(0, (arc(p)+slotMean(f, slot))/2)))
	return x * x
}

// slotDivergence is the divergence of the tested levels against the slot's own
// shares. A level that the hour hardly has counts as if it had 1 %, the least
// share that is tested: the divergence is a gate, not a test.
func slotDivergence(lv *levels, fits []driftd.Fit, counts []float64, n float64, slot driftd.Slot) float64 {
	x := 0.0
	for j, c := range counts {
		p := slotShare(&fits[categoryScores+j], lv.P[j], slot)
		d := c/n - p
		x += float64(d * d / math.Max(p, leastShare))
	}
	return x
}

// usable says that fit j has windows enough for a p-value in the slot.
func (c *Column) usable(j int, slot driftd.Slot) bool {
	f := &c.scale.Fits[j]
	return c.left[j] >= MinWindows && (!f.Seasonal() || slotDays(f.SlotDays, slot) >= leastDays(&c.scale))
}

// leastDays is the least number of days for a slot's mean to be used: one where
// how windows vary about it is known from an earlier reference.
func leastDays(sc *driftd.ColumnScale) uint32 {
	if sc.Inherited() {
		return 1
	}
	return MinSlotDays
}

// unknownHour says why a window's hour cannot be judged, "" when it can.
func (c *Column) unknownHour(slot driftd.Slot) string {
	if !c.scale.Seasonal() {
		return ""
	}
	switch days := slotDays(c.scale.SlotDays, slot); {
	case days == 0:
		return "the reference has no window of this hour (" + slot.String() + ") with at least 50 events: nothing to compare it with"
	case days < leastDays(&c.scale):
		return "the reference has this hour (" + slot.String() + ") on one day only; two are needed"
	}
	return ""
}

// slotBins are the shares of the judged bins that are usual in a slot, by the
// density that the smooth scores are of: p_i (1 + sum mean_k h_k(i)) (Barton, On
// Neyman's smooth test, 1953). For display.
func (c *Column) slotBins(slot driftd.Slot) []float64 {
	s := c.shape
	p := make([]float64, len(s.P))
	for i := range p {
		f := 1.0
		for k, h := range s.H {
			f += slotMean(&c.scale.Fits[numericScores+k], slot) * h[i]
		}
		p[i] = s.P[i] * math.Max(f, .1)
	}
	return p
}

// againstHour names the hour that a decisive score was compared with.
func (c *Column) againstHour(d *Decision) string {
	if d.Moved == "" || d.Strongest == TestResidual || d.Strongest == TestNew {
		return ""
	}
	for j := range c.scale.Fits {
		if c.fitName(j) == d.Strongest && c.scale.Fits[j].Seasonal() {
			return "; against the usual of " + d.slot.String()
		}
	}
	return ""
}
