package detectors

import (
	"math"
	"slices"

	"github.com/driftd/driftd"
)

// ShareOf is the part of a column's level that a test has: it flags at a p-value
// of at most alpha times this. NaN for what decides nothing.
func ShareOf(kind driftd.Kind, test string) float64 {
	if test == TestPairs {
		return 1
	}
	numeric := kind == driftd.Numeric
	if k := slices.Index(scoreNames[:], test); k >= 0 && numeric {
		return numericShape * scoreWeights[k]
	}
	of := map[string]float64{TestResidual: categoryResidual, TestNull: categoryNull, TestNew: categoryNew, TestTypeError: categoryNew, TestCategory: categoryShare}
	if numeric {
		of = map[string]float64{TestResidual: numericResidual, TestMinority: numericShape, TestNull: numericNull, TestNaN: numericNull, TestRange: numericRange, TestTypeError: numericRange}
	}
	if share, ok := of[test]; ok {
		return share
	}
	return math.NaN()
}

const (
	scoreFormula = "c = sum q_i h(i) over bins, less its usual value at this hour where there is one; p = 2 P(T > (|c| - 0.05)/se), se^2 = v(n)(1 + 1/R), and 1 below |c| = 0.14"
	upperFormula = "x of n against the reference's share p0 plus its tolerance, windows' own variance in se; p = P(rate > x/n), one-sided"
	twoFormula   = "x of n against the reference's share p0 with its tolerance on either side, windows' own variance in se; p two-sided"
)

// Formula says how a test of the rule comes to its p-value, in a line; "" for a
// name that is none. Sources stand beside the code: smooth.go, residual.go, rate.go.
func Formula(test string) string {
	return map[string]string{
		TestLocation: scoreFormula, TestSpread: scoreFormula, TestSkew: scoreFormula, TestTails: scoreFormula,
		TestResidual:  "Xr = sum (q_i - p_i)^2/p_i - sum c_k^2; log(n Xr) against its mean and sd over reference windows, by Student's t; 1 where Xr less its usual value is below 0.02",
		TestPairs:     "of all pairs of numeric columns the one that moved most: d = mean z_i z_j less its usual value (by size: 4(|z|-.87) instead of z), z ranks in reference sd; p = 2 P(T > (|d| - 0.05)/se) times twice the number of pairs (Bonferroni), and 1 below |d| = 0.10",
		TestNull:      twoFormula,
		TestNaN:       twoFormula,
		TestRange:     upperFormula,
		TestTypeError: upperFormula,
		TestNew:       upperFormula,
		TestMinority:  upperFormula,
		TestCategory:  "the level that moved most: its share against the reference's, as a rate on either side; p times the number of levels (Bonferroni); 1 where the divergence less its usual value is below 0.02",
	}[test]
}

// BinMove is how one bin or level of a window differs from the reference.
type BinMove struct {
	Name      string       `json:"name"`
	Reference driftd.Float `json:"reference"` // share, 0 to 1
	Window    driftd.Float `json:"window"`
	Part      driftd.Float `json:"part"` // of the sum of (q-p)^2/p over all bins, 0 to 1
	Z         driftd.Float `json:"z"`    // (q-p) in standard errors of windows as dispersed as the reference's
}

// Moves are the k bins or levels of a window with the largest (q-p)^2/p, less
// what it is expected to be without drift, each with its part of the sum.
func (c *Column) Moves(w *ColumnWindow, k int) []BinMove {
	var q, p []float64
	var n, phi float64
	name := c.binName
	r := &c.scale.Residual
	switch {
	case c.levels != nil:
		if n = levelCount(w.Profile); n == 0 {
			return nil
		}
		p, q = c.levels.P, c.levels.pooled(w.Profile)
		for i := range q {
			q[i] /= n
		}
		name = func(j int) string {
			if j < len(c.levels.kept) {
				return c.Layout.Categories[c.levels.kept[j]]
			}
			return "(rare levels)"
		}
		phi = r.MeanNC / math.Max(1, float64(len(p)-1))
	case c.shape != nil:
		if q, n = c.shape.Shares(w.Profile); q == nil {
			return nil
		}
		p, phi = c.shape.P, r.MeanNC/math.Max(1, float64(len(c.shape.P)-1))
	default:
		return nil
	}
	usual := math.Max(1, phi) / math.Min(n, r.MaxN) // of one bin's (q-p)^2/p
	total := 0.0
	moves := make([]BinMove, len(p))
	part := make([]float64, len(p))
	order := make([]int, len(p))
	for i := range p {
		d := q[i] - p[i]
		part[i], order[i] = math.Max(0, float64(d*d/p[i])-usual), i
		total += part[i]
		moves[i] = BinMove{Name: name(i), Reference: driftd.Float(p[i]), Window: driftd.Float(q[i]), Z: driftd.Float(d / math.Sqrt(float64(p[i]*usual)))}
	}
	if total == 0 {
		return nil
	}
	slices.SortStableFunc(order, func(a, b int) int { return -compareFloats(part[a], part[b]) })
	var out []BinMove
	for _, i := range order[:min(k, len(order))] {
		if part[i] > 0 {
			moves[i].Part = driftd.Float(part[i] / total)
			out = append(out, moves[i])
		}
	}
	return out
}

func compareFloats(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
