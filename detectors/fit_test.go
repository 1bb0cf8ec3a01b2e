package detectors

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/driftd/driftd"
)

func repeat(x float64, n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = x
	}
	return out
}

// alternating +-x: mean square x^2, and no positive autocorrelation.
func alternating(x float64, n int) []float64 {
	out := repeat(x, n)
	for i := range out {
		if i%2 == 1 {
			out[i] = -x
		}
	}
	return out
}

func near(t *testing.T, what string, got, want, rel float64) {
	t.Helper()
	if math.Abs(got-want) > rel*math.Abs(want) || math.IsNaN(got) {
		t.Errorf("%s = %v, want %v", what, got, want)
	}
}

// Sizes within a factor of two: one variance, worked by hand.
func TestFitScorePooled(t *testing.T) {
	n := repeat(1000, 40)
	n[3], n[9] = 2000, 10 // the second is too small to count
	s := alternating(.1, 40)
	s[9] = 77
	f := FitScore("c1", s, n)
	if !f.Pooled || f.R != 39 || f.MedianN != 1000 || f.MaxN != 2000 {
		t.Fatalf("%+v", f)
	}
	near(t, "V", f.V, .01, 1e-12)
	near(t, "RE", f.RE, 39, 1e-12)
	near(t, "v(1000)", Variance(&f, 1000), .01, 1e-12)
	near(t, "v(500): smaller windows vary more", Variance(&f, 500), .02, 1e-12)
	near(t, "v(2000): larger ones are not trusted to vary less", Variance(&f, 2000), .01, 1e-12)
	near(t, "v(1e6): n is capped", Variance(&f, 1e6), .01, 1e-12)
	near(t, "v(50)", Variance(&f, 50), .2, 1e-12)
	near(t, "se", StdErr(&f, 1000), math.Sqrt(.01*(1+1./39)), 1e-12)
	near(t, "df", DF(&f), 38, 1e-12)

	quiet := FitScore("c1", repeat(0, 40), repeat(1000, 40))
	near(t, "never below independent events", Variance(&quiet, 1000), 1./1000, 1e-12)
}

// Scores whose squares are d/n + tau2 exactly give d and tau2 back.
func TestFitScoreSeparates(t *testing.T) {
	for _, c := range []struct{ d, tau2, wantD, wantTau2 float64 }{
		{3, .0025, 3, .0025}, {1, 0, 1, 0}, {5, 0, 5, 0}, {1, .01, 1, .01},
	} {
		var s, n []float64
		for i := range 60 {
			size := 200 * math.Pow(1.1, float64(i%30))
			n = append(n, size)
			s = append(s, math.Copysign(math.Sqrt(c.d/size+c.tau2), float64(i%2)-.5))
		}
		f := FitScore("c1", s, n)
		if f.Pooled || math.Abs(f.D-c.wantD) > 1e-6 || math.Abs(f.Tau2-c.wantTau2) > 1e-8 {
			t.Errorf("d %v, tau2 %v: fitted %+v", c.d, c.tau2, f)
		}
	}
}

// Less variance than independent events have is not believed, and tau2 is not negative.
func TestFitScoreBounds(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var s, n []float64
		for range 40 {
			size := 60 * math.Exp(4*rng.Float64())
			n = append(n, size)
			s = append(s, rng.NormFloat64()*math.Exp(2*rng.Float64()-4)/math.Sqrt(size))
		}
		f := FitScore("c1", s, n)
		if f.D < 1 || f.Tau2 < 0 || math.IsNaN(f.D+f.Tau2+f.RE) || f.RE < 4 {
			t.Fatalf("%+v", f)
		}
	}
}

// Autocorrelated windows are worth fewer: RE = R (1-r)/(1+r).
func TestFitScoreAutocorrelation(t *testing.T) {
	// Blocks of four equal values, +a and -a in turn: lag-1 sum = (3-1)/4 of the
	// squares, but for the ends.
	s := make([]float64, 400)
	for i := range s {
		s[i] = .1
		if i/4%2 == 1 {
			s[i] = -.1
		}
	}
	f := FitScore("c1", s, repeat(1000, 400))
	r := (300. - 99) / 400 // 300 equal neighbours, 99 opposite ones
	near(t, "RE", f.RE, 400*(1-r)/(1+r), 1e-9)

	constant := FitScore("null_rate", repeat(-.03, 100), repeat(1000, 100))
	near(t, "RE of a constant score", constant.RE, 100, 1e-12)

	trend := make([]float64, 100)
	for i := range trend {
		trend[i] = float64(i)/50 - 1
	}
	if f := FitScore("c1", trend, repeat(1000, 100)); f.RE != 4 {
		t.Errorf("RE of a trend %v, want the least, 4", f.RE)
	}
}

func TestFitScoreWithoutWindows(t *testing.T) {
	for _, f := range []driftd.Fit{FitScore("x", nil, nil), FitScore("x", []float64{1}, []float64{10})} {
		if f.R != 0 || math.IsNaN(StdErr(&f, 100)) && f.MaxN > 0 {
			t.Errorf("%+v", f)
		}
	}
	one := FitScore("x", []float64{.1}, []float64{100})
	if v := StdErr(&one, 100); one.R != 1 || math.IsNaN(v) || math.IsInf(v, 0) {
		t.Errorf("one window: %+v, se %v", one, v)
	}
}
