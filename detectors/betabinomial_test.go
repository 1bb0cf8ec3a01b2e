package detectors

import (
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"
)

// bruteBetaBinomial is P(X = k) for whole a, b by exact fractions:
// C(n,k) (a)_k (b)_(n-k) / (a+b)_n, rising factorials.
func bruteBetaBinomial(k, n, a, b int64) *big.Rat {
	rising := func(x, m int64) *big.Int {
		p := big.NewInt(1)
		for i := range m {
			p.Mul(p, big.NewInt(x+i))
		}
		return p
	}
	num := new(big.Int).Binomial(n, k)
	num.Mul(num, rising(a, k)).Mul(num, rising(b, n-k))
	return new(big.Rat).SetFrac(num, rising(a+b, n))
}

func TestBetaBinomialAgainstSums(t *testing.T) {
	for _, c := range []struct{ n, a, b int64 }{{1, 1, 1}, {10, 1, 3}, {30, 2, 40}, {50, 1, 1}, {60, 300, 5}, {40, 1000, 30_000}} {
		upper := new(big.Rat)
		for k := c.n; k >= 0; k-- {
			p := bruteBetaBinomial(k, c.n, c.a, c.b)
			upper.Add(upper, p)
			want, _ := upper.Float64()
			got := BetaBinomialUpper(float64(k), float64(c.n), float64(c.a), float64(c.b))
			// Logarithms of gamma functions of 30,000 leave 1e-11.
			if math.Abs(got-want) > 1e-10*want+1e-15*want {
				t.Errorf("P(X >= %d), n %d, a %d, b %d: %v, want %v", k, c.n, c.a, c.b, got, want)
			}
			lower := new(big.Rat).Sub(big.NewRat(1, 1), upper)
			lower.Add(lower, p)
			want, _ = lower.Float64()
			if got := BetaBinomialLower(float64(k), float64(c.n), float64(c.a), float64(c.b)); math.Abs(got-want) > 1e-10*want {
				t.Errorf("P(X <= %d), n %d, a %d, b %d: %v, want %v", k, c.n, c.a, c.b, got, want)
			}
		}
	}
}

// P(X >= k) + P(X <= k-1) = 1, both within [0, 1] and monotone, also for the
// U shapes of small a and b.
func TestBetaBinomialIsADistribution(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := float64(rapid.IntRange(1, 3000).Draw(t, "n"))
		a := math.Exp(rapid.Float64Range(-8, 14).Draw(t, "log a"))
		b := math.Exp(rapid.Float64Range(-8, 14).Draw(t, "log b"))
		k := float64(rapid.IntRange(0, int(n)).Draw(t, "k"))
		up, low := BetaBinomialUpper(k, n, a, b), BetaBinomialLower(k-1, n, a, b)
		if !(up >= 0 && up <= 1 && low >= 0 && low <= 1) || math.Abs(up+low-1) > 1e-8 {
			t.Fatalf("P(X >= %v) = %v, P(X <= %v) = %v (n %v, a %v, b %v)", k, up, k-1, low, n, a, b)
		}
		if next := BetaBinomialUpper(k+1, n, a, b); next > up*(1+1e-9)+1e-12 {
			t.Fatalf("P(X >= %v) = %v > P(X >= %v) = %v", k+1, next, k, up)
		}
	})
}

func TestBetaBinomialSpecialCases(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct{ k, n, a, b, want float64 }{
		{0, 5, 1, 1, 1}, {-1, 5, 1, 1, 1}, {6, 5, 1, 1, 0}, {5, 5, 1, 1, 1. / 6}, {1, 1, 1, 3, .25},
		{1, 5, 0, 1, nan}, {1, 5, 1, -1, nan}, {nan, 5, 1, 1, nan}, {1, nan, 1, 1, nan},
	} {
		if got := BetaBinomialUpper(c.k, c.n, c.a, c.b); !(math.Abs(got-c.want) < 1e-13 || math.IsNaN(got) && math.IsNaN(c.want)) {
			t.Errorf("BetaBinomialUpper(%v, %v, %v, %v) = %v, want %v", c.k, c.n, c.a, c.b, got, c.want)
		}
	}
}

// A count far beyond the mean is 0, at once: the terms are below what a float
// holds, and there may be a billion of them.
func TestBetaBinomialFarAway(t *testing.T) {
	if p := BetaBinomialUpper(9e8, 1e9, 1e6, 1e9); p != 0 {
		t.Errorf("P = %v", p)
	}
	r := Rate{P: .001, Tol: .005, M: 1e15, Fit: flatFit("x", 1e15)}
	if p := r.UpperP(1e17, 1e18); p > 1e-12 {
		t.Errorf("a tenth of 1e18 events against .001: p %v", p)
	}
	if p := r.UpperP(2e15, 1e18); p < .5 {
		t.Errorf("within the tolerance: p %v", p)
	}
}
