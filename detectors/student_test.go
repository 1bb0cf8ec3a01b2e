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

// The short way to the critical value ends where halving alone does: between two
// neighbouring floats.
func TestStudentUpperIsTheBisection(t *testing.T) {
	slow := func(p, df float64) float64 {
		lo, hi := 0.0, 4.0
		for StudentSF(hi, df) > p {
			lo, hi = hi, hi*2
		}
		for {
			mid := lo + (hi-lo)/2
			if mid == lo || mid == hi {
				return hi
			}
			if StudentSF(mid, df) > p {
				lo = mid
			} else {
				hi = mid
			}
		}
	}
	other, all := 0, 0
	for _, df := range []float64{.7, 1, 2.5, 5, 11.3, 23, 47, 71, 167.2, 335, 2000, 9_999, 20_000, 1e6, 1e9, math.Inf(1)} {
		for p := .49; p > 1e-12; p *= .61 {
			fast, want := StudentUpper(p, df), slow(p, df)
			if all++; fast != want {
				other++
			}
			// Where rounding makes the tail go up and down by a bit there are several such places.
			if math.Abs(fast-want) > 1e-13*want {
				t.Errorf("StudentUpper(%v, %v) = %v, want %v", p, df, fast, want)
			}
			if StudentSF(fast, df) > p || StudentSF(math.Nextafter(fast, 0), df) <= p {
				t.Errorf("StudentUpper(%v, %v) = %v: P is not passed there", p, df, fast)
			}
		}
	}
	if other > all/5 {
		t.Errorf("%d of %d differ in the last bits", other, all)
	}
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

func BenchmarkStudentUpper(b *testing.B) {
	for i := range b.N {
		StudentUpper(1e-3/float64(1+i%8), 71.3)
	}
}
