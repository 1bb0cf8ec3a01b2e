package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/internal/config"
	"github.com/driftd/driftd/internal/kafka"
	"github.com/driftd/driftd/internal/rows"
	"github.com/driftd/driftd/internal/wire"
)

type produceCmd struct {
	connectFlags
	Topic   string  `required:"" help:"Topic; it must exist, unless --partitions makes it."`
	Input   string  `arg:"" optional:"" help:"CSV, JSON lines or Parquet, plain or gzip."`
	Rate    float64 `placeholder:"N" help:"Events a second (default: flat out)."`
	Ref     string  `name:"reference" placeholder:"FILE.ref" help:"Take the columns' kinds from this reference."`
	Make    int     `name:"partitions" placeholder:"N" help:"Make the topic with so many partitions when it is not there."`
	ShiftTo bool    `name:"shift-to-now" help:"Move all times so that the last row is now; for topics that refuse old records."`
	Demo    bool    `help:"Send the demo's traffic instead of a file: its past if the topic is empty, then live, without end. Makes the topic."`

	History time.Duration `default:"336h" help:"How much past --demo sends."`
	Live    bool          `default:"true" negatable:"" help:"Whether --demo goes on with what happens now."`
	Seed    uint64        `default:"1" help:"Other traffic of --demo."`
	inputFlags
}

// Help is shown by --help.
func (produceCmd) Help() string {
	return `Example:
  driftd produce --brokers localhost:9092 --topic predictions --model fraud --window-rows 1000 --start 2026-11-24T00:00:00Z week.csv

Rows become driftd's native JSON events; a record's time is its event's. Row i
goes to partition i modulo the number of partitions.

  driftd produce --brokers localhost:9092 --topic demo.predictions --demo

sends three models' invented traffic, in which things change from time to time.`
}

// Run implements the command.
func (c *produceCmd) Run(ctx context.Context) error {
	if c.Demo == (c.Input != "") {
		return errors.New("produce sends a file or, with --demo, the demo's traffic: give one of the two")
	}
	opt, err := c.options()
	if err != nil {
		return err
	}
	if c.Time == "" && c.WindowRows == 0 {
		opt.Start = time.Now().UnixNano() // rows without times happen now
	}
	if c.Ref != "" {
		b, err := wire.ReadFile(c.Ref)
		if err != nil {
			return err
		}
		opt.Layout = b.Layout
	}
	cfg := config.Default()
	if cfg.Kafka, err = c.kafka(); err != nil {
		return err
	}
	client, err := newClient(cfg, retrying())
	if err != nil {
		return err
	}
	defer client.Close()
	if c.Demo {
		return c.demo(ctx, client)
	}
	if c.Make > 0 {
		if err := client.EnsureTopics(ctx, []kafka.TopicSpec{{Name: c.Topic, Partitions: c.Make, Replication: -1}}); err != nil {
			return fmt.Errorf("make topic %s: %w", c.Topic, err)
		}
	}
	n, err := client.Partitions(ctx, c.Topic)
	if err != nil {
		return fmt.Errorf("produce to %s: %w", c.Topic, err)
	}
	if c.ShiftTo {
		if c.WindowRows == 0 {
			return errors.New("--shift-to-now needs the row clock (--window-rows): events with times of their own say them themselves")
		}
		shift, err := c.shift(opt)
		if err != nil {
			return err
		}
		opt.Start += shift
	}
	file, err := rows.Open(c.Input, opt)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // was only read
	return c.send(ctx, client, file, n)
}

// batch is how many events are sent together.
const batch = 2000

func (c *produceCmd) send(ctx context.Context, client *kafka.Client, file *rows.File, partitions int) error {
	p := newProgress()
	began := time.Now()
	pending := make([][]kafka.Record, partitions)
	sent, waiting := int64(0), 0
	flush := func() error {
		for k, recs := range pending {
			if len(recs) == 0 {
				continue
			}
			if _, err := client.Produce(ctx, c.Topic, k, recs); err != nil {
				return fmt.Errorf("produce to %s partition %d: %w", c.Topic, k, err)
			}
			pending[k] = recs[:0]
		}
		sent += int64(waiting)
		waiting = 0
		p.say("%s events", thousands(sent))
		return nil
	}
	size := batch
	if c.Rate > 0 {
		size = max(1, min(batch, int(c.Rate/10)))
	}
	for i := int64(0); ; i++ {
		ev, err := file.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		at := time.Now()
		if ev.Time != driftd.MinTime {
			at = time.Unix(0, ev.Time)
		}
		k := int(i % int64(partitions))
		pending[k] = append(pending[k], kafka.Record{Time: at, Value: append([]byte(nil), ev.JSON...)})
		if waiting++; waiting < size {
			continue
		}
		if err := flush(); err != nil {
			return err
		}
		if c.Rate > 0 {
			due := began.Add(time.Duration(float64(sent) / c.Rate * float64(time.Second)))
			select {
			case <-time.After(time.Until(due)):
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	if err := flush(); err != nil {
		return err
	}
	took := time.Since(began)
	p.done("%s: %s events to %s in %v (%s a second)", filepath.Base(c.Input), thousands(sent), c.Topic, took.Round(time.Millisecond), thousands(int64(float64(sent)/max(took.Seconds(), 1e-9))))
	return nil
}

// shift is what must be added to the row clock for the last row to be now.
func (c *produceCmd) shift(opt rows.Options) (int64, error) {
	file, err := rows.Open(c.Input, opt)
	if err != nil {
		return 0, err
	}
	defer func() { _ = file.Close() }() // was only read
	last := int64(0)
	for {
		ev, err := file.Next()
		if err == io.EOF {
			return time.Now().UnixNano() - last, nil
		}
		if err != nil {
			return 0, err
		}
		last = ev.Time
	}
}
