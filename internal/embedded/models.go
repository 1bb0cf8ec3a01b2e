package embedded

import (
	"math"
	"strconv"
)

// draws are the random numbers behind one event: what belongs to its user, to
// its session and to itself.
type draws struct {
	user, session, event random
	at                   int64
	country              string
	spans                *spans // nil: nothing changes
}

// models says what each model's events are made of.
var models = []struct {
	name  string
	write func([]byte, *draws) []byte
}{{Fraud, fraudEvent}, {Churn, churnEvent}, {Ranking, rankingEvent}}

// mixed is a standard normal of which 15 % of the variance belong to the user
// and 20 % to the session: events of one session correlate by .35.
func (d *draws) mixed() float64 {
	const user, session = .15, .20
	return math.Sqrt(user)*d.user.normal() + math.Sqrt(session)*d.session.normal() +
		math.Sqrt(1-user-session)*d.event.normal()
}

// in says whether a change is in force: its span, chosen by of.
func (d *draws) in(of func(*spans) span) bool { return d.spans != nil && of(d.spans).during(d.at) }

var (
	merchants     = []string{"grocery", "fuel", "restaurant", "electronics", "travel", "gambling"}
	merchantShare = []float64{.34, .56, .74, .87, .96, 1} // cumulative
	merchantRisk  = []float64{-.5, -.3, -.2, .5, .6, 1.5}
	cryptoRisk    = -.02 // the mean of the others: the score does not follow

	devices     = []string{"ios", "android", "web"}
	deviceShare = []float64{.4, .8, 1}
)

func fraudEvent(b []byte, d *draws) []byte {
	size := d.mixed()
	if d.country == "DE" && d.in(func(s *spans) span { return s.amount }) {
		size += amountShift
	}
	amount := math.Exp(3.6 + .9*size)
	m := d.event.pick(merchantShare)
	merchant, risk := merchants[m], merchantRisk[m]
	if crypto := d.event.uniform() < cryptoShare; crypto && d.in(func(s *spans) span { return s.crypto }) {
		merchant, risk = "crypto", cryptoRisk
	}
	age := int64(-420 * math.Log(1-d.user.uniform())) // days
	device := devices[d.user.pick(deviceShare)]
	foreign := d.event.uniform() < .08
	x := -2 + .8*size + risk - .4*math.Min(2, float64(age)/420) + .7*d.event.normal()
	if foreign {
		x += 1.2
	}
	score := logistic(x)
	class := "ok"
	if score >= .5 {
		class = "fraud"
	}
	b = appendHead(b, Fraud, "3", d.country, d.at)
	b = appendFixed(append(b, `"amount":`...), amount, 2)
	b = append(append(append(b, `,"merchant_type":"`...), merchant...), '"')
	b = strconv.AppendInt(append(b, `,"account_age":`...), age, 10)
	b = append(append(append(b, `,"device":"`...), device...), '"')
	b = strconv.AppendBool(append(b, `,"is_foreign":`...), foreign)
	b = appendFixed(append(b, `},"prediction":{"score":`...), score, 5)
	return append(append(append(b, `,"class":"`...), class...), `"}}`...)
}

var (
	plans     = []string{"basic", "plus", "family"}
	planShare = []float64{.5, .8, 1}
	planFee   = []float64{-3, 0, 5}
)

const feeSD = 12.4 // of monthly_fee, over all plans

func churnEvent(b []byte, d *draws) []byte {
	tenure := min(int64(-30*math.Log(1-d.user.uniform())), 180)
	plan := d.user.pick(planShare)
	fee := math.Max(5, 45+planFee[plan]+12*d.mixed())
	if d.in(func(s *spans) span { return s.fee }) {
		fee += feeWobble * feeSD
	}
	calls := min(d.event.poisson(.5+.6*d.user.uniform()), 9)
	age := math.Round(math.Min(90, math.Max(18, 44+14*d.user.normal())))
	lost := agesNull
	if d.in(func(s *spans) span { return s.nulls }) {
		lost = agesNullBurst
	}
	null := d.event.uniform() < lost
	// age has no part in it: a score should not follow a lost field here.
	score := logistic(-1.2 - .02*float64(tenure) + .5*float64(calls) + .02*(fee-45) + .6*d.event.normal())

	b = appendHead(b, Churn, "12", d.country, d.at)
	b = strconv.AppendInt(append(b, `"tenure_months":`...), tenure, 10)
	b = append(append(append(b, `,"plan":"`...), plans[plan]...), '"')
	b = appendFixed(append(b, `,"monthly_fee":`...), fee, 2)
	b = strconv.AppendInt(append(b, `,"support_calls":`...), int64(calls), 10)
	if b = append(b, `,"age":`...); null {
		b = append(b, "null"...)
	} else {
		b = appendFixed(b, age, 0)
	}
	b = appendFixed(append(b, `},"prediction":{"score":`...), score, 5)
	return append(b, `}}`...)
}

// categoryShare is Zipf's law over 40 categories, cumulative.
var categoryShare = func() []float64 {
	c, sum := make([]float64, 40), 0.0
	for i := range c {
		sum += 1 / float64(i+1)
		c[i] = sum
	}
	for i := range c {
		c[i] /= sum
	}
	return c
}()

const scoreSD = 1.01 // of the logit of ranking's score

func rankingEvent(b []byte, d *draws) []byte {
	position := min(1+int64(-9*math.Log(1-d.event.uniform())), 60)
	length := 1 + d.session.poisson(2.4) // one query a session
	price := math.Exp(3.1 + .8*d.mixed())
	category := d.event.pick(categoryShare)
	x := .6 - .06*float64(position) - .4*(math.Log(price)-3.1) + .8*d.event.normal()
	version := "7"
	if d.in(func(s *spans) span { return s.version }) {
		version = "8"
		x -= scoreShift * scoreSD
	}
	b = appendHead(b, Ranking, version, d.country, d.at)
	b = strconv.AppendInt(append(b, `"position":`...), position, 10)
	b = strconv.AppendInt(append(b, `,"query_length":`...), int64(length), 10)
	b = appendFixed(append(b, `,"price":`...), price, 2)
	b = append(b, `,"category":"c`...)
	b = append(b, byte('0'+category/10), byte('0'+category%10), '"')
	b = appendFixed(append(b, `},"prediction":{"score":`...), logistic(x), 5)
	return append(b, `}}`...)
}
