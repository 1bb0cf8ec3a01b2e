package pipeline

import (
	"maps"
	"slices"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/internal/detect"
	"github.com/driftd/driftd/internal/wire"
)

// frontiers is how far every source partition has come, as its markers say.
type frontiers struct {
	sources []Source
	at      map[wire.SourcePartition]wire.SourceFrontier
	past    []change // in order of offset
}

// change is a record that changed what is known of a source partition.
type change struct {
	offset int64 // in driftd.profiles
	of     wire.SourcePartition
	before wire.SourceFrontier
	known  bool // it was known before
}

func newFrontiers(sources []Source) *frontiers {
	return &frontiers{sources: sources, at: map[wire.SourcePartition]wire.SourceFrontier{}}
}

// restore takes the frontiers of a state record, which is the oldest so far or is
// not: those of the record that goes back furthest hold, because reading begins
// there. What partition it does not know yet is told again, and so is a gap, but
// for one that had already been dropped.
func (f *frontiers) restore(from map[wire.SourcePartition]wire.SourceFrontier, oldest bool) {
	others := from
	if oldest {
		f.at, others = maps.Clone(from), f.at
	}
	for k, v := range f.at {
		for _, g := range others[k].Gaps {
			v.Gaps = detect.AddGap(v.Gaps, g)
		}
		f.at[k] = v
	}
}

// stale says that a record of an epoch was written by an owner that has been
// followed by another [E2].
func (f *frontiers) stale(k wire.SourcePartition, epoch int64) bool { return epoch < f.at[k].Epoch }

// asOf is the frontiers as they were before the record at an offset, from which
// whoever reads the state goes on [E4].
func (f *frontiers) asOf(offset int64) map[wire.SourcePartition]wire.SourceFrontier {
	out := maps.Clone(f.at)
	for _, c := range slices.Backward(f.past) {
		if c.offset < offset {
			break
		}
		if c.known {
			out[c.of] = c.before
		} else {
			delete(out, c.of)
		}
	}
	return out
}

// change sets what is known of a partition, and remembers what was.
func (f *frontiers) change(k wire.SourcePartition, v wire.SourceFrontier, offset int64) {
	before, known := f.at[k]
	f.past = append(f.past, change{offset, k, before, known})
	f.at[k] = v
}

// forget drops the changes before an offset that no state record goes back behind.
func (f *frontiers) forget(offset int64) {
	f.past = slices.DeleteFunc(f.past, func(c change) bool { return c.offset < offset })
}

// mark takes the marker at an offset; false when it is of an older owner.
func (f *frontiers) mark(k wire.SourcePartition, epoch int64, m *wire.Marker, offset int64) bool {
	if f.stale(k, epoch) {
		return false
	}
	old, ok := f.at[k]
	v := wire.SourceFrontier{Epoch: epoch, Frontier: m.Frontier, Partitions: int(m.Partitions), Begin: m.Begin, Cut: m.Cut, First: int(m.Partitions),
		Start: m.Start, Anew: old.Anew, Gaps: old.Gaps, Beyond: old.Beyond}
	switch {
	case !ok:
		f.grow(k, &v)
	default:
		if v.Start != old.Start && old.Start != 0 {
			v.Anew = true // what was not closed by then is lost [E7]
		}
		v.First, v.Grown = old.First, old.Grown
		v.Frontier = max(v.Frontier, old.Frontier)
		v.Begin = min(v.Begin, old.Begin) // an owner who follows before the first commit does not know it yet
		if v.Grown {
			v.Begin, v.Cut = old.Begin, true
		}
		if v.Beyond > 0 && v.Frontier > old.Frontier {
			bound(&v)
		}
	}
	f.change(k, v, offset)
	return true
}

// bound ends the gap without end: what is read has passed where the frontier had
// been when it was lost.
func bound(v *wire.SourceFrontier) {
	gaps := v.Gaps
	v.Gaps = nil
	for _, g := range gaps {
		if g.To == driftd.MaxTime {
			g.To = v.Frontier + v.Beyond
		}
		v.Gaps = detect.AddGap(v.Gaps, g)
	}
	v.Beyond = 0
}

// closed says that what a partition had in a pane has been told: a profile of it
// is a repeat, or is of a topic that was made anew, whose first events may be as old,
// and replaces nothing.
func (f *frontiers) closed(k wire.SourcePartition, pane int64) bool {
	v, ok := f.at[k]
	return ok && pane < v.Frontier
}

