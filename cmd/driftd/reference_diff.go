package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"text/tabwriter"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/detectors"
	"github.com/driftd/driftd/internal/config"
	"github.com/driftd/driftd/internal/picture"
	"github.com/driftd/driftd/internal/pipeline"
	"github.com/driftd/driftd/internal/wire"
)

type diffCmd struct {
	A       string `arg:"" help:"Reference file, or how a fingerprint begins."`
	B       string `arg:"" help:"The other one."`
	Config  string `short:"c" default:"driftd.yml" placeholder:"driftd.yml" help:"Config with the brokers, for fingerprints."`
	Segment string `default:"all" placeholder:"NAME" help:"Segment of reference files."`
	All     bool   `help:"Draw every column, not only the three that differ most."`
	JSON    bool   `name:"json" help:"For programs."`
}

// Help is shown by --help.
func (diffCmd) Help() string {
	return `Examples:
  driftd reference diff january.ref february.ref
  driftd reference diff 3fa2c01b 77d41a02 -c driftd.yml

Sizes are display measures of the two distributions: no test, no verdict.`
}

// pair is a column in both references.
type pair struct {
	Column string       `json:"column"`
	Kind   string       `json:"kind"`
	PSI    driftd.Float `json:"psi"`
	JS     driftd.Float `json:"js"`
	W1     driftd.Float `json:"w1_sd"` // numeric: Wasserstein distance in standard deviations of A
	MeanA  driftd.Float `json:"mean_a"`
	MeanB  driftd.Float `json:"mean_b"`
	NullsA driftd.Float `json:"nulls_a"` // shares
	NullsB driftd.Float `json:"nulls_b"`
	Note   string       `json:"note,omitempty"`

	layout *driftd.ColumnLayout
	a, b   *driftd.ColumnProfile
}

// side is one of the two.
type side struct {
	ref    *driftd.Reference
	layout *driftd.Layout
}

