package detectors

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
)

// The golden vectors are made with scipy and numpy (each file's `source` names
// the versions); they lie outside the repository. DRIFTD_GOLDEN_DIR names another
// folder of the same form.
const goldenDir = "../../shared/golden"

// notReproduced is the table of what this package does not compute: a pattern of
// file:key (or file:case, where a file's cases have one key) and the reason. All
// else in the folder must be reproduced.
var notReproduced = map[string]string{
	"03_*:*":                           "Evidently's tests and its choice among them: compared in detectors/classic",
	"04_*univariate*:*":                "NannyML's measures by chunk: compared in detectors/classic",
	"04_*cbpe*:*":                      "NannyML's CBPE and PCA reconstruction: need scikit-learn's isotonic calibration and the rows; built with performance estimation",
	"05_*:*":                           "River's sequential detectors: compared in detectors/stream",
	"06_*:MMDDrift distance":           "kernel of all pairs of rows: needs the rows, which a profile does not keep",
	"06_*:MMDDrift is_drift":           "its p-value is of random permutations",
	"06_*:MMDDrift p_val":              "of random permutations",
	"06_*:MMDDrift threshold":          "its p-value is of random permutations",
	"06_*:MMDDrift distance_threshold": "of random permutations",
	"06_*:MMDDrift sigma":              "the width of that kernel",
	"06_*:CVMDriftOnline *":            "thresholds are bootstrapped with numba's random numbers",
	"06_*:FETDriftOnline *":            "thresholds are bootstrapped with numba's random numbers",
	"06_*:MMDDriftOnline *":            "thresholds are bootstrapped with numba's random numbers",
	"06_*:LSDDDrift *":                 "density difference by random kernel centres and permutations",
	"06_*:LSDDDriftOnline *":           "density difference by random kernel centres and permutations",
	"06_*:LearnedKernelDrift *":        "a neural network's training",
	"06_*:ClassifierDrift *":           "a classifier's training",
	"06_*:SpotTheDiffDrift *":          "a classifier's training",
	"06_*:ContextMMDDrift *":           "of random permutations",
}

// golden is one case: what is checked is one key of Expected.
type golden struct {
	Name     string
	Inputs   map[string]any
	Params   map[string]any
	Expected map[string]any
	want     any
	t        *testing.T
}

// check says how a key (or a case) of a file is reproduced. Files are told apart
// by their first two digits, so that a folder with others of the same kind works.
type check func(*golden)

var goldenChecks = map[string]map[string]check{
	"01": twoSampleChecks, "02": countChecks, "06": alibiChecks, "07": specialChecks, "08": samplingChecks,
}

func TestGolden(t *testing.T) {
	dir := goldenDir
	if d := os.Getenv("DRIFTD_GOLDEN_DIR"); d != "" {
		dir = d
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*.json"))
	if len(files) == 0 {
		if os.Getenv("CI") != "" {
			t.Fatalf("no golden vectors in %s: set DRIFTD_GOLDEN_DIR", dir)
		}
		t.Logf("no golden vectors in %s: nothing was compared", dir)
		return
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		t.Run(name, func(t *testing.T) { goldenFile(t, file, name) })
	}
}

func goldenFile(t *testing.T, file, name string) {
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Cases []struct {
			Name             string
			Inputs, Expected json.RawMessage
			Params           json.RawMessage
		}
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	if _, ok := reasonFor(name + ":*"); ok {
		t.Logf("%d cases are not reproduced", len(doc.Cases))
		return
	}
	checks := goldenChecks[name[:min(2, len(name))]]
	compared, left := 0, map[string]int{}
	for _, c := range doc.Cases {
		g := &golden{Name: c.Name, t: t}
		for _, part := range []struct {
			from json.RawMessage
			to   *map[string]any
		}{{c.Inputs, &g.Inputs}, {c.Params, &g.Params}, {c.Expected, &g.Expected}} {
			if err := json.Unmarshal(part.from, part.to); err != nil {
				t.Fatalf("%s: %v", c.Name, err)
			}
		}
		for key, want := range g.Expected {
			g.want = want
			fn := checks[key]
			switch method, _, ok := strings.Cut(g.Name, "/"); {
			case key == "values": // one function a case
				key, fn = g.Name, checks[g.Name]
			case strings.HasPrefix(name, "06") && ok: // one method a case
				key, fn = method+" "+key, checks[method+" "+key]
			}
			if fn != nil {
				fn(g)
				compared++
			} else if why, ok := reasonFor(name + ":" + key); ok {
				left[key+": "+why]++
			} else {
				t.Errorf("%s: nothing reproduces %q and notReproduced does not name it", c.Name, key)
			}
		}
	}
	t.Logf("%d expected values compared", compared)
	for why, n := range left {
		t.Logf("not reproduced (%d): %s", n, why)
	}
}

// reasonFor looks a file:key up in notReproduced.
func reasonFor(key string) (string, bool) {
	for pattern, why := range notReproduced {
		if ok, err := path.Match(pattern, key); ok && err == nil && (!strings.HasSuffix(key, ":*") || strings.HasSuffix(pattern, ":*")) {
			return why, true
		}
	}
	return "", false
}

func TestGoldenTableIsWellFormed(t *testing.T) {
	for pattern, why := range notReproduced {
		if _, err := path.Match(pattern, ""); err != nil || why == "" {
			t.Errorf("%q: %q, %v", pattern, why, err)
		}
	}
}

// number reads a float, which JSON holds as a string when it is not finite.
func goldenNumber(v any) (float64, bool) {
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

func (g *golden) floats(v any) []float64 {
	g.t.Helper()
	list, ok := v.([]any)
	if !ok {
		g.t.Fatalf("%s: %v is not a list", g.Name, v)
	}
	out := make([]float64, len(list))
	for i, e := range list {
		if out[i], ok = goldenNumber(e); !ok {
			g.t.Fatalf("%s: %v is not a number", g.Name, e)
		}
	}
	return out
}

func (g *golden) input(name string) []float64 { g.t.Helper(); return g.floats(g.Inputs[name]) }

// near compares with a relative tolerance, and an absolute one below `tiny`.
func (g *golden) near(what string, got float64, want any, rel, tiny float64) {
	g.t.Helper()
	if m, ok := want.(map[string]any); ok && m["error"] != nil {
		want = "NaN" // where the reference implementation raises, ours has no value
	}
	w, ok := goldenNumber(want)
	if !ok {
		g.t.Errorf("%s: %s: %v is not a number", g.Name, what, want)
		return
	}
	if math.IsNaN(w) && math.IsNaN(got) || w == got || math.Abs(got-w) <= math.Max(rel*math.Abs(w), tiny) {
		return
	}
	g.t.Errorf("%s: %s = %v, want %v (off by %.2g relative)", g.Name, what, got, w, math.Abs(got-w)/math.Abs(w))
}

// each compares a function over rows of inputs with a list of wanted values.
func (g *golden) each(rel, tiny float64, fn func(row []float64) float64, columns ...string) {
	g.t.Helper()
	want := g.floats(g.want)
	in := make([][]float64, len(columns))
	for i, c := range columns {
		in[i] = g.input(c)
	}
	for r, w := range want {
		row := make([]float64, len(columns))
		for i := range in {
			row[i] = in[i][r]
		}
		g.near(fmt.Sprintf("f%v", row), fn(row), jsonFloat(w), rel, tiny)
	}
}

func jsonFloat(x float64) any {
	switch {
	case math.IsNaN(x):
		return "NaN"
	case math.IsInf(x, 1):
		return "Infinity"
	case math.IsInf(x, -1):
		return "-Infinity"
	}
	return x
}
