// Command bench measures driftd and says whether it keeps to its bounds. It is
// a module of its own, so that the parsers that driftd is compared with are no
// dependencies of driftd.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"runtime"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) == 3 && os.Args[1] == childArg {
		if err := child(os.Args[2]); err != nil {
			log.Fatal(err)
		}
		return
	}
	n := flag.Int("events", 20_000, "different events in memory")
	reps := flag.Int("reps", 15, "turns of decode + fold and the parsers")
	produced := flag.Int("produced", 1_000_000, "events in Kafka")
	runs := flag.Int("runs", 3, "runs from Kafka")
	learned := flag.Int("learned", 1_000_000, "events of a week that a reference is learned from")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *n, *reps, *produced, *runs, *learned); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, n, reps, produced, runs, learned int) error {
	fmt.Printf("%s %s/%s, %d CPUs\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
	events := decodeEvents(n)
	fmt.Printf("%d different events of %.0f bytes on average: 16 numeric and 4 categorical features, a score\n", len(events), meanSize(events))

	fmt.Println("\ndecode + fold, beside parsers of the same bytes")
	ratio, allocs, err := decodeBench(events, reps)
	if err != nil {
		return err
	}

	fmt.Println("\nDETECT and the size of a profile")
	ref, err := wideReference()
	if err != nil {
		return err
	}
	ms, err := detectBench(ref, 200)
	if err != nil {
		return err
	}
	size, err := profileBytes(ref)
	if err != nil {
		return err
	}

	fmt.Println("\nPROFILE from Kafka")
	b, err := startBroker(ctx)
	if err != nil {
		return err
	}
	defer b.close()
	rate, err := profileBench(ctx, b, events, produced, runs)
	if err != nil {
		return err
	}

	fmt.Println("\nlearning a reference from a week in Kafka")
	seconds, err := learnBench(ctx, b, events, learned)
	if err != nil {
		return err
	}

	fmt.Println("\nmemory")
	mb, err := memoryBench(ctx, b)
	if err != nil {
		return err
	}

	fmt.Println()
	for _, c := range []struct {
		what       string
		got, bound float64
		least      bool
	}{
		{"decode + fold, times the parse", ratio, 1.5, false}, {"allocations an event", allocs, 0, false}, {"events a second of a core from Kafka", rate, 300_000, true},
		{"s to learn from a week of 5 million", seconds, 120, false}, {"ms DETECT a window of 100 columns", ms, 2, false}, {"bytes a profile of 100 columns", float64(size), 24 << 10, false}, {"MB at 100 models x 20 columns x 3 segments", mb, 400, false},
	} {
		word, sign := "ok  ", "<="
		if c.least {
			sign = ">="
		}
		if c.least != (c.got >= c.bound) && c.got != c.bound {
			word = "MISS"
		}
		fmt.Printf("%s %-44s %12.2f  (%s %.1f)\n", word, c.what, c.got, sign, c.bound)
	}
	fmt.Printf("bench: decode+fold %.2f x parse, %.2f allocs/event, %.0f events/s/core from Kafka, %.0f s to learn 5 M, %.2f ms detect, %d bytes profile, %.0f MB\n", ratio, allocs, rate, seconds, ms, size, mb)
	return nil
}
