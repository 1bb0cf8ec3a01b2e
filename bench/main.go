// Command bench measures driftd and says whether it keeps to its bounds. It is
// a module of its own, so that the parsers that driftd is compared with are no
// dependencies of driftd.
package main

import (
	"flag"
	"fmt"
	"log"
	"runtime"
)

func main() {
	log.SetFlags(0)
	n := flag.Int("events", 20_000, "different events in memory")
	reps := flag.Int("reps", 15, "turns of decode + fold and the parsers")
	flag.Parse()
	fmt.Printf("%s %s/%s, %d CPUs\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
	events := decodeEvents(*n)
	fmt.Printf("%d different events of %.0f bytes on average: 16 numeric and 4 categorical features, a score\n%.200s...\n\n", len(events), meanSize(events), events[0])
	ratio, allocs, err := decodeBench(events, *reps)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(ratio, allocs)
}
