package stream

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// makers are detectors of every method, small enough to speak often.
var makers = map[string]func() Detector{
	"adwin":         func() Detector { return spec("adwin", "clock", "4", "delta", ".3", "max_buckets", "2") },
	"adwin default": func() Detector { return spec("adwin") },
	"page_hinkley":  func() Detector { return spec("page_hinkley", "threshold", "3", "min_instances", "5") },
	"page_hinkley up": func() Detector {
		return spec("page_hinkley", "threshold", "2", "mode", "up", "alpha", ".9")
	},
	"ddm":    func() Detector { return spec("ddm", "warm_start", "5", "drift_threshold", "2") },
	"eddm":   func() Detector { return spec("eddm", "warm_start", "3", "alpha", ".99") },
	"hddm_a": func() Detector { return spec("hddm_a", "drift_confidence", ".2", "two_sided_test", "true") },
	"hddm_w": func() Detector { return spec("hddm_w", "drift_confidence", ".2", "two_sided_test", "true") },
	"fhddm":  func() Detector { return spec("fhddm", "sliding_window_size", "10", "confidence_level", ".2") },
	"fhddm stacked": func() Detector {
		return spec("fhddm", "sliding_window_size", "20", "short_window_size", "5", "confidence_level", ".3")
	},
	"kswin": func() Detector {
		return spec("kswin", "window_size", "20", "stat_size", "5", "alpha", ".2", "seed", "9")
	},
	"cusum": func() Detector { return &CUSUM{K: .1, H: 2, LRV: 1.7} },
}

func spec(method string, settings ...string) Detector {
	s := NewSpec(FindMethod(method))
	for i := 0; i < len(settings); i += 2 {
		if err := s.Set(settings[i], settings[i+1]); err != nil {
			panic(err)
		}
	}
	if err := s.Check(); err != nil {
		panic(err)
	}
	return s.New()
}

// testStream changes its share of ones each 40 values; half of the rest lies
// between 0 and 1.
func testStream(seed uint64, n int) []float64 {
	rng := rand.New(rand.NewPCG(seed, 5))
	out := make([]float64, n)
	for i := range out {
		p := []float64{.2, .8, .5}[i/40%3]
		if out[i] = 0; rng.Float64() < p {
			out[i] = 1
		}
		if seed%2 == 1 {
			out[i] = (out[i] + rng.Float64()) / 2
		}
	}
	return out
}

// told is all that a detector says about a value.
func told(d Detector, x float64) string {
	drift, warning := d.Update(x)
	s, l, ok := d.Level()
	return fmt.Sprint(drift, warning, math.Float64bits(s), math.Float64bits(l), ok)
}

// A detector that is written down after any value and read back says the same as
// one that went on.
func TestRestart(t *testing.T) {
	for name, make := range makers {
		t.Run(name, func(t *testing.T) {
			spoke := 0
			for seed := range uint64(4) {
				d := make()
				for i, x := range testStream(seed, 400) {
					state := d.AppendState(nil)
					restored := make()
					if err := restored.ReadState(state); err != nil {
						t.Fatalf("seed %d, before value %d: %v", seed, i, err)
					}
					want, got := told(d, x), told(restored, x)
					if want != got {
						t.Fatalf("seed %d, value %d: %s went on, %s restored", seed, i, want, got)
					}
					if strings.HasPrefix(want, "true") {
						spoke++
					}
					if !bytes.Equal(d.AppendState(nil), restored.AppendState(nil)) {
						t.Fatalf("seed %d, value %d: states differ", seed, i)
					}
					d = restored
				}
			}
			if spoke == 0 && name != "adwin default" {
				t.Error("it never spoke: the streams test nothing")
			}
		})
	}
}

// A value that cannot be taken changes nothing.
func TestRefusedValues(t *testing.T) {
	for name, make := range makers {
		d := make()
		m := FindMethod(strings.Fields(name)[0])
		bad := []float64{math.NaN(), math.Inf(1), math.Inf(-1), 2 * MaxValue, -2 * MaxValue}
		if m.Shares {
			bad = append(bad, -.01, 1.01)
		}
		for _, x := range testStream(0, 60) {
			before := d.AppendState(nil)
			for _, b := range bad {
				if drift, warning := d.Update(b); drift || warning {
					t.Errorf("%s: %v gives drift %v, warning %v", name, b, drift, warning)
				}
			}
			if !bytes.Equal(before, d.AppendState(nil)) {
				t.Fatalf("%s: refused values changed it", name)
			}
			d.Update(x)
		}
	}
}

func TestStateIsBounded(t *testing.T) {
	for name, make := range makers {
		d, half := make(), 0
		for i, x := range testStream(1, 20_000) {
			d.Update(x)
			if i == 10_000 {
				half = len(d.AppendState(nil))
			}
		}
		if n := len(d.AppendState(nil)); n > half+400 || n > 2500 {
			t.Errorf("%s: %d bytes after 10,000 values, %d after 20,000", name, half, n)
		}
	}
}

func TestBrokenState(t *testing.T) {
	for name, make := range makers {
		d := make()
		for _, x := range testStream(1, 100) {
			d.Update(x)
		}
		good := d.AppendState(nil)
		method := strings.Fields(name)[0]
		for text, b := range map[string][]byte{"too soon": good[:len(good)-1], "left over": append(bytes.Clone(good), 0), "a newer driftd": append([]byte{9}, good[1:]...), "ends": nil} {
			err := d.ReadState(b)
			if err == nil || !strings.Contains(err.Error(), text) || !strings.Contains(err.Error(), "state of "+method+":") {
				t.Errorf("%s: %v, want it to say %q", name, err, text)
			}
			if !bytes.Equal(good, d.AppendState(nil)) {
				t.Errorf("%s: an error changed the state", name)
			}
		}
	}
}

// Whatever the state and the values: no panic, and no number that is not finite.
func FuzzState(f *testing.F) {
	for name, make := range makers {
		d := make()
		for _, x := range testStream(1, 90) {
			d.Update(x)
		}
		f.Add(strings.Fields(name)[0], d.AppendState(nil), .5)
	}
	f.Fuzz(func(t *testing.T, name string, state []byte, x float64) {
		make := makers[name]
		if make == nil {
			return
		}
		d := make()
		if d.ReadState(state) != nil {
			return
		}
		if err := make().ReadState(d.AppendState(nil)); err != nil {
			t.Fatalf("its own state is refused: %v", err)
		}
		for i := range 50 {
			d.Update(x * float64(i))
			d.Update(math.Mod(math.Abs(x)*float64(i), 1))
			if s, l, ok := d.Level(); ok && (!usable(s) || !usable(l)) {
				t.Fatalf("level %v %v", s, l)
			}
		}
	})
}
