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
	"encoding/json"
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
	raw := flag.String("raw", "", "a file that keeps the measurements; one that is there is read, and nothing is measured")
	repeat := flag.Int("repeat", 2, "how often each is measured")
	quick := flag.Bool("quick", false, "a few small measurements, to see that it works")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *out, *raw, *fleet, *repeat, *quick); err != nil {
		log.Fatal(err)
	}
}

// base is the shape that one thing at a time is changed of.
var base = shape{Events: 100_000, Columns: 20, Segments: 1, Models: 1, Partitions: 4}

// shapes are the measurements.
func shapes(quick bool) (out []shape) {
	vary := func(change func(*shape, int), values ...int) {
		for _, v := range values {
			s := base
			change(&s, v)
			if quick {
				s.Events /= 10
			}
			out = append(out, s)
			if quick {
				return
			}
		}
	}
	vary(func(s *shape, v int) { s.Events = v }, 50_000, 100_000, 200_000, 400_000)
	vary(func(s *shape, v int) { s.Columns = v }, 5, 10, 40, 80)
	vary(func(s *shape, v int) { s.Segments = v }, 3, 6, 11)
	vary(func(s *shape, v int) { s.Models = v }, 4, 16, 64)
	vary(func(s *shape, v int) { s.Partitions = v }, 1, 8, 16)
	vary(func(s *shape, v int) { s.Models, s.Segments = v, 3 }, 8, 32)
	// What grows with profiles apart from what grows with series.
	vary(func(s *shape, v int) { s.Models, s.Keyed = v, true }, 16, 64)
	vary(func(s *shape, v int) { s.Models, s.Segments, s.Keyed = v, 3, true }, 32, 64)
	vary(func(s *shape, v int) { s.Models, s.Partitions = v, 16 }, 4, 16)
	return out
}

func run(ctx context.Context, path, raw string, models, repeat int, quick bool) error {
	p, err := newPlace(ctx)
	if err != nil {
		return err
	}
	defer p.close()
	all, err := measurements(ctx, p, raw, repeat, quick)
	if err != nil {
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s/%s, %d CPUs.\n\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
	fmt.Fprintf(&b, "| events | columns | segments | models | partitions | a model in one of them | CPU s | RSS MB | the most, MB | Kafka: events MB | profiles MB | state MB | results MB | ClickHouse rows | MB |\n|%s\n", strings.Repeat("---|", 15))
	for _, m := range all {
		fmt.Fprintln(&b, m.row())
	}
	if !quick {
		text, err := fits(all)
		if err != nil {
			return err
		}
		b.WriteString("\n" + text)
	}
	fmt.Print(b.String())
	if models > 0 {
		fmt.Fprintf(os.Stderr, "the fleet of %d models\n", models)
		text, err := p.fleet(ctx, models)
		if err != nil {
			return fmt.Errorf("the fleet: %w", err)
		}
		b.WriteString("\n" + text)
		fmt.Print("\n" + text)
	}
	if path == "" {
		return nil
	}
	return between(path, b.String())
}

// measurements are read from a file, or made and kept there.
func measurements(ctx context.Context, p *place, raw string, repeat int, quick bool) (all []measured, err error) {
	if b, err := os.ReadFile(raw); err == nil {
		return all, json.Unmarshal(b, &all)
	}
	var list []shape
	for range repeat {
		list = append(list, shapes(quick)...)
	}
	for i, s := range list {
		fmt.Fprintf(os.Stderr, "%d of %d: %+v\n", i+1, len(list), s)
		m, err := p.measure(ctx, s)
		if err != nil {
			return nil, fmt.Errorf("%+v: %w", s, err)
		}
		all = append(all, m)
	}
	if raw == "" {
		return all, nil
	}
	b, err := json.Marshal(all)
	if err != nil {
		return nil, err
	}
	return all, os.WriteFile(raw, b, 0o644)
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
