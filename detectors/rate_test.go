package detectors

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/driftd/driftd"
)

func iidRate(p, tol float64) Rate {
	return Rate{P: p, Tol: tol, M: 1e6, Fit: driftd.Fit{R: 336, RE: 336, D: 1, MedianN: 1000, MaxN: 1e6}}
}

// Up to the tolerance no window is so large that a change is told; beyond it,
// a large one always tells.
func TestRateTolerance(t *testing.T) {
	for _, p := range []float64{0, .001, .02, .3, .5, .9, .985} {
		r := iidRate(p, nullTolerance(p))
		for _, n := range []float64{50, 1000, 1e5, 1e6} {
			for _, at := range []float64{p, p + .99*r.Tol, p - .99*r.Tol} {
				if at < 0 || at > 1 {
					continue
				}
				if q := r.TwoSidedP(math.Round(at*n), n); q < .2 {
					t.Errorf("p %v, tolerance %v, n %v: share %v has p-value %v", p, r.Tol, n, at, q)
				}
			}
		}
		for _, at := range []float64{p + 1.5*r.Tol, p - 1.5*r.Tol} {
			if at >= 0 && at <= 1 && p-r.Tol > 0 {
				if q := r.TwoSidedP(math.Round(at*1e6), 1e6); q > 1e-6 {
					t.Errorf("p %v, tolerance %v, n 1e6: share %v has p-value %v", p, r.Tol, at, q)
				}
			}
		}
	}
}

func TestTolerances(t *testing.T) {
	for _, c := range []struct{ got, want float64 }{
		{nullTolerance(0), .01}, {nullTolerance(.02), .01}, {nullTolerance(.4), .1}, {nullTolerance(.9), .025}, {nullTolerance(1), .01},
		{categoryTolerance(.05), .01}, {categoryTolerance(.3), .03}, {categoryTolerance(.8), .02},
	} {
		if math.Abs(c.got-c.want) > 1e-15 {
			t.Errorf("tolerance %v, want %v", c.got, c.want)
		}
	}
}

// A side whose boundary lies outside (0, 1) cannot be told.
func TestRateSides(t *testing.T) {
	full, none := iidRate(1, .01), iidRate(0, .01)
	if p := full.UpperP(1000, 1000); p != 1 {
		t.Errorf("above 1: %v", p)
	}
	if p := none.LowerP(0, 1000); p != 1 {
		t.Errorf("below 0: %v", p)
	}
	if p := full.LowerP(900, 1000); p > 1e-10 {
		t.Errorf("from 100 %% to 90 %%: %v", p)
	}
	if p := none.UpperP(100, 1000); p > 1e-10 {
		t.Errorf("from 0 to 10 %%: %v", p)
	}
	if p := none.UpperP(0, 0); p != 1 {
		t.Errorf("no events: %v", p)
	}
	if p := none.TwoSidedP(1, 1); math.IsNaN(p) || p < 0 || p > 1 {
		t.Errorf("one event: %v", p)
	}
}

// p-values lie in [0, 1], fall as the rate moves away, and sessions (a larger
// D) make them larger.
func TestRateProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := rapid.Float64Range(0, 1).Draw(t, "p")
		r := iidRate(p, nullTolerance(p))
		n := float64(rapid.IntRange(1, 20_000).Draw(t, "n"))
		x := float64(rapid.IntRange(0, int(n)).Draw(t, "x"))
		up, low := r.UpperP(x, n), r.LowerP(x, n)
		if !(up >= 0 && up <= 1 && low >= 0 && low <= 1) {
			t.Fatalf("x %v of %v: upper %v, lower %v", x, n, up, low)
		}
		if x < n {
			if more := r.UpperP(x+1, n); more > up*(1+1e-9) {
				t.Fatalf("upper p of %v is %v, of %v is %v", x, up, x+1, more)
			}
		}
		sessions := r
		sessions.Fit.D = 20
		if q := sessions.UpperP(x, n); up < .01 && q < up {
			t.Fatalf("sessions: %v below %v", q, up)
		}
	})
}

// Visible is where the t part's power is .8: a change of that size, at level a.
func TestRateVisible(t *testing.T) {
	r := iidRate(.02, .01)
	near(t, "large windows see what the tolerance lets through", r.Visible(1e6, 1e-4), .01, .1)
	if small, large := r.Visible(100, 1e-4), r.Visible(10_000, 1e-4); !(small > large && large > .01) {
		t.Errorf("visible at n 100: %v, at 10,000: %v", small, large)
	}
	if v := r.Visible(1, 1e-4); v > 1-r.P {
		t.Errorf("more than there is: %v", v)
	}
}
