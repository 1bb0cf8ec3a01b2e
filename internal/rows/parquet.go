package rows

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

func formatTime(at int64) string { return time.Unix(0, at).UTC().Format(time.RFC3339Nano) }

// parquetTable is a Parquet file; groups are flattened with dotted names, lists
// are left out.
type parquetTable struct {
	f      *os.File
	remove string // an unpacked copy
	r      *parquet.GenericReader[any]
	header []string
	leaf   map[int]int // leaf column index -> place in header
	unit   []func(parquet.Value) cell
	rows   []parquet.Row
	at, n  int
	end    error
	cells  []cell
}

// unpackParquet writes the contents of a gzip file to a temporary one: Parquet
// is read from its end.
func unpackParquet(f *os.File, src io.Reader) (*parquetTable, error) {
	tmp, err := os.CreateTemp("", "driftd-*.parquet")
	if err != nil {
		return nil, err
	}
	if _, err := io.Copy(tmp, src); err != nil {
		_, _ = tmp.Close(), os.Remove(tmp.Name()) // the copy's error matters
		return nil, fmt.Errorf("gzip: %w", err)
	}
	_ = f.Close() // was only read
	t, err := openParquet(tmp, nil)
	if err != nil {
		_, _ = tmp.Close(), os.Remove(tmp.Name()) // as above
		return nil, err
	}
	t.remove = tmp.Name()
	return t, nil
}

func openParquet(f *os.File, _ io.Reader) (t *parquetTable, err error) {
	defer func() { // the library panics on some damaged files
		if p := recover(); p != nil {
			t, err = nil, fmt.Errorf("parquet: damaged file: %v", p)
		}
	}()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	pf, err := parquet.OpenFile(f, st.Size())
	if err != nil {
		return nil, fmt.Errorf("parquet: %w (is the file complete?)", err)
	}
	t = &parquetTable{f: f, r: parquet.NewGenericReader[any](pf), leaf: map[int]int{}, rows: make([]parquet.Row, 256)}
	schema := pf.Schema()
	for i, path := range schema.Columns() {
		col, ok := schema.Lookup(path...)
		if !ok || col.MaxRepetitionLevel > 0 {
			continue
		}
		t.leaf[i] = len(t.header)
		t.header = append(t.header, strings.Join(path, "."))
		t.unit = append(t.unit, converter(col.Node.Type()))
	}
	if len(t.header) == 0 {
		return nil, fmt.Errorf("parquet: the file has no plain columns")
	}
	t.cells = make([]cell, len(t.header))
	return t, nil
}

// converter turns a value of a Parquet type into a cell.
func converter(typ parquet.Type) func(parquet.Value) cell {
	if lt := typ.LogicalType(); lt != nil {
		switch l := lt.Value.(type) {
		case *format.TimestampType:
			scale := int64(1)
			if l.Unit.Value != nil {
				scale = int64(l.Unit.Value.Duration())
			}
			return func(v parquet.Value) cell { return cell{'"', formatTime(v.Int64() * scale)} }
		case *format.DateType:
			return func(v parquet.Value) cell { return cell{'"', formatTime(int64(v.Int32()) * 86400e9)} }
		case *format.DecimalType:
			exp := "e-" + strconv.Itoa(int(l.Scale))
			switch typ.Kind() {
			case parquet.Int32:
				return func(v parquet.Value) cell { return cell{'0', strconv.FormatInt(int64(v.Int32()), 10) + exp} }
			case parquet.Int64:
				return func(v parquet.Value) cell { return cell{'0', strconv.FormatInt(v.Int64(), 10) + exp} }
			}
		}
	}
	switch typ.Kind() {
	case parquet.Boolean:
		return func(v parquet.Value) cell { return cell{'t', strconv.FormatBool(v.Boolean())} }
	case parquet.Int32:
		return func(v parquet.Value) cell { return cell{'0', strconv.FormatInt(int64(v.Int32()), 10)} }
	case parquet.Int64:
		return func(v parquet.Value) cell { return cell{'0', strconv.FormatInt(v.Int64(), 10)} }
	case parquet.Float:
		return func(v parquet.Value) cell { return floatCell(float64(v.Float())) }
	case parquet.Double:
		return func(v parquet.Value) cell { return floatCell(v.Double()) }
	case parquet.Int96:
		return func(v parquet.Value) cell {
			i := v.Int96() // the old timestamps of Hive and Spark: ns of the day, Julian day
			ns := int64(i[0]) | int64(i[1])<<32
			return cell{'"', formatTime((int64(i[2])-2440588)*86400e9 + ns)}
		}
	}
	return func(v parquet.Value) cell { return cell{'"', string(v.ByteArray())} }
}

func floatCell(x float64) cell {
	switch s := strconv.FormatFloat(x, 'g', -1, 64); s {
	case "NaN":
		return cell{'"', "NaN"}
	case "+Inf":
		return cell{'"', "Infinity"}
	case "-Inf":
		return cell{'"', "-Infinity"}
	default:
		return cell{'0', s}
	}
}

func (t *parquetTable) names() []string { return t.header }
func (t *parquetTable) row() []cell     { return t.cells }

func (t *parquetTable) close() error {
	if t.remove != "" {
		defer func() { _ = os.Remove(t.remove) }() // a temporary copy
	}
	return t.f.Close()
}

func (t *parquetTable) next(cells []cell) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("parquet: damaged file: %v", p)
		}
	}()
	if t.at == t.n {
		if t.end != nil {
			return t.end
		}
		t.at = 0
		t.n, t.end = t.r.ReadRows(t.rows)
		if t.n == 0 {
			if t.end == nil {
				t.end = io.EOF
			}
			return t.end
		}
	}
	for i := range cells {
		cells[i] = cell{token: 'n'}
	}
	for _, v := range t.rows[t.at] {
		place, ok := t.leaf[v.Column()]
		if ok && !v.IsNull() {
			cells[place] = t.unit[place](v)
		}
	}
	t.at++
	return nil
}
