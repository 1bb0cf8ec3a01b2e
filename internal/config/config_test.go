package config

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/consumers"
	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write docs/CONFIG.md and the messages of testdata/*.bad.yml anew")

func parseFile(t *testing.T, path string) (*Config, error) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return Parse(filepath.Base(path), b)
}

// Each testdata/*.bad.yml begins with comments: the whole message it must give.
func TestMistakes(t *testing.T) {
	paths, _ := filepath.Glob("testdata/*.bad.yml")
	if len(paths) == 0 {
		t.Fatal("no testdata")
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".bad.yml"), func(t *testing.T) {
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			var want []string
			body := string(b)
			for strings.HasPrefix(body, "# ") {
				var line string
				line, body, _ = strings.Cut(body, "\n")
				want = append(want, strings.TrimPrefix(line, "# "))
			}
			_, err = Parse("driftd.yml", []byte(body))
			if err == nil {
				t.Fatal("was taken")
			}
			if *update {
				text := "# " + strings.ReplaceAll(err.Error(), "\n", "\n# ") + "\n" + body
				if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(want, strings.Split(err.Error(), "\n")); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestGood(t *testing.T) {
	paths, _ := filepath.Glob("testdata/good*.yml")
	for _, path := range paths {
		if _, err := parseFile(t, path); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestEveryKey(t *testing.T) {
	c, err := parseFile(t, "testdata/good.yml")
	if err != nil {
		t.Fatal(err)
	}
	s := c.Sources[0]
	want := consumers.Map{Model: "m", Time: "ts", TimeUnit: consumers.UnitMilli, Version: "v", Features: ".", Exclude: []string{"country", "out", "ts"},
		Tags: map[string]string{"country": "country"}, Predictions: map[string]string{"score": "out.p"}}
	if diff := cmp.Diff(want, s.Map); diff != "" {
		t.Errorf("map (-want +got)\n%s", diff)
	}
	if b := c.Sources[1].Map; b.Rows != "batch.rows" || len(b.Columns) != 3 || b.Predictions["score"] != "p" || b.Features != "." {
		t.Errorf("rows: %+v", b)
	}
	if n := c.Sources[2]; n.MaxBytes != 65536 || n.DeadLetters != "off" || n.Lateness != 2*time.Minute || n.Model != "" {
		t.Errorf("native: %+v", n)
	}
	segments := []driftd.SegmentTag{{Tags: []string{"version"}}, {Tags: []string{"country", "device"}}, {Tags: []string{"country"}, Values: []string{"DE", "FR", "049"}}}
	fraud := c.ModelOf("fraud")
	if diff := cmp.Diff(segments, fraud.Segments); diff != "" {
		t.Errorf("segments (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{"team": "risk", "tier": "1"}, fraud.Labels); diff != "" {
		t.Errorf("labels (-want +got)\n%s", diff)
	}
	if !fraud.Expect || fraud.Severity != "page" || *fraud.Columns["amount"].Importance != 1 || *fraud.Columns["user_id"].Watch || fraud.ReferenceFile != "fraud.ref" || fraud.Baseline != "auto" {
		t.Errorf("fraud: %+v", fraud)
	}
	other := c.ModelOf("other")
	if other.Severity != "ticket" || other.Expect || other.Labels["team"] != "platform" || *other.Columns["amount"].Importance != .3 || other.PagesPerWeek != .5 || other.Baseline != "fixed" {
		t.Errorf("other: %+v", other)
	}
	if diff := cmp.Diff([]time.Duration{time.Hour, day, 7 * day}, other.WindowLengths()); diff != "" {
		t.Errorf("windows (-want +got)\n%s", diff)
	}
	if other.Location().String() != "Europe/Berlin" || len(fraud.WindowLengths()) != 1 {
		t.Errorf("location %s, windows %v", other.Location(), fraud.Windows)
	}
	if !c.Known("fraud") || !c.Known("churn") || c.Known("other") {
		t.Error("known models")
	}
	if want := (Start{Back: 36 * time.Hour, Round: 7 * day}); c.Start != want {
		t.Errorf("start %+v, want %+v", c.Start, want)
	}
	if c.HasRole(RoleWrite) || !c.HasRole(RoleDetect) {
		t.Errorf("roles %v", c.Roles)
	}
}

func TestDefaults(t *testing.T) {
	c, err := parseFile(t, "testdata/good-smallest.yml")
	if err != nil {
		t.Fatal(err)
	}
	m := c.ModelOf("any")
	if diff := cmp.Diff([]time.Duration{time.Hour, day}, m.WindowLengths()); diff != "" {
		t.Errorf("windows (-want +got)\n%s", diff)
	}
	if m.PagesPerWeek != 1 || m.Location() != time.UTC || m.Segments != nil || m.Name != "any" {
		t.Errorf("model %+v", m)
	}
	want := Source{Topic: "predictions", Lateness: 2 * time.Minute, IdleTimeout: 5 * time.Minute, MaxSkew: 5 * time.Minute, MaxAge: day, MaxBytes: 4 << 20, DeadLetters: "headers"}
	if diff := cmp.Diff(want, c.Sources[0]); diff != "" {
		t.Errorf("source (-want +got)\n%s", diff)
	}
	if want := (Start{Back: 2 * day, Round: day}); c.Start != want {
		t.Errorf("start %+v, want %+v", c.Start, want)
	}
	if err := c.Runnable(); err != nil {
		t.Error(err)
	}
	if Default().Runnable() == nil {
		t.Error("a config without Kafka is not for run")
	}
}

// The hash says what is in effect, not how it is written.
func TestHash(t *testing.T) {
	parse := func(extra string) string {
		c, err := Parse("x", []byte("kafka: {brokers: [h:9092]}\nsources: [{topic: t}]\n"+extra))
		if err != nil {
			t.Fatal(err)
		}
		return c.Hash()
	}
	base := parse("")
	if len(base) != 12 {
		t.Errorf("hash %q", base)
	}
	if got := parse("# a comment\npane: 60s\ndefaults: {windows: [24h, 60m]}\n"); got != base {
		t.Error("the same in other words has another hash")
	}
	if parse("defaults: {windows: [1h]}\n") == base || parse("models: {m: {columns: {a: {watch: false}}}}\n") == base {
		t.Error("a change that matters has the same hash")
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	text := "kafka:\n  brokers: [h:9092]\n  sasl: {mechanism: plain, username: u, password_file: p}\nsources: [{topic: t}]\nmodels: {m: {reference: {file: /abs.ref}}}\n"
	for name, s := range map[string]string{"c.yml": text, "p": "secret\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(s), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, err := Load(filepath.Join(dir, "c.yml"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := c.Kafka.SASL.Password.Value(); got != "secret" || err != nil {
		t.Errorf("password %q, %v", got, err)
	}
	if got := c.ModelOf("m").ReferenceFile; got != "/abs.ref" {
		t.Errorf("reference file %q", got)
	}
	parsed, err := Parse("c.yml", []byte(text))
	if err != nil || parsed.Hash() != c.Hash() {
		t.Errorf("the hash depends on the folder (%v)", err)
	}
	t.Setenv("DRIFTD_TEST_SECRET", "s")
	if got, err := (Secret{Env: "DRIFTD_TEST_SECRET"}).Value(); got != "s" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := (Secret{Env: "DRIFTD_TEST_UNSET"}).Value(); err == nil {
		t.Error("an unset variable is no password")
	}
}

func FuzzParse(f *testing.F) {
	paths, _ := filepath.Glob("testdata/*.yml")
	for _, p := range paths {
		b, err := os.ReadFile(p)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := Parse("f.yml", b)
		if err != nil {
			for _, m := range err.(*Error).Mistakes {
				if m.Line < 1 || m.Text == "" {
					t.Fatalf("mistake without line or text: %+v", m)
				}
			}
			return
		}
		for name := range c.Models {
			if len(c.ModelOf(name).WindowLengths()) == 0 {
				t.Fatal("a model without windows")
			}
		}
		if again, err := Parse("f.yml", b); err != nil || again.Hash() != c.Hash() {
			t.Fatalf("not deterministic: %v", err)
		}
	})
}
