package kafka

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/snappy/xerial"
)

func TestWalkCodecs(t *testing.T) {
	long := strings.Repeat("0123456789abcdef", 20_000) // several blocks of every codec
	want := []string{"a", "", long, "z"}
	var w Walker // one for all: buffers and decoders must not remember
	for range 2 {
		for _, p := range packers {
			raw := batchSpec{base: 5, values: want, attr: p.attr, pack: p.pack}.bytes()
			got, err := walkAll(t, &w, &Chunk{Offset: 5, Raw: raw})
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("%s: %d values, error %v", p.name, len(got), err)
			}
		}
	}
	// The framing is the one that Java writes, byte for byte.
	if head := xerial.Encode(nil, []byte("x")); !bytes.HasPrefix(head, append(xerialMagic, 0, 0, 0, 1, 0, 0, 0, 1)) {
		t.Errorf("xerial header % x", head[:16])
	}
}

func TestWalkTransactions(t *testing.T) {
	tx := func(base, producer int64, v string) []byte {
		return batchSpec{base: base, producer: producer, attr: attrTransactional, values: []string{v}}.bytes()
	}
	emptied := batchSpec{base: 9, producer: 1, attr: attrControl | attrTransactional}.bytes()
	raw := join(
		tx(0, 1, "1a aborted"), tx(1, 2, "2a"), batchSpec{base: 2, producer: 1, values: []string{"idempotent, outside any transaction"}}.bytes(),
		marker(3, 1, false), tx(4, 1, "1b"), marker(5, 1, true), marker(6, 2, true),
		tx(7, 1, "1c aborted"), tx(8, 2, "2b aborted"), emptied, marker(10, 2, false), tx(11, 2, "2c"), tx(12, 1, "1d aborted"), marker(13, 1, false),
	)
	c := Chunk{Raw: raw, Aborted: []AbortedTxn{{2, 8}, {1, 7}, {1, 0}}} // by their markers, as brokers do, or in any order
	want := []string{"2a", "idempotent, outside any transaction", "1b", "2c"}
	var w Walker
	for range 2 {
		got, err := walkAll(t, &w, &c)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("got %v, error %v, want %v", got, err, want)
		}
	}
	// Starting inside an aborted transaction: its first offset is below the chunk.
	c = Chunk{Offset: 12, Raw: join(tx(12, 1, "1d aborted"), marker(13, 1, false), tx(14, 1, "ok")), Aborted: []AbortedTxn{{1, 7}}}
	if got, err := walkAll(t, &w, &c); err != nil || !slices.Equal(got, []string{"ok"}) {
		t.Errorf("got %v, error %v", got, err)
	}
}

func TestWalkTimestamps(t *testing.T) {
	for attr, want := range map[uint16][]int64{0: {1000, 1001, 1002}, attrLogAppendTime: {5000, 5000, 5000}} {
		raw := batchSpec{attr: attr, baseTime: 1000, maxTime: 5000, values: []string{"a", "b", "c"}}.bytes()
		var got []int64
		if err := new(Walker).Walk(&Chunk{Raw: raw}, func(r *Rec) error { got = append(got, r.Timestamp); return nil }); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, want) {
			t.Errorf("attributes %x: timestamps %v, want %v", attr, got, want)
		}
	}
}

// Compaction leaves gaps of offsets inside batches, whole gaps between them, and
// batches that end before their last offset.
func TestWalkCompacted(t *testing.T) {
	raw := join(
		batchSpec{base: 10, deltas: []int64{2, 5}, lastDelta: 9, values: []string{"12", "15"}}.bytes(),
		batchSpec{base: 20, lastDelta: 9}.bytes(), // emptied
		batchSpec{base: 40, values: []string{"40"}}.bytes(),
	)
	for at, want := range map[int64][]string{0: {"12", "15", "40"}, 13: {"15", "40"}, 16: {"40"}, 41: nil} {
		if got, err := walkAll(t, new(Walker), &Chunk{Offset: at, Raw: raw}); err != nil || !slices.Equal(got, want) {
			t.Errorf("from %d: got %v, error %v, want %v", at, got, err, want)
		}
	}
	n, next, bad := scan(raw, 16, 1000)
	if n != len(raw) || next != 41 || bad != nil {
		t.Errorf("scan: %d of %d bytes, next %d, bad %v", n, len(raw), next, bad)
	}
}

