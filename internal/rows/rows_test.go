package rows

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/deprecated"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/consumers"
)

func write(t testing.TB, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func zip(t testing.TB, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// all gives the file's events, and the error that ended it.
func all(path string, opt Options) ([]string, []int64, error) {
	f, err := Open(path, opt)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = f.Close() }() // was only read
	var out []string
	var at []int64
	for {
		ev, err := f.Next()
		if err == io.EOF {
			return out, at, nil
		}
		if err != nil {
			return out, at, err
		}
		out, at = append(out, string(ev.JSON)), append(at, ev.Time)
	}
}

// features are the events' features, which must be JSON.
func features(t testing.TB, path string, opt Options) []string {
	t.Helper()
	events, _, err := all(path, opt)
	if err != nil {
		t.Fatal(err)
	}
	out := make([]string, len(events))
	for i, e := range events {
		var m map[string]json.RawMessage
		if err := json.Unmarshal([]byte(e), &m); err != nil {
			t.Fatalf("event %d is not JSON: %v\n%s", i, err, e)
		}
		out[i] = string(m["features"])
	}
	return out
}

func TestCSVKinds(t *testing.T) {
	for _, c := range []struct {
		name, csv string
		want      []string
	}{
		{"numbers", "a,b\n1,2.5\n-3,1e3\n", []string{`{"a":1,"b":2.5}`, `{"a":-3,"b":1000}`}},
		{"booleans as Python and as JSON write them", "a,b\nTrue,false\nFalse,true\n", []string{`{"a":true,"b":false}`, `{"a":false,"b":true}`}},
		{"0 and 1 are numbers", "a\n0\n1\n", []string{`{"a":0}`, `{"a":1}`}},
		{"words for null among numbers", "a\n1\nNA\nnull\nNULL\nNone\nN/A\nn/a\n\"\"\n2\n",
			[]string{`{"a":1}`, `{"a":null}`, `{"a":null}`, `{"a":null}`, `{"a":null}`, `{"a":null}`, `{"a":null}`, `{"a":null}`, `{"a":2}`}},
		{"NA is a text among texts", "country\nDE\nNA\nNone\n\"\"\n", []string{`{"country":"DE"}`, `{"country":"NA"}`, `{"country":"None"}`, `{"country":null}`}},
		{"nothing but NA is a text", "a\nNA\nNA\n", []string{`{"a":"NA"}`, `{"a":"NA"}`}},
		{"an empty column", "a,b\n,1\n,2\n", []string{`{"a":null,"b":1}`, `{"a":null,"b":2}`}},
		{"NaN and infinities", "a\n1\nnan\nNaN\ninf\n-inf\n1e999\n-Infinity\n",
			[]string{`{"a":1}`, `{"a":"NaN"}`, `{"a":"NaN"}`, `{"a":"Infinity"}`, `{"a":"-Infinity"}`, `{"a":"Infinity"}`, `{"a":"-Infinity"}`}},
		{"one word makes it text", "a\n1\nx\n", []string{`{"a":"1"}`, `{"a":"x"}`}},
		{"booleans with gaps", "a\nTrue\n\"\"\nFalse\n", []string{`{"a":true}`, `{"a":null}`, `{"a":false}`}},
		{"blanks around numbers", "a,b\n 1,x\n2 ,y\n", []string{`{"a":1,"b":"x"}`, `{"a":2,"b":"y"}`}},
		{"blank lines are no rows", "\n\na,b\n1,2\n\n3,4\n\n", []string{`{"a":1,"b":2}`, `{"a":3,"b":4}`}},
		{"a byte order mark", "\ufeffa,b\n1,2\n", []string{`{"a":1,"b":2}`}},
		{"a byte order mark before a quote", "\ufeff\"a\",b\n1,2\n", []string{`{"a":1,"b":2}`}},
		{"quotes, commas, line ends", "a,\"b,c\"\r\n\"x \"\"y\"\"\",\"1\n2\"\r\n", []string{`{"a":"x \"y\"","b,c":"1\u000a2"}`}},
		{"no end of line at the end", "a\n1\n2", []string{`{"a":1}`, `{"a":2}`}},
		{"bytes that are no text", "a\n\xff\x01\\\n", []string{"{\"a\":\"\xff\\u0001\\\\\"}"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if d := cmp.Diff(c.want, features(t, write(t, "a.csv", []byte(c.csv)), Options{Model: "m"})); d != "" {
				t.Error(d)
			}
			if d := cmp.Diff(c.want, features(t, write(t, "a.csv.gz", zip(t, []byte(c.csv))), Options{Model: "m"})); d != "" {
				t.Errorf("gzip: %s", d)
			}
		})
	}
}

// Kinds that the reference knows hold for the file: what does not fit stays a
// string, for the decoder to count.
func TestKindsOfTheLayout(t *testing.T) {
	l := &driftd.Layout{Model: "m", Columns: []driftd.ColumnLayout{{Name: "a", Kind: driftd.Numeric}, {Name: "b", Kind: driftd.Categorical}, {Name: "c", Kind: driftd.Boolean}, {Name: "prediction.score", Kind: driftd.Numeric}}}
	if err := l.Compile(); err != nil {
		t.Fatal(err)
	}
	path := write(t, "a.csv", []byte("a,b,c,p,new\nx,1,TRUE,0.5,7\n2,NA,maybe,NA,8\n"))
	got, _, err := all(path, Options{Model: "m", Layout: l, Score: "p"})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		`{"model":"m","time":"1970-01-01T00:00:00Z","features":{"a":"x","b":"1","c":true,"new":7},"prediction":{"score":0.5}}`,
		`{"model":"m","time":"1970-01-01T00:00:00Z","features":{"a":2,"b":"NA","c":"maybe","new":8},"prediction":{"score":null}}`,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestRoles(t *testing.T) {
	path := write(t, "a.csv", []byte("id,ts,v,country,x,p,k\n1,2026-11-24 12:00:00,2.0,DE,1,0.5,yes\n2,1795521600,2.1,,2,0.6,no\n"))
	opt := Options{Model: `m"1`, Exclude: []string{"id"}, Time: "ts", Version: "v", Tags: []string{"country"}, Score: "p", Class: "k"}
	got, at, err := all(path, opt)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		`{"model":"m\"1","time":"2026-11-24T12:00:00Z","version":"2.0","tags":{"country":"DE"},"features":{"x":1},"prediction":{"score":0.5,"class":"yes"}}`,
		`{"model":"m\"1","time":"2026-11-24T12:00:00Z","version":"2.1","tags":{"country":""},"features":{"x":2},"prediction":{"score":0.6,"class":"no"}}`,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if noon := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC).UnixNano(); at[0] != noon || at[1] != noon {
		t.Errorf("times %v, want %d", at, noon)
	}
	f, err := Open(path, opt)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }() // was only read
	if d := cmp.Diff([]string{"x", "prediction.score", "prediction.class"}, f.Names()); d != "" {
		t.Error(d)
	}
}

