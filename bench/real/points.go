package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"

	"github.com/driftd/driftd/detectors"
	"github.com/driftd/driftd/detectors/stream"
)

// The series of TCPD (van den Burg and Williams, An evaluation of change point
// detection algorithms, 2020) are 24 to 675 points: none has 30 windows of 50. So
// the rule says nothing of them, and what is shown is what the sequential
// detectors that a column may have beside it (columns.<c>.sequential) say, at
// River's defaults, on the standardised points.

// pointMethods are the detectors that take any number.
var pointMethods = []string{"adwin", "page_hinkley", "kswin"}

// margin is how far a change point may be from an annotated one.
const margin = 5

// points is one series with what people have seen in it.
type points struct {
	name        string
	values      []float64
	annotations map[string][]int
}

func readPoints(dir string) ([]points, error) {
	b, err := os.ReadFile(filepath.Join(dir, "tcpd", "annotations.subset.json"))
	if err != nil {
		return nil, err
	}
	var all map[string]map[string][]int
	if err := json.Unmarshal(b, &all); err != nil {
		return nil, fmt.Errorf("read the annotations of TCPD: %w", err)
	}
	var out []points
	for _, name := range slices.Sorted(maps.Keys(all)) {
		b, err := os.ReadFile(filepath.Join(dir, "tcpd", name+".json"))
		if err != nil {
			return nil, err
		}
		var s struct {
			Series []struct {
				Raw []*float64 `json:"raw"`
			} `json:"series"`
		}
		if err := json.Unmarshal(b, &s); err != nil || len(s.Series) == 0 {
			return nil, fmt.Errorf("read %s of TCPD: %d series, %w", name, len(s.Series), err)
		}
		p := points{name: name, annotations: all[name]}
		for _, x := range s.Series[0].Raw {
			v := math.NaN()
			if x != nil {
				v = *x
			}
			p.values = append(p.values, v)
		}
		out = append(out, p)
	}
	return out, nil
}

// changes are the points at which a detector says drift.
func (p *points) changes(method string) (out []int) {
	mean, sd, _, _ := detectors.SampleMoments(slices.DeleteFunc(slices.Clone(p.values), math.IsNaN))
	d := stream.NewSpec(stream.FindMethod(method)).New()
	for i, x := range p.values {
		if math.IsNaN(x) {
			continue
		}
		if drift, _ := d.Update((x - mean) / math.Max(sd, 1e-300)); drift {
			out = append(out, i)
		}
	}
	return out
}

// cover is the F measure of TCPD: precision over the points that any annotator
// has, recall as the mean over annotators. Point 0 is always one, as there.
func (p *points) cover(found []int) (precision, recall, f float64) {
	found = append([]int{0}, found...)
	union := []int{0}
	for _, a := range p.annotations {
		union = append(union, a...)
	}
	precision = float64(matched(union, found)) / float64(len(found))
	for _, a := range p.annotations {
		a = append([]int{0}, a...)
		recall += float64(matched(a, found)) / float64(len(a)) / float64(len(p.annotations))
	}
	if precision+recall == 0 {
		return precision, recall, 0
	}
	return precision, recall, 2 * precision * recall / (precision + recall)
}

// matched is how many of truth have a found point of their own within the margin.
func matched(truth, found []int) (n int) {
	slices.Sort(truth)
	truth = slices.Compact(slices.Clone(truth))
	used := make([]bool, len(found))
	for _, t := range truth {
		best := -1
		for i, x := range found {
			if d := abs(x - t); !used[i] && d <= margin && (best < 0 || d < abs(found[best]-t)) {
				best = i
			}
		}
		if best >= 0 {
			used[best] = true
			n++
		}
	}
	return n
}

func abs(x int) int { return max(x, -x) }