func threeBatches() (all []byte, second, third int) {
	a := batchSpec{base: 0, values: []string{"0", "1"}}.bytes()
	b := batchSpec{base: 2, values: []string{"2", "3"}}.bytes()
	c := batchSpec{base: 4, values: []string{"4", "5"}}.bytes()
	return join(a, b, c), len(a), len(a) + len(b)
}

func TestTruncatedTail(t *testing.T) {
	all, second, third := threeBatches()
	for cut := range len(all) {
		want, next := 0, int64(0)
		switch {
		case cut >= third:
			want, next = 4, 4
		case cut >= second:
			want, next = 2, 2
		}
		got, err := walkAll(t, new(Walker), &Chunk{Raw: all[:cut]})
		if err != nil || len(got) != want {
			t.Fatalf("cut at %d: %d records, error %v, want %d", cut, len(got), err, want)
		}
		if n, nx, bad := scan(all[:cut], 0, 100); nx != next || bad != nil || (n != 0 && n != second && n != third) {
			t.Fatalf("cut at %d: scan says %d bytes, next %d, bad %v", cut, n, nx, bad)
		}
	}
}

// Every single bit of a batch: whatever its CRC covers is found out, nothing
// makes a record of it.
func TestFlippedBits(t *testing.T) {
	all, second, third := threeBatches()
	for bit := second * 8; bit < third*8; bit++ {
		raw := bytes.Clone(all)
		raw[bit/8] ^= 1 << (bit % 8)
		at := bit/8 - second
		n, next, bad := scan(raw, 0, 6)
		_, err := walkAll(t, new(Walker), &Chunk{Raw: raw, Next: 6})
		switch {
		case at >= 16: // magic, CRC and all that it covers
			var e *CorruptBatch
			if bad == nil || n != second || next != 2 || bad.First != 2 || bad.Last != 3 {
				t.Fatalf("byte %d: scan: n %d, next %d, bad %v", at, n, next, bad)
			}
			if !errors.As(err, &e) || e.First != 2 || e.Last != 3 {
				t.Fatalf("byte %d: walk: %v", at, err)
			}
		case at >= 12: // the leader's epoch, which nobody here believes
			if bad != nil || err != nil {
				t.Fatalf("byte %d: %v, %v", at, bad, err)
			}
		}
		if bad != nil && (bad.Last < bad.First || bad.Last >= 6) {
			t.Fatalf("byte %d: %v", at, bad)
		}
	}
}

// After a batch that cannot be unpacked the walk goes on past it.
func TestWalkPastCorruptBatch(t *testing.T) {
	raw := join(
		batchSpec{base: 0, values: []string{"0", "1"}}.bytes(),
		batchSpec{base: 2, attr: codecGzip, count: 2, lastDelta: 1, payload: []byte("this is not gzip")}.bytes(),
		batchSpec{base: 4, values: []string{"4", "5"}}.bytes(),
	)
	c := Chunk{Raw: raw, topic: "t", Partition: 3}
	var w Walker
	got, err := walkAll(t, &w, &c)
	var e *CorruptBatch
	if !errors.As(err, &e) || e.First != 2 || e.Last != 3 || e.Topic != "t" || e.Partition != 3 || !slices.Equal(got, []string{"0", "1"}) {
		t.Fatalf("got %v, error %v", got, err)
	}
	c.Offset = e.Last + 1
	if got, err = walkAll(t, &w, &c); err != nil || !slices.Equal(got, []string{"4", "5"}) {
		t.Fatalf("got %v, error %v", got, err)
	}
	// An error of the callback is not a corrupt batch.
	stop := errors.New("stop")
	if err := w.Walk(&c, func(*Rec) error { return stop }); err != stop {
		t.Fatalf("got %v", err)
	}
}

