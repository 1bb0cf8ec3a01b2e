package consumers

import (
	"math"
	"math/rand/v2"
	"strconv"
	"testing"
)

// Every number reads as strconv.ParseFloat reads it, bit for bit.
func TestNumberEqualsStrconv(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	check := func(s string) {
		t.Helper()
		want, err := strconv.ParseFloat(s, 64)
		got, next, gotErr := readNumber([]byte(s), 0)
		if err != nil && !math.IsInf(want, 0) {
			return
		}
		if gotErr != nil || next != len(s) || math.Float64bits(got) != math.Float64bits(want) {
			t.Fatalf("%s: got %v (%x) next %d err %v, want %v (%x)", s, got, math.Float64bits(got), next, gotErr, want, math.Float64bits(want))
		}
	}
	for _, s := range []string{"0", "-0", "1", "0.1", "1e22", "1e23", "123456789012345678901234567890", "9007199254740993", "1e-400", "1e400", "-1e400",
		"2.2250738585072014e-308", "5e-324", "2.4703282292062328e-324", "1.7976931348623157e308", "0.000000000000000000000000000001", "8.5e-348", "6929495644600919.5", "3.7e347"} {
		check(s)
	}
	for range 60_000 {
		x := math.Float64frombits(rng.Uint64())
		if math.IsNaN(x) || math.IsInf(x, 0) {
			continue
		}
		check(strconv.FormatFloat(x, 'g', -1, 64))
		check(strconv.FormatFloat(rng.NormFloat64()*100, 'f', rng.IntN(20), 64))
		check(strconv.FormatUint(rng.Uint64()>>rng.IntN(64), 10) + "e" + strconv.Itoa(rng.IntN(700)-350))
	}
}

func TestNumberRefuses(t *testing.T) {
	for _, s := range []string{"", "-", "01", "1.", ".5", "1e", "1e+", "+1", "-.1"} {
		if x, _, err := readNumber([]byte(s), 0); err == nil {
			t.Errorf("%q read as %v", s, x)
		}
	}
}

func BenchmarkNumber(b *testing.B) {
	s := []byte("-1.2345678901234567,")
	for b.Loop() {
		if _, _, err := readNumber(s, 0); err != nil {
			b.Fatal(err)
		}
	}
}
