//go:build e2e

package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/driftd/driftd"
)

// The car-loan set over 50 hours, and nothing else: `driftd init` writes the config, `driftd run` learns from the first
// hours, although the broker is killed while it reads, and judges the others at once. Exactly the columns that the set's
// makers have made drift page, since the hour from which they did.
func TestFirstHourWithCarLoan(t *testing.T) {
	ctx := contextOf(t, 3*time.Minute)
	dir := t.TempDir()
	bin := driftdBinary(t)
	k := startKafka(t)

	header, past := readCSV(t, carLoan(t, "reference"))
	analysisHeader, now := readCSV(t, carLoan(t, "analysis"))
	columns := slices.DeleteFunc(slices.Clone(analysisHeader), func(c string) bool { return c == "id" || c == "timestamp" || !slices.Contains(header, c) })
	writeCSV(t, filepath.Join(dir, "a.csv"), columns, header, past)
	writeCSV(t, filepath.Join(dir, "b.csv"), columns, analysisHeader, now)
	rowsPerHour := (len(past) + len(now)) / 50
	start := time.Now().UTC().Truncate(time.Hour).Add(-50 * time.Hour)
	hours := len(past) / rowsPerHour
	for i, f := range []string{"a.csv", "b.csv"} {
		command(ctx, t, bin, "produce", "--brokers", k.Bootstrap, "--topic", "loans", "--partitions", "3", "--model", "loans", "--score", "y_pred_proba",
			"--window-rows", fmt.Sprint(rowsPerHour), "--start", start.Add(time.Duration(i*hours)*time.Hour).Format(time.RFC3339), filepath.Join(dir, f))
	}

	config := filepath.Join(dir, "driftd.yml")
	said := command(ctx, t, bin, "init", "--brokers", k.Bootstrap, "--topic", "loans", "--out", config)
	for _, want := range []string{"JSON in driftd's own shape", "car_value", "salary_range", "1000 of 1000 sampled records decode"} {
		if !strings.Contains(said, want) {
			t.Errorf("init does not say %q", want)
		}
	}
	results, log := filepath.Join(dir, "results.jsonl"), filepath.Join(dir, "driftd.log")
	f, err := os.OpenFile(config, os.O_APPEND|os.O_WRONLY, 0)
	must(t, err)
	_, err = fmt.Fprintf(f, "sinks: {file: {path: %s}}\nhttp: {listen: %q}\n", results, freeAddr(t))
	must(t, err)
	must(t, f.Close())

	d := startDaemon(t, bin, config, log)
	began := time.Now()
	logged := func(text string) func() bool {
		return func() bool { b, _ := os.ReadFile(log); return strings.Contains(string(b), text) }
	}
	until(ctx, t, "the scan", logged("learning references from what the topics hold"))
	k.Kill9()
	time.Sleep(time.Second)
	must(t, k.Restart(ctx))
	until(ctx, t, "the summary", logged("Learned from what the topics held: "+fmt.Sprintf("%d,000 records", (len(past)+len(now))/1000)))
	last := start.Add(48 * time.Hour)
	until(ctx, t, "the last windows", func() bool {
		for _, r := range readResults(t, results) {
			if r.Window != nil && !r.Window.WindowStart.Before(last) {
				return true
			}
		}
		return false
	})
	t.Logf("verdicts %v after the start of run, the broker's death among it", time.Since(began).Round(time.Second))
	d.terminate(t)

	var paged []string
	first, judged := time.Time{}, map[driftd.Verdict]int{}
	for _, r := range readResults(t, results) {
		switch {
		case r.Incident != nil:
			for _, c := range r.Incident.Columns {
				if !slices.Contains(paged, c.Column) {
					paged = append(paged, c.Column)
				}
			}
			if first.IsZero() {
				first = r.Incident.DriftSince
			}
		case r.Window != nil && r.Window.WindowLength == 3600:
			judged[r.Window.Verdict]++
		}
	}
	slices.Sort(paged)
	want := []string{"car_value", "loan_length", "prediction.score", "repaid_loan_on_prev_car", "salary_range"}
	if !slices.Equal(paged, want) {
		t.Errorf("paged %v, want %v", paged, want)
	}
	drift := start.Add(time.Duration(hours)*time.Hour + time.Duration(len(now)/2/rowsPerHour)*time.Hour)
	if first.Sub(drift).Abs() > 2*time.Hour {
		t.Errorf("drift since %v, the second half of the set begins at %v", first, drift)
	}
	t.Logf("verdicts of hours: %v; drift since hour %.0f", judged, first.Sub(start).Hours())
}

// readResults reads a file of results; none while there is no file yet.
func readResults(t *testing.T, path string) (out []driftd.Result) {
	t.Helper()
	f, err := os.Open(path)
	if os.IsNotExist(err) {
		return nil
	}
	must(t, err)
	defer func() { _ = f.Close() }() // was only read
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var r driftd.Result
		if json.Unmarshal(lines.Bytes(), &r) == nil { // the last line may be half written
			out = append(out, r)
		}
	}
	return out
}
