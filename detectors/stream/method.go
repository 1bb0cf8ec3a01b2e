package stream

// Param is a setting of a method. A value is a number; a word stands for its
// place in Words.
type Param struct {
	Name        string
	Default     float64
	Least, Most float64
	Above       bool // Least itself is too little
	Whole       bool
	Words       []string
	Meaning     string
}

// Method is a detector by its name in the config.
type Method struct {
	Name   string
	Params []Param
	// Shares says that values are shares of events, in [0, 1].
	Shares bool
	// Events says that values are single events, 0 or 1: it cannot be given windows.
	Events bool
	check  func(v values) string // what two settings say against each other, "" nothing
	make   func(v values) Detector
}

// values are settings by name.
type values map[string]float64

func (v values) whole(name string) int    { return int(v[name]) }
func (v values) boolean(name string) bool { return v[name] != 0 }

// Names of the methods, as results have them.
const (
	MethodADWIN       = "adwin"
	MethodPageHinkley = "page_hinkley"
	MethodDDM         = "ddm"
	MethodEDDM        = "eddm"
	MethodHDDMA       = "hddm_a"
	MethodHDDMW       = "hddm_w"
	MethodFHDDM       = "fhddm"
	MethodKSWIN       = "kswin"
	MethodCUSUM       = "cusum" // made from a reference, not from settings: see CUSUM
)

// Bounds of settings that have none of their own: what memory and time bear.
const (
	mostCount  = 1e6
	mostWindow = 10_000
	mostSample = 1000
)

var falseTrue = []string{"false", "true"}

func confidence(name string, d float64, meaning string) Param {
	return Param{Name: name, Default: d, Least: 0, Above: true, Most: 1, Meaning: meaning}
}

func count(name string, d, least float64, meaning string) Param {
	return Param{Name: name, Default: d, Least: least, Most: mostCount, Whole: true, Meaning: meaning}
}

func twoSided() Param {
	return Param{Name: "two_sided_test", Most: 1, Whole: true, Words: falseTrue, Meaning: "a fall is a drift as well"}
}

