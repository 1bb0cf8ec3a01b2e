//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/driftd/driftd/e2e/stack"
)

func TestMain(m *testing.M) {
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Minute)
	err := stack.Install(ctx, "", os.Stderr)
	cancel()
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// contextOf is a test's context with a deadline.
func contextOf(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func startKafka(t *testing.T) *stack.Kafka {
	t.Helper()
	k, err := stack.StartKafka(contextOf(t, 2*time.Minute), t.TempDir())
	must(t, err)
	t.Cleanup(k.Stop)
	return k
}

func startClickHouse(t *testing.T) *stack.ClickHouse {
	t.Helper()
	c, err := stack.StartClickHouse(contextOf(t, 2*time.Minute), t.TempDir())
	must(t, err)
	t.Cleanup(c.Kill9) // its graceful stop takes 5 s, and the data is thrown away
	return c
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
