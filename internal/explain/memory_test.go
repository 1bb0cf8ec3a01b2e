package explain_test

import "io"

// memory is events in memory: a reference.Source.
type memory struct {
	json [][]byte
	at   []int64
	i    int
}

func (m *memory) again() *memory { return &memory{json: m.json, at: m.at} }

// Next implements reference.Source.
func (m *memory) Next() ([]byte, int64, error) {
	if m.i == len(m.json) {
		return nil, 0, io.EOF
	}
	m.i++
	return m.json[m.i-1], m.at[m.i-1], nil
}
