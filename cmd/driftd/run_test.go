package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// A process that is told to end before it has reached a broker has not failed.
func TestEndBeforeTheBeginning(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // a broker that says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // of a test
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listen := free.Addr().String()
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "driftd.yml")
	if err := os.WriteFile(path, fmt.Appendf(nil, "kafka: {brokers: [%q]}\nsources: [{topic: predictions}]\nhttp: {listen: %q}\n", l.Addr(), listen), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	time.AfterFunc(300*time.Millisecond, stop)
	began := time.Now()
	if err := (&runCmd{Config: path}).Run(ctx); err != nil {
		t.Errorf("it ended with %v", err)
	}
	if d := time.Since(began); d > 20*time.Second {
		t.Errorf("it took %v to end", d)
	}
}
