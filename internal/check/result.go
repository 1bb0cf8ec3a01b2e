package check

import (
	"fmt"
	"strings"
)

// Status is how a check ended.
type Status string

// The statuses. `driftd run` would not work as the config means it where one is
// StatusFailure; a warning is worth a look and keeps nothing from working.
const (
	StatusOK      Status = "ok"
	StatusWarning Status = "warning"
	StatusFailure Status = "failure"
	StatusSkipped Status = "skipped" // not checked: Found says why
)

// Area is what a check is about.
type Area string

// The areas, in the order of their results.
const (
	AreaConfig       Area = "config"
	AreaBrokers      Area = "brokers"
	AreaTopics       Area = "topics"     // the users'
	AreaEvents       Area = "events"     // what the topics hold
	AreaOwnTopics    Area = "own_topics" // driftd's
	AreaRights       Area = "rights"     // in Kafka
	AreaReferences   Area = "references"
	AreaBudget       Area = "budget"
	AreaClickHouse   Area = "clickhouse"
	AreaAlertmanager Area = "alertmanager"
	AreaLocal        Area = "local" // this machine's files and ports
)

// Result is one check. Area and Name are stable names for programs; Subject is
// what was looked at: an address, a topic, a model.
type Result struct {
	Area    Area   `json:"area"`
	Name    string `json:"name"`
	Subject string `json:"subject"`
	Status  Status `json:"status"`
	Found   string `json:"found"`
	Mend    string `json:"mend,omitempty"` // what to do; may have lines
}

// list collects the results of one area.
type list struct {
	area Area
	out  []Result
}

func (l *list) add(status Status, name, subject, found, mend string) {
	l.out = append(l.out, Result{l.area, name, subject, status, found, mend})
}

func (l *list) ok(name, subject, found string, args ...any) {
	l.add(StatusOK, name, subject, fmt.Sprintf(found, args...), "")
}

func (l *list) skip(name, subject, found string, args ...any) {
	l.add(StatusSkipped, name, subject, fmt.Sprintf(found, args...), "")
}

func (l *list) warn(name, subject, found, mend string) {
	l.add(StatusWarning, name, subject, found, mend)
}

func (l *list) fail(name, subject, found, mend string) {
	l.add(StatusFailure, name, subject, found, mend)
}

// judge is fail where bad, else warn.
func (l *list) judge(bad bool, name, subject, found, mend string) {
	if bad {
		l.fail(name, subject, found, mend)
		return
	}
	l.warn(name, subject, found, mend)
}

// Count counts the results of a status.
func Count(rs []Result, s Status) (n int) {
	for i := range rs {
		if rs[i].Status == s {
			n++
		}
	}
	return n
}

// plural is a count with its noun.
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	if strings.HasSuffix(noun, "s") {
		return fmt.Sprintf("%d %s", n, noun)
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// some lists at most n names.
func some(names []string, n int) string {
	if len(names) <= n {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:n], ", "), len(names)-n)
}
