package stream

import "math"

// Mode is the side on which PageHinkley looks.
type Mode int

// The modes.
const (
	Both Mode = iota
	Up
	Down
)

// PageHinkley sums what the values are above (below) their running mean (Page,
// Continuous inspection schemes, 1954; in this form Hinkley, Inference about the
// change-point from cumulative sum tests, 1971):
//
//	up_t   = alpha up_{t-1} + x_t - mean_t - delta,   drift: up_t - min up > threshold
//	down_t = alpha down_{t-1} + x_t - mean_t + delta, drift: max down - down_t > threshold
//
// mean_t is of all values up to x_t itself. River differs from the papers in the
// factor alpha, and in max down, which begins at -1 and not below all numbers:
// down_t has to come above -1 before it counts from there. So does this.
type PageHinkley struct {
	MinInstances int     // no drift before so many values
	Delta        float64 // change that is let pass, in units of the values
	Threshold    float64
	Alpha        float64 // in (0, 1]: how much of the sums is kept
	Mode         Mode

	mean         mean
	up, least    float64
	down, most   float64
	begun, drift bool
	level
}

func (p *PageHinkley) reset() {
	p.mean, p.up, p.down, p.least, p.most, p.begun, p.level = mean{}, 0, 0, math.Inf(1), -1, true, level{}
}

// Update takes any number; there is no warning. Level is the greater of the
// sides' sums, and the threshold.
func (p *PageHinkley) Update(x float64) (drift, warning bool) {
	if !usable(x) {
		return false, false
	}
	if p.drift || !p.begun {
		p.reset()
	}
	p.mean.add(x)
	dev := x - p.mean.m
	p.up = float64(p.Alpha*p.up) + dev - p.Delta
	p.down = float64(p.Alpha*p.down) + dev + p.Delta
	p.least, p.most = math.Min(p.least, p.up), math.Max(p.most, p.down)
	p.drift = false
	if p.mean.n >= float64(p.MinInstances) {
		d := math.Inf(-1)
		if p.Mode != Down {
			d = p.up - p.least
		}
		if p.Mode != Up {
			d = math.Max(d, p.most-p.down)
		}
		p.drift = d > p.Threshold
		p.compare(d, p.Threshold)
	}
	return p.drift, false
}

// Seen is how many values there were since it began, or began anew.
func (p *PageHinkley) Seen() int { return int(p.mean.n) }

// AppendState implements Detector.
func (p *PageHinkley) AppendState(b []byte) []byte {
	w := newWriter(b)
	w.boolean(p.begun)
	w.boolean(p.drift)
	if p.begun {
		w.mean(p.mean)
		w.float(p.up, p.least, p.down, p.most)
	}
	w.level(p.level)
	return w.b
}

// ReadState implements Detector.
func (p *PageHinkley) ReadState(b []byte) error {
	n, r := *p, newReader(b)
	n.begun, n.drift = r.boolean(), r.boolean()
	if n.begun {
		n.mean = r.mean(-MaxValue, MaxValue)
		n.up, n.least, n.down, n.most = r.float(), r.float(), r.float(), r.float()
	}
	n.level = r.level()
	if err := r.done("page_hinkley"); err != nil {
		return err
	}
	*p = n
	return nil
}
