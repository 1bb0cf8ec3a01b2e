// Package fold adds decoded events to the profiles of their pane and series.
// It belongs here because live traffic, replay and the building of references
// must count in exactly the same way. What does not: where events come from,
// and when a pane closes.
package fold

import (
	"cmp"
	"slices"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/consumers"
)

// Panes holds the open panes of one source partition, in order of time.
type Panes struct {
	Length int64 // ns
	open   []*Pane
	last   *Pane

	// Overflow is handed to new panes.
	Overflow func(*Pane)

	pool   map[*consumers.Model][]*driftd.Profile
	pooled int // in pool
}

// Pane is one pane's profiles.
type Pane struct {
	Start int64
	First int64 // offset of the first record that it needs
	sets  []*set
	last  *set

	Overflow func(*Pane) // called before the pane grows beyond many models
}

type set struct {
	model    *consumers.Model
	profiles []*driftd.Profile // by segment; nil where nothing came
}

// Add counts an event in the pane of time at. key is the hash of its identity.
func (p *Panes) Add(ev *consumers.Event, at int64, key uint64, offset int64) {
	s := p.at(driftd.FloorTo(at, p.Length), offset).set(ev.Model)
	for _, seg := range ev.Segments {
		prof := s.profiles[seg]
		if prof == nil {
			prof = p.take(ev.Model)
			s.profiles[seg] = prof
		}
		prof.Add(ev.Groups, ev.Values, key)
	}
	for _, name := range ev.Unknown {
		s.profiles[0].AddUnknown(name)
	}
}

// AddLate counts an event whose pane has closed, in the pane that starts at.
func (p *Panes) AddLate(ev *consumers.Event, at, offset int64) {
	s := p.at(at, offset).set(ev.Model)
	for _, seg := range ev.Segments {
		prof := s.profiles[seg]
		if prof == nil {
			prof = p.take(ev.Model)
			s.profiles[seg] = prof
		}
		prof.Late++
	}
}

// AddRejected counts a record that was no event of the model, in the pane of time
// at: in `all` alone, since nothing is known of its tags.
func (p *Panes) AddRejected(m *consumers.Model, at, offset int64) {
	s := p.at(driftd.FloorTo(at, p.Length), offset).set(m)
	if s.profiles[0] == nil {
		s.profiles[0] = p.take(m)
	}
	s.profiles[0].Rejected++
}

func (p *Panes) at(start, offset int64) *Pane {
	if p.last != nil && p.last.Start == start {
		return p.last
	}
	i, found := slices.BinarySearchFunc(p.open, start, func(a *Pane, t int64) int {
		switch {
		case a.Start < t:
			return -1
		case a.Start > t:
			return 1
		}
		return 0
	})
	if !found {
		p.open = slices.Insert(p.open, i, &Pane{Start: start, First: offset, Overflow: p.Overflow})
	}
	p.last = p.open[i]
	return p.last
}

func (p *Pane) set(m *consumers.Model) *set {
	if p.last != nil && p.last.model == m {
		return p.last
	}
	for _, s := range p.sets {
		if s.model == m || m.Layout == nil && s.model.Layout == nil && s.model.Name == m.Name && len(s.profiles) == len(m.Segments) {
			p.last = s
			return s
		}
	}
	if p.Overflow != nil && len(p.sets) >= 256 {
		p.Overflow(p)
	}
	p.last = &set{model: m, profiles: make([]*driftd.Profile, len(m.Segments))}
	p.sets = append(p.sets, p.last)
	return p.last
}

// maxPooled bounds the profiles that are kept for another use, those of all
// models together: many models would else hold on to what one burst needed.
const maxPooled = 64

func (p *Panes) take(m *consumers.Model) *driftd.Profile {
	if free := p.pool[m]; len(free) > 0 {
		prof := free[len(free)-1]
		p.pool[m] = free[:len(free)-1]
		p.pooled--
		return prof
	}
	return driftd.NewProfile(m.Layout)
}

