package inspect

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/driftd/driftd/internal/config"
	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write testdata/*.golden anew; read the diff")

var cluster = config.Kafka{Brokers: []string{"localhost:9092"}}

// line is a record of testdata/*.jsonl: its value as JSON, as text, or in base64.
type line struct {
	Time      time.Time       `json:"time"`
	Partition int             `json:"partition"`
	JSON      json.RawMessage `json:"json"`
	Text      *string         `json:"text"`
	Base64    string          `json:"base64"`
	Repeat    int             `json:"repeat"` // as many records, a second apart
}

// readRecords reads a file of lines; # begins a comment.
func readRecords(t testing.TB, path string) []Record {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var out []Record
	scan := bufio.NewScanner(bytes.NewReader(b))
	scan.Buffer(nil, 1<<20)
	for scan.Scan() {
		if text := strings.TrimSpace(scan.Text()); text == "" || text[0] == '#' {
			continue
		}
		var l line
		if err := json.Unmarshal(scan.Bytes(), &l); err != nil {
			t.Fatalf("%s: %v: %s", path, err, scan.Text())
		}
		r := Record{Time: -1, Partition: l.Partition}
		if !l.Time.IsZero() {
			r.Time = l.Time.UnixNano()
		}
		switch {
		case l.Text != nil:
			r.Value = []byte(*l.Text)
		case l.Base64 != "":
			if r.Value, err = base64.StdEncoding.DecodeString(l.Base64); err != nil {
				t.Fatal(err)
			}
		case l.JSON != nil && string(l.JSON) != "null":
			r.Value = l.JSON
		}
		for range max(1, l.Repeat) {
			r.Offset = int64(len(out))
			out = append(out, r)
			if r.Time >= 0 {
				r.Time += int64(time.Second)
			}
		}
	}
	if len(out) == 0 {
		t.Fatalf("%s has no records", path)
	}
	return out
}

// Each file of records gives the report and the config that stand beside it.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.jsonl")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d files of records, %v", len(files), err)
	}
	for _, path := range files {
		name := strings.TrimSuffix(filepath.Base(path), ".jsonl")
		t.Run(name, func(t *testing.T) {
			r := Inspect(readRecords(t, path), Options{Topic: "predictions", Partitions: 2})
			var b bytes.Buffer
			if err := r.WriteTable(&b); err != nil {
				t.Fatal(err)
			}
			if r.Readable {
				text, err := r.YAML(cluster)
				if err != nil {
					t.Fatal(err)
				}
				b.WriteString("\n---- driftd.yml\n")
				b.Write(text)
			} else {
				b.WriteString("\nAdvice: " + r.Advice + "\n")
			}
			golden := strings.TrimSuffix(path, ".jsonl") + ".golden"
			if *update {
				if err := os.WriteFile(golden, b.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatalf("%v: run go test ./internal/inspect -update", err)
			}
			if diff := cmp.Diff(string(want), b.String()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func jsonText(s string) []byte {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // strings always are JSON
	}
	return b
}
