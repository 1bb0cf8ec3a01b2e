package pipeline

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/alerts"
	"github.com/driftd/driftd/internal/embedded"
	"github.com/driftd/driftd/internal/wire"
)

var amount = regexp.MustCompile(`"amount":([0-9.]+)`)

// broken is traffic of which something breaks half an hour after live and is whole
// again half an hour later.
func broken(ev *events, live time.Time, how func(i int, json []byte) []byte) *events {
	out := &events{at: ev.at, key: ev.key}
	for i, j := range ev.json {
		if at := ev.at[i].Sub(live); at >= 30*time.Minute && at < time.Hour {
			j = how(i, slices.Clone(j))
		}
		out.json = append(out.json, j)
	}
	return out
}

// dense is traffic of which each event comes n times.
func (e *events) dense(n int) *events {
	out := &events{}
	for i := range e.json {
		for range n {
			out.json, out.at, out.key = append(out.json, e.json[i]), append(out.at, e.at[i]), append(out.key, e.key[i])
		}
	}
	return out
}

// What breaks a schema is told within three panes and once, by a process that is
// stopped and started in the middle too, and is no drift of the windows as well.
func TestSchemaBreaks(t *testing.T) {
	live := embedded.LiveStart
	end := live.Add(3 * time.Hour)
	bundle := buildBundle(t, embedded.Fraud, live.Add(-3*24*time.Hour), live)
	thin := traffic(t, embedded.Fraud, live, end, false) // some 8 events a minute
	dense := thin.dense(20)
	rename := func(_ int, j []byte) []byte { return bytes.Replace(j, []byte(`"amount"`), []byte(`"amt"`), 1) }
	cases := map[string]struct {
		how    func(i int, json []byte) []byte
		column string
		thin   bool
		says   []string
	}{
		"renamed field": {rename, "amount", false,
			[]string{"amount: gone: 100 % of events lack it or have null, usually ", "Columns that came instead, or are new: amt."}},
		"other type": {func(_ int, j []byte) []byte { return amount.ReplaceAll(j, []byte(`"amount":"$1"`)) }, "amount", false,
			[]string{"amount: another type: 100 % of its values, usually 0 %"}},
		"half-broken producer": {func(i int, j []byte) []byte {
			if i%2 == 0 {
				return j[:len(j)/2]
			}
			return j
		}, alerts.BreakRecords, false, []string{"(records): undecodable: ", "read the reasons in the dead letters topic"}},
		"half of it null": {func(i int, j []byte) []byte {
			if i%2 == 0 {
				return amount.ReplaceAll(j, []byte(`"amount":null`))
			}
			return j
		}, "amount", false, []string{"amount: gone: "}},
		"renamed field, thin traffic": {rename, "amount", true, []string{"amount: gone: "}},
		"whole":                       {func(_ int, j []byte) []byte { return j }, "", false, nil},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// Looks are at minutes where these have events enough, else at as many as do.
			ev, opens, over := broken(dense, live, c.how), 33*time.Minute, 63*time.Minute
			if c.thin {
				ev, opens, over = broken(thin, live, c.how), 49*time.Minute, 83*time.Minute
			}
			w := newWorld(t, "predictions", 2)
			w.bundle = []*wire.Bundle{bundle}
			w.source = func(s *Source) { s.Model = embedded.Fraud }
			var clock atomic.Int64
			clock.Store(live.UnixNano())
			w.now = func() time.Time { return time.Unix(0, clock.Load()) }
			tb := newTable()
			// Stopped while the break begins, while it lasts, and after it.
			cuts := []time.Duration{0, 31 * time.Minute, 50 * time.Minute, 90 * time.Minute, 3 * time.Hour}
			for i := range len(cuts) - 1 {
				from, _ := slices.BinarySearchFunc(ev.at, live.Add(cuts[i]), time.Time.Compare)
				to, _ := slices.BinarySearchFunc(ev.at, live.Add(cuts[i+1]), time.Time.Compare)
				w.produce(2, &events{json: ev.json[from:to], at: ev.at[from:to], key: ev.key[from:to]})
				clock.Store(ev.at[to-1].UnixNano())
				if i == len(cuts)-2 {
					clock.Store(end.Add(10 * time.Minute).UnixNano())
				}
				pr := w.start(tb)
				if i < len(cuts)-2 {
					time.Sleep(700 * time.Millisecond)
				} else {
					await(t, "the last windows", func() bool { return tb.closedUntil(end) == 3 })
					time.Sleep(300 * time.Millisecond)
				}
				pr.end(t)
			}
			if len(tb.differ) > 0 {
				t.Fatalf("%d results were written twice with different content; the first:\n%s", len(tb.differ), tb.differ[0])
			}
			var told, opened []string
			for id, row := range tb.rows {
				if !strings.HasPrefix(id, "incident") || strings.Contains(row, `"segment":"country`) {
					continue
				}
				told = append(told, strings.Join([]string{field(row, "type"), field(row, "state"), field(row, "severity"), field(row, "drift_since"), field(row, "changed_at")}, " "))
				if field(row, "state") == driftd.StateOpen {
					opened = append(opened, row)
				}
			}
			slices.Sort(told)
			var want []string
			if c.column != "" {
				at := func(after time.Duration) string { return live.Add(after).UTC().Format(time.RFC3339) }
				want = []string{"schema_break open page " + at(30*time.Minute) + " " + at(opens), "schema_break resolved page " + at(30*time.Minute) + " " + at(over)}
			}
			if diff := cmp.Diff(want, told); diff != "" {
				t.Errorf("incidents of all (-want +got):\n%s", diff)
			}
			for _, row := range opened {
				for _, s := range c.says {
					if !strings.Contains(row, s) {
						t.Errorf("it does not say %q: %s", s, field(row, "summary"))
					}
				}
			}
		})
	}
}

// field is a text of a JSON object.
func field(row, name string) string {
	_, rest, _ := strings.Cut(row, `"`+name+`":"`)
	value, _, _ := strings.Cut(rest, `"`)
	return value
}
