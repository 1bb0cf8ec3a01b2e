package classic

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The golden vectors of Evidently and NannyML lie outside the repository; see
// detectors/golden_test.go. DRIFTD_GOLDEN_DIR names another folder of the same form.
const goldenDir = "../../../shared/golden"

// notReproduced is what of these files is not computed here, and why.
var notReproduced = map[string]string{
	"TVD": "its p-value is of permutations in numpy's random order",
}

type goldenCase struct {
	Name             string
	Inputs, Expected map[string]json.RawMessage
	Params           map[string]any
}

func goldenFiles(t *testing.T, prefix string) (cases []goldenCase) {
	dir := goldenDir
	if d := os.Getenv("DRIFTD_GOLDEN_DIR"); d != "" {
		dir = d
	}
	files, _ := filepath.Glob(filepath.Join(dir, prefix+"*.json"))
	if len(files) == 0 {
		if all, _ := filepath.Glob(filepath.Join(dir, "*.json")); len(all) == 0 && os.Getenv("CI") != "" {
			t.Fatalf("no golden vectors in %s: set DRIFTD_GOLDEN_DIR", dir)
		}
		t.Logf("no %s*.json in %s: nothing was compared", prefix, dir)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var doc struct{ Cases []goldenCase }
		if err := json.Unmarshal(raw, &doc); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		cases = append(cases, doc.Cases...)
	}
	return cases
}

// values reads a list of numbers (NaN and infinities as strings), or of levels where categorical.
func values(t *testing.T, raw json.RawMessage, categorical bool) Values {
	t.Helper()
	var list []any
	if err := json.Unmarshal(raw, &list); err != nil {
		t.Fatal(err)
	}
	if categorical {
		levels := make([]string, 0, len(list))
		for _, v := range list {
			if v != nil {
				levels = append(levels, fmt.Sprint(v))
			}
		}
		return Values{Levels: levels}
	}
	numbers := make([]float64, 0, len(list))
	for _, v := range list {
		x, ok := number(v)
		if !ok {
			x = math.NaN()
		}
		numbers = append(numbers, x)
	}
	return Values{Numbers: numbers}
}

func number(v any) (float64, bool) {
	switch x := v.(type) {
	case float64:
		return x, true
	case string:
		switch x {
		case "NaN":
			return math.NaN(), true
		case "Infinity":
			return math.Inf(1), true
		case "-Infinity":
			return math.Inf(-1), true
		}
	}
	return 0, false
}

// strs is whether the list holds anything but numbers.
func strs(raw json.RawMessage) bool {
	var list []any
	if json.Unmarshal(raw, &list) != nil {
		return false
	}
	for _, v := range list {
		if _, ok := number(v); !ok && v != nil {
			return true
		}
	}
	return false
}

// near: p-values of limit laws that scipy cuts off at 1e-7 (Cramer-von Mises) are
// compared as far as that goes.
func near(got, want, rel, tiny float64) bool {
	return math.IsNaN(want) && math.IsNaN(got) || got == want || math.Abs(got-want) <= math.Max(rel*math.Abs(want), tiny)
}

type goldenVerdict struct {
	Name, Method     string
	Score, Threshold any
	Value            any
	Drifted          bool
	Error            string
}

func TestGoldenEvidently(t *testing.T) {
	compared, left := 0, map[string]int{}
	for _, c := range goldenFiles(t, "03_") {
		if strings.HasPrefix(c.Name, "preset") {
			compared += preset(t, c)
			continue
		}
		categorical := c.Params["feature_type"] == "cat"
		ref, cur := values(t, c.Inputs["reference"], categorical), values(t, c.Inputs["current"], categorical)
		for name, raw := range c.Expected {
			var want goldenVerdict
			if err := json.Unmarshal(raw, &want); err != nil {
				t.Fatal(err)
			}
			if name == "default_test" {
				if name = EvidentlyDefault(ref, cur); name != want.Name {
					t.Errorf("%s: %s is taken by default, want %s", c.Name, name, want.Name)
					continue
				}
			}
			if why := notReproduced[name]; why != "" {
				left[name+": "+why]++
				continue
			}
			test, err := Evidently(name)
			if err != nil {
				t.Errorf("%s: %v", c.Name, err)
				continue
			}
			got, err := test.Judge(ref, cur, 0)
			compared++
			if want.Error != "" {
				// Where it raises, ours has a reason too, or a value that it should have had.
				if err == nil && (math.IsNaN(got.Score) || got.Score < 0) {
					t.Errorf("%s: %s: %+v, Evidently raises %s", c.Name, name, got, want.Error)
				}
				continue
			}
			if err != nil {
				t.Errorf("%s: %s: %v", c.Name, name, err)
				continue
			}
			score, _ := number(want.Score)
			threshold, _ := number(want.Threshold)
			rel, tiny := 1e-9, 1e-12
			switch name {
			case "cramer_von_mises":
				tiny = 1e-6
			case "es":
				rel = 1e-6
				if categoricalLike(ref) || score < 1e-30 { // few levels: the rank of the covariance is a matter of rounding
					continue
				}
			case "hellinger", "jensenshannon":
				tiny = 1e-8 // a root of a difference
			}
			if !near(got.Score, score, rel, tiny) || got.Threshold != threshold || got.Drifted != want.Drifted {
				t.Errorf("%s: %s: %+v, want %v at %v: %v", c.Name, name, got, score, threshold, want.Drifted)
			}
		}
	}
	t.Logf("%d verdicts compared, not reproduced: %v", compared, left)
}