// lost takes a gap that a partition tells [E7]; from is what of it is not closed
// yet. false when it is of an older owner, or says nothing: each owner that finds
// no commit tells one, and it counts where the partition was known from before.
func (f *frontiers) lost(k wire.SourcePartition, epoch int64, g *wire.Gap, offset int64) (from int64, news bool) {
	v, ok := f.at[k]
	if !ok || f.stale(k, epoch) {
		return 0, false
	}
	from, to := max(g.From, v.Frontier), g.To
	if g.Fresh {
		if !v.Anew {
			return 0, false
		}
		v.Anew = false
		if g.Beyond > 0 { // who begins anew does not know how far the partition had come
			to, v.Beyond = driftd.MaxTime, g.Beyond
		}
	}
	if from < to {
		v.Gaps = detect.AddGap(slices.Clone(v.Gaps), detect.Gap{From: from, To: to, Why: g.Why})
	}
	f.change(k, v, offset)
	return from, from < to
}

// gaps are those of the topics that may carry a model, in order.
func (f *frontiers) gaps(name string) (out []detect.Gap) {
	for i := range f.sources {
		if !f.sources[i].carries(name) {
			continue
		}
		for k, v := range f.at {
			if k.Topic == f.sources[i].Topic {
				for _, g := range v.Gaps {
					out = detect.AddGap(out, g)
				}
			}
		}
	}
	return out
}

// mend drops the gaps that end before any open window begins; since tells when
// the first of them does.
func (f *frontiers) mend(since func() int64) {
	for k, v := range f.at {
		if len(v.Gaps) == 0 {
			continue
		}
		by := since()
		v.Gaps = slices.DeleteFunc(slices.Clone(v.Gaps), func(g detect.Gap) bool { return g.To <= by })
		f.at[k] = v
	}
}

// grow marks a partition that was added to a topic that was being read: windows
// that were open when it appeared are not whole.
func (f *frontiers) grow(k wire.SourcePartition, v *wire.SourceFrontier) {
	base, furthest := 0, driftd.MinTime
	for o, w := range f.at {
		if o.Topic != k.Topic {
			continue
		}
		if base == 0 || w.First < base {
			base = w.First
		}
		furthest = max(furthest, w.Frontier)
	}
	if base > 0 && k.Partition >= base && furthest != driftd.MinTime {
		v.Grown, v.Cut, v.Begin = true, true, furthest
	}
}

// topic is the least frontier of a topic's partitions, the first of its data
// and where the last partition that lacks older records begins.
// driftd.MinTime until each partition has told one: a partition without
// frontier holds the windows. The number of partitions is that of the greatest
// epoch [T4].
func (f *frontiers) topic(topic string) (least, first, cut int64, holder int) {
	n, epoch, seen := 0, int64(-1), 0
	least, holder = driftd.MaxTime, -1
	first, cut = driftd.MaxTime, driftd.MinTime
	for k, v := range f.at {
		if k.Topic != topic {
			continue
		}
		if v.Epoch > epoch || v.Epoch == epoch && v.Partitions > n {
			epoch, n = v.Epoch, v.Partitions
		}
		seen++
		if v.Frontier < least {
			least, holder = v.Frontier, k.Partition
		}
		if !v.Grown {
			first = min(first, v.Begin)
		}
		if v.Cut && v.Begin != driftd.MaxTime {
			cut = max(cut, v.Begin)
		}
	}
	if seen == 0 || seen < n {
		return driftd.MinTime, first, cut, holder
	}
	return least, first, cut, holder
}

// model is the least frontier over the topics that may carry a model, and where
// its data begin: the first event of any topic, but not before what one lacks.
func (f *frontiers) model(name string) (least, begin int64) {
	least = driftd.MaxTime
	first, cut := driftd.MaxTime, driftd.MinTime
	found := false
	for i := range f.sources {
		if !f.sources[i].carries(name) {
			continue
		}
		l, b, c, _ := f.topic(f.sources[i].Topic)
		least, first, cut, found = min(least, l), min(first, b), max(cut, c), true
	}
	if !found {
		return driftd.MinTime, driftd.MinTime
	}
	return least, max(first, cut)
}

// reach is what is known of a model's data.
type reach struct {
	until int64 // every pane below has come
	begin int64 // where the data begin
	gaps  []detect.Gap
}

func (f *frontiers) reach(model string) *reach {
	until, begin := f.model(model)
	return &reach{until, begin, f.gaps(model)}
}

// furthest is the greatest frontier of any partition of a model's topics,
// driftd.MinTime when nothing has been read yet.
func (f *frontiers) furthest(name string) int64 {
	most := driftd.MinTime
	for i := range f.sources {
		if !f.sources[i].carries(name) {
			continue
		}
		for k, v := range f.at {
			if k.Topic == f.sources[i].Topic {
				most = max(most, v.Frontier)
			}
		}
	}
	return most
}
