// Command real shows what driftd's rule finds in public data: by the code that
// judges live traffic, beside what is known of each set, and beside Evidently,
// NannyML and alibi-detect at their defaults on the same windows.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"log"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/driftd/driftd/internal/realdata"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("real: ")
	peers := flag.Bool("peers", true, "run the other tools too; needs python3 and a package index")
	out := flag.String("out", "", "Markdown file to write")
	flag.Parse()
	began := time.Now()
	dir := realdata.Dir()
	if dir == "" {
		log.Fatal("the data sets are not there: ../shared/data beside the project (bench/README.md says what they are)")
	}
	failed, text, err := report(dir, *peers)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Fprintf(text, "\nMade by `make real` in %s on %d cores.\n", time.Since(began).Round(time.Second), runtime.NumCPU())
	if _, err := io.Copy(os.Stdout, bytes.NewReader(text.Bytes())); err != nil {
		log.Fatal(err)
	}
	if *out != "" {
		if err := os.WriteFile(*out, text.Bytes(), 0o644); err != nil { //nolint:gosec // a document
			log.Fatal(err)
		}
	}
	if failed > 0 {
		log.Fatalf("%d sets whose truth is known are not judged as they should be", failed)
	}
}

// report judges everything. failed counts sets with known drift, or known to have
// none, of which something was missed or falsely flagged.
func report(dir string, withPeers bool) (failed int, text *bytes.Buffer, err error) {
	sets, err := realdata.Sets(dir)
	if err != nil {
		return 0, nil, err
	}
	found := make([]*realdata.Found, len(sets))
	var g errgroup.Group
	g.SetLimit(runtime.NumCPU())
	for i := range sets {
		g.Go(func() (err error) {
			found[i], err = sets[i].Judge(dir, false)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return 0, nil, err
	}
	var others []*peer
	if withPeers {
		for _, tool := range peerTools {
			others = append(others, ask(tool, dir, sets))
		}
	}
	text = &bytes.Buffer{}
	text.WriteString(intro)
	failed = truth(text, found, others)
	untold(text, found, others)
	ranking(text, found)
	if err := series(text, dir); err != nil {
		return 0, nil, err
	}
	reading(text, others)
	return failed, text, nil
}

const intro = `# Public data

What the shipped rule finds in data that others have published, at a budget of one false page a week where a window is an hour, beside what is
known of them; and what Evidently, NannyML and alibi-detect flag at their defaults on the same windows and the same reference. One plan for
all: a reference of at least 30 windows, windows of at least 50 rows, nothing tuned for a set. The sets are not part of the project; ` + "`internal/realdata`" + ` says
where each comes from in its layout, and how it is cut.

`

// anomalies says that a set is held to nothing: its labels are of anomalies, which
// are no drift, in series whose rows depend on each other.
func anomalies(s *realdata.Set) bool { return len(s.Spans) > 0 }

func truth(w io.Writer, found []*realdata.Found, others []*peer) (failed int) {
	fmt.Fprint(w, "## Sets whose truth is known\n\n*False* are flags of a column in a window in which it had not changed; *missed* are columns that changed and did not flag, by driftd within two windows, by the\nother tools at any time; *delay* is windows from the change to the first flag. Pages of driftd need two flags; the other tools have no such rule, so flags are compared\nwith flags. Evidently takes seconds for a window: it judges 40 of each set, evenly spaced, and its false flags are of those.\n\n")
	head := "| set | what is known | windows x columns | driftd: false, missed, delay | pages |"
	rule := "|---|---|---|---|---|"
	for _, o := range others {
		head += " " + o.name + " " + o.version + ": false, missed |"
		rule += "---|"
	}
	fmt.Fprintf(w, "%s\n%s\n", head, rule)
	for _, f := range found {
		if !f.Set.Known {
			continue
		}
		x := f.Set.Score(f.Flags(), true)
		mark := ""
		if !anomalies(f.Set) && (x.False > 0 || len(x.Missed) > 0 || len(f.Breaks) > 0) {
			failed++
			mark = " **off**"
		}
		fmt.Fprintf(w, "| %s | %s | %d x %d | %s%s | %d |", f.Set.Name, f.Set.Truth, f.Windows, len(f.Columns), told(f.Set, &x, true), mark, f.Incidents)
		for _, o := range others {
			fmt.Fprintf(w, " %s |", o.of(f.Set))
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintln(w)
	return failed
}

func told(s *realdata.Set, x *realdata.Score, delay bool) string {
	out := fmt.Sprintf("%d, ", x.False)
	switch {
	case s.Spans != nil:
		out += fmt.Sprintf("%d of %d", len(x.Missed), len(s.Spans))
	case s.Drifts != nil:
		out += fmt.Sprintf("%d of %d", len(x.Missed), len(s.Drifts))
	default:
		out += "–"
	}
	if delay && s.Drifts != nil {
		out += fmt.Sprintf(", %d", x.Delay)
	}
	return out
}

// of is a peer's cell of a set.
func (p *peer) of(s *realdata.Set) string {
	if p.err != nil {
		return "not run"
	}
	got, ok := p.sets[s.Name]
	if !ok || got.Error != "" {
		return "failed"
	}
	x := s.Score(got.Flags, false)
	return told(s, &x, false)
}

func untold(w io.Writer, found []*realdata.Found, others []*peer) {
	fmt.Fprint(w, "## Sets of which no row is told\n\nThe share of windows x columns that is flagged. There is no right number; where seasons are longer than windows and the reference has seen\neach once, most of what flags is the season.\n\n")
	head, rule := "| set | what is known | windows x columns | driftd | insufficient | pages |", "|---|---|---|---|---|---|"
	for _, o := range others {
		head += " " + o.name + " |"
		rule += "---|"
	}
	fmt.Fprintf(w, "%s\n%s\n", head, rule)
	for _, f := range found {
		if f.Set.Known {
			continue
		}
		cells := float64(f.Windows) * float64(len(f.Columns))
		flags, insufficient := 0, 0
		for _, c := range f.Columns {
			flags += len(c.Flags)
			insufficient += c.Insufficient
		}
		fmt.Fprintf(w, "| %s | %s | %d x %d | %s | %s | %d |", f.Set.Name, f.Set.Truth, f.Windows, len(f.Columns), percent(float64(flags)/cells), percent(float64(insufficient)/cells), f.Incidents)
		for _, o := range others {
			n := 0
			for _, windows := range o.sets[f.Set.Name].Flags {
				n += len(windows)
			}
			switch {
			case o.err != nil:
				fmt.Fprint(w, " not run |")
			case o.sets[f.Set.Name].Error != "":
				fmt.Fprint(w, " failed |")
			default:
				fmt.Fprintf(w, " %s |", percent(float64(n)/float64(o.sets[f.Set.Name].Judged)/float64(len(f.Columns))))
			}
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintln(w)
}

func percent(x float64) string { return fmt.Sprintf("%.0f %%", 100*x) }

func ranking(w io.Writer, found []*realdata.Found) {
	fmt.Fprint(w, "## Ranking of causes\n\nWhen the first incident opens, columns in order of their effects; where it is known which drift and which do not, those must come first.\n\n| set | ranking | right |\n|---|---|---|\n")
	for _, f := range found {
		if right, known := f.Ranked(); known {
			says := "yes"
			if !right {
				says = "**no**"
			}
			fmt.Fprintf(w, "| %s | %s | %s |\n", f.Set.Name, strings.Join(f.Ranking, ", "), says)
		}
	}
	fmt.Fprintln(w)
}

func series(w io.Writer, dir string) error {
	all, err := readPoints(dir)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "## Series of points\n\nThe series of TCPD have 24 to 675 points: no reference of 30 windows can be cut from them, the rule's answer is `learning`. Sequential detectors, which a\ncolumn may have beside the rule, at River's defaults on standardised points; F1 as TCPD has it, within %d points of what people have marked. *None* is the F1 of saying nothing.\n\n| series | points | marked by people | none |", margin)
	for _, m := range pointMethods {
		fmt.Fprintf(w, " %s |", m)
	}
	fmt.Fprintf(w, "\n|---|---|---|---|%s\n", strings.Repeat("---|", len(pointMethods)))
	mean := make([]float64, len(pointMethods)+1)
	for _, p := range all {
		_, _, f := p.cover(nil)
		mean[0] += f / float64(len(all))
		marks := 0
		for _, a := range p.annotations {
			marks += len(a)
		}
		fmt.Fprintf(w, "| %s | %d | %.1f each | %.2f |", p.name, len(p.values), float64(marks)/float64(len(p.annotations)), f)
		for i, m := range pointMethods {
			_, _, f := p.cover(p.changes(m))
			mean[i+1] += f / float64(len(all))
			fmt.Fprintf(w, " %.2f |", f)
		}
		fmt.Fprintln(w)
	}
	fmt.Fprint(w, "| mean | | |")
	for _, x := range mean {
		fmt.Fprintf(w, " %.2f |", x)
	}
	fmt.Fprint(w, "\n\n")
	return nil
}

// reading is what the numbers mean, and why a tool was not run.
func reading(w io.Writer, others []*peer) {
	for _, o := range others {
		if o.err != nil {
			fmt.Fprintf(w, "%s %s was not run: %v.\n\n", o.name, o.version, o.err)
		}
		for _, name := range slices.Sorted(maps.Keys(o.sets)) {
			if e := o.sets[name].Error; e != "" {
				fmt.Fprintf(w, "%s on %s: %s.\n\n", o.name, name, e)
			}
		}
	}
	fmt.Fprint(w, readingText)
}

const readingText = `## How to read it

Where the truth is known driftd flags what changed in the first or second window, and nothing else. The price is stated elsewhere
([statistics.md](statistics.md)): shifts under .14 sd are never told, and SEA, whose features hardly move, is silent. The anomalies of NAB are
no drift: hours of another level in a series whose rows depend on each other. driftd compares whole windows with how windows vary: the artificial ones stand out
even so, those of the machine's temperature do not; a tool for anomalies is the better one for them. On the points of TCPD it has nothing to say at all, and the sequential
detectors at their defaults say little more than nothing.
`
