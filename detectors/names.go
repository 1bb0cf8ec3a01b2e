package detectors

// The closed list of names that appear in a result's tests. The first group
// decides (they carry a p-value); the second is shown and never decides.
const (
	TestLocation  = "location"       // c1, numeric
	TestSpread    = "spread"         // c2
	TestSkew      = "skew"           // c3
	TestTails     = "tails"          // c4
	TestResidual  = "residual"       // local anomalies: spikes, holes
	TestMinority  = "minority_rate"  // share outside the largest bin, where c1 cannot be used
	TestNull      = "null_rate"      // null and missing
	TestNaN       = "nan_rate"       // numeric
	TestRange     = "range_rate"     // numeric: outside the reference's range, or not among its values
	TestTypeError = "type_rate"      // values of another kind
	TestNew       = "new_level_rate" // categorical: levels that the reference does not have
	TestCategory  = "category"       // the category whose share moved most
	TestPairs     = "pairs"          // the pair of numeric columns that go together otherwise

	ShowPSI = "psi_adjusted" // bias-corrected population stability index
	ShowJS  = "js_distance"  // bias-corrected Jensen-Shannon distance, base 2
	ShowKS  = "ks"           // Kolmogorov-Smirnov distance from bins
	ShowW1  = "w1_sd"        // Wasserstein-1 distance in reference standard deviations
)

var scoreNames = [MaxOrder]string{TestLocation, TestSpread, TestSkew, TestTails}

// ScoreNames are the smooth scores of a numeric column.
func ScoreNames() []string { return scoreNames[:] }
