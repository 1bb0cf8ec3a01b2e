package sim

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/internal/oracle"
)

// sink is the table: the newest row of an identity stays, and all must say the same.
type sink struct {
	w *world
	p *process
}

func (s sink) Write(ctx context.Context, batch []driftd.Result) error {
	for {
		s.w.mu.Lock()
		wait := time.Until(s.w.sinkOff)
		s.w.mu.Unlock()
		if wait <= 0 {
			break
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
	s.p.link.thaw()
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	if s.p.dead {
		return errDead
	}
	for _, r := range batch {
		s.w.writes++
		id, row, _ := oracle.Row(r)
		whole, err := json.Marshal(r)
		if err != nil {
			return err
		}
		if old, ok := s.w.whole[id]; ok && old != string(whole) { // the revision is the same, too [E5]
			s.w.differ = append(s.w.differ, fmt.Sprintf("%s was written in two versions:\n  %s\n  %s", id, old, whole))
		}
		s.w.rows[id], s.w.whole[id] = row, string(whole)
	}
	return nil
}

// teller stands for Alertmanager.
type teller struct {
	w *world
	p *process
}

func (s teller) Set(in driftd.IncidentResult) {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	if !s.p.dead {
		k := in.Segment + " " + in.Type + " " + in.ID
		if !strings.HasSuffix(s.w.told[k], in.State) {
			s.w.told[k] += " " + in.State
		}
	}
}

func (s teller) Drop(driftd.Series) {}

type logTo struct {
	w    *world
	slot int
	p    *process
}

func (l logTo) Write(b []byte) (int, error) {
	if strings.Contains(string(b), "cannot join the group yet") {
		l.w.mu.Lock()
		if l.w.quiet {
			l.w.turned++
		}
		l.w.mu.Unlock()
	}
	l.w.note("    %d: %s", l.slot, strings.TrimSpace(string(b)))
	return len(b), nil
}

type brokerTo struct{ w *world }

func (l brokerTo) Write(b []byte) (int, error) {
	l.w.note("        broker: %s", strings.TrimSpace(string(b)))
	return len(b), nil
}
