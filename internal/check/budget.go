package check

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/internal/config"
	"github.com/driftd/driftd/internal/reference"
)

// manyInsufficient is the share of columns that cannot be judged in a usual
// window above which something should change.
const manyInsufficient = .25

// Budget does the arithmetic of false alarms for each model with a reference,
// and of the profiles' volume for each source.
func Budget(t *Target, use []InUse, samples []*Sample) []Result {
	l := &list{area: AreaBudget}
	sum := 0.
	for i := range use {
		u := &use[i]
		sum += u.Rules.PagesPerWeek
		l.tests(u)
		l.classic(u)
		l.shifts(u)
	}
	if len(use) > 0 {
		l.ok("fleet", "", "%s: at most %.3g false pages a week in all", plural(len(use), "model"), sum)
	} else {
		l.skip("tests", "", "not known before a model has a reference")
	}
	for _, s := range samples {
		if s.Report != nil && s.Report.Rate > 0 {
			t.volume(l, s, use)
		}
	}
	return l.out
}

// tests says how many tests a week share the budget, and their level.
func (l *list) tests(u *InUse) {
	b := u.Rules.Budget(u.Use)
	if b.Columns == 0 {
		l.skip("tests", u.Model, "no column is judged by driftd's rule: there is no budget to spend")
		return
	}
	n := 0.
	var levels []string
	for _, d := range b.Lengths {
		n += float64(b.Columns*b.Series) * driftd.PerWeek(d)
		levels = append(levels, fmt.Sprintf("%.2g for %s", b.Alpha(d), length(d)))
	}
	l.ok("tests", u.Model, "%s x %d series x windows of %s = %.0f tests a week, for %.3g false pages a week: each test at alpha %s",
		plural(b.Columns, "column"), b.Series, lengths(b.Lengths), n, b.PagesPerWeek, strings.Join(levels, ", "))
}

// classic says how often the classic rules of a model flag where nothing changes:
// computed at the columns' own windows, in the reference's usual size.
func (l *list) classic(u *InUse) {
	for _, d := range u.Rules.Lengths {
		rates, unfit := u.Rules.FalseAlarms(u.Use, d)
		if len(rates)+len(unfit) == 0 {
			return
		}
		each, worst := 0., 0
		for i := range rates {
			if each += rates[i].Rate; rates[i].Rate > rates[worst].Rate {
				worst = i
			}
		}
		if len(rates) > 0 {
			a, b := rates[worst], driftd.PerWeek(d)
			l.ok("classic_rules", u.Model, "%s under classic rules: without drift some %.3g flags a week in windows of %s, outside the budget; most from %s (%s): %.3g %% of windows of about %.0f values",
				plural(len(rates), "column"), each*b, length(d), a.Column, a.Rule, 100*a.Rate, a.N)
		}
		for _, why := range unfit {
			l.warn("classic_rules", u.Model, why, "give the column a rule that it can have, or `rule: driftd`")
		}
	}
}

// shifts says what the columns can show in a usual window.
func (l *list) shifts(u *InUse) {
	base := u.Rules.Lengths[0]
	switch {
	case u.Use.Reference.Flat() || u.Use.Reference.Scales[0].Length != base:
		l.skip("smallest_shift", u.Model, "not known: the reference has no windows of %s", length(base))
		return
	case u.Usual == nil:
		l.skip("smallest_shift", u.Model, "not known yet: no window of %s has closed", length(base))
		return
	}
	loc, err := u.Use.Reference.Location()
	if err != nil {
		l.warn("smallest_shift", u.Model, err.Error(), "install the machine's time zones (tzdata)")
		return
	}
	power := reference.Detectable(u.Use.Layout, u.Use.Reference, u.Usual, u.Rules.Budget(u.Use).Alpha(base), loc)
	judged := 0
	low, high := math.Inf(1), 0.
	var not []string
	for i := range power {
		p := &power[i]
		if !p.Judged() {
			not = append(not, fmt.Sprintf("%s (%s: %s)", p.Column, p.Verdict, p.Reason))
			continue
		}
		judged++
		if !math.IsNaN(p.MDE) {
			low, high = min(low, p.MDE), max(high, p.MDE)
		}
	}
	found := fmt.Sprintf("%d of %s can be judged in a usual window of %s (%d events)", judged, plural(len(power), "column"), length(base), u.Usual.Profile.Events)
	if high > 0 {
		found += fmt.Sprintf("; the smallest shift that they can show: effect %.2f to %.2f", low, high)
	}
	if len(not) > 0 {
		found += "; not: " + some(not, 3)
	}
	if float64(len(not)) > manyInsufficient*float64(len(power)) {
		l.warn("smallest_shift", u.Model, found, "choose longer windows (models.<name>.windows), fewer segments, or mute columns that are nearly always missing (columns.<name>.watch: false)")
		return
	}
	l.ok("smallest_shift", u.Model, "%s", found)
}

