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
	events = term{"event", func(m measured) float64 { return float64(m.events) }}
	values = term{"value in a series (an event has one for each column, in `all` and in each of its segments)", func(m measured) float64 {
		return float64(m.events*m.columns) * m.perEvent()
	}}
	paneColumns = term{"column of a pane's profile (each series of each partition that has its events, a minute)", func(m measured) float64 {
		return m.panes() * float64(m.columns)
	}}
	paneProfiles  = term{"pane's profile", measured.panes}
	windowColumns = term{"column of a window", func(m measured) float64 { return m.series * windows * float64(m.columns) }}
	seriesColumns = term{"column of a series", func(m measured) float64 { return m.series * float64(m.columns) }}
	openColumns   = term{"column of a series in a partition", func(m measured) float64 { return m.series * float64(m.columns*m.partitions) }}
)

// perEvent is in how many series an event counts.
func (m measured) perEvent() float64 {
	if m.segments > 1 {
		return 2
	}
	return 1
}

// panes is how many profiles there were: a series of a minute that has no event in
// a partition has none. Events are spread evenly.
func (m measured) panes() float64 {
	parts := m.partitions
	if m.keyed {
		parts = 1
	}
	slots := float64(minutes * parts * m.models)
	rate := float64(m.events) / slots
	n := slots * (1 - math.Exp(-rate))
	for range m.segments - 1 {
		n += slots * (1 - math.Exp(-rate/float64(m.segments-1)))
	}
	return n
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
	{"CPU", "us", 1e6, func(m measured) float64 { return m.cpu }, []term{events, values, paneColumns, windowColumns}},
	{"memory, the most", "KB", 1e3, func(m measured) float64 { return m.peak }, []term{seriesColumns, openColumns}},
	{"Kafka, profiles", "bytes", 1e6, func(m measured) float64 { return m.profiles }, []term{paneProfiles, paneColumns, values}},
	{"Kafka, results", "bytes", 1e6, func(m measured) float64 { return m.results }, []term{windowColumns}},
	{"Kafka, state", "bytes", 1e6, func(m measured) float64 { return m.state }, []term{windowColumns}},
	{"ClickHouse", "bytes", 1e6, func(m measured) float64 { return m.bytes }, []term{windowColumns}},
}

// fits is a table of what one of each costs.
func fits(all []measured) (string, error) {
	var b strings.Builder
	b.WriteString("| cost | of one | is | standard error | R2 of the fit | beside it, whatever is given |\n|---|---|---|---|---|---|\n")
	for _, c := range costs {
		coef, se, r2, err := fit(all, c.of, c.terms...)
		if err != nil {
			return "", fmt.Errorf("%s: %w", c.what, err)
		}
		for j, t := range c.terms {
			fmt.Fprintf(&b, "| %s | %s | %.3g %s | %.2g | %.4f | %.3g %s |\n", c.what, t.name, coef[j+1]*c.times, c.unit, se[j+1]*c.times, r2, coef[0]*c.times, c.unit)
		}
	}
	return b.String(), nil
}
