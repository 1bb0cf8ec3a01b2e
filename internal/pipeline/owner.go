package pipeline

import (
	"context"
	"fmt"
	"strconv"

	"google.golang.org/protobuf/proto"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/internal/kafka"
	"github.com/driftd/driftd/internal/wire"
)

// takeOwner takes a claim: of two with the same epoch the first holds, for
// everyone who reads the log. The lock is held.
func (r *References) takeOwner(partition string, b []byte) error {
	p, err := strconv.Atoi(partition)
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
	switch now := r.owners[p]; {
	case o.Epoch > now.GetEpoch():
		r.owners[p] = &o
		delete(r.beaten, p)
	case o.Epoch == now.GetEpoch() && o.By == now.GetBy(): // said again
		delete(r.beaten, p)
	default:
		r.beaten[p] = true
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
	if u.Epoch != 0 && u.Epoch < r.owners[int(u.Partition)].GetEpoch() { // 0: by a driftd that knew no claims
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
// has been read then; what they still write is passed over [E11]. The error wraps
// kafka.ErrFenced when another process has claimed one of them meanwhile: whoever
// of the two is right finds out by joining the group again.
func (r *References) claim(ctx context.Context, c *kafka.Client, partitions []int, by string) (map[int]int64, error) {
	if err := r.CatchUp(ctx, c); err != nil {
		return nil, err
	}
	epochs := map[int]int64{}
	var recs []kafka.Record
	for _, p := range partitions {
		epochs[p] = r.epoch(p) + 1
		rec, err := claimRecord(p, epochs[p], by)
		if err != nil {
			return nil, err
		}
		recs = append(recs, rec)
	}
	if err := r.write(ctx, c, recs...); err != nil {
		return nil, fmt.Errorf("claim partitions: %w", err)
	}
	for _, p := range partitions {
		if !r.owns(p, epochs[p], by) {
			return nil, fmt.Errorf("another process claims partition %d, too: %w", p, kafka.ErrFenced)
		}
	}
	return epochs, nil
}

func claimRecord(partition int, epoch int64, by string) (kafka.Record, error) {
	b, err := proto.Marshal(&wire.Owner{MinReader: 1, Epoch: epoch, By: by})
	return kafka.Record{Key: []byte("owner/" + strconv.Itoa(partition)), Value: b}, err
}

// write writes records, and waits until they have been read.
func (r *References) write(ctx context.Context, c *kafka.Client, recs ...kafka.Record) error {
	at, err := c.Produce(ctx, r.topic, 0, recs)
	if err != nil {
		return err
	}
	return r.wait(ctx, func() bool { return r.next >= at+int64(len(recs)) })
}

// epoch is that of the claim of a partition that holds; 0: nobody has claimed it.
func (r *References) epoch(partition int) int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.owners[partition].GetEpoch()
}

// owns says that the claim of a partition that holds is one's own.
func (r *References) owns(partition int, epoch int64, by string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	o := r.owners[partition]
	return o.GetEpoch() == epoch && o.GetBy() == by
}

// covered is what stands behind something that was passed over, which compaction
// would leave: uses of series (none: there is none to leave), and whether the
// partition's claim does.
func (r *References) covered(partition int, mine func(driftd.Series) bool) (uses map[driftd.Series][]*wire.UseEntry, claim bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	uses = map[driftd.Series][]*wire.UseEntry{}
	for s := range r.hidden {
		if mine(s) && (len(r.uses[s]) > 0 || r.requests[s] == nil) { // or else an answer comes
			uses[s] = r.uses[s]
		}
	}
	return uses, r.beaten[partition]
}
