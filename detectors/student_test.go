package detectors

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// StudentUpper is the inverse of StudentSF, up to the last bit of t.
func TestStudentUpperInverts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		df := rapid.OneOf(rapid.Float64Range(.5, 2000), rapid.SampledFrom([]float64{1, 3, 12, 99, 335, 1e5, 1e6, 1e9, math.Inf(1)})).Draw(t, "df")
		p := math.Pow(10, -rapid.Float64Range(.31, 12).Draw(t, "log p"))
		x := StudentUpper(p, df)
		if back := StudentSF(x, df); math.Abs(back/p-1) > 1e-11*math.Max(1, x) {
			t.Fatalf("StudentSF(StudentUpper(%v, %v)) = %v", p, df, back)
		}
	})
}

// Monotone and without a jump where one way of computing takes over from another.
func TestStudentSFJoins(t *testing.T) {
	for _, df := range []float64{1, 4, 30, 335, 9_999, 1e4, 1e4 + 1, 1e7, 1e12} {
		below, above := StudentSF(math.Sqrt(3)*(1-1e-12), df), StudentSF(math.Sqrt(3)*(1+1e-12), df)
		if math.Abs(below-above) > 2e-11*below {
			t.Errorf("df %v: %v just below t^2 = 3, %v just above", df, below, above)
		}
	}
	for _, x := range []float64{1.8, 3, 8, 30} {
		a, b := StudentSF(x, 1e4), StudentSF(x, math.Nextafter(1e4, 1e5))
		if math.Abs(a/b-1) > 1e-10 {
			t.Errorf("t %v: %v at df 1e4, %v just above", x, a, b)
		}
	}
}

func TestStudentSpecialCases(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	for _, c := range []struct{ t, df, want float64 }{
		{0, 5, .5}, {inf, 5, 0}, {-inf, 5, 1}, {nan, 5, nan}, {1, nan, nan}, {1, 0, nan}, {1, -1, nan},
		{1, 1, .25},                         // Cauchy: 1/2 - atan(t)/pi
		{1, 2, .5 - 1/(2*math.Sqrt(3))},     // closed form of df 2
		{-2, 1, .5 + math.Atan(2)/math.Pi},  //
		{1.959963984540054, inf, .025},      // normal
		{1e10, 3, 1.102657790843584786e-30}, // 2 sqrt 3/pi t^-3: the leading term of the tail
	} {
		if got := StudentSF(c.t, c.df); !(math.Abs(got-c.want) <= 1e-14*c.want || math.IsNaN(got) && math.IsNaN(c.want)) {
			t.Errorf("StudentSF(%v, %v) = %v, want %v", c.t, c.df, got, c.want)
		}
	}
	if StudentUpper(0, 5) != inf || StudentUpper(.5, 5) != 0 || StudentUpper(.7, 5) != 0 || StudentUpper(nan, 5) != inf {
		t.Error("StudentUpper at the ends")
	}
}

func BenchmarkStudentSF(b *testing.B) {
	for i := range b.N {
		StudentSF(1+float64(i%8), 335)
	}
}
