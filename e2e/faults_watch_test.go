//go:build e2e

package e2e

import (
	"context"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// watcher keeps what the metrics of all processes have said.
type watcher struct {
	mu      sync.Mutex
	samples map[string][]sampled // by series
}

// sampled is a value of one series, summed over processes: for a counter how far
// it has risen since the run began, over all that have counted it.
type sampled struct {
	at time.Time
	v  float64
}

// watch scrapes a place's process until ctx ends.
func (w *watcher) watch(ctx context.Context, addr string) {
	last := map[string]float64{}
	for ctx.Err() == nil {
		scrape(ctx, addr, func(name, labels string, v float64) {
			if strings.HasSuffix(name, "_bucket") {
				return
			}
			series := name + "{" + labels + "}"
			if !strings.HasSuffix(name, "_total") {
				w.note(series, v)
				return
			}
			old, known := last[series]
			if v < old {
				old = 0 // another process counts from zero
			}
			if v > old && known {
				w.add(series, v-old)
			}
			last[series] = v
		})
		select {
		case <-ctx.Done():
		case <-time.After(300 * time.Millisecond):
		}
	}
}

func (w *watcher) note(series string, v float64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.samples[series] = append(w.samples[series], sampled{time.Now(), v})
}

func (w *watcher) add(series string, by float64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.samples[series]
	if len(s) > 0 {
		by += s[len(s)-1].v
	}
	w.samples[series] = append(s, sampled{time.Now(), by})
}

// moved says whether a counter that matches one of some metrics has risen in a span
// of time, or a gauge was higher than in the ten seconds before.
func (w *watcher) moved(metrics []*regexp.Regexp, from, to time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for series, all := range w.samples {
		if !slices.ContainsFunc(metrics, func(m *regexp.Regexp) bool { return m.MatchString(series) }) {
			continue
		}
		before, within, rose := 0., 0., false
		for _, s := range all {
			switch {
			case s.at.Before(from.Add(-10 * time.Second)), s.at.After(to):
			case s.at.Before(from):
				before = max(before, s.v)
			default:
				rose, within = true, max(within, s.v)
			}
		}
		if strings.Contains(series, "_total{") && rose || !strings.Contains(series, "_total{") && within > 1.5*before+1 {
			return true
		}
	}
	return false
}

// sign is what an operator sees of a fault, by docs/runbooks.
type sign struct {
	metrics []*regexp.Regexp // of which one moves
	pages   []string
}

// signs reads the table of docs/runbooks/README.md.
func signs(t *testing.T) map[string]sign {
	t.Helper()
	b, err := os.ReadFile("../docs/runbooks/README.md")
	must(t, err)
	out := map[string]sign{}
	row := regexp.MustCompile("(?m)^\\| ([^|`]+) \\| (`\\w+[^|]*) \\| ([^|]*) \\|$")
	metric := regexp.MustCompile("`(driftd_\\w+)(?:{(\\w+)=~?\"([^\"]+)\"})?`")
	page := regexp.MustCompile(`\[\w+\]\((\w+\.md)\)`)
	for _, m := range row.FindAllStringSubmatch(strings.ReplaceAll(string(b), `\|`, "/"), -1) {
		var s sign
		for _, x := range metric.FindAllStringSubmatch(m[2], -1) {
			pattern := "^" + x[1] + `\{`
			if x[2] != "" {
				pattern += `.*\b` + x[2] + `="(` + strings.ReplaceAll(x[3], "/", "|") + `)"`
			}
			s.metrics = append(s.metrics, regexp.MustCompile(pattern))
		}
		for _, p := range page.FindAllStringSubmatch(m[3], -1) {
			if _, err := os.Stat("../docs/runbooks/" + p[1]); err != nil {
				t.Errorf("%s: %v", m[1], err)
			}
			s.pages = append(s.pages, p[1])
		}
		out[m[1]] = s
	}
	return out
}
