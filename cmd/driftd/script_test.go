package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/detectors"
	"github.com/parquet-go/parquet-go"
	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"driftd": main})
}

// The command line as people type it: every script of testdata/script.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"gen": gen, "head": head, "pack": pack, "results": results, "complete": complete, "field": field, "jsonfile": jsonfile, "broker": broker, "send": send, "accepted": accepted, "fillin": fillin, "incident": incident,
		},
		Setup: func(e *testscript.Env) error {
			e.Setenv("TMPDIR", e.WorkDir)
			return nil
		},
	})
}

// record is a row that gen writes.
type record struct {
	Time    time.Time `parquet:"ts,timestamp(millisecond)" json:"ts"`
	Amount  float64   `parquet:"amount" json:"amount"`
	Age     int64     `parquet:"age" json:"age"`
	Country string    `parquet:"country" json:"country"`
	New     bool      `parquet:"new" json:"new"`
	Score   float64   `parquet:"p" json:"p"`
}

// gen FILE ROWS SEED [drift|together]: rows of a minute each, in the format of FILE's
// name: .csv, .jsonl, .native.jsonl (model fraud), .parquet. drift moves amount
// up in the second half; together makes age follow it there, each as it was by itself.
func gen(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: gen FILE ROWS SEED [drift|together]")
	}
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	seed, err := strconv.ParseUint(args[2], 10, 64)
	ts.Check(err)
	rng := rand.New(rand.NewPCG(seed, seed))
	rows := make([]record, n)
	for i := range rows {
		r := record{Time: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(i) * time.Minute), Age: int64(18 + rng.IntN(12)), Country: []string{"DE", "FR", "US"}[rng.IntN(3)], New: rng.IntN(4) == 0, Score: rng.Float64()}
		z := rng.NormFloat64()
		r.Amount = math.Round(100*math.Exp(3+z)) / 100
		if len(args) > 3 && i >= n/2 {
			switch args[3] {
			case "drift":
				r.Amount *= 3
			case "together":
				r.Age = 18 + int64(6*math.Erfc(-z/math.Sqrt2))
			}
		}
		rows[i] = r
	}
	var b bytes.Buffer
	for i, r := range rows {
		switch {
		case strings.HasSuffix(args[0], ".csv"):
			if i == 0 {
				b.WriteString("ts,amount,age,country,new,p\n")
			}
			fmt.Fprintf(&b, "%s,%v,%d,%s,%s,%v\n", r.Time.Format("2006-01-02 15:04:05"), r.Amount, r.Age, r.Country, map[bool]string{true: "True", false: "False"}[r.New], r.Score)
		case strings.HasSuffix(args[0], ".native.jsonl"):
			fmt.Fprintf(&b, `{"model":"fraud","time":%q,"tags":{"country":%q},"features":{"amount":%v,"age":%d,"new":%t},"prediction":{"score":%v}}`+"\n", r.Time.Format(time.RFC3339), r.Country, r.Amount, r.Age, r.New, r.Score)
		case strings.HasSuffix(args[0], ".jsonl"):
			ts.Check(json.NewEncoder(&b).Encode(r))
		}
	}
	if strings.HasSuffix(args[0], ".parquet") {
		w := parquet.NewGenericWriter[record](&b)
		_, err := w.Write(rows)
		ts.Check(err)
		ts.Check(w.Close())
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), b.Bytes(), 0o644))
}

// head FILE BYTES OUT: a file cut short.
func head(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	raw := []byte(ts.ReadFile(args[0]))
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), raw[:n], 0o644))
}

// pack FILE OUT: gzip.
func pack(ts *testscript.TestScript, _ bool, args []string) {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write([]byte(ts.ReadFile(args[0])))
	ts.Check(err)
	ts.Check(w.Close())
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), b.Bytes(), 0o644))
}

