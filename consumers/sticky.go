package consumers

import (
	"encoding/json"
	"slices"

	kafkago "github.com/segmentio/kafka-go"
)

// sticky is a group balancer that moves as few partitions as it can: each member
// says which it had, and keeps them up to its share. A partition that stays with
// its owner can go on from memory. The idea is that of Kafka's own sticky
// assignor (KIP-54, Sticky Partition Assignment Strategy, 2016); for one topic
// with equal members its whole search comes down to the two rounds below.
type sticky struct {
	topic string
	had   func() owned
}

// owned is what a member had in its last generation, as it tells the leader.
type owned struct {
	Generation int   `json:"g"`
	Partitions []int `json:"p"`
}

// ProtocolName implements kafkago.GroupBalancer.
func (sticky) ProtocolName() string { return "driftd-sticky" }

// UserData implements kafkago.GroupBalancer.
func (s sticky) UserData() ([]byte, error) { return json.Marshal(s.had()) }

// AssignGroups implements kafkago.GroupBalancer. It depends on its arguments
// alone, not on their order.
func (s sticky) AssignGroups(members []kafkago.GroupMember, partitions []kafkago.Partition) kafkago.GroupMemberAssignments {
	said := map[string]owned{}
	ids := make([]string, 0, len(members))
	for _, m := range members {
		var o owned
		if json.Unmarshal(m.UserData, &o) != nil {
			o = owned{} // it had nothing that we know of
		}
		said[m.ID] = o
		ids = append(ids, m.ID)
	}
	slices.Sort(ids)
	all := make([]int, 0, len(partitions))
	for _, p := range partitions {
		if p.Topic == s.topic {
			all = append(all, p.ID)
		}
	}
	slices.Sort(all)
	out := kafkago.GroupMemberAssignments{}
	for id, mine := range assign(ids, all, said) {
		out[id] = map[string][]int{s.topic: mine}
	}
	return out
}

// assign shares partitions out: no member has two more than another.
func assign(ids []string, partitions []int, had map[string]owned) map[string][]int {
	out := make(map[string][]int, len(ids))
	if len(ids) == 0 {
		return out
	}
	// Who had a partition last: the greatest generation, for a member that was
	// away may still believe that it has what another one was given since.
	last := map[int]string{}
	for _, id := range ids {
		for _, p := range had[id].Partitions {
			if other, ok := last[p]; !ok || had[id].Generation > had[other].Generation {
				last[p] = id
			}
		}
	}
	least, more := len(partitions)/len(ids), len(partitions)%len(ids)
	most := func() int { // of a member now: as many as `more` of them may have one above the least
		if more > 0 {
			return least + 1
		}
		return least
	}
	give := func(id string, p int) {
		if out[id] = append(out[id], p); len(out[id]) == least+1 {
			more--
		}
	}
	var free []int
	for _, p := range partitions {
		if id, ok := last[p]; ok && len(out[id]) < most() {
			give(id, p)
		} else {
			free = append(free, p)
		}
	}
	// What is left goes to those who have least.
	for _, p := range free {
		poorest := ids[0]
		for _, id := range ids[1:] {
			if len(out[id]) < len(out[poorest]) {
				poorest = id
			}
		}
		give(poorest, p)
	}
	for _, mine := range out {
		slices.Sort(mine)
	}
	return out
}
