package config

import (
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
)

func (f *file) sinks(v at, s *Sinks) {
	o := f.object(v)
	if x, ok := o["clickhouse"]; ok {
		s.ClickHouse = &ClickHouse{Database: "driftd", Username: "default"}
		f.clickhouse(x, s.ClickHouse)
	}
	if x, ok := o["file"]; ok {
		if p, has := f.object(x)["path"]; has {
			f.text(p, &s.File)
		} else {
			f.bad(x.node, "%s.path is missing; name the file, as in `%s`", x.path, example(x.key))
		}
	}
	if x, ok := o["prometheus"]; ok {
		p := f.object(x)
		if y, ok := p["all_columns"]; ok {
			f.boolean(y, &s.Prometheus.AllColumns)
		}
		if y, ok := p["max_series"]; ok {
			f.whole(y, &s.Prometheus.MaxSeries, 1, 10_000_000, "a whole number above 0; write max_series: 10000")
		}
	}
}

func (f *file) clickhouse(v at, c *ClickHouse) {
	o := f.object(v)
	if x, ok := o["addresses"]; ok {
		f.each(x, &c.Addresses, isHostPort, "a host:port; write it as host:9000")
	}
	if x, ok := o["addresses"]; !ok || isNull(x.node) || isEmpty(x.node) {
		f.bad(v.node, "%s.addresses is missing; name at least one, as in `addresses: [host:9000]`", v.path)
	}
	if x, ok := o["database"]; ok {
		f.text(x, &c.Database)
	}
	if x, ok := o["username"]; ok {
		f.text(x, &c.Username)
	}
	if x, ok := o["tls"]; ok {
		f.boolean(x, &c.TLS)
	}
	f.secret(o, &c.Password)
}

func (f *file) alerts(v at, a *Alerts) {
	o := f.object(v)
	if x, ok := o["alertmanagers"]; ok {
		f.alertmanagers(x, a)
	}
	if x, ok := o["page_max_age"]; ok {
		f.duration(x, &a.PageMaxAge, time.Minute, 365*day)
	}
	if x, ok := o["grafana"]; ok {
		f.fits(x, &a.Grafana, isURL, "an http URL without user and query; write it as https://grafana.example")
	}
	if x, ok := o["runbooks"]; ok {
		f.fits(x, &a.Runbooks, isURL, "an http URL without user and query; write it as https://wiki.example/runbooks")
	}
	if x, ok := o["interval"]; ok {
		f.duration(x, &a.Interval, time.Second, 4*time.Minute)
	}
}

// alertmanagers is a list of URLs, and of mappings where one wants more.
func (f *file) alertmanagers(v at, a *Alerts) {
	for _, x := range f.list(v, "a list; write it as `"+example("alerts")+"`") {
		url, access := x, (*Access)(nil)
		if _, isMap := x.node.(*ast.MappingNode); isMap {
			access = &Access{}
			var ok bool
			if url, ok = f.alertmanager(x, access); !ok {
				f.bad(x.node, "%s.url is missing; name the Alertmanager, as in http://host:9093", x.path)
				continue
			}
		}
		if text, _ := f.raw(url); strings.Contains(text, "@") { // not shown: it may have a password
			f.bad(url.node, "%s has a user in its URL; use {url: .., username: .., password_file: ..}", url.path)
			continue
		}
		var s string
		f.fits(url, &s, isURL, "an http URL without user and query; write it as http://host:9093")
		switch {
		case s == "":
			continue
		case slices.Contains(a.Alertmanagers, s):
			f.bad(x.node, "%s: %q is in the list twice; keep one of them", x.path, s)
			continue
		}
		a.Alertmanagers = append(a.Alertmanagers, s)
		if access == nil || *access == (Access{}) {
			continue
		}
		if access.CAFile != "" && !strings.HasPrefix(s, "https:") {
			f.bad(x.node, "%s: ca_file needs an https URL; %q has no certificate to check", x.path, s)
		}
		if a.Access == nil {
			a.Access = map[string]*Access{}
		}
		a.Access[s] = access
	}
}

// alertmanager is one that wants more than its URL, which it gives.
func (f *file) alertmanager(v at, a *Access) (url at, ok bool) {
	o := f.object(v)
	_, user := o["username"]
	_, file := o["password_file"]
	_, env := o["password_env"]
	if user {
		f.text(o["username"], &a.Username)
	}
	f.secret(o, &a.Password)
	switch password := file || env; {
	case user && !password:
		f.bad(v.node, "%s has no password: set password_file or password_env", v.path)
	case password && !user:
		f.bad(v.node, "%s has a password and no username; set it", v.path)
	}
	if x, has := o["ca_file"]; has {
		f.text(x, &a.CAFile)
	}
	url, ok = o["url"]
	return url, ok
}

func (f *file) http(v at, h *HTTP) {
	o := f.object(v)
	if x, ok := o["listen"]; ok {
		f.fits(x, &h.Listen, isListen, `a host:port; write it as ":9110" or "127.0.0.1:9110"`)
	}
	if x, ok := o["web_config_file"]; ok {
		f.text(x, &h.WebConfigFile)
	}
}

func (f *file) start(v at, s *Start) {
	word, ok := f.raw(v)
	switch d, isDuration := parseDuration(word); {
	case ok && word == "earliest":
		s.Earliest, s.Back = true, 0
	case ok && word == "latest":
		s.Latest, s.Back = true, 0
	case ok && isDuration:
		s.Back = d
	default:
		f.wrong(v, "earliest, latest or a duration; write start: latest, or start: 2d")
	}
}

func (f *file) roles(v at, to *[]string) {
	all := *to
	var given []string
	f.each(v, &given, func(s string) bool { return slices.Contains(all, s) }, "a role; roles are profile, detect and write")
	if isNull(v.node) || isEmpty(v.node) {
		f.bad(v.node, "%s: the list is empty; name some of profile, detect and write, or remove the key for all of them", v.path)
		return
	}
	if len(given) > 0 {
		*to = given
	}
}
