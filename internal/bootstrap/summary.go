package bootstrap

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/consumers"
	"github.com/driftd/driftd/detectors"
	"github.com/driftd/driftd/internal/detect"
	"github.com/driftd/driftd/internal/reference"
)

// Summary says on about a screen what was learned, how sure it is, and what
// would make it surer.
func (f *Found) Summary() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Learned from what the topics held: %s records in %s.", thousands(f.Records), f.Took.Round(100*time.Millisecond))
	if f.Plan.Cut != driftd.MaxTime {
		fmt.Fprintf(&b, " Events before %s teach; those since then are judged at once.", clock(f.Plan.Cut))
	}
	b.WriteString("\n")
	var bad int64
	for _, n := range f.Rejected {
		bad += n
	}
	if bad > 0 {
		fmt.Fprintf(&b, "  %s records cannot be used (%s); the first: %v\n", thousands(bad), reasons(f.Rejected), f.Example)
	}
	if f.Damaged > 0 {
		fmt.Fprintf(&b, "  %s records are in batches that are damaged\n", thousands(f.Damaged))
	}
	if f.More > 0 {
		fmt.Fprintf(&b, "  more than %d models came at once: the others are learned in the next rounds\n", maxModels)
	}
	if len(f.Models) == 0 {
		b.WriteString("  No model was found in them. Does the source's map name the right fields? `driftd init` reads a topic and proposes one.\n")
	}
	for _, m := range f.Models {
		m.describe(&b)
	}
	return b.String()
}

func reasons(n map[consumers.Reason]int64) string {
	var out []string
	for _, r := range slices.Sorted(maps.Keys(n)) {
		out = append(out, fmt.Sprintf("%s %s", thousands(n[r]), r))
	}
	return strings.Join(out, ", ")
}

func (l *Learned) describe(b *strings.Builder) {
	fmt.Fprintf(b, "\nModel %s: %s events", l.Name, thousands(l.Events))
	if l.Events > 0 {
		fmt.Fprintf(b, " from %s to %s", clock(l.First), clock(max(l.Last, l.Complete())))
	}
	b.WriteString("\n")
	if l.Err != nil {
		fmt.Fprintf(b, "  nothing is learned yet: %v\n", l.Err)
		return
	}
	base := l.Conf.Lengths[0]
	all := &l.Series[0]
	fmt.Fprintf(b, "  %d windows of %s", len(all.Kept), driftd.FormatLength(base))
	if l.LeftOut > 0 {
		fmt.Fprintf(b, ", of which %d are left out: less than a quarter of the usual events", l.LeftOut)
	}
	if len(l.Series) > 1 {
		fmt.Fprintf(b, "; %d segments", len(l.Series)-1)
	}
	b.WriteString("\n")
	for _, h := range l.Holes[:min(3, len(l.Holes))] {
		fmt.Fprintf(b, "  no events from %s to %s (%s)\n", clock(h.From), clock(h.To), time.Duration(h.To-h.From))
	}
	if n := len(l.Holes) - 3; n > 0 {
		fmt.Fprintf(b, "  and %d more such holes\n", n)
	}
	for _, note := range l.Notes {
		fmt.Fprintf(b, "  %s\n", note)
	}
	if !l.Ready() {
		fmt.Fprintf(b, "  learning: %d of %d windows; verdicts begin in about %s\n", all.Usable(), detectors.MinWindows, driftd.FormatLength(time.Duration(detectors.MinWindows-all.Usable())*base))
		return
	}
	if l.Examined != nil {
		l.Examined.Describe(b)
	}
	l.surer(b)
}

// surer says what would make the verdicts surer.
func (l *Learned) surer(b *strings.Builder) {
	ref := l.Series[0].Reference
	span := time.Duration(ref.To - ref.From)
	windows := ref.Scales[0].Windows
	if windows < detect.FullWindows || span < detect.FullSpan-time.Hour {
		fmt.Fprintf(b, "  Provisional: %d windows over %s. It is full from %d windows over 14 days on, and gets there by itself: windows that have not drifted go on teaching it.\n",
			windows, days(span), detect.FullWindows)
	}
	switch {
	case ref.Timezone != "":
		fmt.Fprintf(b, "  Each hour, on weekdays and at weekends, is compared with its own usual (time zone %s).\n", ref.Timezone)
	case l.Conf.Baseline != reference.BaselineFixed && span < reference.SeasonalSpan:
		fmt.Fprintf(b, "  From 7 days on each hour is compared with its own usual (so far: %s).\n", days(span))
	}
}

func days(d time.Duration) string {
	return fmt.Sprintf("%.1f days", d.Hours()/24)
}

func clock(t int64) string { return time.Unix(0, t).UTC().Format("2006-01-02 15:04 UTC") }

// thousands writes a count in groups of three digits.
func thousands(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
