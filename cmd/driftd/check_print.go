package main

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/driftd/driftd/internal/check"
)

var checkMarks = map[check.Status]string{check.StatusOK: "✓", check.StatusWarning: "!", check.StatusFailure: "✗", check.StatusSkipped: "-"}

var checkTitles = map[check.Area]string{
	check.AreaConfig: "Config", check.AreaBrokers: "Brokers", check.AreaTopics: "Your topics", check.AreaEvents: "Events", check.AreaOwnTopics: "driftd's own topics",
	check.AreaRights: "Rights in Kafka", check.AreaReferences: "References", check.AreaBudget: "Budget", check.AreaClickHouse: "ClickHouse", check.AreaAlertmanager: "Alertmanager",
	check.AreaLocal: "This machine",
}

// widest column of subjects that still lines up; longer ones push their line.
const widestSubject = 40

// printChecks writes the checks by area, each mend indented under its check.
func printChecks(w io.Writer, r *checkReport) error {
	out := bufio.NewWriter(w)
	var names, subjects int
	for _, x := range r.Checks {
		names = max(names, len(x.Name))
		if n := utf8.RuneCountInString(x.Subject); n <= widestSubject {
			subjects = max(subjects, n)
		}
	}
	var area check.Area
	for _, x := range r.Checks {
		if x.Area != area {
			area = x.Area
			fmt.Fprintf(out, "%s\n", checkTitles[area])
		}
		fmt.Fprintf(out, "  %s %-*s  %-*s  %s\n", checkMarks[x.Status], names, strings.ReplaceAll(x.Name, "_", " "), subjects, x.Subject, x.Found)
		for line := range strings.Lines(x.Mend) {
			fmt.Fprintf(out, "      %s\n", strings.TrimRight(line, "\n"))
		}
	}
	switch {
	case r.Failures > 0:
		fmt.Fprintf(out, "\n%d to mend before `driftd run` works, %d to look at.\n", r.Failures, r.Warnings)
	case r.Warnings > 0:
		fmt.Fprintf(out, "\n`driftd run` would work; %d to look at.\n", r.Warnings)
	default:
		fmt.Fprintf(out, "\n`driftd run` would work.\n")
	}
	return out.Flush()
}
