package fold

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/consumers"
)

func event(m *consumers.Model) *consumers.Event {
	return &consumers.Event{Model: m, Segments: []int{0}}
}

func counts(p *Pane) map[string]uint64 {
	out := map[string]uint64{}
	_ = p.Each(func(m *consumers.Model, _ int, prof *driftd.Profile) error { // fn gives no error
		out[m.Name] += prof.Events
		return nil
	})
	return out
}

// Which models stay apart does not depend on who came first, nor on when the
// pane was full; and every event counts somewhere.
func TestLimitDependsOnTheEventsAlone(t *testing.T) {
	const models, most = 1000, 16
	other := consumers.NewModel("(other)", nil, nil)
	strange := func(m *consumers.Model) bool { return true }
	var want string
	for seed := range uint64(5) {
		rng := rand.New(rand.NewPCG(seed, 0))
		p := &Panes{Length: 60}
		p.Overflow = func(q *Pane) { q.Limit(most, strange, other) }
		total := 0
		for _, i := range rng.Perm(models * 3) {
			m := consumers.NewModel(fmt.Sprintf("m%d", i%models), nil, nil) // another pointer each time
			p.Add(event(m), 0, uint64(i), int64(i))
			total++
		}
		pane := p.Below(60)[0]
		pane.Limit(most, strange, other)
		got := counts(pane)
		sum := uint64(0)
		for _, n := range got {
			sum += n
		}
		if sum != uint64(total) || len(got) != most+1 {
			t.Fatalf("%d events of %d in %d models", sum, total, len(got))
		}
		if text := fmt.Sprint(got); want == "" {
			want = text
		} else if text != want {
			t.Fatalf("another order gives other models:\n%s\n%s", want, text)
		}
	}
	if !strings.Contains(want, "(other)") {
		t.Fatal(want)
	}
}

func TestPanesInOrderOfTime(t *testing.T) {
	m := consumers.NewModel("m", nil, nil)
	p := &Panes{Length: 10}
	for i, at := range []int64{35, 12, 19, -3, 31} {
		p.Add(event(m), at, 0, int64(100+i))
	}
	var starts, firsts []int64
	for _, q := range p.Below(driftd.MaxTime) {
		starts, firsts = append(starts, q.Start), append(firsts, q.First)
	}
	if fmt.Sprint(starts, firsts, p.FirstNeeded()) != "[-10 10 30] [103 101 100] 100" {
		t.Fatal(starts, firsts, p.FirstNeeded())
	}
	p.Drop(30)
	if p.Open() != 1 || p.FirstNeeded() != 100 {
		t.Fatal(p.Open(), p.FirstNeeded())
	}
	p.AddLate(event(m), 40, 200)
	if late := p.Below(driftd.MaxTime)[1].sets[0].profiles[0]; late.Late != 1 || late.Events != 0 {
		t.Fatalf("%+v", late)
	}
	p.Drop(driftd.MaxTime)
	if p.FirstNeeded() != -1 {
		t.Fatal("something is needed although nothing is open")
	}
}

// A profile that was used before begins empty.
func TestProfilesAreUsedAgainEmpty(t *testing.T) {
	m := consumers.NewModel("m", nil, nil)
	p := &Panes{Length: 10}
	for i := range int64(3) {
		p.Add(event(m), i*10, 0, i)
		if got := counts(p.Below(driftd.MaxTime)[0]); got["m"] != 1 {
			t.Fatal(got)
		}
		p.Drop(driftd.MaxTime)
	}
}