// columnFields are the fields of a column's line that docs promise: each is
// always there.
var columnFields = []string{"kind", "model", "segment", "column", "window_index", "window_start", "window_end", "n", "n_eff", "effect", "p_value", "alpha", "mde",
	"verdict", "flag", "tests", "bins", "complete", "reason", "late", "reference"}

// moreFields are further ones that a line may have.
var moreFields = []string{"window_length", "evaluated", "score", "moved", "quantiles", "mean", "nulls", "nans", "type_errors", "provisional", "watched", "baseline", "revision", "config_hash", "version", "labels"}

// results FILE: every line is an object of a known kind, a column's with exactly
// the fields that are promised.
func results(ts *testscript.TestScript, _ bool, args []string) {
	for i, line := range lines(ts, args[0]) {
		switch line["kind"] {
		case "window", "incident":
			continue
		case "column":
		default:
			ts.Fatalf("line %d is of kind %v", i+1, line["kind"])
		}
		for _, f := range columnFields {
			if _, ok := line[f]; !ok {
				ts.Fatalf("line %d lacks %s: %v", i+1, f, line)
			}
		}
		for f := range line {
			if !slices.Contains(columnFields, f) && !slices.Contains(moreFields, f) {
				ts.Fatalf("line %d has a field that nobody knows: %s", i+1, f)
			}
		}
		for _, x := range line["tests"].([]any) {
			test := x.(map[string]any)
			fields := []string{"name", "statistic", "effect", "threshold", "p_value"}
			if name := test["name"].(string); strings.HasPrefix(name, driftd.RulePrefix) || name == detectors.TestPairs {
				fields = append(fields, "note")
				delete(test, "drift")
			}
			for _, f := range fields {
				if _, ok := test[f]; !ok || len(test) != len(fields) {
					ts.Fatalf("line %d: a test has other fields than %v: %v", i+1, fields, test)
				}
			}
		}
	}
}

// incident FILE: $INCIDENT is the id of the first incident in results.
func incident(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: incident FILE")
	}
	for _, line := range lines(ts, args[0]) {
		if line["kind"] == "incident" {
			ts.Setenv("INCIDENT", line["id"].(string))
			return
		}
	}
	ts.Fatalf("no incident in %s", args[0])
}

func lines(ts *testscript.TestScript, file string) []map[string]any {
	var out []map[string]any
	dec := json.NewDecoder(strings.NewReader(ts.ReadFile(file)))
	for {
		var m map[string]any
		err := dec.Decode(&m)
		if err == io.EOF {
			break
		}
		ts.Check(err)
		out = append(out, m)
	}
	if len(out) == 0 {
		ts.Fatalf("%s has no results", file)
	}
	return out
}

// complete FILE LAST...: the values of complete of the last window of the
// shortest length; all before it are 1.
func complete(ts *testscript.TestScript, _ bool, args []string) {
	var got []string
	for _, l := range lines(ts, args[0]) {
		if l["kind"] == "window" && l["window_length"] == 3600.0 && l["segment"] == "all" {
			got = append(got, fmt.Sprint(l["complete"]))
		}
	}
	if s := strings.Join(got, " "); s != strings.Join(args[1:], " ") {
		ts.Fatalf("windows are complete: %s; want %s", s, strings.Join(args[1:], " "))
	}
}

// field FILE KIND NAME VALUE...: the distinct values of a field, in order.
func field(ts *testscript.TestScript, neg bool, args []string) {
	var got []string
	for _, l := range lines(ts, args[0]) {
		if v := fmt.Sprint(l[args[2]]); l["kind"] == args[1] && !slices.Contains(got, v) {
			got = append(got, v)
		}
	}
	if same := slices.Equal(got, args[3:]); same == neg {
		ts.Fatalf("%s of %s lines: %q, want %q", args[2], args[1], got, args[3:])
	}
}

// jsonfile FILE: the file is one JSON value.
func jsonfile(ts *testscript.TestScript, _ bool, args []string) {
	if !json.Valid([]byte(ts.ReadFile(args[0]))) {
		ts.Fatalf("%s is not JSON", args[0])
	}
}
