package embedded

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"time"
)

// The models.
const (
	Fraud   = "fraud"
	Churn   = "churn"
	Ranking = "ranking"
)

// Models lists the models in the order of their events at one instant.
func Models() []string { return []string{Fraud, Churn, Ranking} }

// Countries are the values of the one tag, country, beside the model's version:
// about 45 % of users are in DE.
func Countries() []string { return []string{"DE", "FR"} }

// The shape of the traffic.
const (
	perHour   = 700.   // events of one model, on average over a day
	amplitude = .4     // of the daily rhythm, which peaks at 15:00 UTC
	goOn      = .25    // chance that a session has one more event
	maxEvents = 8      // of a session
	minGap    = 2_000  // ms between two events of a session
	maxGap    = 40_000 //
	users     = 50_000 // of one model
	shareDE   = .45    // of users
	minute    = 60_000 // ms
	// lookBack is how many minutes after its first event a session may still
	// have events: maxEvents gaps.
	lookBack = (maxEvents*maxGap + minute - 1) / minute
)

// sessionEvents is the mean number of events of a session.
var sessionEvents = (1 - math.Pow(goOn, maxEvents)) / (1 - goOn)

// LiveStart is a day to start from, where today's date should not matter.
var LiveStart = time.Date(2026, time.November, 23, 0, 0, 0, 0, time.UTC)

// Generator makes the traffic of three models: users come back, a session's
// events share much of what they say, the volume follows the time of day. What
// happens at a time is a function of the seed and that time alone: two spans
// side by side give what one long span gives.
type Generator struct {
	seed  uint64
	spans spans
}

// New makes a generator whose changes are placed after live (see Changes; down
// to the full hour). Traffic exists at all times, also before live.
func New(seed uint64, live time.Time) *Generator {
	return &Generator{seed: seed, spans: changeSpans(live.Truncate(time.Hour))}
}

// Event is one event, valid during the call that it is given to.
type Event struct {
	Model string
	Key   []byte    // the user
	At    time.Time // event time, whole milliseconds, UTC
	JSON  []byte    // the event in driftd's native form
}

// planned is an event whose contents are not yet drawn.
type planned struct {
	at            int64 // Unix ms
	model         int
	user          int
	session, seed uint64
}

// Events calls fn with each event whose time is in [from, to), in order of time
// over all models. changed: with the changes; without, the same events say what
// they would have said had nothing changed. It ends at fn's first error.
func (g *Generator) Events(from, to time.Time, changed bool, fn func(*Event) error) error {
	first, end := from.UnixMilli(), to.UnixMilli()
	// slots[m%n] are events of minute m: complete once the sessions that begin in m are drawn.
	var slots [lookBack + 1][]planned
	w := writer{g: g, changed: changed}
	for m := floorDiv(first, minute) - lookBack; m*minute < end; m++ {
		g.plan(m, slots[:])
		slot := &slots[mod(m, len(slots))]
		slices.SortFunc(*slot, func(a, b planned) int {
			return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.model, b.model), cmp.Compare(a.seed, b.seed))
		})
		for i := range *slot {
			p := &(*slot)[i]
			if p.at < first || p.at >= end {
				continue
			}
			if err := fn(w.write(p)); err != nil {
				return err
			}
		}
		*slot = (*slot)[:0]
	}
	return nil
}

// plan draws the sessions that begin in minute m.
func (g *Generator) plan(m int64, slots [][]planned) {
	for model := range models {
		r := seeded(g.seed, uint64(model), uint64(m))
		for range r.poisson(sessionsPerMinute(m)) {
			p := planned{model: model, user: r.below(users), session: r.next(), at: m*minute + int64(r.below(minute))}
			for n := 1; ; n++ {
				p.seed = r.next()
				slot := &slots[mod(floorDiv(p.at, minute), len(slots))]
				*slot = append(*slot, p)
				if n == maxEvents || r.uniform() >= goOn {
					break
				}
				p.at += minGap + int64(r.below(maxGap-minGap))
			}
		}
	}
}

// sessionsPerMinute follows the time of day.
func sessionsPerMinute(m int64) float64 {
	hour := float64(mod(m, 24*60)) / 60
	return perHour / 60 / sessionEvents * (1 + amplitude*math.Cos(2*math.Pi*(hour-15)/24))
}

// writer turns plans into JSON, in buffers of its own.
type writer struct {
	g       *Generator
	changed bool
	event   Event
	draws   draws
	key     []byte
	json    []byte
}

func (w *writer) write(p *planned) *Event {
	g := w.g
	w.draws = draws{
		user:    seeded(g.seed, uint64(p.model), 1<<40, uint64(p.user)),
		session: random{p.session},
		event:   random{p.seed},
		at:      p.at,
		country: "FR",
	}
	d := &w.draws
	if d.user.uniform() < shareDE {
		d.country = "DE"
	}
	if w.changed {
		d.spans = &g.spans
	}
	w.json = models[p.model].write(w.json[:0], d)
	w.key = strconv.AppendInt(append(w.key[:0], 'u'), int64(p.user), 10)
	w.event = Event{Model: models[p.model].name, Key: w.key, At: time.UnixMilli(p.at).UTC(), JSON: w.json}
	return &w.event
}

func floorDiv(a, b int64) int64 { return (a - ((a%b)+b)%b) / b }

func mod(a int64, n int) int { return int(((a % int64(n)) + int64(n)) % int64(n)) }
