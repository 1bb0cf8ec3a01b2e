package pipeline

import "time"

// clockTrail remembers what the pipeline's clock (which tests and the demo
// bring along) said at a few moments of the machine's.
type clockTrail struct {
	moments []moment
}

type moment struct {
	machine time.Time
	clock   int64 // ns
}

const maxMoments = 64

func (c *clockTrail) note(clock time.Time) {
	if len(c.moments) == maxMoments {
		c.moments = append(c.moments[:0], c.moments[maxMoments/2:]...)
	}
	c.moments = append(c.moments, moment{time.Now(), clock.UnixNano()})
}

// at is what the clock said at the last noted moment up to a machine time.
func (c *clockTrail) at(machine time.Time) (clock int64, known bool) {
	for i := len(c.moments) - 1; i >= 0; i-- {
		if m := c.moments[i]; !m.machine.After(machine) {
			return m.clock, true
		}
	}
	return 0, false
}
