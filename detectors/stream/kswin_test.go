package stream

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/driftd/driftd/detectors"
)

func kswin(alpha float64, window, stat int, seed uint64) *KSWIN {
	return &KSWIN{Alpha: alpha, WindowSize: window, StatSize: stat, Seed: seed}
}

func normals(seed uint64, n int, shift float64) []float64 {
	rng := rand.New(rand.NewPCG(seed, 77))
	out := make([]float64, n)
	for i := range out {
		out[i] = shift + rng.NormFloat64()
	}
	return out
}

// A window of independent values drifts at most as often as alpha says; that
// windows overlap makes it seldomer, floor and ties too.
func TestKSWINFalseAlarms(t *testing.T) {
	alarms, looks := 0, 0
	for seed := range uint64(20) {
		k := kswin(.01, 60, 20, seed)
		for _, x := range normals(seed, 1000, 0) {
			if drift, _ := k.Update(x); drift {
				alarms++
			}
			if _, _, ok := k.Level(); ok {
				looks++
			}
		}
	}
	if share := float64(alarms) / float64(looks); looks < 10_000 || share > .012 || alarms == 0 {
		t.Errorf("%d alarms in %d looks (%.4f) at alpha .01", alarms, looks, share)
	}
}

// A shift of 3 standard deviations is found before the newest values are all new.
func TestKSWINFindsShift(t *testing.T) {
	for seed := range uint64(20) {
		k := kswin(.0001, 100, 30, seed)
		for i, x := range append(normals(seed, 300, 0), normals(seed+100, 31, 3)...) {
			drift, _ := k.Update(x)
			if drift && i < 300 {
				t.Errorf("seed %d: a false alarm at %d (1 in 20 seeds would be too many at .0001)", seed, i)
			}
			if drift {
				break
			}
			if i == 330 {
				t.Errorf("seed %d: not found", seed)
			}
		}
	}
}

// The same seed gives the same drifts; another gives others. After a drift the
// draws begin again at the seed: the stream after it has the drifts that it has
// by itself.
func TestKSWINSeed(t *testing.T) {
	values := normals(4, 3000, 0)
	run := func(seed uint64, values []float64) (at []int) {
		k := kswin(.05, 40, 12, seed)
		for i, x := range values {
			if drift, _ := k.Update(x); drift {
				at = append(at, i)
			}
		}
		return at
	}
	one := run(1, values)
	if !slices.Equal(one, run(1, values)) || slices.Equal(one, run(2, values)) || len(one) < 5 {
		t.Fatalf("drifts at %v, again at %v, with another seed at %v", one, run(1, values), run(2, values))
	}
	first := one[0] + 1
	for i, at := range run(1, values[first:]) {
		if at != one[i+1]-first {
			t.Fatalf("after the drift at %d: %d, by itself at %d", one[0], one[i+1]-first, at)
		}
	}
}

// Every old value is drawn as often as any other, once at most a look.
func TestKSWINDraw(t *testing.T) {
	k := kswin(.01, 30, 10, 5)
	if err := k.Fill(slices.Repeat([]float64{7}, 30)); err != nil {
		t.Fatal(err)
	}
	for i := range k.window {
		k.window[i] = float64(i)
	}
	seen := make([]float64, 20)
	const looks = 20_000
	for range looks {
		d := k.draw()
		slices.Sort(d)
		if len(slices.Compact(slices.Clone(d))) != 10 {
			t.Fatalf("drawn twice: %v", d)
		}
		for _, x := range d {
			seen[int(x)]++ // panics for one of the newest values
		}
	}
	for i, n := range seen { // 1/2 each; 5 sd of a share of 20,000
		if math.Abs(n/looks-.5) > .018 {
			t.Errorf("value %d was drawn in %.3f of the looks, want .5", i, n/looks)
		}
	}
}

// The critical distance is the first whose exact p-value is at most alpha, and
// above .1.
func TestKSWINCritical(t *testing.T) {
	for _, c := range []struct {
		alpha float64
		n     int
	}{{.005, 30}, {.0001, 50}, {.05, 10}, {1, 30}, {1, 25}, {0, 30}} {
		k := kswin(c.alpha, 2*c.n, c.n, 0)
		got, want := k.findCritical(), c.n+1
		for i := c.n; i > 0 && float64(i)/float64(c.n) > .1; i-- {
			r := detectors.KSResult{N: c.n, M: c.n, Plus: float64(i) / float64(c.n)}
			if r.KSExactP(detectors.TwoSided) > c.alpha {
				break
			}
			want = i
		}
		if got != want {
			t.Errorf("alpha %v, %d values: %d, want %d", c.alpha, c.n, got, want)
		}
	}
}

// A filled window is looked at from the next value on.
func TestKSWINFill(t *testing.T) {
	k := kswin(.001, 50, 20, 3)
	if err := k.Fill(normals(1, 70, 0)); err != nil {
		t.Fatal(err)
	}
	k.Update(0)
	if _, _, ok := k.Level(); !ok {
		t.Error("a filled window was not looked at")
	}
	if err := k.Fill([]float64{1, math.NaN()}); err == nil {
		t.Error("NaN was filled in")
	}
}
