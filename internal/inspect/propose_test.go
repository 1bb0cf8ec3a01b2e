package inspect

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/driftd/driftd/consumers"
	"github.com/google/go-cmp/cmp"
)

// The maps that people would write by hand for these topics; all records decode
// with them.
func TestProposedMaps(t *testing.T) {
	score := func(path string) map[string]string { return map[string]string{"score": path} }
	for name, want := range map[string]consumers.Map{
		"native":       {},
		"two-models":   {},
		"no-time":      {},
		"batch-native": {Rows: "events"},
		"batch-array":  {Rows: "."},
		"flat": {Time: "ts", TimeUnit: "ms", Version: "model_version", Features: ".", Exclude: []string{"embedding", "request_id", "updated_at"},
			Tags: map[string]string{"country": "country", "device": "device"}, Predictions: map[string]string{"score": "probability", "class": "predicted_label"}},
		"nested": {Time: "meta.request.time", TimeUnit: "s", Model: "meta.model.name", Version: "meta.model.version", Features: "inputs",
			Tags: map[string]string{"region": "region"}, Predictions: score("output.y_pred")},
		"epoch-s":   {Time: "event_time", TimeUnit: "s", Features: "features"},
		"epoch-us":  {Time: "event_time", TimeUnit: "us", Features: "features"},
		"epoch-ns":  {Time: "event_time", TimeUnit: "ns", Features: "features"},
		"batch":     {Rows: "rows", Time: "ts", Model: "model", Features: ".", Tags: map[string]string{"country": "country"}, Predictions: score("score")},
		"columns":   {Rows: "data", Columns: []string{"ts", "a", "b"}, Time: "ts", TimeUnit: "s", Features: "."},
		"instances": {Rows: "instances", Columns: []string{"v0", "v1"}, Features: "."},
		"cart":      {Time: "time", Features: ".", Exclude: []string{"items"}},
		"cloudevents": {Time: "time", Model: "data.model", Version: "data.version", Features: "data.features",
			Tags: map[string]string{"country": "data.country"}, Predictions: score("data.score")},
		"debezium-plain": {Time: "ts_ms", TimeUnit: "ms", Features: "after", Exclude: []string{"id"}, Predictions: score("after.prediction")},
		"connect":        {Time: "payload.ts", TimeUnit: "ms", Features: "payload"},
	} {
		t.Run(name, func(t *testing.T) {
			records := readRecords(t, "testdata/"+name+".jsonl")
			r := Inspect(records, Options{Topic: "predictions", Partitions: 2})
			if diff := cmp.Diff(want, r.Source.Map); diff != "" {
				t.Error(diff)
			}
			if !r.Readable || r.Decoded != len(records) {
				t.Errorf("%s", r.Verdict())
			}
		})
	}
}

// A sample that needs another lateness or max_age says so; other models are kept out
// only when there are several.
func TestProposedSources(t *testing.T) {
	for name, want := range map[string]struct {
		model            string
		models           []string
		lateness, maxAge time.Duration
	}{
		"native":        {"", nil, 2 * time.Minute, day},
		"two-models":    {"", []string{"churn", "fraud"}, 2 * time.Minute, day},
		"flat":          {"predictions", nil, 2 * time.Minute, day},
		"late":          {"", nil, time.Hour, day},
		"very-late":     {"", nil, day, 7 * day},
		"model-control": {"", nil, 2 * time.Minute, day},
	} {
		s := Inspect(readRecords(t, "testdata/"+name+".jsonl"), Options{Topic: "predictions"}).Source
		if s.Model != want.model || !slices.Equal(s.Models, want.models) || s.Lateness != want.lateness || s.MaxAge != want.maxAge {
			t.Errorf("%s: %+v", name, s)
		}
	}
}

