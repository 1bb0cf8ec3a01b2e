package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/driftd/driftd/internal/kafka"
)

// A file goes to a cluster that wants a name, by the flags that `driftd init` has.
func TestProduceWithAName(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.EnableSASL(), kfake.Superuser("PLAIN", "driftd", "hush"), kfake.SeedTopics(2, "events"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	dir := t.TempDir()
	for name, text := range map[string]string{"secret": "hush\n", "week.csv": "x,y\n1,2\n3,4\n5,6\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run := func(flags ...string) error {
		var c cli
		parser := kong.Must(&c, kong.BindTo(t.Context(), (*context.Context)(nil)))
		kctx, err := parser.Parse(append([]string{"produce", "--brokers", cluster.ListenAddrs()[0], "--topic", "events", "--model", "m", filepath.Join(dir, "week.csv")}, flags...))
		if err != nil {
			t.Fatal(err)
		}
		return kctx.Run()
	}
	if err := run("--sasl", "plain", "--sasl-username", "driftd"); err == nil || !strings.Contains(err.Error(), "needs --sasl-username, and one of --sasl-password-file") {
		t.Errorf("without a password: %v", err)
	}
	if err := run("--sasl", "plain", "--sasl-username", "driftd", "--sasl-password-file", filepath.Join(dir, "secret")); err != nil {
		t.Fatal(err)
	}
	mechanism, err := kafka.SASL("plain", "driftd", "hush")
	if err != nil {
		t.Fatal(err)
	}
	client, err := kafka.New(kafka.Config{Brokers: cluster.ListenAddrs(), SASL: mechanism})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ends, err := client.Offsets(t.Context(), "events", []int{0, 1}, kafka.AtEnd)
	if err != nil || ends[0]+ends[1] != 3 {
		t.Errorf("%v events are there, want 3: %v", ends, err)
	}
}