// Below are the open panes that start before t, oldest first.
func (p *Panes) Below(t int64) []*Pane {
	i := 0
	for i < len(p.open) && p.open[i].Start < t {
		i++
	}
	return p.open[:i]
}

// Weight is how many columns the profiles of the panes before t have, each at least
// one.
func (p *Panes) Weight(t int64) (n int) {
	for _, pane := range p.Below(t) {
		for _, s := range pane.sets {
			for _, prof := range s.profiles {
				if prof != nil {
					n += max(1, len(prof.Columns))
				}
			}
		}
	}
	return n
}

// Drop forgets the panes before t; their profiles are used again.
func (p *Panes) Drop(t int64) {
	n := len(p.Below(t))
	if n == 0 {
		return
	}
	if p.pool == nil {
		p.pool = map[*consumers.Model][]*driftd.Profile{}
	}
	for _, pane := range p.open[:n] {
		for _, s := range pane.sets {
			for _, prof := range s.profiles {
				if prof != nil && p.pooled < maxPooled {
					prof.Reset()
					p.pool[s.model] = append(p.pool[s.model], prof)
					p.pooled++
				}
			}
		}
	}
	p.open = slices.Delete(p.open, 0, n)
	p.last = nil
}

// Forget drops the pooled profiles: layouts have changed.
func (p *Panes) Forget() { p.pool, p.pooled = nil, 0 }

// Limit keeps at most max models of a kind in a pane: those of smallest hash of
// the name. The others' counts go to the model `other`. The result depends on
// the events alone: a model that is moved early had max smaller ones beside it.
func (p *Pane) Limit(max int, kind func(*consumers.Model) bool, other *consumers.Model) {
	var of []*set
	rest := make([]*set, 0, len(p.sets))
	for _, s := range p.sets {
		if s.model != other && kind(s.model) {
			of = append(of, s)
		} else {
			rest = append(rest, s)
		}
	}
	if len(of) <= max {
		return
	}
	slices.SortFunc(of, func(a, b *set) int { return cmp.Compare(driftd.Hash64(a.model.Name), driftd.Hash64(b.model.Name)) })
	p.sets, p.last = append(rest, of[:max]...), nil
	into := p.set(other)
	if into.profiles[0] == nil {
		into.profiles[0] = driftd.NewProfile(nil)
	}
	for _, s := range of[max:] {
		if all := s.profiles[0]; all != nil {
			into.profiles[0].Merge(all)
		}
	}
}

// Sets is the number of models in the pane.
func (p *Pane) Sets() int { return len(p.sets) }

// Open is the number of open panes.
func (p *Panes) Open() int { return len(p.open) }

// FirstNeeded is the least offset that an open pane needs, -1 when none is open.
func (p *Panes) FirstNeeded() int64 {
	first := int64(-1)
	for _, pane := range p.open {
		if first < 0 || pane.First < first {
			first = pane.First
		}
	}
	return first
}

// Rebase says that offsets begin at first, or begin again: what open panes need
// from elsewhere cannot be read any more.
func (p *Panes) Rebase(first int64) {
	for _, pane := range p.open {
		pane.First = first
	}
}

// Each calls fn for every profile of the pane, in the order in which models
// came and of their segments.
func (p *Pane) Each(fn func(m *consumers.Model, segment int, prof *driftd.Profile) error) error {
	for _, s := range p.sets {
		for seg, prof := range s.profiles {
			if prof == nil {
				continue
			}
			if err := fn(s.model, seg, prof); err != nil {
				return err
			}
		}
	}
	return nil
}

// EventKey is the hash of an event's identity in Kafka.
func EventKey(topicHash uint64, partition int, offset int64, row int) uint64 {
	return driftd.Mix64(driftd.Mix64(driftd.Mix64(topicHash^uint64(partition))^uint64(offset)) ^ uint64(row))
}
