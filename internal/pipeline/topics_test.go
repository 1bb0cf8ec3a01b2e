package pipeline

import (
	"context"
	"strings"
	"testing"
	"time"
)

// [E12] The pane length is fixed for a prefix: another one is refused, and the
// error says what to do.
func TestFixedForAPrefix(t *testing.T) {
	w := newWorld(t, "predictions", 1)
	c := w.client()
	begin := func(pane time.Duration) error {
		return ensureTopics(context.Background(), c, &Settings{Prefix: "d", Pane: pane, Partitions: 3, Replication: -1})
	}
	for range 2 {
		if err := begin(time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	if err := begin(5 * time.Minute); err == nil || !strings.Contains(err.Error(), "choose a new kafka.topic_prefix") {
		t.Errorf("panes of another length: %v", err)
	}
}
