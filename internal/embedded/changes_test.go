package embedded

import (
	"math"
	"testing"
	"time"
)

// Each change has its size while it lasts, and nothing else moves.
func TestChanges(t *testing.T) {
	g := New(6, LiveStart)
	changes := g.Changes()
	if len(changes) != 5 {
		t.Fatalf("%d changes", len(changes))
	}
	for i, c := range changes {
		if i > 0 && c.At.Before(changes[i-1].At) {
			t.Error("changes are not in order of time")
		}
		if c.At.Before(LiveStart) || !c.At.Before(LiveStart.Add(LiveSpan)) || c.Until.After(LiveStart.Add(LiveSpan)) {
			t.Errorf("%s: outside the live span", c.Text)
		}
		until := c.At.Add(10 * time.Hour)
		if !c.Until.IsZero() && c.Until.Before(until) {
			until = c.Until
		}
		keep := func(n *native) bool {
			return c.Segment == "all" || "country="+n.Tags["country"] == c.Segment
		}
		was, lw := gather(t, c.Model, c.At, until, false, keep)
		is, li := gather(t, c.Model, c.At, until, true, keep)
		if lw[c.Model] != li[c.Model] {
			t.Errorf("%s: %v events instead of %v", c.Text, li[c.Model], lw[c.Model])
		}
		moved := func(k string) float64 {
			a, sd, _ := was.mean(k)
			b, _, _ := is.mean(k)
			return (b - a) / sd
		}
		near := func(what string, got, want, tol float64) {
			t.Helper()
			if math.Abs(got-want) > tol {
				t.Errorf("%s: %s %.3f, want %.3f", c.Text, what, got, want)
			}
		}
		n := li[c.Model]
		switch c.Kind {
		case KindShift:
			near("shift", moved("fraud amount"), amountShift, .02)
			near("score", moved("fraud score"), .42, .15)
		case KindNulls:
			near("nulls", li["churn age <nil>"]/n, agesNullBurst, .02)
			near("score", moved("churn score"), 0, 0)
		case KindWobble:
			near("shift", moved("churn monthly_fee"), feeWobble, .004)
		case KindNewVersion:
			near("shift", moved("ranking score"), -scoreShift, .03)
			near("version 8", li["ranking version 8"]/n, 1, 0)
		case KindNewCategory:
			near("share", li["fraud merchant_type crypto"]/n, cryptoShare, .012)
			near("score", moved("fraud score"), 0, .03)
			near("amount", moved("fraud amount"), 0, 0)
		}
		// Another segment, and the time before, are untouched.
		before, _ := gather(t, c.Model, c.At.Add(-time.Hour), c.At, true, keep)
		clean, _ := gather(t, c.Model, c.At.Add(-time.Hour), c.At, false, keep)
		for k := range before {
			if *before[k] != *clean[k] && !othersAt(changes, c) {
				t.Errorf("%s: %s moved before its time", c.Text, k)
			}
		}
	}
}

// othersAt says whether another change of the model is in force just before c.
func othersAt(all []Change, c Change) bool {
	for _, o := range all {
		if o.Model == c.Model && o.At.Before(c.At) && (o.Until.IsZero() || !o.Until.Before(c.At)) {
			return true
		}
	}
	return false
}
