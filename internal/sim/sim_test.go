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
	runs      = flag.Int("sim.runs", 30, "how many worlds")
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
	var worlds, injected, rows atomic.Int64
	t.Run("worlds", func(t *testing.T) {
		const lanes = 2
		var next atomic.Int64
		for lane := range lanes {
			t.Run(fmt.Sprint(lane), func(t *testing.T) {
				t.Parallel()
				for i := next.Add(1) - 1; int(i) < *runs**again; i = next.Add(1) - 1 {
					one := *seed + uint64(i)/uint64(*again)
					ok := t.Run(fmt.Sprintf("seed=%d", one), func(t *testing.T) {
						synctest.Test(t, func(t *testing.T) {
							w := newWorld(t, s, one, *faults)
							w.run()
							worlds.Add(1)
							injected.Add(int64(w.hits))
							rows.Add(int64(len(w.rows)))
							w.report()
						})
					})
					if !ok && *again == 1 {
						return
					}
				}
			})
		}
	})
	took := time.Since(began)
	t.Logf("sim: %d worlds, %d faults, %d rows, %.0f worlds a minute", worlds.Load(), injected.Load(), rows.Load(), float64(worlds.Load())/took.Minutes())
}

func (w *world) report() {
	w.mu.Lock()
	defer w.mu.Unlock()
	bad := append(w.failed, w.differ...)
	if len(bad) == 0 {
		if *trace {
			w.t.Logf("%d rows, %d written\n%s", len(w.rows), w.writes, w.trace.String())
		}
		return
	}
	if len(bad) > *show+2 {
		bad = bad[:*show+2]
	}
	w.t.Errorf("%s\n\nwhat happened:\n%s\nrun it again: make sim RUNS=1 SEED=%d", strings.Join(bad, "\n"), w.trace.String(), w.seed)
}
