package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/driftd/driftd/bench/internal/proc"
	"github.com/driftd/driftd/internal/config"
	"github.com/driftd/driftd/internal/kafka"
	"github.com/driftd/driftd/internal/pipeline"
	"github.com/driftd/driftd/sinks/prometheus"
)

// task is what a process of its own is asked to do: its CPU time and memory
// are then the pipeline's alone.
type task struct {
	Brokers, Topic, Prefix string
	Events                 float64
	Profile, Detect        bool
	Answer                 bool // end when every reference that was pushed is taken up, not when Events are counted
}

// done is what it answers.
type done struct {
	Events, Profiles, Results float64
	Wall, CPU                 time.Duration // from the start of the pipeline to the last event
	First                     time.Duration // wall time of the first event
	FirstCPU                  time.Duration
	RSS, Peak, Freed          int64 // bytes: at the end, the most, and when free memory was given back
	Heap                      int64
}

const childArg = "pipeline"

// runChild starts this program again for a task.
func runChild(ctx context.Context, t task) (done, error) {
	var d done
	self, err := os.Executable()
	if err != nil {
		return d, err
	}
	arg, err := json.Marshal(t)
	if err != nil {
		return d, err
	}
	ctx, stop := context.WithTimeout(ctx, 2*time.Minute)
	defer stop()
	cmd := exec.CommandContext(ctx, self, childArg, string(arg))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return d, fmt.Errorf("the pipeline's process: %w", err)
	}
	return d, json.Unmarshal(out, &d)
}

// child runs the pipeline until it has counted all events.
func child(arg string) error {
	var t task
	if err := json.Unmarshal([]byte(arg), &t); err != nil {
		return err
	}
	cfg := config.Default()
	cfg.Defaults.Bootstrap = 0 // references are pushed, and no detect task runs
	m := prometheus.New(prometheus.Config{Version: "bench"}, []string{t.Topic}, nil)
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	client, err := kafka.New(kafka.Config{Brokers: []string{t.Brokers}, ClientID: "bench"})
	if err != nil {
		return err
	}
	defer client.Close()
	set := &pipeline.Settings{Prefix: t.Prefix, Pane: time.Minute, Partitions: partitions, Replication: -1, Version: "bench", Models: pipeline.NewLive(cfg, "bench"),
		Log: log, Metrics: m, Start: pipeline.Start{Earliest: true},
		Sources: []pipeline.Source{{Topic: t.Topic, Lateness: 2 * time.Minute, IdleTimeout: time.Minute, MaxSkew: 5 * time.Minute, MaxAge: 24 * time.Hour, MaxBytes: 1 << 20, DeadLetters: "headers"}}}
	ctx, stop := context.WithCancel(context.Background())
	begin, cpu := time.Now(), cpuTime()
	ended := make(chan error, 1)
	go func() {
		ended <- pipeline.New(set, client, pipeline.Roles{Profile: t.Profile, Detect: t.Detect}, nil, nil).Run(ctx)
	}()
	var d done
	if t.Answer {
		err := pipeline.AwaitAnswers(ctx, client, t.Prefix)
		stop()
		<-ended
		return errors.Join(err, json.NewEncoder(os.Stdout).Encode(d))
	}
	for d.Events < t.Events {
		select {
		case err := <-ended:
			stop()
			return fmt.Errorf("the pipeline ended early: %w", err)
		case <-time.After(10 * time.Millisecond):
		}
		if time.Since(begin) > 100*time.Second {
			stop()
			return fmt.Errorf("%.0f of %.0f events counted within 100 s", d.Events, t.Events)
		}
		if d.Events, err = counter(m, "driftd_events_total"); err != nil {
			stop()
			return err
		}
		if d.First == 0 && d.Events > 0 {
			d.First, d.FirstCPU = time.Since(begin), cpuTime()-cpu
		}
	}
	d.Wall, d.CPU = time.Since(begin), cpuTime()-cpu
	if t.Detect {
		for last := -1.0; d.Results != last || d.Results == 0; time.Sleep(2 * time.Second) {
			last = d.Results
			if d.Results, err = counter(m, "driftd_results_produced_total"); err != nil {
				break
			}
		}
	}
	runtime.GC()
	d.RSS, d.Peak = vm("VmRSS"), vm("VmHWM")
	var ms runtime.MemStats
	runtime.ReadMemStats(&ms)
	d.Heap = int64(ms.HeapAlloc)
	debug.FreeOSMemory()
	d.Freed = vm("VmRSS")
	stop()
	<-ended
	return json.NewEncoder(os.Stdout).Encode(d)
}

// counter adds up the series of a metric.
func counter(m *prometheus.Metrics, name string) (float64, error) {
	families, err := m.Registry.Gather()
	if err != nil {
		return 0, err
	}
	for _, f := range families {
		if f.GetName() == name {
			sum := 0.0
			for _, s := range f.GetMetric() {
				sum += s.GetCounter().GetValue()
			}
			return sum, nil
		}
	}
	return 0, fmt.Errorf("no metric %s", name)
}

// vm is a line of /proc/self/status in bytes, 0 where there is none.
func vm(key string) int64 {
	n, err := proc.Memory(os.Getpid(), key)
	if err != nil {
		return 0
	}
	return n
}
