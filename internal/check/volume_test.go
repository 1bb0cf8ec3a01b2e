package check

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/internal/wire"
)

// The estimate of a profile's size is within a third of what is written, for
// numeric columns of 64 bins whose values are spread over them.
func TestProfileBytes(t *testing.T) {
	const columns = 100
	l := &driftd.Layout{Model: "m"}
	for c := range columns {
		lc := driftd.ColumnLayout{Name: fmt.Sprint("f", c), Kind: driftd.Numeric}
		for b := range 64 {
			lc.Upper = append(lc.Upper, float64(b+1))
		}
		l.Columns = append(l.Columns, lc)
	}
	if err := l.Compile(); err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{1, 4, 16, 64, 1000} {
		p := driftd.NewProfile(l)
		for i := range n {
			values := make([]driftd.Value, columns)
			for c := range values {
				l.Columns[c].Number(64*rng.Float64(), &values[c])
			}
			p.Add([2]bool{true, false}, values, uint64(i))
		}
		b, err := proto.Marshal(wire.ProfileToWire(p))
		if err != nil {
			t.Fatal(err)
		}
		// One partition with one pane a second of n events.
		got := profileRate(float64(n), 1, 1, columns, time.Second)
		if ratio := got / float64(len(b)); ratio < 2./3 || ratio > 1.5 {
			t.Errorf("%d events: %d bytes, estimated %.0f", n, len(b), got)
		}
	}
}
