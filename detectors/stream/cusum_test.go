package stream

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/driftd/driftd/detectors"
)

// The limits of the design's table: 1, 30 and 300 hourly columns for a year.
func TestCUSUMLimit(t *testing.T) {
	for _, c := range []struct{ k, arl, want float64 }{
		{1, 8760, 4.07}, {1, 263e3, 5.77}, {1, 2.6e6, 6.91},
		{.5, 8760, 7.91}, {.5, 263e3, 11.31}, {.5, 2.6e6, 13.61},
	} {
		if h := CUSUMLimit(c.k, c.arl); math.Abs(h-c.want) > .006 {
			t.Errorf("k %v, ARL %v: h = %.4f, want %v", c.k, c.arl, h, c.want)
		}
		h := CUSUMLimit(c.k, c.arl)
		y := 2 * c.k * (h + overshoot)
		if arl := (math.Exp(y) - y - 1) / (4 * c.k * c.k); math.Abs(arl/c.arl-1) > 1e-9 {
			t.Errorf("k %v, h %v: ARL %v, want %v", c.k, h, arl, c.arl)
		}
	}
	for _, bad := range [][2]float64{{0, 1}, {1, 0}, {math.NaN(), 1}, {1, math.NaN()}} {
		if h := CUSUMLimit(bad[0], bad[1]); !math.IsNaN(h) {
			t.Errorf("k %v, ARL %v: %v", bad[0], bad[1], h)
		}
	}
	if h := CUSUMLimit(1, .01); h != 0 {
		t.Errorf("h = %v below 0", h)
	}
}

// The average number of independent normal scores to a false alarm is the
// promised one, within Siegmund's approximation (5 %) and the draw (4 sd: 12 %).
func TestCUSUMRunLength(t *testing.T) {
	const arl, runs = 400, 1200
	rng := rand.New(rand.NewPCG(17, 5))
	for _, k := range []float64{.5, 1} {
		total := 0
		for range runs {
			c := &CUSUM{K: k, H: CUSUMLimit(k, arl), LRV: 1}
			for drift := false; !drift; total++ {
				drift, _ = c.Update(rng.NormFloat64())
			}
		}
		if got := float64(total) / runs; math.Abs(got/arl-1) > .17 {
			t.Errorf("k %v: an alarm each %.0f scores, want %d", k, got, arl)
		}
	}
}

// Delays of a shift of 2 standard errors at k = 1: half of the runs within 7
// windows, 95 of 100 within 12 (the design's table, for 1 year x 120 streams).
func TestCUSUMDelay(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 5))
	const runs = 2000
	within7, within12 := 0, 0
	for range runs {
		c := &CUSUM{K: 1, H: CUSUMLimit(1, 8760*120), LRV: 1}
		n := 0
		for drift := false; !drift; n++ {
			drift, _ = c.Update(2 + rng.NormFloat64())
		}
		if n <= 7 {
			within7++
		}
		if n <= 12 {
			within12++
		}
	}
	if a, b := float64(within7)/runs, float64(within12)/runs; a < .45 || a > .65 || b < .93 || b > .97 {
		t.Errorf("%.3f of runs within 7 windows, %.3f within 12", a, b)
	}
}

// The long-run variance stretches scores: with 4, a shift of 2 is one of 1.
func TestCUSUMScale(t *testing.T) {
	a, b := &CUSUM{K: 1, H: 5, LRV: 4}, &CUSUM{K: 1, H: 5, LRV: 1}
	for i := range 30 {
		x := float64(i%5) - 1
		da, _ := a.Update(2 * x)
		db, _ := b.Update(x)
		if da != db || a.up != b.up || a.down != b.down {
			t.Fatalf("value %d: %v %v %v and %v %v %v", i, da, a.up, a.down, db, b.up, b.down)
		}
	}
}

// With the long-run variance of an estimated reference of 672 windows false
// alarms are not much more frequent than promised, for independent scores and for
// such that depend on the windows before (a tenth below the promise was found at
// most; classical sums of scores with phi = .5 alarm 10 times as often).
func TestCUSUMRunLengthOfDependentScores(t *testing.T) {
	const arl, references, runs, r = 300, 60, 4, detectors.MinLongRun
	rng := rand.New(rand.NewPCG(23, 5))
	n := slices.Repeat([]float64{100}, r)
	for _, phi := range []float64{0, .5, .8} {
		total, classical := 0, 0
		for range references {
			x := rng.NormFloat64()
			next := func() float64 {
				x = phi*x + math.Sqrt(1-phi*phi)*rng.NormFloat64()
				return x
			}
			ref, mean := make([]float64, r), 0.0
			for i := range ref {
				ref[i] = next()
				mean += ref[i] / r
			}
			for i := range ref {
				ref[i] -= mean
			}
			fit := detectors.FitScore("location", ref, n)
			for range runs {
				length := func(lrv float64) (n int) {
					c := &CUSUM{K: CUSUMShift, H: CUSUMLimit(CUSUMShift, arl), LRV: lrv}
					for drift := false; !drift && n < 20*arl; n++ {
						drift, _ = c.Update((next() - mean) / detectors.StdErr(&fit, 100))
					}
					return n
				}
				total += length(fit.LRV)
				classical += length(1)
			}
		}
		got, raw := float64(total)/(references*runs*arl), float64(classical)/(references*runs*arl)
		t.Logf("phi %v: %.2f of the promised run length, %.2f without the long-run variance", phi, got, raw)
		if got < .8 {
			t.Errorf("phi %v: an alarm after %.2f of the promised run length", phi, got)
		}
		if phi > 0 && raw > .5 {
			t.Errorf("phi %v: without the long-run variance %.2f of the promise: the test shows nothing", phi, raw)
		}
	}
}
