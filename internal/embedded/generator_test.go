package embedded

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"testing"
	"time"
)

type native struct {
	Model, Version string
	Time           time.Time
	Tags           map[string]string
	Features       map[string]any
	Prediction     map[string]any
}

func each(t testing.TB, g *Generator, model string, from, to time.Time, changed bool, fn func(*Event, *native)) {
	t.Helper()
	err := g.Events(from, to, changed, func(e *Event) error {
		if model != "" && e.Model != model {
			return nil // decoding is what these tests spend their time on
		}
		var n native
		d := json.NewDecoder(bytes.NewReader(e.JSON))
		if err := d.Decode(&n); err != nil {
			return fmt.Errorf("%s: %w", e.JSON, err)
		}
		fn(e, &n)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func digest(t testing.TB, g *Generator, from, to time.Time, changed bool) (sum uint64, n int) {
	t.Helper()
	h := fnv.New64a()
	if err := g.Events(from, to, changed, func(e *Event) error {
		n++
		fmt.Fprintf(h, "%s %s %d %s\n", e.Model, e.Key, e.At.UnixMilli(), e.JSON)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return h.Sum64(), n
}

func TestSameSeedSameBytes(t *testing.T) {
	from, to := LiveStart.Add(-6*time.Hour), LiveStart.Add(14*time.Hour)
	a, na := digest(t, New(1, LiveStart), from, to, true)
	b, nb := digest(t, New(1, LiveStart), from, to, true)
	c, _ := digest(t, New(2, LiveStart), from, to, true)
	if a != b || na != nb {
		t.Errorf("the same seed gave %x (%d events), then %x (%d)", a, na, b, nb)
	}
	if a == c {
		t.Error("two seeds gave the same traffic")
	}
	// The first 18 hours are clean: the live span's first change comes after 12 hours.
	clean, _ := digest(t, New(1, LiveStart), from, LiveStart.Add(12*time.Hour), false)
	same, _ := digest(t, New(1, LiveStart), from, LiveStart.Add(12*time.Hour), true)
	if clean != same {
		t.Error("traffic before the first change depends on the changes")
	}
}

// A span must be the sum of its parts: a reader that stops and goes on sees
// what one that never stopped saw.
func TestSpansJoin(t *testing.T) {
	g := New(3, LiveStart)
	collect := func(cuts ...time.Time) (out []string) {
		for i := range cuts[1:] {
			if err := g.Events(cuts[i], cuts[i+1], true, func(e *Event) error {
				out = append(out, string(e.Key)+string(e.JSON))
				return nil
			}); err != nil {
				t.Fatal(err)
			}
		}
		return out
	}
	a, z := LiveStart.Add(11*time.Hour), LiveStart.Add(13*time.Hour)
	whole := collect(a, z)
	parts := collect(a, a.Add(17*time.Second), a.Add(61*time.Minute+time.Millisecond), a.Add(61*time.Minute+2*time.Millisecond), z)
	if len(whole) != len(parts) || len(whole) < 1000 {
		t.Fatalf("%d events at once, %d in parts", len(whole), len(parts))
	}
	for i := range whole {
		if whole[i] != parts[i] {
			t.Fatalf("event %d: %s at once, %s in parts", i, whole[i], parts[i])
		}
	}
}

func TestOrderAndError(t *testing.T) {
	g := New(4, LiveStart)
	from, to := LiveStart.Add(90*time.Second), LiveStart.Add(5*time.Hour)
	last := from
	each(t, g, "", from, to, true, func(e *Event, n *native) {
		if e.At.Before(last) || !e.At.Before(to) {
			t.Fatalf("event at %v after one at %v, span %v to %v", e.At, last, from, to)
		}
		if !n.Time.Equal(e.At) || n.Model != e.Model {
			t.Fatalf("event of %s at %v says %s", e.Model, e.At, e.JSON)
		}
		last = e.At
	})
	stop, calls := errors.New("stop"), 0
	if err := g.Events(from, to, true, func(*Event) error { calls++; return stop }); !errors.Is(err, stop) || calls != 1 {
		t.Errorf("after an error: %v, %d calls", err, calls)
	}
}

// Every hour of every model has more than 200 events, and the day has a rhythm.
func TestRates(t *testing.T) {
	g := New(5, LiveStart)
	const days = 6
	hours := map[string]*[24 * days]int{}
	if err := g.Events(LiveStart.Add(-days*24*time.Hour), LiveStart, false, func(e *Event) error {
		h := hours[e.Model]
		if h == nil {
			h = new([24 * days]int)
			hours[e.Model] = h
		}
		h[int(e.At.Sub(LiveStart.Add(-days*24*time.Hour))/time.Hour)]++
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for _, m := range Models() {
		total, day, night := 0, 0, 0
		for i, n := range hours[m] {
			total += n
			switch {
			case n <= 200:
				t.Errorf("%s: %d events in hour %d", m, n, i)
			case i%24 == 15:
				day += n
			case i%24 == 3:
				night += n
			}
		}
		mean := float64(total) / (24 * days)
		if math.Abs(mean-perHour) > 25 { // 700 +- 5 standard errors at a design effect of 2
			t.Errorf("%s: %.0f events an hour", m, mean)
		}
		if r := float64(day) / float64(night); r < 2 || r > 2.7 { // 1.4/.6 = 2.33
			t.Errorf("%s: %d events at 15:00, %d at 03:00", m, day, night)
		}
	}
}

// numbers gathers means and standard deviations of the numeric columns.
type numbers map[string]*[3]float64

func (m numbers) add(key string, v any) {
	x, ok := v.(float64)
	if !ok {
		return
	}
	s := m[key]
	if s == nil {
		s = new([3]float64)
		m[key] = s
	}
	s[0]++
	s[1] += x
	s[2] += x * x
}

func (m numbers) mean(key string) (mean, sd, n float64) {
	s := m[key]
	if s == nil {
		return math.NaN(), math.NaN(), 0
	}
	mean = s[1] / s[0]
	return mean, math.Sqrt(max(0, s[2]/s[0]-mean*mean)), s[0]
}

// gather counts per model: numbers by column (amount and price by logarithm,
// scores by logit), and shares of levels and nulls.
func gather(t testing.TB, model string, from, to time.Time, changed bool, keep func(*native) bool) (numbers, map[string]float64) {
	t.Helper()
	g := New(6, LiveStart)
	nums, levels := numbers{}, map[string]float64{}
	each(t, g, model, from, to, changed, func(e *Event, n *native) {
		if !keep(n) {
			return
		}
		levels[n.Model]++
		levels[n.Model+" version "+n.Version]++
		levels[n.Model+" country "+n.Tags["country"]]++
		for k, v := range n.Features {
			if f, ok := v.(float64); ok && (k == "amount" || k == "price") {
				v = math.Log(f)
			}
			nums.add(n.Model+" "+k, v)
			if _, ok := v.(float64); !ok {
				levels[fmt.Sprintf("%s %s %v", n.Model, k, v)]++
			}
		}
		s := n.Prediction["score"].(float64)
		nums.add(n.Model+" score", math.Log(s/(1-s)))
		if c, ok := n.Prediction["class"]; ok {
			levels[fmt.Sprintf("%s class %v", n.Model, c)]++
		}
	})
	return nums, levels
}

func any1(*native) bool { return true }

// With changed false the two halves of a span look alike, and what the
// constants promise is there.
func TestCleanHalves(t *testing.T) {
	const half = 24 * time.Hour
	a, la := gather(t, "", LiveStart, LiveStart.Add(half), false, any1)
	b, lb := gather(t, "", LiveStart.Add(half), LiveStart.Add(2*half), false, any1)
	for k := range a {
		ma, sa, na := a.mean(k)
		mb, _, nb := b.mean(k)
		// 5 standard errors at a design effect of 3 (sessions, users who come back).
		if se := sa * math.Sqrt(3*(1/na+1/nb)); math.Abs(ma-mb) > 5*se {
			t.Errorf("%s: mean %.4f, then %.4f (se %.4f)", k, ma, mb, se)
		}
	}
	if len(a) != len(b) || len(la) != len(lb) {
		t.Errorf("%d and %d numeric columns, %d and %d levels", len(a), len(b), len(la), len(lb))
	}
	for k, x := range la {
		m := k
		for _, name := range Models() {
			if len(k) >= len(name) && k[:len(name)] == name {
				m = name
			}
		}
		p, q := x/la[m], lb[k]/lb[m]
		if se := math.Sqrt(3 * p * (1 - p) * (1/la[m] + 1/lb[m])); math.Abs(p-q) > 5*se+1e-12 {
			t.Errorf("%s: share %.4f, then %.4f (se %.4f)", k, p, q, se)
		}
	}
	share := func(k, m string) float64 { return la[k] / la[m] }
	for k, want := range map[string]float64{"fraud country DE": .45, "fraud is_foreign true": .08, "fraud merchant_type grocery": .34, "churn age <nil>": .02, "ranking category c00": .2337} {
		if got := share(k, k[:len(k)-len(trimModel(k))]); math.Abs(got-want) > 5*math.Sqrt(3*want*(1-want)/la[k[:len(k)-len(trimModel(k))]]) {
			t.Errorf("%s: share %.4f, want %.3f", k, got, want)
		}
	}
	if la["fraud merchant_type crypto"] != 0 || la["ranking version 8"] != 0 {
		t.Error("clean traffic holds changes")
	}
	for k, want := range map[string]float64{"fraud amount": .9, "churn monthly_fee": feeSD, "ranking score": scoreSD} {
		if _, sd, _ := a.mean(k); math.Abs(sd/want-1) > .06 {
			t.Errorf("%s: sd %.3f, the changes are sized for %.3f", k, sd, want)
		}
	}
}

func trimModel(k string) string {
	for _, m := range Models() {
		if len(k) > len(m) && k[:len(m)] == m {
			return k[len(m):]
		}
	}
	return k
}

// Events of a session resemble each other: one event in four follows another of
// its session, and their amounts correlate by .35.
func TestSessions(t *testing.T) {
	type last struct {
		at     time.Time
		amount float64
	}
	seen := map[string]last{}
	var n, pairs, sx, sxx, sxy float64
	each(t, New(7, LiveStart), Fraud, LiveStart, LiveStart.Add(36*time.Hour), false, func(e *Event, ev *native) {
		n++
		x := math.Log(ev.Features["amount"].(float64)) - 3.6
		if l, ok := seen[string(e.Key)]; ok && e.At.Sub(l.at) < maxGap*time.Millisecond {
			pairs++
			sxy += x * l.amount
		}
		seen[string(e.Key)] = last{e.At, x}
		sx += x
		sxx += x * x
	})
	if p := pairs / n; p < .2 || p > .3 {
		t.Errorf("%.2f of events follow another of their session", p)
	}
	icc := (sxy / pairs) / (sxx / n)
	if icc < .28 || icc > .42 {
		t.Errorf("amounts within a session correlate by %.2f", icc)
	}
}

func TestAppendFixed(t *testing.T) {
	for _, c := range []struct {
		x    float64
		d    int
		want string
	}{{0, 2, "0.00"}, {12.345, 2, "12.35"}, {.004, 2, "0.00"}, {.99999, 2, "1.00"}, {-1.5, 1, "-1.5"}, {44, 0, "44"}, {.00012, 5, "0.00012"}} {
		if got := string(appendFixed(nil, c.x, c.d)); got != c.want {
			t.Errorf("%v with %d decimals: %s, want %s", c.x, c.d, got, c.want)
		}
	}
}

// BenchmarkEvents is the cost of one event.
func BenchmarkEvents(b *testing.B) {
	g := New(1, LiveStart)
	n, size := 0, 0
	done := errors.New("done")
	b.ReportAllocs()
	for n < b.N {
		_ = g.Events(LiveStart.Add(-ReferenceSpan), LiveStart.Add(LiveSpan), true, func(e *Event) error {
			n, size = n+1, size+len(e.JSON)
			if n >= b.N {
				return done
			}
			return nil
		})
	}
	b.SetBytes(int64(size / n))
}
