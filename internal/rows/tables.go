package rows

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/consumers"
)

// openTable looks at a file's first bytes, not its name: gzip, Parquet, JSON
// lines or CSV.
func openTable(path string) (t table, native bool, err error) {
	f, err := openFile(path)
	if err != nil {
		return nil, false, err
	}
	defer func() {
		if err != nil {
			_ = f.Close() // the error that matters is err
		}
	}()
	r := bufio.NewReaderSize(f, 1<<16)
	head, _ := r.Peek(4) // a short file shows below
	if bytes.HasPrefix(head, []byte("PAR1")) {
		t, err = openParquet(f, nil)
		return t, false, err
	}
	var src io.Reader = r
	if bytes.HasPrefix(head, []byte{0x1f, 0x8b}) {
		z, err := gzip.NewReader(r)
		if err != nil {
			return nil, false, fmt.Errorf("gzip: %w", err)
		}
		r = bufio.NewReaderSize(z, 1<<16)
		src = r
		if inner, _ := r.Peek(4); bytes.HasPrefix(inner, []byte("PAR1")) {
			t, err = unpackParquet(f, src)
			return t, false, err
		}
	}
	if bom, _ := r.Peek(3); string(bom) == "\ufeff" { // as Excel and Windows tools write it
		_, _ = r.Discard(3) // they are in the buffer
	}
	first, err := firstByte(r)
	if err == io.EOF {
		return nil, false, errors.New("the file is empty")
	}
	if err != nil {
		return nil, false, err
	}
	if first == '{' {
		return openJSON(f, src)
	}
	t, err = openCSV(f, src)
	return t, false, err
}

func firstByte(r *bufio.Reader) (byte, error) {
	for n := 1; ; n++ {
		b, err := r.Peek(n)
		if len(b) < n {
			if err == io.EOF || err == nil {
				return 0, io.EOF
			}
			return 0, err
		}
		if c := b[n-1]; !strings.ContainsRune(" \t\r\n", rune(c)) {
			return c, nil
		}
	}
}

// csvTable is a CSV file with a header; cells are text. Blank lines are skipped.
type csvTable struct {
	f      io.Closer
	r      *csv.Reader
	header []string
	cells  []cell
}

func openCSV(f io.Closer, src io.Reader) (*csvTable, error) {
	r := csv.NewReader(src)
	r.ReuseRecord = true
	header, err := r.Read()
	if err != nil {
		return nil, fmt.Errorf("CSV header: %w", err)
	}
	header = slices.Clone(header)
	return &csvTable{f: f, r: r, header: header, cells: make([]cell, len(header))}, nil
}

func (t *csvTable) names() []string { return t.header }
func (t *csvTable) row() []cell     { return t.cells }
func (t *csvTable) close() error    { return t.f.Close() }

func (t *csvTable) next(cells []cell) error {
	rec, err := t.r.Read()
	if err != nil {
		return err
	}
	for i, s := range rec {
		cells[i] = cell{'?', s}
	}
	return nil
}

// jsonTable is JSON lines: native events, or flat objects whose members are
// columns (nested ones with dotted names).
type jsonTable struct {
	f       io.Closer
	r       *bufio.Reader
	line    int64
	header  []string
	place   map[string]int
	pending []byte
	cells   []cell
}

func openJSON(f *os.File, src io.Reader) (table, bool, error) {
	t := &jsonTable{f: f, r: bufio.NewReaderSize(src, 1<<16), place: map[string]int{}}
	line, err := t.read()
	if err != nil {
		return nil, false, err
	}
	t.pending = slices.Clone(line)
	flat, native, err := flatten(line)
	if err != nil {
		return nil, false, fmt.Errorf("line 1: %w", err)
	}
	if native {
		return t, true, nil
	}
	// Columns that only later lines have: read on through the first thousand.
	for _, m := range flat {
		t.add(m.name)
	}
	head := [][]byte{t.pending}
	t.pending = nil
	for len(head) < 1000 {
		line, err := t.read()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, false, err
		}
		flat, _, err := flatten(line)
		if err != nil {
			return nil, false, fmt.Errorf("line %d: %w", t.line, err)
		}
		for _, m := range flat {
			t.add(m.name)
		}
		head = append(head, slices.Clone(line))
	}
	t.r = bufio.NewReaderSize(io.MultiReader(bytes.NewReader(append(bytes.Join(head, []byte("\n")), '\n')), t.r), 1<<16)
	t.line = 0
	t.cells = make([]cell, len(t.header))
	return t, false, nil
}

