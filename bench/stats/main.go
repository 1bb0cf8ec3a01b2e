// Command stats shows that driftd's rule does what it promises: it simulates
// traffic, makes references of it and judges it by the code that driftd runs, and
// compares false alarms and power with what the specification claims.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"hash/fnv"
	"io"
	"log"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// section is a part of the report.
type section struct {
	name string
	run  func(*effort) (*table, error)
}

// sections in the order of the report.
var sections = []section{
	{"binning", binning},
	{"calibration", calibration},
	{"null", nullTraffic},
	{"budget", budget},
	{"power", power},
	{"power-all", powerAll},
	{"dependence", dependence},
	{"sizes", sizes},
	{"acceptance", acceptance},
	{"rates", rates},
	{"ugly", ugly},
	{"season", season},
	{"slow", slow},
}

// effort says how many runs a cell has.
type effort struct {
	share float64 // of the full number
	name  string
}

// of is n at this effort, at least least.
func (e *effort) of(n, least int) int { return max(least, int(float64(n)*e.share)) }

// seed is that of the i-th reference of a cell: the same on any machine, with any
// number of cores.
func (e *effort) seed(cell string, i int) uint64 {
	h := fnv.New64a()
	fmt.Fprintf(h, "%s/%s/%d", e.name, cell, i)
	return h.Sum64()
}

// each makes refs references of a setup and gives each to do, on all cores.
func (e *effort) each(cell string, s *setup, refs int, do func(mu *sync.Mutex, w *world) error) error {
	return parallel(refs, func(i int, mu *sync.Mutex) error {
		w, err := s.build(e.seed(cell, i))
		if err != nil {
			return fmt.Errorf("%s: %w", cell, err)
		}
		return do(mu, w)
	})
}

// worlds makes references that are used for more than one drift.
func (e *effort) worlds(cell string, s *setup, refs int) ([]*world, error) {
	out := make([]*world, refs)
	return out, parallel(refs, func(i int, _ *sync.Mutex) (err error) {
		if out[i], err = s.build(e.seed(cell, i)); err != nil {
			return fmt.Errorf("%s: %w", cell, err)
		}
		return nil
	})
}

// parallel runs do n times on all cores; what it collects it does under mu.
func parallel(n int, do func(i int, mu *sync.Mutex) error) error {
	var mu sync.Mutex
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i := range n {
		g.Go(func() error { return do(i, &mu) })
	}
	return g.Wait()
}

func main() {
	log.SetFlags(0)
	out := flag.String("out", "", "file for the report in Markdown")
	share := flag.Float64("effort", 1, "share of the runs: .05 takes a minute and finds gross errors alone")
	only := flag.String("only", "", "sections to run, by comma: "+names())
	picture := flag.String("picture", "", "draw the picture of docs/STATISTICS.md into this file, and nothing else")
	flag.Parse()
	if *picture != "" {
		if err := drawRule(*picture); err != nil {
			log.Fatal("stats: ", err)
		}
		return
	}
	if flag.NArg() > 0 || *share <= 0 {
		log.Fatal("stats: takes no arguments, and -effort above 0")
	}
	failures, report, err := run(os.Stdout, *share, *only)
	if err == nil && *out != "" {
		err = os.WriteFile(*out, report, 0o644) //nolint:gosec // a document for everybody
	}
	if err != nil {
		log.Fatal("stats: ", err)
	}
	if failures > 0 {
		log.Fatalf("stats: %d of the claims do not hold; they are marked off above", failures)
	}
}

func names() string {
	var out []string
	for _, s := range sections {
		out = append(out, s.name)
	}
	return strings.Join(out, ", ")
}

func run(w io.Writer, share float64, only string) (failures int, report []byte, err error) {
	var all bytes.Buffer
	all.WriteString(preface)
	if share != 1 {
		fmt.Fprintf(&all, "**Made with %g of the runs: errors are larger than they need be.**\n\n", share)
	}
	out := io.MultiWriter(w, &all)
	for _, s := range sections {
		if only != "" && !strings.Contains(","+only+",", ","+s.name+",") {
			continue
		}
		began := time.Now()
		t, err := s.run(&effort{share, s.name})
		if err != nil {
			return failures, nil, err
		}
		if err := t.write(out); err != nil {
			return failures, nil, err
		}
		failures += t.failures()
		fmt.Fprintf(w, "(%s: %.0f s)\n\n", s.name, time.Since(began).Seconds())
	}
	return failures, all.Bytes(), nil
}

const preface = `# The rule, shown

Made by ` + "`make stats`" + `. Traffic is simulated event by event; references are made of it by the code of ` + "`driftd reference build`" + `, windows are
judged and incidents opened by the code of ` + "`driftd run`" + `. Seeds are fixed: the numbers are the same on every machine. "Claimed" is what the
specification of the rule says; a row is off where the two differ by more than 4 standard errors of the simulation (the spread between
references among it). [The rule in two pages](../STATISTICS.md).

Streams: *iid*; *ar0.5*, *ar0.9*: each event depends on the one before; *sess20*: sessions of 20 events that share half of their variance;
*sessheavy*: sessions of up to 200 equal events; *wre.1*: the window's mean wobbles by .1 sd; *wre.1ar.8*: that, and goes on from window to
window.

`
