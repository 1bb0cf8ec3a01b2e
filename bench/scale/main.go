// Command scale measures what driftd costs by what it is given: events, columns,
// segments, models, partitions. Each measurement is a process `driftd run` of its
// own on a real Kafka and a real ClickHouse; linear fits of all of them give the
// cost of one of each, with its error, and what a big installation would need.
//
//	main.go   the measurements that there are, and the document
//	load.go   events and references of a shape
//	run.go    one measurement
//	fit.go    least squares
//	fleet.go  a thousand models of a hundred columns in three segments
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"runtime"
	"strings"
)

func main() {
	log.SetFlags(0)
	out := flag.String("out", "", "the document that the numbers go to, between its marks")
	fleet := flag.Int("fleet", 1000, "models of the fleet; 0 leaves it out")
	quick := flag.Bool("quick", false, "a few small measurements, to see that it works")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *out, *fleet, *quick); err != nil {
		log.Fatal(err)
	}
}

// base is the shape that one thing at a time is changed of.
var base = shape{events: 100_000, columns: 20, segments: 1, models: 1, partitions: 4}

// shapes are the measurements.
func shapes(quick bool) (out []shape) {
	vary := func(change func(*shape, int), values ...int) {
		for _, v := range values {
			s := base
			change(&s, v)
			if quick {
				s.events /= 10
			}
			out = append(out, s)
			if quick {
				return
			}
		}
	}
	vary(func(s *shape, v int) { s.events = v }, 50_000, 100_000, 200_000, 400_000)
	vary(func(s *shape, v int) { s.columns = v }, 5, 10, 40, 80)
	vary(func(s *shape, v int) { s.segments = v }, 3, 6, 11)
	vary(func(s *shape, v int) { s.models = v }, 4, 16, 64)
	vary(func(s *shape, v int) { s.partitions = v }, 1, 8, 16)
	vary(func(s *shape, v int) { s.models, s.segments = v, 3 }, 8, 32)
	return out
}

func run(ctx context.Context, path string, models int, quick bool) error {
	p, err := newPlace(ctx)
	if err != nil {
		return err
	}
	defer p.close()
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s/%s, %d CPUs.\n\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
	fmt.Fprintf(&b, "| events | columns | segments | models | partitions | CPU s | RSS MB, the most | Kafka: events MB | profiles MB | state MB | results MB | ClickHouse rows | MB |\n|%s\n", strings.Repeat("---|", 13))
	var all []measured
	list := shapes(quick)
	for i, s := range list {
		fmt.Fprintf(os.Stderr, "%d of %d: %+v\n", i+1, len(list), s)
		m, err := p.measure(ctx, s)
		if err != nil {
			return fmt.Errorf("%+v: %w", s, err)
		}
		all = append(all, m)
		fmt.Fprintln(&b, m.row())
	}
	if !quick {
		text, err := fits(all)
		if err != nil {
			return err
		}
		b.WriteString("\n" + text)
	}
	if models > 0 {
		fmt.Fprintf(os.Stderr, "the fleet of %d models\n", models)
		text, err := p.fleet(ctx, models)
		if err != nil {
			return fmt.Errorf("the fleet: %w", err)
		}
		b.WriteString("\n" + text)
	}
	fmt.Print(b.String())
	if path == "" {
		return nil
	}
	return between(path, b.String())
}

// between puts numbers between the marks of a document.
func between(path, text string) error {
	old, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	head, rest, ok := strings.Cut(string(old), "<!-- numbers -->\n")
	_, tail, ok2 := strings.Cut(rest, "<!-- end -->\n")
	if !ok || !ok2 {
		return fmt.Errorf("%s lacks its marks <!-- numbers --> and <!-- end -->", path)
	}
	return os.WriteFile(path, []byte(head+"<!-- numbers -->\n"+text+"<!-- end -->\n"+tail), 0o644)
}
