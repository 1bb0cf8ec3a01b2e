package detectors

// Scratch is working memory of judgements, one after the other: with it a window
// of many columns allocates nothing for each. The zero Scratch is ready. Not safe
// for concurrent use.
type Scratch struct {
	floats []float64
	masses []Mass
	k      Comparison
}

// scratchFloats is room for the largest judgement of a numeric column.
const scratchFloats = 1024

// take gives n zeros that hold until reset; a nil Scratch allocates.
func (s *Scratch) take(n int) []float64 {
	if s == nil || len(s.floats)+n > cap(s.floats) {
		return make([]float64, n)
	}
	from := len(s.floats)
	s.floats = s.floats[:from+n]
	out := s.floats[from : from+n : from+n]
	clear(out)
	return out
}

// reset begins the next judgement.
func (s *Scratch) reset() {
	if s.floats == nil {
		s.floats = make([]float64, 0, scratchFloats)
	}
	s.floats, s.masses = s.floats[:0], s.masses[:0]
}
