package main

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/driftd/driftd/internal/config"
	"github.com/driftd/driftd/internal/embedded"
	"github.com/driftd/driftd/internal/kafka"
)

// broker TOPIC=PARTITIONS...: a broker inside the process until the script ends;
// $BROKER is its address, and $LISTEN one on
// which nothing listens.
func broker(ts *testscript.TestScript, neg bool, args []string) {
	topics := map[string]int{}
	for _, a := range args {
		name, n, _ := strings.Cut(a, "=")
		partitions, err := strconv.Atoi(n)
		if neg || err != nil {
			ts.Fatalf("usage: broker TOPIC=PARTITIONS...")
		}
		topics[name] = partitions
	}
	b, err := embedded.Start(embedded.Options{Topics: topics})
	ts.Check(err)
	ts.Defer(b.Close)
	ts.Setenv("BROKER", b.Addr)
	free, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Setenv("LISTEN", free.Addr().String())
	ts.Check(free.Close())
}

// send TOPIC PARTITIONS FILE: each line is a record, a second after the one
// before, from 2026-11-24 12:00 UTC on, to the partitions in turn. A line
// hex:00ff is bytes; NULL is a null value.
func send(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: send TOPIC PARTITIONS FILE")
	}
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	client, err := kafka.New(kafka.Config{Brokers: []string{ts.Getenv("BROKER")}})
	ts.Check(err)
	defer client.Close()
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()
	recs := make([][]kafka.Record, n)
	start := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	for i, line := range strings.Split(strings.TrimSpace(ts.ReadFile(args[2])), "\n") {
		r := kafka.Record{Value: []byte(line), Time: start.Add(time.Duration(i) * time.Second), Key: fmt.Append(nil, i)}
		if text, ok := strings.CutPrefix(line, "hex:"); ok {
			r.Value, err = hex.DecodeString(text)
			ts.Check(err)
		}
		if line == "NULL" {
			r.Value = nil
		}
		recs[i%n] = append(recs[i%n], r)
	}
	for p, rs := range recs {
		if len(rs) > 0 {
			_, err := client.Produce(ctx, args[0], p, rs)
			ts.Check(err)
		}
	}
}

// accepted FILE: driftd run takes the config and would now connect.
func accepted(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: accepted FILE")
	}
	cfg, err := config.Load(ts.MkAbs(args[0]))
	ts.Check(err)
	ts.Check(cfg.Runnable())
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	a, err := newApp(cfg, log)
	ts.Check(err)
	a.closers.close(log)
}

// fillin FILE...: $BROKER and $LISTEN in each file get their values.
func fillin(ts *testscript.TestScript, _ bool, args []string) {
	for _, name := range args {
		text := strings.NewReplacer("$BROKER", ts.Getenv("BROKER"), "$LISTEN", ts.Getenv("LISTEN")).Replace(ts.ReadFile(name))
		ts.Check(os.WriteFile(ts.MkAbs(name), []byte(text), 0o600))
	}
}