func (t *jsonTable) add(name string) {
	if _, ok := t.place[name]; !ok {
		t.place[name] = len(t.header)
		t.header = append(t.header, name)
	}
}

func (t *jsonTable) names() []string { return t.header }
func (t *jsonTable) row() []cell     { return t.cells }
func (t *jsonTable) close() error    { return t.f.Close() }

// read gives the next line that is not blank.
func (t *jsonTable) read() ([]byte, error) {
	if p := t.pending; p != nil {
		t.pending = nil
		return p, nil
	}
	for {
		line, err := t.r.ReadBytes('\n')
		if err != nil && err != io.EOF {
			return nil, fmt.Errorf("line %d: %w (is the file complete?)", t.line+1, err)
		}
		if line = bytes.TrimSpace(line); len(line) > 0 {
			t.line++
			return line, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

func (t *jsonTable) next(cells []cell) error {
	line, err := t.read()
	if err != nil {
		return err
	}
	flat, _, err := flatten(line)
	if err != nil {
		return fmt.Errorf("line %d: %w", t.line, err)
	}
	for i := range cells {
		cells[i] = cell{token: 'n'}
	}
	for _, m := range flat {
		if i, ok := t.place[m.name]; ok {
			cells[i] = m.cell
		}
	}
	return nil
}

// nextEvent is the next native event and its time.
func (t *jsonTable) nextEvent() ([]byte, int64, error) {
	line, err := t.read()
	if err != nil {
		return nil, 0, err
	}
	var head struct {
		Time json.RawMessage `json:"time"`
	}
	if err := json.Unmarshal(line, &head); err != nil {
		return nil, 0, fmt.Errorf("line %d: %w", t.line, err)
	}
	at := driftd.MinTime
	if s := strings.Trim(string(head.Time), `"`); s != "" && s != "null" {
		var ok bool
		if at, ok = consumers.ParseTime(s); !ok {
			return nil, 0, fmt.Errorf("line %d: time %s is neither RFC 3339 nor a number", t.line, head.Time)
		}
	}
	return line, at, nil
}

type namedCell struct {
	name string
	cell cell
}

// flatten reads a JSON object in the order of its members. native says that it
// has driftd's own shape.
func flatten(line []byte) (out []namedCell, native bool, err error) {
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.UseNumber()
	if tok, err := dec.Token(); err != nil || tok != json.Delim('{') {
		return nil, false, errors.New("not a JSON object")
	}
	if err = flattenInto(dec, "", 1, &out, &native); err == io.EOF || err == io.ErrUnexpectedEOF {
		err = errors.New("the line ends before its JSON object does")
	}
	return out, native, err
}

// maxDepth bounds how deep objects may lie in each other.
const maxDepth = 64

func flattenInto(dec *json.Decoder, prefix string, depth int, out *[]namedCell, native *bool) error {
	if depth > maxDepth {
		return fmt.Errorf("objects lie more than %d deep in each other", maxDepth)
	}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return err
		}
		name := prefix + key.(string)
		tok, err := dec.Token()
		if err != nil {
			return err
		}
		switch v := tok.(type) {
		case json.Delim:
			if v == '{' {
				if prefix == "" && (name == "features" || name == "prediction") {
					*native = true
				}
				if err := flattenInto(dec, name+".", depth+1, out, native); err != nil {
					return err
				}
				continue
			}
			for depth := 1; depth > 0; { // an array is no column: its place is kept as one of the wrong type
				tok, err := dec.Token()
				if err != nil {
					return err
				}
				if d, ok := tok.(json.Delim); ok {
					if d == '[' || d == '{' {
						depth++
					} else {
						depth--
					}
				}
			}
			*out = append(*out, namedCell{name, cell{'j', "[]"}})
		case nil:
			*out = append(*out, namedCell{name, cell{'n', ""}})
		case bool:
			*out = append(*out, namedCell{name, cell{'t', fmt.Sprint(v)}})
		case json.Number:
			*out = append(*out, namedCell{name, cell{'0', v.String()}})
		case string:
			*out = append(*out, namedCell{name, cell{'"', v}})
		}
	}
	_, err := dec.Token()
	return err
}

// withTime replaces the time of a native event.
func withTime(line []byte, at int64) ([]byte, error) {
	var m map[string]json.RawMessage
	if err := json.Unmarshal(line, &m); err != nil {
		return nil, err
	}
	m["time"] = json.RawMessage(fmt.Sprintf("%q", formatTime(at)))
	return json.Marshal(m)
}
