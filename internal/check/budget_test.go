package check

import (
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/alerts"
	"github.com/driftd/driftd/detectors"
	"github.com/driftd/driftd/detectors/classic"
	"github.com/driftd/driftd/internal/detect"
	"github.com/driftd/driftd/internal/reference"
)

// normals is 60 hours of 200 events: a reference.Source.
type normals struct {
	i   int
	rng *rand.Rand
}

// Next implements reference.Source.
func (n *normals) Next() ([]byte, int64, error) {
	if n.i == 60*200 {
		return nil, 0, io.EOF
	}
	n.i++
	return fmt.Appendf(nil, `{"model":"m","features":{"x":%v,"y":%v,"c":%q}}`, n.rng.NormFloat64(), n.rng.NormFloat64(), []string{"a", "b"}[n.rng.IntN(2)]), int64(n.i) * int64(18*time.Second), nil
}

// Classic rules say how often they err, leave the budget to the other columns, and
// are refused where they can say nothing.
func TestClassicRules(t *testing.T) {
	lengths := []time.Duration{time.Hour}
	b, _, err := reference.Build(func() (reference.Source, error) { return &normals{rng: rand.New(rand.NewPCG(1, 1))}, nil },
		reference.Options{Model: "m", Lengths: lengths, Location: time.UTC})
	if err != nil {
		t.Fatal(err)
	}
	rule := func(name string, at float64) *classic.Rule {
		return &classic.Rule{Limits: []classic.Limit{{Measure: detectors.MeasureNamed(name), At: at}}}
	}
	use := detect.Use{From: driftd.MinTime, Layout: b.Layout, Reference: b.Of(driftd.AllSegment)}
	rules := detect.Rules{Series: driftd.Series{Model: "m", Segment: "all"}, Lengths: lengths, Location: time.UTC, PagesPerWeek: 1, SeriesCount: 1, Policy: &alerts.Policy{}, Uses: []detect.Use{use}}
	for name, c := range map[string]struct {
		classic map[string]*classic.Rule
		want    []string
	}{
		"none":  {nil, []string{"3 columns x 1 series"}},
		"some":  {map[string]*classic.Rule{"x": rule("ks_p", .05)}, []string{"2 columns x 1 series", "1 column under classic rules: without drift some ", "most from x ({ks_p: 0.05}): ", "of windows of about 256 values"}},
		"all":   {map[string]*classic.Rule{"": rule("psi", .2)}, []string{"no column is judged by driftd's rule", "3 columns under classic rules"}},
		"unfit": {map[string]*classic.Rule{"c": rule("ks", .1)}, []string{"columns.c: rule {ks: 0.1} is for numbers, and this column has categories: use psi, kl, js"}},
	} {
		rules := rules
		rules.Classic = c.classic
		l := &list{area: AreaBudget}
		u := &InUse{Model: "m", Use: use, Rules: rules}
		l.tests(u)
		l.classic(u)
		var said strings.Builder
		for _, r := range l.out {
			fmt.Fprintf(&said, "%s %s %s\n", r.Status, r.Found, r.Mend)
		}
		for _, want := range c.want {
			if !strings.Contains(said.String(), want) {
				t.Errorf("%s: it does not say %q:\n%s", name, want, &said)
			}
		}
	}
}
