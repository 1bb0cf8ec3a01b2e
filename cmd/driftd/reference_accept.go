package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/detectors"
	"github.com/driftd/driftd/internal/config"
	"github.com/driftd/driftd/internal/detect"
	"github.com/driftd/driftd/internal/pipeline"
	"github.com/driftd/driftd/internal/reference"
	"github.com/driftd/driftd/internal/replay"
)

type acceptCmd struct {
	Config  string `short:"c" default:"driftd.yml" placeholder:"driftd.yml" help:"Config with the brokers."`
	Model   string `required:"" placeholder:"NAME" help:"Model whose change is wanted."`
	Segment string `placeholder:"NAME" help:"Only this segment, as in country=DE (default: all of them)."`
	Column  string `placeholder:"NAME" help:"Only this column; the others keep their reference."`
	Since   string `required:"" placeholder:"TIME" help:"When the new normal began: 2026-11-24T12:00:00Z, or 6h for that long ago."`
	Reason  string `placeholder:"WHY" help:"For the log of references."`
	Yes     bool   `short:"y" help:"Do not ask."`
	DryRun  bool   `help:"Show what it would do, and change nothing."`
	Rebuild bool   `help:"Read the topics again and make a new layout too: where too much lies outside the old one."`
}

// Help is shown by --help.
func (acceptCmd) Help() string {
	return `Example:
  driftd reference accept --model fraud --since 2026-11-24T12:00:00Z -c driftd.yml

The windows that have closed since then become the reference, without reading any
event again. How windows vary is taken over from the reference before until there
are 30 of them. It first shows what the new reference would have paged in the last
14 days. Open incidents end as accepted; a running driftd takes it up by itself.`
}

// lookBack is how far back it is shown what a reference would have paged.
const lookBack = 14 * 24 * time.Hour

// Run implements the command.
func (c *acceptCmd) Run(ctx context.Context) error {
	since, err := timeAgo(c.Since, time.Now())
	if err != nil {
		return fmt.Errorf("--since: %w", err)
	}
	if c.Rebuild && (c.Column != "" || c.Segment != "") {
		return errors.New("--rebuild makes a new layout, which is of the whole model: leave --column and --segment out")
	}
	return withLibrary(ctx, c.Config, func(ctx context.Context, cfg *config.Config, lib *pipeline.Library) error {
		series, err := c.series(lib)
		if err != nil {
			return err
		}
		if c.Rebuild {
			return c.rebuild(ctx, lib, since)
		}
		o := origin(detect.Accepted, c.Reason)
		accepted, err := c.fit(ctx, cfg, lib, series, since, &o)
		if err != nil {
			return err
		}
		for i := range accepted {
			accepted[i].describe(cfg, since)
		}
		if c.DryRun {
			fmt.Println("\nNothing was changed (--dry-run).")
			return nil
		}
		if err := confirm(c.Yes, fmt.Sprintf("Make this the new normal of model %s?", c.Model)); err != nil {
			return err
		}
		return publishAccepted(ctx, lib, accepted, o)
	})
}

// series are those that are meant.
func (c *acceptCmd) series(lib *pipeline.Library) ([]driftd.Series, error) {
	series, err := lib.Series(c.Model)
	if err != nil {
		return nil, err
	}
	if c.Segment != "" {
		var names []string
		for _, s := range series {
			names = append(names, s.Segment)
		}
		if !slices.Contains(names, c.Segment) {
			return nil, fmt.Errorf("model %s has no segment %q with a reference: there are %s", c.Model, c.Segment, strings.Join(names, ", "))
		}
		series = []driftd.Series{{Model: c.Model, Segment: c.Segment}}
	}
	for _, s := range series {
		if by, waits := lib.Waiting(s); waits {
			return nil, fmt.Errorf("a change of model %s, segment %s, that %s asked for is not taken up yet: wait until it is, or see whether a driftd with the role detect is running", s.Model, s.Segment, orSomebody(by.By))
		}
	}
	return series, nil
}

func orSomebody(by string) string {
	if by == "" {
		return "somebody"
	}
	return by
}

// acceptance is one series' new reference.
type acceptance struct {
	series driftd.Series
	now    pipeline.Named
	ref    *driftd.Reference
	kept   []*detect.Kept
	taught []*detect.Kept // windows since then
	opt    reference.FitOptions
}

