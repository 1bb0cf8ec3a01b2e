package check

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/detectors"
	"github.com/driftd/driftd/internal/detect"
	"github.com/driftd/driftd/internal/kafka"
	"github.com/driftd/driftd/internal/pipeline"
	"github.com/driftd/driftd/internal/reference"
	"github.com/driftd/driftd/internal/wire"
)

const libraryWithin = 10 * time.Second

// InUse is a model's reference of the series `all`, for the arithmetic of Budget.
type InUse struct {
	Model string
	Use   detect.Use
	Rules detect.Rules
	Usual *detect.Kept // a window of the usual size; nil: none is known
}

// References says, of each model that config or driftd.references names, which
// reference it has and what of the config does not fit it. reached says that
// brokers can be asked.
func References(ctx context.Context, t *Target, reached bool) ([]Result, []InUse) {
	l := &list{area: AreaReferences}
	files := t.files(l)
	var lib *pipeline.Library
	if reached {
		lib = t.library(ctx, l)
	} else {
		l.skip("library", "", "not checked: no broker can be used")
	}
	names := map[string]bool{}
	for name := range t.Config.Models {
		names[name] = true
	}
	for i := range t.Config.Sources {
		for _, m := range t.models(&t.Config.Sources[i]) {
			if m.Name != "" {
				names[m.Name] = true
			}
		}
	}
	if lib != nil {
		for _, name := range lib.Models() {
			names[name] = true
		}
	}
	var out []InUse
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if u := t.reference(ctx, l, lib, files, name); u != nil {
			t.fits(l, u)
			out = append(out, *u)
		}
	}
	return l.out, out
}

// files reads the reference files that config names, by their models.
func (t *Target) files(l *list) map[string]*wire.Bundle {
	out := map[string]*wire.Bundle{}
	read := map[string]*wire.Bundle{}
	load := func(path string) *wire.Bundle {
		if b, done := read[path]; done {
			return b
		}
		b, err := wire.ReadFile(path)
		read[path] = b
		if err != nil {
			read[path] = nil
			l.fail("file", path, err.Error(), "name a file that `driftd reference build` has written")
			return nil
		}
		l.ok("file", path, "of model %s, %s, %s", b.Layout.Model, plural(len(b.Layout.Columns), "column"), plural(len(b.References), "series"))
		out[b.Layout.Model] = b
		return b
	}
	if path := t.Config.Defaults.ReferenceFile; path != "" {
		load(path)
	}
	for _, name := range slices.Sorted(maps.Keys(t.Config.Models)) {
		path := t.Config.Models[name].ReferenceFile
		if path == "" || path == t.Config.Defaults.ReferenceFile {
			continue
		}
		if b := load(path); b != nil && b.Layout.Model != name {
			l.fail("file", path, fmt.Sprintf("models.%s.reference.file is of model %q", name, b.Layout.Model), fmt.Sprintf("name the right file, or build it with `driftd reference build --model %s`", shellQuote(name)))
		}
	}
	return out
}

// library is what driftd.references says; nil where it cannot be had.
func (t *Target) library(ctx context.Context, l *list) *pipeline.Library {
	ctx, stop := context.WithTimeout(ctx, libraryWithin)
	defer stop()
	for _, spec := range t.Settings.Topics() {
		_, err := t.Client.Partitions(ctx, spec.Name)
		if errors.Is(err, kafka.ErrUnknownTopic) {
			l.ok("library", "", "none yet: `driftd run` has not been started with this prefix")
			return nil
		}
		if err != nil {
			l.skip("library", spec.Name, "not checked: %v", err)
			return nil
		}
	}
	own := *t.Settings
	lib, err := pipeline.OpenLibrary(ctx, t.Client, &own)
	if err != nil {
		l.skip("library", "", "not checked: %v", err)
		return nil
	}
	return lib
}

// reference tells which reference a model has; nil: none that can be judged by.
func (t *Target) reference(ctx context.Context, l *list, lib *pipeline.Library, files map[string]*wire.Bundle, model string) *InUse {
	all := driftd.Series{Model: model, Segment: driftd.AllSegment}
	var uses []pipeline.Named
	if lib != nil {
		uses = lib.Uses(all)
		if by, waits := lib.Waiting(all); waits {
			l.warn("request", model, fmt.Sprintf("a change that %s asked for waits to be taken up", cmp.Or(by.By, "somebody")), "start a driftd with the role detect")
		}
	}
	if len(uses) == 0 {
		return t.first(l, files[model], model)
	}
	last := uses[len(uses)-1]
	if last.Layout == nil {
		l.warn("in_use", model, fmt.Sprintf("the layout of reference %.12s is not in the topic any more", last.Fingerprint), "push a reference again: `driftd reference push`")
		return nil
	}
	ctx, stop := context.WithTimeout(ctx, askWithin)
	defer stop()
	kept, err := lib.Windows(ctx, all, last.Layout)
	if err != nil {
		l.skip("windows", model, "closed windows could not be read: %v", err)
	}
	if last.Reference == nil {
		n := 0
		for _, k := range kept {
			if !k.Unfit {
				n++
			}
		}
		base := t.Config.ModelOf(model).Windows[0]
		l.ok("in_use", model, "learning: %d of %d windows of %s; about %s still", n, detectors.MinWindows, length(base), length(time.Duration(max(0, detectors.MinWindows-n))*base))
		return nil
	}
	u := &InUse{Model: model, Use: last.Use, Usual: reference.UsualWindow(kept)}
	u.Rules = pipeline.SeriesRules(t.Config, all, t.Version, last.Layout, []detect.Use{last.Use})
	l.ok("in_use", model, "%.12s, %s, in use since %s%s", last.Fingerprint, cmp.Or(last.Origin.Kind, "of unknown origin"), time.Unix(0, max(0, last.From)).UTC().Format("2006-01-02 15:04 UTC"), describe(u))
	return u
}

