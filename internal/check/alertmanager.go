package check

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/driftd/driftd/internal/config"
)

// Clock skew against an Alertmanager. Alerts carry startsAt, and those that end
// are dated by our clock.
const (
	someSkew = 30 * time.Second
	muchSkew = 2 * time.Minute
)

// leastAlertmanager is the first version whose inhibition and API are as tested.
var leastAlertmanager = [2]int{0, 22}

// Alertmanagers asks each of the config how it is. One that is down keeps driftd
// from telling it; the others are told all the same.
func Alertmanagers(ctx context.Context, t *Target) []Result {
	l := &list{area: AreaAlertmanager}
	urls := t.Config.Alerts.Alertmanagers
	if len(urls) == 0 {
		l.skip("reachable", "", "config has none: incidents are in driftd.results and the metrics alone")
		return l.out
	}
	if !t.Config.HasRole(config.RoleDetect) {
		l.skip("reachable", "", "not checked: this process has not the role detect")
		return l.out
	}
	each := make([]*list, len(urls))
	var all sync.WaitGroup
	for i, u := range urls {
		each[i] = &list{area: AreaAlertmanager}
		all.Go(func() { t.alertmanager(ctx, each[i], u) })
	}
	all.Wait()
	reached := false
	for _, x := range each {
		reached = reached || x.out[0].Status == StatusOK
	}
	for _, x := range each {
		if reached && x.out[0].Status == StatusFailure {
			x.out[0].Status = StatusWarning // another one tells people
		}
		l.out = append(l.out, x.out...)
	}
	return l.out
}

// alertmanagerStatus is what is used of GET /api/v2/status.
type alertmanagerStatus struct {
	Cluster struct {
		Status string            `json:"status"`
		Peers  []json.RawMessage `json:"peers"`
	} `json:"cluster"`
	VersionInfo struct {
		Version string `json:"version"`
	} `json:"versionInfo"`
}

func (t *Target) alertmanager(ctx context.Context, l *list, base string) {
	base = strings.TrimSuffix(base, "/")
	body, header, took, err := t.get(ctx, base+"/api/v2/status")
	if err != nil {
		l.fail("reachable", base, err.Error(), mendHTTP(err))
		return
	}
	var s alertmanagerStatus
	if err := json.Unmarshal(body, &s); err != nil || s.VersionInfo.Version == "" {
		l.fail("reachable", base, "it answers, but /api/v2/status is not that of an Alertmanager", "check alerts.alertmanagers: the port is 9093 by default, and the path of a proxy belongs in the URL")
		return
	}
	l.ok("reachable", base, "Alertmanager %s takes the v2 API", s.VersionInfo.Version)
	if v, ok := version(s.VersionInfo.Version); ok && (v[0] < leastAlertmanager[0] || v[0] == leastAlertmanager[0] && v[1] < leastAlertmanager[1]) {
		l.warn("version", base, "Alertmanager "+s.VersionInfo.Version+" is older than what driftd is tested with", "update it to 0.22 or newer")
	}
	if _, _, _, err := t.get(ctx, base+"/-/ready"); err != nil {
		l.warn("ready", base, err.Error(), "see its log: it takes alerts and may not send them yet")
	} else {
		l.ok("ready", base, "ready")
	}
	switch s.Cluster.Status {
	case "ready":
		l.ok("cluster", base, "%s", plural(len(s.Cluster.Peers), "peer"))
	case "", "disabled":
		l.ok("cluster", base, "alone")
	default:
		l.warn("cluster", base, "its cluster is "+s.Cluster.Status, "its peers cannot be reached yet: people may be told twice")
	}
	t.skew(l, base, header.Get("Date"), took)
}

// skew compares the clocks. Date is cut to seconds, and written while we waited.
func (t *Target) skew(l *list, base, date string, took time.Duration) {
	theirs, err := http.ParseTime(date)
	if err != nil {
		l.skip("clock", base, "not checked: its answers have no Date")
		return
	}
	ahead := theirs.Add(500 * time.Millisecond).Sub(t.now().Add(-took / 2))
	found := fmt.Sprintf("its clock is %s %s ours", ahead.Abs().Round(time.Second), map[bool]string{true: "ahead of", false: "behind"}[ahead > 0])
	switch {
	case ahead.Abs() > muchSkew:
		l.fail("clock", base, found, "synchronise both clocks (NTP): alerts would begin and end at wrong times")
	case ahead.Abs() > someSkew:
		l.warn("clock", base, found, "synchronise both clocks (NTP)")
	default:
		l.ok("clock", base, "agrees with ours")
	}
}

// httpError is an answer other than 200.
type httpError struct {
	code int
	text string
}

func (e *httpError) Error() string { return e.text }

func (t *Target) get(ctx context.Context, url string) (body []byte, header http.Header, took time.Duration, err error) {
	ctx, stop := context.WithTimeout(ctx, askWithin)
	defer stop()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, nil, 0, err
	}
	req.Header.Set("User-Agent", "driftd")
	began := time.Now()
	resp, err := cmp.Or(t.HTTP, http.DefaultClient).Do(req)
	if err != nil {
		return nil, nil, 0, err
	}
	defer resp.Body.Close()
	took = time.Since(began)
	if body, err = io.ReadAll(io.LimitReader(resp.Body, 1<<20)); err != nil {
		return nil, nil, 0, fmt.Errorf("GET %s: read the answer: %w", url, err)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, nil, 0, &httpError{resp.StatusCode, fmt.Sprintf("GET %s: %s: %.200s", url, resp.Status, strings.TrimSpace(string(body)))}
	}
	return body, resp.Header, took, nil
}

func mendHTTP(err error) string {
	var answer *httpError
	var dns *net.DNSError
	switch {
	case errors.As(err, &answer) && (answer.code == http.StatusUnauthorized || answer.code == http.StatusForbidden):
		return "it wants a login, which driftd does not send: let driftd's address in, or put a proxy between that adds it"
	case errors.As(err, &answer) && answer.code == http.StatusNotFound:
		return "check alerts.alertmanagers: the path of a proxy belongs in the URL; Alertmanager has the v2 API from 0.16 on"
	case errors.As(err, &answer):
		return "see its log"
	case errors.As(err, &dns):
		return "mend the name in alerts.alertmanagers, or this machine's DNS"
	}
	return "check that Alertmanager runs and that host and port in alerts.alertmanagers are right; until it answers its incidents are sent again and again"
}

// version reads the first two numbers of a version.
func version(s string) (v [2]int, ok bool) {
	parts := strings.SplitN(strings.TrimPrefix(s, "v"), ".", 3)
	if len(parts) < 2 {
		return v, false
	}
	var err [2]error
	v[0], err[0] = strconv.Atoi(parts[0])
	v[1], err[1] = strconv.Atoi(parts[1])
	return v, errors.Join(err[:]...) == nil
}

func (t *Target) now() time.Time {
	if t.Now == nil {
		return time.Now()
	}
	return t.Now()
}
