package main

import (
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// Colours are those of Okabe and Ito (2008), "Color Universal Design", which people with any of the common colour-vision
// deficiencies tell apart. Ok is blue, drift vermilion; red is never set against green.
const (
	blue      = "#0072B2"
	sky       = "#56B4E9"
	vermilion = "#D55E00"
	orange    = "#E69F00"
	yellow    = "#F0E442"
	purple    = "#CC79A7"
	grey      = "#999999"
	teal      = "#009E73"
)

// state is a verdict as a number, so that Grafana can draw it. The first five are those of the metric driftd_drift_state;
// a window that is known to lack data is drawn apart, whatever its verdict.
type state struct {
	code  int
	text  string
	color string
}

var states = []state{
	{0, "ok", blue},
	{1, "drift", vermilion},
	{2, "insufficient", purple},
	{3, "learning", teal},
	{4, "no data", grey},
	{5, "incomplete", yellow},
}

// stateMapping draws state codes as words in their colours.
func stateMapping() []dashboard.ValueMapping {
	m := dashboard.NewValueMap()
	m.Options = map[string]dashboard.ValueMappingResult{}
	for i, s := range states {
		m.Options[itoa(s.code)] = dashboard.ValueMappingResult{Text: ptr(s.text), Color: ptr(s.color), Index: ptr(int32(i))}
	}
	return []dashboard.ValueMapping{{ValueMap: m}}
}

// ratioMapping draws the negative codes that stand in the place of effect / threshold where a window was not judged.
func ratioMapping() []dashboard.ValueMapping {
	m := dashboard.NewValueMap()
	m.Options = map[string]dashboard.ValueMappingResult{}
	for i, s := range states {
		if s.code >= 2 {
			m.Options[itoa(-s.code)] = dashboard.ValueMappingResult{Text: ptr(s.text), Color: ptr(s.color), Index: ptr(int32(i))}
		}
	}
	return []dashboard.ValueMapping{{ValueMap: m}}
}

// step begins a colour at a value.
type step struct {
	from  float64
	color string
}

// thresholds colours values: base below the first step.
func thresholds(base string, steps ...step) *dashboard.ThresholdsConfig {
	t := dashboard.NewThresholdsConfig()
	t.Mode = dashboard.ThresholdsModeAbsolute
	t.Steps = []dashboard.Threshold{{Color: base}}
	for _, s := range steps {
		t.Steps = append(t.Steps, dashboard.Threshold{Value: ptr(s.from), Color: s.color})
	}
	return t
}

// byThreshold colours a field by its thresholds, fixed always the same.
func byThreshold() *dashboard.FieldColor {
	return &dashboard.FieldColor{Mode: dashboard.FieldColorModeIdThresholds}
}

func fixed(color string) *dashboard.FieldColor {
	return &dashboard.FieldColor{Mode: dashboard.FieldColorModeIdFixed, FixedColor: ptr(color)}
}

func ptr[T any](v T) *T { return &v }
