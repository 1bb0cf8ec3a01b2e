package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/driftd/driftd/internal/check"
	"github.com/driftd/driftd/internal/config"
)

// Once driftd has run, check shows which reference is in use, what of the config
// does not fit it, and the arithmetic of its budget.
func TestCheckAfterRun(t *testing.T) {
	live := time.Now().UTC().Truncate(24 * time.Hour).Add(-24 * time.Hour)
	f := newFleet(t, live)
	f.traffic(live.Add(-8*24*time.Hour), 8*24, 0)
	f.run()
	f.await("what was learned", func() bool { return len(f.said) > 0 })
	f.traffic(live, 4, 0)
	f.move(live.Add(4*time.Hour + 10*time.Minute))
	f.await("the fourth window", f.closed("all", live.Add(3*time.Hour)))
	f.inUse("windows of 1h over 8.") // the closed windows have taught

	results := func() []check.Result {
		cfg, err := config.Load(f.config)
		f.must(err)
		return runChecks(context.Background(), cfg)
	}
	expect := func(rs []check.Result, area check.Area, name, subject string, status check.Status, words ...string) {
		t.Helper()
		for _, r := range rs {
			if r.Area != area || r.Name != name || r.Subject != subject || r.Status != status {
				continue
			}
			all := true
			for _, w := range words {
				all = all && strings.Contains(r.Found, w)
			}
			if all {
				return
			}
		}
		var out bytes.Buffer
		f.must(printChecks(&out, &checkReport{Checks: rs}))
		t.Errorf("no %s %s %q that is %s and says %q in\n%s", area, name, subject, status, words, out.String())
	}
	rs := results()
	expect(rs, check.AreaOwnTopics, "fixed", "driftd", check.StatusOK, "panes of 1m and 6 partitions")
	expect(rs, check.AreaReferences, "in_use", acceptModel, check.StatusOK, ", in use since", "windows of 1h over 8.", "provisional")
	expect(rs, check.AreaReferences, "fits", acceptModel, check.StatusOK)
	// Two columns in windows of an hour; all, DE, FR and other: 2 x 4 x 168.
	expect(rs, check.AreaBudget, "tests", acceptModel, check.StatusOK, "2 columns x 4 series x windows of 1h = 1344 tests a week", "alpha 0.00074 for 1h")
	expect(rs, check.AreaBudget, "smallest_shift", acceptModel, check.StatusOK, "2 of 2 columns can be judged", "(200 events)", "effect 0.")
	expect(rs, check.AreaBudget, "fleet", "", check.StatusOK, "at most 1 false pages a week")

	text, err := os.ReadFile(f.config)
	f.must(err)
	changed := strings.Replace(string(text), "{segments: [country], windows: [1h]}", "{segments: [country, device], windows: [1h, 12h]}", 1) +
		fmt.Sprintf("models: {%q: {columns: {z: {importance: .5}, x: {sequential: [adwin, ddm]}}}}\npane: 5m\n", acceptModel)
	f.must(os.WriteFile(f.config, []byte(changed), 0o600))
	rs = results()
	expect(rs, check.AreaReferences, "segments", acceptModel, check.StatusWarning, "segment device is declared")
	expect(rs, check.AreaReferences, "columns", acceptModel, check.StatusWarning, "does not have: z")
	expect(rs, check.AreaReferences, "sequential", acceptModel, check.StatusWarning, "columns.x: ddm takes shares from 0 to 1")
	expect(rs, check.AreaReferences, "windows", acceptModel, check.StatusWarning, "12h were never fitted")
	expect(rs, check.AreaOwnTopics, "fixed", "driftd", check.StatusFailure, "begun with panes of")
}
