package detectors

import (
	"math"

	"github.com/driftd/driftd"
)

// A rate is x events of n that have a property (null, out of range, a category).
// Its score is the arcsine difference, as in Anscombe, The transformation of
// Poisson, binomial and negative-binomial data (1948),
//
//	g = 2 asin sqrt((x + 3/8)/(n + 3/4)) - 2 asin sqrt(p),   variance about 1/n,
//
// whose window-to-window variance is fitted as that of every score. It is tested
// against the boundary p + tolerance, never against p.

// RateScore is g.
func RateScore(x, n, p float64) float64 {
	return 2*math.Asin(math.Sqrt((x+.375)/(n+.75))) - arc(p)
}

// arc is 2 asin sqrt(p), p clamped to [0, 1].
func arc(p float64) float64 { return 2 * math.Asin(math.Sqrt(math.Min(1, math.Max(0, p)))) }

// Tolerances of the rates: a change up to this is never told.
func nullTolerance(p float64) float64     { return math.Max(.01, .25*math.Min(p, 1-p)) }
func categoryTolerance(p float64) float64 { return math.Max(.01, .1*math.Min(p, 1-p)) }
func rareTolerance(float64) float64       { return .005 } // new levels, out of range, type errors

// Rate is one rate's reference: its share p, tolerance, the reference's events
// m, and its fitted dispersion.
type Rate struct {
	P, Tol, M float64
	Fit       driftd.Fit

	tolerance func(p float64) float64
	slot      driftd.Slot // whose share P is; see Rate.in
}

func (r *Rate) stdErr(n float64) float64 { return SlotStdErr(&r.Fit, n, r.slot) }

// UpperP is the p-value for a rate above P + Tol: the larger of Student's t on
// the score and the tail of a beta-binomial at the effective size, which is
// right where the score is far from normal (sessions of equal categories
// flagged at 13-22 times alpha without it). 1 when the boundary is 1 or more.
func (r *Rate) UpperP(x, n float64) float64 {
	b := r.P + r.Tol
	if n <= 0 || b >= 1 {
		return 1
	}
	nEff, m := r.effective(n)
	k := math.Floor(x * nEff / n)
	if k <= 0 {
		return 1 // P(X >= 0): the greater of the two, whatever the score says
	}
	g := RateScore(x, n, r.P)
	t := StudentSF((g-(arc(b)-arc(r.P)))/r.stdErr(n), DF(&r.Fit))
	return math.Max(t, BetaBinomialUpper(k, nEff, b*m, (1-b)*m))
}

// LowerP is the p-value for a rate below P - Tol; 1 when that is 0 or less.
func (r *Rate) LowerP(x, n float64) float64 {
	b := r.P - r.Tol
	if n <= 0 || b <= 0 {
		return 1
	}
	nEff, m := r.effective(n)
	k := math.Ceil(x * nEff / n)
	if k >= nEff {
		return 1 // P(X <= n)
	}
	g := RateScore(x, n, r.P)
	t := StudentSF(((arc(b)-arc(r.P))-g)/r.stdErr(n), DF(&r.Fit))
	return math.Max(t, BetaBinomialLower(k, nEff, b*m, (1-b)*m))
}

// TwoSidedP is 2 min(UpperP, LowerP), at most 1.
func (r *Rate) TwoSidedP(x, n float64) float64 {
	return math.Min(1, 2*math.Min(r.UpperP(x, n), r.LowerP(x, n)))
}

// Sizes above which a beta-binomial is taken as of these: its sum would be long,
// its logarithms of gammas would cancel, and a rate's sampling error at this many
// values is far below any tolerance.
const (
	mostTrials = 1e5
	mostPrior  = 1e9
)

// effective sizes of the window and of the reference under the fitted variance.
func (r *Rate) effective(n float64) (nEff, m float64) {
	nEff = math.Max(1, math.Min(n, math.Round(1/Variance(&r.Fit, n))))
	m = r.M
	if !math.IsInf(r.Fit.MedianN, 1) && r.Fit.MedianN > 0 {
		m *= math.Min(1, 1/(r.Fit.MedianN*Variance(&r.Fit, r.Fit.MedianN)))
	}
	return math.Min(nEff, mostTrials), math.Min(math.Max(m, 1e-9), mostPrior)
}

// Visible is the smallest upward change of the rate that a window of n events
// shows with power .8 at level a: sin^2(asin sqrt(b) + (t_{1-a} + .84) se/2) - P.
func (r *Rate) Visible(n, a float64) float64 {
	b := math.Min(1, r.P+r.Tol)
	x := arc(b)/2 + (StudentUpper(a, DF(&r.Fit))+.84)*r.stdErr(n)/2
	if x >= math.Pi/2 {
		return 1 - r.P
	}
	s := math.Sin(x)
	return s*s - r.P
}
