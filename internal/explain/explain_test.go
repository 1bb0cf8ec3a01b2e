package explain_test

import (
	"bytes"
	"encoding/json"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/detectors"
	"github.com/driftd/driftd/internal/detect"
	"github.com/driftd/driftd/internal/explain"
	"github.com/driftd/driftd/internal/reference"
	"github.com/driftd/driftd/internal/replay"
)

// incident replays a week of hours that shifts on its second day.
func incident(t *testing.T) *explain.Input {
	t.Helper()
	rng := rand.New(rand.NewPCG(5, 5))
	rows := func(hours int, shift float64) *memory {
		m := &memory{}
		for i := range hours * 200 {
			s, country := 0., "DE"
			if i >= 24*200 {
				s = shift
			}
			if rng.Float64() < .4+s/2 {
				country = "FR"
			}
			m.at = append(m.at, int64(i)*int64(18*time.Second))
			m.json = append(m.json, []byte(`{"model":"m","features":{"x":`+strconv.FormatFloat(rng.NormFloat64()+s, 'f', 5, 64)+`,"country":"`+country+`"}}`))
		}
		return m
	}
	ref := rows(24*7, 0)
	lengths := []time.Duration{time.Hour}
	b, _, err := reference.Build(func() (reference.Source, error) { return ref.again(), nil }, reference.Options{Model: "m", Lengths: lengths, Location: time.UTC})
	if err != nil {
		t.Fatal(err)
	}
	results, _, err := replay.Run(rows(72, .4), replay.Options{Bundle: b, Lengths: lengths, Location: time.UTC, RowClock: true,
		Rules: func(driftd.Series) detect.Rules {
			return detect.Rules{PagesPerWeek: .1, Policy: replay.DefaultPolicy()}
		}})
	if err != nil {
		t.Fatal(err)
	}
	in := &explain.Input{Layout: b.Layout, Reference: b.Of(driftd.AllSegment)}
	for _, r := range results {
		if r.Incident != nil {
			in.Changes = append(in.Changes, *r.Incident)
		}
		if r.Column != nil {
			in.Columns = append(in.Columns, *r.Column)
		}
	}
	if len(in.Changes) == 0 {
		t.Fatal("no incident")
	}
	return in
}

// The numbers of an explanation are those that decided: p is the least of the
// tests' p-values over their shares, a test flags where the column did, and
// today's budget pages when the incident opened.
func TestExplanationIsTheDecision(t *testing.T) {
	in := incident(t)
	e := explain.Explain(in)
	if len(e.Columns) != 2 {
		t.Fatalf("%d columns explained, of %+v", len(e.Columns), in.Changes[len(in.Changes)-1].Columns)
	}
	for _, c := range e.Columns {
		least, flags := 1., 0
		for _, x := range c.Tests {
			if math.IsNaN(float64(x.PValue)) {
				continue
			}
			least = math.Min(least, float64(x.PValue)/(float64(x.Level)/float64(c.Alpha)))
			if x.Formula == "" {
				t.Errorf("%s: %s has no formula", c.Column, x.Name)
			}
			if x.Flags {
				flags++
			}
		}
		if math.Abs(least/float64(c.PValue)-1) > 1e-9 || flags == 0 {
			t.Errorf("%s: p %v, its tests give %v, and %d flag", c.Column, c.PValue, least, flags)
		}
		part := 0.
		for _, b := range c.Bins {
			part += float64(b.Part)
			if b.Part <= 0 || float64(b.Z)*(float64(b.Window)-float64(b.Reference)) < 0 {
				t.Errorf("%s: %+v", c.Column, b)
			}
		}
		if len(c.Bins) == 0 || part > 1+1e-9 {
			t.Errorf("%s: bins %+v", c.Column, c.Bins)
		}
		var before time.Time
		for i, b := range c.Budgets {
			if b.Page == nil {
				t.Errorf("%s: a budget of %g times pages never", c.Column, b.Times)
				continue
			}
			if b.Times == 1 && !b.Page.Equal(in.Changes[0].OpenedAt) && c.Column == "x" {
				t.Errorf("%s: today's budget pages at %v, the incident opened at %v", c.Column, b.Page, in.Changes[0].OpenedAt)
			}
			if i > 0 && b.Page.After(before) {
				t.Errorf("%s: a larger budget pages later", c.Column)
			}
			before = *b.Page
		}
	}
	// For people, and for programs.
	var b bytes.Buffer
	if err := e.Print(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"x, window ", "  location ", "WHAT MOVED", "At other budgets, of ", "FR  "} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("it does not say %q:\n%s", want, &b)
		}
	}
	j, err := json.Marshal(e)
	if err != nil || bytes.Contains(j, []byte("NaN")) {
		t.Errorf("as JSON: %v", err)
	}
	// Without the reference all but the bins is there.
	in.Reference = nil
	if e := explain.Explain(in); len(e.Columns) != 2 || len(e.Columns[0].Bins) != 0 {
		t.Errorf("without a reference: %+v", e.Columns)
	}
}

// Every test of the rule has a share and a formula; the shares of a kind's tests
// are no more than the level.
func TestSharesAndFormulas(t *testing.T) {
	for kind, names := range map[driftd.Kind][]string{
		driftd.Numeric:     {"location", "spread", "skew", "tails", "residual", "null_rate", "nan_rate", "range_rate", "type_rate"},
		driftd.Categorical: {"category", "residual", "null_rate", "new_level_rate", "type_rate"},
	} {
		sum := 0.
		for _, name := range names {
			s := detectors.ShareOf(kind, name)
			if sum += s; !(s > 0) || detectors.Formula(name) == "" {
				t.Errorf("%v %s: share %v, formula %q", kind, name, s, detectors.Formula(name))
			}
		}
		if math.Abs(sum-1) > 1e-12 {
			t.Errorf("%v: the shares are %v together", kind, sum)
		}
	}
}