// fit makes the new references.
func (c *acceptCmd) fit(ctx context.Context, cfg *config.Config, lib *pipeline.Library, series []driftd.Series, since time.Time, o *detect.Origin) ([]acceptance, error) {
	var out []acceptance
	for _, s := range series {
		uses := lib.Uses(s)
		now := uses[len(uses)-1]
		if (now.Layout == nil || now.Reference == nil) && s.Segment != driftd.AllSegment && c.Segment == "" {
			fmt.Printf("segment %s is still learning its first reference\n", s.Segment)
			continue
		}
		if now.Layout == nil || now.Reference == nil {
			return nil, fmt.Errorf("model %s, segment %s, is still learning its first reference: there is nothing to accept a change from", s.Model, s.Segment)
		}
		kept, err := lib.Windows(ctx, s, now.Layout)
		if err != nil {
			return nil, err
		}
		a, err := c.fitOne(cfg, s, now, kept, since, o)
		switch {
		case err == nil:
			out = append(out, *a)
		case s.Segment == driftd.AllSegment || c.Segment != "":
			return nil, err
		default:
			fmt.Printf("segment %s keeps its reference: %v\n", s.Segment, err)
		}
	}
	return out, nil
}

func (c *acceptCmd) fitOne(cfg *config.Config, s driftd.Series, now pipeline.Named, kept []*detect.Kept, since time.Time, o *detect.Origin) (*acceptance, error) {
	from := since.UnixNano()
	teaching, last, err := sinceThen(s, kept, from)
	if err != nil {
		return nil, err
	}
	own := *o
	own.Since, own.Trusted, own.Learned, own.First = map[string]int64{"": from}, last, int64(len(teaching)), teaching[0].Start
	var keep func(string) bool
	if c.Column != "" {
		if now.Layout.IndexOf(c.Column) < 0 {
			return nil, fmt.Errorf("model %s has no column %q: %s", s.Model, c.Column, columnNames(now.Layout))
		}
		keep = func(name string) bool { return name != c.Column }
		own.Columns = []string{c.Column}
		own.Since = map[string]int64{c.Column: from}
		for name, t := range now.Origin.Since {
			if name != c.Column {
				own.Since[name] = t
			}
		}
	}
	if outside := reference.Outside(now.Layout, teaching, &own, keep); len(outside) > 0 {
		return nil, fmt.Errorf("too much of what has come since %s lies outside the layout of model %s, whose bins would not show what happens there:\n  %s\nMake a new layout from the events themselves: the same command with --rebuild",
			since.UTC().Format(time.RFC3339), s.Model, strings.Join(outside, "\n  "))
	}
	rules := pipeline.RulesOf(cfg, s, version)
	opt := reference.FitOptions{Model: s.Model, Segment: s.Segment, Lengths: rules.Lengths, Location: rules.Location, Baseline: rules.Baseline,
		Source: "accepted since " + since.UTC().Format(time.RFC3339), Origin: own, Inherit: now.Reference, Keep: keep}
	ref, err := reference.FitWindows(now.Layout, teaching, opt)
	if err != nil {
		return nil, err
	}
	if s.Segment == driftd.AllSegment || c.Segment != "" {
		*o = own
	}
	return &acceptance{series: s, now: now, ref: ref, kept: kept, taught: teaching, opt: opt}, nil
}

// sinceThen are the windows that have closed since a time and can teach, and the
// start of the last of them. The error says why there is none.
func sinceThen(s driftd.Series, kept []*detect.Kept, from int64) (teaching []*detect.Kept, last int64, err error) {
	unfit := 0
	for _, k := range kept {
		switch {
		case k.Start < from:
		case k.Unfit:
			unfit++
		default:
			teaching, last = append(teaching, k), k.Start
		}
	}
	if len(teaching) > 0 {
		return teaching, last, nil
	}
	at := time.Unix(0, from).UTC().Format(time.RFC3339)
	switch {
	case unfit > 0:
		return nil, 0, fmt.Errorf("the %d windows of model %s, segment %s, that have closed since %s are incomplete, or too much of them came late: they cannot teach. Wait for a whole one, or choose an earlier --since", unfit, s.Model, s.Segment, at)
	case len(kept) == 0:
		return nil, 0, fmt.Errorf("no closed window of model %s, segment %s, is kept: windows are kept for 35 days, from the first that this version of driftd has closed", s.Model, s.Segment)
	}
	return nil, 0, fmt.Errorf("no window of model %s, segment %s, has begun and closed since %s: the last one is that from %s. Wait until one has closed, or choose an earlier --since",
		s.Model, s.Segment, at, time.Unix(0, kept[len(kept)-1].Start).UTC().Format(time.RFC3339))
}

