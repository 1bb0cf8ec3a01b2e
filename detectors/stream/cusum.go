package stream

import "math"

// CUSUM is the two-sided cumulative sum of standardised scores (Page, Continuous
// inspection schemes, 1954):
//
//	u <- max(0, u + z - k),   d <- max(0, d - z - k),   drift: max(u, d) > h
//
// Scores of windows depend on the windows before, which classical tables of h do
// not know: they are off by 10 to 100 times. So z is c/se divided by the root of
// LRV, the long-run variance of c/se in the reference (detectors.LongRunVariance):
// sums then vary as sums of independent scores. h is CUSUMLimit's. After a drift
// both sums begin at 0.
type CUSUM struct {
	K   float64 // above 0: a shift of 2 K is found soonest
	H   float64
	LRV float64 // above 0

	up, down float64
	drift    bool
	level
}

// CUSUMShift is the K of driftd: with it h keeps its promise over references of
// 672 windows and more (the average run length to a false alarm was never below
// .9 of its target for autocorrelations up to .97; with .5 it was .17).
const CUSUMShift = 1

// Update takes c/se. There is no warning. Level is the greater sum, and H.
func (c *CUSUM) Update(x float64) (drift, warning bool) {
	if !usable(x) {
		return false, false
	}
	if c.drift {
		c.up, c.down = 0, 0
	}
	z := x / math.Sqrt(c.LRV)
	c.up, c.down = math.Max(0, c.up+z-c.K), math.Max(0, c.down-z-c.K)
	most := math.Max(c.up, c.down)
	c.drift = most > c.H
	c.compare(most, c.H)
	return c.drift, false
}

// AppendState implements Detector.
func (c *CUSUM) AppendState(b []byte) []byte {
	w := newWriter(b)
	w.boolean(c.drift)
	w.float(c.up, c.down)
	w.level(c.level)
	return w.b
}

// ReadState implements Detector.
func (c *CUSUM) ReadState(b []byte) error {
	n, r := *c, newReader(b)
	n.drift = r.boolean()
	n.up, n.down = r.within(0, maxState), r.within(0, maxState)
	n.level = r.level()
	if err := r.done("cusum"); err != nil {
		return err
	}
	*c = n
	return nil
}

// overshoot is what a sum goes past its limit by, on average: 2 x .583
// (Siegmund, Sequential analysis, 1985, section 10.2).
const overshoot = 1.166

// CUSUMLimit is the h at which the two-sided sum of independent standard normal
// scores gives a false alarm once in arl scores on average, by Siegmund's
// approximation for one side (Siegmund 1985, eq. 2.56 with b = h + 1.166):
//
//	ARL = (exp(2 k b) - 2 k b - 1) / (2 k^2),   one side: 2 arl
//
// 0 where even h = 0 is rarer than that; NaN unless k and arl are above 0.
func CUSUMLimit(k, arl float64) float64 {
	if !(k > 0 && arl > 0) {
		return math.NaN()
	}
	low, high := 0.0, 350/k // exp(700): beyond any arl that there is
	for range 200 {
		mid := (low + high) / 2
		if y := 2 * k * mid; (math.Expm1(y)-y)/(2*k*k) < 2*arl {
			low = mid
		} else {
			high = mid
		}
	}
	return math.Max(0, high-overshoot)
}
