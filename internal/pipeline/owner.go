package pipeline

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/internal/kafka"
	"github.com/driftd/driftd/internal/wire"
)

// overtakenWait is how long whoever was overtaken by another claim waits before he
// claims again: a process that was paused is told meanwhile, by a heartbeat, that
// it has lost the partition.
const overtakenWait = 10 * time.Second

// takeOwner takes a claim: of two with the same epoch the first holds, for
// everyone who reads the log. The lock is held.
func (r *References) takeOwner(partition string, b []byte) error {
	p, err := strconv.ParseInt(partition, 10, 32)
	if err != nil {
		return fmt.Errorf("partition %q: %w", partition, err)
	}
	var o wire.Owner
	if err := proto.Unmarshal(b, &o); err != nil {
		return err
	}
	if o.MinReader > wire.Version {
		return &wire.NewerError{What: "a claim", Need: o.MinReader}
	}
	if o.Epoch > r.owners[int32(p)].GetEpoch() {
		r.owners[int32(p)] = &o
	}
	return nil
}

// takeUse takes an answer, or passes it over: whoever wrote it was not the owner
// any more [E11]. The lock is held.
func (r *References) takeUse(s driftd.Series, b []byte) error {
	var u wire.Use
	if err := proto.Unmarshal(b, &u); err != nil {
		return err
	}
	if u.Epoch != 0 && u.Epoch < r.owners[u.Partition].GetEpoch() { // 0: by a driftd that knew no claims
		r.log.Info("an answer of a process that has lost the partition is passed over", "series", s.Key(), "profiles_partition", u.Partition)
		r.hidden[s] = true
		return nil
	}
	r.uses[s] = u.Entries
	delete(r.hidden, s)
	return nil
}

// claim makes a process the one that answers for partitions of driftd.profiles,
// and gives the epochs of its answers. Everything that those before have answered
// has been read then; what they still write is passed over [E11].
func (r *References) claim(ctx context.Context, c *kafka.Client, partitions []int, by string) (map[int]int64, error) {
	epochs := map[int]int64{}
	for {
		if err := r.CatchUp(ctx, c); err != nil {
			return nil, err
		}
		var recs []kafka.Record
		for _, p := range partitions {
			o := wire.Owner{MinReader: 1, Epoch: r.epoch(p) + 1, By: by}
			b, err := proto.Marshal(&o)
			if err != nil {
				return nil, err
			}
			epochs[p] = o.Epoch
			recs = append(recs, kafka.Record{Key: []byte("owner/" + strconv.Itoa(p)), Value: b})
		}
		if _, err := c.Produce(ctx, r.topic, 0, recs); err != nil {
			return nil, fmt.Errorf("claim partitions: %w", err)
		}
		if err := r.CatchUp(ctx, c); err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(partitions, func(p int) bool { return !r.owns(p, epochs[p], by) }) {
			return epochs, nil
		}
		if err := r.overtaken(ctx); err != nil {
			return nil, err
		}
	}
}

// overtaken waits, see overtakenWait.
func (r *References) overtaken(ctx context.Context) error {
	r.log.Info("another process answers for the same partitions: claiming them again in a moment", "in", r.patience)
	select {
	case <-time.After(r.patience):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// epoch is that of the newest claim of a partition; 0: nobody has claimed it.
func (r *References) epoch(partition int) int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.owners[int32(partition)].GetEpoch()
}

// owns says that the newest claim of a partition is one's own.
func (r *References) owns(partition int, epoch int64, by string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	o := r.owners[int32(partition)]
	return o.GetEpoch() == epoch && o.GetBy() == by
}

// covered are the uses of series that stand behind an answer that was passed
// over: compaction would leave that one.
func (r *References) covered(mine func(driftd.Series) bool) map[driftd.Series][]*wire.UseEntry {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := map[driftd.Series][]*wire.UseEntry{}
	for s := range r.hidden {
		if mine(s) && len(r.uses[s]) > 0 {
			out[s] = r.uses[s]
		}
	}
	return out
}
