package detect

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/alerts"
	"github.com/driftd/driftd/detectors"
)

// MaxLate is the share of late events above which a window is not judged.
const MaxLate = .05

// closeWindow judges a window and gives its results: the window, its columns,
// and what changed about the series' incident.
func closeWindow(r *Rules, s *State, w *OpenWindow, base bool, in Input, out []driftd.Result) []driftd.Result {
	win := newWindowResult(r, w, in)
	var cols []*driftd.ColumnResult
	use, found := r.useFor(w.Start, w.Layout)
	switch {
	case !found || use.Reference == nil:
		win.Verdict = driftd.Learning
		if base {
			if found {
				s.learn(&use, w, win, nil, in)
			}
		}
		if win.Reason == "" || !found {
			var u *Use
			if found {
				u = &use
			}
			win.Reason = noReference(r, s, u)
		}
	default:
		win.Stamp.Reference = use.Reference.Fingerprint
		cols = judgeColumns(r, s, w, base, use, win)
		if base {
			s.learn(&use, w, win, cols, in)
		}
		win.Verdict = windowVerdict(win, cols)
	}
	if win.N == 0 {
		win.Verdict = driftd.NoData
	}
	out = append(out, driftd.Result{Window: win})
	for _, c := range cols {
		out = append(out, driftd.Result{Column: c})
	}
	if r.Policy == nil {
		return out
	}
	historic := in.Now > 0 && r.PageMaxAge > 0 && in.Now-w.End > int64(r.PageMaxAge)
	changes := s.Alerts.Observe(r.Policy, alerts.Observation{Window: win, Columns: cols, Base: base, Historic: historic, Lengths: r.Lengths,
		NoPage: found && use.Reference != nil && use.Reference.Flat(), Waived: s.spoiled(w, r.waived(w)), Stamp: win.Stamp})
	for i := range changes {
		out = append(out, driftd.Result{Incident: &changes[i]})
	}
	return out
}

// learn counts a closed base window that can teach a reference, and hands it on.
func (s *State) learn(u *Use, w *OpenWindow, win *driftd.WindowResult, cols []*driftd.ColumnResult, in Input) {
	if w.Profile == nil || w.Profile.Events == 0 || w.Layout == "" {
		return
	}
	k := &Kept{Window: w.Window, Layout: w.Layout, Profile: w.Profile, Unfit: win.Reason != "" || w.Profile.Events < detectors.MinWindowN}
	for i, c := range cols {
		if c.Flag {
			k.Flagged = append(k.Flagged, i)
		}
	}
	if !k.Unfit {
		if key := u.key(); s.LearnedUse != key {
			s.LearnedUse, s.Learned, s.LearnedFirst = key, 0, w.Start
		}
		s.Learned++
	}
	if in.Keep != nil {
		in.Keep(k)
	}
}

// waived says which columns' flags in a window tell nobody: what they say has
// been accepted, by a reference that is not yet in force.
func (r *Rules) waived(w *OpenWindow) func(column string) bool {
	var in []*Use
	for i := range r.Uses {
		if u := &r.Uses[i]; u.Accepted != 0 && w.End > u.Accepted && w.Start < u.From {
			in = append(in, u)
		}
	}
	if in == nil {
		return nil
	}
	return func(column string) bool {
		return slices.ContainsFunc(in, func(u *Use) bool { return u.accepts(column) })
	}
}

func newWindowResult(r *Rules, w *OpenWindow, in Input) *driftd.WindowResult {
	win := &driftd.WindowResult{
		Kind: "window", Model: r.Series.Model, Segment: r.Series.Segment,
		WindowStart: utc(w.Start), WindowEnd: utc(w.End), WindowLength: int64(w.Length / time.Second),
		Complete: 1, Reason: w.Incomplete,
		Stamp: driftd.Stamp{Revision: in.Revision, ConfigHash: r.ConfigHash, Version: r.Version},
	}
	if r.Policy != nil {
		win.Labels = r.Policy.Labels
	}
	lost := gapIn(in.Gaps, w.Start, w.End)
	switch {
	case lost != "":
		win.Reason = lost
	case w.Start < in.Begin:
		win.Reason = "the data begin inside this window"
	case w.End > in.End:
		win.Reason = "the data end inside this window"
	}
	if win.Reason != "" {
		win.Complete = 0
	}
	if p := w.Profile; p != nil {
		win.N, win.Late, win.Unknown = p.Events, p.Late, p.Unknown
		for _, n := range p.UnknownNames {
			win.UnknownNames = append(win.UnknownNames, n.Name)
		}
	}
	if all := win.N + win.Late; win.Complete == 1 && float64(win.Late) > MaxLate*float64(all) {
		win.Reason = fmt.Sprintf("%d of %d events came late: above 5 %%; a longer lateness would wait for them", win.Late, all)
	}
	return win
}

func utc(t int64) time.Time { return time.Unix(0, t).UTC() }

