package deploy

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// grants.sql and users.d/driftd.xml give the same rights: only the file can be
// tried on the server of the e2e tests.
func TestGrantsOfBothFilesAreTheSame(t *testing.T) {
	rights := map[string][]string{} // of roles
	users := map[string][]string{}
	for _, line := range strings.Split(string(read(t, "clickhouse/grants.sql")), "\n") {
		line, _, _ = strings.Cut(line, "--")
		what, whom, ok := strings.Cut(strings.TrimSuffix(strings.TrimSpace(line), ";"), " TO ")
		if !ok || !strings.HasPrefix(what, "GRANT ") {
			continue
		}
		if strings.Contains(what, " ON ") {
			rights[whom] = append(rights[whom], what)
			continue
		}
		for _, role := range strings.Split(strings.TrimPrefix(what, "GRANT "), ", ") {
			users[whom] = append(users[whom], rights[role]...)
		}
	}
	xml := string(read(t, "clickhouse/users.d/driftd.xml"))
	if len(users) != 2 {
		t.Fatalf("grants.sql has the users %v, want driftd and grafana", users)
	}
	for user, want := range users {
		_, block, _ := strings.Cut(xml[strings.Index(xml, "<users>"):], "<"+user+">")
		block, _, _ = strings.Cut(block, "</"+user+">")
		var got []string
		for _, m := range regexp.MustCompile(`<query>([^<]*)</query>`).FindAllStringSubmatch(block, -1) {
			got = append(got, m[1])
		}
		slices.Sort(want)
		slices.Sort(got)
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("rights of %s (-grants.sql +users.d/driftd.xml):\n%s", user, d)
		}
	}
}