func columnNames(l *driftd.Layout) string {
	var names []string
	for i := range l.Columns {
		names = append(names, l.Columns[i].Name)
	}
	if len(names) > 20 {
		return fmt.Sprintf("there are %s and %d more", strings.Join(names[:20], ", "), len(names)-20)
	}
	return "there are " + strings.Join(names, ", ")
}

// describe says what the new reference would have paged.
func (a *acceptance) describe(cfg *config.Config, since time.Time) {
	fmt.Printf("\nModel %s, segment %s: %d windows since %s", a.series.Model, a.series.Segment, len(a.taught), since.UTC().Format("2006-01-02 15:04 UTC"))
	if len(a.taught) < detectors.MinWindows {
		fmt.Printf(" (how windows vary is taken over from the reference before, until there are %d)", detectors.MinWindows)
	}
	fmt.Println()
	rules := pipeline.SeriesRules(cfg, a.series, version, a.now.Layout, nil)
	rules.Series = a.series
	ref := *a.ref
	if ref.Fingerprint == "" {
		ref.Fingerprint = "preview"
	}
	use := detect.Use{Layout: a.now.Layout, Reference: &ref}
	if e := reference.Examine(a.now.Layout, &ref, a.taught, a.opt, rules.Budget(use).Alpha(rules.Lengths[0])); e != nil {
		e.Describe(os.Stdout)
	}
	var back []*detect.Kept
	for _, k := range a.kept {
		if k.Start >= time.Now().Add(-lookBack).UnixNano() {
			back = append(back, k)
		}
	}
	before, after := []string{}, []string{}
	for _, r := range replay.Windows(rules, use, back) {
		if r.Incident == nil || r.Incident.State != driftd.StateOpen || !r.Incident.ChangedAt.Equal(r.Incident.OpenedAt) {
			continue
		}
		in := r.Incident
		line := fmt.Sprintf("  %s  %-6s  %s: %s", in.OpenedAt.Format("2006-01-02 15:04"), in.Severity, in.Columns[0].Column, in.Columns[0].Moved)
		if in.DriftSince.Before(since) {
			before = append(before, line)
		} else {
			after = append(after, line)
		}
	}
	fmt.Printf("With it, the last 14 days (%d windows) would have opened %d incidents before then and %d since.\n", len(back), len(before), len(after))
	if len(before) > 0 {
		fmt.Println("Before, as is to be expected where things have changed:")
		fmt.Println(strings.Join(before[:min(5, len(before))], "\n"))
	}
	if len(after) > 0 {
		fmt.Println("Since: what has come is not of one piece; these would still page:")
		fmt.Println(strings.Join(after[:min(5, len(after))], "\n"))
	}
}

// publishAccepted writes the references and waits until they are in use.
func publishAccepted(ctx context.Context, lib *pipeline.Library, all []acceptance, o detect.Origin) error {
	var series []driftd.Series
	want := map[driftd.Series]string{}
	for _, a := range all {
		own := o
		own.Learned = int64(len(a.taught))
		if err := lib.Propose(ctx, a.now.Layout, a.ref, own); err != nil {
			return err
		}
		series = append(series, a.series)
		want[a.series] = a.ref.Fingerprint
	}
	return taken(ctx, lib, series, want, o)
}

// taken waits until a change is taken up and says from when it holds.
func taken(ctx context.Context, lib *pipeline.Library, series []driftd.Series, want map[driftd.Series]string, o detect.Origin) error {
	ctx, stop := context.WithTimeout(ctx, time.Minute)
	defer stop()
	from, err := lib.Answered(ctx, series, want, o)
	for _, s := range series {
		if t, ok := from[s]; ok {
			fmt.Printf("model %s, segment %s: in use for windows from %s on\n", s.Model, s.Segment, sinceText(t))
		}
	}
	return err
}

func sinceText(t time.Time) string {
	if t.UnixNano() == driftd.MinTime {
		return "the beginning"
	}
	return t.Format("2006-01-02 15:04 UTC")
}
