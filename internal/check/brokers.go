package check

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/driftd/driftd/internal/kafka"
)

// Brokers tries each address of the config, step by step, and then those under
// which the brokers say that they can be reached, because driftd reads and writes
// there. reached says that at least one answers.
func Brokers(ctx context.Context, t *Target) (out []Result, reached bool) {
	l := &list{area: AreaBrokers}
	if t.Client == nil {
		l.fail("settings", "", t.ClientErr.Error(), "mend kafka.tls or kafka.sasl")
		return l.out, false
	}
	given := t.Config.Kafka.Brokers
	probes := probe(ctx, t.Client, given)
	for _, p := range probes {
		reached = reached || p.Err == nil
	}
	for i, p := range probes {
		if p.Err == nil {
			l.ok("reachable", given[i], "answers in %v (Kafka %s)", p.Took.Round(time.Millisecond), strings.TrimPrefix(p.Version, "v"))
			continue
		}
		l.judge(!reached, "reachable", given[i], fmt.Sprintf("%s: %v", p.Step, p.Err), mendBroker(t, &p))
	}
	if !reached {
		return l.out, false
	}
	ask, stop := context.WithTimeout(ctx, askWithin)
	defer stop()
	d, err := t.Client.Describe(ask, []string{})
	if err != nil {
		l.fail("cluster", "", err.Error(), "it answers some requests and not those about topics: see the broker's log")
		return l.out, false
	}
	l.ok("cluster", "", "%s", plural(len(d.Brokers), "broker"))
	var more []string
	for _, b := range d.Brokers {
		if !slices.Contains(given, b) {
			more = append(more, b)
		}
	}
	for i, p := range probe(ctx, t.Client, more) {
		if p.Err == nil {
			l.ok("advertised", more[i], "answers in %v", p.Took.Round(time.Millisecond))
			continue
		}
		l.fail("advertised", more[i], fmt.Sprintf("a broker says that it is reached here, and it is not: %s: %v", p.Step, p.Err),
			"partitions that it leads cannot be read: mend the broker's advertised.listeners, or make the name known and the port open on this machine")
	}
	return l.out, true
}

func probe(ctx context.Context, c *kafka.Client, addresses []string) []kafka.Probe {
	out := make([]kafka.Probe, len(addresses))
	var all sync.WaitGroup
	for i, a := range addresses {
		all.Go(func() { out[i] = c.Probe(ctx, a) })
	}
	all.Wait()
	return out
}

// mendBroker says what to do about a broker that cannot be used.
func mendBroker(t *Target, p *kafka.Probe) string {
	secured := t.Config.Kafka.TLS != nil
	var header tls.RecordHeaderError
	var signer x509.UnknownAuthorityError
	var name x509.HostnameError
	switch {
	case p.Step == kafka.StepDNS:
		return "mend the name in kafka.brokers, or this machine's DNS"
	case p.Step == kafka.StepTCP:
		return "check host and port in kafka.brokers, that the broker runs, and that no firewall is between"
	case p.Step == kafka.StepTLS && (errors.As(p.Err, &header) || closed(p.Err) || timedOut(p.Err)):
		return "it does not seem to speak TLS on this port: use its TLS port, or take kafka.tls out"
	case errors.As(p.Err, &signer):
		return "set kafka.tls.ca_file to the certificate of whoever signed the broker's"
	case errors.As(p.Err, &name):
		return "write the broker in kafka.brokers by a name that its certificate has"
	case p.Step == kafka.StepTLS:
		return "check kafka.tls: ca_file signs the broker's certificate, cert_file is one that the broker trusts"
	case p.Step == kafka.StepSASL && (closed(p.Err) || timedOut(p.Err)):
		return "it closes the connection during the login: check kafka.sasl.mechanism, and whether this port wants kafka.tls too"
	case p.Step == kafka.StepSASL:
		return "check kafka.sasl: mechanism, username and password"
	case closed(p.Err) || timedOut(p.Err):
		if secured {
			return "it closes the connection: it may want kafka.sasl"
		}
		return "something listens there and does not answer as Kafka: it may want kafka.tls (`tls: {}` for certificates that this machine trusts) or kafka.sasl"
	}
	return "check that a Kafka broker listens there"
}

func closed(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || strings.Contains(err.Error(), "connection reset")
}

func timedOut(err error) bool {
	var n net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &n) && n.Timeout()
}
