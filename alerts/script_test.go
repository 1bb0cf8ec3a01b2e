package alerts

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/driftd/driftd"
)

// The scripts in testdata say how incidents come and go. A script's commands:
//
//	policy [expect] [severity=page] [mute=column,..]   what config says from now on; importance follows, one "column .7" a line
//	windows [segment=..] [length=1h] [only]            one window a line; prints what changed; only: config has no other length
//	state                                              prints what is remembered
//	summary                                            prints the last change's summary
//	panes                                              one pane of a minute a line, for the fast lane
//	accept, retire                                     at=<time>, accept: [columns=<column,..>]
//
// A line of windows is "12:00 [n=0] [incomplete] [historic] [nopage] [waived=column] [column:mark ..]"; a mark is F (flagged), . (clean),
// - (not evaluated) or ? (flagged by a provisional reference), then perhaps its effect or score: amount:F.7. Days count
// from 2026-11-24; "+1d 12:00" is the day after it.
func TestScripts(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatal("no scripts", err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			r := &runner{policy: &Policy{}}
			datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string { return r.run(t, d) })
		})
	}
}

var dayZero = time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)

type runner struct {
	policy *Policy
	state  State
	last   driftd.IncidentResult
}

func (r *runner) run(t *testing.T, d *datadriven.TestData) string {
	switch d.Cmd {
	case "policy":
		r.policy = parsePolicy(t, d)
		return ""
	case "windows":
		return r.windows(t, d)
	case "state":
		return r.show()
	case "summary":
		return r.last.Summary + "\n"
	case "accept", "retire":
		var at string
		d.ScanArgs(t, "at", &at)
		var columns []string
		for _, arg := range d.CmdArgs {
			if arg.Key == "columns" {
				columns = arg.Vals
			}
		}
		var changes []driftd.IncidentResult
		if d.Cmd == "retire" {
			changes = r.state.Retire(parseTime(t, []string{at}), driftd.Stamp{})
		} else if change := r.state.Accept(columns, parseTime(t, []string{at}), driftd.Stamp{}); change != nil {
			changes = append(changes, *change)
		}
		out := ""
		for _, change := range changes {
			r.last = change
			out += showChange(change)
		}
		return cmp.Or(out, "nothing was open\n")
	case "panes":
		return r.panes(t, d)
	}
	t.Fatalf("unknown command %s", d.Cmd)
	return ""
}

func parsePolicy(t *testing.T, d *datadriven.TestData) *Policy {
	p := &Policy{Expect: d.HasArg("expect"), Columns: map[string]ColumnPolicy{}}
	d.MaybeScanArgs(t, "severity", &p.Severity)
	var mute string
	d.MaybeScanArgs(t, "mute", &mute)
	for c := range strings.SplitSeq(mute, ",") {
		p.Columns[c] = ColumnPolicy{Muted: c != ""}
	}
	for line := range strings.Lines(d.Input) {
		var column string
		var importance float64
		if _, err := fmt.Sscan(line, &column, &importance); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		p.Columns[column] = ColumnPolicy{Importance: importance}
	}
	return p
}

func (r *runner) windows(t *testing.T, d *datadriven.TestData) string {
	segment, length := driftd.AllSegment, "1h"
	d.MaybeScanArgs(t, "segment", &segment)
	d.MaybeScanArgs(t, "length", &length)
	var out strings.Builder
	for line := range strings.Lines(d.Input) {
		o := parseWindow(t, strings.Fields(line), segment, length)
		if d.HasArg("only") {
			o.Lengths = []time.Duration{o.length()}
		}
		if r.state.Breaks != nil {
			w := o.Window
			o.Waived = func(c string) bool { return r.state.BrokenIn(c, w.WindowStart.UnixNano(), w.WindowEnd.UnixNano()) }
		}
		for _, change := range r.state.Observe(r.policy, o) {
			fmt.Fprintf(&out, "%s: %s", stamp(o.Window.WindowStart), showChange(change))
			r.last = change
		}
	}
	return out.String()
}

// panes are minutes: a word is column:kind:share of what is broken; what was
// broken before and has no word is whole.
func (r *runner) panes(t *testing.T, d *datadriven.TestData) string {
	var out strings.Builder
	for line := range strings.Lines(d.Input) {
		words := strings.Fields(line)
		at := parseTime(t, words[:1])
		l := Look{Model: "fraud", Segment: driftd.AllSegment, Start: at.UnixNano(), End: at.Add(time.Minute).UnixNano(), Remember: 2 * time.Hour}
		few := false
		for _, word := range words[1:] {
			parts := strings.Split(word, ":")
			switch {
			case word == "historic":
				l.Historic = true
			case word == "few": // nothing had events enough
				few = true
			case len(parts) == 3:
				share, err := strconv.ParseFloat(parts[2], 64)
				if err != nil {
					t.Fatal(err)
				}
				l.Losses = append(l.Losses, Loss{Column: parts[0], Kind: parts[1], N: 120, Share: share, Usual: .002, Threshold: .4, Broken: true})
			case strings.HasPrefix(word, "new="):
				l.New = append(l.New, strings.TrimPrefix(word, "new="))
			default:
				t.Fatalf("unknown word %q", word)
			}
		}
		for _, b := range r.state.Breaks {
			if !few && !slices.ContainsFunc(l.Losses, func(x Loss) bool { return x.Column == b.Column && x.Kind == b.Kind }) {
				l.Losses = append(l.Losses, Loss{Column: b.Column, Kind: b.Kind, N: 120, Share: .01, Threshold: .4})
			}
		}
		if change := r.state.Look(r.policy, &l); change != nil {
			fmt.Fprintf(&out, "%s: %s", stamp(at), showChange(*change))
			r.last = *change
		}
	}
	return out.String()
}