func judgeColumns(r *Rules, s *State, w *OpenWindow, base bool, use Use, win *driftd.WindowResult) []*driftd.ColumnResult {
	prep := r.prepare(use, w.Length)
	profile := w.Profile
	if profile == nil || w.Layout == "" {
		profile = driftd.NewProfile(use.Layout)
	}
	evaluable, slot := win.Reason == "", prep.slot(w.Window)
	room := newSlabs(use.Layout)
	out := make([]*driftd.ColumnResult, len(prep.columns))
	var sequences []Sequence
	var cw detectors.ColumnWindow // one for all columns: they are judged one after the other
	var d detectors.Decision
	for i, col := range prep.columns {
		l := &use.Layout.Columns[i]
		specs := r.Sequential[l.Name]
		cw = detectors.ColumnWindow{Profile: &profile.Columns[i], Missing: profile.Missing(l, i), Slot: slot, Scratch: &prep.scratch, Tests: room.tests(), Sums: base && len(specs) > 0}
		d = col.Judge(&cw, evaluable, win.Reason)
		prep.classically(i, &cw, evaluable, win.Reason, w.Length, &d)
		d.Provisional = d.Provisional || prep.provisional
		out[i] = columnResult(r, win, l, &cw, &d, room)
		if base && len(specs) > 0 {
			q := sequential{use: &use, column: col, profile: cw.Profile, decision: &d, result: out[i], runLength: prep.runLength, before: s.Sequences}
			for _, spec := range specs {
				q.run(spec)
			}
			sequences = append(sequences, q.after...)
		}
	}
	if base {
		s.Sequences = sequences
	}
	return out
}

func columnResult(r *Rules, win *driftd.WindowResult, l *driftd.ColumnLayout, cw *detectors.ColumnWindow, d *detectors.Decision, room *slabs) *driftd.ColumnResult {
	p := cw.Profile
	c := room.column()
	*c = driftd.ColumnResult{
		Kind: "column", Model: win.Model, Segment: win.Segment, Column: l.Name,
		WindowStart: win.WindowStart, WindowEnd: win.WindowEnd, WindowLength: win.WindowLength,
		N: d.N, NEff: driftd.Float(d.NEff), Effect: driftd.Float(d.Effect), PValue: driftd.Float(d.P), Alpha: driftd.Float(d.Alpha), MDE: driftd.Float(d.MDE),
		Verdict: d.Verdict, Flag: d.Flag, Evaluated: d.Evaluated, Score: driftd.Float(d.Score), Tests: d.Tests, Mean: driftd.Float(math.NaN()),
		Nulls: p.Classes[driftd.Null] + cw.Missing, NaNs: p.Classes[driftd.NaN], TypeErrors: p.Classes[driftd.TypeError],
		Complete: win.Complete, Reason: d.Reason, Late: win.Late, Provisional: d.Provisional, Watched: r.watched(l.Name), Stamp: win.Stamp,
	}
	if d.Flag {
		c.Moved = d.Moved
	}
	if d.Seasonal {
		c.Baseline = driftd.BaselineSeasonal
	}
	if c.Tests == nil {
		c.Tests = []driftd.TestResult{}
	}
	switch l.Kind {
	case driftd.Numeric:
		c.Mean, c.Quantiles = numericSummary(l, p, d.Mean, room.quantiles())
		c.Bins = room.bins(len(p.Bins))
		for _, b := range p.Bins {
			c.Bins = append(c.Bins, b.Count)
		}
	case driftd.Pairs:
		c.Bins = []uint64{}
	default:
		c.Bins = append(append(room.bins(len(p.Counts)+2), p.Counts...), p.Classes[driftd.RareLevel], p.Classes[driftd.NewLevel])
	}
	if c.Quantiles == nil {
		c.Quantiles = []driftd.Float{}
	}
	return c
}

// numericSummary gives the mean, and the quantiles of .05, .25, .5, .75, .95 in q.
func numericSummary(l *driftd.ColumnLayout, p *driftd.ColumnProfile, mean float64, q []driftd.Float) (driftd.Float, []driftd.Float) {
	if p.Placed() == 0 || l.Bins() == 0 {
		return driftd.Float(math.NaN()), nil
	}
	for _, at := range [...]float64{.05, .25, .5, .75, .95} {
		q = append(q, driftd.Float(detectors.Quantile(l, p, at)))
	}
	if math.IsNaN(mean) { // the column was not judged
		mean = detectors.BinMean(l, p)
	}
	return driftd.Float(mean), q
}

// listRate is the false discovery rate of the list inside a page.
const listRate = .05

// listed are the watched, evaluated columns that Benjamini and Hochberg's
// procedure lists on the p-values that decide.
func listed(cols []*driftd.ColumnResult) (names []string) {
	p := make([]float64, len(cols))
	for i, c := range cols {
		if p[i] = float64(c.PValue); !c.Evaluated || !c.Watched {
			p[i] = math.NaN()
		}
	}
	for i, in := range detectors.Rejections(detectors.BenjaminiHochberg(p), listRate) {
		if in {
			names = append(names, cols[i].Column)
		}
	}
	return names
}

// windowVerdict sums the columns up: drift when a watched one drifts; otherwise
// ok when at least one could be judged ok.
func windowVerdict(win *driftd.WindowResult, cols []*driftd.ColumnResult) driftd.Verdict {
	seen := map[driftd.Verdict]int{}
	for _, c := range cols {
		if !c.Watched {
			continue
		}
		win.Columns++
		if c.Flag {
			win.Flags++
		}
		seen[c.Verdict]++
	}
	if win.Flags > 0 {
		win.Listed = listed(cols)
	}
	for _, v := range []driftd.Verdict{driftd.Drift, driftd.OK, driftd.Insufficient, driftd.Learning} {
		if seen[v] > 0 {
			if v != driftd.OK && v != driftd.Drift && win.Reason == "" {
				for _, c := range cols {
					if c.Verdict == v {
						win.Reason = c.Reason
						break
					}
				}
			}
			return v
		}
	}
	return driftd.NoData
}