func TestMalformedBatches(t *testing.T) {
	rec := func(offsetDelta int64) []byte { return appendRecord(nil, 0, offsetDelta, nil, []byte("v")) }
	old := batchSpec{values: []string{"v"}}.bytes()
	old[16] = 1
	for name, tc := range map[string]struct {
		raw  []byte
		want string
	}{
		"old format":         {old, "message format v1"},
		"too many records":   {batchSpec{count: 1 << 30, payload: rec(0)}.bytes(), "another number of records"},
		"too few records":    {batchSpec{count: 1, payload: join(rec(0), rec(1)), lastDelta: 1}.bytes(), "another number of records"},
		"out of order":       {batchSpec{count: 2, payload: join(rec(1), rec(1)), lastDelta: 1}.bytes(), "not in order"},
		"below the base":     {batchSpec{base: 9, count: 1, payload: rec(-1)}.bytes(), "not in order"},
		"beyond the last":    {batchSpec{count: 1, payload: rec(7), lastDelta: 6}.bytes(), "not in order"},
		"negative count":     {batchSpec{count: -1, payload: rec(0)}.bytes(), "header is impossible"},
		"unknown codec":      {batchSpec{attr: 5, values: []string{"v"}}.bytes(), "codec 5"},
		"record too long":    {batchSpec{count: 1, payload: append([]byte{0x7e}, rec(0)...)}.bytes(), "ends early"},
		"record length lies": {batchSpec{count: 1, payload: append(append([]byte{rec(0)[0] + 2}, rec(0)[1:]...), 0)}.bytes(), "longer or shorter"},
		"endless varint":     {batchSpec{count: 1, payload: bytes.Repeat([]byte{0xff}, 20)}.bytes(), "malformed"},
		"headers missing":    {batchSpec{count: 1, payload: []byte{14, 0, 0, 0, 1, 1, 4, 2}}.bytes(), "headers"},
	} {
		_, err := walkAll(t, new(Walker), &Chunk{Raw: tc.raw})
		var e *CorruptBatch
		if !errors.As(err, &e) || !strings.Contains(e.Reason, tc.want) {
			t.Errorf("%s: got %v, want a corrupt batch: %s", name, err, tc.want)
		}
	}
}

// A small batch that unpacks to a lot is refused before it takes the memory.
func TestBombs(t *testing.T) {
	bomb := make([]byte, 8<<20)
	for _, p := range packers[1:] {
		w := Walker{inflater: inflater{limit: 1 << 20}}
		_, err := walkAll(t, &w, &Chunk{Raw: batchSpec{attr: p.attr, count: 1, payload: bomb, pack: p.pack}.bytes()})
		var e *CorruptBatch
		if !errors.As(err, &e) {
			t.Errorf("%s: %v", p.name, err)
		}
		if cap(w.inflater.buf) > 2<<20 {
			t.Errorf("%s: kept %d bytes", p.name, cap(w.inflater.buf))
		}
	}
	// Snappy says how long it gets: a lie of 4 GiB in five bytes.
	_, err := walkAll(t, new(Walker), &Chunk{Raw: batchSpec{attr: codecSnappy, count: 1, payload: []byte{0xff, 0xff, 0xff, 0xff, 0x0f}}.bytes()})
	if err == nil || !strings.Contains(err.Error(), "unpacks to more than") {
		t.Errorf("snappy: %v", err)
	}
}

func TestWalkAllocatesNothingPerRecord(t *testing.T) {
	var values []string
	for i := range 1000 {
		values = append(values, fmt.Sprintf(`{"model":"fraud","n":%d}`, i))
	}
	for _, p := range packers {
		c := Chunk{checked: true, Raw: batchSpec{values: values, attr: p.attr, pack: p.pack}.bytes(), Aborted: []AbortedTxn{{1, 2}}}
		var w Walker
		n := 0
		fn := func(*Rec) error { n++; return nil }
		allocs := testing.AllocsPerRun(10, func() { _ = w.Walk(&c, fn) })
		if n == 0 || allocs > 10 {
			t.Errorf("%s: %v allocations for 1000 records", p.name, allocs)
		}
	}
}
