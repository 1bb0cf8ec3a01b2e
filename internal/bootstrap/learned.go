package bootstrap

import (
	"slices"
	"time"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/detectors"
	"github.com/driftd/driftd/internal/detect"
	"github.com/driftd/driftd/internal/reference"
)

// Learned is what was learned of a model.
type Learned struct {
	Name        string
	Conf        Model
	Events      int64 // before the cut
	First, Last int64 // of them (ns)
	Err         error // why nothing could be learned yet; nil when there is a layout

	Layout   *driftd.Layout
	Notes    []string
	Series   []Series // `all` first
	LeftOut  int      // windows with too few events: outages, and ends of holes
	Holes    []Hole
	Examined *reference.Examination // of `all`, when it has a reference
}

// Series is one series of a learned model.
type Series struct {
	Segment   string
	Kept      []*detect.Kept    // its whole base windows
	Reference *driftd.Reference // nil while there are too few of them
}

// Hole is a time without events.
type Hole struct{ From, To int64 }

// Usable is how many windows of a series can teach.
func (s *Series) Usable() (n int) {
	for _, k := range s.Kept {
		if !k.Unfit {
			n++
		}
	}
	return n
}

// Complete is the end of the last window that was learned from, driftd.MinTime
// when there is none.
func (l *Learned) Complete() int64 {
	end := driftd.MinTime
	for i := range l.Series {
		for _, k := range l.Series[i].Kept {
			end = max(end, k.End)
		}
	}
	return end
}

// Ready says that the model can be judged.
func (l *Learned) Ready() bool { return len(l.Series) > 0 && l.Series[0].Reference != nil }

func (m *learning) finish(p *Plan) (*Learned, error) {
	l := &Learned{Name: m.name, Conf: m.conf, Events: m.events, First: m.first, Last: m.last, Err: m.notReady}
	if m.notReady != nil {
		return l, nil
	}
	if p.Cut != driftd.MaxTime {
		m.last = max(m.last, p.Cut) // the topic goes on behind the cut: the window before it is whole
	}
	model := m.builder.Model()
	l.Layout, l.Notes = model.Layout, m.builder.Notes()
	base := m.builder.Kept(0)
	short := shortWindows(base)
	l.LeftOut = len(short)
	l.Holes = holes(base, m.conf.Lengths[0])
	for i, segment := range model.Segments {
		s := Series{Segment: segment, Kept: m.builder.Kept(i)}
		for _, k := range s.Kept {
			k.Unfit = k.Unfit || short[k.Start]
		}
		// A segment that has not come yet, and `all` of a topic without a whole
		// window, are learned from what comes: they are asked for too.
		if s.Usable() >= detectors.MinWindows {
			var err error
			s.Reference, err = reference.FitWindows(l.Layout, s.Kept, reference.FitOptions{Model: m.name, Segment: segment, Lengths: m.conf.Lengths, Location: m.conf.Location, Baseline: m.conf.Baseline,
				Source: "learned from what the topics held", Singletons: m.builder.Singletons(i)})
			if err != nil {
				return nil, err
			}
		}
		l.Series = append(l.Series, s)
	}
	if l.Ready() {
		alpha := detectors.MaxAlpha
		if m.conf.Alpha != nil {
			alpha = m.conf.Alpha(l.Layout, len(model.Segments))
		}
		all := &l.Series[0]
		l.Examined = reference.Examine(l.Layout, all.Reference, all.Kept, reference.FitOptions{Model: m.name, Segment: driftd.AllSegment, Lengths: m.conf.Lengths, Location: m.conf.Location, Baseline: m.conf.Baseline}, alpha)
	}
	return l, nil
}

// shortWindows are windows with less than a quarter of the usual events: live
// ones are not judged either.
func shortWindows(ws []*detect.Kept) map[int64]bool {
	n := make([]uint64, 0, len(ws))
	for _, k := range ws {
		n = append(n, k.Profile.Events)
	}
	slices.Sort(n)
	short := map[int64]bool{}
	for _, k := range ws {
		if 4*k.Profile.Events < n[len(n)/2] {
			short[k.Start] = true
		}
	}
	return short
}

// holeFrom is how many windows without events in a row are told as a hole.
const holeFrom = 3

func holes(ws []*detect.Kept, base time.Duration) (out []Hole) {
	for i := 1; i < len(ws); i++ {
		if from, to := ws[i-1].End, ws[i].Start; to-from >= holeFrom*int64(base) {
			out = append(out, Hole{from, to})
		}
	}
	return out
}
