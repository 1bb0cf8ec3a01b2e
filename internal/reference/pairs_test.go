package reference_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/internal/reference"
)

// A column of pairs is the last one, made of the numeric features alone; where
// there can be none a note says why.
func TestPairsOfAReference(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	made := func(event func() string) (lines []string) {
		for range 3000 {
			lines = append(lines, `{"model":"m",`+event()+`}`)
		}
		return lines
	}
	numbers := func() string {
		x := rng.NormFloat64()
		return fmt.Sprintf(`"features":{"a":%v,"word":"w%d","b":%v},"prediction":{"score":%v}`, x, rng.IntN(3), .8*x+.6*rng.NormFloat64(), x)
	}
	for name, c := range map[string]struct {
		event func() string
		flat  bool
		note  string
	}{
		"two numbers": {numbers, false, ""},
		"no windows":  {numbers, true, "judged by windows"},
		"one number":  {func() string { return fmt.Sprintf(`"features":{"a":%v,"flag":%v}`, rng.NormFloat64(), rng.IntN(2)) }, false, "fewer than two"},
		"the name is taken": {func() string {
			return fmt.Sprintf(`"features":{"a":%v,"b":%v,"(pairs)":%v}`, rng.NormFloat64(), rng.NormFloat64(), rng.NormFloat64())
		}, false, "have a field of the name"},
		"many numbers": {func() string {
			var s []string
			for i := range 33 {
				s = append(s, fmt.Sprintf(`"f%d":%v`, i, rng.NormFloat64()))
			}
			return `"features":{` + strings.Join(s, ",") + `}`
		}, false, "first 30 numeric features; 3 more"},
	} {
		t.Run(name, func(t *testing.T) {
			lines := made(c.event)
			opt := reference.Options{Model: "m", Flat: c.flat, Pairs: true}
			if !c.flat {
				opt.Lengths = []time.Duration{time.Hour}
			}
			b, report, err := reference.Build(func() (reference.Source, error) { return &fixed{lines: lines, step: time.Minute}, nil }, opt)
			if err != nil {
				t.Fatal(err)
			}
			notes := strings.Join(report.Notes, "\n")
			if !strings.Contains(notes, c.note) || c.note == "" && notes != "" {
				t.Errorf("notes: %q, want %q", notes, c.note)
			}
			last := b.Layout.Columns[len(b.Layout.Columns)-1]
			if has := last.Kind == driftd.Pairs; has != (c.note == "" || name == "many numbers") {
				t.Fatalf("the last column is %s, %s", last.Name, last.Kind)
			}
			if name != "two numbers" {
				return
			}
			if x, y := last.Pairs.Names(0); x != "a" || y != "b" || last.Pairs.Pairs() != 1 {
				t.Errorf("%d pairs, the first of %s and %s", last.Pairs.Pairs(), x, y)
			}
			s := b.References[0].Columns[len(b.Layout.Columns)-1].Profile.Pairs
			if r := s.Correlation(0); s.N != 3000 || r < .72 || r > .82 { // Spearman's of a normal pair with .8 is .786
				t.Errorf("correlation %.3f over %d events", r, s.N)
			}
		})
	}
}