// Methods are the detectors that config knows, with River's names and defaults
// of their settings.
var Methods = []Method{
	{Name: MethodADWIN, Params: []Param{
		confidence("delta", .002, "chance of a cut where there is none"),
		count("clock", 32, 1, "values from one look to the next"),
		{Name: "max_buckets", Default: 5, Least: 1, Most: 1000, Whole: true, Meaning: "buckets of one size before two are merged"},
		count("min_window_length", 5, 0, "least length of a part"),
		count("grace_period", 10, 0, "no look up to this length"),
	}, make: func(v values) Detector {
		return &ADWIN{Delta: v["delta"], Clock: v.whole("clock"), MaxBuckets: v.whole("max_buckets"), MinWindowLength: v.whole("min_window_length"), GracePeriod: v.whole("grace_period")}
	}},
	{Name: MethodPageHinkley, Params: []Param{
		count("min_instances", 30, 0, "no drift before so many values"),
		{Name: "delta", Default: .005, Least: -MaxValue, Most: MaxValue, Meaning: "change that is let pass, in units of the column"},
		{Name: "threshold", Default: 50, Least: -MaxValue, Most: MaxValue, Meaning: "of the sum that is a drift, in units of the column"},
		{Name: "alpha", Default: .9999, Least: 0, Most: 1, Meaning: "how much of the sums is kept"},
		{Name: "mode", Most: 2, Whole: true, Words: []string{"both", "up", "down"}, Meaning: "the side that is looked at"},
	}, make: func(v values) Detector {
		return &PageHinkley{MinInstances: v.whole("min_instances"), Delta: v["delta"], Threshold: v["threshold"], Alpha: v["alpha"], Mode: Mode(v.whole("mode"))}
	}},
	{Name: MethodDDM, Shares: true, Params: []Param{
		count("warm_start", 30, 0, "no drift before so many values"),
		{Name: "warning_threshold", Default: 2, Least: -mostCount, Most: mostCount, Meaning: "of a warning, in standard deviations"},
		{Name: "drift_threshold", Default: 3, Least: -mostCount, Most: mostCount, Meaning: "of a drift, in standard deviations"},
	}, make: func(v values) Detector {
		return &DDM{WarmStart: v.whole("warm_start"), WarningThreshold: v["warning_threshold"], DriftThreshold: v["drift_threshold"]}
	}},
	{Name: MethodEDDM, Shares: true, Events: true, Params: []Param{
		count("warm_start", 30, 0, "no drift before so many errors"),
		{Name: "alpha", Default: .95, Least: 0, Most: 1, Meaning: "ratio below which it warns"},
		{Name: "beta", Default: .9, Least: 0, Most: 1, Meaning: "ratio below which it is a drift"},
	}, check: func(v values) string {
		if v["alpha"] < v["beta"] {
			return "alpha is below beta: a warning comes before a drift, so make alpha the greater"
		}
		return ""
	}, make: func(v values) Detector {
		return &EDDM{WarmStart: v.whole("warm_start"), Alpha: v["alpha"], Beta: v["beta"]}
	}},
	{Name: MethodHDDMA, Shares: true, Params: []Param{
		confidence("drift_confidence", .001, "level of a drift"),
		confidence("warning_confidence", .005, "level of a warning"),
		twoSided(),
	}, make: func(v values) Detector {
		return &HDDMA{DriftConfidence: v["drift_confidence"], WarningConfidence: v["warning_confidence"], TwoSidedTest: v.boolean("two_sided_test")}
	}},
	{Name: MethodHDDMW, Shares: true, Params: []Param{
		confidence("drift_confidence", .001, "level of a drift"),
		confidence("warning_confidence", .005, "level of a warning"),
		{Name: "lambda_val", Default: .05, Least: 0, Most: 1, Meaning: "weight of the newest value"},
		twoSided(),
	}, make: func(v values) Detector {
		return &HDDMW{DriftConfidence: v["drift_confidence"], WarningConfidence: v["warning_confidence"], Lambda: v["lambda_val"], TwoSidedTest: v.boolean("two_sided_test")}
	}},
	{Name: MethodFHDDM, Shares: true, Params: []Param{
		{Name: "sliding_window_size", Default: 100, Least: 1, Most: mostWindow, Whole: true, Meaning: "values whose mean is compared"},
		confidence("confidence_level", .000001, "level of a drift"),
		{Name: "short_window_size", Most: mostWindow, Whole: true, Meaning: "values of a second window within the first; 0 for none"},
	}, check: func(v values) string {
		if v["short_window_size"] > v["sliding_window_size"] {
			return "short_window_size is above sliding_window_size: make it the smaller"
		}
		return ""
	}, make: func(v values) Detector {
		return &FHDDM{SlidingWindowSize: v.whole("sliding_window_size"), ConfidenceLevel: v["confidence_level"], ShortWindowSize: v.whole("short_window_size")}
	}},
	{Name: MethodKSWIN, Params: []Param{
		{Name: "alpha", Default: .005, Most: 1, Meaning: "level of the test"},
		{Name: "window_size", Default: 100, Least: 2, Most: mostWindow, Whole: true, Meaning: "values that are kept"},
		{Name: "stat_size", Default: 30, Least: 1, Most: mostSample, Whole: true, Meaning: "newest values, and values drawn from the older ones"},
		{Name: "seed", Most: 1e9, Whole: true, Meaning: "where the draws begin"},
	}, check: func(v values) string {
		if 2*v["stat_size"] > v["window_size"] {
			return "stat_size is above half of window_size: it is drawn from what is left of the window, so make it smaller"
		}
		return ""
	}, make: func(v values) Detector {
		return &KSWIN{Alpha: v["alpha"], WindowSize: v.whole("window_size"), StatSize: v.whole("stat_size"), Seed: uint64(v["seed"])}
	}},
	{Name: MethodCUSUM},
}
