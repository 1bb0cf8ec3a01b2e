package alerts

import (
	"strings"
	"testing"

	"github.com/driftd/driftd"
)

func TestBeside(t *testing.T) {
	var b strings.Builder
	in := []driftd.IncidentColumn{{Column: "amount"}}
	beside(&b, in, []string{"amount"})
	if b.Len() != 0 {
		t.Errorf("only the incident's own column is listed: %q", b.String())
	}
	beside(&b, in, []string{"amount", "age", "score", "a", "b", "c", "d"})
	if want := " Less surely: age, score, a, b, c, 1 more."; b.String() != want {
		t.Errorf("%q, want %q", b.String(), want)
	}
}
