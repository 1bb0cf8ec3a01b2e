package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"time"
	"unsafe"

	"github.com/bytedance/sonic"
	"github.com/bytedance/sonic/ast"
	"github.com/valyala/fastjson"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/consumers"
	"github.com/driftd/driftd/internal/fold"
)

// A work goes once through all events.
type work struct {
	name string
	run  func(events [][]byte) error
	best time.Duration // of one pass
	all  []time.Duration
	mem  float64 // allocations an event
}

func (w *work) measure(events [][]byte) error {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	begin := cpuTime()
	if err := w.run(events); err != nil {
		return fmt.Errorf("%s: %w", w.name, err)
	}
	took := cpuTime() - begin
	runtime.ReadMemStats(&after)
	w.mem = float64(after.Mallocs-before.Mallocs) / float64(len(events))
	w.all = append(w.all, took)
	if w.best == 0 || took < w.best {
		w.best = took
	}
	return nil
}

// decodeBench compares decode + fold with parsers of the same bytes, in turns.
func decodeBench(events [][]byte, reps int) (ratio, allocs float64, err error) {
	fastest := []*work{sonicVisitor(), sonicStruct(), fastJSON()}
	var ours []*work
	for tags := range 3 {
		w, err := foldWork(tags)
		if err != nil {
			return 0, 0, err
		}
		ours = append(ours, w)
	}
	decode, err := decodeWork()
	if err != nil {
		return 0, 0, err
	}
	std := encodingJSON()
	all := append(append(slices.Clone(fastest), ours...), decode, std)
	for _, w := range all { // the first pass makes caches
		if err := w.measure(events); err != nil {
			return 0, 0, err
		}
		w.best, w.all = 0, nil
	}
	for range reps {
		for _, w := range all {
			if w == std && len(w.all) > 2 {
				continue
			}
			if err := w.measure(events); err != nil {
				return 0, 0, err
			}
		}
	}
	size := meanSize(events)
	fmt.Printf("%-44s %12s %10s %14s %12s\n", "one core, best of "+fmt.Sprint(reps), "events/s", "MB/s", "ns/event", "allocs/event")
	for _, w := range all {
		ns := float64(w.best) / float64(len(events))
		fmt.Printf("%-44s %12.0f %10.0f %7.0f (%5.0f) %12.2f\n", w.name, 1e9/ns, 1e3*size/ns, ns, float64(median(w.all))/float64(len(events)), w.mem)
	}
	parse := fastest[0]
	for _, w := range fastest {
		if w.best < parse.best {
			parse = w
		}
	}
	// Each pass beside the parser's of the same turn: what slows the machine
	// down slows both.
	var ratios []float64
	for i := range parse.all {
		ratios = append(ratios, float64(ours[0].all[i])/float64(parse.all[i]))
	}
	slices.Sort(ratios)
	ratio = ratios[len(ratios)/2]
	fmt.Printf("decode + fold is %.2f x %s (median of %d turns, %.2f to %.2f; best by best %.2f); in brackets: the median\n",
		ratio, parse.name, len(ratios), ratios[0], ratios[len(ratios)-1], float64(ours[0].best)/float64(parse.best))
	return ratio, ours[0].mem, nil
}

func median[T int64 | time.Duration](x []T) T {
	x = slices.Clone(x)
	slices.Sort(x)
	return x[len(x)/2]
}

// tagsOf are n tags; their values are in no event, so that each adds one segment.
func tagsOf(n int) []driftd.SegmentTag {
	return []driftd.SegmentTag{{Tags: []string{"country"}, Values: []string{"DE"}}, {Tags: []string{"device"}, Values: []string{"ios"}}}[:n]
}

func foldWork(tags int) (*work, error) {
	b, err := buildReference(usual, modelName(0), 50, 400, tagsOf(tags))
	if err != nil {
		return nil, err
	}
	dec, err := consumers.NewDecoder(consumers.Map{}, "", consumers.FixedCatalog{modelName(0): consumers.NewModel(modelName(0), b.Layout, nil)})
	if err != nil {
		return nil, err
	}
	panes := &fold.Panes{Length: int64(time.Minute)}
	offset := int64(0)
	count := func(ev *consumers.Event) error {
		panes.Add(ev, ev.Time, fold.EventKey(1, 0, offset, ev.Row), offset)
		return nil
	}
	name := "decode + fold into segment all"
	if tags > 0 {
		name = fmt.Sprintf("decode + fold into %d segments", 1+tags)
	}
	return &work{name: name, run: func(events [][]byte) error {
		for _, e := range events {
			if err := dec.Decode(e, 0, count); err != nil {
				return err
			}
			offset++
		}
		return nil
	}}, nil
}

