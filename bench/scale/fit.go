package main

import (
	"fmt"
	"math"
	"strings"

	"gonum.org/v1/gonum/mat"
)

// term is a quantity that costs grow with.
type term struct {
	name string // of one of it
	of   func(m measured) float64
}

// How much there was of what a cost can grow with.
var (
	events      = term{"event", func(m measured) float64 { return float64(m.Events) }}
	values      = term{"column of an event", func(m measured) float64 { return float64(m.Events * m.Columns) }}
	paneColumns = term{"column of a pane's profile (each series of each partition that has its events, a minute)", func(m measured) float64 {
		return m.panes() * float64(m.Columns)
	}}
	filledBins    = term{"bin of it that has a count", func(m measured) float64 { return m.panes() * float64(m.Columns) * m.filled() }}
	windowColumns = term{"column of a window", func(m measured) float64 { return m.series() * windows * float64(m.Columns) }}
	seriesColumns = term{"column of a series, with its reference and two windows", func(m measured) float64 { return m.series() * float64(m.Columns) }}
	openColumns   = term{"column of a series in each partition that has its events", func(m measured) float64 { return m.panes() / minutes * float64(m.Columns) }}
)

// panes is how many profiles there were: a series of a minute that has no event in
// a partition has none. Events are spread evenly.
func (m measured) panes() float64 {
	parts := m.Partitions
	if m.Keyed {
		parts = 1
	}
	slots := float64(minutes * parts * m.Models)
	rate := float64(m.Events) / slots
	n := slots * (1 - math.Exp(-rate))
	for range m.Segments - 1 {
		n += slots * (1 - math.Exp(-rate/float64(m.Segments-1)))
	}
	return n
}

// filled is how many bins a column of a profile has a count in: events that fall
// into bins of equal shares, as those of a reference are.
func (m measured) filled() float64 {
	const bins = 40
	return bins * (1 - math.Exp(-float64(m.Events)*float64(min(m.Segments, 2))/m.panes()/bins))
}

// fit is the least squares line of a cost through an intercept and terms: what one
// of each costs, and the standard error of that.
func fit(all []measured, cost func(measured) float64, terms ...term) (coef, se []float64, r2 float64, err error) {
	k := len(terms) + 1
	x, y := mat.NewDense(len(all), k, nil), mat.NewVecDense(len(all), nil)
	mean := 0.
	for i, m := range all {
		x.Set(i, 0, 1)
		for j, t := range terms {
			x.Set(i, j+1, t.of(m))
		}
		y.SetVec(i, cost(m))
		mean += cost(m) / float64(len(all))
	}
	// Columns of like size keep the normal equations well conditioned.
	scale := make([]float64, k)
	for j := range k {
		for i := range all {
			scale[j] = max(scale[j], math.Abs(x.At(i, j)))
		}
		for i := range all {
			x.Set(i, j, x.At(i, j)/scale[j])
		}
	}
	var xtx, inv mat.Dense
	xtx.Mul(x.T(), x)
	if err := inv.Inverse(&xtx); err != nil {
		return nil, nil, 0, fmt.Errorf("the measurements do not tell the terms apart: %w", err)
	}
	var xty, b, fitted mat.VecDense
	xty.MulVec(x.T(), y)
	b.MulVec(&inv, &xty)
	fitted.MulVec(x, &b)
	rss, tss := 0., 0.
	for i := range all {
		rss += math.Pow(y.AtVec(i)-fitted.AtVec(i), 2)
		tss += math.Pow(y.AtVec(i)-mean, 2)
	}
	sigma2 := rss / float64(len(all)-k)
	for j := range k {
		coef = append(coef, b.AtVec(j)/scale[j])
		se = append(se, math.Sqrt(sigma2*inv.At(j, j))/scale[j])
	}
	return coef, se, 1 - rss/tss, nil
}

// cost is one that is fitted.
type cost struct {
	what, unit string
	times      float64 // from the measurement's unit to unit
	of         func(measured) float64
	terms      []term
}

