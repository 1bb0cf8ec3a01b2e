package inspect

import (
	"bytes"
	"io"
	"path/filepath"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Whatever the bytes, no panic; what is called readable has a config that the
// real parser takes and that says what was proposed (YAML checks both).
func FuzzInspect(f *testing.F) {
	files, err := filepath.Glob("testdata/*.jsonl")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range files {
		records := readRecords(f, path)
		f.Add(records[0].Value, records[len(records)-1].Value, records[0].Time)
	}
	f.Add([]byte(`{"a":1,"":2,".":3,"a.b":4}`), []byte(`[[1],[2,3]]`), int64(0))
	f.Fuzz(func(t *testing.T, a, b []byte, at int64) {
		var records []Record
		for i := range 40 {
			v := a
			if i%3 == 2 {
				v = b
			}
			records = append(records, Record{Value: v, Time: at + int64(i)*int64(time.Second), Partition: i % 2, Offset: int64(i)})
		}
		r := Inspect(records, Options{Topic: "t", Partitions: 2})
		if err := r.WriteTable(io.Discard); err != nil {
			t.Fatal(err)
		}
		if !r.Readable {
			if r.Is == "" || r.Advice == "" {
				t.Fatalf("unreadable without a word: %+v", r)
			}
			return
		}
		text, err := r.YAML(cluster)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.JSON(text); err != nil {
			t.Fatal(err)
		}
	})
}

// Names of models, tags and fields, whatever they are, survive the YAML.
func TestNamesSurviveYAML(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringMatching(`[ -~äß模😀\t\x{80}\x{2028}]{1,40}`)
		value := func(s string) []byte {
			n := node{kind: isObject, members: []member{
				{"model", &node{kind: isText, text: s}},
				{name.Draw(t, "feature"), &node{kind: isNumber, text: "1"}},
				{"country", &node{kind: isText, text: name.Draw(t, "tag")}},
				{"out", &node{kind: isObject, members: []member{{name.Draw(t, "part"), &node{kind: isNumber, text: ".5"}}}}},
				{name.Draw(t, "id") + "_id", &node{kind: isText, text: name.Draw(t, "value")}},
			}}
			return n.json()
		}
		var records []Record
		for range 6 {
			records = append(records, Record{Value: value(name.Draw(t, "model")), Time: -1})
		}
		if r := Inspect(records, Options{Topic: "t", Partitions: 1}); r.Readable {
			if _, err := r.YAML(cluster); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// json writes a tree back.
func (n *node) json() []byte {
	var b bytes.Buffer
	switch n.kind {
	case isObject:
		b.WriteByte('{')
		for i, m := range n.members {
			if i > 0 {
				b.WriteByte(',')
			}
			b.Write(jsonText(m.name))
			b.WriteByte(':')
			b.Write(m.value.json())
		}
		b.WriteByte('}')
	case isText:
		b.Write(jsonText(n.text))
	default:
		if n.text == ".5" {
			return []byte("0.5")
		}
		b.WriteString(n.text)
	}
	return b.Bytes()
}
