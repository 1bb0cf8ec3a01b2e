package consumers

import (
	"fmt"
	"slices"
	"testing"

	kafkago "github.com/segmentio/kafka-go"
	"pgregory.net/rapid"
)

// Every partition goes to one member, no member has two more than another, and as
// many stay as can.
func TestStickyAssign(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 40).Draw(t, "partitions")
		var all []int
		for p := range n {
			all = append(all, p)
		}
		var ids []string
		had := map[string]owned{}
		for i := range rapid.IntRange(1, 8).Draw(t, "members") {
			id := fmt.Sprintf("m%d", i)
			ids = append(ids, id)
			had[id] = owned{rapid.IntRange(1, 3).Draw(t, "generation"), rapid.SliceOfDistinct(rapid.IntRange(0, 50), func(p int) int { return p }).Draw(t, "had")}
		}
		got := assign(ids, all, had)
		var given []int
		least, most := n, 0
		for _, id := range ids {
			given = append(given, got[id]...)
			least, most = min(least, len(got[id])), max(most, len(got[id]))
		}
		if slices.Sort(given); !slices.Equal(given, all) {
			t.Fatalf("%v were given of %v", given, all)
		}
		if most-least > 1 {
			t.Fatalf("one has %d and another %d", most, least)
		}
		// Nobody lost a partition who had it last, alone said so, and had no more
		// than its share.
		for _, id := range ids {
			if len(had[id].Partitions) > n/len(ids) {
				continue
			}
			for _, p := range had[id].Partitions {
				others := slices.ContainsFunc(ids, func(o string) bool { return o != id && slices.Contains(had[o].Partitions, p) })
				if p < n && !others && !slices.Contains(got[id], p) {
					t.Fatalf("%s had %v and lost %d: %v", id, had[id].Partitions, p, got)
				}
			}
		}
	})
}

// A member that comes or goes moves its share and nothing else.
func TestStickyMovesLittle(t *testing.T) {
	all := []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}
	had := map[string]owned{}
	moved := func(ids ...string) (n int) {
		got := assign(ids, all, had)
		for id, mine := range got {
			for _, p := range mine {
				if !slices.Contains(had[id].Partitions, p) {
					n++
				}
			}
		}
		next := map[string]owned{}
		for id, mine := range got {
			next[id] = owned{had[id].Generation + 1, mine}
		}
		had = next
		return n
	}
	for _, step := range []struct {
		ids  []string
		want int
	}{{[]string{"a"}, 12}, {[]string{"a", "b"}, 6}, {[]string{"a", "b", "c"}, 4}, {[]string{"a", "c"}, 4}, {[]string{"a", "c"}, 0}, {[]string{"a", "c", "d"}, 4}} {
		if n := moved(step.ids...); n != step.want {
			t.Errorf("%v: %d partitions moved, want %d", step.ids, n, step.want)
		}
	}
}

// A member that was away, and still says that it has what another got since, does
// not get it back; one that says nothing that can be read has nothing.
func TestStickyBelievesTheLastOwner(t *testing.T) {
	s := sticky{topic: "t"}
	got := s.AssignGroups([]kafkago.GroupMember{{ID: "away", UserData: []byte(`{"g":3,"p":[0,1]}`)}, {ID: "now", UserData: []byte(`{"g":5,"p":[0]}`)}, {ID: "odd", UserData: []byte("?")}},
		[]kafkago.Partition{{Topic: "t", ID: 0}, {Topic: "t", ID: 1}, {Topic: "t", ID: 2}, {Topic: "other", ID: 9}})
	for id, want := range map[string][]int{"away": {1}, "now": {0}, "odd": {2}} {
		if !slices.Equal(got[id]["t"], want) {
			t.Errorf("%s has %v, want %v", id, got[id]["t"], want)
		}
	}
}
