package sim

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// kind says what happens to a request, or to the world.
type kind int

const (
	killBefore  kind = iota // the process dies, the request is never sent
	killAfter               // the broker has done it, the process dies before it hears
	cutBefore               // the connection breaks before the request
	cutAfter                // and after: the process will repeat what was done
	repeated                // the network delivers it twice
	delayed                 // it arrives later
	frozen                  // the whole process stands still, and then sends it: a zombie
	frozenAfter             // the same, between the answer and its reader
	requestKinds

	stopGently kind = iota // SIGTERM, and another one starts
	refuse                 // the broker answers some requests with an error
	sinkAway               // the sink takes nothing
	skew                   // a process's clock jumps
	grow                   // the source topic gets a partition
	lose                   // records are deleted before they are read
	transact               // a transaction is open for a while, and ends either way
	remake                 // the source topic is deleted, and made anew
	kinds
)

var kindNames = map[kind]string{killBefore: "killed before", killAfter: "killed after", cutBefore: "cut before", cutAfter: "cut after", repeated: "repeated",
	delayed: "delayed", frozen: "frozen before", frozenAfter: "frozen after", stopGently: "stopped", refuse: "refused", sinkAway: "sink away", skew: "clock jumps", grow: "partition added", lose: "records deleted", transact: "transaction", remake: "topic made anew"}

// The requests that faults are drawn for, by how much depends on them.
var faulted = []int16{0, 0, 0, 0, 8, 8, 8, 1, 1, 3, 9, 2, 11, 14, 12}

var keyNames = map[int16]string{0: "Produce", 1: "Fetch", 2: "ListOffsets", 3: "Metadata", 8: "OffsetCommit", 9: "OffsetFetch", 10: "FindCoordinator", 11: "JoinGroup", 12: "Heartbeat", 13: "LeaveGroup", 14: "SyncGroup", 18: "ApiVersions"}

// fault is one thing that goes wrong: to the nth request of a key that a slot's
// processes send, or at a time.
type fault struct {
	what kind
	slot int
	key  int16
	nth  int
	at   time.Duration // since the start, for the kinds that are no request's
	d    time.Duration
	done bool
}

func (f *fault) String() string {
	if f.what < requestKinds {
		return fmt.Sprintf("process %d, %s %d: %s (%v)", f.slot, keyNames[f.key], f.nth, kindNames[f.what], f.d.Round(time.Millisecond))
	}
	return fmt.Sprintf("process %d, at %v: %s (%v)", f.slot, f.at.Round(time.Millisecond), kindNames[f.what], f.d.Round(time.Millisecond))
}

// drawFaults draws up to most faults for a number of slots; length is how long
// there is traffic.
func drawFaults(rng *rand.Rand, slots, most int, length time.Duration) []*fault {
	var out []*fault
	for range 1 + rng.IntN(most) {
		f := &fault{slot: rng.IntN(slots), d: 50*time.Millisecond + time.Duration(rng.ExpFloat64()*float64(2*time.Second))}
		f.d = min(f.d, 20*time.Second)
		if rng.IntN(4) > 0 {
			f.what = kind(rng.IntN(int(requestKinds)))
			f.key = faulted[rng.IntN(len(faulted))]
			f.nth = 1 + int(rng.ExpFloat64()*40)
			if f.key != 0 && f.key != 8 && f.key != 1 {
				f.nth = 1 + int(rng.ExpFloat64()*6)
			}
			if f.what == repeated && f.key != 0 && f.key != 8 { // elsewhere it is the same as none
				f.key = 0
			}
		} else {
			f.what = requestKinds + 1 + kind(rng.IntN(int(kinds-requestKinds-1)))
			f.at = time.Duration(rng.Int64N(int64(length)))
		}
		out = append(out, f)
	}
	return out
}