func decodeWork() (*work, error) {
	b, err := buildReference(usual, modelName(0), 50, 400, nil)
	if err != nil {
		return nil, err
	}
	dec, err := consumers.NewDecoder(consumers.Map{}, "", consumers.FixedCatalog{modelName(0): consumers.NewModel(modelName(0), b.Layout, nil)})
	if err != nil {
		return nil, err
	}
	return &work{name: "decode alone (values placed in bins)", run: func(events [][]byte) error {
		for _, e := range events {
			if err := dec.Decode(e, 0, func(*consumers.Event) error { return nil }); err != nil {
				return err
			}
		}
		return nil
	}}, nil
}

func view(b []byte) string { return unsafe.String(&b[0], len(b)) }

// visitor takes every key, string and float; sonic has parsed them.
type visitor struct {
	sum  float64
	text int
}

func (v *visitor) OnNull() error                            { return nil }
func (v *visitor) OnBool(bool) error                        { return nil }
func (v *visitor) OnString(s string) error                  { v.text += len(s); return nil }
func (v *visitor) OnInt64(n int64, _ json.Number) error     { v.sum += float64(n); return nil }
func (v *visitor) OnFloat64(x float64, _ json.Number) error { v.sum += x; return nil }
func (v *visitor) OnObjectBegin(int) error                  { return nil }
func (v *visitor) OnObjectKey(s string) error               { v.text += len(s); return nil }
func (v *visitor) OnObjectEnd() error                       { return nil }
func (v *visitor) OnArrayBegin(int) error                   { return nil }
func (v *visitor) OnArrayEnd() error                        { return nil }

func sonicVisitor() *work {
	v := &visitor{}
	return &work{name: "parse: sonic, ast visitor", run: func(events [][]byte) error {
		for _, e := range events {
			if err := ast.Preorder(view(e), v, nil); err != nil {
				return err
			}
		}
		return nil
	}}
}

// known is an event whose fields were known when the program was compiled.
type known struct {
	Time     string `json:"time"`
	Model    string `json:"model"`
	ID       string `json:"id"`
	Features struct {
		F00 float64 `json:"feature_00"`
		F01 float64 `json:"feature_01"`
		F02 float64 `json:"feature_02"`
		F03 float64 `json:"feature_03"`
		F04 float64 `json:"feature_04"`
		F05 float64 `json:"feature_05"`
		F06 float64 `json:"feature_06"`
		F07 float64 `json:"feature_07"`
		F08 float64 `json:"feature_08"`
		F09 float64 `json:"feature_09"`
		F10 float64 `json:"feature_10"`
		F11 float64 `json:"feature_11"`
		F12 float64 `json:"feature_12"`
		F13 float64 `json:"feature_13"`
		F14 float64 `json:"feature_14"`
		F15 float64 `json:"feature_15"`
		C0  string  `json:"category_0"`
		C1  string  `json:"category_1"`
		C2  string  `json:"category_2"`
		C3  string  `json:"category_3"`
	} `json:"features"`
	Prediction struct {
		Score float64 `json:"score"`
	} `json:"prediction"`
}

func sonicStruct() *work {
	api := sonic.Config{}.Froze()
	var to known
	return &work{name: "parse: sonic, into a struct made for it", run: func(events [][]byte) error {
		for _, e := range events {
			if err := api.UnmarshalFromString(view(e), &to); err != nil {
				return err
			}
		}
		return nil
	}}
}

func fastJSON() *work {
	var p fastjson.Parser
	var sum float64
	var visit func(k []byte, v *fastjson.Value)
	visit = func(_ []byte, v *fastjson.Value) {
		switch v.Type() {
		case fastjson.TypeObject:
			v.GetObject().Visit(visit)
		case fastjson.TypeNumber:
			sum += v.GetFloat64()
		}
	}
	return &work{name: "parse: valyala/fastjson, every value", run: func(events [][]byte) error {
		for _, e := range events {
			v, err := p.ParseBytes(e)
			if err != nil {
				return err
			}
			visit(nil, v)
		}
		return nil
	}}
}

func encodingJSON() *work {
	return &work{name: "parse: encoding/json, into a map", run: func(events [][]byte) error {
		for _, e := range events {
			var m map[string]any
			if err := json.Unmarshal(e, &m); err != nil {
				return err
			}
		}
		return nil
	}}
}

func decodeEvents(n int) [][]byte {
	return generate(rand.New(rand.NewPCG(1, 1)), usual, n, start, 50*time.Millisecond)
}
