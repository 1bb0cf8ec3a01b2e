package kafka

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kversion"
)

// The steps of reaching a broker, in their order.
const (
	StepDNS  = "DNS"  // its name has an address
	StepTCP  = "TCP"  // something listens there
	StepTLS  = "TLS"  // it speaks TLS, and its certificate is trusted
	StepSASL = "SASL" // it accepts the name and password
	StepAPI  = "API"  // it speaks Kafka
)

// Probe is what Client.Probe found out about one address.
type Probe struct {
	Step    string // that failed; "" when the broker answers
	Err     error  // why
	Version string // guessed from the requests that the broker knows, as "v3.9"
	Took    time.Duration
}

// Probe tries to reach one broker, once, on connections of its own, and says at
// which step that fails. ctx bounds it; each step has at most five seconds.
func (c *Client) Probe(ctx context.Context, address string) Probe {
	began := time.Now()
	fail := func(step string, err error) Probe {
		return Probe{Step: step, Err: err, Took: time.Since(began)}
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fail(StepDNS, err)
	}
	within := func() (context.Context, context.CancelFunc) { return context.WithTimeout(ctx, dialTimeout) }
	dns, stop := within()
	defer stop()
	if net.ParseIP(host) == nil && host != "" { // the dialer reads ":9092" as this machine
		if _, err := net.DefaultResolver.LookupHost(dns, host); err != nil {
			return fail(StepDNS, err)
		}
	}
	dial, stop := within()
	defer stop()
	conn, err := (&net.Dialer{}).DialContext(dial, "tcp", address)
	if err != nil {
		return fail(StepTCP, err)
	}
	defer conn.Close()
	if c.cfg.TLS != nil {
		own := c.cfg.TLS.Clone()
		if own.ServerName == "" {
			own.ServerName = host
		}
		shake, stop := within()
		defer stop()
		if err := tls.Client(conn, own).HandshakeContext(shake); err != nil {
			return fail(StepTLS, err)
		}
	}
	ask, stop := within()
	defer stop()
	versions, err := c.apiVersions(ask, address)
	if err != nil {
		step := StepAPI
		if c.cfg.SASL != nil { // the dialer does it before the first request
			step = StepSASL
		}
		return fail(step, err)
	}
	return Probe{Version: guess(versions), Took: time.Since(began)}
}

// apiVersions dials with TLS and SASL as everything else here does, and asks
// which requests the broker knows.
func (c *Client) apiVersions(ctx context.Context, address string) ([]kafkago.ApiVersion, error) {
	conn, err := c.dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return nil, err
		}
	}
	versions, err := conn.ApiVersions()
	if err != nil {
		return nil, fmt.Errorf("ask for the versions of its API: %w", err)
	}
	return versions, nil
}

func guess(versions []kafkago.ApiVersion) string {
	var v kversion.Versions
	for _, x := range versions {
		v.SetMaxKeyVersion(x.ApiKey, x.MaxVersion)
	}
	return v.VersionGuess()
}