func TestJSONLines(t *testing.T) {
	flat := `{"a":1,"b":{"c":"x","d":{"e":true}},"l":[1,{"z":[2]}]}` + "\n\n" + `{"late":3,"a":null,"b":{"c":"NaN"}}` + "\n"
	want := []string{`{"a":1,"b.c":"x","b.d.e":true,"l":[],"late":null}`, `{"a":null,"b.c":"NaN","b.d.e":null,"l":null,"late":3}`}
	for name, data := range map[string][]byte{"plain": []byte(flat), "gzip": zip(t, []byte(flat)), "byte order mark": []byte("\ufeff" + flat)} {
		if d := cmp.Diff(want, features(t, write(t, "a.jsonl", data), Options{Model: "m"})); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
	native := `{"model":"x","time":"2026-11-24T12:00:00Z","features":{"a":1}}` + "\n" + `{"model":"x","time":1795521601,"features":{"a":2}}` + "\n" + `{"model":"x","features":{"a":3}}`
	path := write(t, "n.jsonl", []byte(native))
	got, at, err := all(path, Options{Model: "m"})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(strings.Split(native, "\n"), got); d != "" {
		t.Errorf("native events go through as they are: %s", d)
	}
	noon := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC).UnixNano()
	if d := cmp.Diff([]int64{noon, noon + 1e9, driftd.MinTime}, at); d != "" {
		t.Error(d)
	}
	got, _, err = all(path, Options{Model: "m", WindowRows: 2, Start: noon})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"12:00:00Z", "12:30:00Z", "13:00:00Z"} {
		if !strings.Contains(got[i], `"time":"2026-11-24T`+want) {
			t.Errorf("row clock: event %d is %s, want %s", i, got[i], want)
		}
	}
}

