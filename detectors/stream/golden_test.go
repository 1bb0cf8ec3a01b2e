package stream

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The golden vectors are made with River 0.23 (the file's `source`); they lie
// outside the repository. DRIFTD_GOLDEN_DIR names another folder of the same form.
const goldenDir = "../../../shared/golden"

// notReproduced are River's detectors that are not compared to the index, and why.
var notReproduced = map[string]string{
	"KSWIN": "its draws are Python's, ours are a generator's of our own; tested by properties in kswin_test.go",
}

// goldenMethods are River's names of the methods.
var goldenMethods = map[string]string{"ADWIN": MethodADWIN, "PageHinkley": MethodPageHinkley, "DDM": MethodDDM, "EDDM": MethodEDDM,
	"HDDM_A": MethodHDDMA, "HDDM_W": MethodHDDMW, "FHDDM": MethodFHDDM, "KSWIN": MethodKSWIN}

type goldenCase struct {
	Name     string
	Inputs   struct{ Stream json.RawMessage }
	Params   map[string]any
	Expected struct {
		Drifts   []int `json:"drift_indices"`
		Warnings []int `json:"warning_indices"`
		Probes   []struct {
			Index, Width                int
			Total, Estimation, Variance float64
			Detections                  int `json:"n_detections"`
		}
		Error any
	}
}

type goldenFile struct {
	Source struct {
		Streams map[string][]float64
	}
	Cases []goldenCase
}

func TestGoldenRiver(t *testing.T) {
	dir := goldenDir
	if d := os.Getenv("DRIFTD_GOLDEN_DIR"); d != "" {
		dir = d
	}
	all, _ := filepath.Glob(filepath.Join(dir, "*.json"))
	if len(all) == 0 {
		if os.Getenv("CI") != "" {
			t.Fatalf("no golden vectors in %s: set DRIFTD_GOLDEN_DIR", dir)
		}
		t.Logf("no golden vectors in %s: nothing was compared", dir)
		return
	}
	files, _ := filepath.Glob(filepath.Join(dir, "05_*.json"))
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var g goldenFile
			if err := json.Unmarshal(raw, &g); err != nil {
				t.Fatal(err)
			}
			compared, left := 0, map[string]int{}
			for i := range g.Cases {
				c := &g.Cases[i]
				name, _ := c.Params["detector"].(string)
				if why := notReproduced[name]; why != "" {
					left[name+": "+why]++
					continue
				}
				compared++
				t.Run(c.Name, func(t *testing.T) { g.compare(t, c) })
			}
			t.Logf("%d cases compared", compared)
			for why, n := range left {
				t.Logf("%d cases not reproduced: %s", n, why)
			}
		})
	}
}

func (g *goldenFile) compare(t *testing.T, c *goldenCase) {
	d, err := goldenDetector(c.Params)
	if c.Expected.Error != nil { // where River raises, settings are refused, or all values are taken
		for i, x := range g.stream(t, c) {
			if err != nil {
				return
			}
			d.Update(x)
			if s, l, ok := d.Level(); ok && (!usable(s) || !usable(l)) {
				t.Fatalf("at %d: level %v %v", i, s, l)
			}
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	var drifts, warnings []int
	probes := c.Expected.Probes
	for i, x := range g.stream(t, c) {
		drift, warning := d.Update(x)
		if drift {
			drifts = append(drifts, i)
		}
		if warning {
			warnings = append(warnings, i)
		}
		for len(probes) > 0 && probes[0].Index == i {
			p, a := probes[0], d.(*ADWIN)
			detections := 0 // River's count begins anew after each
			if drift {
				detections = 1
			}
			if a.Width() != p.Width || detections != p.Detections || !close(a.Total(), p.Total) || !close(a.Mean(), p.Estimation) || !close(a.SquaredDeviations(), p.Variance) {
				t.Errorf("at %d: %+v, got width %d total %v mean %v variance %v detections %d", i, p, a.Width(), a.Total(), a.Mean(), a.SquaredDeviations(), detections)
			}
			probes = probes[1:]
		}
	}
	if len(probes) > 0 {
		t.Errorf("probes from index %d on were not reached", probes[0].Index)
	}
	if !slices.Equal(drifts, c.Expected.Drifts) {
		t.Errorf("drifts at %v, want %v", drifts, c.Expected.Drifts)
	}
	if !slices.Equal(warnings, c.Expected.Warnings) {
		t.Errorf("warnings at %v, want %v", warnings, c.Expected.Warnings)
	}
}

// close allows for another compiler's order of additions.
func close(got, want float64) bool {
	return math.Abs(got-want) <= 1e-9*math.Max(1, math.Abs(want))
}

// stream is a list, or the name of one in the file's source.
func (g *goldenFile) stream(t *testing.T, c *goldenCase) []float64 {
	var name string
	if json.Unmarshal(c.Inputs.Stream, &name) == nil {
		s, ok := g.Source.Streams[name]
		if !ok {
			t.Fatalf("no stream %q in the source", name)
		}
		return s
	}
	var list []float64
	if err := json.Unmarshal(c.Inputs.Stream, &list); err != nil {
		t.Fatal(err)
	}
	return list
}

// goldenDetector makes a detector as config would: by name and settings.
func goldenDetector(params map[string]any) (Detector, error) {
	name, _ := params["detector"].(string)
	m := FindMethod(goldenMethods[name])
	if m == nil {
		return nil, fmt.Errorf("no method for River's %q", name)
	}
	s := NewSpec(m)
	for k, v := range params {
		text := ""
		switch v := v.(type) {
		case float64:
			text = strconv.FormatFloat(v, 'g', -1, 64)
		case bool:
			text = strconv.FormatBool(v)
		case string:
			text = v
		}
		if k == "detector" || v == nil { // River's None is our default
			continue
		}
		if err := s.Set(k, text); err != nil {
			return nil, err
		}
	}
	if err := s.Check(); err != nil {
		return nil, err
	}
	return s.New(), nil
}
