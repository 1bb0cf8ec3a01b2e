package compare

import (
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"path/filepath"
	"strconv"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/consumers"
	"github.com/driftd/driftd/internal/rows"
)

// MaxSample is how many rows of a file two-sample tests look at; of more, as many
// are drawn (the same ones each time).
const MaxSample = 200_000

// values are the raw values of a file's columns, in the sampled rows.
type values struct {
	rows    int
	columns map[string]*series
	order   []string
}

// series is one column by sampled row: what it holds.
type series struct {
	token  []byte // by row; 0: nothing
	number []float64
	level  []int32
	names  []string // of levels
	index  map[string]int32
}

func (s *series) grow(n int) {
	for len(s.token) < n {
		s.token, s.number, s.level = append(s.token, 0), append(s.number, math.NaN()), append(s.level, -1)
	}
}

func (s *series) set(row int, token byte, text []byte) {
	s.grow(row + 1)
	s.token[row], s.number[row], s.level[row] = token, math.NaN(), -1
	switch token {
	case '0':
		if x, err := strconv.ParseFloat(string(text), 64); err == nil || errors.Is(err, strconv.ErrRange) {
			s.number[row] = x + 0 // no -0
		}
	case '"', 't', 'f':
		if token != '"' {
			text = strconv.AppendBool(nil, token == 't')
		}
		text = text[:min(len(text), driftd.MaxLevelBytes)]
		i, ok := s.index[string(text)]
		if !ok {
			i = int32(len(s.names))
			s.names, s.index[string(text)] = append(s.names, string(text)), i
		}
		s.level[row] = i
	}
}

// numbers are the finite numbers.
func (s *series) numbers() (out []float64) {
	if s == nil {
		return nil
	}
	for _, x := range s.number {
		if !math.IsNaN(x) && !math.IsInf(x, 0) {
			out = append(out, x)
		}
	}
	return out
}

// levels are how often each level comes, by name.
func (s *series) levels() map[string]float64 {
	out := map[string]float64{}
	if s == nil {
		return out
	}
	for _, i := range s.level {
		if i >= 0 {
			out[s.names[i]]++
		}
	}
	return out
}

// readValues reads a file once.
func readValues(path string, opt rows.Options, progress func(int)) (*values, error) {
	v := &values{columns: map[string]*series{}}
	rng := rand.New(rand.NewPCG(1, 2))
	var dec *consumers.Decoder
	at := 0 // the sampled row; -1: not sampled
	dec, err := newDecoder(opt.Model, consumers.NewModel(opt.Model, nil, nil))
	if err != nil {
		return nil, err
	}
	type cell struct {
		name  string
		token byte
		text  []byte
	}
	var cells []cell
	dec.Raw = func(_ driftd.Group, name string, token byte, text []byte) {
		if token == 0 { // the event is read again from its start
			cells = cells[:0]
			return
		}
		cells = append(cells, cell{name, token, text})
	}
	err = eachRow(path, opt, dec, func(*consumers.Event) {
		at = v.rows
		if v.rows++; v.rows > MaxSample {
			if at = rng.IntN(v.rows); at >= MaxSample {
				at = -1
			}
		}
		if at >= 0 {
			for _, s := range v.columns { // what the row lacks is nothing
				if at < len(s.token) {
					s.token[at], s.number[at], s.level[at] = 0, math.NaN(), -1
				}
			}
			for _, c := range cells {
				s := v.columns[c.name]
				if s == nil {
					s = &series{index: map[string]int32{}}
					v.columns[c.name] = s
					v.order = append(v.order, c.name)
				}
				s.set(at, c.token, c.text)
			}
		}
		cells = cells[:0]
		if progress != nil && v.rows%65536 == 0 {
			progress(v.rows)
		}
	})
	if err != nil {
		return nil, err
	}
	if v.rows == 0 {
		return nil, fmt.Errorf("read %s: it has no row; is it the right file?", path)
	}
	return v, nil
}

// readProfile counts a file's rows in a layout.
func readProfile(path string, opt rows.Options, l *driftd.Layout) (*driftd.Profile, error) {
	dec, err := newDecoder(opt.Model, consumers.NewModel(opt.Model, l, nil))
	if err != nil {
		return nil, err
	}
	p := driftd.NewProfile(l)
	n := uint64(0)
	err = eachRow(path, opt, dec, func(ev *consumers.Event) {
		n++
		p.Add(ev.Groups, ev.Values, n)
	})
	return p, err
}

func newDecoder(model string, m *consumers.Model) (*consumers.Decoder, error) {
	return consumers.NewDecoder(consumers.Map{}, model, consumers.FixedCatalog{model: m})
}

func eachRow(path string, opt rows.Options, dec *consumers.Decoder, fn func(*consumers.Event)) error {
	f, err := rows.Open(path, opt)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // was only read
	for {
		ev, err := f.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := dec.Decode(ev.JSON, 0, func(e *consumers.Event) error { fn(e); return nil }); err != nil {
			var r *consumers.Reject
			if errors.As(err, &r) && r.Reason == consumers.UnknownModel {
				return fmt.Errorf("read %s: row %d is of another model than %q: give its name with --model (%w)", filepath.Base(path), ev.Row+1, opt.Model, err)
			}
			return fmt.Errorf("read %s: row %d: %w", filepath.Base(path), ev.Row+1, err)
		}
	}
}
