package config

import (
	"cmp"
	"slices"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// Parse reads and checks the text of a file; name is what mistakes call it. The error is an *Error.
func Parse(name string, b []byte) (*Config, error) {
	f := newFile(name)
	c := Default()
	if top, ok := f.open(b); ok {
		f.config(top, c)
	}
	if len(f.mistakes) > 0 {
		slices.SortStableFunc(f.mistakes, func(a, b Mistake) int { return cmp.Compare(a.Line, b.Line) })
		return nil, &Error{f.mistakes}
	}
	c.hash = c.hashed()
	return c, nil
}

func (f *file) config(top at, c *Config) {
	o := f.object(top)
	if v, ok := o["kafka"]; ok {
		f.kafka(v, &c.Kafka)
	}
	if v, ok := o["sources"]; ok {
		f.sources(v, c)
		if _, also := o["kafka"]; !also {
			f.bad(v.node, "kafka is missing: sources need brokers, as in `kafka: {brokers: [host:9092]}`")
		}
	} else if v, ok := o["kafka"]; ok {
		f.bad(v.node, "sources is missing: name at least one topic, as in `sources: [{topic: predictions}]`")
	}
	if v, ok := o["pane"]; ok {
		f.pane(v, &c.Pane)
	}
	if v, ok := o["defaults"]; ok {
		f.model(v, &c.Defaults, c.Pane)
	}
	if v, ok := o["models"]; ok {
		f.models(v, c)
	}
	if v, ok := o["sinks"]; ok {
		f.sinks(v, &c.Sinks)
	}
	if v, ok := o["alerts"]; ok {
		f.alerts(v, &c.Alerts)
	}
	if v, ok := o["http"]; ok {
		f.http(v, &c.HTTP)
	}
	c.Start.Round = c.longest()
	c.Start.Back = 2 * c.Start.Round
	if v, ok := o["start"]; ok {
		f.start(v, &c.Start)
	}
	if v, ok := o["roles"]; ok {
		f.roles(v, &c.Roles)
	}
}

func (f *file) pane(v at, to *time.Duration) {
	d := *to
	f.duration(v, &d, time.Second, time.Hour)
	if d%time.Second != 0 || time.Hour%d != 0 {
		f.wrong(v, "a divisor of an hour in whole seconds; choose 30s, 1m or 5m")
		return
	}
	*to = d
}

func (f *file) kafka(v at, k *Kafka) {
	o := f.object(v)
	if x, ok := o["brokers"]; ok {
		f.each(x, &k.Brokers, isHostPort, "a host:port; write it as host:9092")
	}
	if x, ok := o["brokers"]; !ok || isNull(x.node) || isEmpty(x.node) {
		f.bad(v.node, "kafka.brokers is missing: name at least one, as in `brokers: [host:9092]`")
	}
	if x, ok := o["topic_prefix"]; ok {
		f.fits(x, &k.TopicPrefix, func(s string) bool { return isTopic(s) && len(s) <= 200 }, "a name for topics; use letters, digits, dots, - and _, at most 200")
	}
	if x, ok := o["partitions"]; ok {
		f.whole(x, &k.Partitions, 1, 1000, "a whole number from 1 to 1000; write partitions: 6")
	}
	if x, ok := o["replication"]; ok {
		f.whole(x, &k.Replication, -1, 100, "a number of replicas; write 3, or -1 for the brokers' default")
		if k.Replication == 0 {
			f.wrong(x, "a number of replicas; write 3, or -1 for the brokers' default")
		}
	}
	if x, ok := o["tls"]; ok {
		k.TLS = &TLS{}
		f.tls(x, k.TLS)
	}
	if x, ok := o["sasl"]; ok {
		k.SASL = &SASL{}
		f.sasl(x, k.SASL)
	}
}

func (f *file) tls(v at, t *TLS) {
	o := f.object(v)
	for name, to := range map[string]*string{"ca_file": &t.CAFile, "cert_file": &t.CertFile, "key_file": &t.KeyFile} {
		if x, ok := o[name]; ok {
			f.text(x, to)
		}
	}
	_, cert := o["cert_file"]
	if _, key := o["key_file"]; cert != key {
		f.bad(v.node, "%s: cert_file and key_file belong together; give both or neither", v.path)
	}
}

func (f *file) sasl(v at, s *SASL) {
	o := f.object(v)
	if x, ok := o["mechanism"]; ok {
		f.oneOf(x, &s.Mechanism, "plain", "scram-sha-256", "scram-sha-512")
	} else {
		f.bad(v.node, "%s.mechanism is missing; set plain, scram-sha-256 or scram-sha-512", v.path)
	}
	if x, ok := o["username"]; ok {
		f.text(x, &s.Username)
	} else {
		f.bad(v.node, "%s.username is missing; set it", v.path)
	}
	f.secret(o, &s.Password)
	_, file := o["password_file"]
	if _, env := o["password_env"]; !file && !env {
		f.bad(v.node, "%s has no password: set password_file or password_env", v.path)
	}
}

func (f *file) secret(o map[string]at, s *Secret) {
	file, hasFile := o["password_file"]
	env, hasEnv := o["password_env"]
	if hasFile {
		f.text(file, &s.File)
	}
	if hasEnv {
		f.text(env, &s.Env)
	}
	if hasFile && hasEnv {
		f.bad(env.node, "%s: password_file is set too; keep one of them", env.path)
	}
}

func isEmpty(n ast.Node) bool {
	s, ok := n.(*ast.SequenceNode)
	return ok && len(s.Values) == 0
}
