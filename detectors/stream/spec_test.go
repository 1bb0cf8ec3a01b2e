package stream

import "testing"

// The defaults are River's 0.23 (signatures of river.drift and river.drift.binary).
func TestSpecDefaults(t *testing.T) {
	for method, want := range map[string]string{
		"adwin":        "adwin(delta=0.002, clock=32, max_buckets=5, min_window_length=5, grace_period=10)",
		"page_hinkley": "page_hinkley(min_instances=30, delta=0.005, threshold=50, alpha=0.9999, mode=both)",
		"ddm":          "ddm(warm_start=30, warning_threshold=2, drift_threshold=3)",
		"eddm":         "eddm(warm_start=30, alpha=0.95, beta=0.9)",
		"hddm_a":       "hddm_a(drift_confidence=0.001, warning_confidence=0.005, two_sided_test=false)",
		"hddm_w":       "hddm_w(drift_confidence=0.001, warning_confidence=0.005, lambda_val=0.05, two_sided_test=false)",
		"fhddm":        "fhddm(sliding_window_size=100, confidence_level=1e-06, short_window_size=0)",
		"kswin":        "kswin(alpha=0.005, window_size=100, stat_size=30, seed=0)",
		"cusum":        "cusum",
	} {
		if got := NewSpec(FindMethod(method)).String(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestSpecErrors(t *testing.T) {
	for _, c := range []struct{ method, name, value, want string }{
		{"adwin", "delta", "0", `"0" is not a number above 0 to 1`},
		{"adwin", "clock", "1.5", `"1.5" is not a whole number from 1 to 1000000`},
		{"adwin", "threshold", "3", "adwin has no setting threshold; known are delta, clock, max_buckets, min_window_length, grace_period"},
		{"page_hinkley", "mode", "sideways", `"sideways" is not one of both, up, down`},
		{"page_hinkley", "threshold", "NaN", `"NaN" is not a number`},
		{"hddm_a", "two_sided_test", "1", `"1" is not one of false, true`},
		{"cusum", "k", "1", "cusum has no setting k; it has none: write its name alone"},
		{"eddm", "alpha", ".5", "eddm: alpha is below beta: a warning comes before a drift, so make alpha the greater"},
		{"fhddm", "short_window_size", "101", "fhddm: short_window_size is above sliding_window_size: make it the smaller"},
		{"kswin", "stat_size", "51", "kswin: stat_size is above half of window_size: it is drawn from what is left of the window, so make it smaller"},
	} {
		s := NewSpec(FindMethod(c.method))
		err := s.Set(c.name, c.value)
		if err == nil {
			err = s.Check()
		}
		if err == nil || err.Error() != c.want {
			t.Errorf("%s %s=%s: %v, want %s", c.method, c.name, c.value, err, c.want)
		}
	}
	if FindMethod("ADWIN") != nil {
		t.Error("names are in small letters")
	}
}
