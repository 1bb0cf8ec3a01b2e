//go:build e2e

package e2e

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

var (
	faultRuns    = flag.Int("faults.runs", 1, "how many runs with faults")
	faultSeed    = flag.Uint64("faults.seed", 1, "the first run's seed; run i has seed+i")
	faultCount   = flag.Int("faults.n", 12, "how many faults a run has")
	faultTraffic = flag.Duration("faults.traffic", 60*time.Second, "how long a run has traffic")
	faultSummary = flag.String("faults.summary", "", "a file that the last line goes to as well")
)

// outcome is what became of runs.
type outcome struct {
	runs, injected, differing, lost, stalls, rows int
	kinds                                         map[string]int // how many
	seen                                          map[string]int // of how many the metrics told
}

func (o *outcome) add(p outcome) {
	o.runs++
	o.injected += p.injected
	o.differing += p.differing
	o.lost += p.lost
	o.stalls += p.stalls
	o.rows += p.rows
	for kind, n := range p.kinds {
		o.kinds[kind] += n
		o.seen[kind] += p.seen[kind]
	}
}

// [E9] Three processes, three brokers that replicate among each other, ClickHouse
// and Alertmanager are killed, paused and cut off at random, topics grow, are
// deleted and cut, transactions hang, disks are full. In the end the tables are
// those of the oracle, to the bit, and every incident has been told.
func TestFaults(t *testing.T) {
	s := newSite(t)
	total := outcome{kinds: map[string]int{}, seen: map[string]int{}}
	known := signs(t)
	for _, k := range slices.Concat(faultKinds, specials) {
		if s := known[k.name]; k.do != nil && (len(s.pages) == 0 || len(s.metrics) == 0) {
			t.Errorf("docs/runbooks/README.md does not say what an operator sees of: %s", k.name)
		}
	}
	for i := range *faultRuns {
		seed := *faultSeed + uint64(i)
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := s.newRun(t, seed)
			defer func() { total.add(r.out) }() // what fails for good has injected some, too
			r.run()
		})
	}
	var kinds []string
	for _, kind := range slices.Sorted(maps.Keys(total.kinds)) {
		kinds = append(kinds, fmt.Sprintf("%s %d (%d seen)", kind, total.kinds[kind], total.seen[kind]))
		if total.kinds[kind] >= 5 && total.seen[kind] == 0 {
			t.Errorf("%s: none of %d moved %v", kind, total.kinds[kind], known[kind].metrics)
		}
	}
	line := fmt.Sprintf("faults: %d injected in %d runs, %d differing rows, %d incidents lost, %d stalls", total.injected, total.runs, total.differing, total.lost, total.stalls)
	t.Logf("%d rows were compared; faults by kind: %s\n%s", total.rows, strings.Join(kinds, ", "), line)
	if *faultSummary != "" {
		must(t, os.WriteFile(*faultSummary, []byte(line+"\n"), 0o600))
	}
}
