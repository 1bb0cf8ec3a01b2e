package realdata

import (
	"os"
	"path/filepath"
)

// Set is a data set and its layout. One plan for all: a reference of at least 30
// windows from its first rows (or from a file of its own), windows of at least 50
// rows, and as few choices as that leaves.
type Set struct {
	Name    string
	Ref     string // file of the reference; "": the first RefRows of Cur
	Cur     string
	RefRows int64
	Window  int64 // rows
	Exclude []string
	Truth   string // in words

	// What is known. Drifts are the columns that must flag, and the window of their
	// first flag at the latest; Before is the first window that may flag at all;
	// Silent never flag. A set without Known says nothing about false or missed ones.
	Known  bool
	Drifts map[string]int64
	Before int64
	Silent []string
	// Spans are the rows (of Cur, from its start) in which anomalies are labelled:
	// flags in windows that touch none are false.
	Spans [][2]int64
	// Wide says that drift is spread over anything: flags from Before on are not false
	// in whichever column.
	Wide bool
}

// Sets are all of them but the short series (Series).
func Sets(dir string) ([]Set, error) {
	nab, err := nabSets(dir)
	if err != nil {
		return nil, err
	}
	return append(tables, nab...), nil
}

var tables = []Set{
	{Name: "car loan", Ref: "nannyml_car_loan/synthetic_car_loan_reference.csv.gz", Cur: "nannyml_car_loan/synthetic_car_loan_analysis.csv.gz", Window: 1000,
		Exclude: []string{"id", "timestamp", "repaid", "y_pred"}, Truth: "five columns change at row 25,000, three do not", Known: true,
		Drifts: map[string]int64{"car_value": 26, "salary_range": 26, "repaid_loan_on_prev_car": 26, "loan_length": 26, "y_pred_proba": 26}, Before: 25,
		Silent: []string{"size_of_downpayment", "driver_tenure", "debt_to_income_ratio"}},
	{Name: "work from home", Ref: "nannyml_wfh/synthetic_sample_reference.csv.gz", Cur: "nannyml_wfh/synthetic_sample_analysis.csv.gz", Window: 1000,
		Exclude: []string{"id", "timestamp", "period", "work_home_actual", "y_pred"}, Truth: "five columns change at row 25,000, three do not", Known: true,
		Drifts: map[string]int64{"distance_from_office": 26, "salary_range": 26, "public_transportation_cost": 26, "wfh_prev_workday": 26, "y_pred_proba": 26}, Before: 25,
		Silent: []string{"gas_price_per_litre", "tenure", "workday"}},
	{Name: "wing beats", Cur: "wbf_insects/WBFInsects.csv.gz", Window: 500, RefRows: 25_000, Exclude: []string{"context"}, Truth: "another temperature from row 50,700 on: all columns", Known: true,
		Drifts: map[string]int64{"wbf": 51, "species": 51, "temperature": 51}, Before: 51},
	{Name: "elec2", Cur: "elec2/electricity.converted.csv.gz", Window: 336, RefRows: 13_440, Truth: "three columns that were constant move from row 17,424 on; prices and demand wander", Known: true,
		Drifts: map[string]int64{"vicprice": 12, "vicdemand": 12, "transfer": 12}, Before: 11, Wide: true},
	{Name: "STAGGER", Cur: "harvard_synth/stagger_0120_abrupto.csv.gz", Window: 100, RefRows: 9_000, Truth: "the concept changes at rows 10,000, 20,000, 30,000, and features with it", Known: true,
		Drifts: map[string]int64{"X1": 11, "X2": 11}, Before: 10, Wide: true},
	{Name: "MIXED", Cur: "harvard_synth/mixed_0101_gradual.csv.gz", Window: 100, RefRows: 9_000, Truth: "the concept changes, features and class do not: nothing to be seen without errors", Known: true},
	{Name: "SEA", Cur: "harvard_synth/sea_0123_abrupto_noise_0.2.csv.gz", Window: 100, RefRows: 9_000, Truth: "the concept changes, features hardly (KS up to .08)", Known: true},
	{Name: "California housing", Ref: "nannyml_california/california_housing_reference.csv.gz", Cur: "nannyml_california/california_housing_analysis.csv.gz", Window: 150,
		Exclude: []string{"id", "timestamp", "clf_target", "partition"}, Truth: "rows are ordered by place: all of it moves, no row is told"},
	{Name: "weather", Cur: "noaa_weather/weather.csv.gz", Window: 100, RefRows: 9_000, Truth: "50 years of days, seasons in windows of 100 days: no row is told"},
	{Name: "bike sharing", Cur: "bike_sharing/hour.csv.gz", Window: 168, RefRows: 8_568, Exclude: []string{"instant", "dteday", "yr"}, Truth: "weeks of 2011 against 2012: more bikes are hired; seasons are not told apart by weeks"},
	{Name: "power supply", Cur: "powersupply/powersupply.converted.csv.gz", Window: 168, RefRows: 8_736, Truth: "weeks of a year against the next two: seasons, no row is told"},
}

// Dir is the folder of the data sets, beside the project; "" where it is not.
func Dir() string {
	for dir := "."; ; dir = filepath.Join(dir, "..") {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil && !nested(dir) {
			at := filepath.Join(dir, "..", "shared", "data")
			if _, err := os.Stat(at); err != nil {
				return ""
			}
			return at
		}
		if full, err := filepath.Abs(dir); err != nil || full == filepath.Dir(full) {
			return ""
		}
	}
}

// nested says that a go.mod is that of a module inside the project.
func nested(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "..", "go.mod"))
	return err == nil
}
