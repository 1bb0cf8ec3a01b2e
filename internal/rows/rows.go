package rows

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/consumers"
)

// Options say how rows become events.
type Options struct {
	Model      string
	Exclude    []string // columns left out
	Score      string   // column that becomes prediction.score
	Class      string   // column that becomes prediction.class
	Time       string   // column with each row's time
	Version    string   // column that becomes the event's version
	Tags       []string // columns that become tags
	WindowRows int64    // rows an hour of the row clock; 0 for none
	Start      int64    // ns; where the row clock begins
	Layout     *driftd.Layout
}

// DefaultStart is where the row clock begins unless told otherwise.
var DefaultStart = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).UnixNano()

// Event is one row: its JSON and its time. Valid until the next call of Next.
type Event struct {
	JSON []byte
	Time int64 // ns
	Row  int64 // 0 is the first row of data
}

// File is an opened file of rows.
type File struct {
	Columns []string // of the file, in its order
	path    string
	opt     Options
	plan    []column
	table   table
	row     int64
	buf     []byte
	native  bool // JSON lines that are native events already
}

// table is a file format: rows of cells.
type table interface {
	names() []string
	// next fills cells (len(names())); io.EOF at the end.
	next(cells []cell) error
	close() error
}

// cell is one value: text of the given token kind ('"', '0', 't', 'n' for null,
// 'N' NaN, 'I' infinity, 'j' JSON to be copied, '?' text whose kind the column decides).
type cell struct {
	token byte
	text  string
}

type role uint8

const (
	ignored role = iota
	feature
	score
	class
	timeColumn
	version
	tag
)

type column struct {
	name string
	role role
	kind driftd.Kind // of a column of text cells
}