func TestGivenModel(t *testing.T) {
	records := readRecords(t, "testdata/no-time.jsonl")
	if r := Inspect(records, Options{Topic: "t", Model: "say \"x\"/y"}); r.Source.Model != `say "x"/y` || r.Source.Models != nil || r.Models[0].Name != r.Source.Model {
		t.Errorf("%+v %v", r.Source, r.Models)
	}
	records = append(records, readRecords(t, "testdata/one.jsonl")...) // one event names its own
	if r := Inspect(records, Options{Topic: "t", Model: "x"}); r.Source.Model != "x" || !slices.Equal(r.Source.Models, []string{"m", "x"}) || r.Decoded != len(records) {
		t.Errorf("%+v %s", r.Source, r.Verdict())
	}
}

// An excerpt shows the first 60 bytes and no more of what may be private.
func TestExcerpt(t *testing.T) {
	long := strings.Repeat("é", 40) // 80 bytes; the 60th ends a letter
	for value, want := range map[string]string{
		"a\tb\"c\"":                `a\tb"c"`,
		long:                       strings.Repeat("é", 30) + "..",
		"x" + long:                 "x" + strings.Repeat("é", 29) + "..", // half a letter is dropped
		"\xff\x00":                 "ff00",
		strings.Repeat("\xff", 61): strings.Repeat("ff", 60) + "..",
	} {
		if got := excerpt([]byte(value)); got != want {
			t.Errorf("%q: %s, want %s", value, got, want)
		}
	}
}

func TestNames(t *testing.T) {
	for key, want := range map[string]string{"userId": "user id", "user_id": "user id", "HTTPStatus": "httpstatus", "x-ip": "x ip", "paid": "paid", "": ""} {
		if got := strings.Join(words(key), " "); got != want {
			t.Errorf("words(%q) = %q, want %q", key, got, want)
		}
	}
	fieldOf := func(name string, n, distinct int) *field {
		f := &field{path: name, keys: []string{name}, values: map[string]int{}}
		for i := range n {
			f.add(&node{kind: isText, text: strings.Repeat("x", 1+i%distinct)}, -1)
		}
		return f
	}
	for _, c := range []struct {
		f  *field
		id bool
	}{
		{fieldOf("id", 5, 1), true},
		{fieldOf("userId", 100, 60), true},
		{fieldOf("category_id", 100, 5), false}, // few: a category
		{fieldOf("paid", 100, 2), false},
		{fieldOf("comment", 100, 100), true}, // every value differs
		{fieldOf("city", 100, 40), false},
	} {
		if got := isID(c.f) != ""; got != c.id {
			t.Errorf("%s: an id: %v", c.f.path, got)
		}
	}
}

// Of ten delays the ninth is the 90 % quantile, the last the 99 %.
func TestQuantile(t *testing.T) {
	var x []time.Duration
	for i := range 10 {
		x = append(x, time.Duration(i+1))
	}
	for q, want := range map[float64]time.Duration{0: 1, .5: 5, .9: 9, .91: 10, .999: 10, 1: 10} {
		if got := quantile(x, q); got != want {
			t.Errorf("quantile %v = %d, want %d", q, got, want)
		}
	}
	for d, want := range map[time.Duration]time.Duration{0: 2 * time.Minute, 2*time.Minute + 1: 3 * time.Minute, time.Hour: time.Hour, 30 * time.Hour: day} {
		if got := roundUp(niceLateness, d); got != want {
			t.Errorf("roundUp(%v) = %v, want %v", d, got, want)
		}
	}
}

// Large records raise max_record_bytes; a batch at one moment is no traffic of
// its own.
func TestSizeAndRate(t *testing.T) {
	big := []byte(`{"features":{"a":"` + strings.Repeat("x", 5<<20) + `"}}`)
	r := Inspect([]Record{{Value: big, Time: 0}, {Value: big, Time: int64(10 * time.Second), Offset: 1}}, Options{Topic: "t"})
	if r.Source.MaxBytes != 8<<20 || r.Decoded != 2 || r.Rate != .1 {
		t.Errorf("%d bytes, %s, %v a second", r.Source.MaxBytes, r.Verdict(), r.Rate)
	}
	if text, err := r.YAML(cluster); err != nil || !strings.Contains(string(text), "max_record_bytes: 8 MiB") {
		t.Errorf("%v\n%s", err, text)
	}
}
