package sim

import (
	"flag"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

var (
	runs      = flag.Int("sim.runs", 4, "how many worlds")
	seed      = flag.Uint64("sim.seed", 1, "the first world's seed; world i has seed+i")
	again     = flag.Int("sim.again", 1, "how often each world is run")
	faults    = flag.Int("sim.faults", 8, "how many faults a world has at most")
	brokerLog = flag.Bool("sim.broker", false, "what happened includes the broker's log")
	show      = flag.Int("sim.show", 4, "how many rows that differ are shown")
	trace     = flag.Bool("sim.trace", false, "show what happened, also when nothing is wrong")
)

// Whatever happens to processes, requests, clocks, partitions and records, the
// table is that of the oracle, every incident is told, and nothing is stuck [E9].
func TestSim(t *testing.T) {
	s := newSetting(t)
	began := time.Now()
	var next, worlds, injected, rows, bad, pushes, later atomic.Int64
	all := int64(*runs) * int64(*again)
	t.Run("worlds", func(t *testing.T) {
		for lane := range 2 {
			t.Run(fmt.Sprint(lane), func(t *testing.T) {
				t.Parallel()
				for i := next.Add(1) - 1; i < all && (bad.Load() == 0 || *again > 1); i = next.Add(1) - 1 {
					synctest.Test(t, func(t *testing.T) {
						w := newWorld(t, s, *seed+uint64(i)/uint64(*again), *faults)
						w.run()
						injected.Add(int64(w.hits))
						rows.Add(int64(len(w.rows)))
						if w.pushed {
							pushes.Add(1)
							later.Add(w.judgedByLater())
						}
						if !w.report() {
							bad.Add(1)
						}
					})
					if n := worlds.Add(1); n%1000 == 0 {
						t.Logf("%d of %d worlds", n, all)
					}
				}
			})
		}
	})
	if pushes.Load() > 10 && later.Load() == 0 {
		t.Error("no row was judged by a reference that came while a world ran")
	}
	t.Logf("sim: %d faults in %d worlds, %d rows (%d by a reference that came meanwhile), %d worlds wrong, %.0f worlds a minute", injected.Load(), worlds.Load(), rows.Load(), later.Load(), bad.Load(), float64(worlds.Load())/time.Since(began).Minutes())
}

// report is false when something is wrong, and says what.
func (w *world) report() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	bad := append(w.failed, w.differ...)
	if len(bad) == 0 {
		if *trace {
			w.t.Logf("%d rows, %d written\n%s", len(w.rows), w.writes, w.trace.String())
		}
		return true
	}
	if len(bad) > *show+2 {
		bad = bad[:*show+2]
	}
	w.t.Errorf("%s\n\nwhat happened:\n%s\nrun it again: make sim RUNS=1 SEED=%d", strings.Join(bad, "\n"), w.trace.String(), w.seed)
	return false
}