// Run implements the command.
func (c *diffCmd) Run(ctx context.Context) error {
	var both [2]side
	var prefixes []int
	for i, name := range []string{c.A, c.B} {
		if !wire.IsReferenceFile(name) {
			prefixes = append(prefixes, i)
			continue
		}
		b, err := wire.ReadFile(name)
		if err != nil {
			return err
		}
		if both[i] = (side{b.Of(c.Segment), b.Layout}); both[i].ref == nil {
			return fmt.Errorf("reference %s has no segment %q", name, c.Segment)
		}
	}
	if len(prefixes) > 0 {
		err := withLibrary(ctx, c.Config, func(_ context.Context, _ *config.Config, lib *pipeline.Library) (err error) {
			for _, i := range prefixes {
				if both[i].ref, both[i].layout, err = lib.Find([]string{c.A, c.B}[i]); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	pairs := comparePairs(both[0], both[1])
	if c.JSON {
		enc := json.NewEncoder(os.Stdout)
		enc.SetIndent("", "  ")
		return enc.Encode(pairs)
	}
	c.print(both, pairs)
	return nil
}

func comparePairs(a, b side) []pair {
	out := []pair{}
	nan := driftd.Float(math.NaN())
	for i := range a.layout.Columns {
		l := &a.layout.Columns[i]
		p := pair{Column: l.Name, Kind: l.Kind.String(), PSI: nan, JS: nan, W1: nan, MeanA: nan, MeanB: nan, NullsA: nan, NullsB: nan, layout: l, a: &a.ref.Columns[i].Profile}
		p.NullsA = nullShare(&a.ref.Columns[i])
		j := b.layout.IndexOf(l.Name)
		switch {
		case j < 0:
			p.Note = "only in the first"
		case b.layout.Columns[j].Kind != l.Kind:
			p.Note = "another kind in the second: " + b.layout.Columns[j].Kind.String()
		default:
			p.compare(a.layout.Fingerprint == b.layout.Fingerprint, &b.layout.Columns[j], &b.ref.Columns[j])
		}
		out = append(out, p)
	}
	for i := range b.layout.Columns {
		if l := &b.layout.Columns[i]; a.layout.IndexOf(l.Name) < 0 {
			out = append(out, pair{Column: l.Name, Kind: l.Kind.String(), PSI: nan, JS: nan, W1: nan, MeanA: nan, MeanB: nan, NullsA: nan, NullsB: nullShare(&b.ref.Columns[i]), Note: "only in the second"})
		}
	}
	slices.SortStableFunc(out, func(x, y pair) int { return cmp.Compare(size(y), size(x)) })
	return out
}

// size ranks: what is in one of them alone first.
func size(p pair) float64 {
	if math.IsNaN(float64(p.JS)) {
		if p.Note != "" {
			return math.Inf(1)
		}
		return float64(p.W1)
	}
	return float64(p.JS)
}

func nullShare(c *driftd.ColumnReference) driftd.Float {
	n := float64(c.Profile.Present() + c.Missing)
	if n == 0 {
		return driftd.Float(math.NaN())
	}
	return driftd.Float(float64(c.Missing+c.Profile.Classes[driftd.Null]) / n)
}

// compare fills the numbers in. Bins can be compared in one layout alone; means
// and distances in any.
func (p *pair) compare(same bool, lb *driftd.ColumnLayout, b *driftd.ColumnReference) {
	p.b = &b.Profile
	p.NullsB = nullShare(b)
	if p.layout.Kind == driftd.Numeric && p.a.Placed() > 0 && p.b.Placed() > 0 && p.layout.Bins() > 0 && lb.Bins() > 0 {
		ma, mb := detectors.BinMasses(p.layout, p.a), detectors.BinMasses(lb, p.b)
		meanA, sd := detectors.Moments(ma)
		meanB, _ := detectors.Moments(mb)
		p.MeanA, p.MeanB = driftd.Float(meanA), driftd.Float(meanB)
		if sd > 0 {
			p.W1 = driftd.Float(detectors.Wasserstein1(ma, mb) / sd)
		}
	}
	if !same {
		p.Note = "another layout: its bins cannot be compared"
		return
	}
	if p.layout.Kind == driftd.Pairs {
		p.Note = movedPair(p.layout, p.a.Pairs, p.b.Pairs)
		return
	}
	if p.a.Placed() == 0 || p.b.Placed() == 0 {
		return
	}
	qa, qb := detectors.Smoothed(countsOf(p.a)), detectors.Smoothed(countsOf(p.b))
	p.PSI, p.JS = driftd.Float(detectors.PSI(qb, qa)), driftd.Float(detectors.JSDistance(qb, qa))
}

func countsOf(c *driftd.ColumnProfile) (out []float64) {
	for _, n := range binsOf(c) {
		out = append(out, float64(n))
	}
	return out
}

// binsOf are the counts as driftd.ColumnResult has them.
func binsOf(c *driftd.ColumnProfile) (out []uint64) {
	if c.Bins == nil {
		return append(append(out, c.Counts...), c.Classes[driftd.RareLevel], c.Classes[driftd.NewLevel])
	}
	for _, b := range c.Bins {
		out = append(out, b.Count)
	}
	return out
}

func (c *diffCmd) print(both [2]side, pairs []pair) {
	for i, s := range both {
		fmt.Printf("%c  %s  model %s, segment %s, %s events, %s\n", 'A'+rune(i), shortName(s.ref.Fingerprint), s.ref.Model, s.ref.Segment, thousands(s.ref.Events), s.ref.Source)
	}
	fmt.Println()
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "COLUMN\tKIND\tPSI\tJS\tW1/SD\tMEAN A\tMEAN B\tNULL A\tNULL B\t")
	for _, p := range pairs {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", p.Column, p.Kind, cell(p.PSI), cell(p.JS), cell(p.W1), cell(p.MeanA), cell(p.MeanB), percent(p.NullsA), percent(p.NullsB), p.Note)
	}
	_ = w.Flush() // to stdout
	drawn := 0
	for _, p := range pairs {
		if p.b == nil || p.Note != "" || !c.All && drawn == 3 {
			continue
		}
		drawn++
		fmt.Printf("\n%s (░ A, █ B)\n%s", p.Column, picture.Column(p.layout, p.a, binsOf(p.b)))
	}
}

func cell(f driftd.Float) string {
	if math.IsNaN(float64(f)) {
		return "-"
	}
	return fmt.Sprintf("%.3g", float64(f))
}

func percent(f driftd.Float) string {
	if math.IsNaN(float64(f)) {
		return "-"
	}
	return fmt.Sprintf("%.1f %%", 100*float64(f))
}