// first is the reference that a model would begin with.
func (t *Target) first(l *list, file *wire.Bundle, model string) *InUse {
	m := t.Config.ModelOf(model)
	switch {
	case file != nil && file.Of(driftd.AllSegment) != nil:
		all := driftd.Series{Model: model, Segment: driftd.AllSegment}
		u := &InUse{Model: model, Use: detect.Use{Layout: file.Layout, Reference: file.Of(driftd.AllSegment)}}
		u.Rules = pipeline.SeriesRules(t.Config, all, t.Version, file.Layout, []detect.Use{u.Use})
		l.ok("in_use", model, "that of its file, from the first start on%s", describe(u))
		return u
	case m.Bootstrap > 0:
		l.ok("in_use", model, "none yet: learned from what the topic holds (up to %s) at the first start", length(m.Bootstrap))
	default:
		l.warn("in_use", model, "none, and reference.bootstrap is 0: verdicts stay `learning`", "`driftd reference build`, then reference.file or `driftd reference push`")
	}
	return nil
}

// describe says how much a reference rests on.
func describe(u *InUse) string {
	ref := u.Use.Reference
	if ref.Flat() {
		return "; one flat sample without windows: results assume independent events and never page"
	}
	s := ""
	base := ref.Scale(u.Rules.Lengths[0])
	span := time.Duration(ref.To - ref.From)
	if base != nil {
		s = fmt.Sprintf("; %s of %s over %.1f days", plural(base.Windows, "window"), length(base.Length), span.Hours()/24)
	}
	if base == nil || base.Windows < detect.FullWindows || span < detect.FullSpan-time.Hour {
		s += "; provisional: full from 100 windows over 14 days on"
	}
	return s
}

// fits tells what of the config the reference has nothing for.
func (t *Target) fits(l *list, u *InUse) {
	m, layout := t.Config.ModelOf(u.Model), u.Use.Layout
	before := len(l.out)
	for _, tag := range m.Segments {
		known := slices.ContainsFunc(layout.Segments, func(s driftd.SegmentTag) bool { return s.Name() == tag.Name() })
		if !known && tag.Values == nil {
			l.warn("segments", u.Model, fmt.Sprintf("segment %s is declared, and the reference has no values for it: all of its traffic counts as %s", tag.Name(), tag.Segment(driftd.OtherValue)),
				"list the values in segments, or make a reference with `driftd reference build --segment`")
		}
	}
	var strange []string
	for _, name := range slices.Sorted(maps.Keys(m.Columns)) {
		in := slices.ContainsFunc(layout.Columns, func(c driftd.ColumnLayout) bool { return c.Name == name })
		if !in {
			strange = append(strange, name)
		}
	}
	if len(strange) > 0 {
		l.warn("columns", u.Model, fmt.Sprintf("config names columns that the reference does not have: %s", some(strange, 10)), "mend the names in models.<name>.columns, or make a reference that has them")
	}
	t.sequential(l, u)
	if !u.Use.Reference.Flat() {
		for _, d := range u.Rules.Lengths {
			switch sc := u.Use.Reference.Scale(d); {
			case sc == nil:
				l.warn("windows", u.Model, fmt.Sprintf("windows of %s were never fitted: their verdict is `learning`", length(d)), "take the length out of windows, or make a reference from more time: `driftd reference accept` or `build`")
			case sc.Windows < detectors.MinWindows && d == u.Rules.Lengths[0]:
				l.warn("windows", u.Model, fmt.Sprintf("only %s of %s were there to fit, of %d: their verdict is `learning`", plural(sc.Windows, "window"), length(d), detectors.MinWindows), "wait, or give a reference with more of them")
			case sc.Windows < detectors.MinWindows:
				l.ok("windows", u.Model, "windows of %s: `learning` until there are %d (%d so far)", length(d), detectors.MinWindows, sc.Windows)
			}
		}
	}
	if Count(l.out[before:], StatusWarning) == 0 {
		l.ok("fits", u.Model, "segments, columns and windows of the config are in it")
	}
}

// sequential finds detectors of the config that can take no number of their column.
func (t *Target) sequential(l *list, u *InUse) {
	for i := range u.Use.Layout.Columns {
		c := &u.Use.Layout.Columns[i]
		for _, spec := range u.Rules.Sequential[c.Name] {
			if why := detect.Unfit(spec, c); why != "" {
				l.warn("sequential", u.Model, "columns."+c.Name+": "+why, "change the list of the column's sequential detectors")
			}
		}
	}
}
