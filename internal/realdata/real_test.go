package realdata

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/driftd/driftd"
)

// The data sets whose truth is known: nothing that changed is missed, nothing else
// is flagged. The anomalies of NAB are no drift, and its series are correlated
// from row to row in windows of 50 rows: bench/real reports them, and only the
// series without anomalies are held here.
func TestRealData(t *testing.T) {
	dir := Dir()
	if dir == "" {
		if os.Getenv("CI") != "" {
			t.Fatal("the data sets are not beside the project")
		}
		t.Log("the data sets are not here: nothing to show")
		return
	}
	sets, err := Sets(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range sets {
		if !s.Known || len(s.Spans) > 0 {
			continue
		}
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			f, err := s.Judge(dir, false)
			if err != nil {
				t.Fatal(err)
			}
			flags := f.Flags()
			t.Logf("%s; %d windows, %d incidents, flags %v", f.Reference, f.Windows, f.Incidents, flags)
			if x := s.Score(flags, true); len(x.Missed) > 0 || x.False > 0 {
				t.Errorf("missed %v, %d false flags", x.Missed, x.False)
			}
			if (f.Incidents > 0) != (s.Drifts != nil) {
				t.Errorf("%d incidents", f.Incidents)
			}
			if len(f.Breaks) > 0 {
				t.Errorf("schema breaks: %s", strings.Join(f.Breaks, "; "))
			}
			if right, known := f.Ranked(); known && !right {
				t.Errorf("ranking of causes: %v", f.Ranking)
			}
			f, err = s.Judge(dir, true)
			if err != nil {
				t.Fatal(err)
			}
			// Before anything has changed pairs are silent; once columns have, so may pairs of them.
			early := slices.DeleteFunc(slices.Clone(f.Flags()[driftd.PairsColumn]), func(i int64) bool { return s.Drifts != nil && i >= s.Before })
			t.Logf("pairs: %v", f.Flags()[driftd.PairsColumn])
			if len(early) > 0 {
				t.Errorf("pairs flag in windows %v, before anything has changed", early)
			}
		})
	}
}
