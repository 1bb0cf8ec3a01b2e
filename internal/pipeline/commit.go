package pipeline

import (
	"encoding/json"
	"fmt"

	"github.com/driftd/driftd"
)

// commitMeta is the metadata of a PROFILE commit [E1]: with it a task that
// takes the partition over knows which records were settled before.
type commitMeta struct {
	Version  int   `json:"v"`
	Epoch    int64 `json:"e"`
	Frontier int64 `json:"f"`  // F: panes below are closed
	Since    int64 `json:"s"`  // S: the offset after the record that moved the frontier to F
	Begin    int64 `json:"b"`  // first pane of the partition
	Cut      bool  `json:"c"`  // records before Begin were left out
	T0       int64 `json:"t0"` // the topic's start time

	// Start is the epoch of the owner that found no commit; 0: it was before this
	// was kept. Fresh says that DETECT may not have been told of it: should it
	// know the partition from before, that one's commits, and most likely its
	// topic, are gone [E7].
	Start int64 `json:"n,omitempty"`
	Fresh bool  `json:"nf,omitempty"`
}

func newMeta() commitMeta {
	return commitMeta{Version: 1, Frontier: driftd.MinTime, Begin: driftd.MaxTime, T0: driftd.MinTime}
}

func (m commitMeta) String() string {
	b, err := json.Marshal(m)
	if err != nil { // integers and a bool: cannot happen
		panic(err)
	}
	return string(b)
}

func parseMeta(s string) (commitMeta, error) {
	m := newMeta()
	if s == "" {
		return m, nil
	}
	if err := json.Unmarshal([]byte(s), &m); err != nil {
		return m, fmt.Errorf("commit metadata %q: %w", s, err)
	}
	if m.Version != 1 {
		return m, fmt.Errorf("commit metadata of version %d was written by a newer driftd: upgrade this process", m.Version)
	}
	return m, nil
}