// Open opens a file and looks at its columns. A CSV file is read once to learn
// which of its columns are numbers, unless a layout says so. Errors name the
// file and, where there is one, the row.
func Open(path string, opt Options) (*File, error) {
	if opt.WindowRows < 0 {
		return nil, fmt.Errorf("--window-rows %d: must be above 0", opt.WindowRows)
	}
	if opt.WindowRows > 0 && opt.Time != "" {
		return nil, errors.New("--time and --window-rows exclude each other: rows have their own time or the row clock's")
	}
	t, native, err := openTable(path)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	f := &File{Columns: slices.Clone(t.names()), path: path, opt: opt, table: t, native: native}
	if native {
		return f, nil
	}
	if err := f.planColumns(path); err != nil {
		_ = t.close() // the error that matters is the one above
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return f, nil
}

// Close closes the file.
func (f *File) Close() error { return f.table.close() }

func (f *File) planColumns(path string) error {
	named := map[string]role{}
	for _, n := range f.opt.Exclude {
		named[n] = ignored
	}
	for _, x := range []struct {
		flag, name string
		role       role
	}{{"--score", f.opt.Score, score}, {"--class", f.opt.Class, class}, {"--time", f.opt.Time, timeColumn}, {"--version-column", f.opt.Version, version}} {
		if x.name == "" {
			continue
		}
		if !slices.Contains(f.Columns, x.name) {
			return fmt.Errorf("%s %s: the file has no such column; it has %s", x.flag, x.name, strings.Join(f.Columns, ", "))
		}
		named[x.name] = x.role
	}
	for _, n := range f.opt.Tags {
		if !slices.Contains(f.Columns, n) {
			return fmt.Errorf("--segment %s: the file has no such column; it has %s", n, strings.Join(f.Columns, ", "))
		}
		named[n] = tag
	}
	seen := map[string]bool{}
	for _, n := range f.Columns {
		if seen[n] {
			return fmt.Errorf("column %q appears twice in the header", n)
		}
		seen[n] = true
		c := column{name: n, role: feature}
		if r, ok := named[n]; ok {
			c.role = r
		}
		f.plan = append(f.plan, c)
	}
	return f.learnKinds(path)
}

// learnKinds finds the kind of each column of text: the layout's, or numeric
// when every cell is a number, boolean when every cell is true or false.
func (f *File) learnKinds(path string) error {
	need := false
	for i := range f.plan {
		c := &f.plan[i]
		if f.opt.Layout == nil {
			need = true
			continue
		}
		if j := f.opt.Layout.IndexOf(f.columnName(c)); j >= 0 {
			c.kind = f.opt.Layout.Columns[j].Kind
		} else {
			need = true
		}
	}
	if _, text := f.table.(*csvTable); !text || !need {
		return nil
	}
	t, _, err := openTable(path)
	if err != nil {
		return err
	}
	defer func() { _ = t.close() }()
	cells := make([]cell, len(f.plan))
	numeric, boolean := make([]bool, len(f.plan)), make([]bool, len(f.plan))
	any, words := make([]bool, len(f.plan)), make([]bool, len(f.plan)) // values; words for null
	for i := range numeric {
		numeric[i], boolean[i] = true, true
	}
	for {
		if err := t.next(cells); err == io.EOF {
			break
		} else if err != nil {
			return err
		}
		for i, c := range cells {
			if isNull(c.text) {
				continue
			}
			boolean[i] = boolean[i] && isBool(c.text)
			if isNumberNull(c.text) {
				words[i] = true
				continue
			}
			any[i] = true
			if numeric[i] {
				_, numeric[i] = parseNumber(c.text)
			}
		}
	}
	for i := range f.plan {
		if f.plan[i].kind != 0 {
			continue
		}
		switch {
		case any[i] && boolean[i]:
			f.plan[i].kind = driftd.Boolean
		case numeric[i] && (any[i] || !words[i]): // a column of nothing but "NA" is text
			f.plan[i].kind = driftd.Numeric
		default:
			f.plan[i].kind = driftd.Categorical
		}
	}
	return nil
}

// columnName is what the column is called in results.
func (f *File) columnName(c *column) string {
	switch c.role {
	case score:
		return "prediction.score"
	case class:
		return "prediction.class"
	}
	return c.name
}

// Names are the columns that events of this file have, as results call them;
// nil for native events, whose columns only reading them shows.
func (f *File) Names() []string {
	var out []string
	for i := range f.plan {
		if r := f.plan[i].role; r == feature || r == score || r == class {
			out = append(out, f.columnName(&f.plan[i]))
		}
	}
	return out
}

func isBool(s string) bool {
	return s == "true" || s == "false" || s == "True" || s == "False" || s == "TRUE" || s == "FALSE"
}

// isNull says that a text cell is empty. In a column of numbers, the words that
// spreadsheets and pandas write for it count too.
func isNull(s string) bool { return s == "" }

func isNumberNull(s string) bool {
	switch s {
	case "", "null", "NULL", "None", "NA", "N/A", "n/a":
		return true
	}
	return false
}

// parseNumber reads a cell of a column of numbers; blanks around it mean
// nothing, and what a float cannot hold is infinite.
func parseNumber(s string) (float64, bool) {
	x, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	return x, err == nil || errors.Is(err, strconv.ErrRange)
}

// Next gives the next row; io.EOF at the end.
func (f *File) Next() (Event, error) {
	ev := Event{Row: f.row}
	if f.native {
		return f.nextNative(ev)
	}
	cells := f.table.(interface{ row() []cell }).row()
	if err := f.table.next(cells); err != nil {
		if err == io.EOF {
			return ev, err
		}
		return ev, fmt.Errorf("read %s: row %d: %w", f.path, f.row+1, err)
	}
	switch {
	case f.opt.WindowRows > 0:
		ev.Time = driftd.RowTime(f.opt.Start, f.row, f.opt.WindowRows)
	case f.opt.Time != "":
		for i := range f.plan {
			if f.plan[i].role != timeColumn {
				continue
			}
			t, ok := consumers.ParseTime(cells[i].text)
			if !ok {
				return ev, fmt.Errorf("read %s: row %d: column %s: %q is no time; times are RFC 3339, \"2006-01-02 15:04:05\" or epoch numbers", f.path, f.row+1, f.opt.Time, cells[i].text)
			}
			ev.Time = t
		}
	default:
		ev.Time = f.opt.Start // a flat sample: rows have no time
	}
	f.buf = f.encode(f.buf[:0], cells, ev.Time)
	ev.JSON = f.buf
	f.row++
	return ev, nil
}

// nextNative passes a native event on; on the row clock it gets that time.
func (f *File) nextNative(ev Event) (Event, error) {
	t := f.table.(*jsonTable)
	line, at, err := t.nextEvent()
	if err == io.EOF {
		return ev, err
	}
	if err != nil {
		return ev, fmt.Errorf("read %s: %w", f.path, err)
	}
	ev.JSON, ev.Time = line, at
	if f.opt.WindowRows > 0 {
		ev.Time = driftd.RowTime(f.opt.Start, f.row, f.opt.WindowRows)
		if ev.JSON, err = withTime(line, ev.Time); err != nil {
			return ev, err
		}
	}
	f.row++
	return ev, nil
}

// encode writes the row as a native event.
func (f *File) encode(b []byte, cells []cell, at int64) []byte {
	b = append(b, `{"model":`...)
	b = appendString(b, f.opt.Model)
	b = append(b, `,"time":"`...)
	b = time.Unix(0, at).UTC().AppendFormat(b, time.RFC3339Nano)
	b = append(b, '"')
	for i := range f.plan {
		if f.plan[i].role == version && cells[i].token != 'n' {
			b = append(b, `,"version":`...)
			b = appendString(b, cells[i].text)
		}
	}
	b = f.group(b, cells, "tags", tag)
	b = f.group(b, cells, "features", feature)
	return append(f.group(b, cells, "prediction", score, class), '}')
}

func (f *File) group(b []byte, cells []cell, name string, roles ...role) []byte {
	first := true
	for i := range f.plan {
		c := &f.plan[i]
		if !slices.Contains(roles, c.role) {
			continue
		}
		if first {
			b = append(append(append(b, `,"`...), name...), `":{`...)
		} else {
			b = append(b, ',')
		}
		first = false
		switch c.role {
		case score:
			b = append(b, `"score"`...)
		case class:
			b = append(b, `"class"`...)
		default:
			b = appendString(b, c.name)
		}
		b = append(b, ':')
		if c.role == tag && cells[i].token != 'n' {
			b = appendString(b, cells[i].text)
		} else {
			b = appendCell(b, cells[i], c.kind)
		}
	}
	if !first {
		b = append(b, '}')
	}
	return b
}

func appendCell(b []byte, c cell, kind driftd.Kind) []byte {
	switch c.token {
	case 'n':
		return append(b, "null"...)
	case '"':
		return appendString(b, c.text)
	case '?':
		return appendText(b, c.text, kind)
	}
	return append(b, c.text...)
}

// appendText writes a CSV cell as its column's kind has it; what does not fit
// stays a string, and so counts as a type error.
func appendText(b []byte, s string, kind driftd.Kind) []byte {
	switch kind {
	case driftd.Numeric:
		if isNumberNull(s) {
			return append(b, "null"...)
		}
		x, ok := parseNumber(s)
		if !ok {
			return appendString(b, s)
		}
		switch {
		case math.IsNaN(x):
			return append(b, `"NaN"`...)
		case math.IsInf(x, 1):
			return append(b, `"Infinity"`...)
		case math.IsInf(x, -1):
			return append(b, `"-Infinity"`...)
		}
		return strconv.AppendFloat(b, x, 'g', -1, 64)
	case driftd.Boolean:
		if isBool(s) {
			return append(b, strings.ToLower(s)...)
		}
	}
	if isNull(s) {
		return append(b, "null"...)
	}
	return appendString(b, s)
}

// appendString writes a JSON string. Bytes that are not UTF-8 are kept: the
// decoder compares bytes.
func appendString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < 0x20:
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}

func openFile(path string) (*os.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if st, err := f.Stat(); err == nil && st.IsDir() {
		_ = f.Close() // nothing was written
		return nil, errors.New("is a folder; name one file")
	}
	return f, nil
}

// Native says that the file holds native events as JSON lines.
func (f *File) Native() bool { return f.native }
