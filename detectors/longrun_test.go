package detectors

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/driftd/driftd"
)

// ar1 are n values z_t = phi z_{t-1} + e_t of variance 1.
func ar1(rng *rand.Rand, n int, phi float64) []float64 {
	z := make([]float64, n)
	x := rng.NormFloat64()
	for i := range z {
		z[i] = x
		x = phi*x + math.Sqrt(1-phi*phi)*rng.NormFloat64()
	}
	return z
}

// The long-run variance of an autoregression is (1+phi)/(1-phi): 1, 3, 9. The
// triangle of weights takes L = 21 lags at R = 2000, and with them sees
// 1 + 2 sum (1 - l/22) phi^l: 1, 2.82, 7.21; all 1 + 21/2000 times.
func TestLongRunVariance(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 8))
	for _, c := range []struct{ phi, want float64 }{{0, 1}, {.5, 2.82}, {.8, 7.21}} {
		sum := 0.0
		const runs = 200
		for range runs {
			sum += longRunVariance(ar1(rng, 2000, c.phi))
		}
		if got := sum / runs; math.Abs(got/(c.want*1.0105)-1) > .08 {
			t.Errorf("phi %v: %.2f, want %.2f", c.phi, got, c.want*1.0105)
		}
	}
}

func TestLongRunVarianceEdges(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 9))
	if got := longRunVariance(ar1(rng, MinLongRun-1, .5)); got != 0 {
		t.Errorf("%v from too few windows, want 0", got)
	}
	if got := longRunVariance(make([]float64, MinLongRun)); got != 1 {
		t.Errorf("%v from constant scores, want 1", got)
	}
	if got := longRunVariance(ar1(rng, MinLongRun, -.8)); got != 1 {
		t.Errorf("%v from scores that swing back, want 1", got)
	}
	// By hand: R = 800, L = 16; z = +-1 in runs of 400 has mean 0 and rho_l = (800 - 3l)/800.
	z := make([]float64, 800)
	want := 1.0
	for i := range z {
		z[i] = 1 - 2*float64(i/400)
	}
	for l := 1.0; l <= 16; l++ {
		want += 2 * (1 - l/17) * (800 - 3*l) / 800
	}
	if got := longRunVariance(z); math.Abs(got-want*(1+16./800)) > 1e-12 {
		t.Errorf("%v, want %v", got, want*(1+16./800))
	}
}

// FitScore and the seasonal fit have it, an inherited one has not.
func TestFitsHaveLongRunVariance(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 10))
	z := ar1(rng, 700, .5)
	n := make([]float64, len(z))
	for i := range n {
		n[i] = 200
	}
	f := FitScore("location", z, n)
	if f.LRV < 1.5 {
		t.Errorf("FitScore: %v", f.LRV)
	}
	if g := FitScore("location", z[:600], n[:600]); g.LRV != 0 {
		t.Errorf("600 windows: %v", g.LRV)
	}
	if g := inheritFit(&f, "location", z[:50], n[:50], nil); g.LRV != 0 || g.R != f.R {
		t.Errorf("inherited: %+v", g)
	}
	// An hour's own mean taken off, scores that follow the hour are independent.
	se := &season{make([]driftd.Slot, len(z)), make([]int64, len(z))}
	for i := range z {
		se.slot[i], se.day[i] = driftd.Slot(i%24+1), int64(i/24)
		z[i] = rng.NormFloat64() + 3*math.Sin(2*math.Pi*float64(i%24)/24)
	}
	fixed, seasonal := FitScore("location", z, n), fitSeasonal("location", z, n, se)
	if fixed.LRV < 2 || seasonal.LRV > 1.3 || seasonal.LRV < 1 {
		t.Errorf("of scores that follow the hour: %v fixed, %v seasonal", fixed.LRV, seasonal.LRV)
	}
}
