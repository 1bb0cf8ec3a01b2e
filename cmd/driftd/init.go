package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/driftd/driftd/internal/config"
	"github.com/driftd/driftd/internal/inspect"
	"github.com/driftd/driftd/internal/kafka"
)

type initCmd struct {
	connectFlags
	Topic   string        `required:"" help:"Topic with events."`
	Out     string        `default:"driftd.yml" help:"File that the config goes to; - is stdout. One that exists is never written over."`
	Model   string        `placeholder:"NAME" help:"Model of events that name none (default: the topic's name where no event names one)."`
	JSON    bool          `name:"json" help:"The report for programs, on stdout."`
	Timeout time.Duration `default:"30s" help:"How long to wait for the brokers."`
}

// Help is shown by --help.
func (initCmd) Help() string {
	return `Example:
  driftd init --brokers localhost:9092 --topic predictions

Reads the last 1,000 records of the topic, says what they are (models, columns,
tags, how late events come, what cannot be read) and writes a commented config
that driftd run accepts. It joins no consumer group and commits nothing. Exit
code 1, and no file, when the records cannot be read; the message says what they
look like and what to do.`
}

const (
	sampleRecords = 1000
	sampleBytes   = 64 << 20
)

// Run implements the command.
func (c *initCmd) Run(ctx context.Context) error {
	if c.JSON && c.Out == "-" {
		return errors.New("--json and --out - both want stdout: name a file with --out")
	}
	if err := vacant(c.Out); err != nil {
		return err
	}
	k, err := c.kafka()
	if err != nil {
		return err
	}
	report, err := c.look(ctx, k)
	if err != nil {
		return err
	}
	var text []byte
	if report.Readable {
		if text, err = report.YAML(beside(k, c.Out)); err != nil {
			return fmt.Errorf("init %s: %w; please report it, with the records' form", c.Topic, err)
		}
	}
	if err := c.tell(report, text); err != nil {
		return err
	}
	if !report.Readable {
		fmt.Fprintf(os.Stderr, "\ndriftd: topic %s holds %s, which driftd cannot read. %s\n", c.Topic, report.Is, report.Advice)
		return exitError(1)
	}
	return c.write(text)
}

// look reads the end of the topic and inspects it.
func (c *initCmd) look(ctx context.Context, k config.Kafka) (*inspect.Report, error) {
	client, err := newClient(&config.Config{Kafka: k}, retrying())
	if err != nil {
		return nil, err
	}
	defer client.Close()
	limited, stop := context.WithTimeout(ctx, c.Timeout)
	defer stop()
	tail, err := client.Tail(limited, kafka.TailConfig{Topic: c.Topic, Records: sampleRecords, MaxBytes: sampleBytes})
	switch {
	case errors.Is(err, kafka.ErrUnknownTopic):
		return nil, fmt.Errorf("topic %s does not exist on %s (or this user may not see it): check the name, or make it with kafka-topics --create", c.Topic, c.Brokers)
	case err != nil && errors.Is(limited.Err(), context.DeadlineExceeded):
		return nil, fmt.Errorf("the brokers %s did not give the end of topic %s within %v: check --brokers, the network, and whether they want --tls or --sasl: %w", c.Brokers, c.Topic, c.Timeout, err)
	case err != nil:
		return nil, fmt.Errorf("read the end of topic %s: %w", c.Topic, err)
	case len(tail.Records) == 0:
		return nil, c.nothing(tail)
	}
	opt := inspect.Options{Topic: c.Topic, Partitions: tail.Partitions, Model: c.Model, LogAppend: tail.Records[len(tail.Records)-1].LogAppend}
	records := make([]inspect.Record, len(tail.Records))
	for i, r := range tail.Records {
		records[i] = inspect.Record{Key: r.Key, Value: r.Value, Time: -1, Partition: r.Partition, Offset: r.Offset}
		if r.Timestamp >= 0 {
			records[i].Time = r.Timestamp * int64(time.Millisecond)
		}
	}
	report := inspect.Inspect(records, opt)
	if tail.Corrupt > 0 {
		report.Notes = append(report.Notes, fmt.Sprintf("%d batches are corrupt in the log and were passed over", tail.Corrupt))
	}
	return report, nil
}

// nothing says why there is no record to look at, and what to do.
func (c *initCmd) nothing(tail *kafka.TailResult) error {
	switch {
	case tail.Open > 0:
		return fmt.Errorf("topic %s: nothing to read yet: its %d offsets belong to a transaction that is still open; run init again when it has been committed", c.Topic, tail.Open)
	case tail.Log > 0:
		return fmt.Errorf("topic %s: nothing to read: its %d offsets hold no record that counts (aborted transactions, compaction, or batches that are corrupt); run init again when there are new events", c.Topic, tail.Log)
	}
	return fmt.Errorf(`topic %s is empty: nothing to read yet. Start the service that writes to it, or send an event by hand and run init again:
  echo '{"model":"m","features":{"amount":12.5},"prediction":{"score":0.9}}' > event.jsonl
  driftd produce --brokers %s --topic %s event.jsonl`, c.Topic, c.Brokers, c.Topic)
}

// tell prints the report: to stdout, or beside a config that goes there.
func (c *initCmd) tell(report *inspect.Report, text []byte) error {
	if c.JSON {
		b, err := report.JSON(text)
		if err != nil {
			return err
		}
		_, err = fmt.Printf("%s\n", b)
		return err
	}
	var out io.Writer = os.Stdout
	if c.Out == "-" {
		out = os.Stderr
	}
	return report.WriteTable(out)
}

func (c *initCmd) write(text []byte) error {
	if c.Out == "-" {
		_, err := os.Stdout.Write(text)
		return err
	}
	f, err := os.OpenFile(c.Out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, os.ErrExist) { // since it was looked for
		return occupied(c.Out)
	}
	if err == nil {
		_, err = f.Write(text)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		return fmt.Errorf("write the config: %w", err)
	}
	if !c.JSON {
		fmt.Printf("\nwrote %s: read it, then: driftd run -c %s\n", c.Out, quoteArg(c.Out))
	}
	return nil
}

// beside makes paths of the command line, which begin at the working folder,
// begin at the config's own, as the config's do.
func beside(k config.Kafka, out string) config.Kafka {
	at := func(paths ...*string) {
		for _, p := range paths {
			if *p == "" || filepath.IsAbs(*p) || out == "-" {
				continue
			}
			if rel, err := filepath.Rel(filepath.Dir(out), *p); err == nil {
				*p = rel
			} else if abs, err := filepath.Abs(*p); err == nil { // the config's folder is written from the root
				*p = abs
			}
		}
	}
	if k.TLS != nil {
		t := *k.TLS
		at(&t.CAFile, &t.CertFile, &t.KeyFile)
		k.TLS = &t
	}
	if k.SASL != nil {
		s := *k.SASL
		at(&s.Password.File)
		k.SASL = &s
	}
	return k
}

// vacant says, before the work, that the config cannot go to path.
func vacant(path string) error {
	if path == "-" {
		return nil
	}
	if err := writable(path); err != nil {
		return fmt.Errorf("write the config: %w", err)
	}
	if _, err := os.Lstat(path); err == nil {
		return occupied(path)
	}
	return nil
}

func occupied(path string) error {
	return fmt.Errorf("%s exists and is never written over: name another file with --out, print with --out -, or move it away", path)
}

// quoteArg is a path as a shell takes it.
func quoteArg(path string) string {
	if strings.ContainsAny(path, " '\"$&;()|<>*?`\\") {
		return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
	}
	return path
}