func categoricalLike(v Values) bool { return distinctNumbers(v.Numbers) <= 4 }

// preset compares a report of several columns.
func preset(t *testing.T, c goldenCase) (compared int) {
	t.Helper()
	var want map[string]goldenVerdict
	var drifted struct{ Count, Share float64 }
	for name, to := range map[string]any{"columns": &want, "drifted_columns": &drifted} {
		if err := json.Unmarshal(c.Expected[name], to); err != nil {
			t.Fatal(err)
		}
	}
	raw, _ := json.Marshal(c.Inputs)
	var in struct{ Reference, Current map[string]json.RawMessage }
	if err := json.Unmarshal(raw, &in); err != nil {
		t.Fatal(err)
	}
	ref, cur := in.Reference, in.Current
	count := 0.0
	for column, w := range want {
		categorical := strs(ref[column])
		r, n := values(t, ref[column], categorical), values(t, cur[column], categorical)
		method, threshold := asked(c.Params, categorical)
		display := method
		if method == "" {
			method = EvidentlyDefault(r, n)
		}
		test, err := Evidently(method)
		if err != nil {
			t.Fatal(err)
		}
		if display == "" {
			display = test.Display
		}
		got, err := test.Judge(r, n, threshold)
		if err != nil {
			t.Errorf("%s: %s: %v", c.Name, column, err)
			continue
		}
		value, _ := number(w.Value)
		if level, _ := number(w.Threshold); !near(got.Score, value, 1e-9, 1e-8) || got.Threshold != level || display != w.Method {
			t.Errorf("%s: %s: %s %+v, want %s %v at %v", c.Name, column, display, got, w.Method, value, level)
		}
		if got.Drifted {
			count++
		}
		compared++
	}
	if count != drifted.Count || math.Abs(count/float64(len(want))-drifted.Share) > 1e-12 {
		t.Errorf("%s: %v columns drift, want %v", c.Name, count, drifted.Count)
	}
	return compared + 1
}

// asked is the test and threshold that the options of a report give a column.
func asked(params map[string]any, categorical bool) (method string, threshold float64) {
	kind := "num"
	if categorical {
		kind = "cat"
	}
	for _, key := range []string{"method", kind + "_method"} {
		if m, ok := params[key].(string); ok {
			method = m
		}
	}
	for _, key := range []string{"threshold", kind + "_threshold"} {
		if x, ok := params[key].(float64); ok {
			threshold = x
		}
	}
	return method, threshold
}

func TestGoldenNannyML(t *testing.T) {
	compared := 0
	for _, c := range goldenFiles(t, "04_nannyml_univariate") {
		size, ok := number(c.Params["chunk_size"])
		if !ok {
			t.Fatalf("%s: no chunk_size", c.Name)
		}
		categorical := strings.HasPrefix(c.Name, "categorical")
		ref, cur := values(t, c.Inputs["reference"], categorical), values(t, c.Inputs["analysis"], categorical)
		var want struct{ Reference, Analysis map[string]json.RawMessage }
		raw, _ := json.Marshal(c.Expected)
		if err := json.Unmarshal(raw, &want); err != nil {
			t.Fatal(err)
		}
		for period, expected := range map[string]map[string]json.RawMessage{"reference": want.Reference, "analysis": want.Analysis} {
			for name, raw := range expected {
				if name == "chunk_start" || name == "chunk_end" {
					continue // which rows: the chunks themselves
				}
				measure, err := NannyML(name)
				if err != nil {
					t.Errorf("%s: %v", c.Name, err)
					continue
				}
				f, err := measure.Fit(ref, int(size))
				if err != nil {
					t.Errorf("%s: %v", c.Name, err)
					continue
				}
				var w struct {
					Value          []any
					UpperThreshold []any `json:"upper_threshold"`
					Alert          []bool
				}
				if err := json.Unmarshal(raw, &w); err != nil {
					t.Fatal(err)
				}
				got := f.Chunks
				if period == "analysis" {
					got = nil
					for _, chunk := range Chunks(cur, int(size)) {
						got = append(got, f.Judge(chunk))
					}
				}
				if len(got) != len(w.Value) {
					t.Errorf("%s: %s: %d chunks of the %s, want %d", c.Name, name, len(got), period, len(w.Value))
					continue
				}
				rel, tiny := 1e-9, 2e-8 // roots of differences
				if ref.Len() >= 10_000 {
					switch name { // NannyML takes 10,000 equal bins there: as many rows as one bin holds are missed
					case "kolmogorov_smirnov":
						tiny = 5e-4
					case "wasserstein":
						tiny = 3e-3
					}
				}
				for i := range got {
					value, _ := number(w.Value[i])
					upper, ok := number(w.UpperThreshold[i])
					if !ok {
						upper = math.NaN()
					}
					if !near(got[i].Score, value, rel, tiny) || !near(got[i].Threshold, upper, rel, 2*tiny) || got[i].Drifted != w.Alert[i] {
						t.Errorf("%s: %s: %s chunk %d: %+v, want %v at %v: %v", c.Name, period, name, i, got[i], value, upper, w.Alert[i])
					}
					compared++
				}
			}
		}
	}
	t.Logf("%d chunks compared", compared)
}
