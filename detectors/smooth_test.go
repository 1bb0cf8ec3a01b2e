package detectors

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/driftd/driftd"
)

// numericOf makes a column with unit bins 0..b and the given counts (under,
// bins, over).
func numericOf(t testing.TB, counts ...uint64) (*driftd.Layout, *driftd.ColumnProfile) {
	t.Helper()
	b := len(counts) - 2
	c := driftd.ColumnLayout{Name: "x", Kind: driftd.Numeric}
	for i := range b {
		c.Upper = append(c.Upper, float64(i+1))
	}
	l := &driftd.Layout{Model: "m", Columns: []driftd.ColumnLayout{c}}
	if err := l.Compile(); err != nil {
		t.Fatal(err)
	}
	p := driftd.NewProfile(l)
	q := &p.Columns[0]
	for i, n := range counts {
		q.Bins[i] = driftd.Bin{Count: n, Offset: n * 127}
		if n > 0 {
			q.Min, q.Max = math.Min(q.Min, float64(i)-1), math.Max(q.Max, float64(i))
		}
	}
	return l, q
}

// h_0 = 1, h_1.. are orthonormal under the reference's shares, whatever those are.
func TestShapeIsOrthonormal(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		counts := rapid.SliceOfN(rapid.OneOf(rapid.Just(uint64(0)), rapid.Uint64Range(1, 50), rapid.Uint64Range(1, 1e6)), 3, 66).Draw(rt, "counts")
		l, ref := numericOf(t, counts...)
		s := NewShape(&l.Columns[0], ref)
		if s == nil {
			return
		}
		sum := 0.0
		for _, p := range s.P {
			if !(p > 0) {
				rt.Fatalf("share %v", p)
			}
			sum += p
		}
		if math.Abs(sum-1) > 1e-12 {
			rt.Fatalf("shares sum to %v", sum)
		}
		if len(s.H) > MaxOrder || len(s.H) > len(s.P)-1 {
			rt.Fatalf("%d scores for %d bins", len(s.H), len(s.P))
		}
		one := make([]float64, len(s.P))
		for i := range one {
			one[i] = 1
		}
		for k, h := range s.H {
			if d := dot(s.P, h, one); math.Abs(d) > 1e-9 {
				rt.Fatalf("<h%d, 1> = %v", k+1, d)
			}
			for j, g := range s.H[:k+1] {
				want := 0.0
				if j == k {
					want = 1
				}
				if d := dot(s.P, h, g); math.Abs(d-want) > 1e-9 {
					rt.Fatalf("<h%d, h%d> = %v", k+1, j+1, d)
				}
			}
		}
		// The reference itself scores 0 everywhere.
		q, n := s.Shares(ref)
		for k, c := range s.Scores(q) {
			if math.Abs(c) > 1e-9 {
				rt.Fatalf("c%d of the reference is %v", k+1, c)
			}
		}
		if n != s.M || Residual(q, s.P, s.Scores(q)) > 1e-9 {
			rt.Fatalf("n %v of %v, residual %v", n, s.M, Residual(q, s.P, s.Scores(q)))
		}
	})
}

// Four even bins: h_1 is (-3, -1, 1, 3)/sqrt 5, h_2 (1, -1, -1, 1), up to sign.
func TestShapeByHand(t *testing.T) {
	l, ref := numericOf(t, 0, 10, 10, 10, 10, 0)
	s := NewShape(&l.Columns[0], ref)
	for k, want := range [][]float64{{-3 / math.Sqrt(5), -1 / math.Sqrt(5), 1 / math.Sqrt(5), 3 / math.Sqrt(5)}, {1, -1, -1, 1}, {-1 / math.Sqrt(5), 3 / math.Sqrt(5), -3 / math.Sqrt(5), 1 / math.Sqrt(5)}} {
		for i := range want {
			if math.Abs(s.H[k][i]-want[i]) > 1e-12 {
				t.Errorf("h%d = %v, want %v", k+1, s.H[k], want)
				break
			}
		}
	}
	if len(s.H) != 3 {
		t.Errorf("%d scores of 4 bins", len(s.H))
	}
	near(t, "values that c1 needs", s.Need[0], 10*(81+1+1+81)/25./4, 1e-12)
	near(t, "values that c2 needs", s.Need[1], 10, 1e-12)
}

// Empty reference bins join their left neighbour, the first its right one;
// under and over go into the outer bins.
func TestShapeMergesEmptyBins(t *testing.T) {
	l, ref := numericOf(t, 0, 0, 30, 0, 50, 20, 0)
	s := NewShape(&l.Columns[0], ref)
	_, live := numericOf(t, 1, 2, 3, 4, 5, 6, 7)
	q, n := s.Shares(live)
	want := []float64{10, 5, 13}
	if n != 28 || len(q) != len(want) {
		t.Fatalf("%v of %v", q, n)
	}
	for i := range want {
		near(t, "judged bin", q[i]*n, want[i], 1e-12)
	}
}