// parquetFile is a file of one row group with every type that means something.
func parquetFile(t testing.TB, options ...parquet.WriterOption) []byte {
	t.Helper()
	at := time.Date(2026, 11, 24, 12, 0, 0, 123456000, time.UTC)
	type row struct {
		I    int64     `parquet:"i"`
		I32  int32     `parquet:"i32"`
		F    float32   `parquet:"f"`
		D    *float64  `parquet:"d,optional"`
		S    *string   `parquet:"s,optional"`
		B    bool      `parquet:"b"`
		MS   time.Time `parquet:"ms,timestamp(millisecond)"`
		US   time.Time `parquet:"us,timestamp(microsecond)"`
		NS   time.Time `parquet:"ns,timestamp(nanosecond)"`
		Day  int32     `parquet:"day,date"`
		Dec  int64     `parquet:"dec,decimal(2:18)"`
		Dec4 int32     `parquet:"dec4,decimal(4:9)"`
		Old  deprecated.Int96
		List []int64 `parquet:"list,list"`
		In   struct {
			X *int64 `parquet:"x,optional"`
		} `parquet:"in"`
	}
	var b bytes.Buffer
	w := parquet.NewGenericWriter[row](&b, options...)
	day := int32(at.Unix() / 86400)
	old := deprecated.Int96{1_000_000_000, 0, uint32(day) + 2440588}
	x, s, seven := 2.5, "a\"b", int64(7)
	nan, inf := math.NaN(), math.Inf(-1)
	rows := []row{
		{I: -1 << 60, I32: 5, F: .5, D: &x, S: &s, B: true, MS: at, US: at, NS: at, Day: day, Dec: 12345, Dec4: -12345, Old: old, List: []int64{1, 2}},
		{D: &nan, MS: at, US: at, NS: at, Day: day, Dec: 0, Old: old},
		{D: &inf, MS: at, US: at, NS: at, Day: day, Dec: 5, Old: old},
	}
	rows[0].In.X = &seven
	if _, err := w.Write(rows); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestParquet(t *testing.T) {
	want := []string{
		`{"i":-1152921504606846976,"i32":5,"f":0.5,"d":2.5,"s":"a\"b","b":true,"ms":"2026-11-24T12:00:00.123Z","us":"2026-11-24T12:00:00.123456Z","ns":"2026-11-24T12:00:00.123456Z",` +
			`"day":"2026-11-24T00:00:00Z","dec":12345e-2,"dec4":-12345e-4,"Old":"2026-11-24T00:00:01Z","in.x":7}`,
		`{"i":0,"i32":0,"f":0,"d":"NaN","s":null,"b":false,"ms":"2026-11-24T12:00:00.123Z","us":"2026-11-24T12:00:00.123456Z","ns":"2026-11-24T12:00:00.123456Z",` +
			`"day":"2026-11-24T00:00:00Z","dec":0e-2,"dec4":0e-4,"Old":"2026-11-24T00:00:01Z","in.x":null}`,
		`{"i":0,"i32":0,"f":0,"d":"-Infinity","s":null,"b":false,"ms":"2026-11-24T12:00:00.123Z","us":"2026-11-24T12:00:00.123456Z","ns":"2026-11-24T12:00:00.123456Z",` +
			`"day":"2026-11-24T00:00:00Z","dec":5e-2,"dec4":0e-4,"Old":"2026-11-24T00:00:01Z","in.x":null}`,
	}
	plain := parquetFile(t)
	for name, data := range map[string][]byte{"plain": plain, "gzip": zip(t, plain), "snappy": parquetFile(t, parquet.Compression(&parquet.Snappy)), "zstd": parquetFile(t, parquet.Compression(&parquet.Zstd))} {
		if d := cmp.Diff(want, features(t, write(t, "a.parquet", data), Options{Model: "m"})); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
	_, at, err := all(write(t, "a.parquet", plain), Options{Model: "m", Time: "us"})
	if err != nil || at[0] != time.Date(2026, 11, 24, 12, 0, 0, 123456000, time.UTC).UnixNano() {
		t.Errorf("time column: %v, %v", at, err)
	}
}

// A file that is cut short anywhere is an error that names it, or (CSV and JSON
// lines cut at the end of a line) a shorter file: never a panic, never a row
// that was not there.
func TestCutShort(t *testing.T) {
	type file struct {
		name string
		data []byte
		rows int
	}
	csv := []byte("a,b\n1,x\n2,y\n3,z\n")
	lines := []byte(`{"a":1}` + "\n" + `{"a":2}` + "\n")
	for _, f := range []file{
		{"a.parquet", parquetFile(t), 3}, {"a.parquet.gz", zip(t, parquetFile(t)), 3},
		{"a.csv.gz", zip(t, csv), 3}, {"a.jsonl.gz", zip(t, lines), 2}, {"a.csv", csv, 3}, {"a.jsonl", lines, 2},
	} {
		t.Run(f.name, func(t *testing.T) {
			step := max(1, len(f.data)/97)
			for n := 0; n < len(f.data); n += step {
				path := write(t, f.name, f.data[:n])
				got, _, err := all(path, Options{Model: "m"})
				switch {
				case err == nil && (len(got) > f.rows || n == 0):
					t.Errorf("%d of %d bytes: %d rows, no error", n, len(f.data), len(got))
				case err == nil && strings.Contains(f.name, "parquet"):
					t.Errorf("%d of %d bytes of Parquet: no error", n, len(f.data))
				case err == nil && strings.HasSuffix(f.name, ".gz") && n > 1 && n < len(f.data)-8:
					t.Errorf("%d of %d bytes of gzip: no error", n, len(f.data))
				case err != nil && !strings.Contains(err.Error(), path):
					t.Errorf("the message does not name the file: %v", err)
				}
			}
		})
	}
}

// Every byte of a Parquet file may be wrong: an error, or other values, never a panic.
func TestParquetDamaged(t *testing.T) {
	good := parquetFile(t)
	for i := 0; i < len(good); i += 5 {
		bad := bytes.Clone(good)
		bad[i] ^= 0xff
		if _, _, err := all(write(t, "a.parquet", bad), Options{Model: "m"}); err != nil && !strings.Contains(err.Error(), "a.parquet") {
			t.Errorf("byte %d: the message does not name the file: %v", i, err)
		}
	}
}

func TestMessages(t *testing.T) {
	csv := []byte("a,b\n1,2\n")
	for _, c := range []struct {
		name string
		data []byte
		opt  Options
		want string
	}{
		{"empty", nil, Options{}, "the file is empty"},
		{"blank", []byte("\n \n"), Options{}, "the file is empty"},
		{"score", csv, Options{Score: "p"}, "--score p: the file has no such column; it has a, b"},
		{"class", csv, Options{Class: "p"}, "--class p: the file has no such column; it has a, b"},
		{"time", csv, Options{Time: "ts"}, "--time ts: the file has no such column"},
		{"segment", csv, Options{Tags: []string{"country"}}, "--segment country: the file has no such column"},
		{"twice", []byte("a,a\n1,2\n"), Options{}, `column "a" appears twice in the header`},
		{"both clocks", csv, Options{Time: "a", WindowRows: 2}, "--time and --window-rows exclude each other"},
		{"negative", csv, Options{WindowRows: -2}, "--window-rows -2: must be above 0"},
		{"ragged", []byte("a,b\n1,2\n3\n"), Options{}, "record on line 3: wrong number of fields"},
		{"no time", []byte("a,ts\n1,yesterday\n"), Options{Time: "ts"}, `row 1: column ts: "yesterday" is no time; times are RFC 3339`},
		{"half an object", []byte("{\"a\":1}\n{\"a\":"), Options{}, "line 2: the line ends before its JSON object does"},
		{"no object", []byte("{\"a\":1}\n[1]\n"), Options{}, "line 2: not a JSON object"},
		{"native time", []byte(`{"features":{"a":1},"time":"soon"}`), Options{}, `line 1: time "soon" is neither RFC 3339 nor a number`},
		{"gzip", []byte{0x1f, 0x8b, 1, 2, 3}, Options{}, "gzip: "},
		{"parquet", []byte("PAR1 and no more"), Options{}, "is the file complete?"},
		{"deep", []byte(strings.Repeat(`{"a":`, 100) + "1" + strings.Repeat("}", 100)), Options{}, "more than 64 deep"},
	} {
		path := write(t, "in", c.data)
		_, _, err := all(path, c.opt)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	if _, _, err := all(t.TempDir(), Options{}); err == nil || !strings.Contains(err.Error(), "is a folder; name one file") {
		t.Error(err)
	}
	if _, _, err := all("missing.csv", Options{}); err == nil || !strings.Contains(err.Error(), "read missing.csv: ") || !strings.Contains(err.Error(), "no such file") {
		t.Error(err)
	}
}

// Row i stands at floor(i * 3600e9 / N) after the start, exactly.
func TestRowClock(t *testing.T) {
	var b strings.Builder
	b.WriteString("a\n")
	for range 22 {
		b.WriteString("1\n")
	}
	_, at, err := all(write(t, "a.csv", []byte(b.String())), Options{Model: "m", WindowRows: 7, Start: DefaultStart})
	if err != nil {
		t.Fatal(err)
	}
	if len(at) != 22 {
		t.Fatalf("%d rows", len(at))
	}
	for i, got := range at {
		if want := DefaultStart + int64(i)*3600e9/7; got != want {
			t.Errorf("row %d stands at %d, want %d", i, got, want)
		}
	}
	if got, want := driftd.RowTime(0, 7_000_003, 7), int64(1_000_000)*3600e9+int64(3*3600e9)/7; got != want {
		t.Errorf("row seven million and three: %d, want %d", got, want)
	}
}

// valid fails when an event is not what the decoder reads.
func valid(t *testing.T, events []string) {
	m := consumers.NewModel("m", nil, nil)
	dec, err := consumers.NewDecoder(consumers.Map{}, "m", consumers.FixedCatalog{"m": m})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		if err := dec.Decode([]byte(e), 0, func(*consumers.Event) error { return nil }); err != nil && !strings.Contains(err.Error(), string(consumers.BadTime)) {
			t.Fatalf("the decoder does not read a row's event: %v\n%s", err, e)
		}
	}
}

func FuzzCSVRow(f *testing.F) {
	for _, s := range []string{"a,b\n1,x\n", "\ufeff\"a\"\nNaN\n", "a\n\"", "\x1f\x8b\x08", "PAR1", "a,a\n", "\n", "a\n\\\n\xff\x00\n", "a\n1e999\n0x1p-2\nTrue\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if strings.HasPrefix(s, "{") || strings.HasPrefix(s, "PAR1") {
			return
		}
		if events, _, err := all(write(t, "a.csv", []byte(s)), Options{Model: "m"}); err == nil && !strings.HasPrefix(strings.TrimLeft(s, " \t\r\n\ufeff"), "{") {
			valid(t, events)
		}
	})
}

func FuzzJSONLine(f *testing.F) {
	for _, s := range []string{`{"a":1}`, `{"a":{"b":[1,[2]]},"c":null}`, `{"features":{"a":1},"time":"2026-11-24T12:00:00Z"}`, `{"a":`, `{"a":1}{`, `{"":""}`, `{"a":"\ud800"}`, `{"a":1e999}`, `{"a":1,"a":2}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		path := write(t, "a.jsonl", []byte("{"+s))
		for _, opt := range []Options{{Model: "m"}, {Model: "m", WindowRows: 3, Start: DefaultStart}} {
			file, err := Open(path, opt)
			if err != nil {
				return
			}
			native := file.Native()
			_ = file.Close() // was only read
			if events, _, err := all(path, opt); err == nil && !native {
				valid(t, events)
			}
		}
	})
}

// A damaged Parquet file is an error, never a panic, and never more than it holds.
func FuzzParquet(f *testing.F) {
	whole := parquetFile(f)
	f.Add(0, byte(0), len(whole))
	for _, at := range []int{4, 40, len(whole) / 2, len(whole) - 9, len(whole) - 30, len(whole) - 200} {
		f.Add(at, byte(0xff), len(whole))
	}
	f.Add(0, byte(0), len(whole)-1)
	f.Fuzz(func(t *testing.T, at int, flip byte, size int) {
		b := bytes.Clone(whole[:min(max(size, 0), len(whole))])
		if at >= 0 && at < len(b) {
			b[at] ^= flip
		}
		if events, _, err := all(write(t, "a.parquet", b), Options{Model: "m"}); err == nil {
			valid(t, events)
		}
	})
}