var costs = []cost{
	{"CPU", "us", 1e6, func(m measured) float64 { return m.CPU }, []term{events, values, paneColumns, seriesColumns}},
	{"memory", "KB", 1e3, func(m measured) float64 { return m.RSS }, []term{seriesColumns, openColumns}},
	{"Kafka, profiles", "bytes", 1e6, func(m measured) float64 { return m.Profiles }, []term{paneColumns, filledBins}},
	{"Kafka, results", "bytes", 1e6, func(m measured) float64 { return m.Results }, []term{windowColumns}},
	{"Kafka, state", "bytes", 1e6, func(m measured) float64 { return m.State }, []term{windowColumns}},
	{"ClickHouse", "bytes", 1e6, func(m measured) float64 { return m.Bytes }, []term{windowColumns}},
}

// fits is a table of what one of each costs, and what follows from it.
func fits(all []measured) (string, error) {
	var b strings.Builder
	b.WriteString("| cost | of one | is | standard error | R2 of the fit | beside it, whatever is given |\n|---|---|---|---|---|---|\n")
	lines := map[string][]float64{}
	for _, c := range costs {
		coef, se, r2, err := fit(all, c.of, c.terms...)
		if err != nil {
			return "", fmt.Errorf("%s: %w", c.what, err)
		}
		lines[c.what] = coef
		for j, t := range c.terms {
			fmt.Fprintf(&b, "| %s | %s | %.3g %s | %.2g | %.4f | %.3g %s |\n", c.what, t.name, coef[j+1]*c.times, c.unit, se[j+1]*c.times, r2, coef[0]*c.times, c.unit)
		}
	}
	b.WriteString("\n" + needs(lines))
	return b.String(), nil
}

// needs is what an installation would take in an hour, by the lines; a window is an
// hour, and two of them were measured.
func needs(lines map[string][]float64) string {
	big := []measured{
		{shape: shape{Events: 3_600_000_000, Columns: 100, Segments: 3, Models: 1000, Partitions: 200}},
		{shape: shape{Events: 3_600_000_000, Columns: 100, Segments: 3, Models: 1000, Partitions: 200, Keyed: true}},
		{shape: shape{Events: 36_000_000, Columns: 100, Segments: 3, Models: 1000, Partitions: 20, Keyed: true}},
	}
	of := func(m measured, what string) (sum float64) {
		for _, c := range costs {
			if c.what == what {
				for j, t := range c.terms {
					n := t.of(m)
					if t.name == paneColumns.name || t.name == filledBins.name {
						n *= 60. / minutes
					}
					if t.name == windowColumns.name {
						n /= windows
					}
					if c.what == "CPU" && t.name == seriesColumns.name {
						n /= windows
					}
					sum += n * lines[what][j+1]
				}
			}
		}
		return sum
	}
	var b strings.Builder
	b.WriteString("| 1,000 models x 100 columns x 3 segments | events spread over 200 partitions, 1,000,000/s | a model in one of 200 partitions, 1,000,000/s | a model in one of 20, 10,000/s |\n|---|---|---|---|\n")
	for _, row := range []struct {
		name string
		of   func(m measured) float64
	}{
		{"CPU, cores", func(m measured) float64 { return of(m, "CPU") / 3600 }},
		{"of these for profiles (made, sent, read, merged)", func(m measured) float64 {
			return lines["CPU"][3] * paneColumns.of(m) * 60 / minutes / 3600
		}},
		{"memory of all processes, GB", func(m measured) float64 { return of(m, "memory") / 1000 }},
		{"profiles, MB/s into Kafka and out of it", func(m measured) float64 { return of(m, "Kafka, profiles") / 3600 }},
		{"results, MB/s", func(m measured) float64 { return of(m, "Kafka, results") / 3600 }},
		{"ClickHouse, GB a day", func(m measured) float64 { return of(m, "ClickHouse") * 24 / 1000 }},
	} {
		fmt.Fprintf(&b, "| %s |", row.name)
		for _, m := range big {
			fmt.Fprintf(&b, " %.3g |", row.of(m))
		}
		b.WriteString("\n")
	}
	return b.String()
}
