package kafka

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/sasl"
)

const (
	dialTimeout    = 5 * time.Second
	requestTimeout = 10 * time.Second // of one attempt of one request, beyond what the broker was asked to wait
)

// Config says where the cluster is and how to be let in.
type Config struct {
	Brokers  []string       // host:port; at least one
	ClientID string         // shown in the brokers' logs and quotas; "driftd" when empty
	TLS      *tls.Config    // nil: plain text; see TLSConfig
	SASL     sasl.Mechanism // nil: none; see SASL

	// Dial opens a connection to a broker, TLS not included; nil: net.Dialer's.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	// OnRetry, when set, hears of every failed attempt that is going to be
	// repeated. op is one of "fetch", "produce", "commit", "offsets",
	// "metadata": a closed set, fit for a metric's label. It is called from many
	// goroutines and must not block.
	OnRetry func(op string, err error)
}

// Client is a connection to one Kafka cluster. All its methods may be used from
// many goroutines. Every request has a deadline of its own; the context given
// bounds the whole call.
type Client struct {
	cfg       Config
	addr      net.Addr
	transport *kafkago.Transport
	dialer    *kafkago.Dialer
	admin     *kafkago.Client
	ctx       context.Context // ends with Close
	cancel    context.CancelFunc
	leaders   leaderCache
}

// New checks the configuration. It does not connect: the first call does.
func New(cfg Config) (*Client, error) {
	if len(cfg.Brokers) == 0 {
		return nil, errors.New("kafka: no brokers are configured: name at least one host:port")
	}
	for _, b := range cfg.Brokers {
		if _, _, err := net.SplitHostPort(b); err != nil {
			return nil, fmt.Errorf("kafka: broker %q is not host:port: %w", b, err)
		}
	}
	if cfg.ClientID == "" {
		cfg.ClientID = "driftd"
	}
	if cfg.OnRetry == nil {
		cfg.OnRetry = func(string, error) {}
	}
	if cfg.Dial == nil {
		cfg.Dial = (&net.Dialer{Timeout: dialTimeout}).DialContext
	}
	ctx, cancel := context.WithCancel(context.Background())
	c := &Client{cfg: cfg, addr: kafkago.TCP(cfg.Brokers...), ctx: ctx, cancel: cancel}
	c.transport = &kafkago.Transport{
		Dial:        cfg.Dial,
		DialTimeout: dialTimeout,
		ClientID:    cfg.ClientID,
		TLS:         cfg.TLS,
		SASL:        cfg.SASL,
		Context:     ctx,
	}
	c.dialer = &kafkago.Dialer{
		DialFunc:      cfg.Dial,
		ClientID:      cfg.ClientID,
		Timeout:       dialTimeout,
		TLS:           cfg.TLS,
		SASLMechanism: cfg.SASL,
	}
	c.admin = &kafkago.Client{Addr: c.addr, Timeout: 3 * requestTimeout, Transport: c.transport}
	return c, nil
}

// Close drops the connections. Later calls fail; end those that are under way by
// their contexts.
func (c *Client) Close() {
	c.cancel()
	c.transport.CloseIdleConnections()
}

// Brokers are the addresses that the client was configured with.
func (c *Client) Brokers() []string { return c.cfg.Brokers }

// Transport is the connection pool, with TLS and SASL set.
func (c *Client) Transport() *kafkago.Transport { return c.transport }

// Dialer makes single connections, with TLS and SASL set. The group loop needs
// one; nobody else should.
func (c *Client) Dialer() *kafkago.Dialer { return c.dialer }

// roundTrip sends one request once.
func (c *Client) roundTrip(ctx context.Context, timeout time.Duration, req protocol.Message) (protocol.Message, error) {
	if c.ctx.Err() != nil {
		return nil, errClosed // the Transport would wait for a connection that never comes
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return c.transport.RoundTrip(ctx, c.addr, req)
}
