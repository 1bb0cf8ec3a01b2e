package main

import (
	"fmt"
	"math/rand/v2"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/consumers"
	"github.com/driftd/driftd/internal/config"
	"github.com/driftd/driftd/internal/detect"
	"github.com/driftd/driftd/internal/pipeline"
	"github.com/driftd/driftd/internal/wire"
)

// wideReference is a reference of 336 windows of 100 numeric columns.
func wideReference() (*wire.Bundle, error) { return buildReference(wide, modelName(0), 336, 100, nil) }

// profileOf folds n wide events.
func profileOf(b *wire.Bundle, seed uint64, n int) (*driftd.Profile, error) {
	dec, err := consumers.NewDecoder(consumers.Map{}, "", consumers.FixedCatalog{modelName(0): consumers.NewModel(modelName(0), b.Layout, nil)})
	if err != nil {
		return nil, err
	}
	p := driftd.NewProfile(b.Layout)
	for _, e := range generate(rand.New(rand.NewPCG(seed, 3)), wide, n, start, time.Millisecond) {
		err := dec.Decode(e, 0, func(ev *consumers.Event) error {
			p.Add(ev.Groups, ev.Values, uint64(p.Events))
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return p, nil
}

// detectBench closes windows of 100 numeric columns: it gives milliseconds of
// CPU time a window.
func detectBench(b *wire.Bundle, windows int) (float64, error) {
	profiles := make([]*driftd.Profile, 8)
	for i := range profiles {
		var err error
		if profiles[i], err = profileOf(b, uint64(10+i), 1000); err != nil {
			return 0, err
		}
	}
	rules := pipeline.RulesOf(config.Default(), driftd.Series{Model: modelName(0), Segment: "all"}, "bench")
	rules.Lengths, rules.SeriesCount = []time.Duration{time.Hour}, 1
	rules.Uses = []detect.Use{{From: driftd.MinTime, Layout: b.Layout, Reference: b.Of("all")}}
	var s detect.State
	s.Merged = driftd.MinTime
	at := start.UnixNano()
	step := func(i int) []driftd.Result {
		in := detect.Input{Panes: []detect.Pane{{Start: at, Layout: b.Layout.Fingerprint, Profile: profiles[i%len(profiles)]}},
			Until: at + int64(time.Hour), Begin: driftd.MinTime, End: driftd.MaxTime}
		at += int64(time.Hour)
		return detect.Step(&rules, &s, in)
	}
	begin := cpuTime()
	if got := len(step(0)); got < 100 {
		return 0, fmt.Errorf("closing a window gave %d results", got)
	}
	prepare := cpuTime() - begin
	var judge, encode []time.Duration
	evaluated := 0
	size := 0
	for i := range windows {
		begin := cpuTime()
		results := step(i + 1)
		judge = append(judge, cpuTime()-begin)
		begin = cpuTime()
		for _, r := range results {
			text, err := r.MarshalJSON()
			if err != nil {
				return 0, err
			}
			size += len(text)
			if r.Column != nil && r.Column.Evaluated {
				evaluated++
			}
		}
		encode = append(encode, cpuTime()-begin)
	}
	if evaluated == 0 {
		return 0, fmt.Errorf("no column was judged")
	}
	ms := func(d time.Duration) float64 { return float64(d) / 1e6 }
	fmt.Printf("%d columns, 1,000 events a window, reference of 336 windows, %d windows, median: %.2f ms to merge a pane, close and judge (%.2f ms the first time, with the reference to prepare), %.2f ms more for JSON of %.0f KB\n",
		len(b.Layout.Columns), windows, ms(median(judge)), ms(prepare), ms(median(encode)), float64(size)/float64(windows)/1e3)
	return ms(median(judge)), nil
}

// profileBytes is the size of a pane's record in driftd.profiles.
func profileBytes(b *wire.Bundle) (int, error) {
	var sizes []int
	for _, n := range []int{1000, 10_000} {
		p, err := profileOf(b, 7, n)
		if err != nil {
			return 0, err
		}
		m := wire.ProfileToWire(p)
		sizes = append(sizes, proto.Size(&wire.ProfileRecord{MinReader: 1, Topic: "predictions", Epoch: start.UnixMilli(), Pane: start.UnixNano(), Model: modelName(0), Segment: "all", Layout: b.Layout.Fingerprint, Profile: m}))
	}
	fmt.Printf("profile of 100 numeric columns (66 counts and sums each): %d bytes after 1,000 events, %d after 10,000\n", sizes[0], sizes[1])
	return sizes[0], nil
}
