package pipeline

import (
	"testing"
	"time"

	"github.com/driftd/driftd"
)

func TestPace(t *testing.T) {
	set := &Settings{MaxAhead: time.Hour, Sources: []Source{{Topic: "a", Models: []string{"fraud"}}, {Topic: "b", Models: []string{"churn"}}, {Topic: "c"}}}
	hour := int64(time.Hour)
	p := newPace(set, nil)
	a, b := &set.Sources[0], &set.Sources[1]
	if p.tooFar(a, 100*hour) {
		t.Fatal("too far although nobody else is known")
	}
	p.at("a", 0, 100*hour)
	p.at("a", 1, 100*hour-hour)
	if p.tooFar(a, 100*hour) {
		t.Fatal("exactly max_ahead is not too far")
	}
	p.at("a", 1, 98*hour)
	if !p.tooFar(a, 100*hour) || p.tooFar(a, 98*hour) {
		t.Fatal("the fast one must wait, the slow one go on")
	}
	if p.tooFar(b, 500*hour) {
		t.Fatal("a topic of other models holds nobody")
	}
	p.at("c", 0, driftd.MinTime) // may carry any model
	if !p.tooFar(b, 500*hour) || p.tooFar(&set.Sources[2], driftd.MinTime) {
		t.Fatal("a partition without frontier is the slowest, and itself goes on")
	}
	p.at("c", 0, 600*hour)
	p.leave("a", 1)
	if !p.tooFar(a, 100*hour) {
		t.Fatal("what another process owns still counts")
	}
}
