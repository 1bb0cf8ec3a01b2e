package embedded

import "time"

// Kinds of changes.
const (
	KindShift       = "shift"
	KindNulls       = "nulls"
	KindNewVersion  = "new version"
	KindNewCategory = "new category"
	KindWobble      = "wobble"
)

// Change is something that happens to the traffic at a known time.
type Change struct {
	Model   string
	Segment string // the segment that changes, "all" when every one does
	Column  string // the column that changes
	Kind    string
	Text    string    // for people
	At      time.Time // first event time
	Until   time.Time // first event time after it; zero: for good
	Matters bool      // false: a monitor that tells of it is too nervous

	// Also are columns that follow from the change: a flag there is right, its
	// absence is no fault.
	Also []string
	// AlsoSegments are segments that have a part in it: the same.
	AlsoSegments []string
}

// span is a stretch of event time in Unix milliseconds.
type span struct{ from, to int64 }

func (s span) during(ms int64) bool { return s.from <= ms && ms < s.to }

const forGood = int64(1) << 62

// LiveSpan is how long the live traffic with its changes lasts.
const LiveSpan = 4 * 24 * time.Hour

// ReferenceSpan is how long before the live span traffic should be read to know
// what is normal.
const ReferenceSpan = 14 * 24 * time.Hour

// The sizes of the changes. Each is one that the default rule can see in hours:
// a shift of .6 sd in a segment of about 300 events an hour, of .5 sd in about 700.
const (
	amountShift   = .6  // standard deviations of log amount
	scoreShift    = .5  // standard deviations of the score's logit
	feeWobble     = .04 // standard deviations of the fee: less than half of what is told
	agesNull      = .02
	agesNullBurst = .35
	cryptoShare   = .06
)

// Changes lists what happens in the live span, in order of time.
func (g *Generator) Changes() []Change {
	s := &g.spans
	at := func(ms int64) time.Time { return time.UnixMilli(ms).UTC() }
	return []Change{
		{Model: Fraud, Segment: "country=DE", Column: "amount", Kind: KindShift, Matters: true,
			Text: "amounts in Germany rise by .6 sd (of their logarithm)", At: at(s.amount.from), Until: at(s.amount.to),
			Also: []string{"prediction.score", "prediction.class"}, AlsoSegments: []string{"all"}},
		{Model: Churn, Segment: "all", Column: "age", Kind: KindNulls, Matters: true,
			Text: "a field gets lost on its way: age is null in 35 % of events instead of 2 %", At: at(s.nulls.from), Until: at(s.nulls.to),
			AlsoSegments: []string{"country=DE", "country=FR"}},
		{Model: Churn, Segment: "all", Column: "monthly_fee", Kind: KindWobble, Matters: false,
			Text: "fees are .04 sd higher for a day: too little to matter", At: at(s.fee.from), Until: at(s.fee.to)},
		{Model: Ranking, Segment: "all", Column: "prediction.score", Kind: KindNewVersion, Matters: true,
			Text: "version 8 replaces version 7 and scores .5 sd lower", At: at(s.version.from),
			AlsoSegments: []string{"country=DE", "country=FR", "version=7", "version=8", "version=other"}},
		{Model: Fraud, Segment: "all", Column: "merchant_type", Kind: KindNewCategory, Matters: true,
			Text: "a new category, crypto, in 6 % of events", At: at(s.crypto.from), Until: at(s.crypto.to),
			AlsoSegments: []string{"country=DE", "country=FR"}},
	}
}

// spans are when each change is in force.
type spans struct{ amount, nulls, fee, version, crypto span }

func changeSpans(live time.Time) spans {
	after := func(from, to int) span {
		start := live.UnixMilli()
		s := span{start + int64(from)*time.Hour.Milliseconds(), forGood}
		if to > 0 {
			s.to = start + int64(to)*time.Hour.Milliseconds()
		}
		return s
	}
	return spans{
		amount:  after(12, 48),
		nulls:   after(32, 40),
		fee:     after(48, 72),
		version: after(58, 0),
		crypto:  after(78, 90),
	}
}