func parseWindow(t *testing.T, words []string, segment, length string) Observation {
	l, err := time.ParseDuration(strings.Replace(length, "1d", "24h", 1))
	if err != nil {
		t.Fatal(err)
	}
	n := 1
	if strings.HasPrefix(words[0], "+") {
		n = 2
	}
	start := parseTime(t, words[:n])
	w := &driftd.WindowResult{Model: "fraud", Segment: segment, WindowStart: start, WindowEnd: start.Add(l), WindowLength: int64(l / time.Second),
		N: 1000, Complete: 1}
	o := Observation{Window: w, Base: l == time.Hour}
	for _, word := range words[n:] {
		column, mark, marked := strings.Cut(word, ":")
		switch {
		case marked:
			o.Columns = append(o.Columns, parseColumn(t, w, column, mark))
		case word == "incomplete":
			w.Complete = 0
		case word == "historic":
			o.Historic = true
		case word == "nopage":
			o.NoPage = true
		case strings.HasPrefix(word, "waived="):
			o.Waived = func(c string) bool { return c == strings.TrimPrefix(word, "waived=") }
		case word == "n=0":
			w.N, w.Verdict = 0, driftd.NoData
		default:
			t.Fatalf("unknown word %q", word)
		}
	}
	return o
}

func parseColumn(t *testing.T, w *driftd.WindowResult, column, mark string) *driftd.ColumnResult {
	c := &driftd.ColumnResult{Column: column, WindowStart: w.WindowStart, WindowEnd: w.WindowEnd, WindowLength: w.WindowLength, N: w.N,
		Evaluated: mark[0] != '-', Flag: mark[0] == 'F' || mark[0] == '?', Provisional: mark[0] == '?', PValue: .5, Alpha: 1.2e-4}
	if c.Flag {
		c.Effect, c.PValue = .3, 3e-7
	}
	if len(mark) > 1 {
		x, err := strconv.ParseFloat(mark[1:], 64)
		if err != nil {
			t.Fatal(err)
		}
		c.Effect, c.Score = driftd.Float(max(x, -x)), driftd.Float(x)
	}
	if c.Flag {
		c.Moved = fmt.Sprintf("location %+.2f sd", float64(c.Effect))
		c.Tests = []driftd.TestResult{{Name: "null_rate", PValue: 1}, {Name: "location", Threshold: .18, PValue: 1e-7}}
	}
	return c
}

func parseTime(t *testing.T, words []string) time.Time {
	day := 0
	if len(words) == 2 {
		var err error
		if day, err = strconv.Atoi(strings.TrimSuffix(words[0], "d")); err != nil {
			t.Fatal(err)
		}
	}
	at, err := time.Parse("15:04", words[len(words)-1])
	if err != nil {
		t.Fatal(err)
	}
	return dayZero.AddDate(0, 0, day).Add(time.Duration(at.Hour())*time.Hour + time.Duration(at.Minute())*time.Minute)
}

func stamp(at time.Time) string {
	if day := int(at.Sub(dayZero) / (24 * time.Hour)); day != 0 {
		return fmt.Sprintf("%+dd %s", day, at.Format("15:04"))
	}
	return at.Format("15:04")
}

func showChange(r driftd.IncidentResult) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s", r.State, r.Type, r.Severity)
	if r.Historic {
		b.WriteString(" historic")
	}
	if r.Provisional {
		b.WriteString(" provisional")
	}
	var columns []string
	for _, c := range r.Columns {
		columns = append(columns, c.Column)
	}
	if len(columns) > 0 {
		fmt.Fprintf(&b, " [%s]", strings.Join(columns, " "))
	}
	fmt.Fprintf(&b, " opened %s since %s", stamp(r.OpenedAt), stamp(r.DriftSince))
	if r.ResolvedAt != nil {
		fmt.Fprintf(&b, " over %s", stamp(*r.ResolvedAt))
	}
	if r.Pace != "" {
		fmt.Fprintf(&b, " %s", r.Pace)
	}
	b.WriteByte('\n')
	return b.String()
}

func (r *runner) show() string {
	var b strings.Builder
	for _, h := range r.state.Histories {
		marks := ""
		for _, f := range h.Flags {
			marks += map[bool]string{true: "F", false: "."}[f]
		}
		fmt.Fprintf(&b, "%s %s %s\n", h.Column, span(h.Length), marks)
	}
	if r.state.Incident.Open() {
		fmt.Fprintf(&b, "open: %s", showChange(r.state.Incident.told()))
	}
	return b.String()
}
