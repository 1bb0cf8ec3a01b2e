package realdata

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// nabWindow is how many rows a window of a series of NAB has, and nabReference the
// part of a series that is its reference.
const (
	nabWindow    = 50
	nabReference = .4
)

// nabSets are the series of the Numenta Anomaly Benchmark, with the spans of time
// in which its people have labelled an anomaly.
func nabSets(dir string) ([]Set, error) {
	b, err := os.ReadFile(filepath.Join(dir, "nab", "combined_windows.subset.json"))
	if err != nil {
		return nil, fmt.Errorf("read the labels of NAB: %w", err)
	}
	var labels map[string][][2]string
	if err := json.Unmarshal(b, &labels); err != nil {
		return nil, fmt.Errorf("read the labels of NAB: %w", err)
	}
	var out []Set
	files, err := filepath.Glob(filepath.Join(dir, "nab", "*", "*.csv"))
	if err != nil {
		return nil, err
	}
	for _, path := range files {
		rel, err := filepath.Rel(filepath.Join(dir, "nab"), path)
		if err != nil {
			return nil, err
		}
		times, err := timesOf(path)
		if err != nil {
			return nil, err
		}
		s := Set{Name: "NAB " + strings.TrimSuffix(filepath.Base(rel), ".csv"), Cur: filepath.Join("nab", rel), Window: nabWindow, Exclude: []string{"timestamp"}, Known: true}
		s.RefRows = int64(float64(len(times))*nabReference) / nabWindow * nabWindow
		for _, l := range labels[filepath.ToSlash(rel)] {
			from, _ := slices.BinarySearch(times, l[0])
			to, _ := slices.BinarySearch(times, l[1])
			s.Spans = append(s.Spans, [2]int64{int64(from), int64(to)})
		}
		s.Truth = fmt.Sprintf("%d labelled anomalies", len(s.Spans))
		out = append(out, s)
	}
	return out, nil
}

// timesOf are a file's times, which stand first and sort as text.
func timesOf(path string) (out []string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // was only read
	lines := bufio.NewScanner(f)
	lines.Scan() // the header
	for lines.Scan() {
		at, _, _ := strings.Cut(lines.Text(), ",")
		if _, err := time.Parse("2006-01-02 15:04:05", at); err != nil {
			return nil, fmt.Errorf("read %s: %w", path, err)
		}
		out = append(out, at)
	}
	return out, lines.Err()
}