// Volume of profiles: at most so many bytes for a column, and for its first
// events this many each (measured by TestProfileBytes on columns of 64 bins).
const (
	columnBytes      = 240
	columnFirstBytes = 157
	columnEventBytes = 1.2
	profileBytes     = 60
)

// muchVolume is the share of the raw volume that profiles should stay under.
const muchVolume = .5

// littleVolume is a rate (bytes/s) of profiles that is no matter: 600 MB a week.
const littleVolume = 1 << 10

var panes = []time.Duration{time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour}

// volume compares what PROFILE writes with what it reads. Thin traffic over many
// partitions makes a profile of nearly every event.
func (t *Target) volume(l *list, s *Sample, use []InUse) {
	columns, series := len(s.Report.Columns), 1
	for i := range use {
		if t.carriesIt(s.Source, use[i].Model) {
			series = max(series, use[i].Rules.SeriesCount)
			columns = max(columns, len(use[i].Use.Layout.Columns))
		}
	}
	raw := s.Report.Rate * float64(s.Bytes) / float64(max(1, s.Report.Events))
	at := func(pane time.Duration) float64 {
		return profileRate(s.Report.Rate, s.Tail.Partitions, series, columns, pane)
	}
	now := at(t.Config.Pane)
	found := fmt.Sprintf("about %.3g events/s over %s: %s/s read, about %s/s of profiles (panes of %s), both before compression", s.Report.Rate, plural(s.Tail.Partitions, "partition"), volume(raw), volume(now), length(t.Config.Pane))
	if now <= max(littleVolume, muchVolume*raw) {
		l.ok("volume", s.Source.Topic, "%s", found)
		return
	}
	better := t.Config.Pane
	for _, p := range panes {
		if p > better && t.Config.Defaults.Windows[0]%p == 0 && at(p) < at(better) {
			if better = p; at(p) <= max(littleVolume, muchVolume*raw) {
				break
			}
		}
	}
	if better == t.Config.Pane {
		l.ok("volume", s.Source.Topic, "%s", found)
		return
	}
	l.warn("volume", s.Source.Topic, found+": traffic is thin, so that profiles save little", fmt.Sprintf("write pane: %s (about %s/s) before the first start; the pane is fixed for a kafka.topic_prefix", length(better), volume(at(better))))
}

func (t *Target) carriesIt(src *config.Source, model string) bool {
	for i := range t.Settings.Sources {
		if t.Settings.Sources[i].Topic == src.Topic {
			return t.Settings.Sources[i].Carries(model)
		}
	}
	return false
}

// profileRate estimates the bytes a second of profiles. A pane of a partition
// has a profile for each series that had an event; an event counts in `all` and
// at least one other series where there are segments.
func profileRate(rate float64, partitions, series, columns int, pane time.Duration) float64 {
	events := rate * pane.Seconds() / float64(partitions) // of a pane of a partition
	each := 1.
	if series > 1 {
		each = 2
	}
	active := min(float64(series), each*events)
	if active == 0 {
		return 0
	}
	n := each * events / active // events of a profile
	size := profileBytes + float64(columns)*min(columnBytes, columnFirstBytes+columnEventBytes*n)
	return active * size * float64(partitions) / pane.Seconds()
}

func volume(b float64) string {
	switch {
	case b >= 1<<20:
		return fmt.Sprintf("%.1f MiB", b/(1<<20))
	case b >= 1<<10:
		return fmt.Sprintf("%.1f KiB", b/(1<<10))
	}
	return fmt.Sprintf("%.0f B", b)
}

func lengths(ds []time.Duration) string {
	var out []string
	for _, d := range ds {
		out = append(out, length(d))
	}
	return strings.Join(out, " and ")
}
