package detectors

import (
	"math"

	"github.com/driftd/driftd"
)

// The residual finds what the smooth scores do not: a spike of default-filled
// values, a hole, one category among thousands. It is the rest of Pearson's
// chi-square divergence,
//
//	Xr = sum (q_i - p_i)^2 / p_i  -  sum c_k^2,   f = bins - 1 - K df,
//
// (Rayner and Best 1989, ch. 5: the components of X2 and their remainder),
// judged as log(n Xr), which goes like a constant in n.

// residualFloor keeps log(n Xr) finite for windows that match exactly.
const residualFloor = 1e-9

// MinResidual is the least debiased divergence that counts.
const MinResidual = .02

// ChiSquareDivergence is sum (q-p)^2/p; every p must be > 0.
func ChiSquareDivergence(q, p []float64) float64 {
	x := 0.0
	for i := range p {
		d := q[i] - p[i]
		x += float64(d * d / p[i])
	}
	return x
}

// Residual is Xr of shares q with smooth scores c (nil for categories).
func Residual(q, p, c []float64) float64 {
	x := ChiSquareDivergence(q, p)
	for _, v := range c {
		x -= float64(v * v)
	}
	return math.Max(0, x)
}

// FitResidual fits the panel of log(n Xr) over reference windows.
func FitResidual(xr, n []float64) driftd.ResidualFit {
	var f driftd.ResidualFit
	var logs []float64
	for i := range xr {
		if n[i] < MinWindowN {
			continue
		}
		logs = append(logs, math.Log(math.Max(n[i]*xr[i], residualFloor)))
		f.MeanNX += n[i] * xr[i]
		f.MaxN = math.Max(f.MaxN, n[i])
	}
	f.R = len(logs)
	if f.R == 0 {
		return f
	}
	for _, x := range logs {
		f.MeanLog += x
	}
	f.MeanLog /= float64(f.R)
	f.MeanNX /= float64(f.R)
	if f.R > 1 {
		for _, x := range logs {
			f.SDLog += (x - f.MeanLog) * (x - f.MeanLog)
		}
		f.SDLog = math.Sqrt(f.SDLog / float64(f.R-1))
	}
	return f
}

// flatResidual is the fit of independent events: n Xr ~ chi-square with df
// degrees of freedom, inflated by the reference's own error, n/m.
func flatResidual(df float64) driftd.ResidualFit {
	return driftd.ResidualFit{R: math.MaxInt32, MeanLog: math.Inf(-1), MeanNX: df, MaxN: math.Inf(1)}
}

// ResidualP is the p-value of a window's residual with df degrees of freedom:
//
//	z = (log(n Xr) - max(mean log, ln f - 1/f)) / (max(sd log, sqrt(2/f)) sqrt(1+1/R))
//
// by Student t with min(R-1, 12) degrees; 1 when the debiased residual
// Xr - mean(n_w Xr_w)/n is below MinResidual. n is capped at the largest
// reference window. m > 0 adds the sampling error of a flat reference.
func ResidualP(xr, n, df, m float64, f *driftd.ResidualFit) (z, p float64) {
	if df < 1 {
		return 0, 1
	}
	n = math.Min(n, f.MaxN)
	if m > 0 {
		n = 1 / (1/n + 1/m)
	}
	z = (math.Log(math.Max(n*xr, residualFloor)) - math.Max(f.MeanLog, math.Log(df)-1/df)) /
		(math.Max(f.SDLog, math.Sqrt(2/df)) * math.Sqrt(1+1/float64(f.R)))
	if xr-f.MeanNX/n < MinResidual {
		return z, 1
	}
	return z, StudentSF(z, math.Min(float64(f.R-1), 12))
}
